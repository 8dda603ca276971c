//! Setting up an authenticator app.

use super::{ANN, MINUTE, Requirement, STEP, Scene, anywhere, gated::Gated, is_nobody};
use crate::{
    domain::{factor::Method, session::Level, user::LoginId},
    flows::{
        administer::{self, ENROL_WITHIN},
        challenge::{ChallengeError, totp_seal},
        enroll::{self, Offer, confirm},
        factors::ChangeError,
        sessions::Bearer,
    },
};
use futures_util::future::join_all;

/// Ann, in the middle of her first sign-in.
async fn first_visit(scene: &Scene) -> Bearer {
    scene.add(ANN).await;
    scene.bearer(&scene.half(&anywhere()).await).await
}

async fn offered(scene: &Scene, bearer: &Bearer) -> Offer {
    enroll::offer(&scene.world, bearer).await.unwrap()
}

fn shown(scene: &Scene, offer: &Offer) -> String {
    offer.key.code_shown(scene.now())
}

#[tokio::test]
async fn a_confirmed_offer_is_a_second_factor_and_its_code_is_used() {
    let scene = Scene::new();
    let bearer = first_visit(&scene).await;
    let offer = offered(&scene, &bearer).await;
    let code = shown(&scene, &offer);

    let opened = confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    let half = scene.half(&anywhere()).await;
    let again = scene.code(&half, &code, &anywhere()).await;
    assert!(matches!(again, Err(ChallengeError::AlreadyUsed)), "{again:?}");
    scene.wait(STEP);
    scene.code(&half, &shown(&scene, &offer), &anywhere()).await.unwrap();
}

/// TO-01: what is enrolled is 160 bits of chance, whoever enrols it.
#[tokio::test]
async fn a_key_is_160_bits_and_nobody_elses() {
    let scene = Scene::new();
    let bearer = first_visit(&scene).await;
    let offer = offered(&scene, &bearer).await;
    confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await.unwrap();
    scene.add_with_phone("bob").await;

    let mut keys = Vec::new();
    for account in scene.world.store.accounts().await.unwrap() {
        for factor in scene.world.store.totp_factors(account.user.id).await.unwrap() {
            let key = scene.world.vault.open(&totp_seal(factor.id.0), &factor.sealed_key).unwrap();
            keys.push(key.expose().to_vec());
        }
    }
    assert_eq!(keys.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20]);
    assert_ne!(keys[0], keys[1]);
    let zeroes: u32 = keys.iter().flatten().map(|byte| byte.count_zeros()).sum();
    assert!((100..220).contains(&zeroes), "{zeroes} of 320 bits are zero");
}

#[tokio::test]
async fn a_wrong_code_adds_nothing_and_the_offer_stays() {
    let scene = Scene::new();
    let bearer = first_visit(&scene).await;
    let offer = offered(&scene, &bearer).await;
    let tomorrow = offer.key.code_shown(scene.now() + ENROL_WITHIN);

    let answer = confirm(&scene.world, &bearer, &offer.sealed, &tomorrow, "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Wrong))));
    let Bearer::Half(half) = &bearer else { panic!() };
    assert!(scene.world.store.totp_factors(half.account.user.id).await.unwrap().is_empty());

    let again = enroll::offer_again(&scene.world, &bearer, &offer.sealed).await.unwrap();
    assert_eq!(again.key.to_base32(), offer.key.to_base32());
    confirm(&scene.world, &bearer, &again.sealed, &shown(&scene, &again), "", &anywhere()).await.unwrap();
}

#[tokio::test]
async fn an_offer_is_for_one_user_for_ten_minutes() {
    let scene = Scene::new();
    let bearer = first_visit(&scene).await;
    scene.add("bob").await;
    let Ok(crate::flows::sign_in::Outcome::Enrol(bobs)) = scene.password("bob", super::PASSWORD, &anywhere()).await
    else {
        panic!()
    };
    let bob = scene.bearer(&bobs).await;
    let offer = offered(&scene, &bearer).await;

    // Whose key Mallory knows must not become Bob's factor.
    let answer = confirm(&scene.world, &bob, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Gone))), "{answer:?}");
    for forged in ["", "AAAA", &offer.sealed[1..]] {
        let answer = confirm(&scene.world, &bearer, forged, &shown(&scene, &offer), "", &anywhere()).await;
        assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Gone))), "{forged}: {answer:?}");
    }
    scene.wait(10 * MINUTE);
    let answer = confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Gone))), "{answer:?}");
    // An offer that an altered clock made in the future is none either.
    let offer = offered(&scene, &bearer).await;
    scene.set(scene.now() - MINUTE);
    let answer = confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Gone))), "{answer:?}");
}

