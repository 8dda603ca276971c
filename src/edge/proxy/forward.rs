//! An admitted request on its way to the application, and the answer on its way back.

use super::{
    Arrival, Passage, Proxy, Reply, Served,
    answer::Own,
    assertions::About,
    body::{RequestBody, ResponseBody},
    challenge::asks,
    cut::Remains,
    failure, form_action, grpc, incoming,
    kind::Kind,
    outgoing::{self, Onward},
    tether::{Cut, Tether},
    tie::Tie,
    visitors::{Known, Seen},
    websocket,
};
use crate::{
    domain::{
        policy::route::{Matched, Streams},
        target::CanonicalPath,
    },
    edge::http::{refusal::Refusal, request::RequestId},
    ports::upstream::{Upstream, UpstreamError},
};
use http::{Response, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;
use std::sync::Arc;

/// What came of a request that was let through, where it was not the application's answer.
pub(super) struct Unanswered {
    /// What its sender is told.
    pub(super) own: Box<Own>,
    pub(super) why: Why,
}

/// Why the application did not answer.
pub(super) enum Why {
    /// It was not asked: the request can't be written as it would have to be.
    Malformed,
    /// It was not asked: something of ours failed.
    Unready,
    /// It could not be asked.
    Unreached,
    /// The exchange was cut. The application may have seen something of the request.
    Cut(Cut),
    /// What was kept of the request is not whole. The application may have seen a part.
    Lost,
    /// It broke off the exchange, or took too long. It may have seen the request.
    Broken,
}

impl Why {
    fn of(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::RequestBody(_) => Self::Lost,
            error if error.may_have_arrived() => Self::Broken,
            _ => Self::Unreached,
        }
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Sends an admitted request to the application, and its answer or ours to whoever sent it.
    pub(super) async fn forward(
        &self,
        served: &Served,
        parts: Parts,
        body: RequestBody,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
        kind: Kind,
    ) -> Reply<U::Body> {
        match self.exchange(served, parts, body, passage, arrival, kind).await {
            Ok(response) => Reply::App(response),
            Err(unanswered) => Reply::Own(*unanswered.own),
        }
    }

    /// Sends an admitted request to the application.
    pub(super) async fn exchange(
        &self,
        served: &Served,
        mut parts: Parts,
        body: RequestBody,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
        kind: Kind,
    ) -> Result<Response<ResponseBody<U::Body>>, Unanswered> {
        let Passage { admission, seen, matched, path, now, pays, form: _ } = passage;
        let failed =
            |refusal, why| Err(Unanswered { own: Box::new(self.refuse_unasked(kind, arrival.id, refusal)), why });
        let known = match (&seen, admission.identity()) {
            (Some(Seen::Known(known)), Some(_)) => Some(known),
            _ => None,
        };
        let route = matched.route.map(|(at, route)| (at, route.path.as_str()));
        let about = About { app: &served.app.name, app_index: served.index, route, level: admission.custom_level() };
        let assertion = known
            .filter(|_| served.asserts)
            .map(|known| self.assertions.get(&known.identity, &known.values, about, now));
        let Ok(assertion) = assertion.transpose().inspect_err(|error| {
            tracing::error!(%error, request.id = %arrival.id, "nothing was forwarded");
        }) else {
            return failed(Refusal::OurFault, Why::Unready);
        };
        let forwarding = arrival.last.forwarding(arrival.client, arrival.authority);
        let (Ok(forwarding), Some(request_id)) = (forwarding, arrival.id.value()) else {
            return failed(Refusal::OurFault, Why::Unready);
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
            protocol: served.speaks.protocol(is_websocket),
        };
        let browser = parts.extensions.remove::<OnUpgrade>().filter(|_| is_websocket);
        let mut tie = Tie::begin(known.map(|known| self.tether(known, &matched, &path, &parts, arrival)));
        let body = grpc::request_body(served, body, kind, known.is_some(), &mut tie);
        let remains = Remains::of(&parts, kind);
        let Ok(request) = outgoing::request(parts, body, &onward) else {
            return failed(Refusal::Malformed, Why::Malformed);
        };
        let sent = tokio::select! {
            biased;
            why = tie.cut() => {
                tracing::info!(request.id = %arrival.id, app = served.app.name, %why, "a request is cut before its answer");
                let own = self.cut(served, arrival, &remains, path.as_str(), asks(&matched, pays), &why);
                return Err(Unanswered { own: Box::new(own), why: Why::Cut(why) });
            }
            sent = self.upstream.send(&admission, &served.app.name, request) => sent,
        };
        let answered = match (sent, browser) {
            (Ok(response), Some(browser)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let mut mask = [0; 4];
                self.world.entropy.fill(&mut mask);
                websocket::answer(response, browser, &self.hsts, mask, tie.into_cut(), Arc::clone(arrival.place))
            }
            (Ok(response), _) => {
                Ok(self.received(response).map(|body| grpc::response_body(served, body, kind).tied(tie)))
            }
            (Err(error), _) => Err(error),
        };
        answered.map_err(|error| Unanswered {
            own: Box::new(self.refuse_unasked(kind, arrival.id, explain(served, arrival.id, &error))),
            why: Why::of(&error),
        })
    }

    /// What ties an exchange to the session that it was let through with.
    fn tether(
        &self,
        known: &Known,
        matched: &Matched<'_>,
        path: &CanonicalPath<'_>,
        parts: &Parts,
        arrival: &Arrival<'_>,
    ) -> Tether {
        let obeying = matched.route.filter(|(_, route)| route.streams == Streams::Obey);
        Tether {
            ended: self.visitors.ended().clone(),
            identity: Arc::clone(&known.identity),
            traffic: matched.traffic(),
            obeys: obeying.map(|(_, route)| self.obedience(&route.policy, path, parts, arrival)),
            clock: Arc::clone(&self.world.clock),
        }
    }

    /// The application's answer, for the browser.
    fn received(&self, response: Response<U::Body>) -> Response<ResponseBody<U::Body>> {
        let mut response = incoming::response(response, &self.hsts);
        form_action::open(response.headers_mut(), &self.portal);
        response
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
