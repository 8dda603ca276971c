//! Records of decisions: what a request was decided on, and how, so that it can be decided again.
//!
//! A record holds no password, code, cookie, token, session id or whole query (LO-03); of query and header fields only what
//! [`extract`](super::policy::call::extract) keeps.
//!
//! # Invariants
//!
//! - Under the policies that made it, a record is decided again as the request was.

mod written;

use crate::domain::{
    event::by_name,
    factor::{FactorId, Method},
    place::Place,
    policy::{
        Decision, Visitor, WhyAnonymous,
        call::{extract::Extract, verdicts::Verdicts},
        demand::Wish,
    },
    risk::Assessment,
    session::{Activity, Authentication, Identity, Limits, Session, SessionId},
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, time::Duration};
use uuid::Uuid;
use written::{instant, login_id, maybe_instant};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It reaches the application.
    Forward,
    /// It reaches the application only because the policy is not enforced.
    Report,
    /// People must sign in.
    SignIn,
    /// People must prove more.
    StepUp,
    /// No proof would help.
    Deny,
    /// There is no such app, or no route.
    NotFound,
    /// It is ambiguous or malformed, or something kept it from being decided.
    Refuse,
    /// It is the gateway's own.
    Gateway,
}

impl Outcome {
    /// What policy's decision comes to.
    pub fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Admit(admission) if admission.instead().is_some() => Self::Report,
            Decision::Admit(_) => Self::Forward,
            Decision::SignIn(_) => Self::SignIn,
            Decision::StepUp(_) | Decision::Pay(_) => Self::StepUp,
            Decision::Deny(_) => Self::Deny,
        }
    }

    /// The name in config files, in records and in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Report => "report",
            Self::SignIn => "sign-in",
            Self::StepUp => "step-up",
            Self::Deny => "deny",
            Self::NotFound => "not-found",
            Self::Refuse => "refuse",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One request that was decided on. The names that serde gives are in files that people keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The request's id, as pages and log lines show it.
    pub id: String,
    /// When it was decided.
    #[serde(with = "instant")]
    pub at: Timestamp,
    /// The app.
    pub app: String,
    /// The host and port it was sent to.
    pub host: String,
    /// Its method.
    pub method: String,
    /// Its canonical path; where it has none, as it was sent.
    pub path: String,
    /// What conditions name of its query and header fields.
    #[serde(default, skip_serializing_if = "Extract::is_empty")]
    pub extract: Extract,
    /// What conditions said of its form, where somebody looked into it.
    #[serde(default, skip_serializing_if = "Verdicts::is_empty")]
    pub form: Verdicts,
    /// For whom it was made.
    pub client: IpAddr,
    /// Who sent it; `None` where nobody looked, since the route was public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
    /// Whether it opened a WebSocket from a page of another site, which may not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// Whether a proof was spent on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paid: bool,
    /// What the application asked for in its answer. The request itself was let through, and has a record of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demanded>,
    /// What kept it from being decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hitch: Option<Hitch>,
    /// What became of it.
    pub outcome: Outcome,
    /// What would have, were the policy enforced that only reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Outcome>,
    /// Path of the route that decided; none where it was the app's own policy, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// What an application asked for beside its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demanded {
    /// A level, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// How old a proof may be, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
}

impl From<Wish> for Demanded {
    fn from(Wish { level, within }: Wish) -> Self {
        Self { level, within: within.map(|within| within.as_secs()) }
    }
}

impl Demanded {
    /// The same, to be asked of an app.
    pub fn wish(&self) -> Wish {
        Wish { level: self.level.clone(), within: self.within.map(Duration::from_secs) }
    }
}

/// What keeps a request from being decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hitch {
    /// Its body is longer than is taken, or than is read beforehand.
    TooLarge,
    /// Its body stopped coming.
    TooSlow,
    /// Its body broke off, or can't be read.
    BrokenOff,
    /// The store did not answer.
    Store,
    /// It brought a token that is not taken.
    Token,
    /// Its `Connection` names a field of the message.
    Nominated,
    /// There was no room to read its body beforehand.
    NoRoom,
}

