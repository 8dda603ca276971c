//! What an application asks for beside its policy, at one moment and for one request (RFC 9470).

use super::{Freshness, Lack, Missing, Requirement};
use crate::domain::{
    factor::Method,
    session::{Authentication, Level},
    time::Timestamp,
};
use std::time::Duration;

/// A level, a freshness, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    level: Option<Level>,
    within: Option<Duration>,
}

impl Demand {
    /// No demand is fresher: a proof must outlive the way back to the application.
    pub const WITHIN_MIN: Duration = Duration::from_secs(30);

    /// A demand of something.
    pub fn new(level: Option<Level>, within: Option<Duration>) -> Option<Self> {
        let within = within.map(|within| within.max(Self::WITHIN_MIN));
        (level.is_some() || within.is_some()).then_some(Self { level, within })
    }

    /// The level it names.
    pub const fn level(&self) -> Option<Level> {
        self.level
    }

    /// How old a proof may be.
    pub const fn within(&self) -> Option<Duration> {
        self.within
    }

    /// What a policy would say that asked for the same. Any proof is fresh but one that stands in for a lost one.
    pub fn requirement(&self) -> Requirement {
        let any: Vec<Method> = Method::ALL.iter().copied().filter(|method| *method != Method::RecoveryCode).collect();
        let fresh = self.within.map(|within| Freshness { any, within });
        Requirement { level: self.level.unwrap_or(Level::Login), fresh, groups: Vec::new() }
    }

    /// What somebody with these authentications lacks for it.
    pub fn missing(&self, authentications: &[Authentication], now: Timestamp) -> Option<Missing> {
        match self.requirement().missing(authentications, now) {
            Err(Lack::Some(missing)) => Some(missing),
            Ok(()) | Err(Lack::Everything) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::factor::FactorId;
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn proofs(age: Duration) -> [Authentication; 1] {
        [Authentication { method: Method::Password, factor: FactorId(Uuid::from_u128(1)), at: NOON - age }]
    }

    #[test]
    fn a_demand_is_met_or_not_and_never_by_nothing_at_all() {
        let fresh = Demand::new(None, Some(Duration::from_mins(5))).unwrap();
        let level = Demand::new(Some(Level::Mfa), None).unwrap();

        assert_eq!(Demand::new(None, None), None);
        assert_eq!(fresh.missing(&proofs(Duration::from_mins(4)), NOON), None);
        assert!(matches!(fresh.missing(&proofs(Duration::from_mins(6)), NOON), Some(Missing::Fresh { .. })));
        assert!(matches!(level.missing(&proofs(Duration::ZERO), NOON), Some(Missing::Level { .. })));
    }

    #[test]
    fn what_can_not_be_met_in_time_is_asked_for_no_second_time() {
        let now = Demand::new(None, Some(Duration::ZERO)).unwrap();

        assert_eq!(now.missing(&proofs(Duration::from_secs(29)), NOON), None);
    }
}
