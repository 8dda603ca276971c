//! A clock that jumps.

use super::{ANN, LIMITS, MINUTE, NOON, STEP, Scene, anywhere, is_nobody};
use crate::{
    domain::session::Level,
    flows::{challenge::ChallengeError, sessions::Bearer},
    ports::store::Attempt,
};

#[tokio::test]
async fn a_clock_set_back_makes_no_code_new() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    scene.wait(10 * MINUTE);
    scene.sign_in(&phone, &anywhere()).await;

    scene.set(NOON);
    let half = scene.half(&anywhere()).await;
    let answer = scene.code(&half, &phone.code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
    scene.set(NOON + 10 * MINUTE + STEP);
    let half = scene.half(&anywhere()).await;
    scene.code(&half, &phone.code(), &anywhere()).await.unwrap();
}

#[tokio::test]
async fn a_session_from_the_future_is_none() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    scene.set(NOON - STEP);
    assert!(is_nobody(&scene.bearer(&token).await));
    scene.set(NOON + LIMITS.lifetime);
    assert!(is_nobody(&scene.bearer(&token).await));
    scene.set(NOON + MINUTE);
    assert!(matches!(scene.bearer(&token).await, Bearer::Full(_)), "the jump itself ended nothing");
}

#[tokio::test]
async fn a_password_from_the_future_and_a_code_are_one_factor() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    scene.set(NOON - 5 * MINUTE);
    let opened = scene.code(&half, &phone.code(), &anywhere()).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
}

#[tokio::test]
async fn a_jump_ahead_ends_what_was_half_done() {
    let scene = Scene::new();
    scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    scene.wait(2 * Attempt::LIFETIME);

    assert!(is_nobody(&scene.bearer(&half).await));
}
