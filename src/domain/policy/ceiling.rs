//! What a policy asks of a session whose sign-in was unlike its owner's earlier ones.
//!
//! The risk of a session is that of its sign-in, and stays what it was. It is answered by what was proven since its first
//! proof was right: whoever has reached the ceiling's level passes, in the same sign-in or by a step-up. A refusal is answered
//! by nothing.

use crate::domain::{
    risk::{Assessment, Score, Signal},
    session::Level,
};
use std::collections::BTreeSet;

/// From which score on, and at which signals, a session needs more, and where no proof would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// From this score on the session must have reached [`level`](Self::level); never where there is none.
    pub ask: Option<Score>,
    /// What answers the risk.
    pub level: Level,
    /// From this score on it never passes.
    pub deny: Option<Score>,
    /// Signals that ask for the level whatever the score.
    pub ask_on: BTreeSet<Signal>,
    /// Signals with which it never passes.
    pub deny_on: BTreeSet<Signal>,
}

impl Ceiling {
    /// What a session of this risk must have reached, if anything.
    pub fn asks(&self, risk: &Assessment) -> Option<Level> {
        reached(risk, self.ask, &self.ask_on).then_some(self.level)
    }

    /// Whether a session of this risk never passes.
    pub fn denies(&self, risk: &Assessment) -> bool {
        reached(risk, self.deny, &self.deny_on)
    }

    /// Whether some risk asks for more.
    pub fn ever_asks(&self) -> bool {
        self.ask.is_some() || !self.ask_on.is_empty()
    }
}

fn reached(risk: &Assessment, from: Option<Score>, on: &BTreeSet<Signal>) -> bool {
    from.is_some_and(|from| risk.score >= from) || risk.signals.iter().any(|signal| on.contains(signal))
}
