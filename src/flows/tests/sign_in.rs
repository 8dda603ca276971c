//! What a password opens.

use super::{ANN, LIMITS, PASSWORD, Scene, anywhere, host, is_nobody, just_before};
use crate::{
    adapters::store::MemoryStore,
    domain::{enrolment::Requirement, factor::Method, policy::Visitor, session::Level, user::LoginId},
    flows::{
        administer::{ENROL_WITHIN, set_disabled},
        challenge::{ChallengeError, answer_password},
        enroll,
        factors::ChangeError,
        sessions::{self, Bearer},
        sign_in::{Outcome, SignInError},
    },
    ports::store::Attempt,
};
use std::time::Duration;

fn word(outcome: &Result<Outcome, SignInError>) -> &'static str {
    match outcome {
        Ok(Outcome::Done(_)) => "done",
        Ok(Outcome::SecondFactor(_)) => "second factor",
        Ok(Outcome::Enrol(_)) => "enrol",
        Ok(Outcome::Grace(_)) => "grace",
        Err(SignInError::Mismatch) => "mismatch",
        Err(SignInError::EnrolmentClosed) => "enrolment closed",
        Err(SignInError::TooUnusual(_)) => "too unusual",
        Err(SignInError::Throttled(_) | SignInError::Busy(_) | SignInError::Store(_)) => "failed",
    }
}

#[tokio::test]
async fn a_right_password_opens_what_requirement_factors_and_operator_allow() {
    let soon = just_before(ENROL_WITHIN);
    for (requirement, enrolled, waited, expected) in [
        (Requirement::Disabled, false, soon, "done"),
        (Requirement::Disabled, true, soon, "done"),
        (Requirement::RiskBased, false, soon, "done"),
        (Requirement::RiskBased, true, soon, "done"),
        (Requirement::Optional, false, soon, "done"),
        (Requirement::Optional, false, ENROL_WITHIN, "done"),
        (Requirement::Optional, true, soon, "second factor"),
        (Requirement::Required, false, soon, "enrol"),
        (Requirement::Required, false, ENROL_WITHIN, "enrolment closed"),
        (Requirement::Required, true, soon, "second factor"),
        (Requirement::Required, true, ENROL_WITHIN, "second factor"),
    ] {
        let scene = Scene::with(requirement, MemoryStore::default());
        if enrolled {
            scene.add_with_phone(ANN).await;
        } else {
            scene.add(ANN).await;
        }
        scene.wait(waited);

        let outcome = scene.password(ANN, PASSWORD, &anywhere()).await;

        assert_eq!(word(&outcome), expected, "{requirement:?}, enrolled: {enrolled}, {waited:?}");
        let sessions = scene.world.store.sessions(None).await.unwrap();
        assert_eq!(sessions.len(), usize::from(expected == "done"), "a session is opened by `done` and nothing else");
    }
}

#[tokio::test]
async fn what_does_not_match_is_told_in_one_word() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    let overlong = "x".repeat(1025);
    for (name, password) in
        [(ANN, "wrong"), (ANN, ""), (ANN, "Correct horse"), ("bob", PASSWORD), ("", PASSWORD), (ANN, &overlong)]
    {
        assert_eq!(word(&scene.password(name, password, &anywhere()).await), "mismatch", "{name}");
    }

    set_disabled(&scene.world, &ann.login_id, true).await.unwrap();
    assert_eq!(word(&scene.password(ANN, PASSWORD, &anywhere()).await), "mismatch");
}

#[tokio::test]
async fn a_name_nobody_has_costs_the_same_hash() {
    let scene = Scene::new();
    scene.add(ANN).await;

    let _ = scene.password("nobody", "wrong", &anywhere()).await;
    let _ = scene.password(ANN, "wrong", &anywhere()).await;

    assert_eq!(scene.hasher.verified.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_or_password_may_be_typed_in_any_spelling_of_it() {
    let scene = Scene::new();
    scene.add(ANN).await;
    for name in ["ANN", " ann ", "Ａｎｎ"] {
        assert_eq!(word(&scene.password(name, PASSWORD, &anywhere()).await), "enrol", "{name}");
    }

    // "ü" as one code point and as two.
    let ann = LoginId::parse(ANN).unwrap();
    crate::flows::administer::set_password(&scene.world, &ann, "gr\u{fc}\u{df}e aus k\u{f6}ln").await.unwrap();
    assert_eq!(word(&scene.password(ANN, "gru\u{308}\u{df}e aus ko\u{308}ln", &anywhere()).await), "enrol");
}

#[tokio::test]
async fn a_half_session_opens_nothing_but_the_next_step() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    let bearer = scene.bearer(&half).await;
    assert!(matches!(bearer, Bearer::Half(_)));
    let visitor = sessions::visitor(&scene.world, half.hash(), &host("payroll.localhost")).await.unwrap();
    assert!(matches!(visitor, Visitor::Anonymous(_)), "{visitor:?}");
    assert!(scene.world.store.sessions(None).await.unwrap().is_empty());
    // Neither the password once more nor a phone of one's own makes it whole.
    let again = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await;
    assert!(matches!(again, Err(ChallengeError::Gone)), "{again:?}");
    let offer = enroll::offer(&scene.world, &bearer).await;
    assert!(matches!(offer, Err(ChangeError::Challenge(ChallengeError::Gone))));

    scene.wait(Duration::from_secs(1));
    let opened = scene.code(&half, &phone.code(), &anywhere()).await.unwrap();
    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert_eq!(
        session.authentications.iter().map(|proof| proof.method).collect::<Vec<_>>(),
        [Method::Password, Method::Totp]
    );
}

#[tokio::test]
async fn a_half_session_is_over_after_ten_minutes() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    scene.wait(just_before(Attempt::LIFETIME));
    assert!(matches!(scene.bearer(&half).await, Bearer::Half(_)));
    scene.wait(Duration::from_millis(1));
    assert!(is_nobody(&scene.bearer(&half).await));
    let answer = scene.code(&half, &phone.code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Gone)), "{answer:?}");
}

#[tokio::test]
async fn a_disabled_user_has_neither_half_nor_whole_session() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let whole = scene.sign_in(&phone, &anywhere()).await.token;
    let half = scene.half(&anywhere()).await;

    set_disabled(&scene.world, &ann.login_id, true).await.unwrap();

    assert!(is_nobody(&scene.bearer(&whole).await));
    assert!(is_nobody(&scene.bearer(&half).await));
    // Enabled again, nothing comes back by itself.
    set_disabled(&scene.world, &ann.login_id, false).await.unwrap();
    assert!(is_nobody(&scene.bearer(&whole).await));
    assert!(is_nobody(&scene.bearer(&half).await));
}

#[tokio::test]
async fn a_session_ends_when_it_is_old_and_when_nobody_uses_it() {
    let scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };

    scene.wait(just_before(LIMITS.idle));
    let Bearer::Full(full) = scene.bearer(&opened.token).await else { panic!("idle too early") };
    sessions::touch(&scene.world, &full.identity).await.unwrap();
    scene.wait(just_before(LIMITS.idle));
    assert!(matches!(scene.bearer(&opened.token).await, Bearer::Full(_)), "a touch counts as use");
    scene.wait(Duration::from_millis(1));
    assert!(is_nobody(&scene.bearer(&opened.token).await));
}
