//! Where to go next: back to the app that somebody came from, if they have proven enough for it.

use super::{Desk, Reply, onward, reference, see_other};
use crate::{
    domain::{
        policy::{Decision, Missing, Visitor, route::Matched},
        session::Identity,
        target::{CanonicalPath, path::check_query},
    },
    edge::http::{
        page::respond,
        refusal::{Refusal, RefusalPage, WayOut},
    },
    flows::{
        journey::Journey,
        sessions::{self, Bearer},
        sign_in::Opened,
    },
    ports::StoreError,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
};
use std::sync::Arc;

/// What a journey still lacks.
pub(super) struct Toll<'a> {
    /// The app's title.
    pub(super) app: &'a str,
    /// What the route guards, in the operator's words.
    pub(super) label: Option<&'a str>,
    /// What is missing.
    pub(super) missing: Missing,
}

/// What somebody wants at the portal itself that asks for a fresh proof first. It stands in links where a journey
/// would, and no journey reads like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// To change something on the account page.
    Account,
    /// To set up a passkey.
    AddPasskey,
}

impl Errand {
    /// What links call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AddPasskey => "add-passkey",
        }
    }

    /// The errand that a link names.
    pub(super) fn by_name(to: Option<&str>) -> Option<Self> {
        [Self::Account, Self::AddPasskey].into_iter().find(|errand| to == Some(errand.name()))
    }

    /// Where it is run.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::AddPasskey => "/enroll/passkey",
        }
    }
}

impl Desk {
    /// What `identity` must still prove before `journey` can go on.
    pub(super) fn toll<'a>(&'a self, journey: &Journey, identity: &Identity) -> Option<Toll<'a>> {
        let app = self.apps.find(&journey.host)?;
        let path = journey.path.as_str();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = CanonicalPath::parse(path, app.allowed).ok().filter(|_| check_query(query).is_ok())?;
        let Matched { route, policy } = app.matched(&journey.method, &path)?;
        let visitor = Visitor::SignedIn(Arc::new(identity.clone()));
        let now = self.world.clock.now();
        let missing = match policy.decide(&visitor, now) {
            Decision::StepUp(missing) => missing,
            Decision::Admit(_) => journey.demand?.missing(&identity.session.authentications, now)?,
            // Whatever else comes of it is for the app host to say.
            Decision::SignIn(_) | Decision::Deny(_) => return None,
        };
        Some(Toll { app: &app.title, label: route.and_then(|(_, route)| route.label.as_deref()), missing })
    }

    /// Sends somebody who is signed in onward: to the app, to one more proof, or to their account.
    pub(super) async fn proceed(&self, identity: &Identity, to: Option<&str>) -> Result<Reply, StoreError> {
        if let Some(errand) = Errand::by_name(to) {
            return Ok(onward("/challenge", Some(errand.name())));
        }
        let Some(journey) = self.journey(to) else { return Ok(see_other("/account")) };
        if self.toll(&journey, identity).is_some() {
            return Ok(onward("/challenge", to));
        }
        let code = sessions::hand_off(&self.world, identity.session.id, &journey.host, journey.browser).await?;
        let (host, port) = (&journey.host, &self.port_suffix);
        Ok(see_other(&format!(
            "https://{host}{port}/.doorward/callback?code={}&to={}",
            code.to_text().as_str(),
            to.unwrap_or_default()
        )))
    }

    /// Sends somebody onward who has just proven something, and gives their browser the new tokens.
    pub(super) async fn arrive(&self, opened: &Opened, to: Option<&str>) -> Reply {
        let reply = match sessions::recognise(&self.world, Some(&opened.token)).await {
            Ok(Bearer::Full(full)) => self.proceed(&full.identity, to).await,
            Ok(Bearer::Half(_) | Bearer::Nobody(_)) => Ok(onward("/login", to)),
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => self.keep(reply, opened),
            // The proof counts all the same: what comes next finds it.
            Err(error) => self.keep(self.unavailable(&error), opened),
        }
    }

    /// The store does not answer: nobody is let through, and nobody is signed out.
    pub(super) fn unavailable(&self, error: &StoreError) -> Reply {
        tracing::error!(%error, "the store failed a page");
        self.refusal(Refusal::Unavailable, "")
    }

    pub(super) fn refusal(&self, refusal: Refusal<'_>, reference: &str) -> Reply {
        let way_out = Some(WayOut { label: "Go to your account", url: "/account" });
        let page = RefusalPage { frame: self.frame(), refusal, login_id: None, way_out, reference };
        respond(refusal.status(), &page, &self.content).map(Body::from)
    }
}

/// The answer to a path the portal does not have.
pub(super) async fn not_found(State(desk): State<Arc<Desk>>, request: Request) -> Reply {
    nowhere(&desk, &request)
}

pub(super) fn nowhere(desk: &Desk, request: &Request) -> Reply {
    let reply = desk.refusal(Refusal::NotFound, &reference(request));
    debug_assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    reply
}
