//! How long what is to be sent may find no room: the reader has gone to sleep, or means to keep the connection for nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time of one side's writes. Any progress begins it anew.
#[derive(Debug)]
pub(super) struct Sending {
    time: Duration,
    /// Set once and moved later, which costs next to nothing.
    alarm: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl Sending {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, alarm: None, is_waiting: false }
    }

    /// What came of a write; an error where there has been no room for too long.
    pub(super) fn judge<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.is_waiting = false;
            return polled;
        }
        let time = self.time;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(time)));
        if !std::mem::replace(&mut self.is_waiting, true) {
            alarm.as_mut().reset(Instant::now() + time);
        }
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}
