//! One request, from its head to its answer: target → app → route → visitor → decision → forward, challenge or deny.

use super::{
    answer::{self, Own, Refused, Wanted},
    assertions::{About, Assertions},
    body::{RequestBody, ResponseBody},
    challenge::is_own_origin,
    failure, incoming,
    kind::{self, Kind},
    outgoing::{self, IdentityNames, Onward, Protocol},
    reports::Reports,
    visitors::{Seen, Visitors},
    websocket,
};
use crate::{
    domain::{
        policy::{
            Access, Admission, Decision, Policy, Visitor,
            call::Call,
            route::{App, ByHost, Matched, Unsettled},
        },
        secret::{Token, TokenHash},
        target::{Authority, CanonicalPath, Host, ReturnPath, path::check_query},
        time::Timestamp,
    },
    edge::http::{
        cookies::{self, Found, Name},
        forwarded,
        page::Brand,
        refusal::{Refusal, WayOut},
        request::RequestId,
    },
    flows::{World, journey::Asks},
    ports::upstream::{Upstream, UpstreamError},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// How often an open WebSocket's session is looked at again (SE-05).
const WATCH_EVERY: Duration = Duration::from_secs(4);

/// One app as the data plane serves it.
#[derive(Debug)]
pub struct Served {
    /// Hosts, routes, policies.
    pub app: Arc<App>,
    /// Its place in the config.
    pub index: usize,
    /// How it wants identity fields to be called.
    pub names: IdentityNames,
    /// Whether the signed assertion goes with them.
    pub asserts: bool,
    /// Whether WebSockets pass.
    pub websockets: bool,
    /// The host the application sees, where that is not the one the browser asked for.
    pub host: Option<HeaderValue>,
}

/// The data plane of one core.
pub struct Proxy<U> {
    /// What the flows are given.
    pub world: World,
    /// Every app, by host.
    pub apps: Arc<ByHost<Arc<Served>>>,
    /// Who is behind a cookie.
    pub visitors: Visitors,
    /// What applications are told.
    pub assertions: Assertions,
    /// The way to the applications.
    pub upstream: U,
    /// Whose front door this is.
    pub brand: Arc<Brand>,
    /// The portal's origin.
    pub portal: Arc<str>,
    /// Longest request body, in bytes.
    pub body_max: u64,
    /// What is only reported.
    pub reports: Reports,
    /// What every host promises about HTTPS.
    pub hsts: HeaderValue,
    /// Where the store is spoken to.
    pub slow: Handle,
}

/// What the gateway knows about a request before the proxy sees it.
pub struct Arrival<'a> {
    /// The host it was sent to, canonical.
    pub authority: &'a Authority,
    /// For whom the gateway speaks.
    pub client: IpAddr,
    /// What the connection's last request was forwarded with.
    pub last: &'a forwarded::Last,
    /// Its name.
    pub id: RequestId,
}

/// An answer: ours, or the application's.
pub enum Reply<B> {
    /// Made here.
    Own(Own),
    /// Made by the application.
    App(Response<ResponseBody<B>>),
}

/// What an answer of ours depends on.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) authority: &'a Authority,
    pub(super) app: &'a App,
    pub(super) client: IpAddr,
    pub(super) kind: Kind,
    pub(super) id: RequestId,
}

