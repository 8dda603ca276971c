//! Recovery codes: made after a fresh proof, used once, and no more than what their owner has.

use super::{ANN, MINUTE, PASSWORD, Phone, Requirement, STEP, Scene, anywhere, from, gated::Gated, is_nobody};
use crate::{
    domain::{
        change::FRESH_FOR,
        factor::{Method, recovery::Code},
        policy::{Access, Decision, Freshness, Missing, Policy, Requirement as Demand, Visitor},
        secret::{Secret, Token},
        session::{Level, latest},
        throttle::{CODE_SETS, Closed},
        user::LoginId,
    },
    flows::{
        administer,
        challenge::ChallengeError,
        codes, enroll,
        factors::ChangeError,
        recovery::{GenerateError, answer_recovery, generate, left},
        sign_in::{Opened, Outcome},
    },
    ports::{HasherBusy, PasswordHasher},
};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

impl Scene {
    async fn codes(&self, token: &Token) -> Vec<Code> {
        generate(&self.world, &self.full(token).await, &anywhere()).await.unwrap()
    }

    async fn recover(&self, token: &Token, typed: &str) -> Result<Opened, ChallengeError> {
        answer_recovery(&self.world, &self.bearer(token).await, typed, &anywhere()).await
    }
}

/// A hasher whose queue is full.
struct Busy;

#[async_trait]
impl PasswordHasher for Busy {
    async fn hash(&self, _password: Secret) -> Result<String, HasherBusy> {
        Err(HasherBusy)
    }

    async fn verify(&self, _password: Secret, _phc: Option<String>) -> Result<bool, HasherBusy> {
        Err(HasherBusy)
    }

    fn is_outdated(&self, _phc: &str) -> bool {
        false
    }
}

/// Ann, her phone, and a fresh set of codes.
async fn ann_with_codes(scene: &Scene) -> (Phone, Vec<Code>) {
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let codes = scene.codes(&token).await;
    (phone, codes)
}

async fn left_to_ann(scene: &Scene) -> u64 {
    let ann = administer::account(&scene.world, &LoginId::parse(ANN).unwrap()).await.unwrap();
    left(&scene.world, ann.user.id).await.unwrap()
}

#[tokio::test]
async fn a_set_is_ten_codes_that_begin_unlike() {
    let scene = Scene::new();
    let (_, codes) = ann_with_codes(&scene).await;

    let heads: HashSet<_> = codes.iter().map(Code::head).collect();
    assert_eq!((codes.len(), heads.len(), left_to_ann(&scene).await), (10, 10, 10));
}

#[tokio::test]
async fn with_the_password_a_code_signs_in_once() {
    let scene = Scene::new();
    let (_, codes) = ann_with_codes(&scene).await;
    let typed = codes[3].to_text().to_lowercase().replace('-', " ");
    let half = scene.half(&anywhere()).await;

    let opened = scene.recover(&half, &typed).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert!(latest(&session.authentications, &[Method::RecoveryCode], scene.now()).is_some());
    assert!(is_nobody(&scene.bearer(&half).await), "the half session's token");
    assert_eq!(left_to_ann(&scene).await, 9);
    let again = scene.half(&anywhere()).await;
    let answer = scene.recover(&again, &typed).await;
    assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
    scene.recover(&again, &codes[4].to_text()).await.unwrap();
}

#[tokio::test]
async fn a_new_set_ends_the_old_one() {
    let scene = Scene::new();
    let (phone, old) = ann_with_codes(&scene).await;
    scene.wait(STEP);
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let new = scene.codes(&token).await;

    let half = scene.half(&anywhere()).await;
    for code in &old[..5] {
        let answer = scene.recover(&half, &code.to_text()).await;
        assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
    }
    scene.recover(&half, &new[0].to_text()).await.unwrap();
}

#[tokio::test]
async fn codes_are_made_only_after_a_fresh_second_factor() {
    let scene = Scene::new();
    let (phone, codes) = ann_with_codes(&scene).await;
    scene.wait(STEP);
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let refused = async |token: &Token| {
        let refusal = generate(&scene.world, &scene.full(token).await, &anywhere()).await;
        assert!(matches!(refusal, Err(GenerateError::NeedsProof(_))), "{refusal:?}");
    };

    scene.wait(FRESH_FOR);
    scene.codes(&token).await;
    scene.wait(STEP);
    refused(&token).await;
    // Neither the password nor a recovery code stands in for it.
    let bearer = scene.bearer(&token).await;
    let again = crate::flows::challenge::answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await.unwrap();
    refused(&again.token).await;
    drop(codes);
    let half = scene.half(&anywhere()).await;
    let fresh = scene.code(&half, &phone.code(), &anywhere()).await.unwrap();
    let code = scene.codes(&fresh.token).await.remove(0);
    scene.wait(FRESH_FOR + STEP);
    let recovered = scene.recover(&fresh.token, &code.to_text()).await.unwrap();
    refused(&recovered.token).await;
}

