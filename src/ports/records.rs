//! Where records of decisions go.

use crate::domain::record::{Outcome, Record};

/// Takes records, and never lets a request wait for one.
pub trait Records: Send + Sync {
    /// Whether a decision that came to this is kept: making a record of it costs something.
    fn wants(&self, outcome: Outcome) -> bool;

    /// Keeps a record, or drops it and counts it where there is no room.
    fn keep(&self, record: Record);
}
