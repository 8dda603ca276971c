//! What an exchange hangs on while it is under way, and who looks after that (SE-05).
//!
//! hyper asks a body for more only when there is room for it, so a body can't look after its own tie: that of somebody who
//! stops reading would never be looked at. The task that carries an exchange does it, one of HTTP/1 for its connection and
//! one of HTTP/2 for each stream ([`look_after`]). An exchange begins loose: most are over before they are tied. Those have cost
//! no look-up; over HTTP/1 no timer either, for a connection's is moved only when it rings. A stream of HTTP/2 is a task of its own,
//! which can't move that of its connection: where it is not answered at once it sets one, and removes it.

use super::tether::{Cut, Tether};
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    task_local,
    time::{Instant, sleep},
};

/// After so long an exchange is tied: an upload, a wait for an answer, an answer.
const TIED_AFTER: Duration = Duration::from_millis(200);
/// How long a cut exchange may take to say why. Then it is dropped: nobody reads it.
const FAREWELL_MAX: Duration = Duration::from_millis(250);
/// How long the reader of an answer may have no room for more of it.
const UNREAD_MAX: Duration = Duration::from_mins(5);

task_local! {
    /// What carries the exchange that is being polled.
    static LINE: Arc<Line>;
}

/// A connection of HTTP/1, or a stream of HTTP/2: whatever carries one exchange at a time.
#[derive(Default)]
struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    /// Which of its exchanges it is.
    turn: u64,
    hold: Hold,
    /// Since when its reader has what was last given out, and does not ask for more.
    unread_since: Option<Instant>,
}

/// How an exchange hangs on its session.
#[derive(Default)]
enum Hold {
    /// It does not.
    #[default]
    None,
    /// It will, if it is still under way in a moment.
    Loose(Tether, Instant),
    /// It does.
    Fast(Pin<Box<dyn Future<Output = Cut> + Send>>),
    /// It is cut.
    Cut(Cut, Instant),
}

/// An exchange's place on its line. It is over when this is dropped.
pub(super) struct Tie {
    line: Arc<Line>,
    turn: u64,
    /// Never used: it goes with the tie, which is what the other end waits for.
    lasting: Option<oneshot::Sender<Infallible>>,
}

/// Says that an exchange is over, to what would outlive it.
pub(super) struct Lasting(oneshot::Receiver<Infallible>);

/// What is to be done about a line.
enum Next {
    /// Nothing, before the exchange moves.
    Nothing,
    /// To look again then.
    Look(Instant),
    /// To drop what it carries.
    Drop,
}

impl Tie {
    /// The exchange that begins now, on the line that is being polled; bound to a session if there is one.
    pub(super) fn begin(tether: Option<Tether>) -> Self {
        let watched = LINE.try_with(Arc::clone);
        let hold = match tether {
            None => Hold::None,
            Some(tether) if watched.is_ok() => Hold::Loose(tether, Instant::now()),
            // Nobody would tie it later.
            Some(tether) => Hold::Fast(Box::pin(tether.cut())),
        };
        let line = watched.unwrap_or_default();
        let mut state = line.state();
        let turn = state.turn + 1;
        *state = State { turn, hold, unread_since: None };
        drop(state);
        Self { line, turn, lasting: None }
    }

    /// For what must not outlive it.
    pub(super) fn lasting(&mut self) -> Lasting {
        let (sender, receiver) = oneshot::channel();
        self.lasting = Some(sender);
        Lasting(receiver)
    }

    /// Ready when the exchange must end.
    pub(super) async fn cut(&self) -> Cut {
        poll_fn(|cx| self.poll_cut(cx)).await
    }

    /// The same. Its reader asks for more, too.
    pub(super) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<Cut> {
        let Some(mut state) = self.state() else { return Poll::Pending };
        state.unread_since = None;
        state.poll_cut(cx)
    }

    /// Notes that its reader was given something.
    pub(super) fn give(&self) {
        if let Some(mut state) = self.state() {
            state.unread_since = Some(Instant::now());
        }
    }

    /// What cuts it, for something that outlives the line.
    pub(super) fn into_cut(self) -> Pin<Box<dyn Future<Output = Cut> + Send>> {
        match self.state().map(|mut state| std::mem::take(&mut state.hold)) {
            Some(Hold::Loose(tether, _)) => Box::pin(tether.cut()),
            Some(Hold::Fast(cut)) => cut,
            Some(Hold::Cut(why, _)) => Box::pin(std::future::ready(why)),
            Some(Hold::None) | None => Box::pin(std::future::pending()),
        }
    }

    /// How it stands, while it is this one's turn.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.line.state()).filter(|state| state.turn == self.turn)
    }
}

impl Lasting {
    /// Ready once it is over.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        if let Some(mut state) = self.state() {
            (state.hold, state.unread_since) = (Hold::None, None);
        }
    }
}

