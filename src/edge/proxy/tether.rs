//! What ties a stream to its session: a WebSocket, or any response that is still open (SE-05).
//!
//! An open stream keeps its session from going idle, unless its route runs in the background; the end of its lifetime, a sign-out, a
//! revocation and a disabled account cut it within a second. What this process ends is cut at once; the store is asked for
//! the rest: for a session when its first stream is bound, and for all open sessions together twice a second.

use super::obedience::{Lacking, Obedience};
use crate::{
    domain::{
        policy::{Visitor, route::Traffic},
        session::{Identity, Session, SessionId},
    },
    edge::http::ended::Ended,
    flows::{World, sessions},
    ports::{Clock, StoreError},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

/// How often the store is asked for the sessions of open streams. A cut takes as long, and one answer of the store.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How soon after one another it is asked for single ones. Where many come, they are asked for together.
const DOUBTS_EVERY: Duration = Duration::from_millis(25);
/// Sessions that it is asked for at once.
const AT_ONCE: usize = 1024;
/// How long it may take for those, or to note one: a store that hangs says nothing, not even no.
const STORE_MAX: Duration = Duration::from_secs(1);
/// How long looks may fail before nobody can say any more whose streams those are (SE-08).
const UNKNOWN_MAX: Duration = Duration::from_secs(5);

/// Why a stream is cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Its session is over.
    #[error("the session is over")]
    Over,
    /// Its route would not let it through by now: what it wants, if it is a proof.
    #[error("a fresh proof is needed")]
    Stale(Option<Arc<Lacking>>),
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
                () = bond.changed() => {}
                () = sleep(LOOK_EVERY) => {}
            }
            if let Err(lacking) = obedience.admits(&Visitor::SignedIn(bond.identity()), self.clock.now()) {
                return Cut::Stale(lacking);
            }
        }
    }
}

/// Cuts what other nodes and programs end, and what ends by itself, for as long as the process runs; each time by the settings
/// of `world` at that moment.
pub async fn watch(world: impl Fn() -> World, ended: Ended) {
    let (mut known_at, mut next, mut next_doubts) = (Instant::now(), Instant::now() + LOOK_EVERY, Instant::now());
    let mut keeper = Keeper::default();
    loop {
        let doubts = async {
            sleep_until(next_doubts).await;
            ended.streams().doubted().await
        };
        let (is_of_all, open) = tokio::select! {
            biased;
            () = sleep_until(next) => (true, ended.streams().sessions()),
            doubted = doubts => (false, doubted),
        };
        let now = Instant::now();
        if is_of_all {
            next = now + LOOK_EVERY;
        } else {
            next_doubts = now + DOUBTS_EVERY;
        }
        let world = world();
        // However many there are to ask for, nobody is taken at an older word. After that there is nothing left to lose by waiting.
        let deadline = (known_at + UNKNOWN_MAX).max(now + STORE_MAX);
        match timeout_at(deadline, look(&world, &open)).await.unwrap_or_else(|_| Err(late())) {
            Ok(live) => {
                known_at = if is_of_all { now } else { known_at };
                keeper.keep_awake(&world, &live, &ended.streams().kept_awake());
                settle(&ended, open, live);
            }
            Err(error) => {
                tracing::warn!(%error, "the sessions of open streams can't be looked up");
                // The next one would be too late if it failed, too.
                if known_at.elapsed() + LOOK_EVERY + STORE_MAX > UNKNOWN_MAX {
                    for session in ended.streams().sessions() {
                        ended.streams().end(session);
                    }
                }
            }
        }
    }
}

/// Those of these sessions that still count; an error where the store does not say so in time.
async fn look(world: &World, open: &[SessionId]) -> Result<Vec<Identity>, StoreError> {
    let mut live = Vec::new();
    for some in open.chunks(AT_ONCE) {
        live.append(&mut in_time(sessions::still_live(world, some)).await?);
    }
    Ok(live)
}

