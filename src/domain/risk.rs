//! How unlike somebody's earlier sign-ins this one is, and what an operator makes of that.
//!
//! [`assess`] is a pure function of what is known of the past, of the sign-in, and of the operator's weights. It says which
//! signals show and how much they weigh together; [`Rules`] say what that calls for. A sign-in is assessed once, when its
//! first proof is right, and its session keeps the answer for as long as it lives.
//!
//! # Invariants
//!
//! - More signals never score less.
//! - Where nothing is known of the past, nothing is new. Where they only were away for too long to compare, everything is.
//! - Nobody becomes usual by trying again: what somebody did in doubt counts only after the doubt is over.
//! - Only what is compared is kept: [`Trace`] holds a browser's mark, a subnet, a country, a rough point and a time.

mod whereabouts;

pub use whereabouts::{Coordinates, Country, Subnet, Trace, Whereabouts};

use crate::domain::{secret::TokenHash, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

/// How long ago a wrong try still counts.
pub const FAILURES_WITHIN: Duration = Duration::from_hours(1);
/// So many wrong tries in that time are many. Fewer are a slip of the finger.
pub const FAILURES_MANY: usize = 5;

/// Something about a sign-in that may mean that it is somebody else's. The names are in config files, tables and logs: they
/// never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// They did not sign in with this browser lately.
    NewDevice,
    /// They did not sign in from this country lately.
    NewCountry,
    /// They did not sign in from this network lately, nor from its neighbours.
    NewNetwork,
    /// Nobody could have come here in the time since their last sign-in.
    ImpossibleTravel,
    /// The address is on one of the operator's lists.
    ListedAddress,
    /// Their password was changed since they last signed in.
    PasswordChanged,
    /// Many wrong tries were made on the account within the hour.
    RecentFailures,
}

impl Signal {
    /// Every signal.
    pub const ALL: &[Self] = &[
        Self::NewDevice,
        Self::NewCountry,
        Self::NewNetwork,
        Self::ImpossibleTravel,
        Self::ListedAddress,
        Self::PasswordChanged,
        Self::RecentFailures,
    ];

    /// The name in config files and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewDevice => "new-device",
            Self::NewCountry => "new-country",
            Self::NewNetwork => "new-network",
            Self::ImpossibleTravel => "impossible-travel",
            Self::ListedAddress => "listed-address",
            Self::PasswordChanged => "password-changed",
            Self::RecentFailures => "recent-failures",
        }
    }

    /// The signal of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|signal| signal.name() == name)
    }

    /// Whether it takes a file that says where addresses are.
    pub const fn needs_geography(self) -> bool {
        match self {
            Self::NewCountry | Self::ImpossibleTravel => true,
            Self::NewDevice | Self::NewNetwork | Self::ListedAddress | Self::PasswordChanged | Self::RecentFailures => {
                false
            }
        }
    }

    fn shows(self, past: &Past, now: &Now) -> bool {
        let traces = || past.traces.iter().filter(|trace| trace.is_compared(now.at));
        let last = traces().max_by_key(|trace| trace.at);
        let last_at = past.last_at(now.at);
        let (is_first, was_away) = (last_at.is_none(), last_at.is_some() && last.is_none());
        let country = now.whereabouts.as_ref().map(|here| &here.country);
        let mut countries = traces().filter_map(|trace| trace.whereabouts.as_ref()).map(|there| &there.country);
        match self {
            Self::NewDevice => !is_first && traces().all(|trace| Some(trace.browser) != now.browser),
            Self::NewNetwork => !is_first && traces().all(|trace| trace.subnet != now.subnet),
            Self::NewCountry => country.is_some_and(|country| {
                // Where no country is known yet, this one is no news.
                let is_another =
                    countries.next().is_some_and(|first| first != country && countries.all(|other| other != country));
                was_away || is_another
            }),
            Self::ImpossibleTravel => last.is_some_and(|last| {
                let within = last.at.age(now.at);
                within.is_some_and(|within| whereabouts::is_too_far(last, now.whereabouts.as_ref(), within))
            }),
            Self::ListedAddress => now.is_listed,
            Self::PasswordChanged => last_at.is_some_and(|last_at| past.password_changed_at > Some(last_at)),
            Self::RecentFailures => {
                let is_recent = |at: &&Timestamp| at.age(now.at).is_some_and(|age| age <= FAILURES_WITHIN);
                past.wrong_tries.iter().filter(is_recent).count() >= FAILURES_MANY
            }
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much signals weigh, alone or together: 0 is nothing, 100 the most there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Score(u8);

impl Score {
    /// The most there is.
    pub const MAX: Self = Self(100);

    /// A score; `None` above [`Score::MAX`].
    pub const fn new(score: u8) -> Option<Self> {
        if score <= Self::MAX.0 { Some(Self(score)) } else { None }
    }

    /// Both together, and never more than [`Score::MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0)).min(Self::MAX)
    }
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// Why a number is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a score is at most 100")]
pub struct NotAScore;

impl TryFrom<u8> for Score {
    type Error = NotAScore;

    fn try_from(score: u8) -> Result<Self, NotAScore> {
        Self::new(score).ok_or(NotAScore)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What each signal weighs; nothing where it is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights(pub BTreeMap<Signal, Score>);

impl Weights {
    /// What these signals weigh together.
    pub fn of<'a>(&self, signals: impl IntoIterator<Item = &'a Signal>) -> Score {
        let weights = signals.into_iter().filter_map(|signal| self.0.get(signal));
        weights.fold(Score::default(), |sum, weight| sum.plus(*weight))
    }
}

/// What is known of somebody before a sign-in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// What their earlier sign-ins left behind; nothing before the first. What does not count yet is left aside, and what is
    /// too old to compare with only says that there was one.
    pub traces: Vec<Trace>,
    /// When the last of those was left that are kept no more.
    pub last_forgotten: Option<Timestamp>,
    /// When wrong tries were made on the account.
    pub wrong_tries: Vec<Timestamp>,
    /// When their password became what it is.
    pub password_changed_at: Option<Timestamp>,
}

impl Past {
    /// When they last signed in, as far as that counts; `None` before the first time.
    fn last_at(&self, now: Timestamp) -> Option<Timestamp> {
        let counting = self.traces.iter().filter(|trace| trace.counts_from <= now);
        counting.map(|trace| trace.at).max().max(self.last_forgotten)
    }
}

/// A sign-in.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    /// When.
    pub at: Timestamp,
    /// With which browser; `None` for one without a mark of ours.
    pub browser: Option<TokenHash>,
    /// From which network.
    pub subnet: Subnet,
    /// From where, if anybody can say.
    pub whereabouts: Option<Whereabouts>,
    /// Whether the address is on a list of the operator's.
    pub is_listed: bool,
}

/// What a sign-in shows. It is all of it zero where nobody asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assessment {
    /// How much that weighs.
    pub score: Score,
    /// Which signals, in the order of [`Signal::ALL`].
    pub signals: Vec<Signal>,
}

