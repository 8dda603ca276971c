//! Bodies on their way through: streamed frame by frame, never collected; what follows them is for `trailers` to judge.

use super::{
    tether::{Cut, Tether},
    trailers::{TooLong, Trailers},
};
use crate::{flows::hold::LostPart, ports::upstream::BoxError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep},
};

/// How long the next part of a request's body may take (FR-23).
pub const STALLED_MAX: Duration = Duration::from_mins(1);

/// The body of a request on its way to the application.
///
/// Where it ends in an error, the exchange with the application is aborted: it never looks whole there.
pub struct RequestBody {
    source: Source,
    /// How much may still come.
    left: u64,
    /// Runs while nothing comes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether anything must come in time.
    patience: Patience,
    trailers: Trailers,
}

/// How long a body may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// [`STALLED_MAX`].
    Short,
    /// As long as somebody else watches over it.
    Endless,
}

enum Source {
    Stream(Incoming),
    Held(Full<Bytes>),
    Kept(Parts),
}

/// A body out of the store, part by part.
struct Parts {
    coming: mpsc::Receiver<Result<Bytes, LostPart>>,
    /// How much is still to come.
    left: u64,
}

/// Why a body is not whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than allowed.
    #[error("the body is longer than allowed")]
    TooLarge,
    /// Nothing came for [`STALLED_MAX`].
    #[error("nothing came for too long")]
    Stalled,
    /// Its sender went away, or broke the protocol.
    #[error("the body broke off")]
    Broken(#[from] hyper::Error),
    /// It was kept, and a part of it is no more.
    #[error(transparent)]
    Lost(#[from] LostPart),
    /// What follows it is longer than allowed.
    #[error(transparent)]
    Trailers(#[from] TooLong),
}

impl RequestBody {
    /// What a client sends, at most `bytes_max` of it. One that announces more is refused before it is read.
    pub fn stream(incoming: Incoming, bytes_max: u64) -> Result<Self, BodyError> {
        if incoming.size_hint().lower() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        Ok(Self::of(Source::Stream(incoming), bytes_max))
    }

    /// What was held back, and is delivered now. Also nothing at all.
    pub fn held(bytes: Bytes) -> Self {
        Self::of(Source::Held(Full::new(bytes)), u64::MAX)
    }

    /// What was kept in the store, `length` bytes of it. Where less comes the body is broken.
    pub fn kept(coming: mpsc::Receiver<Result<Bytes, LostPart>>, length: u64) -> Self {
        Self::of(Source::Kept(Parts { coming, left: length }), u64::MAX)
    }

    fn of(source: Source, left: u64) -> Self {
        Self { source, left, stalled: None, patience: Patience::Short, trailers: Trailers::Dropped }
    }

    /// The same, with what becomes of its trailers.
    #[must_use]
    pub fn with_trailers(self, trailers: Trailers) -> Self {
        Self { trailers, ..self }
    }

    /// The same, for a call that may be silent as long as its session lives.
    #[must_use]
    pub fn with_patience(self) -> Self {
        Self { patience: Patience::Endless, ..self }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.source {
            Source::Stream(incoming) => Pin::new(incoming).poll_frame(cx).map_err(BodyError::Broken),
            Source::Held(held) => Pin::new(held).poll_frame(cx).map_err(|never| match never {}),
            Source::Kept(parts) => parts.poll(cx).map_err(BodyError::Lost),
        };
        let Poll::Ready(frame) = polled else {
            if self.patience == Patience::Endless {
                return Poll::Pending;
            }
            let alarm = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED_MAX)));
            return alarm.as_mut().poll(cx).map(|()| Some(Err(BodyError::Stalled)));
        };
        self.stalled = None;
        let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(last_of(frame, &self.trailers).map_err(BodyError::Trailers).transpose()),
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(length) else {
            return Poll::Ready(Some(Err(BodyError::TooLarge)));
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Stream(incoming) => incoming.is_end_stream(),
            Source::Held(held) => held.is_end_stream(),
            Source::Kept(parts) => parts.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Stream(incoming) => incoming.size_hint(),
            Source::Held(held) => held.size_hint(),
            Source::Kept(parts) => SizeHint::with_exact(parts.left),
        }
    }
}

impl Parts {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, LostPart>>> {
        let part = match ready!(self.coming.poll_recv(cx)) {
            Some(part) => part?,
            None if self.left == 0 => return Poll::Ready(None),
            None => return Poll::Ready(Some(Err(LostPart::Gone))),
        };
        self.left = self.left.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}

/// The body of a response on its way to the browser.
///
/// Its errors pass: the browser sees a response that broke off, never one that was silently cut short. So does its end,
/// where the session that it was let through with is over.
pub struct ResponseBody<B> {
    inner: B,
    tie: Tie,
    trailers: Trailers,
}

/// Frames that pass before a body counts as a stream. Most answers are over by then, and never looked up again.
const FRAMES_UNTIED: u8 = 8;

/// How a response hangs on its session.
enum Tie {
    /// It does not.
    None,
    /// It would, if it were to stay open.
    Loose(Tether, u8),
    /// It does.
    Fast(Pin<Box<dyn Future<Output = Cut> + Send>>),
}

impl<B> ResponseBody<B> {
    /// A response that hangs on no session.
    pub(super) const fn free(inner: B) -> Self {
        Self { inner, tie: Tie::None, trailers: Trailers::Dropped }
    }

    /// The same, with what becomes of its trailers.
    pub(super) fn with_trailers(self, trailers: Trailers) -> Self {
        Self { trailers, ..self }
    }

    /// Ties it to a session, if there is one.
    pub(super) fn tied(self, tether: Option<Tether>) -> Self {
        Self { tie: tether.map_or(Tie::None, |tether| Tie::Loose(tether, FRAMES_UNTIED)), ..self }
    }
}

impl Tie {
    /// What cuts the response, if anything does by now. Whoever asks is woken when it does.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        match self {
            Self::None | Self::Loose(..) => Poll::Pending,
            Self::Fast(cut) => cut.as_mut().poll(cx),
        }
    }

    /// Ties a response that turned out to stay open: it waits, or has said a lot.
    fn tighten(&mut self, is_waiting: bool) {
        *self = match std::mem::replace(self, Self::None) {
            Self::Loose(tether, 0) => Self::Fast(Box::pin(tether.cut())),
            Self::Loose(tether, _) if is_waiting => Self::Fast(Box::pin(tether.cut())),
            Self::Loose(tether, left) => Self::Loose(tether, left - 1),
            other @ (Self::None | Self::Fast(_)) => other,
        };
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(cut) = self.tie.poll_cut(cx) {
            return Poll::Ready(Some(Err(cut.into())));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        self.tie.tighten(polled.is_pending());
        if polled.is_pending()
            && let Poll::Ready(cut) = self.tie.poll_cut(cx)
        {
            return Poll::Ready(Some(Err(cut.into())));
        }
        let frame = ready!(polled);
        let Some(frame) = frame.transpose().map_err(Into::into)? else { return Poll::Ready(None) };
        Poll::Ready(match frame.into_data() {
            Ok(data) => Some(Ok(Frame::data(data))),
            Err(frame) => last_of(frame, &self.trailers).map_err(Into::into).transpose(),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What goes on of trailers, which end a body.
fn last_of(frame: Frame<Bytes>, trailers: &Trailers) -> Result<Option<Frame<Bytes>>, TooLong> {
    let Ok(fields) = frame.into_trailers() else { return Ok(None) };
    Ok(trailers.pass(fields)?.map(Frame::trailers))
}
