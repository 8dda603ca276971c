//! The application's own wish for a step-up (RFC 9470 3): a 401 that says which level, or how fresh a proof, it wants.
//!
//! Heeded only where the config says so, for people we know, and for what a step-up can still change: whoever meets the
//! demand already gets the application's answer as it is, so there is never a second round.

use super::{
    Arrival, Asked, Passage, Proxy, Reply, Served,
    answer::STEP_UP,
    body::RequestBody,
    challenge::{Flow, Lack},
    kind::Kind,
    records::{Judged, Known},
};
use crate::{
    domain::{
        policy::{
            Missing, Requirement, Visitor,
            call::verdicts::Verdicts,
            demand::{Demand, Wish},
            route::{App, Matched},
        },
        secret::Token,
        session::Identity,
    },
    flows::journey::Asks,
    ports::upstream::Upstream,
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use std::{sync::Arc, time::Duration};

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Sends an admitted request on, and the person behind it to the portal where the application wants that.
    pub(super) async fn forward_and_heed(
        &self,
        served: &Served,
        parts: Parts,
        body: RequestBody,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
    ) -> Reply<U::Body> {
        let (before, identity) = (parts.clone(), passage.admission.identity().cloned());
        let asked = Self::asked(served, &before, arrival);
        let past = Past::of(&passage);
        let reply = self.forward(served, parts, body, passage, arrival, asked.kind).await;
        let unmet = identity.and_then(|identity| self.unmet(served, &asked, &reply, identity, &past));
        let Some(unmet) = unmet else {
            return reply;
        };
        match (asked.kind, reply) {
            (Kind::Navigation | Kind::Framed, _) if asked.method.is_safe() => {
                self.ask_again(&asked, &self.flow(&asked), unmet, &past.path, None)
            }
            (Kind::Program | Kind::WebSocket, Reply::App(mut response)) => {
                let requirement = unmet.demand.requirement();
                let lack = unmet.lack(&requirement);
                let url = self.proof_url(&asked, &self.flow(&asked), &lack, &past.path, None, None);
                if let Ok(url) = HeaderValue::try_from(url) {
                    response.headers_mut().insert(STEP_UP, url);
                }
                Reply::App(response)
            }
            // The application's own page says more than ours would: there is nothing to go on with.
            (_, reply) => reply,
        }
    }

    /// What the application asks for and this person could still prove. The request was told as let through; this is what
    /// its sender is led to the portal for, under the same id.
    pub(super) fn unmet(
        &self,
        served: &Served,
        asked: &Asked<'_>,
        reply: &Reply<U::Body>,
        identity: Arc<Identity>,
        Past { matched, asks, path, form }: &Past<'_>,
    ) -> Option<Unmet> {
        let Reply::App(response) = reply else { return None };
        let now = self.world.clock.now();
        let demand = of(response.status(), response.headers(), &served.app)?;
        let missing = demand.missing(&identity.session, now)?;
        let visitor = Some(Visitor::SignedIn(Arc::clone(&identity)));
        self.note(served, asked, &Known { path, visitor, form: form.clone(), now }, &Judged::Demand(&demand, matched));
        Some(Unmet { identity, asks: asks.clone(), demand, missing })
    }

    /// Sends a person to the portal for what the application asks for. `held` is the form that goes on afterwards.
    pub(super) fn ask_again(
        &self,
        asked: &Asked<'_>,
        flow: &Flow,
        unmet: Unmet,
        path: &str,
        held: Option<Token>,
    ) -> Reply<U::Body> {
        let requirement = unmet.demand.requirement();
        let lack = unmet.lack(&requirement);
        Reply::Own(self.challenge(asked, flow, &lack, path, asked.query, held))
    }
}

/// What let a request past, to be told when the application has answered it.
pub(super) struct Past<'a> {
    matched: Matched<'a>,
    asks: Asks,
    pub(super) path: String,
    form: Verdicts,
}

impl<'a> Past<'a> {
    pub(super) fn of(passage: &Passage<'a>) -> Self {
        let (path, form) = (passage.path.as_str().to_owned(), passage.form.clone());
        Self { matched: passage.matched, asks: passage.asks(), path, form }
    }
}

/// What an application asks somebody for, beside the policy that let them through.
pub(super) struct Unmet {
    identity: Arc<Identity>,
    asks: Asks,
    demand: Demand,
    missing: Missing,
}

impl Unmet {
    fn lack(self, requirement: &Requirement) -> Lack<'_> {
        let Self { identity, asks, demand, missing } = self;
        Lack { identity: Some(identity), missing: Some((missing, requirement)), asks: Some(asks), demand: Some(demand) }
    }
}

/// What an answer asks for, if that is a step-up.
fn of(status: StatusCode, headers: &HeaderMap, app: &App) -> Option<Demand> {
    if status != StatusCode::UNAUTHORIZED {
        return None;
    }
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenge = challenges.find(|value| value.contains("insufficient_user_authentication"))?;
    let mut levels = parameter(challenge, "acr_values").unwrap_or_default().split(' ');
    let level = levels.find(|name| app.level(name).is_some()).map(str::to_owned);
    let within = parameter(challenge, "max_age").and_then(|age| age.parse().ok()).map(Duration::from_secs);
    app.demand(&Wish { level, within })
}

/// A parameter of a challenge, quoted or not (RFC 9110 11.4).
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.match_indices(name).find_map(|(at, _)| {
        let is_whole = challenge.get(..at)?.ends_with([' ', ',']);
        let value = challenge.get(at + name.len()..)?.strip_prefix('=').filter(|_| is_whole)?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([',', ' ']).next(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{policy::CustomLevel, session::Level, target::Allowed};

    fn demanded(status: u16, challenge: &str) -> Option<(Option<String>, Option<u64>)> {
        let vault = CustomLevel { name: "vault".to_owned(), at_least: Level::Mfa, all_of: Vec::new() };
        let app = App {
            name: "app".to_owned(),
            title: "App".to_owned(),
            hosts: Vec::new(),
            routes: Vec::new().into(),
            fallback: None,
            allowed: Allowed::default(),
            levels: vec![Arc::new(vault)],
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        let Wish { level, within } = of(StatusCode::from_u16(status).unwrap(), &headers, &app)?.wish();
        Some((level, within.map(|within| within.as_secs())))
    }

    #[test]
    fn a_demand_is_read_as_rfc_9470_writes_it() {
        let error = "Bearer error=\"insufficient_user_authentication\"";
        for (rest, demand) in [
            (", max_age=\"300\"", Some((None, Some(300)))),
            (", acr_values=\"urn:x mfa\", max_age=60", Some((Some("mfa"), Some(60)))),
            (",acr_values=phishing-resistant", Some((Some("phishing-resistant"), None))),
            (", acr_values=\"urn:x vault mfa\"", Some((Some("vault"), None))),
            (", acr_values=\"urn:x\"", None),
            (", x_max_age=\"300\"", None),
            ("", None),
        ] {
            let demand = demand.map(|(level, within)| (level.map(str::to_owned), within));
            assert_eq!(demanded(401, &format!("{error}{rest}")), demand, "{rest}");
        }
        assert_eq!(demanded(403, &format!("{error}, max_age=300")), None);
        assert_eq!(demanded(401, "Bearer error=\"invalid_token\", max_age=300"), None);
    }
}