#[tokio::test]
async fn the_operators_time_is_over_when_it_is_over() {
    let scene = Scene::new();
    scene.add(ANN).await;
    scene.wait(ENROL_WITHIN.saturating_sub(MINUTE));
    let bearer = scene.bearer(&scene.half(&anywhere()).await).await;
    let offer = offered(&scene, &bearer).await;

    scene.wait(MINUTE);

    assert!(matches!(enroll::offer(&scene.world, &bearer).await, Err(ChangeError::NeedsOperator)));
    let answer = confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::NeedsOperator)), "{answer:?}");
}

#[tokio::test]
async fn with_a_factor_there_is_no_second_first_one() {
    let scene = Scene::new();
    let bearer = first_visit(&scene).await;
    let (mine, mallorys) = (offered(&scene, &bearer).await, offered(&scene, &bearer).await);
    confirm(&scene.world, &bearer, &mine.sealed, &shown(&scene, &mine), "", &anywhere()).await.unwrap();

    for offer in [&mallorys, &mine] {
        let answer = confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, offer), "", &anywhere()).await;
        assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Gone))), "{answer:?}");
    }
    let Bearer::Half(half) = &bearer else { panic!() };
    assert_eq!(scene.world.store.totp_factors(half.account.user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_offer_confirmed_by_many_at_once_is_one_factor() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let bearer = first_visit(&scene).await;
    let offer = offered(&scene, &bearer).await;
    let (code, Bearer::Half(half)) = (shown(&scene, &offer), &bearer) else { panic!() };
    let callers = scene.known_browsers(&half.account.user, 64).await;

    let race = callers.iter().map(|caller| confirm(&scene.world, &bearer, &offer.sealed, &code, "", caller));
    let answers = join_all(race).await;

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let is_throttled =
        |answer: &Result<_, _>| matches!(answer, Err(ChangeError::Challenge(ChallengeError::Throttled(_))));
    assert!(!answers.iter().any(is_throttled), "none was kept from trying");
    assert_eq!(scene.world.store.totp_factors(half.account.user.id).await.unwrap().len(), 1);
    assert_eq!(scene.world.store.sessions(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reset_takes_the_factor_and_the_sessions_and_opens_the_time_again() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let half = scene.half(&anywhere()).await;
    scene.wait(STEP);

    administer::reset_mfa(&scene.world, &LoginId::parse(ANN).unwrap()).await.unwrap();

    assert!(is_nobody(&scene.bearer(&token).await));
    assert!(is_nobody(&scene.bearer(&half).await));
    let bearer = scene.bearer(&scene.half(&anywhere()).await).await;
    let offer = offered(&scene, &bearer).await;
    let old = confirm(&scene.world, &bearer, &offer.sealed, &phone.code(), "", &anywhere()).await;
    assert!(
        matches!(old, Err(ChangeError::Challenge(ChallengeError::Wrong))),
        "the old phone is no longer hers: {old:?}"
    );
    confirm(&scene.world, &bearer, &offer.sealed, &shown(&scene, &offer), "", &anywhere()).await.unwrap();
}

#[tokio::test]
async fn what_may_be_set_up_is_what_may_be_set_up_now() {
    let mut scene = Scene::new();
    let bearer = first_visit(&scene).await;
    let choice = async |scene: &Scene, bearer: &Bearer| enroll::enrollable(&scene.world, bearer).await.unwrap();

    assert_eq!(choice(&scene, &bearer).await, [Method::Passkey, Method::SecurityKey, Method::Totp]);
    scene.world.settings.methods = vec![Method::Passkey];
    assert_eq!(choice(&scene, &bearer).await, [Method::Passkey]);
    scene.world.settings.methods = vec![Method::Passkey, Method::SecurityKey, Method::Totp];
    scene.wait(MINUTE);
    scene.world.store.set_enrol_until(bearer.user().unwrap().id, Some(scene.now())).await.unwrap();

    assert!(choice(&scene, &bearer).await.is_empty(), "a stolen password sets up nothing (EN-04)");
}
