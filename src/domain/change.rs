//! What a change to how somebody signs in takes.
//!
//! As a rule a fresh proof by the strongest they have, in a session at the level that all of it amounts to (EN-01). Whoever
//! has lost that can't give it: for what a loss calls for, the password and a recovery code do as well, both of them fresh
//! (RC-03).
//!
//! # Invariants
//!
//! - A recovery code opens second factors and sessions: neither the addresses that hear of it, nor the password, nor a new
//!   set of codes. Those take the replacement first.
//! - A recovery code without the password opens nothing, nor does either from before a lock.

use crate::domain::{
    contact::Channel,
    factor::Method,
    policy::{Freshness, Lack, Missing, Requirement},
    session::{Authentication, Level, Session},
    time::Timestamp,
};
use std::time::Duration;

/// How old a proof may be that opens a change.
pub const FRESH_FOR: Duration = Duration::from_mins(5);

/// What is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Second factors, or what is open elsewhere: what a loss calls for.
    Factors,
    /// The password, an address, the set of recovery codes.
    Account,
}

/// What opens a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// A proof by the strongest there is.
    Proof,
    /// A recovery code, in place of what was lost.
    Recovery,
}

impl Change {
    /// What opens this change to somebody who holds these methods, the strongest first; or what is missing.
    pub fn grounds(self, held: &[Method], session: &Session, now: Timestamp) -> Result<Grounds, Missing> {
        let Err(missing) = meets(usual(held), session, now) else { return Ok(Grounds::Proof) };
        let recovers = self == Self::Factors && held.contains(&Method::Password) && has_used_code(session, now);
        if recovers { meets(recovery(), session, now).map(|()| Grounds::Recovery) } else { Err(missing) }
    }

    /// Whether a proof by `method`, now, would do for what is missing, or be the first half of what would.
    pub fn helped_by(
        self,
        missing: &Missing,
        method: Method,
        authentications: &[Authentication],
        now: Timestamp,
    ) -> bool {
        let wants_password = matches!(missing, Missing::Fresh { wanted, .. } if wanted.any == [Method::Password]);
        let recovers = self == Self::Factors && method == Method::RecoveryCode && !wants_password;
        recovers || missing.helped_by(method, authentications, now)
    }
}

/// Until when whoever used a recovery code may replace what they lost; `None` if they used none, or it is too late.
pub fn recovered_until(session: &Session, now: Timestamp) -> Option<Timestamp> {
    meets(recovery(), session, now).ok()?;
    let proofs = [Method::RecoveryCode, Method::Password].map(|method| session.latest_fresh(&[method], now));
    proofs.into_iter().flatten().map(|proof| proof.at + FRESH_FOR).min()
}

/// All that they have, the strongest of it fresh. Two ways to one mailbox, or to one phone, prove the same. Recovery codes stand
/// in for something: by themselves they raise nobody, or who has nothing left beside them could change nothing without one.
fn usual(held: &[Method]) -> Requirement {
    let lasting = held.iter().copied().filter(|method| *method != Method::RecoveryCode);
    let level = Level::shown_by(lasting).unwrap_or(Level::Login);
    let strongest = held.first().copied().unwrap_or(Method::Password);
    let ends_at = |method: Method| method.channel().map(Channel::kind);
    let is_as_good = |method: &Method| {
        *method == strongest || (ends_at(*method).is_some() && ends_at(*method) == ends_at(strongest))
    };
    let any = held.iter().copied().filter(is_as_good).collect();
    Requirement { fresh: vec![fresh(any)], ..Requirement::at(level) }
}

fn recovery() -> Requirement {
    let fresh = vec![fresh(vec![Method::RecoveryCode]), fresh(vec![Method::Password])];
    Requirement { fresh, ..Requirement::at(Level::Mfa) }
}

fn has_used_code(session: &Session, now: Timestamp) -> bool {
    let used = fresh(vec![Method::RecoveryCode]);
    used.latest(session, now).is_some_and(|(_, age)| used.within.includes(age))
}

fn fresh(any: Vec<Method>) -> Freshness {
    Freshness { any, within: FRESH_FOR.into() }
}

