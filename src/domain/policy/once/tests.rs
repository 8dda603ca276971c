use super::*;
use crate::domain::{
    factor::FactorId,
    place::Place,
    policy::{Access, Mode, Policy, Requirement, Visitor, Within},
    session::{Activity, Authentication, Level, Session},
    user::{LoginId, User, UserId},
};
use proptest::prelude::*;
use uuid::Uuid;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

fn identity(locked_at: Option<Timestamp>) -> Arc<Identity> {
    let user = UserId(Uuid::from_u128(1));
    let proof = Authentication { method: Method::Totp, factor: FactorId(Uuid::nil()), at: NOON };
    Arc::new(Identity {
        user: User {
            id: user,
            login_id: LoginId::parse("ann").unwrap(),
            name: "Ann".into(),
            email: None,
            groups: vec![],
            language: None,
            disabled: false,
            created_at: NOON,
        },
        session: Session {
            id: SessionId(Uuid::from_u128(2)),
            user,
            authentications: vec![proof],
            started_at: NOON,
            seen_at: NOON,
            activity: Activity::begun(NOON),
            locked_at,
            spared: false,
            place: Place::default(),
            risk: crate::domain::risk::Assessment::default(),
        },
    })
}

fn policy() -> Policy {
    let fresh = vec![Freshness { any: vec![Method::Totp], within: Within::Once(5 * MINUTE) }];
    Policy::new("payments", Access::Require(Requirement { fresh, ..Requirement::at(Level::Login) }))
}

fn unpaid(locked_at: Option<Timestamp>) -> Unpaid {
    match policy().decide(&Visitor::SignedIn(identity(locked_at)), NOON) {
        Decision::Pay(unpaid) => unpaid,
        other => panic!("{other:?}"),
    }
}

fn transfer(host: &Host) -> Traits<'_> {
    Traits { method: "POST", host, path: "/pay", query: None, content_type: b"", body: sha256(b"to=bo") }
}

fn request() -> Fingerprint {
    Fingerprint::of(&transfer(&Host::parse("payroll.example.com").unwrap()))
}

fn receipt() -> Receipt {
    Receipt { session: SessionId(Uuid::from_u128(2)), request: request(), method: Method::Totp, at: NOON }
}

fn is_admitted(unpaid: Unpaid, receipt: Receipt, now: Timestamp) -> bool {
    matches!(unpaid.admit(request(), Spent::deleted(receipt), now), Decision::Admit(_))
}

#[test]
fn a_fresh_proof_alone_admits_nobody_and_a_receipt_does() {
    assert!(is_admitted(unpaid(None), receipt(), NOON));
    assert!(is_admitted(unpaid(None), receipt(), NOON + 5 * MINUTE));
}

#[test]
fn a_receipt_for_anything_else_pays_for_nothing() {
    let elsewhere = Fingerprint::from_bytes([7; 32]);
    let wrong = [
        Receipt { session: SessionId(Uuid::from_u128(3)), ..receipt() },
        Receipt { request: elsewhere, ..receipt() },
        Receipt { method: Method::Password, ..receipt() },
        Receipt { at: NOON + MINUTE, ..receipt() },
        Receipt { at: NOON - 6 * MINUTE, ..receipt() },
    ];

    for receipt in wrong {
        assert!(!is_admitted(unpaid(None), receipt, NOON), "{receipt:?}");
    }
    assert!(!is_admitted(unpaid(Some(NOON)), receipt(), NOON), "in the very instant of a lock");
    assert!(is_admitted(unpaid(Some(NOON - MINUTE)), receipt(), NOON));
}

#[test]
fn what_only_reports_spends_nothing_and_asks_for_a_step_up_instead() {
    let reported = Policy { mode: Mode::Report, ..policy() };

    let Decision::Admit(admission) = reported.decide(&Visitor::SignedIn(identity(None)), NOON) else { panic!() };
    assert!(matches!(admission.instead(), Some(Decision::StepUp(_))));
}

#[test]
fn who_is_asked_early_is_asked_for_the_rest() {
    let early = policy().without_once();

    assert_eq!(early.once(), None);
    assert!(matches!(early.decide(&Visitor::SignedIn(identity(None)), NOON), Decision::Admit(_)));
}

#[test]
fn each_trait_of_a_request_is_in_its_fingerprint() {
    let (host, other) = (Host::parse("payroll.example.com").unwrap(), Host::parse("wiki.example.com").unwrap());
    let own = transfer(&host);
    let others = [
        Traits { method: "PUT", ..own },
        Traits { host: &other, ..own },
        Traits { path: "/pay/2", ..own },
        Traits { query: Some(""), ..own },
        Traits { query: Some("to=bo"), ..own },
        Traits { content_type: b"text/plain", ..own },
        Traits { body: sha256(b"to=mallory"), ..own },
        // The same text, cut in other places.
        Traits { method: "POS", host: &host, path: "T/pay", ..own },
    ];

    for other in others {
        assert_ne!(Fingerprint::of(&own), Fingerprint::of(&other), "{other:?}");
    }
    assert_eq!(Fingerprint::of(&own), request());
}

#[test]
fn a_fingerprint_comes_back_as_it_was_written() {
    assert_eq!(Fingerprint::try_from(String::from(request())), Ok(request()));
    assert_eq!(Fingerprint::try_from("AAAA".to_owned()), Err(NoFingerprint));
    assert_eq!(Fingerprint::try_from("*".to_owned()), Err(NoFingerprint));
}

proptest! {
    #[test]
    fn waiting_and_a_later_lock_never_make_a_receipt_pay(
        age in -600i64..1200,
        wait in 0u64..1200,
        lock in prop::option::of(-600i64..600),
        later in 0u64..600,
    ) {
        let at = |seconds: i64| Timestamp::from_millis(NOON.as_millis() + seconds * 1000);
        let receipt = Receipt { at: at(-age), ..receipt() };
        let pays = |lock, now| unpaid(lock).is_paid_by(&receipt, request(), now);
        let (first, after) = (lock.map(at), NOON + Duration::from_secs(wait));
        let relocked = first.map(|lock| lock + Duration::from_secs(later));

        prop_assert!(age < 0 || !pays(first, after) || pays(first, NOON));
        prop_assert!(!pays(relocked, NOON) || pays(first, NOON));
        prop_assert!(!pays(first, NOON) || pays(None, NOON));
    }
}