#[tokio::test]
async fn who_has_only_a_password_gets_no_codes() {
    let scene = Scene::with(Requirement::Optional, Gated::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };

    let refusal = generate(&scene.world, &scene.full(&opened.token).await, &anywhere()).await;

    assert!(matches!(refusal, Err(GenerateError::NoSecondFactor)), "{refusal:?}");
}

#[tokio::test]
async fn who_has_only_a_password_and_a_mailbox_gets_no_codes() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let ann = scene.add(ANN).await;
    scene.reach(&ann, "ann@example.com").await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    codes::send(&scene.world, &bearer, Method::EmailCode, None, &half, &anywhere()).await.unwrap();
    let code = scene.last_code();
    let opened = codes::verify(&scene.world, &bearer, Method::EmailCode, &code, &half, &anywhere()).await.unwrap();

    let refusal = generate(&scene.world, &scene.full(&opened.token).await, &anywhere()).await;

    assert!(matches!(refusal, Err(GenerateError::NoSecondFactor)), "{refusal:?}");
}

#[tokio::test]
async fn a_sixth_set_within_the_hour_waits() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let full = scene.full(&token).await;
    for _ in 0..CODE_SETS.free {
        scene.codes(&token).await;
    }

    let sixth = generate(&scene.world, &full, &anywhere()).await;

    assert!(matches!(sixth, Err(GenerateError::TooMany(Closed::Until(at))) if at > scene.now()), "{sixth:?}");
    assert_eq!(left_to_ann(&scene).await, 10, "the latest set stays good");
}

#[tokio::test]
async fn a_set_that_the_hasher_had_no_time_for_is_not_counted() {
    let mut scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
    let hasher = std::mem::replace(&mut scene.world.hasher, Arc::new(Busy));
    for _ in 0..=CODE_SETS.free {
        let none = generate(&scene.world, &full, &anywhere()).await;
        assert!(matches!(none, Err(GenerateError::Busy(_))), "{none:?}");
    }

    scene.world.hasher = hasher;
    assert_eq!(generate(&scene.world, &full, &anywhere()).await.unwrap().len(), 10);
}

#[tokio::test]
async fn switched_off_none_are_made_or_taken() {
    let mut scene = Scene::new();
    let (phone, codes) = ann_with_codes(&scene).await;
    scene.world.settings.recovery_codes = 0;

    let half = scene.half(&anywhere()).await;
    let answer = scene.recover(&half, &codes[0].to_text()).await;
    assert!(matches!(answer, Err(ChallengeError::NotEnrolled)), "{answer:?}");
    scene.wait(STEP);
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let refusal = generate(&scene.world, &scene.full(&token).await, &anywhere()).await;
    assert!(matches!(refusal, Err(GenerateError::Off)), "{refusal:?}");
    assert_eq!(left_to_ann(&scene).await, 0);
}

#[tokio::test]
async fn nobody_is_let_in_by_the_codes_of_somebody_else_or_without_a_password() {
    let scene = Scene::new();
    let (_, codes) = ann_with_codes(&scene).await;
    scene.add_with_phone("bob").await;
    let Ok(Outcome::SecondFactor(bobs)) = scene.password("bob", PASSWORD, &anywhere()).await else { panic!() };

    let answer = scene.recover(&bobs, &codes[0].to_text()).await;
    assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
    let answer = scene.recover(&scene.world.entropy.token(), &codes[0].to_text()).await;
    assert!(matches!(answer, Err(ChallengeError::Gone)), "{answer:?}");
    assert_eq!(left_to_ann(&scene).await, 10, "a stranger's try uses nothing up");
}

#[tokio::test]
async fn guesses_share_the_budget_of_the_second_factor_and_slips_cost_none() {
    let scene = Scene::new();
    let (phone, codes) = ann_with_codes(&scene).await;
    let stranger = from("203.0.113.9");
    let half = scene.half(&stranger).await;
    let recover = async |typed: &str| answer_recovery(&scene.world, &scene.bearer(&half).await, typed, &stranger).await;

    for _ in 0..60 {
        assert!(matches!(recover("not a code").await, Err(ChallengeError::Wrong)));
    }
    for number in 0..10 {
        let answer = match number % 2 {
            0 => recover("0000-0000-0000-0000").await,
            _ => scene.code(&half, &phone.wrong_code(), &stranger).await,
        };
        assert!(matches!(answer, Err(ChallengeError::Wrong)), "{number}: {answer:?}");
    }
    let answer = recover(&codes[0].to_text()).await;
    assert!(matches!(answer, Err(ChallengeError::Throttled(_))), "{answer:?}");
    assert_eq!(left_to_ann(&scene).await, 10);
}