fn meets(requirement: Requirement, session: &Session, now: Timestamp) -> Result<(), Missing> {
    requirement.missing(session, now).map_err(|lack| match lack {
        Lack::Some(missing) => missing,
        Lack::Everything => Missing::Level { reached: None, wanted: requirement.level, max_age: None, risk: None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{factor::FactorId, place::Place, risk::Assessment, session::SessionId, user::UserId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const MINUTE: Duration = Duration::from_mins(1);
    const HELD: &[Method] = &[Method::Passkey, Method::Totp, Method::Password, Method::RecoveryCode];

    fn session(proofs: &[(Method, Timestamp)]) -> Session {
        let proof = |(method, at): &(Method, Timestamp)| Authentication {
            method: *method,
            factor: FactorId(Uuid::nil()),
            at: *at,
        };
        Session {
            id: SessionId(Uuid::nil()),
            user: UserId(Uuid::nil()),
            authentications: proofs.iter().map(proof).collect(),
            started_at: NOON,
            seen_at: NOON,
            activity: crate::domain::session::Activity::begun(NOON),
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: Assessment::default(),
        }
    }

    fn lacks(change: Change, session: &Session, method: Method) {
        let missing = change.grounds(HELD, session, NOON).unwrap_err();
        assert!(change.helped_by(&missing, method, &session.authentications, NOON), "{missing:?}");
    }

    #[test]
    fn as_a_rule_the_strongest_is_proven_anew() {
        let stale = session(&[(Method::Passkey, NOON - FRESH_FOR - MINUTE), (Method::Totp, NOON)]);
        let fresh = session(&[(Method::Passkey, NOON - FRESH_FOR)]);

        for change in [Change::Factors, Change::Account] {
            lacks(change, &stale, Method::Passkey);
            assert_eq!(change.grounds(HELD, &fresh, NOON), Ok(Grounds::Proof));
        }
    }

    #[test]
    fn a_loss_takes_the_password_and_a_recovery_code_and_opens_what_it_calls_for() {
        let recovered = session(&[(Method::Password, NOON - MINUTE), (Method::RecoveryCode, NOON)]);

        assert_eq!(Change::Factors.grounds(HELD, &recovered, NOON), Ok(Grounds::Recovery));
        assert_eq!(recovered_until(&recovered, NOON), Some(NOON - MINUTE + FRESH_FOR));
        lacks(Change::Account, &recovered, Method::Passkey);
        let missing = Change::Account.grounds(HELD, &recovered, NOON).unwrap_err();
        assert!(!Change::Account.helped_by(&missing, Method::RecoveryCode, &recovered.authentications, NOON));
    }

    #[test]
    fn each_half_of_it_is_asked_for() {
        let ago = NOON - FRESH_FOR - MINUTE;
        let nothing = session(&[(Method::Password, NOON), (Method::Totp, NOON)]);
        let code_alone = session(&[(Method::Password, ago), (Method::RecoveryCode, NOON)]);
        let code_ago = session(&[(Method::Password, NOON), (Method::RecoveryCode, ago)]);

        lacks(Change::Factors, &nothing, Method::RecoveryCode);
        lacks(Change::Factors, &code_ago, Method::RecoveryCode);
        lacks(Change::Factors, &code_alone, Method::Password);
        let missing = Change::Factors.grounds(HELD, &code_alone, NOON).unwrap_err();
        let again = Change::Factors.helped_by(&missing, Method::RecoveryCode, &code_alone.authentications, NOON);
        assert!(!again, "one code is enough");
        assert_eq!(recovered_until(&code_alone, NOON), None);
    }

    #[test]
    fn codes_that_stand_in_for_nothing_are_asked_for_by_nothing() {
        let held = [Method::Password, Method::RecoveryCode];
        let fresh = session(&[(Method::Password, NOON - MINUTE)]);
        let stale = session(&[(Method::Password, NOON - FRESH_FOR - MINUTE), (Method::RecoveryCode, NOON)]);

        for change in [Change::Factors, Change::Account] {
            assert_eq!(change.grounds(&held, &fresh, NOON), Ok(Grounds::Proof));
            assert!(change.grounds(&held, &stale, NOON).is_err());
        }
    }

    #[test]
    fn a_lock_closes_it() {
        let mut recovered = session(&[(Method::Password, NOON - MINUTE), (Method::RecoveryCode, NOON - MINUTE)]);
        recovered.locked_at = Some(NOON - MINUTE);

        lacks(Change::Factors, &recovered, Method::RecoveryCode);
        assert_eq!(recovered_until(&recovered, NOON), None);
    }

    #[test]
    fn who_has_no_password_is_not_asked_for_one() {
        let held = [Method::Passkey, Method::RecoveryCode];
        let code = session(&[(Method::Passkey, NOON - FRESH_FOR - MINUTE), (Method::RecoveryCode, NOON)]);

        let missing = Change::Factors.grounds(&held, &code, NOON).unwrap_err();

        assert!(missing.helped_by(Method::Passkey, &code.authentications, NOON), "{missing:?}");
    }

    #[test]
    fn a_session_that_proves_nothing_changes_nothing() {
        let tomorrow = session(&[(Method::Passkey, NOON + MINUTE)]);

        for change in [Change::Factors, Change::Account] {
            assert!(change.grounds(&[], &tomorrow, NOON).is_err());
            assert!(change.grounds(HELD, &tomorrow, NOON).is_err());
        }
    }

    proptest! {
        /// Whatever is proven when: nothing opens without a fresh proof by the strongest, or the fresh pair.
        #[test]
        fn nothing_else_opens_anything(
            held in prop::sample::subsequence(Method::ALL, 1..Method::ALL.len()),
            proofs in prop::collection::vec((prop::sample::select(Method::ALL), -10i64..2), 0..6),
        ) {
            let at = |minutes: i64| Timestamp::from_millis(NOON.as_millis() + 60_000 * minutes);
            let proofs: Vec<_> = proofs.into_iter().map(|(method, minutes)| (method, at(minutes))).collect();
            let session = session(&proofs);
            let is_fresh = |counts: &dyn Fn(Method) -> bool| {
                proofs.iter().any(|(method, at)| counts(*method) && at.age(NOON).is_some_and(|age| age <= FRESH_FOR))
            };
            let kind = |method: Method| method.channel().map(Channel::kind);
            let strongest = held[0];
            let by_strongest =
                is_fresh(&|method| method == strongest || (kind(method).is_some() && kind(method) == kind(strongest)));
            let by_pair = is_fresh(&|method| method == Method::Password) && is_fresh(&|method| method == Method::RecoveryCode);

            prop_assert!(Change::Account.grounds(&held, &session, NOON).is_err() || by_strongest);
            match Change::Factors.grounds(&held, &session, NOON) {
                Ok(Grounds::Proof) => prop_assert!(by_strongest),
                Ok(Grounds::Recovery) => prop_assert!(by_pair),
                Err(_) => {}
            }
        }
    }
}