/// What is sent onward, and by whose leave.
struct Passage<'a> {
    admission: Admission,
    seen: Option<Seen>,
    matched: Matched<'a>,
    path: CanonicalPath<'a>,
    /// When that was decided.
    now: Timestamp,
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Serves one request to an app host.
    pub async fn serve(&self, served: &Served, request: Request<Incoming>, arrival: &Arrival<'_>) -> Reply<U::Body> {
        let (parts, incoming) = request.into_parts();
        let uri = parts.uri.clone();
        let kind = kind::of(&parts.method, &parts.headers);
        let asked = Asked {
            method: &parts.method,
            headers: &parts.headers,
            authority: arrival.authority,
            app: &served.app,
            client: arrival.client,
            kind,
            id: arrival.id,
        };
        let passage = match self.decide(served, &asked, uri.path(), uri.query()).await {
            Ok(passage) => passage,
            Err(own) => return Reply::Own(*own),
        };
        let Ok(body) = RequestBody::stream(incoming, self.body_max) else {
            return Reply::Own(self.refuse(&asked, Refusal::TooLarge, None));
        };
        self.forward(served, parts, body, passage, arrival, kind).await
    }

    /// Everything up to the admission. `Err` is the answer of a request that does not pass.
    async fn decide<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        path: &'a str,
        query: Option<&str>,
    ) -> Result<Passage<'a>, Box<Own>> {
        let refuse = |refusal| Box::new(self.refuse(asked, refusal, None));
        let path = CanonicalPath::parse(path, served.app.allowed).map_err(|error| {
            tracing::info!(request.id = %asked.id, app = served.app.name, %error, "a target was refused");
            refuse(Refusal::Malformed)
        })?;
        if query.is_some_and(|query| check_query(query).is_err()) {
            return Err(refuse(Refusal::Malformed));
        }
        if let Some(below) = path.below_reserved() {
            return Err(Box::new(self.reserved(asked, below, query).await));
        }
        let (matched, seen) = self.route(served, asked, &path, query).await?;
        let Matched { route, policy } = matched;
        if seen.is_some() && asked.kind == Kind::WebSocket && !is_own_origin(asked) {
            return Err(refuse(Refusal::NotAllowed { app: &served.app.title, message: None }));
        }
        let visitor = seen.as_ref().map_or_else(|| Seen::Nobody(NOT_ASKED).visitor(), Seen::visitor);
        let now = self.world.clock.now();
        match policy.decide(&visitor, now) {
            Decision::Admit(admission) => {
                if let Some(instead) = admission.instead() {
                    self.reports.note(asked.id, &served.app.name, &policy.name, instead);
                }
                Ok(Passage { admission, seen, matched, path, now })
            }
            Decision::SignIn(why) => {
                tracing::info!(request.id = %asked.id, app = served.app.name, ?why, "sign-in asked for");
                Err(Box::new(self.challenge(asked, "/login", &Wanted::Session, None, path.as_str(), query)))
            }
            Decision::StepUp(missing) => {
                tracing::info!(request.id = %asked.id, app = served.app.name, policy = policy.name, "step-up asked for");
                match &policy.access {
                    Access::Require(requirement) => {
                        let wanted = Wanted::StepUp(&missing, requirement);
                        let label = route.and_then(|(_, route)| route.label.clone());
                        let asks = Some(Asks { policy: policy.name.clone(), label });
                        Err(Box::new(self.challenge(asked, "/challenge", &wanted, asks, path.as_str(), query)))
                    }
                    // Such policies ask for no proof.
                    Access::Public | Access::Deny => Err(refuse(Refusal::OurFault)),
                }
            }
            Decision::Deny(why) => {
                tracing::info!(request.id = %asked.id, app = served.app.name, policy = policy.name, ?why, "denied");
                Err(Box::new(self.deny(served, asked, policy, seen.as_ref())))
            }
        }
    }

    /// The route that a request is for. Who sends it is looked up only where that matters.
    async fn route<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        path: &CanonicalPath<'_>,
        query: Option<&str>,
    ) -> Result<(Matched<'a>, Option<Seen>), Box<Own>> {
        let now = self.world.clock.now();
        let matched = |visitor: Option<&Visitor>| {
            let (method, client) = (asked.method.as_str(), Some(asked.client));
            served.app.matched(&Call { method, path, query, fields: asked.headers, client, visitor, now })
        };
        let (settled, seen) = match matched(None) {
            Err(Unsettled::Unasked) => {
                let seen = self.look(asked).await?;
                (matched(Some(&seen.visitor())), Some(seen))
            }
            settled => (settled, None),
        };
        let refuse = |refusal| Box::new(self.refuse(asked, refusal, None));
        let matched = settled.map_err(|unsettled| {
            tracing::info!(request.id = %asked.id, app = served.app.name, ?unsettled, "a request was refused: no route can tell");
            refuse(Refusal::Malformed)
        })?;
        let matched = matched.ok_or_else(|| refuse(Refusal::NotFound))?;
        let seen = match seen {
            None if !matched.policy.is_public() => Some(self.look(asked).await?),
            seen => seen,
        };
        Ok((matched, seen))
    }

    fn deny(&self, served: &Served, asked: &Asked<'_>, policy: &Policy, seen: Option<&Seen>) -> Own {
        let login_id = seen.and_then(Seen::login_id);
        let account = format!("{}/account", self.portal);
        let refused = Refused {
            refusal: Refusal::NotAllowed { app: &served.app.title, message: policy.message.as_deref() },
            login_id,
            way_out: login_id.map(|_| WayOut { label: "Go to your account", url: &account }),
            id: asked.id,
        };
        answer::refuse(asked.kind, &self.brand, &refused)
    }

    async fn look(&self, asked: &Asked<'_>) -> Result<Seen, Box<Own>> {
        self.visitors.look(asked.headers, &asked.authority.host).await.map_err(|error| {
            tracing::error!(%error, request.id = %asked.id, "the store failed a request");
            Box::new(self.refuse(asked, Refusal::Unavailable, None))
        })
    }

    /// Sends an admitted request to the application.
    async fn forward(
        &self,
        served: &Served,
        mut parts: Parts,
        body: RequestBody,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
        kind: Kind,
    ) -> Reply<U::Body> {
        let Passage { admission, seen, matched, path, now } = passage;
        let failed = |refusal| Reply::Own(self.refuse_unasked(kind, arrival.id, refusal));
        let known = match (&seen, admission.identity()) {
            (Some(Seen::Known(known)), Some(_)) => Some(known),
            _ => None,
        };
        let assertion = match (known, served.asserts) {
            (Some(known), true) => {
                let route = matched.route.map(|(at, route)| (at, route.path.as_str()));
                let about =
                    About { app: &served.app.name, app_index: served.index, route, level: admission.custom_level() };
                match self.assertions.get(&known.identity, about, now) {
                    Ok(assertion) => Some(assertion),
                    Err(error) => {
                        tracing::error!(%error, request.id = %arrival.id, "nothing was forwarded");
                        return failed(Refusal::OurFault);
                    }
                }
            }
            _ => None,
        };
        let forwarding = arrival.last.forwarding(arrival.client, arrival.authority);
        let (Ok(forwarding), Some(request_id)) = (forwarding, arrival.id.value()) else {
            return failed(Refusal::OurFault);
        };
        let is_websocket = served.websockets && websocket::is_handshake(&parts, &body);
        let onward = Onward {
            path: &path,
            host: served.host.as_ref().unwrap_or(forwarding.host()),
            names: &served.names,
            identity: known.map(|known| &known.values),
            assertion: assertion.as_ref(),
            forwarding: &forwarding,
            request_id: &request_id,
            protocol: if is_websocket { Protocol::WebSocket } else { Protocol::Http },
        };
        let browser = parts.extensions.remove::<OnUpgrade>().filter(|_| is_websocket);
        let child = browser.as_ref().and(known).and_then(|_| child_of(&parts.headers));
        let Ok(request) = outgoing::request(parts, body, &onward) else { return failed(Refusal::Malformed) };
        let sent = self.upstream.send(&admission, &served.app.name, request).await;
        let answered = match (sent, browser) {
            (Ok(response), None) => Ok(incoming::response(response, &self.hsts)),
            (Ok(response), Some(browser)) => {
                let cut = revoked(self.visitors.clone(), child, arrival.authority.host.clone());
                websocket::answer(response, browser, &self.hsts, cut)
            }
            (Err(error), _) => Err(error),
        };
        match answered {
            Ok(response) => Reply::App(response),
            Err(error) => failed(explain(served, arrival.id, &error)),
        }
    }

    pub(super) fn refuse(&self, asked: &Asked<'_>, refusal: Refusal<'_>, again: Option<&ReturnPath>) -> Own {
        let way_out = again.map(|path| WayOut { label: "Try again", url: path.as_str() });
        answer::refuse(asked.kind, &self.brand, &Refused { refusal, login_id: None, way_out, id: asked.id })
    }

    fn refuse_unasked(&self, kind: Kind, id: RequestId, refusal: Refusal<'_>) -> Own {
        answer::refuse(kind, &self.brand, &Refused { refusal, login_id: None, way_out: None, id })
    }
}

