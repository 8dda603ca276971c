//! The guard around a stream.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::{Connection, Upgrade};
use super::guard::{Guard, Step};
use super::sending::Sending;
use super::{Limits, Refusal};

/// What hyper reads in place of a refused head. It is answered by its count, so its content is never looked at.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";

/// How much is thrown away at a time.
const SWALLOW_BYTES: usize = 4096;

/// A stream whose reader gets only what the [`Guard`] passed. Writes go straight through, as long as there is room for them.
///
/// Bytes are read into the reader's own buffer and looked at there; what may not pass is taken back. So a body costs no
/// copy, and the own buffer exists only while a head is incomplete, an upgrade waits, or a client runs ahead.
#[derive(Debug)]
pub struct GuardedIo<S> {
    stream: S,
    guard: Guard,
    limits: Limits,
    connection: Arc<Connection>,
    /// Bytes that were not handed on.
    held: BytesMut,
    /// How many of them may be.
    cleared: usize,
    /// When the first byte of an incomplete head was seen.
    head_since: Option<Instant>,
    /// Never later than what falls due next; armed once and moved only when it fires or comes too late.
    alarm: Option<Pin<Box<Sleep>>>,
    sending: Sending,
    end: End,
    /// What was read and thrown away.
    drained: usize,
}

/// How far the connection is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Messages are followed.
    NotYet,
    /// The substitute is in place; what comes is thrown away.
    Refused,
    /// Our side is closed; the client's rest is thrown away for a while.
    Draining,
    /// Nothing is read any more.
    Reached,
}

/// What fell due.
enum Due {
    Head,
    Idle,
}

/// What became of a read.
enum Came {
    /// Bytes are in the reader's buffer, or the client closed.
    Passed,
    /// Bytes were held back.
    Held,
}

impl<S> GuardedIo<S> {
    /// Guards a stream that speaks HTTP/1 from its first byte.
    pub fn new(stream: S, limits: Limits) -> Self {
        Self {
            stream,
            guard: Guard::new(limits),
            limits,
            connection: Arc::new(Connection::new()),
            held: BytesMut::new(),
            cleared: 0,
            head_since: None,
            alarm: None,
            sending: Sending::new(limits.write_time),
            end: End::NotYet,
            drained: 0,
        }
    }

    /// What the service asks for every request.
    pub fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Asks the guard about `input` until it passes no more. Says how many bytes pass, and why not more.
    fn look(&mut self, input: &[u8], reader: &Waker) -> (usize, Step) {
        let mut passed = 0;
        loop {
            let step = self.guard.step(input.get(passed..).unwrap_or_default());
            match step {
                Step::Head(len) => {
                    passed += len;
                    self.head_since = None;
                    self.connection.pass_head(if self.guard.is_waiting() { Upgrade::Awaited } else { Upgrade::Denied });
                }
                Step::Body(len) => passed += len,
                Step::Wait => match self.connection.upgrade(reader) {
                    Upgrade::Awaited => return (passed, step),
                    Upgrade::Granted => self.guard.upgrade(),
                    Upgrade::Denied => self.guard.resume(),
                },
                Step::More | Step::RefuseHead(_) | Step::RefuseBody(_) => return (passed, step),
            }
        }
    }

    /// Clears what may pass of the held bytes. Says why not more.
    fn look_at_held(&mut self, reader: &Waker) -> Step {
        let held = std::mem::take(&mut self.held);
        let (passed, step) = self.look(&held, reader);
        self.held = held;
        self.cleared = passed;
        step
    }

    /// Puts the substitute in place of a refused head.
    fn substitute(&mut self, refusal: Refusal) {
        self.connection.pass_substitute(refusal);
        self.held.clear();
        self.held.extend_from_slice(SUBSTITUTE);
        self.cleared = SUBSTITUTE.len();
        self.end = End::Refused;
    }

