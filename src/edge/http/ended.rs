//! Sessions that ended a moment ago.

use super::streams::{Bond, Streams};
use crate::domain::session::{Identity, SessionId};
use moka::sync::Cache;
use std::{sync::Arc, time::Duration};

/// How long an identity may be taken from memory before the store is asked again. What one node ends, every other
/// node has noticed after this.
pub const CACHED_FOR: Duration = Duration::from_secs(1);

/// Sessions that ended a moment ago: what the portal ends, the data plane of this node stops letting through at once, not
/// only when its cached copy has run out; and what is open of it is cut.
#[derive(Debug, Clone)]
pub struct Ended {
    recent: Cache<SessionId, ()>,
    streams: Streams,
}

impl Default for Ended {
    fn default() -> Self {
        let recent = Cache::builder().time_to_live(CACHED_FOR * 2).max_capacity(100_000).build();
        Self { recent, streams: Streams::default() }
    }
}

impl Ended {
    /// Notes that a session ended.
    pub fn note(&self, session: SessionId) {
        self.recent.insert(session, ());
        self.streams.end(session);
    }

    /// Whether a session ended a moment ago.
    pub fn has(&self, session: SessionId) -> bool {
        self.recent.contains_key(&session)
    }

    /// Binds a stream to its session, which may have ended since the stream was let through.
    pub fn bind(&self, identity: &Arc<Identity>) -> Bond {
        let bond = self.streams.bind(identity);
        if self.has(identity.session.id) {
            self.streams.end(identity.session.id);
        }
        bond
    }

    /// What is open.
    pub const fn streams(&self) -> &Streams {
        &self.streams
    }
}