impl fmt::Display for Hitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "its body was too large",
            Self::TooSlow => "its body stopped coming",
            Self::BrokenOff => "its body broke off",
            Self::Store => "the store did not answer",
            Self::Token => "its token was not taken",
            Self::Nominated => "its `Connection` names a field of the message",
            Self::NoRoom => "there was no room to read its body",
        })
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// Somebody with a live session.
    SignedIn(Person),
    /// Nobody we know, and why.
    Nobody(WhyAnonymous),
}

/// Somebody, and what their session had proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their login id.
    #[serde(with = "login_id")]
    pub user: LoginId,
    /// Their groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// When the session began.
    #[serde(with = "instant")]
    pub since: Timestamp,
    /// What was proven in it.
    pub proofs: Vec<Proof>,
    /// When it was last locked, if ever.
    #[serde(default, with = "maybe_instant", skip_serializing_if = "Option::is_none")]
    pub locked: Option<Timestamp>,
    /// Whether a remembered browser spared its owner the second step.
    #[serde(default, skip_serializing_if = "is_false")]
    pub spared: bool,
    /// When a request last used it or a stream of it was open, where that is recorded.
    #[serde(default, with = "maybe_instant", skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// When somebody last used it, where that is recorded.
    #[serde(default, with = "maybe_instant", skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
    /// The longest time before that in which nobody did, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quiet: u64,
    /// How unlike earlier ones the sign-in was, if at all.
    #[serde(default, skip_serializing_if = "Assessment::is_zero")]
    pub risk: Assessment,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(quiet: &u64) -> bool {
    *quiet == 0
}

/// One proof at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    #[serde(with = "by_name")]
    pub method: Method,
    /// When.
    #[serde(with = "instant")]
    pub at: Timestamp,
}

impl From<&Visitor> for Sender {
    fn from(visitor: &Visitor) -> Self {
        let identity = match visitor {
            Visitor::SignedIn(identity) => identity,
            Visitor::Anonymous(why) => return Self::Nobody(*why),
        };
        let Identity { user, session } = identity.as_ref();
        let proof = |proof: &Authentication| Proof { method: proof.method, at: proof.at };
        Self::SignedIn(Person {
            user: user.login_id.clone(),
            groups: user.groups.clone(),
            since: session.started_at,
            proofs: session.authentications.iter().map(proof).collect(),
            locked: session.locked_at,
            spared: session.spared,
            seen: Some(session.seen_at),
            used: Some(session.activity.at),
            quiet: u64::try_from(session.activity.quiet_max.as_millis()).unwrap_or(u64::MAX),
            risk: session.risk.clone(),
        })
    }
}

impl Sender {
    /// Who it was, if anybody.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::SignedIn(person) => Some(person),
            Self::Nobody(_) => None,
        }
    }

    /// The visitor that a decision is made on, where sessions live so long.
    pub fn visitor(&self, limits: Limits, now: Timestamp) -> Visitor {
        match self {
            Self::SignedIn(person) => Visitor::of(person.identity(now), limits, now),
            Self::Nobody(why) => Visitor::Anonymous(*why),
        }
    }
}

