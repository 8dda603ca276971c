//! A store that fails in the middle: whatever was going on, nothing is opened (SE-08, EE-03).

use super::{ANN, PASSWORD, Requirement, STEP, Scene, anywhere, gated::Gate, gated::Gated, host, password::NEW};
use crate::{
    domain::{secret::Token, user::LoginId},
    flows::{
        Caller,
        administer::NewUser,
        challenge::{ChallengeError, answer_password, answer_totp},
        devices, enroll, password, recovery,
        sessions::{Bearer, hand_off, recognise, redeem, sign_out, visitor},
        sign_in::{Outcome, SignInError},
        sign_up::{self, SignUpError},
    },
    ports::StoreError,
};
use std::sync::{Arc, Mutex};

/// A scene whose store can be failed.
fn scene(requirement: Requirement) -> (Scene, Arc<Gate>) {
    let store = Gated::default();
    let gate = Arc::clone(&store.gate);
    (Scene::with(requirement, store), gate)
}

/// Runs `act` with its first call failed, then its second, and so on until it makes no more calls. Each time but the
/// last it must say that the store failed. Returns how many calls it makes.
async fn fail_each_call<T>(
    requirement: Requirement,
    prepare: impl AsyncFn(&Scene) -> Token,
    act: impl AsyncFn(&Scene, &Token) -> Result<T, String>,
) -> usize {
    for number in 1.. {
        let (scene, gate) = scene(requirement);
        let token = prepare(&scene).await;
        gate.fail(number);
        let outcome = act(&scene, &token).await;
        match (gate.heal(), outcome) {
            (true, Err(why)) => assert!(why.contains("was failed by the test"), "call {number}: {why}"),
            (true, Ok(_)) => panic!("the act succeeded although its call {number} failed"),
            (false, Ok(_)) => return number - 1,
            (false, Err(why)) => panic!("without a failure it fails: {why}"),
        }
    }
    unreachable!()
}

fn word(error: &dyn std::error::Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn a_password_opens_nothing_while_any_part_of_it_fails() {
    for (requirement, calls_min) in [(Requirement::Required, 6), (Requirement::Disabled, 6)] {
        let calls = fail_each_call(
            requirement,
            async |scene| {
                scene.add_with_phone(ANN).await;
                scene.world.entropy.token()
            },
            async |scene, _| {
                let outcome = scene.password(ANN, PASSWORD, &anywhere()).await;
                assert!(!matches!(outcome, Err(SignInError::Mismatch)), "an outage is no wrong password");
                outcome.map_err(|error| word(&error))
            },
        )
        .await;
        assert!(calls >= calls_min, "{calls}");
    }
}

#[tokio::test]
async fn a_code_opens_nothing_while_any_part_of_it_fails() {
    let calls = fail_each_call(
        Requirement::Required,
        async |scene| {
            scene.add_with_phone(ANN).await;
            scene.half(&anywhere()).await
        },
        async |scene, token| {
            let factors = scene.world.store.accounts().await.map_err(|error| word(&error))?;
            let bearer = recognise(&scene.world, Some(token)).await.map_err(|error| word(&error))?;
            let user = &factors[0].user;
            let factor = scene.world.store.totp_factors(user.id).await.map_err(|error| word(&error))?.remove(0);
            let seal = crate::flows::challenge::totp_seal(factor.id.0);
            let secret = scene.world.vault.open(&seal, &factor.sealed_key).unwrap();
            let key = crate::domain::factor::totp::Key::new(&secret, "x", "x").unwrap();
            let answer = answer_totp(&scene.world, &bearer, &key.code_shown(scene.now()), &anywhere()).await;
            assert!(!matches!(answer, Err(ChallengeError::Wrong)), "an outage is no wrong code");
            answer.map_err(|error| word(&error))
        },
    )
    .await;
    assert!(calls >= 10, "{calls}");
}

#[tokio::test]
async fn a_recovery_code_opens_nothing_while_any_part_of_it_fails() {
    let codes = Mutex::new(Vec::new());
    let calls = fail_each_call(
        Requirement::Required,
        async |scene| {
            let (_, phone) = scene.add_with_phone(ANN).await;
            let token = scene.sign_in(&phone, &anywhere()).await.token;
            let Bearer::Full(full) = scene.bearer(&token).await else { panic!() };
            *codes.lock().unwrap() = recovery::generate(&scene.world, &full, &anywhere()).await.unwrap();
            scene.half(&anywhere()).await
        },
        async |scene, token| {
            let typed = codes.lock().unwrap()[0].to_text();
            let bearer = recognise(&scene.world, Some(token)).await.map_err(|error| word(&error))?;
            let answer = recovery::answer_recovery(&scene.world, &bearer, &typed, &anywhere()).await;
            assert!(!matches!(answer, Err(ChallengeError::Wrong)), "an outage is no wrong code");
            answer.map_err(|error| word(&error))
        },
    )
    .await;
    assert!(calls >= 9, "{calls}");
}

#[tokio::test]
async fn a_remembered_browser_opens_nothing_while_any_part_of_it_fails() {
    let browser = Mutex::new(None);
    let caller = || Caller { browser: browser.lock().unwrap().clone(), ..anywhere() };
    let calls = fail_each_call(
        Requirement::Required,
        async |scene| {
            let (_, phone) = scene.add_with_phone(ANN).await;
            let opened = scene.sign_in(&phone, &anywhere()).await;
            *browser.lock().unwrap() = devices::remember(&scene.world, &opened, &anywhere()).await.unwrap();
            opened.token
        },
        async |scene, _| match scene.password(ANN, PASSWORD, &caller()).await {
            Ok(Outcome::Done(opened)) => Ok(opened),
            Ok(other) => panic!("an outage forgets nothing: {other:?}"),
            Err(error) => Err(word(&error)),
        },
    )
    .await;
    assert!(calls >= 9, "{calls}");
}

#[tokio::test]
async fn no_factor_and_no_session_comes_of_an_enrolment_that_fails() {
    let calls = fail_each_call(
        Requirement::Required,
        async |scene| {
            scene.add(ANN).await;
            scene.half(&anywhere()).await
        },
        async |scene, token| {
            let bearer = recognise(&scene.world, Some(token)).await.map_err(|error| word(&error))?;
            let offer = enroll::offer(&scene.world, &bearer).await.map_err(|error| word(&error))?;
            let code = offer.key.code_shown(scene.now());
            let opened = enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await;
            opened.map_err(|error| word(&error))
        },
    )
    .await;
    assert!(calls >= 10, "{calls}");
}

#[tokio::test]
async fn no_app_is_opened_by_a_handoff_that_fails() {
    let calls = fail_each_call(
        Requirement::Disabled,
        async |scene| {
            scene.add(ANN).await;
            match scene.password(ANN, PASSWORD, &anywhere()).await.unwrap() {
                Outcome::Done(opened) => opened.token,
                other => panic!("{other:?}"),
            }
        },
        async |scene, token| {
            let failed = |error: StoreError| word(&error);
            let browser = scene.world.entropy.token();
            let identity = scene.world.store.identity(token.hash()).await.map_err(failed)?.unwrap();
            let payroll = host("payroll.localhost");
            let code = hand_off(&scene.world, identity.session.id, &payroll, browser.hash()).await.map_err(failed)?;
            let child = redeem(&scene.world, &code, &payroll, &browser).await.map_err(failed)?.unwrap();
            visitor(&scene.world, child.hash(), &payroll).await.map_err(failed)
        },
    )
    .await;
    assert_eq!(calls, 4);
}

#[tokio::test]
async fn an_outage_signs_nobody_in_and_nobody_out() {
    let (scene, gate) = scene(Requirement::Required);
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    gate.fail(1);
    recognise(&scene.world, Some(&token)).await.unwrap_err();
    gate.fail(2);
    sign_out(&scene.world, &token, &anywhere()).await.unwrap_err();
    gate.heal();
    let bearer = scene.bearer(&token).await;
    gate.fail(1);
    let answer = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Store(_))), "{answer:?}");
    gate.heal();

    scene.session(&token).await;
    scene.wait(STEP);
    scene.sign_in(&phone, &anywhere()).await;
}

