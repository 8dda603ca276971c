//! Time and chance.

use crate::{
    domain::time::Timestamp,
    ports::{Clock, Entropy},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock on the wall.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(0) + since_1970
    }
}

/// The generator of the crypto library, which the operating system seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// If the system gives no random bytes: nothing that needs them may go on with others.
    fn fill(&self, bytes: &mut [u8]) {
        assert!(aws_lc_rs::rand::fill(bytes).is_ok(), "the system gives no random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_when_this_was_written() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_790_000_000_000));
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(SystemEntropy.token().hash(), SystemEntropy.token().hash());
    }

    #[test]
    fn an_id_made_later_sorts_later() {
        let at = |millis| SystemEntropy.id(Timestamp::from_millis(millis));

        assert!(at(1_790_000_000_000) < at(1_790_000_000_001));
        assert_eq!(at(1_790_000_000_000).get_version_num(), 7);
    }
}