    /// Hands on cleared bytes, as many as fit.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.cleared.min(buf.remaining());
        buf.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        self.cleared -= len;
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }

    fn due(&self) -> Option<(Instant, Due)> {
        match self.head_since {
            _ if !self.guard.is_at_head() => None,
            Some(since) => Some((since + self.limits.head_time, Due::Head)),
            None => Some((self.connection.idle_since()? + self.limits.idle_time, Due::Idle)),
        }
    }

    /// Waits for what falls due next; while nothing will, looks again after the idle time.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let idle_time = self.limits.idle_time;
        loop {
            let due = self.due();
            let wake_at = due.as_ref().map(|(at, _)| *at);
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(wake_at.unwrap_or_else(|| Instant::now() + idle_time))));
            if let Some(earlier) = wake_at.filter(|at| *at < alarm.deadline()) {
                alarm.as_mut().reset(earlier);
            }
            ready!(alarm.as_mut().poll(cx));
            let now = Instant::now();
            match due {
                Some((at, due)) if at <= now => return Poll::Ready(due),
                _ => alarm.as_mut().reset(wake_at.unwrap_or(now + idle_time)),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> GuardedIo<S> {
    /// Reads into the reader's buffer, looks, and takes back what may not pass.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Came>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = buf.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(Came::Passed));
        }
        let passed = if self.held.is_empty() { self.look(came, cx.waker()).0 } else { 0 };
        self.held.extend_from_slice(came.get(passed..).unwrap_or_default());
        buf.set_filled(before + passed);
        Poll::Ready(Ok(if passed > 0 { Came::Passed } else { Came::Held }))
    }

    /// Throws away what comes, up to the limit. `Ready` when the client closed.
    fn poll_swallow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); SWALLOW_BYTES];
        while self.drained < self.limits.drain_bytes {
            let mut buf = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.drained += buf.filled().len(),
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Throws away what comes until the client closed, the limit is reached, or the time is up.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_swallow(cx).is_ready() || self.drained >= self.limits.drain_bytes {
            return Poll::Ready(());
        }
        match &mut self.alarm {
            Some(alarm) => alarm.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if this.cleared == 0 && this.end != End::NotYet {
                return this.poll_swallow(cx).map(Ok);
            }
            let step = if this.cleared == 0 { this.look_at_held(cx.waker()) } else { Step::More };
            if this.cleared > 0 {
                this.hand_on(buf);
                return Poll::Ready(Ok(()));
            }
            match step {
                Step::RefuseHead(refusal) => {
                    this.substitute(refusal);
                    continue;
                }
                Step::RefuseBody(refusal) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal)));
                }
                Step::Wait if !this.held.is_empty() => return Poll::Pending,
                _ => {}
            }
            if this.head_since.is_none() && this.guard.is_at_head() && !this.held.is_empty() {
                this.head_since = Some(Instant::now());
            }
            match this.poll_more(cx, buf)? {
                Poll::Ready(Came::Passed) => return Poll::Ready(Ok(())),
                Poll::Ready(Came::Held) => {}
                Poll::Pending => match ready!(this.poll_due(cx)) {
                    // To hyper this is the client closing.
                    Due::Idle => return Poll::Ready(Ok(())),
                    Due::Head => {
                        this.guard.refuse_head(Refusal::HeadTimeout);
                    }
                },
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.sending.judge(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.sending.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.sending.judge(cx, polled)
    }

    /// Closes our side, then throws away what the client still sends, so that it can read the answer.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.end, End::NotYet | End::Refused) {
            let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.sending.judge(cx, polled))?;
            this.end = if this.guard.is_amid() { End::Draining } else { End::Reached };
            this.alarm = Some(Box::pin(sleep_until(Instant::now() + this.limits.drain_time)));
        }
        if this.end == End::Draining {
            ready!(this.poll_drain(cx));
            this.end = End::Reached;
        }
        Poll::Ready(Ok(()))
    }
}
