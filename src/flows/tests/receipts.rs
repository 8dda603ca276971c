//! One proof for one request.

use super::{ANN, MINUTE, STEP, Scene, anywhere};
use crate::{
    domain::{
        factor::Method,
        policy::{
            Access, Decision, Freshness, Policy, Requirement, Visitor, Within,
            once::{Bill, Fingerprint, Unpaid},
        },
        secret::Token,
        session::Level,
    },
    flows::{
        challenge::answer_totp,
        receipts::{is_paid, pay},
        sessions::{self, Bearer, Full},
    },
};
use std::sync::Arc;

const TRANSFER: Fingerprint = Fingerprint::from_bytes([7; 32]);

fn policy() -> Policy {
    let fresh = vec![Freshness { any: vec![Method::Totp], within: Within::Once(5 * MINUTE) }];
    Policy::new("payments", Access::Require(Requirement { fresh, ..Requirement::at(Level::Mfa) }))
}

/// Ann, signed in a step ago, and how she proves that she is there with the next code.
async fn signed_in(scene: &Scene) -> (super::Phone, Token) {
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    scene.wait(STEP);
    (phone, opened.token)
}

/// Proves with the next code, which pays for `request` if it is to.
async fn prove(scene: &Scene, phone: &super::Phone, token: &Token, request: Option<Fingerprint>) -> Token {
    let bill = request.map(|request| Bill { request, any: vec![Method::Totp] });
    let bearer = Bearer::Full(Box::new(Full { bill, ..scene.full(token).await }));
    answer_totp(&scene.world, &bearer, &phone.code(), &anywhere()).await.unwrap().token
}

async fn unpaid(scene: &Scene, token: &Token) -> Unpaid {
    let visitor = Visitor::SignedIn(Arc::new(scene.full(token).await.identity));
    match policy().decide(&visitor, scene.now()) {
        Decision::Pay(unpaid) => unpaid,
        other => panic!("{other:?}"),
    }
}

async fn passes(scene: &Scene, token: &Token, request: Fingerprint) -> bool {
    matches!(pay(&scene.world, unpaid(scene, token).await, request).await.unwrap(), Decision::Admit(_))
}

#[tokio::test]
async fn one_proof_pays_for_one_request() {
    let scene = Scene::new();
    let (phone, token) = signed_in(&scene).await;
    assert!(!passes(&scene, &token, TRANSFER).await, "the sign-in pays for nothing");

    let token = prove(&scene, &phone, &token, Some(TRANSFER)).await;

    assert!(is_paid(&scene.world, &unpaid(&scene, &token).await, TRANSFER).await.unwrap());
    assert!(!passes(&scene, &token, Fingerprint::from_bytes([8; 32])).await, "not for another");
    assert!(passes(&scene, &token, TRANSFER).await);
    assert!(!passes(&scene, &token, TRANSFER).await, "nor twice");
    assert!(!is_paid(&scene.world, &unpaid(&scene, &token).await, TRANSFER).await.unwrap());
}

#[tokio::test]
async fn a_proof_that_was_made_for_nothing_in_particular_pays_for_nothing() {
    let scene = Scene::new();
    let (phone, token) = signed_in(&scene).await;

    let token = prove(&scene, &phone, &token, None).await;

    assert!(!passes(&scene, &token, TRANSFER).await);
}

#[tokio::test]
async fn by_another_method_than_is_asked_for_nothing_is_paid() {
    let scene = Scene::new();
    let (phone, token) = signed_in(&scene).await;
    let bill = Some(Bill { request: TRANSFER, any: vec![Method::Passkey] });
    let bearer = Bearer::Full(Box::new(Full { bill, ..scene.full(&token).await }));

    let opened = answer_totp(&scene.world, &bearer, &phone.code(), &anywhere()).await.unwrap();

    assert!(!passes(&scene, &opened.token, TRANSFER).await);
}

#[tokio::test]
async fn a_receipt_ends_with_its_time_and_with_a_lock() {
    let scene = Scene::new();
    let (phone, token) = signed_in(&scene).await;
    let token = prove(&scene, &phone, &token, Some(TRANSFER)).await;
    scene.wait(5 * MINUTE + STEP);
    assert!(!passes(&scene, &token, TRANSFER).await, "too late");

    let token = prove(&scene, &phone, &token, Some(TRANSFER)).await;
    sessions::lock(&scene.world, &scene.full(&token).await, &anywhere()).await.unwrap();
    assert!(!passes(&scene, &token, TRANSFER).await, "locked since");
}

#[tokio::test]
async fn old_receipts_are_swept() {
    let scene = Scene::new();
    let (phone, token) = signed_in(&scene).await;
    let token = prove(&scene, &phone, &token, Some(TRANSFER)).await;
    let session = scene.full(&token).await.identity.session.id;
    scene.wait(16 * MINUTE);

    sessions::sweep(&scene.world).await.unwrap();

    let since = scene.now() - 60 * MINUTE;
    assert_eq!(scene.world.store.receipt(session, TRANSFER, since).await.unwrap(), None);
}
