//! What the service of one connection and its guarded stream tell each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::time::Instant;

use super::Refusal;

/// One HTTP/1 connection, seen from the service. Requests come in the order in which their heads passed.
#[derive(Debug)]
pub struct Connection(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Heads that passed, the substitute included.
    passed: u64,
    /// Requests the service asked about.
    served: u64,
    /// Requests whose tickets are gone, and refused ones.
    finished: u64,
    /// When the last of them finished.
    idle_since: Instant,
    /// Which head was replaced by the substitute, and why.
    refused: Option<(u64, Refusal)>,
    upgrade: Upgrade,
    /// Who waits for the verdict on an upgrade.
    reader: Option<Waker>,
}

/// How the upgrade stands that the last passed head asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The service has not decided.
    Awaited,
    /// Bytes pass raw.
    Granted,
    /// Heads are read again; also if none was asked for.
    Denied,
}

/// A request that passed. Keep it until the response has been written, its body included: while a ticket is held the
/// connection is not idle, and letting go of it denies an upgrade.
#[derive(Debug)]
#[must_use]
pub struct RequestTicket {
    connection: Arc<Connection>,
    /// Which request of the connection this is, counted from one.
    ordinal: u64,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            passed: 0,
            served: 0,
            finished: 0,
            idle_since: Instant::now(),
            refused: None,
            upgrade: Upgrade::Denied,
            reader: None,
        }))
    }

    /// To be asked once for every request that hyper hands over, before anything in it is believed.
    ///
    /// `Err` means that the request is a substitute: answer with [`Refusal::status`] and close.
    pub fn next_request(self: &Arc<Self>) -> Result<RequestTicket, Refusal> {
        let mut state = self.lock();
        state.served += 1;
        match state.refused {
            Some((ordinal, refusal)) if ordinal <= state.served => Err(refusal),
            _ => Ok(RequestTicket { connection: Arc::clone(self), ordinal: state.served }),
        }
    }

    /// A head passes, and `upgrade` says whether bytes behind it wait.
    pub(super) fn pass_head(&self, upgrade: Upgrade) {
        let mut state = self.lock();
        state.passed += 1;
        state.upgrade = upgrade;
    }

    /// The substitute passes in place of a head.
    pub(super) fn pass_substitute(&self, refusal: Refusal) {
        let mut state = self.lock();
        state.passed += 1;
        state.refused = Some((state.passed, refusal));
    }

    /// How the upgrade stands. While it is awaited, `reader` is woken by the verdict.
    pub(super) fn upgrade(&self, reader: &Waker) -> Upgrade {
        let mut state = self.lock();
        if state.upgrade == Upgrade::Awaited {
            state.reader = Some(reader.clone());
        }
        state.upgrade
    }

    /// Since when no request is open, if none is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.passed == state.finished).then_some(state.idle_since)
    }

    fn decide(&self, ordinal: u64, verdict: Upgrade) {
        let mut state = self.lock();
        // Nothing passes behind the head of an awaited upgrade, so it is the last one.
        if state.upgrade == Upgrade::Awaited && state.passed == ordinal {
            state.upgrade = verdict;
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestTicket {
    /// The upstream answered 101: what the client sends from now on passes unread.
    pub fn grant_upgrade(&self) {
        self.connection.decide(self.ordinal, Upgrade::Granted);
    }
}

impl Drop for RequestTicket {
    fn drop(&mut self) {
        self.connection.decide(self.ordinal, Upgrade::Denied);
        let mut state = self.connection.lock();
        state.finished += 1;
        state.idle_since = Instant::now();
    }
}
