//! Decides whether a request may pass.
//!
//! [`Policy::decide`] is a pure function of the policy, who is asking, and the time. It reads no clock, no store and
//! no configuration file, and it never logs: the caller records the [`Decision`].
//!
//! # Invariants
//!
//! - More proof never admits less.
//! - An older proof never admits more.
//! - A lock never admits more, and takes nothing from the level.
//! - A proof from the future is none.
//! - A riskier sign-in never admits more.
//! - A policy that only reports refuses nobody, and what it reports is what it would do.
//! - Only this module can make an [`Admission`]. Nothing reaches an upstream without one.
//! - Where a proof pays for one request, there is no admission before it is spent.

pub mod call;
pub mod ceiling;
pub mod demand;
pub mod glob;
pub mod hours;
pub mod index;
pub mod once;
pub mod route;
pub mod strength;
mod stricter;
pub mod who;

pub use ceiling::Ceiling;
pub use strength::{CustomLevel, Strength};
pub use who::Who;

use self::once::Unpaid;
use crate::domain::{
    factor::Method,
    risk::{Assessment, Score, Signal},
    session::{Authentication, Identity, Level, Limits, Session, Standing, proven},
    time::Timestamp,
    user::User,
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// A named requirement that routes point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the config file.
    pub name: String,
    /// What it demands.
    pub access: Access,
    /// Whether it is enforced.
    pub mode: Mode,
    /// What people are told whom it never lets pass, in the operator's words.
    pub message: Option<String>,
}

/// Whether a policy is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Enforce,
    /// It lets everything pass, and says what it would have done.
    Report,
}

impl Policy {
    /// The same policy where whoever is let in must have reached this level at least. Who needs no session at all still
    /// needs none.
    #[must_use]
    pub fn at_least(&self, level: Level) -> Self {
        let access = match &self.access {
            Access::Require(requirement) => Access::Require(requirement.at_least(level)),
            open @ (Access::Public | Access::Deny) => open.clone(),
        };
        Self { access, ..self.clone() }
    }
}

/// What a policy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Nothing. Such requests carry no identity, whoever sends them.
    Public,
    /// Nobody may pass.
    Deny,
    /// Somebody who has proven enough.
    Require(Requirement),
}

/// What somebody must have proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// How strong their session must be.
    pub level: Strength,
    /// How old a proof may be that counts towards the level; any age where there is none.
    pub max_age: Option<Duration>,
    /// How recent proofs must be: each of these, asked for in this order.
    pub fresh: Vec<Freshness>,
    /// For how long nobody may have used the session since somebody last showed that they are there; for as long as the
    /// session lives where there is none.
    pub idle: Option<Duration>,
    /// Whether a sign-in will do whose second step a remembered browser spared, and nobody has made since.
    pub remember: bool,
    /// Who may pass at all; everybody where there is none.
    pub who: Option<Who>,
    /// What a risky sign-in must have proven besides, and which may not pass at all.
    pub risk: Option<Ceiling>,
}

/// A proof by one of these methods, at most this old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Methods that count; never empty.
    pub any: Vec<Method>,
    /// How old the latest proof may be.
    pub within: Within,
}

/// How old a proof may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// At most this old.
    Age(Duration),
    /// Of this session, at whatever time.
    Session,
    /// Made for this very request, at most this long ago, and for no other.
    Once(Duration),
}

impl From<Duration> for Within {
    fn from(age: Duration) -> Self {
        Self::Age(age)
    }
}

impl Within {
    /// Whether a proof of this age is recent enough.
    pub fn includes(self, age: Duration) -> bool {
        match self {
            Self::Age(max) | Self::Once(max) => age <= max,
            Self::Session => true,
        }
    }
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Somebody with a live session.
    SignedIn(Arc<Identity>),
    /// Nobody we know, and why.
    Anonymous(WhyAnonymous),
}

impl Visitor {
    /// Whoever has this session, while it lives.
    pub fn of(identity: impl Into<Arc<Identity>>, limits: Limits, now: Timestamp) -> Self {
        let identity = identity.into();
        match identity.session.standing(limits, now) {
            Standing::Live => Self::SignedIn(identity),
            Standing::TooOld => Self::Anonymous(WhyAnonymous::TooOld),
            Standing::Idle => Self::Anonymous(WhyAnonymous::Idle),
        }
    }
}

