//! Where every request comes in: judged as a message, then sent to the portal or to the data plane by its host.

use super::{
    body::{Content, Outgoing},
    metrics::{Answerer, Metrics},
    tls::Entry,
};
use crate::{
    domain::target::{Allowed, Authority, CanonicalPath, Host},
    edge::{
        http::{
            client::{self, TrustedProxies},
            forwarded,
            page::Brand,
            refusal::Refusal,
            request::{ClientAddress, RequestId, RequestIds, is_never_served},
        },
        proxy::{
            Arrival, Proxy, Reply,
            answer::{self, Refused},
            body::RequestBody,
            kind,
        },
        wire,
    },
    ports::upstream::Upstream,
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt as _;

/// Longest target over HTTP/2, in bytes; over HTTP/1 the wire guard sees to it (FR-23).
const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Most fields over HTTP/2.
const FIELDS_MAX: usize = 100;

/// How long a page of the portal may take: slow hashes and slow stores included.
const PAGE_MAX: Duration = Duration::from_secs(30);

/// What is known about a connection.
pub struct Facts {
    /// Who opened it.
    pub peer: IpAddr,
    /// The certificate it was opened with.
    pub certificate: Arc<Entry>,
    /// The guard of an HTTP/1 connection.
    pub guard: Option<Arc<wire::Connection>>,
    /// What its last request was forwarded with.
    pub last: forwarded::Last,
    /// What it takes of the room for connections; a WebSocket keeps it.
    pub place: Arc<OwnedSemaphorePermit>,
}

/// One core's way in, for as long as the settings are what they are.
pub struct Front<U> {
    /// Requests to app hosts.
    pub proxy: Proxy<U>,
    /// Requests to the portal.
    pub portal: axum::Router,
    /// The portal's host.
    pub portal_host: Host,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted: TrustedProxies,
    /// Whose front door this is.
    pub brand: Arc<Brand>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Names for requests.
    pub ids: Arc<RequestIds>,
    /// How long open connections may take once the gateway is told to stop.
    pub drain: Duration,
}

/// A request that never became one of an app or the portal.
struct Turned<'a> {
    refusal: Refusal<'a>,
    status: StatusCode,
}

impl<'a> Turned<'a> {
    fn away(refusal: Refusal<'a>) -> Self {
        Self { status: refusal.status(), refusal }
    }
}

impl<U: Upstream<RequestBody>> Front<U> {
    /// Serves one request.
    pub async fn serve(&self, facts: &Facts, request: Request<Incoming>) -> Response<Outgoing<U::Body>> {
        let id = self.ids.next();
        let version = request.version();
        let ticket = match facts.guard.as_ref().map(wire::Connection::next_request).transpose() {
            Ok(ticket) => ticket,
            Err(refused) => {
                self.metrics.refused.inc();
                tracing::info!(request.id = %id, client = %facts.peer, why = refused.word(), "a request was refused");
                let turned = Turned { refusal: refusal_for(refused.status()), status: refused.status() };
                return self.turn_away(&request, id, &turned, None);
            }
        };
        let authority = match Self::judge(facts, &request) {
            Ok(authority) => authority,
            Err(turned) => {
                tracing::info!(request.id = %id, client = %facts.peer, status = turned.status.as_u16(), "a request was turned away");
                return self.turn_away(&request, id, &turned, ticket);
            }
        };
        let client = client::address(facts.peer, request.headers(), &self.trusted);
        if authority.host == self.portal_host {
            return self.ask_portal(request, client, id, ticket).await;
        }
        let Some(served) = self.proxy.apps.find(&authority.host).cloned() else {
            return self.turn_away(&request, id, &Turned::away(Refusal::NotFound), ticket);
        };
        let arrival = Arrival { authority: &authority, client, last: &facts.last, place: &facts.place, id };
        match self.proxy.serve(&served, request, &arrival).await {
            Reply::Own(own) => self.own(own, version, ticket),
            Reply::App(response) => {
                self.metrics.answered(Answerer::App, response.status());
                if response.status() == StatusCode::SWITCHING_PROTOCOLS
                    && let Some(ticket) = &ticket
                {
                    ticket.grant_upgrade();
                }
                response.map(|body| Outgoing::new(Content::App(body), ticket))
            }
        }
    }