impl Person {
    /// What is decided on. Where nobody wrote down when the session was last seen, it was in use.
    pub fn identity(&self, now: Timestamp) -> Identity {
        let (user, factor) = (UserId(Uuid::nil()), FactorId(Uuid::nil()));
        let session = Session {
            id: SessionId(Uuid::nil()),
            user,
            authentications: self
                .proofs
                .iter()
                .map(|proof| Authentication { method: proof.method, factor, at: proof.at })
                .collect(),
            started_at: self.since,
            seen_at: self.seen.unwrap_or(now),
            activity: Activity { at: self.used.unwrap_or(now), quiet_max: Duration::from_millis(self.quiet) },
            locked_at: self.locked,
            spared: self.spared,
            place: Place::default(),
            risk: self.risk.clone(),
        };
        let user = User {
            id: user,
            login_id: self.user.clone(),
            name: self.user.to_string(),
            email: None,
            groups: self.groups.clone(),
            language: None,
            disabled: false,
            created_at: self.since,
        };
        Identity { user, session }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::Level;
    use std::time::Duration;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn record() -> Record {
        let proof = |method, minutes| Proof { method, at: NOON - Duration::from_mins(minutes) };
        Record {
            id: "7F3K-9QXA-2MT4".into(),
            at: NOON,
            app: "payroll".into(),
            host: "payroll.example.com".into(),
            method: "POST".into(),
            path: "/transfers/42".into(),
            extract: Extract::default(),
            form: Verdicts::default(),
            client: [192, 0, 2, 7].into(),
            sender: Some(Sender::SignedIn(Person {
                user: LoginId::parse("ann").unwrap(),
                groups: vec!["finance".into()],
                since: NOON - Duration::from_hours(3),
                proofs: vec![proof(Method::Password, 180), proof(Method::Totp, 12)],
                locked: None,
                spared: false,
                seen: Some(NOON),
                used: Some(NOON),
                quiet: 0,
                risk: Assessment::default(),
            })),
            foreign: false,
            paid: false,
            demand: None,
            hitch: None,
            outcome: Outcome::StepUp,
            instead: None,
            route: Some("/transfers/**".into()),
            policy: Some("payments".into()),
        }
    }

    #[test]
    fn the_names_in_files_stay_as_they_are() {
        let (person, nobody) = (record(), Sender::Nobody(WhyAnonymous::NoCookie));
        let stranger = Record { sender: Some(nobody), outcome: Outcome::SignIn, foreign: true, ..record() };
        let public = Record { sender: None, outcome: Outcome::Forward, route: None, ..record() };

        let lines = [&person, &stranger, &public].map(|record| serde_json::to_string(record).unwrap());

        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"id":"7F3K-9QXA-2MT4","at":"2023-11-14T22:13:20.123Z","app":"payroll","host":"payroll.example.com","method":"POST","path":"/transfers/42","client":"192.0.2.7","sender":{"signed-in":{"user":"ann","groups":["finance"],"since":"2023-11-14T19:13:20.123Z","proofs":[{"method":"password","at":"2023-11-14T19:13:20.123Z"},{"method":"totp","at":"2023-11-14T22:01:20.123Z"}],"seen":"2023-11-14T22:13:20.123Z","used":"2023-11-14T22:13:20.123Z"}},"outcome":"step-up","route":"/transfers/**","policy":"payments"}
        {"id":"7F3K-9QXA-2MT4","at":"2023-11-14T22:13:20.123Z","app":"payroll","host":"payroll.example.com","method":"POST","path":"/transfers/42","client":"192.0.2.7","sender":{"nobody":"no-cookie"},"foreign":true,"outcome":"sign-in","route":"/transfers/**","policy":"payments"}
        {"id":"7F3K-9QXA-2MT4","at":"2023-11-14T22:13:20.123Z","app":"payroll","host":"payroll.example.com","method":"POST","path":"/transfers/42","client":"192.0.2.7","outcome":"forward","policy":"payments"}
        "#);
        for (line, record) in lines.iter().zip([person, stranger, public]) {
            assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
        }
    }

    #[test]
    fn a_record_brings_back_who_was_there() {
        let limits = |hours| Limits { lifetime: Duration::from_hours(hours), idle: Duration::from_mins(30) };
        let sender = record().sender.unwrap();

        let Visitor::SignedIn(identity) = sender.visitor(limits(12), NOON) else { panic!("{sender:?}") };

        assert_eq!(Level::reached(&identity.session.authentications, NOON), Some(Level::Mfa));
        assert_eq!(Sender::from(&Visitor::SignedIn(identity)), sender);
        assert!(matches!(sender.visitor(limits(2), NOON), Visitor::Anonymous(WhyAnonymous::TooOld)));
    }
}