impl State {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        match &mut self.hold {
            Hold::None | Hold::Loose(..) => Poll::Pending,
            Hold::Cut(why, _) => Poll::Ready(why.clone()),
            Hold::Fast(cut) => {
                let why = ready!(cut.as_mut().poll(cx));
                self.hold = Hold::Cut(why.clone(), Instant::now());
                // Whoever asked may not be the one who can say so.
                cx.waker().wake_by_ref();
                Poll::Ready(why)
            }
        }
    }

    /// Ties what has been under way for long enough.
    fn tighten(&mut self, now: Instant) {
        self.hold = match std::mem::take(&mut self.hold) {
            Hold::Loose(tether, since) if now >= since + TIED_AFTER => Hold::Fast(Box::pin(tether.cut())),
            other => other,
        };
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, cx: &mut Context<'_>) -> Next {
        let mut state = self.state();
        if matches!(state.hold, Hold::None) && state.unread_since.is_none() {
            return Next::Nothing;
        }
        let now = Instant::now();
        state.tighten(now);
        let _ = state.poll_cut(cx);
        let (tied, over) = match &state.hold {
            Hold::None | Hold::Fast(_) => (None, None),
            Hold::Loose(_, since) => (Some(*since + TIED_AFTER), None),
            Hold::Cut(_, since) => (None, Some(*since + FAREWELL_MAX)),
        };
        let unread = state.unread_since.map(|since| since + UNREAD_MAX);
        match over.into_iter().chain(unread).min() {
            Some(end) if now >= end => Next::Drop,
            end => tied.into_iter().chain(end).min().map_or(Next::Nothing, Next::Look),
        }
    }
}

/// Does `work`, which carries exchanges, and looks after the one that it carries. `None` where that was cut, or is not read,
/// and `work` did not end by itself: it is dropped, and what it carried with it.
pub async fn look_after<F: Future>(work: F) -> Option<F::Output> {
    let line = Arc::new(Line::default());
    let mut work = pin!(LINE.scope(Arc::clone(&line), work));
    let mut alarm = pin!(sleep(TIED_AFTER));
    let mut is_armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        loop {
            match line.look(cx) {
                Next::Nothing => return Poll::Pending,
                Next::Drop => return Poll::Ready(None),
                Next::Look(at) => {
                    // One that rings too early is moved then: that happens a few times a second, and not for each exchange.
                    if !is_armed || at < alarm.deadline() {
                        alarm.as_mut().reset(at);
                        is_armed = true;
                    }
                    ready!(alarm.as_mut().poll(cx));
                    is_armed = false;
                }
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{policy::route::Traffic, session::SessionId, time::Timestamp},
        edge::http::{ended::Ended, streams::tests::identity},
        ports::Clock,
    };
    use std::future::pending;
    use tokio::time::timeout;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_000)
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn tether(ended: &Ended) -> Tether {
        let (ended, identity) = (ended.clone(), identity(1));
        Tether { ended, identity, traffic: Traffic::Person, obeys: None, clock: Arc::new(Noon) }
    }

    fn session() -> SessionId {
        identity(1).session.id
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_is_tied_once_it_has_been_under_way_for_a_moment() {
        let ended = Ended::default();
        let mut work = pin!(look_after(async {
            let _tie = Tie::begin(Some(tether(&ended)));
            pending::<()>().await;
        }));

        assert!(timeout(TIED_AFTER / 2, &mut work).await.is_err());
        assert_eq!(ended.streams().sessions(), [], "most are over by then");
        assert!(timeout(TIED_AFTER, &mut work).await.is_err());
        assert_eq!(ended.streams().sessions(), [session()]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cut_and_does_not_end_by_itself_is_dropped() {
        let ended = Ended::default();
        let mut work = pin!(look_after(async {
            let _tie = Tie::begin(Some(tether(&ended)));
            pending::<()>().await;
        }));
        assert!(timeout(2 * SECOND, &mut work).await.is_err());

        ended.note(session());

        assert_eq!(timeout(2 * FAREWELL_MAX, work).await.expect("it is dropped"), None);
        assert_eq!(ended.streams().sessions(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_still_say_why_it_is_cut_does() {
        let ended = Ended::default();
        let mut work = pin!(look_after(async { Tie::begin(Some(tether(&ended))).cut().await }));
        assert!(timeout(2 * SECOND, &mut work).await.is_err());

        ended.note(session());

        assert_eq!(work.await, Some(Cut::Over));
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_before_it_was_tied_is_cut_then() {
        let ended = Ended::default();
        let begin = Instant::now();
        let mut work = pin!(look_after(async { Tie::begin(Some(tether(&ended))).cut().await }));
        assert!(timeout(TIED_AFTER / 2, &mut work).await.is_err());

        ended.note(session());

        assert_eq!(work.await, Some(Cut::Over));
        assert_eq!(begin.elapsed(), TIED_AFTER);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_who_has_no_room_for_more() {
        let unread = async |asked_after: Duration| {
            let mut work = pin!(look_after(async {
                let tie = Tie::begin(None);
                tie.give();
                sleep(asked_after).await;
                // The reader asks for more, and gets it.
                assert!(poll_fn(|cx| Poll::Ready(tie.poll_cut(cx))).await.is_pending());
                sleep(UNREAD_MAX * 2).await;
            }));
            let begin = Instant::now();
            (work.as_mut().await, begin.elapsed())
        };

        assert_eq!(unread(UNREAD_MAX + SECOND).await, (None, UNREAD_MAX));
        assert_eq!(unread(UNREAD_MAX / 2).await, (Some(()), UNREAD_MAX / 2 * 5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_that_is_over_leaves_the_next_one_alone() {
        let ended = Ended::default();
        let work = look_after(async {
            let first = Tie::begin(Some(tether(&ended)));
            let second = Tie::begin(None);
            drop(first);
            second.give();
            sleep(UNREAD_MAX * 2).await;
        });

        assert_eq!(work.await, None, "the second one is still looked after");
    }
}
