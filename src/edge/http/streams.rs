//! Whatever is still open, by the session that it hangs on: so that the end of a session finds its own, and looks at nobody
//! else's.

use crate::domain::{
    policy::route::Traffic,
    session::{Identity, SessionId},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Cores seldom meet at one of so many locks.
const SHARDS: usize = 16;

/// The open streams of this process.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Register>);

#[derive(Debug, Default)]
struct Register {
    shards: [Mutex<Lines>; SHARDS],
    /// Sessions that may not be what they are taken for.
    doubted: Mutex<Vec<SessionId>>,
    doubt: Notify,
}

type Lines = HashMap<SessionId, Weak<Line>>;

/// What the streams of one session share.
#[derive(Debug)]
struct Line {
    session: SessionId,
    is_over: AtomicBool,
    over: Notify,
    /// How many of its streams keep it from going idle.
    keeping: AtomicUsize,
    /// Who it is, as of the last look at the store.
    latest: Mutex<Arc<Identity>>,
    /// That changed.
    changed: Notify,
}

/// A stream's hold on its session. The last one that goes takes the session out of the register.
#[derive(Debug)]
pub struct Bond {
    line: Arc<Line>,
    traffic: Traffic,
    streams: Streams,
}

impl Streams {
    /// Binds a stream to the session that it was admitted with. What runs in the background does not keep it awake.
    ///
    /// The first stream of a session was admitted by what was remembered of it, and nobody has asked for it since.
    pub fn bind(&self, identity: &Arc<Identity>, traffic: Traffic) -> Bond {
        let session = identity.session.id;
        let mut lines = self.lines(session);
        let known = lines.get(&session).and_then(Weak::upgrade);
        let is_first = known.is_none();
        let line = known.unwrap_or_else(|| {
            let line = Arc::new(Line {
                session,
                is_over: AtomicBool::new(false),
                over: Notify::new(),
                keeping: AtomicUsize::new(0),
                latest: Mutex::new(Arc::clone(identity)),
                changed: Notify::new(),
            });
            lines.insert(session, Arc::downgrade(&line));
            line
        });
        drop(lines);
        if is_first {
            self.doubt(session);
        }
        if traffic == Traffic::Person {
            line.keeping.fetch_add(1, Ordering::Relaxed);
        }
        Bond { line, traffic, streams: self.clone() }
    }

    /// Ends the streams of a session.
    pub fn end(&self, session: SessionId) {
        let line = self.lines(session).remove(&session).and_then(|line| line.upgrade());
        if let Some(line) = line {
            line.is_over.store(true, Ordering::Release);
            line.over.notify_waiters();
        }
    }

    /// Has a session asked for at once, and not only when all are.
    pub fn doubt(&self, session: SessionId) {
        locked(&self.0.doubted).push(session);
        self.0.doubt.notify_one();
    }

    /// Sessions that were doubted since this was asked for last, once there are any.
    pub async fn doubted(&self) -> Vec<SessionId> {
        loop {
            let doubted = std::mem::take(&mut *locked(&self.0.doubted));
            if !doubted.is_empty() {
                return doubted;
            }
            self.0.doubt.notified().await;
        }
    }

    /// Every session with an open stream.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.0.shards.iter().flat_map(|shard| locked(shard).keys().copied().collect::<Vec<_>>()).collect()
    }

    /// Those of them that a stream keeps from going idle.
    pub fn kept_awake(&self) -> BTreeSet<SessionId> {
        let keeps = |line: &Weak<Line>| line.upgrade().is_some_and(|line| line.keeping.load(Ordering::Relaxed) > 0);
        let of = |shard: &Mutex<Lines>| -> Vec<SessionId> {
            locked(shard).iter().filter(|(_, line)| keeps(line)).map(|(session, _)| *session).collect()
        };
        self.0.shards.iter().flat_map(of).collect()
    }

    /// Takes note of what a session has become.
    pub fn refresh(&self, identity: Identity) {
        let line = self.lines(identity.session.id).get(&identity.session.id).and_then(Weak::upgrade);
        let Some(line) = line else { return };
        let mut latest = locked(&line.latest);
        if **latest != identity {
            *latest = Arc::new(identity);
            line.changed.notify_waiters();
        }
    }

    fn lines(&self, session: SessionId) -> MutexGuard<'_, Lines> {
        let [.., last] = session.0.as_bytes();
        let [first, ..] = &self.0.shards;
        // The last byte of an id is random.
        locked(self.0.shards.get(usize::from(*last) % SHARDS).unwrap_or(first))
    }
}

impl Bond {
    /// Ready once the session is over.
    pub async fn ended(&self) {
        let over = self.line.over.notified();
        if !self.line.is_over.load(Ordering::Acquire) {
            over.await;
        }
    }

    /// Ready at the next change of who it is.
    pub async fn changed(&self) {
        self.line.changed.notified().await;
    }

    /// Who it is, as of the last look at the store.
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&locked(&self.line.latest))
    }
}

