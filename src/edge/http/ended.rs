//! Sessions that ended or changed a moment ago.

use super::streams::{Bond, Streams};
use crate::domain::{
    policy::route::Traffic,
    session::{Identity, SessionId},
};
use foldhash::fast::RandomState;
use moka::sync::Cache;
use std::{sync::Arc, time::Duration};

/// How long an identity may be taken from memory before the store is asked again. What one node ends, every other
/// node has noticed after this. Less than a second by what it takes for an exchange to be tied to its session: so what begins
/// at the last moment is cut within a second, too.
pub const CACHED_FOR: Duration = Duration::from_millis(750);

/// Sessions that ended or changed a moment ago: what the portal takes from them, the data plane of this node stops
/// letting through at once, not only when its cached copy has run out; and what is open of one that ended is cut.
#[derive(Debug, Clone)]
pub struct Ended {
    recent: Cache<SessionId, Change, RandomState>,
    streams: Streams,
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It is over.
    Ended,
    /// It goes on, and what is remembered of it is wrong: it was locked, or its user has another address.
    Altered,
}

impl Default for Ended {
    fn default() -> Self {
        let cache = Cache::builder().time_to_live(CACHED_FOR * 2).max_capacity(100_000);
        Self { recent: cache.build_with_hasher(RandomState::default()), streams: Streams::default() }
    }
}

impl Ended {
    /// Notes that a session ended, and cuts what is open of it.
    pub fn note(&self, session: SessionId) {
        self.recent.insert(session, Change::Ended);
        self.streams.end(session);
    }

    /// Notes that a session changed. What is open of it stays open, but for streams that obey their policy: they are told
    /// what it has become.
    pub fn note_change(&self, session: SessionId) {
        self.recent.insert(session, Change::Altered);
        self.streams.doubt(session);
    }

    /// Whether a session ended or changed a moment ago: what is remembered of it may be wrong.
    pub fn has(&self, session: SessionId) -> bool {
        self.recent.contains_key(&session)
    }

    /// Binds a stream to its session, which may have ended since the stream was let through.
    pub fn bind(&self, identity: &Arc<Identity>, traffic: Traffic) -> Bond {
        let bond = self.streams.bind(identity, traffic);
        if self.recent.get(&identity.session.id) == Some(Change::Ended) {
            self.streams.end(identity.session.id);
        }
        bond
    }

    /// What is open.
    pub const fn streams(&self) -> &Streams {
        &self.streams
    }
}