/// Why a request carries no session. Logged, recorded, and used to word the sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyAnonymous {
    /// There is no session cookie.
    NoCookie,
    /// There is one that can't be ours, or there are two.
    BadCookie,
    /// There is a token of ours in its place that is over, for another host, or none.
    BadToken,
    /// No session has it: never issued here, rotated, signed out or revoked.
    Unknown,
    /// The session was too old.
    TooOld,
    /// The session was unused for too long.
    Idle,
    /// The account is disabled.
    Disabled,
}

/// What becomes of a request.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// It may pass.
    Admit(Admission),
    /// Somebody must sign in first.
    SignIn(WhyAnonymous),
    /// The session must first prove more.
    StepUp(Missing),
    /// It may pass if a proof was made for this very request.
    Pay(Unpaid),
    /// No proof would help.
    Deny(WhyDenied),
}

/// What a session lacks for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It is not strong enough.
    Level {
        /// What it amounts to; `None` where all of it is too old to count.
        reached: Option<Level>,
        /// What is asked for.
        wanted: Strength,
        /// How old a proof may be that counts, if that matters.
        max_age: Option<Duration>,
        /// The sign-in's risk, where it is that which asks for the level.
        risk: Option<Score>,
    },
    /// A remembered browser spared the second step, and nobody has made it since.
    SecondStep,
    /// No proof is recent enough.
    Fresh {
        /// What is asked for.
        wanted: Freshness,
        /// The latest proof that would count, and its age; `None` if there was none, or none since the session was locked.
        latest: Option<(Method, Duration)>,
    },
    /// Nobody used it for a while, and nobody has shown since that they are there.
    Idle {
        /// For how long nobody may.
        max: Duration,
        /// For how long nobody did.
        quiet: Duration,
    },
}

/// Why no proof would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyDenied {
    /// The policy lets nobody pass.
    Policy,
    /// The user is not among those it is for.
    Who,
    /// The sign-in was too unlike earlier ones.
    Risk,
}

/// Proof that policy let one request through.
///
/// The proxy asks for one before it picks an upstream. There is no constructor outside this module, so a code path
/// that skips policy does not compile:
///
/// ```compile_fail,E0451
/// let forged = doorward::domain::policy::Admission { identity: None, custom: None, instead: None };
/// ```
#[derive(Debug)]
#[must_use]
pub struct Admission {
    identity: Option<Arc<Identity>>,
    custom: Option<Arc<CustomLevel>>,
    instead: Option<Box<Decision>>,
}

impl Admission {
    /// Who was admitted; `None` on public routes.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// The operator's own level that was asked for and reached, if the policy asks for one.
    pub fn custom_level(&self) -> Option<&str> {
        self.custom.as_ref().map(|custom| custom.name.as_str())
    }

    /// What would have been decided, were the policy enforced and not only reported.
    pub fn instead(&self) -> Option<&Decision> {
        self.instead.as_deref()
    }
}

impl Policy {
    /// A policy that is enforced, and has nothing to say to those it refuses.
    pub fn new(name: impl Into<String>, access: Access) -> Self {
        Self { name: name.into(), access, mode: Mode::Enforce, message: None }
    }

    /// What it asks a proof for that pays for one request, if it does.
    pub fn once(&self) -> Option<&Freshness> {
        match &self.access {
            Access::Require(requirement) => requirement.once(),
            Access::Public | Access::Deny => None,
        }
    }

    /// Whether it lets this user pass only with more than a password, after a sign-in of this risk; after an ordinary one
    /// where that is `None`.
    pub fn asks_for_more_than_a_password(&self, user: &User, risk: Option<&Assessment>) -> bool {
        let is_meant = |requirement: &Requirement| requirement.who.as_ref().is_none_or(|who| who.includes(user));
        self.asked().is_some_and(|asked| is_meant(asked) && !asked.is_met_by_a_password(risk))
    }

    /// Whether there is anybody whom it asks for more, after any sign-in.
    pub fn may_ask_for_more_than_a_password(&self) -> bool {
        let riskiest = Assessment { score: Score::MAX, signals: Signal::ALL.to_vec() };
        self.asked().is_some_and(|asked| !asked.is_met_by_a_password(Some(&riskiest)))
    }