    /// What HTTP/1's guard has seen already, HTTP/2 is judged by here; and no connection serves a host that its
    /// certificate is not for.
    fn judge(facts: &Facts, request: &Request<Incoming>) -> Result<Authority, Turned<'static>> {
        if is_never_served(request.method().as_str().as_bytes()) {
            return Err(Turned::away(Refusal::MethodNotAllowed));
        }
        if request.headers().len() > FIELDS_MAX {
            return Err(Turned::away(Refusal::HeadersTooLarge));
        }
        if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > TARGET_BYTES_MAX) {
            return Err(Turned { refusal: Refusal::Malformed, status: StatusCode::URI_TOO_LONG });
        }
        let authority = authority_of(request).ok_or_else(|| Turned::away(Refusal::Malformed))?;
        if facts.certificate.covers(&authority.host) { Ok(authority) } else { Err(Turned::away(Refusal::Misdirected)) }
    }

    /// Lets the portal answer, on the threads for slow work.
    async fn ask_portal(
        &self,
        mut request: Request<Incoming>,
        client: IpAddr,
        id: RequestId,
        ticket: Option<wire::RequestTicket>,
    ) -> Response<Outgoing<U::Body>> {
        if CanonicalPath::parse(request.uri().path(), Allowed::default()).is_err() {
            return self.turn_away(&request, id, &Turned::away(Refusal::Malformed), ticket);
        }
        request.extensions_mut().insert(ClientAddress(client));
        request.extensions_mut().insert(id);
        let (kind, version) = (kind::of(request.method(), request.headers()), request.version());
        let portal = self.portal.clone();
        let answering = self.proxy.slow.spawn(portal.oneshot(request.map(axum::body::Body::new)));
        let refuse = |refusal| {
            let refused = Refused { refusal, login_id: None, way_out: None, id };
            answer::refuse(kind, &self.brand, &refused)
        };
        let Ok(answered) = tokio::time::timeout(PAGE_MAX, answering).await else {
            tracing::error!(request.id = %id, "a page took too long");
            return self.own(refuse(Refusal::Unavailable), version, ticket);
        };
        match answered {
            Ok(Ok(mut response)) => {
                self.metrics.answered(Answerer::Portal, response.status());
                response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, self.proxy.hsts.clone());
                response.map(|body| Outgoing::new(Content::Portal(body), ticket))
            }
            Ok(Err(never)) => match never {},
            Err(error) => {
                tracing::error!(%error, request.id = %id, "a page failed");
                self.own(refuse(Refusal::OurFault), version, ticket)
            }
        }
    }

    fn turn_away(
        &self,
        request: &Request<Incoming>,
        id: RequestId,
        turned: &Turned<'_>,
        ticket: Option<wire::RequestTicket>,
    ) -> Response<Outgoing<U::Body>> {
        let kind = kind::of(request.method(), request.headers());
        let refused = Refused { refusal: turned.refusal, login_id: None, way_out: None, id };
        let mut own = answer::refuse(kind, &self.brand, &refused);
        *own.status_mut() = turned.status;
        self.own(own, request.version(), ticket)
    }

    fn own(
        &self,
        mut own: answer::Own,
        version: Version,
        ticket: Option<wire::RequestTicket>,
    ) -> Response<Outgoing<U::Body>> {
        self.metrics.answered(Answerer::Gateway, own.status());
        own.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, self.proxy.hsts.clone());
        if own.status() == StatusCode::METHOD_NOT_ALLOWED {
            own.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
        }
        // After what can be read in two ways nothing on this connection can be trusted to begin where we think.
        if own.status() == StatusCode::BAD_REQUEST && version < Version::HTTP_2 {
            own.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        own.map(|text| Outgoing::new(Content::Own(Full::new(Bytes::from(text))), ticket))
    }
}

/// The one host that a request names; `None` where there is none, or two that differ (HO-01, HO-03).
fn authority_of(request: &Request<Incoming>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return None;
    }
    let parse = |text: &str| Authority::parse(text).map(Authority::over_https).ok();
    let host = host.map(|host| host.to_str().ok().and_then(parse));
    let target = request.uri().authority().map(|authority| parse(authority.as_str()));
    match (target, host) {
        (Some(target), None) => target,
        (None, Some(host)) => host,
        (Some(target), Some(host)) => target.filter(|target| host.as_ref() == Some(target)),
        (None, None) => None,
    }
}

fn refusal_for(status: StatusCode) -> Refusal<'static> {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Refusal::HeadersTooLarge,
        _ => Refusal::Malformed,
    }
}
