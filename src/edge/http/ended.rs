//! Sessions that ended or were locked a moment ago.

use crate::domain::session::SessionId;
use foldhash::fast::RandomState;
use moka::sync::Cache;
use std::time::Duration;

/// How long an identity may be taken from memory before the store is asked again. What one node ends, every other
/// node has noticed after this.
pub const CACHED_FOR: Duration = Duration::from_secs(1);

/// Sessions that ended or were locked a moment ago: what the portal takes from them, the data plane of this node stops
/// letting through at once, not only when its cached copy has run out.
#[derive(Debug, Clone)]
pub struct Ended(Cache<SessionId, (), RandomState>);

impl Default for Ended {
    fn default() -> Self {
        let cache = Cache::builder().time_to_live(CACHED_FOR * 2).max_capacity(100_000);
        Self(cache.build_with_hasher(RandomState::default()))
    }
}

impl Ended {
    /// Notes that a session ended, or was locked.
    pub fn note(&self, session: SessionId) {
        self.0.insert(session, ());
    }

    /// Whether a session ended or was locked a moment ago: what is remembered of it may be wrong.
    pub fn has(&self, session: SessionId) -> bool {
        self.0.contains_key(&session)
    }
}