    fn asked(&self) -> Option<&Requirement> {
        match &self.access {
            Access::Require(requirement) if self.mode == Mode::Enforce => Some(requirement),
            Access::Require(_) | Access::Public | Access::Deny => None,
        }
    }

    /// The same policy for a request that nobody has to pay for: all but the clause that asks for that.
    #[must_use]
    pub fn without_once(&self) -> Self {
        let access = match &self.access {
            Access::Require(requirement) => {
                let fresh = requirement.fresh.iter().filter(|fresh| !fresh.is_once()).cloned().collect();
                Access::Require(Requirement { fresh, ..requirement.clone() })
            }
            open @ (Access::Public | Access::Deny) => open.clone(),
        };
        Self { access, ..self.clone() }
    }

    /// Whether this policy can be met without looking the visitor up.
    pub fn is_public(&self) -> bool {
        self.access == Access::Public
    }

    /// Whether it keeps nobody out: it is public, or it only reports.
    pub fn opens(&self) -> bool {
        self.is_public() || self.mode == Mode::Report
    }

    /// Decides for one visitor at one instant.
    pub fn decide(&self, visitor: &Visitor, now: Timestamp) -> Decision {
        match (self.mode, self.enforced(visitor, now)) {
            (Mode::Enforce, decision) | (Mode::Report, decision @ Decision::Admit(_)) => decision,
            (Mode::Report, instead) => {
                // Nothing is spent on what passes anyway.
                let instead = match instead {
                    Decision::Pay(unpaid) => Decision::StepUp(unpaid.missing(now)),
                    instead => instead,
                };
                let identity = match (visitor, &instead) {
                    // Somebody who has proven nothing that counts is nobody.
                    (Visitor::Anonymous(_), _) | (_, Decision::SignIn(_)) => None,
                    (Visitor::SignedIn(identity), _) => Some(Arc::clone(identity)),
                };
                Decision::Admit(Admission { identity, custom: None, instead: Some(Box::new(instead)) })
            }
        }
    }

    fn enforced(&self, visitor: &Visitor, now: Timestamp) -> Decision {
        let requirement = match &self.access {
            Access::Public => return Decision::Admit(Admission { identity: None, custom: None, instead: None }),
            Access::Deny => return Decision::Deny(WhyDenied::Policy),
            Access::Require(requirement) => requirement,
        };
        let identity = match visitor {
            Visitor::Anonymous(why) => return Decision::SignIn(*why),
            Visitor::SignedIn(identity) => identity,
        };
        if requirement.who.as_ref().is_some_and(|who| !who.includes(&identity.user)) {
            return Decision::Deny(WhyDenied::Who);
        }
        if requirement.risk.as_ref().is_some_and(|ceiling| ceiling.denies(&identity.session.risk)) {
            return Decision::Deny(WhyDenied::Risk);
        }
        match requirement.missing(&identity.session, now) {
            Ok(()) => {
                let custom = match &requirement.level {
                    Strength::Level(_) => None,
                    Strength::Custom(custom) => Some(Arc::clone(custom)),
                };
                let identity = Arc::clone(identity);
                match requirement.once() {
                    Some(clause) => Decision::Pay(Unpaid { identity, custom, clause: clause.clone() }),
                    None => Decision::Admit(Admission { identity: Some(identity), custom, instead: None }),
                }
            }
            Err(Lack::Everything) => Decision::SignIn(WhyAnonymous::TooOld),
            Err(Lack::Some(missing)) => Decision::StepUp(missing),
        }
    }
}

/// What a list of authentications lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It proves nothing at all.
    Everything,
    /// It proves something, and not enough.
    Some(Missing),
}

impl Requirement {
    /// This level and nothing else, of anybody.
    pub fn at(level: impl Into<Strength>) -> Self {
        let (level, fresh, remember) = (level.into(), Vec::new(), true);
        Self { level, max_age: None, fresh, idle: None, remember, who: None, risk: None }
    }

    /// The same, and this level besides.
    #[must_use]
    pub fn at_least(&self, level: Level) -> Self {
        Self { level: self.level.at_least(level), ..self.clone() }
    }

    /// The clause that wants a proof for each request, if there is one.
    pub fn once(&self) -> Option<&Freshness> {
        self.fresh.iter().find(|fresh| fresh.is_once())
    }