async fn in_time<T>(act: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(STORE_MAX, act).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> StoreError {
    StoreError::Unavailable("no answer in time".to_owned())
}

/// Notes of sessions that something of them is open. No look waits for it: it writes, and cuts hang on looks.
#[derive(Default)]
struct Keeper(Option<JoinHandle<()>>);

impl Keeper {
    /// Begins with those that are due, unless it still is at it. What it does not come to is due at the next look.
    fn keep_awake(&mut self, world: &World, live: &[Identity], kept_awake: &BTreeSet<SessionId>) {
        if self.0.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let is_due = |session: &&Session| kept_awake.contains(&session.id) && sessions::is_keeping_due(world, session);
        let due: Vec<_> =
            live.iter().map(|identity| &identity.session).filter(is_due).map(|session| session.id).collect();
        if due.is_empty() {
            return;
        }
        let (world, now) = (world.clone(), world.clock.now());
        self.0 = Some(tokio::spawn(async move {
            for session in due {
                // One by one: a statement of many rows could meet a sign-out of many, each waiting for the other.
                if let Err(error) = in_time(world.store.keep_open(session, now)).await {
                    tracing::warn!(%error, "that streams are open could not be noted");
                    return;
                }
            }
        }));
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
    use crate::{
        edge::{
            http::{
                ended::CACHED_FOR,
                streams::{Bond, tests::identity},
            },
            proxy::tie::{Tie, look_after},
        },
        flows::tests::{Fault, signed_in, signed_in_twice},
    };
    use futures_util::FutureExt as _;
    use std::pin::pin;

    const SECOND: Duration = Duration::from_secs(1);

    /// A node that serves Ann, and the store that others share.
    struct Node {
        world: World,
        ended: Ended,
        ann: Arc<Identity>,
    }

    impl Node {
        async fn start() -> Self {
            let (world, ann) = signed_in().await;
            Self::watched(world, Ended::default(), Arc::new(ann))
        }

        fn watched(world: World, ended: Ended, ann: Arc<Identity>) -> Self {
            let (watched, settings) = (ended.clone(), world.clone());
            tokio::spawn(watch(move || settings.clone(), watched));
            Self { world, ended, ann }
        }

        /// An exchange of hers, let through by what is remembered of her.
        fn begin(&self) -> Tie {
            let (ended, identity, clock) = (self.ended.clone(), Arc::clone(&self.ann), Arc::clone(&self.world.clock));
            Tie::begin(Some(Tether { ended, identity, traffic: Traffic::Person, obeys: None, clock }))
        }

        /// Ends her session where this node does not hear of it.
        async fn end_elsewhere(&self) -> Instant {
            assert!(self.world.store.end_session(self.ann.session.id).await.unwrap());
            Instant::now()
        }
    }

    /// When a session may end, seen from an exchange that has begun.
    fn moments() -> impl Iterator<Item = Duration> {
        (0..40).map(|number| Duration::from_millis(number * 31))
    }

    #[tokio::test(start_paused = true)]
    async fn se_05_what_another_node_ends_is_cut_and_dropped_within_a_second_whenever_that_is() {
        for moment in moments() {
            let node = Node::start().await;
            // Nobody says why it is cut: it has to be dropped.
            let mut exchange = pin!(look_after(async {
                let _tie = node.begin();
                std::future::pending::<()>().await;
            }));
            assert!(tokio::time::timeout(moment, exchange.as_mut()).await.is_err());

            let end = node.end_elsewhere().await;

            assert_eq!(exchange.await, None);
            assert!(end.elapsed() < SECOND, "after {moment:?}: {:?}", end.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn se_05_what_is_let_through_by_memory_after_the_end_is_cut_within_a_second_of_it() {
        for age in moments().take_while(|age| *age < CACHED_FOR).chain([CACHED_FOR]) {
            let node = Node::start().await;
            let end = node.end_elsewhere().await;
            sleep(age).await;

            let cut = look_after(async { node.begin().cut().await }).await;

            assert_eq!(cut, Some(Cut::Over));
            assert!(end.elapsed() < SECOND, "after {age:?}: {:?}", end.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn se_05_what_this_node_ends_is_cut_in_a_fifth_of_a_second() {
        for moment in moments() {
            let node = Node::start().await;
            let mut exchange = pin!(look_after(async { node.begin().cut().await }));
            assert!(tokio::time::timeout(moment, exchange.as_mut()).await.is_err());
            let end = Instant::now();

            node.ended.note(node.ann.session.id);

            assert_eq!(exchange.await, Some(Cut::Over));
            assert!(end.elapsed() <= SECOND / 5, "after {moment:?}: {:?}", end.elapsed());
        }
    }

    /// A node with two streams of Ann's, whose sessions are due to be noted as open, and whose store does not do one thing.
    async fn node_whose_store(fault: Fault, call: &'static str) -> (Node, [Bond; 2]) {
        let (world, sessions, gate) = signed_in_twice().await;
        let ended = Ended::default();
        let bonds = sessions.map(|identity| ended.bind(&Arc::new(identity), Traffic::Person));
        gate.breaks(call, fault);
        let ann = Arc::clone(&bonds[0].identity());
        (Node::watched(world, ended, ann), bonds)
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_not_be_written_holds_up_no_cut_and_makes_none() {
        for fault in [Fault::Fails, Fault::Hangs] {
            let (node, [first, second]) = node_whose_store(fault, "keep_open").await;
            sleep(UNKNOWN_MAX * 4).await;

            let end = node.end_elsewhere().await;

            first.ended().await;
            assert!(end.elapsed() < SECOND, "{fault:?}: {:?}", end.elapsed());
            assert!(second.ended().now_or_never().is_none(), "{fault:?}: it counts as before");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn se_08_where_the_store_does_not_say_who_counts_all_is_cut_in_time_and_not_at_the_first_look() {
        for fault in [Fault::Fails, Fault::Hangs] {
            let begin = Instant::now();
            let (_node, bonds) = node_whose_store(fault, "identities").await;

            for bond in &bonds {
                bond.ended().await;
                let passed = begin.elapsed();
                assert!((UNKNOWN_MAX / 2..=UNKNOWN_MAX).contains(&passed), "{fault:?}: {passed:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn se_08_a_look_at_many_sessions_lasts_no_longer_than_their_last_word_counts() {
        let begin = Instant::now();
        let (node, bonds) = node_whose_store(Fault::Slow(STORE_MAX * 9 / 10), "identities").await;
        let others: Vec<_> = (0..6 * AT_ONCE as u128).map(|number| identity(1000 + number)).collect();
        let _others: Vec<_> = others.iter().map(|other| node.ended.bind(other, Traffic::Person)).collect();

        for bond in &bonds {
            timeout(UNKNOWN_MAX * 2, bond.ended()).await.unwrap();
            assert!(begin.elapsed() <= UNKNOWN_MAX, "{:?}", begin.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_open_keeps_all_of_its_sessions_from_going_idle() {
        let (world, sessions, _) = signed_in_twice().await;
        let ended = Ended::default();
        let bonds = sessions.map(|identity| ended.bind(&Arc::new(identity), Traffic::Person));
        let node = Node::watched(world, ended, Arc::clone(&bonds[0].identity()));

        sleep(SECOND).await;

        let kept = node.world.store.identities(&bonds.map(|bond| bond.identity().session.id)).await.unwrap();
        assert_eq!(
            kept.iter().map(|identity| identity.session.seen_at).collect::<Vec<_>>(),
            [node.world.clock.now(); 2]
        );
    }

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
