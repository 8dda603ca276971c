//! The way to the portal, for requests that must prove something first.

use super::{
    Asked, Proxy,
    answer::{self, Own, Wanted, redirect},
    bearer::wanted_of_nobody,
    body::RequestBody,
    grpc,
    kind::Kind,
    reserved::STEP_UP_PATH,
};
use crate::{
    domain::{
        policy::{Missing, Requirement, demand::Demand, once::Fingerprint, route::Matched},
        secret::Token,
        session::Identity,
        target::ReturnPath,
    },
    edge::http::{
        cookies::{self, Found, Name},
        refusal::Refusal,
    },
    flows::journey::{Asks, Journey},
    ports::{store::Held, upstream::Upstream},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::{sync::Arc, time::Duration};

/// What somebody must do first.
pub(super) struct Lack<'a> {
    /// Who is signed in, if anybody is.
    pub(super) identity: Option<Arc<Identity>>,
    /// What they must prove; `None` where they must sign in.
    pub(super) missing: Option<(Missing, &'a Requirement)>,
    /// The policy that holds where they want to go; `None` where they must sign in, for then another may.
    pub(super) asks: Option<Asks>,
    /// What the application asked for, where it was not its policy.
    pub(super) demand: Option<Demand>,
}

impl Lack<'_> {
    /// Of somebody who must sign in, and of whom nothing is known.
    pub(super) const fn of_nobody() -> Self {
        Self { identity: None, missing: None, asks: None, demand: None }
    }
}

/// The cookie that binds whatever leaves for the portal to the browser it left from.
pub(super) struct Flow {
    pub(super) browser: Token,
    is_new: bool,
    life: Duration,
}

impl Flow {
    /// Adds the cookie to a request that came without it: what is done for it goes on in its answer.
    pub(super) fn note(&self, headers: &mut HeaderMap) {
        let pair = format!("{}={}", Name::Flow.as_str(), &*self.browser.to_text());
        if self.is_new
            && let Ok(pair) = HeaderValue::try_from(pair)
        {
            headers.append(header::COOKIE, pair);
        }
    }

    /// Gives or refreshes the cookie.
    pub(super) fn keep(&self, mut own: Own) -> Own {
        if let Ok(cookie) = cookies::set(Name::Flow, &self.browser.to_text(), self.life) {
            own.headers_mut().append(header::SET_COOKIE, cookie);
        }
        own
    }
}