#[tokio::test]
async fn one_hash_is_checked_whether_a_code_begins_so_or_not() {
    let scene = Scene::new();
    let (_, codes) = ann_with_codes(&scene).await;
    let half = scene.half(&anywhere()).await;
    let unknown = (0..32)
        .map(|letter| Code::from_random(&[letter; 10]))
        .find(|code| codes.iter().all(|known| known.head() != code.head()));
    let near = format!("{}00-0000-0000-0000", codes[0].head());

    for typed in [unknown.unwrap().to_text().as_str(), &near] {
        let before = scene.hasher.verified.load(Ordering::SeqCst);
        let answer = scene.recover(&half, typed).await;
        assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
        assert_eq!(scene.hasher.verified.load(Ordering::SeqCst) - before, 1, "{typed}");
    }
}

#[tokio::test]
async fn of_many_who_bring_one_code_at_once_one_gets_in() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (_, codes) = ann_with_codes(&scene).await;
    let mut halves = Vec::new();
    for _ in 0..64 {
        halves.push(scene.half(&anywhere()).await);
    }
    let typed = codes[0].to_text();

    let answers = join_all(halves.iter().map(|half| scene.recover(half, &typed))).await;

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(left_to_ann(&scene).await, 9);
}

#[tokio::test]
async fn a_code_is_fresh_only_where_a_policy_names_it() {
    let scene = Scene::new();
    let (_, codes) = ann_with_codes(&scene).await;
    let half = scene.half(&anywhere()).await;
    let opened = scene.recover(&half, &codes[0].to_text()).await.unwrap();
    let visitor = Visitor::SignedIn(scene.full(&opened.token).await.identity.into());
    let demands = |methods: &[Method]| {
        let fresh = vec![Freshness { any: methods.to_vec(), within: MINUTE.into() }];
        Policy::new("payments", Access::Require(Demand { fresh, ..Demand::at(Level::Mfa) }))
    };

    let unnamed = demands(&[Method::Totp]).decide(&visitor, scene.now());
    assert!(matches!(unnamed, Decision::StepUp(Missing::Fresh { .. })), "{unnamed:?}");
    let named = demands(&[Method::Totp, Method::RecoveryCode]).decide(&visitor, scene.now());
    assert!(matches!(named, Decision::Admit(_)), "{named:?}");
}

#[tokio::test]
async fn whoever_used_a_code_sets_up_the_app_anew_and_the_lost_one_is_over() {
    let scene = Scene::new();
    let (lost, codes) = ann_with_codes(&scene).await;
    let half = scene.half(&anywhere()).await;
    let offered = enroll::offer(&scene.world, &scene.bearer(&half).await).await;
    let half_way = matches!(offered, Err(ChangeError::Challenge(ChallengeError::Gone)));
    assert!(half_way, "a half session sets nothing up");
    let opened = scene.recover(&half, &codes[0].to_text()).await.unwrap();

    let bearer = scene.bearer(&opened.token).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let code = offer.key.code_shown(scene.now());
    enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();

    scene.wait(STEP);
    let half = scene.half(&anywhere()).await;
    let answer = scene.code(&half, &lost.code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
    scene.code(&half, &offer.key.code_shown(scene.now()), &anywhere()).await.unwrap();
}

#[tokio::test]
async fn the_way_to_a_new_app_closes_again() {
    let scene = Scene::new();
    let (phone, codes) = ann_with_codes(&scene).await;
    scene.wait(STEP);
    let with_app = scene.sign_in(&phone, &anywhere()).await.token;
    let half = scene.half(&anywhere()).await;
    let recovered = scene.recover(&half, &codes[0].to_text()).await.unwrap().token;
    scene.wait(FRESH_FOR + STEP);

    for token in [&with_app, &recovered] {
        let offered = enroll::offer(&scene.world, &scene.bearer(token).await).await;
        assert!(matches!(offered, Err(ChangeError::NeedsProof(_))));
    }
}

#[tokio::test]
async fn an_operators_reset_takes_the_codes_along() {
    let scene = Scene::new();
    let (_, _) = ann_with_codes(&scene).await;

    administer::reset_mfa(&scene.world, &LoginId::parse(ANN).unwrap()).await.unwrap();

    assert_eq!(left_to_ann(&scene).await, 0);
}
