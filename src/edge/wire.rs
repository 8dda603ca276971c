//! The strict guard in front of the HTTP/1 parser (FR-01 to FR-13, FR-23, HO-01, HO-03, PA-02).
//!
//! [`Guard`] is a sans-io state machine that follows the messages of one client and says of its bytes *pass* or
//! *refuse*; it never repairs. [`GuardedIo`] stands between TLS and hyper and lets through only what the guard passed.
//! [`Connection`] is how the service learns of a refusal, so that it is answered in order like any response.
//!
//! # Invariants
//!
//! - hyper sees no byte of a head before the guard has seen all of it and found nothing wrong.
//! - Heads that the guard passed and requests that [`Connection::next_request`] counted are the same, one by one. In
//!   place of a refused head hyper gets one harmless substitute, and after it nothing; its count is what gives it away.
//! - After a request with an `Upgrade` field no byte passes until the service granted the upgrade (then all do, raw), or
//!   let go of its [`RequestTicket`] (then heads are read again).
//! - The idle time runs only while no request is open: from the drop of the last ticket to the first byte of a head. The
//!   time of a head runs from its first byte, however slowly the rest comes.
//!
//! # Early answers (FR-12)
//!
//! A service may answer without reading the body. hyper then reads once more, at most what its buffer holds, and if that
//! was not the rest of the body it sends the answer, reads no more and shuts down. No body byte can become a request:
//! the guard counts them. On shutdown [`GuardedIo`] closes its side and swallows up to [`Limits::drain_bytes`] within
//! [`Limits::drain_time`], so that the client can read the answer before the connection is reset.

mod body;
mod connection;
mod grammar;
mod guard;
mod head;
mod io;
mod refusal;
mod sending;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use connection::{Connection, RequestTicket};
pub use guard::{Guard, Step};
pub use io::GuardedIo;
pub use refusal::Refusal;

/// What one connection may ask for at most (FR-23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A request line and its fields.
    pub head_bytes: usize,
    /// Fields of a head, and of a trailer section.
    pub fields: usize,
    /// A request target.
    pub target_bytes: usize,
    /// All chunk extensions of a body.
    pub extension_bytes: usize,
    /// A trailer section.
    pub trailer_bytes: usize,
    /// From the first byte of a head to its last.
    pub head_time: Duration,
    /// From one request to the next, with nothing open.
    pub idle_time: Duration,
    /// How long the client may have no room for what it is sent.
    pub write_time: Duration,
    /// What is swallowed of a request that was answered before it was read.
    pub drain_bytes: usize,
    /// How long it is waited for.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
            extension_bytes: 4 * 1024,
            trailer_bytes: 16 * 1024,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            write_time: Duration::from_mins(1),
            drain_bytes: 64 * 1024,
            drain_time: Duration::from_secs(5),
        }
    }
}
