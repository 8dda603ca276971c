//! Bodies on their way through: streamed frame by frame, never collected; what follows them is for `trailers` to judge.

use super::{
    grpc,
    shelf::{NoRoom, Place},
    tether::Cut,
    tie::{Lasting, Tie},
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
    /// Whether it may be silent for as long as it likes.
    is_patient: bool,
    /// What it must not outlive, where nothing else ends it.
    exchange: Option<Lasting>,
    trailers: Trailers,
}

enum Source {
    Stream(Incoming),
    Held(Full<Bytes>, #[expect(dead_code, reason = "held for its end")] Option<Place>),
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
    /// So much is read of others that there is no room for it.
    #[error("too much is being read at once")]
    NoRoom,
    /// Nothing came for [`STALLED_MAX`]; or it came too slowly to be kept, or read before it may pass.
    #[error("the body came too slowly")]
    Stalled,
    /// Its sender went away, or broke the protocol.
    #[error("the body broke off")]
    Broken(#[from] hyper::Error),
    /// It was kept, and a part of it is no more.
    #[error(transparent)]
    Lost(#[from] LostPart),
    /// The exchange that it is part of is over: nobody may send any more.
    #[error("its exchange is over")]
    Over,
    /// What follows it is longer than allowed.
    #[error(transparent)]
    Trailers(#[from] TooLong),
}

impl From<NoRoom> for BodyError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
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
        Self::of(Source::Held(Full::new(bytes), None), u64::MAX)
    }

    /// The same, and the room that it takes until then.
    pub(super) fn shelved(bytes: Bytes, place: Place) -> Self {
        Self::of(Source::Held(Full::new(bytes), Some(place)), u64::MAX)
    }

    /// What was kept in the store, `length` bytes of it. Where less comes the body is broken.
    pub fn kept(coming: mpsc::Receiver<Result<Bytes, LostPart>>, length: u64) -> Self {
        Self::of(Source::Kept(Parts { coming, left: length }), u64::MAX)
    }

    fn of(source: Source, left: u64) -> Self {
        Self { source, left, stalled: None, is_patient: false, exchange: None, trailers: Trailers::Dropped }
    }

    /// The same, with what becomes of its trailers.
    #[must_use]
    pub fn with_trailers(self, trailers: Trailers) -> Self {
        Self { trailers, ..self }
    }

    /// The same, for a call: it may be silent as long as its session lives, which is what its exchange is tied to.
    #[must_use]
    pub(super) fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// The same, no longer than its exchange. Over HTTP/2 nothing else ends it: whoever sends it on does not learn that the
    /// answer was cut or dropped, and its stream lives for as long as one of its sides does.
    #[must_use]
    pub(super) fn within(self, exchange: Lasting) -> Self {
        Self { exchange: Some(exchange), ..self }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.exchange.as_mut().is_some_and(|exchange| exchange.poll_over(cx).is_ready()) {
            return Poll::Ready(Some(Err(BodyError::Over)));
        }
        let polled = match &mut self.source {
            Source::Stream(incoming) => Pin::new(incoming).poll_frame(cx).map_err(BodyError::Broken),
            Source::Held(held, _) => Pin::new(held).poll_frame(cx).map_err(|never| match never {}),
            Source::Kept(parts) => parts.poll(cx).map_err(BodyError::Lost),
        };
        let Poll::Ready(frame) = polled else {
            if self.is_patient {
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
            Source::Held(held, _) => held.is_end_stream(),
            Source::Kept(parts) => parts.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Stream(incoming) => incoming.size_hint(),
            Source::Held(held, _) => held.size_hint(),
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
    tie: Option<Tie>,
    trailers: Trailers,
    ending: Ending,
}

/// How a response ends whose session is over before it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It breaks off.
    Break,
    /// It ends as calls do, with a status.
    Status,
}

impl<B> ResponseBody<B> {
    /// A response that is not tied yet.
    pub(super) const fn free(inner: B) -> Self {
        Self { inner, tie: None, trailers: Trailers::Dropped, ending: Ending::Break }
    }

    /// The same, as the answer to a call.
    pub(super) fn of_call(self) -> Self {
        Self { ending: Ending::Status, ..self }
    }

    /// The same, with what becomes of its trailers.
    pub(super) fn with_trailers(self, trailers: Trailers) -> Self {
        Self { trailers, ..self }
    }

    /// The same, as part of an exchange that may be cut.
    pub(super) fn tied(self, tie: Tie) -> Self {
        Self { tie: Some(tie), ..self }
    }
}

impl Ending {
    fn of(self, cut: Cut) -> Result<Frame<Bytes>, BoxError> {
        match self {
            Self::Break => Err(cut.into()),
            Self::Status => Ok(Frame::trailers(grpc::trailers_of_cut(&cut))),
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(Poll::Ready(cut)) = self.tie.as_ref().map(|tie| tie.poll_cut(cx)) {
            return Poll::Ready(Some(self.ending.of(cut)));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(tie) = &self.tie {
            tie.give();
        }
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