/// The token of the flow cookie.
pub(super) fn browser_of(asked: &Asked<'_>) -> Option<Token> {
    match cookies::find(asked.headers, Name::Flow) {
        Found::One(value) => Token::parse(value),
        Found::None | Found::Ambiguous => None,
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// The flow that a request belongs to, or a new one.
    pub(super) fn flow(&self, asked: &Asked<'_>) -> Flow {
        match browser_of(asked) {
            Some(browser) => self.flow_of(browser, false),
            None => self.flow_of(self.world.entropy.token(), true),
        }
    }

    /// The flow of this browser. It lasts as long as a session, and what is kept: two tabs that leave at once must not be
    /// given two.
    pub(super) fn flow_of(&self, browser: Token, is_new: bool) -> Flow {
        Flow { browser, is_new, life: self.world.settings.limits.lifetime.max(Held::LIFETIME) }
    }

    /// Sends whoever asked to prove something, in the way their kind of client understands. `held` is the token of the form
    /// that they sent.
    pub(super) fn challenge(
        &self,
        asked: &Asked<'_>,
        flow: &Flow,
        lack: &Lack<'_>,
        path: &str,
        query: Option<&str>,
        held: Option<Token>,
    ) -> Own {
        let is_held = held.is_some();
        let url = self.proof_url(asked, flow, lack, path, query, held);
        let own = match asked.kind {
            Kind::Navigation => redirect(&url),
            Kind::Form if is_held => {
                let mut own = redirect(&url);
                *own.status_mut() = StatusCode::SEE_OTHER;
                own
            }
            Kind::Framed if is_held || asked.method.is_safe() => {
                self.refuse(asked, Refusal::ConfirmFirst { app: &asked.app.title, confirm: &url, is_held }, None)
            }
            Kind::Form | Kind::Framed => {
                self.refuse(asked, Refusal::NotSent { app: &asked.app.title, confirm: &url }, None)
            }
            Kind::Program | Kind::WebSocket | Kind::Grpc => {
                let wanted = match &lack.missing {
                    Some((missing, requirement)) => Wanted::StepUp(missing, requirement),
                    None => wanted_of_nobody(asked.headers),
                };
                match asked.kind {
                    Kind::Grpc => grpc::unauthenticated(&wanted, &url, asked.id),
                    _ => answer::unauthorized(&wanted, &url, asked.id),
                }
            }
        };
        match asked.kind {
            // Refreshed each time, so that of two tabs neither loses its way.
            Kind::Navigation => flow.keep(own),
            Kind::Framed if asked.method.is_safe() => flow.keep(own),
            Kind::Form | Kind::Framed if is_held || flow.is_new => flow.keep(own),
            // A program keeps no cookies.
            Kind::Form | Kind::Framed | Kind::Program | Kind::WebSocket | Kind::Grpc => own,
        }
    }

    /// Where the way begins that leads over the portal and back here.
    pub(super) fn proof_url(
        &self,
        asked: &Asked<'_>,
        flow: &Flow,
        lack: &Lack<'_>,
        path: &str,
        query: Option<&str>,
        held: Option<Token>,
    ) -> String {
        let (target, method, back) = match asked.kind {
            Kind::Navigation => (way_back(path, query), &Method::GET, None),
            Kind::Framed if asked.method.is_safe() => (way_back(path, query), &Method::GET, None),
            // What is posted to, or asked by a script, may not be a page one can go to; where that came from is.
            Kind::Form | Kind::Framed | Kind::Program | Kind::WebSocket | Kind::Grpc => {
                (way_back(path, None), asked.method, Some(form_page(asked)))
            }
        };
        let journey = Journey {
            host: asked.authority.host.clone(),
            path: target,
            method: method.as_str().to_owned(),
            browser: flow.browser.hash(),
            held,
            back,
            asks: lack.asks.clone(),
            demand: lack.demand.as_ref().map(Demand::wish),
            request: Some(asked.id.to_string()),
        };
        let to = journey.seal(&self.world);
        match asked.kind {
            // Programs keep no cookies: what a person opens for one binds the way to their browser first.
            Kind::Program | Kind::WebSocket | Kind::Grpc => {
                format!("https://{}{STEP_UP_PATH}?to={to}", asked.authority)
            }
            Kind::Navigation | Kind::Form | Kind::Framed => {
                let page = if lack.missing.is_some() { "/challenge" } else { "/login" };
                format!("{}{page}?to={to}", self.portal)
            }
        }
    }
}

/// What a journey says of the policy that holds at a route.
pub(super) fn asks(matched: &Matched<'_>, pays: Option<Fingerprint>) -> Asks {
    let label = matched.route.and_then(|(_, route)| route.label.clone());
    Asks { policy: matched.policy.name.clone(), label, pays }
}

/// The page of this host that a form was on, or its start page.
pub(super) fn form_page(asked: &Asked<'_>) -> ReturnPath {
    let origin = format!("https://{}", asked.authority);
    let referer = asked.headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    referer.strip_prefix(&origin).and_then(|path| path.parse().ok()).unwrap_or_else(ReturnPath::root)
}

/// Where to come back to.
fn way_back(path: &str, query: Option<&str>) -> ReturnPath {
    target_of(path, query).parse().unwrap_or_else(|_| ReturnPath::root())
}

/// Path and query in one.
pub(super) fn target_of(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}
