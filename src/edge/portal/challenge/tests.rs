//! Every state of every challenge.

use super::*;
use crate::edge::http::{assets::Base, gallery};

pub(super) const ANSWERER: Answerer<'_> = Answerer { login_id: gallery::ANN, back: None, others: &[] };

pub(super) fn fresh(latest: Option<(Method, Duration)>) -> Reason<'static> {
    Reason::Fresh { app: "Payroll", before: Some("transfers"), within: Duration::from_mins(5), latest }
}

/// The second step of a sign-in by this method.
fn second_step(method: Method, action: &'static str) -> ChallengePage<'static> {
    ChallengePage {
        frame: gallery::frame(Base::Portal),
        hidden: gallery::HIDDEN,
        method,
        action,
        reason: Reason::SecondStep,
        answerer: ANSWERER,
        delivery: None,
        notice: None,
    }
}

#[test]
fn every_state_of_a_code_from_an_app_is_worded() {
    let first = second_step(Method::Totp, "/challenge/totp");
    let because = |reason| ChallengePage { reason, ..first };
    let stale = because(fresh(Some((Method::Totp, Duration::from_mins(12)))));
    let failed = |notice| ChallengePage { notice: Some(notice), ..stale };
    let elsewhere = Answerer { back: Some("https://payroll.example.com/"), others: &[Method::Password], ..ANSWERER };
    let unlabelled = Reason::Fresh { app: "Payroll", before: None, within: Duration::from_mins(1), latest: None };
    let states = vec![
        ("totp_second_step", first),
        ("totp_level", because(Reason::Level { app: "Payroll" })),
        ("totp_stale", stale),
        ("totp_never_given", because(fresh(None))),
        ("totp_other_method_stale", because(fresh(Some((Method::Password, Duration::from_hours(3)))))),
        ("totp_unlabelled", because(unlabelled)),
        ("totp_change", because(Reason::Change)),
        ("totp_with_other_ways", ChallengePage { answerer: elsewhere, ..stale }),
        ("totp_wrong", failed(ProofNotice::Wrong)),
        ("totp_already_used", failed(ProofNotice::AlreadyUsed)),
        ("totp_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("totp_locked", failed(ProofNotice::Locked)),
        ("totp_our_fault", failed(ProofNotice::OurFault)),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}

#[test]
fn every_state_of_a_password_is_worded() {
    let stale = ChallengePage {
        reason: fresh(Some((Method::Password, Duration::from_hours(3)))),
        ..second_step(Method::Password, "/challenge/password")
    };
    let failed = |notice| ChallengePage { notice: Some(notice), ..stale };
    let elsewhere = Answerer { others: &[Method::Totp], ..ANSWERER };
    let states = vec![
        ("password_stale", stale),
        ("password_change", ChallengePage { reason: Reason::Change, ..stale }),
        ("password_with_other_ways", ChallengePage { answerer: elsewhere, ..stale }),
        ("password_wrong", failed(ProofNotice::Wrong)),
        ("password_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("password_locked", failed(ProofNotice::Locked)),
        ("password_our_fault", failed(ProofNotice::OurFault)),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}

#[test]
fn every_state_of_a_passkey_is_worded() {
    let first = second_step(Method::Passkey, "/challenge/passkey");
    let because = |reason| ChallengePage { reason, ..first };
    let stale = because(fresh(Some((Method::Passkey, Duration::from_mins(12)))));
    let failed = |notice| ChallengePage { notice: Some(notice), ..stale };
    let elsewhere =
        Answerer { back: Some("https://payroll.example.com/"), others: &[Method::Totp, Method::Password], ..ANSWERER };
    let states = vec![
        ("passkey_second_step", first),
        ("passkey_level", because(Reason::Level { app: "Payroll" })),
        ("passkey_stale", stale),
        ("passkey_never_given", because(fresh(None))),
        ("passkey_change", because(Reason::Change)),
        ("passkey_with_other_ways", ChallengePage { answerer: elsewhere, ..stale }),
        ("passkey_wrong", failed(ProofNotice::Wrong)),
        ("passkey_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("passkey_our_fault", failed(ProofNotice::OurFault)),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}

#[test]
fn every_state_of_a_recovery_code_is_worded() {
    let first = ChallengePage {
        answerer: Answerer { others: &[Method::Totp], ..ANSWERER },
        ..second_step(Method::RecoveryCode, "/challenge/recovery-code")
    };
    let because = |reason| ChallengePage { reason, ..first };
    let failed = |notice| ChallengePage { notice: Some(notice), ..first };
    let states = vec![
        ("recovery_code_second_step", first),
        ("recovery_code_level", because(Reason::Level { app: "Payroll" })),
        ("recovery_code_stale", because(fresh(None))),
        ("recovery_code_wrong", failed(ProofNotice::Wrong)),
        ("recovery_code_already_used", failed(ProofNotice::AlreadyUsed)),
        ("recovery_code_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("recovery_code_locked", failed(ProofNotice::Locked)),
        ("recovery_code_our_fault", failed(ProofNotice::OurFault)),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}
