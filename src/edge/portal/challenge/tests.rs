//! Every state of every challenge.

use super::*;
use crate::edge::http::{assets::Base, gallery};

pub(super) const ANSWERER: Answerer<'_> =
    Answerer { login_id: gallery::ANN, back: None, others: &[], kept: Kept::Nothing, reference: None };

pub(super) fn asks(before: Option<&'static str>, clause: Clause) -> Reason<'static> {
    Reason::App(Asking { app: "Payroll", before, clause })
}

pub(super) fn fresh(latest: Option<(Method, Duration)>) -> Reason<'static> {
    asks(Some("transfers"), Clause::Fresh { within: Some(Duration::from_mins(5)), latest })
}

/// What a password of an hour ago is not enough for.
fn level() -> Reason<'static> {
    let latest = Some((Method::Password, Duration::from_hours(1)));
    asks(None, Clause::Level { reached: Some(Level::Login), latest })
}

#[expect(clippy::unnecessary_wraps, reason = "as the page has it")]
fn tick(made: bool) -> Option<Tick> {
    Some(Tick { lasts: Duration::from_hours(30 * 24), made })
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
        remember: None,
        ends: None,
    }
}

#[test]
fn every_state_of_a_code_from_an_app_is_worded() {
    let first = second_step(Method::Totp, "/challenge/totp");
    let because = |reason| ChallengePage { reason, ..first };
    let asked = Answerer { reference: Some("7F3K-9QXA-2MT4"), ..ANSWERER };
    let stale = because(fresh(Some((Method::Totp, Duration::from_mins(12)))));
    let stale = ChallengePage { answerer: asked, ..stale };
    let failed = |notice| ChallengePage { notice: Some(notice), ..stale };
    let elsewhere = Answerer { back: Some("https://payroll.example.com/"), others: &[Method::Password], ..asked };
    let unlabelled = asks(None, Clause::Fresh { within: Some(Duration::from_mins(1)), latest: None });
    let (password, code) = ((Method::Password, Duration::from_mins(12)), (Method::Totp, Duration::from_hours(9)));
    let too_old = Clause::TooOld { max_age: Duration::from_hours(8), latest: Some(code) };
    let states = vec![
        ("totp_second_step", first),
        ("totp_second_step_ends", ChallengePage { ends: Some(gallery::in_five_minutes()), ..first }),
        ("totp_level", because(level())),
        ("totp_risk", because(asks(None, Clause::Risk { reached: Some(Level::Login), latest: Some(password) }))),
        ("totp_risk_stronger", because(asks(None, Clause::Risk { reached: Some(Level::Mfa), latest: Some(code) }))),
        ("totp_spared", because(asks(Some("transfers"), Clause::SecondStep))),
        ("totp_stale", stale),
        ("totp_never_given", because(fresh(None))),
        ("totp_other_method_stale", because(fresh(Some((Method::Password, Duration::from_hours(3)))))),
        ("totp_unlabelled", because(unlabelled)),
        ("totp_change", because(Reason::Change)),
        ("totp_once", because(asks(Some("transfers"), Clause::Once { latest: Some(code) }))),
        ("totp_once_unlabelled", because(asks(None, Clause::Once { latest: None }))),
        ("totp_idle", because(asks(Some("transfers"), Clause::Idle { quiet: Duration::from_secs(750) }))),
        ("totp_too_old", because(asks(Some("transfers"), too_old))),
        (
            "totp_stronger",
            because(asks(Some("transfers"), Clause::Level { reached: Some(Level::Mfa), latest: Some(code) })),
        ),
        ("totp_with_a_form_kept", ChallengePage { answerer: Answerer { kept: Kept::Form, ..ANSWERER }, ..stale }),
        (
            "totp_second_step_with_a_form_kept",
            ChallengePage { answerer: Answerer { kept: Kept::Form, ..ANSWERER }, ..first },
        ),
        ("totp_with_other_ways", ChallengePage { answerer: elsewhere, ..stale }),
        ("totp_wrong", failed(ProofNotice::Wrong)),
        ("totp_already_used", failed(ProofNotice::AlreadyUsed)),
        ("totp_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("totp_locked", failed(ProofNotice::Locked)),
        ("totp_our_fault", failed(ProofNotice::OurFault)),
        ("totp_rememberable", ChallengePage { remember: tick(false), ..first }),
        ("totp_rememberable_wrong", ChallengePage { remember: tick(true), notice: Some(ProofNotice::Wrong), ..first }),
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
        ("passkey_level", because(level())),
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

/// A code that was sent, and could be sent again later or now.
fn on_its_way(again: bool) -> OnItsWay {
    let soon = gallery::in_five_minutes();
    OnItsWay { ends: soon, again: again.then_some(soon) }
}

#[test]
fn every_state_of_a_sent_code_is_worded() {
    let to_mail = Delivery { to: "a…@example.com", send: "/challenge/email-code/send", sent: None, opened: None };
    let first = ChallengePage { delivery: Some(to_mail), ..second_step(Method::EmailCode, "/challenge/email-code") };
    let sent = ChallengePage { delivery: Some(Delivery { sent: Some(on_its_way(true)), ..to_mail }), ..first };
    let again = ChallengePage { delivery: Some(Delivery { sent: Some(on_its_way(false)), ..to_mail }), ..first };
    let failed = |page, notice| ChallengePage { notice: Some(notice), ..page };
    let not_sent = |page, why| failed(page, ProofNotice::NotSent(why));
    let too_soon = WhyNotSent::TooSoon { again: gallery::in_five_minutes() };
    let stale = fresh(Some((Method::EmailCode, Duration::from_mins(12))));
    let elsewhere = Answerer { others: &[Method::SmsCode, Method::VoiceCode, Method::EmailLink], ..ANSWERER };
    let to_phone = Delivery { to: "+44 … 123", send: "/challenge/sms-code/send", ..to_mail };
    let text = ChallengePage { delivery: Some(to_phone), ..second_step(Method::SmsCode, "/challenge/sms-code") };
    let call = ChallengePage {
        delivery: Some(Delivery { send: "/challenge/voice-code/send", ..to_phone }),
        ..second_step(Method::VoiceCode, "/challenge/voice-code")
    };
    let texted = ChallengePage { delivery: Some(Delivery { sent: Some(on_its_way(true)), ..to_phone }), ..text };
    let called = ChallengePage {
        delivery: call.delivery.map(|delivery| Delivery { sent: Some(on_its_way(true)), ..delivery }),
        ..call
    };
    let states = vec![
        ("email_code_first", first),
        ("email_code_stale", ChallengePage { reason: stale, ..first }),
        ("email_code_with_other_ways", ChallengePage { answerer: elsewhere, ..first }),
        ("email_code_sent", sent),
        ("email_code_again", again),
        ("email_code_wrong", failed(sent, ProofNotice::Wrong)),
        ("email_code_already_used", failed(first, ProofNotice::AlreadyUsed)),
        ("email_code_over", failed(first, ProofNotice::Over)),
        ("email_code_too_many", failed(sent, ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("email_code_too_soon", not_sent(sent, too_soon)),
        ("email_code_unavailable", not_sent(sent, WhyNotSent::Unavailable)),
        ("email_code_refused", not_sent(first, WhyNotSent::Refused)),
        ("sms_code_first", text),
        ("sms_code_sent", texted),
        ("sms_code_country", not_sent(text, WhyNotSent::Country)),
        ("voice_code_first", call),
        ("voice_code_sent", called),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}

#[test]
fn every_state_of_a_sent_link_is_worded() {
    let delivery = Delivery { to: "a…@example.com", send: "/challenge/email-link/send", sent: None, opened: None };
    let first = ChallengePage { delivery: Some(delivery), ..second_step(Method::EmailLink, "/challenge/email-link") };
    let sent = Delivery { sent: Some(on_its_way(true)), ..delivery };
    let opened = ChallengePage { delivery: Some(Delivery { opened: Some("l1nk"), ..sent }), ..first };
    let states = vec![
        ("email_link_first", first),
        ("email_link_sent", ChallengePage { delivery: Some(sent), ..first }),
        ("email_link_opened", opened),
        ("email_link_opened_stale", ChallengePage { reason: fresh(None), ..opened }),
        ("email_link_over", ChallengePage { notice: Some(ProofNotice::Over), ..first }),
    ];

    for (state, shown) in gallery::exhibit("challenge", states) {
        insta::assert_snapshot!(state, shown);
    }
}

#[test]
fn every_state_of_a_security_key_is_worded() {
    let first = ChallengePage { remember: tick(false), ..second_step(Method::SecurityKey, "/challenge/security-key") };
    let because = |reason| ChallengePage { reason, remember: None, ..first };
    let stale = because(fresh(Some((Method::SecurityKey, Duration::from_mins(12)))));
    let failed = |notice| ChallengePage { notice: Some(notice), ..stale };
    let elsewhere = Answerer { others: &[Method::Passkey, Method::Totp], ..ANSWERER };
    let states = vec![
        ("security_key_second_step", first),
        ("security_key_level", because(level())),
        ("security_key_stale", stale),
        ("security_key_never_given", because(fresh(None))),
        ("security_key_change", because(Reason::Change)),
        ("security_key_with_other_ways", ChallengePage { answerer: elsewhere, ..first }),
        ("security_key_wrong", failed(ProofNotice::Wrong)),
        ("security_key_too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
        ("security_key_our_fault", failed(ProofNotice::OurFault)),
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
        ("recovery_code_level", because(level())),
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
