//! What ties a stream to its session: a WebSocket, or any response that is still open (SE-05).
//!
//! An open stream keeps its session from going idle, unless its route runs in the background; the end of its lifetime, a sign-out, a
//! revocation and a disabled account cut it within a second. What this process ends is cut at once; the store is asked for
//! the rest, for all open sessions together.

use super::obedience::Obedience;
use crate::{
    domain::{
        policy::{Visitor, route::Traffic},
        session::{Identity, SessionId},
    },
    edge::http::ended::Ended,
    flows::{World, sessions},
    ports::Clock,
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::sleep;

/// How often the store is asked for the sessions of open streams. A cut takes as long, and one answer of the store.
const LOOK_EVERY: Duration = Duration::from_millis(750);
/// Looks in a row that may fail before nobody can say any more whose streams those are (SE-08).
const LOOKS_FAILED_MAX: u32 = 6;

/// Why a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Its session is over.
    #[error("the session is over")]
    Over,
    /// Its route wants a fresher proof by now.
    #[error("a fresh proof is needed")]
    Stale,
}

/// A stream's tie to its session.
#[derive(Clone)]
pub struct Tether {
    /// Knows what ends.
    pub ended: Ended,
    /// Who was admitted.
    pub identity: Arc<Identity>,
    /// Whether being open keeps the session awake.
    pub traffic: Traffic,
    /// What goes on being demanded while the stream is open, if its route says so.
    pub obeys: Option<Box<Obedience>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Tether {
    /// Ready when the stream must end.
    pub async fn cut(self) -> Cut {
        let bond = self.ended.bind(&self.identity, self.traffic);
        let Some(mut obedience) = self.obeys else {
            bond.ended().await;
            return Cut::Over;
        };
        loop {
            tokio::select! {
                biased;
                () = bond.ended() => return Cut::Over,
                () = sleep(LOOK_EVERY) => {}
            }
            if !obedience.admits(&Visitor::SignedIn(bond.identity()), self.clock.now()) {
                return Cut::Stale;
            }
        }
    }
}

/// Cuts what other nodes and programs end, and what ends by itself, for as long as the process runs; each time by the settings
/// of `world` at that moment.
pub async fn watch(world: impl Fn() -> World, ended: Ended) {
    let mut failed = 0;
    loop {
        sleep(LOOK_EVERY).await;
        let open = ended.streams().sessions();
        if open.is_empty() {
            continue;
        }
        match sessions::still_live(&world(), &open, &ended.streams().kept_awake()).await {
            Ok(live) => {
                failed = 0;
                settle(&ended, open, live);
            }
            Err(error) => {
                failed += 1;
                tracing::warn!(%error, failed, "the sessions of open streams can't be looked up");
                if failed > LOOKS_FAILED_MAX {
                    for session in open {
                        ended.streams().end(session);
                    }
                }
            }
        }
    }
}

/// Cuts what is open of sessions that are not among the `live` any more. They are noted, too: what the data plane remembers
/// of them would let the next request pass for a moment longer.
fn settle(ended: &Ended, open: Vec<SessionId>, live: Vec<Identity>) {
    let standing: HashSet<SessionId> = live.iter().map(|identity| identity.session.id).collect();
    for session in open.into_iter().filter(|session| !standing.contains(session)) {
        ended.note(session);
    }
    for identity in live {
        ended.streams().refresh(identity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::streams::tests::identity;
    use futures_util::FutureExt as _;

    #[test]
    fn a_session_that_the_store_has_no_more_is_forgotten_with_what_is_open_of_it() {
        let ended = Ended::default();
        let (gone, here) = (identity(1), identity(2));
        let bonds = [&gone, &here].map(|identity| ended.bind(identity, Traffic::Person));

        settle(&ended, vec![gone.session.id, here.session.id], vec![(*here).clone()]);

        assert_eq!(bonds.each_ref().map(|bond| bond.ended().now_or_never().is_some()), [true, false]);
        assert_eq!([&gone, &here].map(|identity| ended.has(identity.session.id)), [true, false]);
    }
}
