//! What a code adds.

use super::{ANN, LIMITS, MINUTE, PASSWORD, Requirement, SECOND, STEP, Scene, anywhere, gated::Gated, is_nobody};
use crate::{
    domain::{factor::Method, session::Level},
    flows::{
        challenge::{ChallengeError, answer_password},
        sessions::Bearer,
    },
};
use futures_util::future::join_all;
use std::time::Duration;

#[tokio::test]
async fn every_proof_changes_the_token_and_the_old_one_is_dead() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    let whole = scene.code(&half, &phone.code(), &anywhere()).await.unwrap().token;
    assert!(is_nobody(&scene.bearer(&half).await), "the half session's token");

    scene.wait(STEP);
    let stepped = scene.code(&whole, &phone.code(), &anywhere()).await.unwrap().token;
    assert!(is_nobody(&scene.bearer(&whole).await), "the token before the step-up");
    assert!(matches!(scene.bearer(&stepped).await, Bearer::Full(_)));
}

#[tokio::test]
async fn a_step_up_is_fresh_and_never_younger_than_its_sign_in() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let before = scene.session(&opened.token).await;

    scene.wait(20 * MINUTE);
    let stepped = scene.code(&opened.token, &phone.code(), &anywhere()).await.unwrap();
    let after = scene.session(&stepped.token).await;

    assert_eq!((after.id, after.user, after.started_at), (before.id, ann.id, before.started_at));
    assert_eq!(after.authentications.len(), 2, "the latest of each factor: {:?}", after.authentications);
    let at = |method| after.authentications.iter().find(|proof| proof.method == method).unwrap().at;
    assert_eq!((at(Method::Password), at(Method::Totp)), (before.started_at, scene.now()));
}

#[tokio::test]
async fn no_step_up_outlives_the_sign_in() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let begun = scene.now();
    let mut token = scene.sign_in(&phone, &anywhere()).await.token;

    while scene.now() + 20 * MINUTE < begun + LIMITS.lifetime {
        scene.wait(20 * MINUTE);
        let Bearer::Full(full) = scene.bearer(&token).await else { panic!("over too early") };
        crate::flows::sessions::touch(&scene.world, &full.identity).await.unwrap();
        token = scene.code(&token, &phone.code(), &anywhere()).await.unwrap().token;
    }

    scene.set(begun + LIMITS.lifetime);
    assert!(is_nobody(&scene.bearer(&token).await));
}

#[tokio::test]
async fn a_code_works_once() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let earlier = phone.code();
    scene.wait(STEP);
    let code = phone.code();
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    for used in [&code, &earlier] {
        let again = scene.half(&anywhere()).await;
        let answer = scene.code(&again, used, &anywhere()).await;
        assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
        let answer = scene.code(&token, used, &anywhere()).await;
        assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
    }
    // Two steps later nobody remembers it: it is just wrong.
    scene.wait(2 * STEP);
    let answer = scene.code(&token, &code, &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
}

#[tokio::test]
async fn the_code_before_the_present_one_still_works_and_the_next_does_not_yet() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;
    let next = phone.key.code_shown(scene.now() + STEP);

    assert!(matches!(scene.code(&half, &next, &anywhere()).await, Err(ChallengeError::Wrong)));
    let previous = phone.code();
    scene.wait((2 * STEP).saturating_sub(SECOND));
    scene.code(&half, &previous, &anywhere()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_code_is_wrong_and_costs_no_try() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    for _ in 0..60 {
        for typed in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            let answer = scene.code(&half, typed, &anywhere()).await;
            assert!(matches!(answer, Err(ChallengeError::Wrong)), "{typed}: {answer:?}");
        }
    }
    let spaced = format!(" {} {} ", &phone.code()[..3], &phone.code()[3..]);
    scene.code(&half, &spaced, &anywhere()).await.unwrap();
}

#[tokio::test]
async fn nobody_is_let_in_by_the_phone_of_somebody_else() {
    let scene = Scene::new();
    scene.add_with_phone(ANN).await;
    let (_, bobs) = scene.add_with_phone("bob").await;
    let half = scene.half(&anywhere()).await;

    let answer = scene.code(&half, &bobs.code(), &anywhere()).await;

    assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
    assert!(matches!(scene.bearer(&half).await, Bearer::Half(_)));
}

#[tokio::test]
async fn of_many_who_bring_one_code_at_once_one_gets_in() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (_, phone) = scene.add_with_phone(ANN).await;
    let code = phone.code();
    let mut halves = Vec::new();
    for _ in 0..64 {
        halves.push(scene.half(&anywhere()).await);
    }

    let caller = anywhere();
    let answers = join_all(halves.iter().map(|half| scene.code(half, &code, &caller))).await;

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(scene.world.store.sessions(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_step_ups_at_once_one_keeps_the_session() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let (bearer, callers) = (scene.bearer(&token).await, scene.known_browsers(&ann, 64).await);

    // A password is right however often it is typed: what decides is the token.
    let race = callers.iter().map(|caller| answer_password(&scene.world, &bearer, PASSWORD, caller));
    let answers = join_all(race).await;

    let is_late = |answer: &Result<_, _>| matches!(answer, Err(ChallengeError::Gone));
    assert_eq!(answers.iter().filter(|answer| is_late(answer)).count(), 63, "none was kept from trying: {answers:?}");
    let tokens: Vec<_> = answers.into_iter().filter_map(Result::ok).map(|opened| opened.token).collect();
    assert_eq!(tokens.len(), 1);
    assert!(matches!(scene.bearer(&tokens[0]).await, Bearer::Full(_)));
    assert!(is_nobody(&scene.bearer(&token).await));
}

#[tokio::test]
async fn the_password_once_more_is_fresh_and_no_second_factor() {
    let scene = Scene::with(Requirement::Disabled, Gated::default());
    scene.add(ANN).await;
    let Ok(crate::flows::sign_in::Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else {
        panic!()
    };
    scene.wait(Duration::from_mins(5));

    let bearer = scene.bearer(&opened.token).await;
    let wrong = answer_password(&scene.world, &bearer, "wrong", &anywhere()).await;
    assert!(matches!(wrong, Err(ChallengeError::Wrong)));
    let again = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await.unwrap();

    let session = scene.session(&again.token).await;
    assert_eq!(session.authentications.len(), 1);
    assert_eq!(session.authentications[0].at, scene.now());
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
    let none = scene.code(&again.token, "123456", &anywhere()).await;
    assert!(matches!(none, Err(ChallengeError::NotEnrolled)), "{none:?}");
}
