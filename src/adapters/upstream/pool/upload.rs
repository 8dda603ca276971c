//! A request's body on its way out, watched from where its answer is waited for: hyper asks it for more only when the server takes
//! it, so it can't tell itself that the server does not.

use super::RequestBody;
use crate::ports::upstream::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// A request's body that can tell when it is gone.
pub(super) struct Upload<B> {
    /// `None` is empty.
    body: Option<B>,
    watched: Option<Watched>,
}

/// What an upload tells of itself. Dropped with the body, which wakes the other end.
struct Watched(Arc<Told>);

/// The other end of an upload.
pub(super) struct Watch(Arc<Told>);

#[derive(Default)]
struct Told(Mutex<State>);

#[derive(Default)]
struct State {
    /// Since when the server does not ask for more of what it was last given; `None` while that is its sender's turn.
    untaken_since: Option<Instant>,
    /// What became of it.
    end: Option<End>,
    waiting: Option<Waker>,
}

/// What became of an upload.
pub(super) enum End {
    /// All of it is sent, or nobody wants the rest.
    Sent,
    /// Its sender broke off.
    Broken(BoxError),
    /// The server took no more of it.
    Untaken,
}

/// What the connection is told of a body that broke off; why it did is told to whoever waits for the answer.
#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
pub(super) struct BrokeOff;

impl<B: RequestBody> Upload<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body: (!body.is_end_stream()).then_some(body), watched: None }
    }

    pub(super) const fn none() -> Self {
        Self { body: None, watched: None }
    }

    /// What says how it goes; nothing where there is none.
    pub(super) fn watch(&mut self) -> Option<Watch> {
        self.body.as_ref()?;
        let told = Arc::new(Told::default());
        self.watched = Some(Watched(Arc::clone(&told)));
        Some(Watch(told))
    }
}

impl Told {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let waiting = {
            let mut state = self.state();
            state.end.get_or_insert(end);
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.end(End::Sent);
    }
}

impl Watch {
    /// Waits for its end. A server may take nothing of it for `untaken_max`.
    pub(super) async fn end(&mut self, mut alarm: Pin<&mut Sleep>, untaken_max: Duration) -> End {
        alarm.as_mut().reset(Instant::now() + untaken_max);
        poll_fn(|cx| {
            loop {
                let since = {
                    let mut state = self.0.state();
                    if let Some(end) = state.end.take() {
                        return Poll::Ready(end);
                    }
                    state.waiting = Some(cx.waker().clone());
                    state.untaken_since
                };
                ready!(alarm.as_mut().poll(cx));
                let until = since.unwrap_or_else(Instant::now) + untaken_max;
                if until <= Instant::now() {
                    return Poll::Ready(End::Untaken);
                }
                alarm.as_mut().reset(until);
            }
        })
        .await
    }

    /// Why it broke off, if it did.
    pub(super) fn broken(self) -> Option<BoxError> {
        match self.0.state().end.take() {
            Some(End::Broken(why)) => Some(why),
            Some(End::Sent | End::Untaken) | None => None,
        }
    }
}

impl<B: RequestBody> Body for Upload<B> {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Some(watched) = &this.watched {
            watched.0.state().untaken_since = None;
        }
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if let Some(watched) = &this.watched {
            watched.0.state().untaken_since = Some(Instant::now());
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                if let Some(Watched(told)) = &this.watched {
                    told.end(End::Broken(error.into()));
                }
                BrokeOff
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
