//! Decides whether a request may pass.
//!
//! [`Policy::decide`] is a pure function of the policy, who is asking, and the time. It reads no clock, no store and
//! no configuration file, and it never logs: the caller records the [`Decision`].
//!
//! # Invariants
//!
//! - More proof never admits less.
//! - An older proof never admits more.
//! - A proof from the future is none.
//! - Only this module can make an [`Admission`]. Nothing reaches an upstream without one.

pub mod demand;
pub mod glob;
pub mod route;

use crate::domain::{
    factor::Method,
    session::{Authentication, Identity, Level, latest, proven},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// A named requirement that routes point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the config file.
    pub name: String,
    /// What it demands.
    pub access: Access,
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
    pub level: Level,
    /// How recent a proof must be, if at all.
    pub fresh: Option<Freshness>,
    /// Groups of which they must be in one; nobody is left out where it is empty.
    pub groups: Vec<String>,
}

/// A proof by one of these methods, at most this old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Methods that count; never empty.
    pub any: Vec<Method>,
    /// How old the latest proof may be.
    pub within: Duration,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Somebody with a live session.
    SignedIn(Arc<Identity>),
    /// Nobody we know, and why.
    Anonymous(WhyAnonymous),
}

/// Why a request carries no session. Logged, and used to word the sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyAnonymous {
    /// There is no session cookie.
    NoCookie,
    /// There is one that can't be ours, or there are two.
    BadCookie,
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
    /// No proof would help.
    Deny(WhyDenied),
}

/// What a session lacks for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It is not strong enough.
    Level {
        /// What it amounts to.
        reached: Level,
        /// What is asked for.
        wanted: Level,
    },
    /// No proof is recent enough.
    Fresh {
        /// What is asked for.
        wanted: Freshness,
        /// The latest proof that would count, and its age; `None` if there never was one.
        latest: Option<(Method, Duration)>,
    },
}

/// Why no proof would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyDenied {
    /// The policy lets nobody pass.
    Policy,
    /// The user is in none of the groups.
    Groups,
}

/// Proof that policy let one request through.
///
/// The proxy asks for one before it picks an upstream. There is no constructor outside this module, so a code path
/// that skips policy does not compile:
///
/// ```compile_fail,E0451
/// let forged = doorward::domain::policy::Admission { identity: None };
/// ```
#[derive(Debug)]
#[must_use]
pub struct Admission {
    identity: Option<Arc<Identity>>,
}

impl Admission {
    /// Who was admitted; `None` on public routes.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }
}

impl Policy {
    /// Whether this policy can be met without looking the visitor up.
    pub fn is_public(&self) -> bool {
        self.access == Access::Public
    }

    /// Decides for one visitor at one instant.
    pub fn decide(&self, visitor: &Visitor, now: Timestamp) -> Decision {
        let requirement = match &self.access {
            Access::Public => return Decision::Admit(Admission { identity: None }),
            Access::Deny => return Decision::Deny(WhyDenied::Policy),
            Access::Require(requirement) => requirement,
        };
        let identity = match visitor {
            Visitor::Anonymous(why) => return Decision::SignIn(*why),
            Visitor::SignedIn(identity) => identity,
        };
        if !requirement.permits(&identity.user.groups) {
            return Decision::Deny(WhyDenied::Groups);
        }
        match requirement.missing(&identity.session.authentications, now) {
            Ok(()) => Decision::Admit(Admission { identity: Some(Arc::clone(identity)) }),
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
    /// Whether somebody in `groups` may pass at all.
    pub fn permits(&self, groups: &[String]) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }

    /// What `authentications` lack at `now`.
    pub fn missing(&self, authentications: &[Authentication], now: Timestamp) -> Result<(), Lack> {
        let reached = Level::reached(authentications, now).ok_or(Lack::Everything)?;
        if reached < self.level {
            return Err(Lack::Some(Missing::Level { reached, wanted: self.level }));
        }
        let Some(fresh) = &self.fresh else { return Ok(()) };
        let latest =
            latest(authentications, &fresh.any, now).and_then(|proof| Some((proof.method, proof.at.age(now)?)));
        match latest {
            Some((_, age)) if age <= fresh.within => Ok(()),
            _ => Err(Lack::Some(Missing::Fresh { wanted: fresh.clone(), latest })),
        }
    }
}

impl Missing {
    /// Whether a proof by `method`, now, would do.
    pub fn helped_by(&self, method: Method, authentications: &[Authentication], now: Timestamp) -> bool {
        match self {
            Self::Fresh { wanted, .. } => wanted.any.contains(&method),
            Self::Level { wanted, .. } => {
                let methods = proven(authentications, now).map(|proof| proof.method);
                Level::shown_by(methods.chain([method])) >= Some(*wanted)
            }
        }
    }
}

#[cfg(test)]
mod tests;
