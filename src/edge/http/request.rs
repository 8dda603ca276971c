//! What is known about a request before anything in it is believed.

use http::HeaderValue;
use std::{
    fmt::{Display, Formatter, Result, Write as _},
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

/// The address of the client, as far back as trusted proxies vouch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The name of one request: in the log, on every page that fails, and in the application's log. Unique, not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u64);

/// Whether a method gets no further than the gateway's door, in any spelling (FR-15, FR-16).
pub fn is_never_served(method: &[u8]) -> bool {
    [&b"CONNECT"[..], b"TRACE", b"TRACK"].iter().any(|never| method.eq_ignore_ascii_case(never))
}

/// Makes request ids for one thread of the data plane.
#[derive(Debug)]
pub struct RequestIds(AtomicU64);

/// Letters and digits that are not mistaken for one another (Crockford's Base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RequestIds {
    /// Ids that begin somewhere at random: `seed` keeps those of threads and restarts apart.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        // The golden ratio's odd multiple visits every number once, and neighbours look nothing alike.
        RequestId(self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl RequestId {
    /// It as a field of a request.
    pub fn value(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.letters()).ok()
    }

    fn letters(self) -> [u8; 14] {
        let mut rest = self.0;
        std::array::from_fn(|at| {
            if at == 4 || at == 9 {
                return b'-';
            }
            let index = usize::try_from(rest >> 59).unwrap_or_default();
            rest <<= 5;
            ALPHABET.get(index).copied().unwrap_or(b'0')
        })
    }
}

impl Display for RequestId {
    /// Twelve characters in groups of four, the sixty high bits: `7F3K-9QXA-2MT4`.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.letters().iter().try_for_each(|&letter| f.write_char(char::from(letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_distinct() {
        let ids = RequestIds::new(1);
        let all: std::collections::HashSet<_> = (0..10_000).map(|_| ids.next().to_string()).collect();

        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|id| id.len() == 14));
        let id = RequestId(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "04HM-ASW9-NF6Y");
        assert_eq!(id.value().unwrap(), "04HM-ASW9-NF6Y");
    }
}
