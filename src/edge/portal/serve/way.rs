//! Where to go next: back to the app that somebody came from, if they have proven enough for it.

use super::{Desk, Reply, onward, reference, see_other};
use crate::{
    domain::{
        change::Change,
        contact::Kind,
        factor::{KeyKind, Method},
        policy::{
            Decision, Missing, Policy, Visitor,
            call::{Call, Form, Mismatch, NoFields},
            once::Bill,
            route::{App, Matched},
        },
        session::{self, Identity},
        target::{CanonicalPath, path::check_query},
    },
    edge::http::{
        page::respond,
        refusal::{Refusal, RefusalPage, WayOut},
    },
    flows::{
        journey::Journey,
        receipts,
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
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// What a journey still lacks.
pub(super) struct Toll<'a> {
    /// The app's title.
    pub(super) app: &'a str,
    /// What the route guards, in the operator's words.
    pub(super) label: Option<String>,
    /// What is missing.
    pub(super) missing: Missing,
    /// How they last proved who they are, by whatever method.
    pub(super) latest: Option<(Method, Duration)>,
    /// What the proof pays for, where each request takes its own.
    pub(super) bill: Option<Bill>,
}

/// What somebody wants at the portal itself that asks for a fresh proof first. It stands in links where a journey
/// would, and no journey reads like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// To make new recovery codes.
    RecoveryCodes,
    /// To set up a passkey or security key.
    AddKey(KeyKind),
    /// To set up an authenticator app.
    AddTotp,
    /// To set up a phone number, for codes that come by this method.
    AddPhone(Method),
    /// To change a second factor.
    Factor(Uuid),
    /// To end other sessions.
    Sessions,
    /// To rename a remembered browser.
    Devices,
    /// To change an address.
    Contact(Kind),
    /// To change their password.
    ChangePassword,
}

/// What stands before the id in the name of [`Errand::Factor`].
const FACTOR: &str = "factor-";

impl Errand {
    /// What links call it.
    pub(super) fn name(self) -> String {
        match self {
            Self::RecoveryCodes => "recovery-codes".to_owned(),
            Self::AddKey(KeyKind::Passkey) => "add-passkey".to_owned(),
            Self::AddKey(KeyKind::SecurityKey) => "add-security-key".to_owned(),
            Self::AddTotp => "add-totp".to_owned(),
            Self::AddPhone(method) => format!("add-{method}"),
            Self::Factor(id) => format!("{FACTOR}{id}"),
            Self::Sessions => "sessions".to_owned(),
            Self::Devices => "devices".to_owned(),
            Self::Contact(Kind::Email) => "email".to_owned(),
            Self::Contact(Kind::Phone) => "phone".to_owned(),
            Self::ChangePassword => "change-password".to_owned(),
        }
    }

    /// What it changes.
    pub(super) const fn change(self) -> Change {
        match self {
            Self::AddKey(_) | Self::AddTotp | Self::Factor(_) | Self::Sessions | Self::Devices => Change::Factors,
            Self::RecoveryCodes | Self::AddPhone(_) | Self::Contact(_) | Self::ChangePassword => Change::Account,
        }
    }

    /// The same, for somebody who goes on from there: it takes the sealed journey along, which has no dot.
    pub(super) fn name_on(self, to: Option<&str>) -> String {
        match to {
            Some(to) => format!("{}.{to}", self.name()),
            None => self.name(),
        }
    }

    fn by_name(to: &str) -> Option<Self> {
        let factor = to.strip_prefix(FACTOR).and_then(|id| Uuid::parse_str(id).ok()).map(Self::Factor);
        let keys = KeyKind::ALL.iter().copied().map(Self::AddKey);
        let contacts = Kind::ALL.iter().copied().map(Self::Contact);
        let plain = [Self::RecoveryCodes, Self::AddTotp, Self::Sessions, Self::Devices, Self::ChangePassword];
        let phones = [Method::SmsCode, Method::VoiceCode].map(Self::AddPhone);
        plain.into_iter().chain(keys).chain(phones).chain(contacts).chain(factor).find(|errand| to == errand.name())
    }

    /// Where it is run.
    pub(super) fn path(self) -> String {
        match self {
            Self::RecoveryCodes => "/recovery-codes".to_owned(),
            Self::AddKey(KeyKind::Passkey) => "/enroll/passkey".to_owned(),
            Self::AddKey(KeyKind::SecurityKey) => "/enroll/security-key".to_owned(),
            Self::AddTotp => "/enroll/totp".to_owned(),
            Self::AddPhone(method) => format!("/enroll/{method}"),
            Self::Factor(id) => format!("/account/factors/{id}"),
            Self::Sessions => "/account#sessions".to_owned(),
            Self::Devices => "/account/devices".to_owned(),
            Self::Contact(Kind::Email) => "/account/email".to_owned(),
            Self::Contact(Kind::Phone) => "/account/phone".to_owned(),
            Self::ChangePassword => "/account/password".to_owned(),
        }
    }
}

