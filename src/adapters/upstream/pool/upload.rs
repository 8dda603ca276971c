//! A request's body on its way out, watched from where its answer is waited for: hyper asks it for more only when the server takes
//! it, so it can't tell itself that the server does not.

use super::RequestBody;
use crate::ports::upstream::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

/// A request's body that can tell when it is gone.
pub(super) struct Upload<B> {
    /// `None` is empty.
    body: Option<B>,
    watched: Option<Watched>,
}

/// What an upload tells of itself.
struct Watched {
    /// Told why it broke off, if it did. Dropped with the body, which wakes the other end.
    gone: oneshot::Sender<BoxError>,
    untaken: Untaken,
}

/// Since when the server does not ask for more of what it was last given; `None` while that is its sender's turn.
#[derive(Clone, Default)]
struct Untaken(Arc<Mutex<Option<Instant>>>);

/// The other end of an upload.
pub(super) struct Watch {
    gone: oneshot::Receiver<BoxError>,
    untaken: Untaken,
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
        let ((gone, waiting), untaken) = (oneshot::channel(), Untaken::default());
        self.watched = Some(Watched { gone, untaken: untaken.clone() });
        Some(Watch { gone: waiting, untaken })
    }
}

impl Untaken {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready once the server has taken nothing for so long.
    async fn for_all_of(&self, time: Duration) {
        loop {
            let since = *self.since();
            sleep_until(since.unwrap_or_else(Instant::now) + time).await;
            if since.is_some() && *self.since() == since {
                return;
            }
        }
    }
}

impl Watch {
    /// Waits for its end. A server may take nothing of it for `untaken_max`.
    pub(super) async fn end(&mut self, untaken_max: Duration) -> End {
        tokio::select! {
            biased;
            told = &mut self.gone => told.map_or(End::Sent, End::Broken),
            () = self.untaken.for_all_of(untaken_max) => End::Untaken,
        }
    }

    /// Why it broke off, if it did.
    pub(super) fn broken(mut self) -> Option<BoxError> {
        self.gone.try_recv().ok()
    }
}

impl<B: RequestBody> Body for Upload<B> {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Some(watched) = &this.watched {
            *watched.untaken.since() = None;
        }
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if let Some(watched) = &this.watched {
            *watched.untaken.since() = Some(Instant::now());
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                if let Some(watched) = this.watched.take() {
                    // Nobody waits any more where the answer came first.
                    let _ = watched.gone.send(error.into());
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
