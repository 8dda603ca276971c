//! The way to the portal, for requests that must prove something first.

use super::{
    Asked, Proxy,
    answer::{self, Own, Wanted, redirect},
    body::RequestBody,
    kind::Kind,
};
use crate::{
    domain::{secret::Token, target::ReturnPath},
    edge::http::{
        cookies::{self, Found, Name},
        refusal::Refusal,
    },
    flows::journey::{Asks, Journey},
    ports::upstream::Upstream,
};
use http::{Method, header};
use std::time::Duration;

/// How long a browser has to come back with a sign-in.
const FLOW_LIFETIME: Duration = Duration::from_mins(10);

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Sends whoever asked to prove something, in the way their kind of client understands.
    pub(super) fn challenge(
        &self,
        asked: &Asked<'_>,
        page: &str,
        wanted: &Wanted<'_>,
        asks: Option<Asks>,
        path: &str,
        query: Option<&str>,
    ) -> Own {
        let (browser, is_new) = match cookies::find(asked.headers, Name::Flow) {
            Found::One(value) => Token::parse(value).map(|token| (token, false)),
            Found::None | Found::Ambiguous => None,
        }
        .unwrap_or_else(|| (self.world.entropy.token(), true));
        let there = match asked.kind {
            // What a form posts to may not be a page one can go to; where it was filled in is.
            Kind::Form => form_page(asked),
            Kind::Navigation | Kind::Program | Kind::WebSocket => way_back(path, query),
        };
        let journey = Journey {
            host: asked.authority.host.clone(),
            path: there,
            method: Method::GET.as_str().to_owned(),
            browser: browser.hash(),
            asks,
        };
        let url = format!("{}{page}?to={}", self.portal, journey.seal(&self.world));
        let mut own = match asked.kind {
            Kind::Navigation => redirect(&url),
            Kind::Form => self.refuse(asked, Refusal::NotSent { app: &asked.app.title, confirm: &url }, None),
            Kind::Program | Kind::WebSocket => answer::unauthorized(wanted, &url, asked.id),
        };
        // Refreshed each time, so that of two tabs neither loses its way; a program keeps no cookies.
        if matches!(asked.kind, Kind::Navigation | Kind::Form)
            && (is_new || asked.kind == Kind::Navigation)
            && let Ok(cookie) = cookies::set(Name::Flow, &browser.to_text(), FLOW_LIFETIME)
        {
            own.headers_mut().append(header::SET_COOKIE, cookie);
        }
        own
    }
}

/// The page of this host that a form was on, or its start page.
fn form_page(asked: &Asked<'_>) -> ReturnPath {
    let origin = format!("https://{}", asked.authority);
    let referer = asked.headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    referer.strip_prefix(&origin).and_then(|path| path.parse().ok()).unwrap_or_else(ReturnPath::root)
}

/// Whether a WebSocket is opened by a page of this very host, or by no page at all (CS-06).
pub(super) fn is_own_origin(asked: &Asked<'_>) -> bool {
    let origin = format!("https://{}", asked.authority);
    asked.headers.get(header::ORIGIN).is_none_or(|value| *value == *origin)
}

/// Where to come back to. What is too long for a link comes back to the start page.
fn way_back(path: &str, query: Option<&str>) -> ReturnPath {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().unwrap_or_else(|_| ReturnPath::root())
}
