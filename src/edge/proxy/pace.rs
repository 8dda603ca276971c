//! How slowly a body may come that is kept, or read before it may pass, or only read to its end.

use super::body::{BodyError, RequestBody};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long all of a body may take, however it comes: whoever lets it drip would keep the room for it.
const READ_MAX: Duration = Duration::from_mins(5);
/// How much of it gets it a second more: 64 kbit/s are fast enough.
const BYTES_A_SECOND: u64 = 8 * 1024;
/// How long it may take even so. What is kept is swept half an hour after it began, if it is not whole by then.
const FAST_READ_MAX: Duration = Duration::from_mins(28);
/// How long the next part may take of a body that nobody keeps. Browsers show no answer before they have sent the whole of it, so
/// whoever sent a large file would see a broken connection where a few KiB are drained (FR-12), and not the page that
/// says what to do. Nothing of it is kept in memory, and `body_max` bounds it too.
const DRAIN_STALLED_MAX: Duration = Duration::from_secs(30);

/// How fast a body comes.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    come: u64,
}

impl Pace {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), come: 0 }
    }

    /// What comes next of the body, if it comes soon enough.
    pub(super) async fn next(&mut self, body: &mut RequestBody) -> Result<Option<Bytes>, BodyError> {
        let earned = Duration::from_secs(self.come / BYTES_A_SECOND);
        let until = self.begun + (READ_MAX + earned).min(FAST_READ_MAX);
        while let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| BodyError::Stalled)? {
            if let Ok(data) = frame?.into_data() {
                self.come += u64::try_from(data.len()).unwrap_or(u64::MAX);
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Reads what is left of a body, for its sender to see the answer.
pub(super) async fn drain(body: &mut RequestBody) {
    let mut pace = Pace::begin();
    // Whose upload stops, or drips, sees a broken connection.
    while let Ok(Ok(Some(_))) = timeout(DRAIN_STALLED_MAX, pace.next(body)).await {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::Held;
    use tokio::{sync::mpsc, time::sleep};

    const KIB: usize = 1024;

    /// A body of so many parts, each of which takes a while.
    fn coming(parts: usize, bytes: usize, each: Duration) -> RequestBody {
        let (sender, body) = mpsc::channel(1);
        tokio::spawn(async move {
            for _ in 0..parts {
                sleep(each).await;
                if sender.send(Ok(vec![b'x'; bytes].into())).await.is_err() {
                    return;
                }
            }
        });
        RequestBody::kept(body, u64::try_from(parts * bytes).unwrap())
    }

    /// How much of it is read, and how long that takes.
    async fn read(mut body: RequestBody) -> (Result<usize, BodyError>, Duration) {
        let (mut pace, mut bytes, begun) = (Pace::begin(), 0, Instant::now());
        let read = loop {
            match pace.next(&mut body).await {
                Ok(Some(data)) => bytes += data.len(),
                Ok(None) => break Ok(bytes),
                Err(error) => break Err(error),
            }
        };
        (read, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_over_a_slow_line_is_read_to_its_end() {
        let (read, took) = read(coming(160, 64 * KIB, Duration::from_secs(8))).await;

        assert_eq!(read.unwrap(), 160 * 64 * KIB, "10 MiB at 64 kbit/s");
        assert!(took > READ_MAX * 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_drips_is_given_up_after_five_minutes() {
        let (read, took) = read(coming(1000, 1, Duration::from_secs(20))).await;

        assert!(matches!(read, Err(BodyError::Stalled)));
        assert_eq!(took, READ_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_on_for_ever_is_given_up_before_what_they_sent_is_swept() {
        let (read, took) = read(coming(1_000_000, KIB, Duration::from_millis(10))).await;

        assert!(matches!(read, Err(BodyError::Stalled)));
        assert!(took == FAST_READ_MAX && took < Held::LIFETIME * 2);
    }

    async fn drained(mut body: RequestBody) -> Duration {
        let begun = Instant::now();
        drain(&mut body).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_keeps_is_drained_for_as_long_as_it_goes_on() {
        let second = Duration::from_secs(1);
        assert_eq!(drained(coming(40, 64 * KIB, 8 * second)).await, 320 * second, "a slow line");
        assert_eq!(drained(coming(2, 64 * KIB, 31 * second)).await, DRAIN_STALLED_MAX, "nothing comes");
        assert_eq!(drained(coming(1000, 1, 20 * second)).await, READ_MAX, "a drip");
    }
}