#[tokio::test]
async fn a_link_sets_no_password_while_any_part_of_it_fails_and_works_afterwards() {
    let mut refused = 0;
    for number in 1.. {
        let (scene, gate) = scene(Requirement::Required);
        scene.ann_with_mailbox().await;
        scene.forgot(ANN).await;
        let token = scene.mailed_token();
        gate.fail(number);
        let outcome = password::reset(&scene.world, &token, NEW, &anywhere()).await;
        if !gate.heal() {
            break;
        }
        // The list of events is written last; whether it can be undoes nothing.
        if outcome.is_err() {
            refused += 1;
            assert!(scene.opens(PASSWORD).await, "call {number}");
            password::reset(&scene.world, &token, NEW, &anywhere()).await.unwrap();
        }
        assert!(scene.opens(NEW).await, "call {number}");
    }

    assert!(refused >= 5, "{refused}");
}

/// Each failure leaves no account, or one whose owner signs in with the password they chose.
#[tokio::test]
async fn an_invitation_makes_a_whole_account_or_none() {
    let link: Mutex<String> = Mutex::default();
    let calls = fail_each_call(
        Requirement::Required,
        async |scene| {
            let login_id = LoginId::parse("eve@mail.example").unwrap();
            let new = NewUser { login_id, name: None, email: None, phone: None, groups: Vec::new() };
            let url = sign_up::invite(&scene.world, new).await.unwrap().url;
            *link.lock().unwrap() = url.split_once("token=").unwrap().1.to_owned();
            scene.world.entropy.token()
        },
        async |scene, _| {
            let token = link.lock().unwrap().clone();
            let redeemed = sign_up::redeem(&scene.world, &token, "Eve", PASSWORD, &anywhere()).await;
            redeemed.map_err(|error| {
                assert!(!matches!(error, SignUpError::Gone | SignUpError::Taken(_)), "an outage is no used link");
                word(&error)
            })
        },
    )
    .await;
    assert!(calls >= 4, "{calls}");
}
