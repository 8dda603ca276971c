use super::*;
use crate::domain::{
    factor::FactorId,
    place::Place,
    session::{Session, SessionId},
    user::{LoginId, User, UserId},
};
use proptest::prelude::*;
use uuid::Uuid;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

fn proof(method: Method, at: Timestamp) -> Authentication {
    Authentication { method, factor: FactorId(Uuid::nil()), at }
}

fn visitor(proofs: &[Authentication]) -> Visitor {
    locked_visitor(proofs, None)
}

fn locked_visitor(proofs: &[Authentication], locked_at: Option<Timestamp>) -> Visitor {
    let user = UserId(Uuid::nil());
    Visitor::SignedIn(Arc::new(Identity {
        user: User {
            id: user,
            login_id: LoginId::parse("ann").unwrap(),
            name: "Ann".into(),
            email: None,
            groups: vec!["finance".into()],
            disabled: false,
            created_at: NOON,
        },
        session: Session {
            id: SessionId(Uuid::nil()),
            user,
            authentications: proofs.to_vec(),
            started_at: NOON,
            seen_at: NOON,
            locked_at,
            place: Place::default(),
        },
    }))
}

fn policy(level: Level, fresh: Option<Freshness>, groups: &[&str]) -> Policy {
    let groups = groups.iter().map(ToString::to_string).collect();
    Policy { name: "test".into(), access: Access::Require(Requirement { level, fresh, groups }) }
}

fn step_up() -> Policy {
    policy(Level::Mfa, Some(Freshness { any: vec![Method::Totp], within: 2 * MINUTE }), &[])
}

fn admits(policy: &Policy, proofs: &[Authentication], now: Timestamp) -> bool {
    admits_locked(policy, proofs, None, now)
}

fn admits_locked(policy: &Policy, proofs: &[Authentication], locked_at: Option<Timestamp>, now: Timestamp) -> bool {
    matches!(policy.decide(&locked_visitor(proofs, locked_at), now), Decision::Admit(_))
}

#[test]
fn a_fresh_code_passes_and_a_stale_one_is_asked_for_again() {
    let with_code_from = |age| [proof(Method::Password, NOON - 30 * MINUTE), proof(Method::Totp, NOON - age)];

    assert!(admits(&step_up(), &with_code_from(2 * MINUTE), NOON));
    let Decision::StepUp(missing) = step_up().decide(&visitor(&with_code_from(12 * MINUTE)), NOON) else { panic!() };
    let Missing::Fresh { latest, .. } = missing else { panic!() };
    assert_eq!(latest, Some((Method::Totp, 12 * MINUTE)));
}

#[test]
fn a_password_alone_is_not_mfa() {
    let proofs = [proof(Method::Password, NOON)];

    let Decision::StepUp(missing) = step_up().decide(&visitor(&proofs), NOON) else { panic!() };
    assert_eq!(missing, Missing::Level { reached: Level::Login, wanted: Level::Mfa });
    assert!(missing.helped_by(Method::Totp, &proofs, NOON) && !missing.helped_by(Method::Password, &proofs, NOON));
}

#[test]
fn a_proof_from_the_future_is_none() {
    let proofs = [proof(Method::Password, NOON), proof(Method::Totp, NOON + MINUTE)];

    assert!(!admits(&step_up(), &proofs, NOON));
    assert!(matches!(
        policy(Level::Login, None, &[]).decide(&visitor(&[proof(Method::Password, NOON + MINUTE)]), NOON),
        Decision::SignIn(_)
    ));
}

#[test]
fn a_lock_ends_freshness_at_once_and_a_proof_since_brings_it_back() {
    let mut proofs = vec![proof(Method::Password, NOON), proof(Method::Totp, NOON)];
    let locked_at = Some(NOON + MINUTE);
    let now = NOON + MINUTE;

    let Decision::StepUp(missing) = step_up().decide(&locked_visitor(&proofs, locked_at), now) else { panic!() };
    let Missing::Fresh { latest, .. } = missing else { panic!() };
    assert_eq!(latest, None, "the one before the lock would count no more");
    assert!(admits_locked(&policy(Level::Mfa, None, &[]), &proofs, locked_at, now), "the level stays");

    proofs.push(proof(Method::Totp, now + Duration::from_millis(1)));
    assert!(admits_locked(&step_up(), &proofs, locked_at, now + MINUTE));
}

