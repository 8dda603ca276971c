//! Instants. Durations are [`std::time::Duration`].

use std::time::Duration;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `millis` milliseconds after 1970 began, in UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began, in UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began, in UTC, as `iat` and `auth_time` want them. Nothing before 1970.
    pub const fn as_secs(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0.unsigned_abs() / 1000 }
    }

    /// How long ago this was, or `None` if it still lies ahead.
    ///
    /// There is no subtraction that clamps to zero: a proof from the future would look brand new.
    pub fn age(self, now: Self) -> Option<Duration> {
        u64::try_from(now.0.checked_sub(self.0)?).ok().map(Duration::from_millis)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_future_has_no_age() {
        let noon = Timestamp::from_millis(1_000);

        assert_eq!((noon + Duration::from_millis(1)).age(noon), None);
        assert_eq!(noon.age(noon), Some(Duration::ZERO));
        assert_eq!((noon - Duration::from_secs(1)).age(noon), Some(Duration::from_secs(1)));
    }
}
