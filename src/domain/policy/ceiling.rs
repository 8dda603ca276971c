//! What a policy asks of a session whose sign-in was unlike its owner's earlier ones.
//!
//! The risk of a session is that of its sign-in, and stays what it was. It is answered by what was proven since its first
//! proof was right: whoever has reached the ceiling's level passes, in the same sign-in or by a step-up. A refusal is answered
//! by nothing.

use crate::domain::{risk::Score, session::Level};

/// From which score on a session needs more, and from which no proof would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// From this score on the session must have reached [`level`](Self::level); never where there is none.
    pub ask: Option<Score>,
    /// What answers the risk.
    pub level: Level,
    /// From this score on it never passes.
    pub deny: Option<Score>,
}

impl Ceiling {
    /// What a session of this risk must have reached, if anything.
    pub fn asks(self, score: Score) -> Option<Level> {
        self.ask.is_some_and(|ask| score >= ask).then_some(self.level)
    }

    /// Whether a session of this risk never passes.
    pub fn denies(self, score: Score) -> bool {
        self.deny.is_some_and(|deny| score >= deny)
    }
}