#[test]
fn no_proof_helps_outside_the_groups_or_against_deny() {
    let proofs = [proof(Method::Password, NOON), proof(Method::Totp, NOON)];

    assert!(admits(&policy(Level::Mfa, None, &["finance", "board"]), &proofs, NOON));
    let elsewhere = policy(Level::Mfa, None, &["board"]);
    assert!(matches!(elsewhere.decide(&visitor(&proofs), NOON), Decision::Deny(WhyDenied::Groups)));
    let nobody = Policy { name: "deny".into(), access: Access::Deny };
    assert!(matches!(nobody.decide(&visitor(&proofs), NOON), Decision::Deny(WhyDenied::Policy)));
}

#[test]
fn public_admits_anybody_as_nobody() {
    let public = Policy { name: "public".into(), access: Access::Public };

    for who in [Visitor::Anonymous(WhyAnonymous::BadCookie), visitor(&[proof(Method::Password, NOON)])] {
        let Decision::Admit(admission) = public.decide(&who, NOON) else { panic!() };
        assert!(admission.identity().is_none());
    }
}

fn any_proof() -> impl Strategy<Value = Authentication> {
    (prop::sample::select(Method::ALL), -7_200_000i64..600_000)
        .prop_map(|(method, offset)| proof(method, Timestamp::from_millis(NOON.as_millis() + offset)))
}

fn any_lock() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of((-7_200_000i64..600_000).prop_map(|offset| Timestamp::from_millis(NOON.as_millis() + offset)))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let fresh = prop::option::of((prop::sample::subsequence(Method::ALL, 1..=Method::ALL.len()), 0u64..7200));
    (prop::sample::select(Level::ALL), fresh).prop_map(|(level, fresh)| {
        let fresh = fresh.map(|(any, seconds)| Freshness { any, within: Duration::from_secs(seconds) });
        policy(level, fresh, &[])
    })
}

proptest! {
    #[test]
    fn more_proof_never_admits_less(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        extra in any_proof(),
        lock in any_lock(),
    ) {
        let before = admits_locked(&policy, &proofs, lock, NOON);
        let mut more = proofs;
        more.push(extra);
        prop_assert!(!before || admits_locked(&policy, &more, lock, NOON));
    }

    #[test]
    fn a_lock_never_admits_more_and_a_later_one_not_either(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        lock in any_lock(),
        later_by_seconds in 0u64..7200,
    ) {
        let later = lock.map(|lock| lock + Duration::from_secs(later_by_seconds));
        let (never, once, again) = (
            admits(&policy, &proofs, NOON),
            admits_locked(&policy, &proofs, lock, NOON),
            admits_locked(&policy, &proofs, later, NOON),
        );
        prop_assert!(never >= once && once >= again);
    }

    #[test]
    fn a_lock_takes_nothing_from_the_level(
        level in prop::sample::select(Level::ALL),
        proofs in prop::collection::vec(any_proof(), 0..6),
        lock in any_lock(),
    ) {
        let policy = policy(level, None, &[]);
        prop_assert_eq!(admits(&policy, &proofs, NOON), admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn an_older_proof_never_admits_more(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 1..6),
        which: prop::sample::Index,
        older_by_seconds in 0u64..7200,
        lock in any_lock(),
    ) {
        // Ageing a proof from the future would make it one, so only those of the past are aged.
        let proofs: Vec<_> = proofs.into_iter().filter(|proof| proof.at <= NOON).collect();
        prop_assume!(!proofs.is_empty());
        let mut older = proofs.clone();
        let aged = which.index(older.len());
        older[aged].at = older[aged].at - Duration::from_secs(older_by_seconds);
        prop_assert!(!admits_locked(&policy, &older, lock, NOON) || admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn waiting_never_turns_a_refusal_into_an_admission(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        wait in 0u64..7200,
        lock in any_lock(),
    ) {
        let proofs: Vec<_> = proofs.into_iter().filter(|proof| proof.at <= NOON).collect();
        let later = NOON + Duration::from_secs(wait);
        prop_assert!(!admits_locked(&policy, &proofs, lock, later) || admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn what_helps_does_help(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 1..6),
        lock in any_lock(),
    ) {
        // In the very instant of a lock nothing is fresh.
        let lock = lock.filter(|lock| *lock < NOON);
        // Somebody who gives every proof that is said to help gets through in as many steps as there are methods.
        let mut proofs = proofs;
        for _ in Method::ALL {
            if let Decision::StepUp(missing) = policy.decide(&locked_visitor(&proofs, lock), NOON) {
                let helper = Method::ALL.iter().find(|method| missing.helped_by(**method, &proofs, NOON));
                proofs.push(proof(*helper.expect("some method helps"), NOON));
            }
        }
        prop_assert!(!matches!(policy.decide(&locked_visitor(&proofs, lock), NOON), Decision::StepUp(_)));
    }
}