impl Desk {
    /// The errand that a link names, and the journey that it is a part of.
    pub(super) fn errand<'a>(&self, to: Option<&'a str>) -> Option<(Errand, Option<&'a str>)> {
        let to = to?;
        match to.split_once('.') {
            None => Some((Errand::by_name(to)?, None)),
            Some((name, onward)) => {
                self.journey(Some(onward))?;
                Some((Errand::by_name(name)?, Some(onward)))
            }
        }
    }

    /// What `identity` must still prove before `journey` can go on.
    pub(super) async fn toll<'a>(
        &'a self,
        journey: &Journey,
        identity: &Identity,
    ) -> Result<Option<Toll<'a>>, StoreError> {
        let Some(app) = self.apps.find(&journey.host) else { return Ok(None) };
        let visitor = Visitor::SignedIn(Arc::new(identity.clone()));
        let now = self.world.clock.now();
        let asking = journey.asks.as_ref().and_then(|asks| Some((app.enforced(&asks.policy)?, asks.label.clone())));
        let holding = asking.or_else(|| self.guess(app, journey, &visitor));
        let pays = journey.asks.as_ref().and_then(|asks| asks.pays);
        let demand = || journey.demand.as_ref().and_then(|wish| app.demand(wish));
        let of_the_application = || demand().and_then(|demand| demand.missing(&identity.session, now));
        let missing = match (holding.as_ref().map(|(policy, _)| policy.decide(&visitor, now)), pays) {
            (Some(Decision::StepUp(missing)), _) => Some(missing),
            (Some(Decision::Pay(unpaid)), Some(request))
                if !receipts::is_paid(&self.world, &unpaid, request).await? =>
            {
                Some(unpaid.missing(now))
            }
            // What the application asks for comes after its policy. What a request has to be paid for that nobody knows yet
            // is for the app host to say.
            (Some(Decision::Admit(_) | Decision::Pay(_)) | None, _) => of_the_application(),
            // So is whatever else comes of it.
            (Some(Decision::SignIn(_) | Decision::Deny(_)), _) => None,
        };
        let Some(missing) = missing else { return Ok(None) };
        let clause = holding.as_ref().and_then(|(policy, _)| policy.once());
        let bill = clause.zip(pays).map(|(clause, request)| Bill { request, any: clause.any.clone() });
        let proofs = session::proven(&identity.session.authentications, now).max_by_key(|proof| proof.at);
        let latest = proofs.and_then(|proof| Some((proof.method, proof.at.age(now)?)));
        Ok(Some(Toll { app: &app.title, label: holding.and_then(|(_, label)| label), missing, latest, bill }))
    }

    /// What will probably be asked for where somebody is heading, so that they prove it while they are here. The app host
    /// sees the request itself and has the last word.
    fn guess<'a>(
        &self,
        app: &'a App,
        journey: &Journey,
        visitor: &Visitor,
    ) -> Option<(&'a Arc<Policy>, Option<String>)> {
        let path = journey.path.as_str();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = CanonicalPath::parse(path, app.allowed).ok()?;
        query.map_or(Ok(()), check_query).ok()?;
        let (method, now) = (journey.method.as_str(), self.world.clock.now());
        let (fields, form, visitor) = (&NoFields, Form::Unread, Some(visitor));
        let call = Call { method, path: &path, query, fields, client: None, form, visitor, now };
        // What is not seen here must not be guessed at: somebody would be asked for what they need not prove.
        let is_unseen = |mismatch| match mismatch {
            Mismatch::Field | Mismatch::Network | Mismatch::Form | Mismatch::Unread => true,
            // Of what can't be gone back to only the path is written down.
            Mismatch::Query => journey.back.is_some(),
            _ => false,
        };
        let mut before = app.tries(&call).map_while(|(.., fit)| fit.err());
        if before.any(is_unseen) {
            return None;
        }
        let Matched { route, policy } = app.matched(&call).ok()??;
        Some((policy, route.and_then(|(_, route)| route.label.clone())))
    }

    /// Sends somebody who is signed in onward: to the app, to one more proof, or to their account.
    pub(super) async fn proceed(&self, identity: &Identity, to: Option<&str>) -> Result<Reply, StoreError> {
        if self.errand(to).is_some() {
            return Ok(onward("/challenge", to));
        }
        let Some(journey) = self.journey(to) else { return Ok(see_other("/account")) };
        if self.toll(&journey, identity).await?.is_some() {
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
        let page = RefusalPage { frame: self.frame(), refusal, login_id: None, way_out, reference, is_framed: false };
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
