//! The state machine: which bytes of a client may pass.

use super::body::{Chunks, Then};
use super::head::{Follows, Head};
use super::{Limits, Refusal};

/// Follows the messages of one HTTP/1 client. It does no I/O and keeps no bytes.
///
/// The caller keeps what has not passed and asks again, with more bytes behind it:
///
/// ```
/// use doorward::edge::wire::{Guard, Limits, Step};
///
/// let mut guard = Guard::new(Limits::default());
/// assert_eq!(guard.step(b"GET / HTTP/1.1\r\nHost: a"), Step::More);
/// assert_eq!(guard.step(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), Step::Head(27));
/// assert_eq!(guard.step(b"GET"), Step::More);
/// ```
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    at: At,
}

/// What to do with the bytes at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// So many bytes are one whole head, and pass.
    Head(usize),
    /// So many bytes, at least one, belong to a body or an upgraded connection, and pass.
    Body(usize),
    /// Nothing passes before more bytes are there.
    More,
    /// Nothing passes before [`Guard::upgrade`] or [`Guard::resume`].
    Wait,
    /// Nothing passes any more. A head stood here.
    RefuseHead(Refusal),
    /// Nothing passes any more. A body stood here.
    RefuseBody(Refusal),
}

#[derive(Debug)]
enum At {
    Head(Head),
    Length(u64),
    Chunks(Chunks),
    Upgrade,
    Raw,
    RefusedHead(Refusal),
    RefusedBody(Refusal),
}

impl Guard {
    /// At the beginning of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, at: At::Head(Head::default()) }
    }

    /// Looks at all bytes that have come and not passed.
    pub fn step(&mut self, input: &[u8]) -> Step {
        match &mut self.at {
            At::Upgrade => Step::Wait,
            _ if input.is_empty() => Step::More,
            At::Head(head) => match head.read(input, &self.limits) {
                Ok(None) => Step::More,
                Ok(Some(passed)) => {
                    self.at = match passed.follows {
                        Follows::Head => At::Head(Head::default()),
                        Follows::Length(length) => At::Length(length),
                        Follows::Chunks => At::Chunks(Chunks::default()),
                        Follows::Upgrade => At::Upgrade,
                    };
                    Step::Head(passed.len)
                }
                Err(refusal) => {
                    self.refuse_head(refusal);
                    Step::RefuseHead(refusal)
                }
            },
            At::Length(left) => {
                let here = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= here as u64;
                if *left == 0 {
                    self.at = At::Head(Head::default());
                }
                Step::Body(here)
            }
            At::Chunks(chunks) => {
                let scanned = chunks.scan(input, &self.limits);
                match scanned.then {
                    Then::More => {}
                    Then::Head => self.at = At::Head(Head::default()),
                    Then::Fault(refusal) => self.at = At::RefusedBody(refusal),
                }
                match (scanned.good, &self.at) {
                    (0, At::RefusedBody(refusal)) => Step::RefuseBody(*refusal),
                    (0, _) => Step::More,
                    (good, _) => Step::Body(good),
                }
            }
            At::Raw => Step::Body(input.len()),
            At::RefusedHead(refusal) => Step::RefuseHead(*refusal),
            At::RefusedBody(refusal) => Step::RefuseBody(*refusal),
        }
    }

    /// The head at hand is refused for a reason that its bytes don't show.
    pub(super) fn refuse_head(&mut self, refusal: Refusal) {
        self.at = At::RefusedHead(refusal);
    }

    /// The upgrade was granted: everything passes from now on.
    pub fn upgrade(&mut self) {
        if matches!(self.at, At::Upgrade) {
            self.at = At::Raw;
        }
    }

    /// The upgrade was not granted: a head comes next.
    pub fn resume(&mut self) {
        if matches!(self.at, At::Upgrade) {
            self.at = At::Head(Head::default());
        }
    }

    /// Whether a head comes next, or has begun.
    pub(super) fn is_at_head(&self) -> bool {
        matches!(self.at, At::Head(_))
    }

    /// Whether an upgrade waits for its verdict.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.at, At::Upgrade)
    }

    /// Whether the client may still be sending what nobody will read.
    pub(super) fn is_amid(&self) -> bool {
        matches!(self.at, At::Length(_) | At::Chunks(_) | At::RefusedHead(_) | At::RefusedBody(_))
    }
}
