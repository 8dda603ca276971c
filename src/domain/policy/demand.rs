//! What an application asks for beside its policy, at one moment and for one request (RFC 9470).

use super::{Freshness, Lack, Missing, Requirement, Strength};
use crate::domain::{
    factor::Method,
    session::{Level, Session},
    time::Timestamp,
};
use std::{fmt, time::Duration};

/// A level, a freshness, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    level: Option<Strength>,
    within: Option<Duration>,
}

/// The same in words: what it takes to meet the level, the app knows ([`App::demand`](super::route::App::demand)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The level's name.
    pub level: Option<String>,
    /// How old a proof may be.
    pub within: Option<Duration>,
}

/// For the operator.
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.as_ref().map(|level| format!("the level `{level}`"));
        let within = self.within.map(|within| format!("a proof of the last {} s", within.as_secs()));
        f.write_str(&level.into_iter().chain(within).collect::<Vec<_>>().join(" and "))
    }
}

impl Demand {
    /// No demand is fresher: a proof must outlive the way back to the application.
    pub const WITHIN_MIN: Duration = Duration::from_secs(30);

    /// A demand of something.
    pub fn new(level: Option<Strength>, within: Option<Duration>) -> Option<Self> {
        let within = within.map(|within| within.max(Self::WITHIN_MIN));
        (level.is_some() || within.is_some()).then_some(Self { level, within })
    }

    /// What it says.
    pub fn wish(&self) -> Wish {
        Wish { level: self.level.as_ref().map(ToString::to_string), within: self.within }
    }

    /// What a policy would say that asked for the same. Any proof is fresh but one that stands in for a lost one.
    pub fn requirement(&self) -> Requirement {
        let any = || Method::ALL.iter().copied().filter(|method| method.shows_presence()).collect();
        let fresh = self.within.map(|within| Freshness { any: any(), within: within.into() });
        let level = self.level.clone().unwrap_or(Level::Login.into());
        Requirement { level, fresh: fresh.into_iter().collect(), ..Requirement::at(Level::Login) }
    }

    /// What a session lacks for it.
    pub fn missing(&self, session: &Session, now: Timestamp) -> Option<Missing> {
        match self.requirement().missing(session, now) {
            Err(Lack::Some(missing)) => Some(missing),
            Ok(()) | Err(Lack::Everything) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        factor::FactorId,
        place::Place,
        risk::Assessment,
        session::{Activity, Authentication, SessionId},
        user::UserId,
    };
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn proven(method: Method, age: Duration) -> Session {
        let proof = Authentication { method, factor: FactorId(Uuid::from_u128(1)), at: NOON - age };
        Session {
            id: SessionId(Uuid::from_u128(2)),
            user: UserId(Uuid::from_u128(3)),
            authentications: vec![proof],
            started_at: proof.at,
            seen_at: proof.at,
            activity: Activity::begun(proof.at),
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: Assessment::default(),
        }
    }

    fn proofs(age: Duration) -> Session {
        proven(Method::Password, age)
    }

    #[test]
    fn a_demand_is_met_or_not_and_never_by_nothing_at_all() {
        let fresh = Demand::new(None, Some(Duration::from_mins(5))).unwrap();
        let level = Demand::new(Some(Level::Mfa.into()), None).unwrap();

        assert_eq!(Demand::new(None, None), None);
        assert_eq!(fresh.missing(&proofs(Duration::from_mins(4)), NOON), None);
        assert!(matches!(fresh.missing(&proofs(Duration::from_mins(6)), NOON), Some(Missing::Fresh { .. })));
        assert!(matches!(level.missing(&proofs(Duration::ZERO), NOON), Some(Missing::Level { .. })));
    }

    #[test]
    fn a_wish_is_told_in_words() {
        let (mfa, recent) = (|| Some(Level::Mfa.into()), Some(Duration::from_mins(5)));
        let told = |level, within| Demand::new(level, within).unwrap().wish().to_string();

        assert_eq!(told(mfa(), None), "the level `mfa`");
        assert_eq!(told(None, recent), "a proof of the last 300 s");
        assert_eq!(told(mfa(), recent), "the level `mfa` and a proof of the last 300 s");
    }

    #[test]
    fn a_lock_and_a_recovery_code_leave_nothing_fresh() {
        let fresh = Demand::new(None, Some(Duration::from_mins(5))).unwrap();
        let locked = Session { locked_at: Some(NOON), ..proofs(Duration::from_mins(1)) };

        for session in [locked, proven(Method::RecoveryCode, Duration::from_mins(1))] {
            assert!(matches!(fresh.missing(&session, NOON), Some(Missing::Fresh { latest: None, .. })), "{session:?}");
        }
    }

    #[test]
    fn what_can_not_be_met_in_time_is_asked_for_no_second_time() {
        let now = Demand::new(None, Some(Duration::ZERO)).unwrap();

        assert_eq!(now.missing(&proofs(Duration::from_secs(29)), NOON), None);
    }
}