    /// What `session` lacks at `now`: the level first, then what its risk asks for, then a second step that it was spared, then
    /// each freshness in its order, then that somebody is there, for most proofs show that too. What pays for one request is
    /// no matter of a session.
    pub fn missing(&self, session: &Session, now: Timestamp) -> Result<(), Lack> {
        let authentications = &session.authentications;
        let reached = Level::reached(authentications, now).ok_or(Lack::Everything)?;
        let lacks = |wanted: &Strength, risk| match (wanted, self.max_age) {
            // The way of most requests, without a list of methods.
            (Strength::Level(level), None) if reached >= *level => Ok(()),
            (wanted, max_age) => {
                let methods = counting(authentications, max_age, now);
                if wanted.met_by(&methods) {
                    return Ok(());
                }
                let reached = Level::shown_by(methods.into_iter());
                Err(Lack::Some(Missing::Level { reached, wanted: wanted.clone(), max_age, risk }))
            }
        };
        lacks(&self.level, None)?;
        if let Some(level) = self.risk.as_ref().and_then(|ceiling| ceiling.asks(&session.risk)) {
            lacks(&level.into(), Some(session.risk.score))?;
        }
        let fresh = || self.fresh.iter().find_map(|fresh| fresh.missing(session, now));
        let presence = || self.missing_presence(session, now);
        let missing = self.missing_second_step(session, now).or_else(fresh).or_else(presence);
        missing.map_or(Ok(()), |missing| Err(Lack::Some(missing)))
    }

    fn is_met_by_a_password(&self, risk: Option<&Assessment>) -> bool {
        let password = [Method::Password];
        let answer = self.risk.as_ref().zip(risk).and_then(|(ceiling, risk)| ceiling.asks(risk));
        self.level.met_by(&password)
            && self.fresh.iter().all(|fresh| fresh.any.contains(&Method::Password))
            && answer.is_none_or(|level| Strength::from(level).met_by(&password))
    }

    /// What a remembered browser spared somebody, where that is not enough: any proof but a password makes up for it.
    fn missing_second_step(&self, session: &Session, now: Timestamp) -> Option<Missing> {
        (!self.remember && session.owes_second_step(now)).then_some(Missing::SecondStep)
    }

    fn missing_presence(&self, session: &Session, now: Timestamp) -> Option<Missing> {
        let max = self.idle?;
        let quiet = session.quiet(now);
        (quiet > max).then_some(Missing::Idle { max, quiet })
    }
}

impl Freshness {
    /// The latest proof that would count, and its age.
    pub fn latest(&self, session: &Session, now: Timestamp) -> Option<(Method, Duration)> {
        session.latest_fresh(&self.any, now).and_then(|proof| Some((proof.method, proof.at.age(now)?)))
    }

    /// Whether a proof pays for one request.
    pub const fn is_once(&self) -> bool {
        matches!(self.within, Within::Once(_))
    }

    fn missing(&self, session: &Session, now: Timestamp) -> Option<Missing> {
        if self.is_once() {
            return None;
        }
        match self.latest(session, now) {
            Some((_, age)) if self.within.includes(age) => None,
            latest => Some(Missing::Fresh { wanted: self.clone(), latest }),
        }
    }
}

/// Methods of the proofs that are no older than `max_age`.
fn counting(authentications: &[Authentication], max_age: Option<Duration>, now: Timestamp) -> Vec<Method> {
    proven(authentications, now)
        .filter(|proof| max_age.is_none_or(|max| proof.at.age(now).is_some_and(|age| age <= max)))
        .map(|proof| proof.method)
        .collect()
}

impl Missing {
    /// Whether a proof by `method`, now, would do, or be the first half of what would.
    pub fn helped_by(&self, method: Method, authentications: &[Authentication], now: Timestamp) -> bool {
        match self {
            Self::Fresh { wanted, .. } => wanted.any.contains(&method),
            Self::Level { wanted, max_age, .. } => wanted.helped_by(method, &counting(authentications, *max_age, now)),
            Self::SecondStep => method != Method::Password,
            Self::Idle { .. } => method.shows_presence(),
        }
    }

    /// The methods that help: what a page names for somebody who has enrolled none of them.
    pub fn needs(&self, authentications: &[Authentication], now: Timestamp) -> Vec<Method> {
        Method::ALL.iter().copied().filter(|method| self.helped_by(*method, authentications, now)).collect()
    }
}

#[cfg(test)]
mod tests;