/// What the visitor may learn of a failure; the rest is logged.
fn explain<'a>(served: &'a Served, id: RequestId, error: &UpstreamError) -> Refusal<'a> {
    tracing::warn!(%error, request.id = %id, app = served.app.name, "the application could not be asked");
    match failure::status_of(error) {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        StatusCode::REQUEST_TIMEOUT => Refusal::TooSlow,
        StatusCode::BAD_REQUEST => Refusal::Malformed,
        StatusCode::GATEWAY_TIMEOUT => Refusal::UpstreamSlow { app: &served.app.title },
        _ => Refusal::UpstreamDown { app: &served.app.title },
    }
}

/// Ready when the session behind a WebSocket is no more. A route that asks nobody has none to lose.
async fn revoked(visitors: Visitors, child: Option<TokenHash>, host: Host) {
    let Some(child) = child else { return std::future::pending().await };
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        // Where the store does not answer nobody knows any more who that is: it ends too.
        if !matches!(visitors.find(child, &host).await, Ok(Seen::Known(_))) {
            return;
        }
    }
}

fn child_of(headers: &HeaderMap) -> Option<TokenHash> {
    match cookies::find(headers, Name::App) {
        Found::One(value) => Token::parse(value).map(|token| token.hash()),
        Found::None | Found::Ambiguous => None,
    }
}

/// Stands for a visitor where a public route did not ask who it is.
const NOT_ASKED: crate::domain::policy::WhyAnonymous = crate::domain::policy::WhyAnonymous::NoCookie;
