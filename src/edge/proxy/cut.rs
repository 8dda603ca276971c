//! What is told to whoever waits for an answer when their exchange is cut.

use super::{
    Arrival, Asked, Proxy, Served,
    answer::{Own, STEP_UP},
    body::RequestBody,
    challenge::Lack,
    kind::Kind,
    tether::Cut,
};
use crate::{edge::http::refusal::Refusal, flows::journey::Asks, ports::upstream::Upstream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, COOKIE, REFERER, WWW_AUTHENTICATE},
    request::Parts,
};
use std::sync::Arc;

/// The fields that lead to a way back: who asks, and from where.
const FIELDS: [HeaderName; 3] = [COOKIE, REFERER, AUTHORIZATION];

/// What of a request's head an answer takes, while the head itself is sent on.
pub(super) struct Remains {
    kind: Kind,
    method: Method,
    fields: [Option<HeaderValue>; 3],
}

impl Remains {
    pub(super) fn of(parts: &Parts, kind: Kind) -> Self {
        Self { kind, method: parts.method.clone(), fields: FIELDS.map(|name| parts.headers.get(name).cloned()) }
    }

    fn headers(&self) -> HeaderMap {
        let fields = FIELDS.into_iter().zip(self.fields.clone());
        fields.filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// The answer to a request whose exchange was cut before the application had answered. A program is told what it would be
    /// told if it asked now.
    pub(super) fn cut(
        &self,
        served: &Served,
        arrival: &Arrival<'_>,
        remains: &Remains,
        path: &str,
        asks: Asks,
        why: &Cut,
    ) -> Own {
        let (headers, app) = (remains.headers(), &served.app);
        let asked = Asked {
            method: &remains.method,
            headers: &headers,
            query: None,
            authority: arrival.authority,
            app,
            kind: remains.kind,
            client: arrival.client,
            id: arrival.id,
        };
        if matches!(asked.kind, Kind::Navigation | Kind::Form | Kind::Framed) {
            let mut own = self.refuse(&asked, Refusal::CutOff { app: &app.title }, None);
            own.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"doorward\""));
            return own;
        }
        let lack = match why {
            Cut::Over => Lack::of_nobody(),
            Cut::Stale(Some(lacking)) => Lack {
                identity: Some(Arc::clone(&lacking.identity)),
                missing: Some((lacking.missing.clone(), &lacking.requirement)),
                asks: Some(asks),
                demand: None,
            },
            Cut::Stale(None) => {
                return self.refuse(&asked, Refusal::NotAllowed { app: &app.title, message: None }, None);
            }
        };
        let mut own = self.challenge(&asked, &self.flow(&asked), &lack, path, None, None);
        if !asked.method.is_safe() {
            // `client.js` sends once more what is answered with it, and this may have arrived.
            own.headers_mut().remove(STEP_UP);
        }
        own
    }
}