impl Drop for Bond {
    fn drop(&mut self) {
        if self.traffic == Traffic::Person {
            self.line.keeping.fetch_sub(1, Ordering::Relaxed);
        }
        let mut lines = self.streams.lines(self.line.session);
        // Whoever binds takes the same lock, so nobody joins between the look and the removal. A newer line of the same
        // session is not ours to remove.
        let is_ours = lines.get(&self.line.session).is_some_and(|line| line.as_ptr() == Arc::as_ptr(&self.line));
        if is_ours && Arc::strong_count(&self.line) == 1 {
            lines.remove(&self.line.session);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is ever left half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{
        place::Place,
        risk::Assessment,
        session::{Activity, Session},
        time::Timestamp,
        user::{LoginId, User, UserId},
    };
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    /// Ann, in one of her sessions.
    pub(crate) fn identity(session: u128) -> Arc<Identity> {
        let noon = Timestamp::from_millis(1_700_000_000_000);
        let user = User {
            id: UserId(Uuid::from_u128(1)),
            login_id: LoginId::parse("ann").unwrap(),
            name: String::new(),
            email: None,
            groups: Vec::new(),
            language: None,
            disabled: false,
            created_at: noon,
        };
        let id = SessionId(Uuid::from_u128(session));
        let session = Session {
            id,
            user: user.id,
            authentications: Vec::new(),
            started_at: noon,
            seen_at: noon,
            activity: Activity::begun(noon),
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: Assessment::default(),
        };
        Arc::new(Identity { user, session })
    }

    #[test]
    fn the_end_of_a_session_ends_its_streams_and_no_others() {
        let streams = Streams::default();
        let (first, second, other) = (
            streams.bind(&identity(1), Traffic::Person),
            streams.bind(&identity(1), Traffic::Person),
            streams.bind(&identity(2), Traffic::Person),
        );
        let mut waiting = Box::pin(first.ended());
        assert!(waiting.as_mut().now_or_never().is_none());

        streams.end(SessionId(Uuid::from_u128(1)));

        assert!(waiting.as_mut().now_or_never().is_some());
        assert!(second.ended().now_or_never().is_some(), "who looks later sees it too");
        assert!(other.ended().now_or_never().is_none());
        assert_eq!(streams.sessions(), [SessionId(Uuid::from_u128(2))]);
    }

    #[test]
    fn a_session_is_in_the_register_as_long_as_a_stream_of_it_is_open() {
        let streams = Streams::default();
        let (first, second) =
            (streams.bind(&identity(1), Traffic::Person), streams.bind(&identity(1), Traffic::Person));

        drop(first);
        assert_eq!(streams.sessions().len(), 1);
        drop(second);
        assert_eq!(streams.sessions(), []);

        let old = streams.bind(&identity(1), Traffic::Person);
        streams.end(SessionId(Uuid::from_u128(1)));
        let _new = streams.bind(&identity(1), Traffic::Person);
        drop(old);
        assert_eq!(streams.sessions().len(), 1, "the newer one stays");
    }

    #[test]
    fn what_runs_in_the_background_keeps_nobody_awake() {
        let streams = Streams::default();
        let _polling = streams.bind(&identity(1), Traffic::Background);
        assert_eq!((streams.sessions().len(), streams.kept_awake().len()), (1, 0));

        let chat = streams.bind(&identity(1), Traffic::Person);
        assert_eq!(streams.kept_awake(), BTreeSet::from([SessionId(Uuid::from_u128(1))]));
        drop(chat);
        assert_eq!(streams.kept_awake().len(), 0);
    }

    #[test]
    fn streams_learn_what_their_session_has_become() {
        let streams = Streams::default();
        let bond = streams.bind(&identity(1), Traffic::Person);
        let mut later = (*identity(1)).clone();
        later.user.name = "Ann Lee".to_owned();
        let mut changed = Box::pin(bond.changed());

        streams.refresh((*identity(1)).clone());
        assert!(changed.as_mut().now_or_never().is_none(), "it is what it was");
        streams.refresh(later);

        assert!(changed.as_mut().now_or_never().is_some());
        assert_eq!(bond.identity().user.name, "Ann Lee");
    }

    #[test]
    fn a_session_is_asked_for_when_its_first_stream_is_bound_and_when_it_changed() {
        let streams = Streams::default();
        let doubted = || streams.doubted().now_or_never();
        assert_eq!(doubted(), None);

        let (_first, _other) =
            (streams.bind(&identity(1), Traffic::Person), streams.bind(&identity(2), Traffic::Person));
        assert_eq!(doubted(), Some([1, 2].map(|id| SessionId(Uuid::from_u128(id))).to_vec()));
        let _second = streams.bind(&identity(1), Traffic::Person);
        assert_eq!(doubted(), None, "it is watched already");
        streams.doubt(SessionId(Uuid::from_u128(1)));
        assert_eq!(doubted(), Some(vec![SessionId(Uuid::from_u128(1))]));
    }
}