impl Assessment {
    /// What these signals amount to.
    pub fn of(signals: Vec<Signal>, weights: &Weights) -> Self {
        Self { score: weights.of(&signals), signals }
    }

    /// Whether nothing was unlike earlier sign-ins, or nobody asked.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Assessment {
    /// `50, for new-device and new-country`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.signals.iter().map(|signal| signal.name()).collect();
        match names.as_slice() {
            [] => self.score.fmt(f),
            names => write!(f, "{}, for {}", self.score, names.join(" and ")),
        }
    }
}

/// Assesses one sign-in.
pub fn assess(past: &Past, now: &Now, weights: &Weights) -> Assessment {
    let shows = |signal: &Signal| signal.shows(past, now);
    Assessment::of(Signal::ALL.iter().copied().filter(shows).collect(), weights)
}

/// What an assessment can call for at sign-in. Each stands for itself: who is refused is told by mail only where that is
/// called for, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A letter to the account's owner.
    Notify,
    /// A second factor, whoever else goes without.
    Require,
    /// A refusal.
    Deny,
}

impl Act {
    /// All three.
    pub const ALL: &[Self] = &[Self::Notify, Self::Require, Self::Deny];

    /// The name in config files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Require => "require",
            Self::Deny => "deny",
        }
    }
}

/// What the operator makes of assessments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// What each signal weighs.
    pub weights: Weights,
    /// From which score on each of these is done; never where it is not said.
    pub from: BTreeMap<Act, Score>,
    /// What a signal calls for by itself, whatever the score.
    pub on: BTreeMap<Signal, Act>,
}

impl Rules {
    /// What this assessment calls for.
    pub fn acts(&self, assessment: &Assessment) -> Vec<Act> {
        Act::ALL.iter().copied().filter(|act| self.call_for(*act, assessment)).collect()
    }

    /// Whether this assessment calls for this.
    pub fn call_for(&self, act: Act, assessment: &Assessment) -> bool {
        self.from.get(&act).is_some_and(|from| assessment.score >= *from)
            || assessment.signals.iter().any(|signal| self.on.get(signal) == Some(&act))
    }

    /// Whether anything calls for this.
    pub fn ever_call_for(&self, act: Act) -> bool {
        self.from.contains_key(&act) || self.on.values().any(|called_for| *called_for == act)
    }
}

#[cfg(test)]
mod tests;
