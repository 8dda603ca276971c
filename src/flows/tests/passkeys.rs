//! Passkeys, with an authenticator in software.

use super::{ANN, MINUTE, ORIGIN, Requirement, SECOND, STEP, Scene, anywhere, gated::Gated, is_nobody};
use crate::{
    adapters::{passkeys::Passkeys, store::MemoryStore},
    domain::{
        factor::{FactorId, KeyKind, Method},
        policy::Missing,
        secret::Token,
        session::Level,
        user::User,
    },
    flows::{
        administer,
        challenge::ChallengeError,
        factors::{self, ChangeError},
        passkeys::{self, Answer, Challenge},
        sign_in::{Opened, Outcome},
    },
    ports::{passkeys::PasskeyError, store::PasskeyFactor},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use std::sync::Arc;
use webauthn_authenticator_rs::{WebauthnAuthenticator, softpasskey::SoftPasskey};
use webauthn_rs::prelude::{CreationChallengeResponse, RequestChallengeResponse, Url};

/// Somebody's laptop, with at most one passkey on it.
pub(super) struct Laptop {
    authenticator: SoftPasskey,
    credential_id: Option<String>,
}

impl Laptop {
    pub(super) fn new() -> Self {
        Self { authenticator: SoftPasskey::new(true), credential_id: None }
    }

    /// Makes a passkey, as a browser on a page of `origin` would.
    pub(super) fn make(&mut self, options: &str, origin: &str) -> Value {
        let mut asked: Value = serde_json::from_str(options).unwrap();
        let selection = &mut asked["authenticatorSelection"];
        assert_eq!(
            (&selection["residentKey"], &selection["userVerification"]),
            (&json!("required"), &json!("required"))
        );
        // The library's authenticator keeps its keys, but does not know the word for it.
        selection["residentKey"] = json!("discouraged");
        selection["requireResidentKey"] = json!(false);
        let asked: CreationChallengeResponse = serde_json::from_value(json!({ "publicKey": asked })).unwrap();
        let made = self.authenticator.do_registration(Url::parse(origin).unwrap(), asked).unwrap();
        let made = serde_json::to_value(made).unwrap();
        self.credential_id = made["rawId"].as_str().map(ToOwned::to_owned);
        made
    }

    /// Uses it, and says whose it is. The library's authenticator does not find a passkey by itself, nor say its owner:
    /// what is not signed is put right here.
    pub(super) fn answer(&mut self, options: &str, owner: &User) -> Value {
        let mut asked: Value = serde_json::from_str(options).unwrap();
        asked["allowCredentials"] = json!([{ "type": "public-key", "id": self.credential_id }]);
        let asked: RequestChallengeResponse = serde_json::from_value(json!({ "publicKey": asked })).unwrap();
        let answer = self.authenticator.do_authentication(Url::parse(ORIGIN).unwrap(), asked).unwrap();
        let mut answer = serde_json::to_value(answer).unwrap();
        answer["response"]["userHandle"] = json!(BASE64_URL_SAFE_NO_PAD.encode(owner.id.0.as_bytes()));
        answer
    }
}

pub(super) fn part<'a>(token: &'a str, credential: &'a str, browser: &'a Token) -> Answer<'a> {
    Answer { token, credential, browser }
}

impl Scene {
    /// Adds Ann, who sets up a passkey in her first sign-in.
    pub(super) async fn add_with_passkey(&self) -> (User, Laptop, Opened) {
        let ann = self.add(ANN).await;
        let mut laptop = Laptop::new();
        let half = self.half(&anywhere()).await;
        let opened = self.make_passkey(&half, &mut laptop).await.unwrap();
        (ann, laptop, opened)
    }

    pub(super) async fn make_passkey(&self, token: &Token, laptop: &mut Laptop) -> Result<Opened, ChangeError> {
        let bearer = self.bearer(token).await;
        let asked = passkeys::begin_enrolment(&self.world, &bearer, KeyKind::Passkey, token, &anywhere()).await?;
        let made = laptop.make(&asked.options, ORIGIN).to_string();
        let text = asked.token.to_text();
        passkeys::enroll(&self.world, &bearer, KeyKind::Passkey, part(&text, &made, token), "Laptop", &anywhere()).await
    }

    pub(super) async fn ask(&self, browser: &Token) -> Challenge {
        passkeys::begin_sign_in(&self.world, browser, &anywhere()).await.unwrap()
    }

    pub(super) async fn give(
        &self,
        challenge: &Challenge,
        answer: &Value,
        browser: &Token,
    ) -> Result<Opened, ChallengeError> {
        let (token, credential) = (challenge.token.to_text(), answer.to_string());
        passkeys::sign_in(&self.world, part(&token, &credential, browser), &anywhere()).await
    }

    pub(super) async fn sign_in_with_passkey(
        &self,
        laptop: &mut Laptop,
        owner: &User,
    ) -> Result<Opened, ChallengeError> {
        let browser = self.world.entropy.token();
        let challenge = self.ask(&browser).await;
        let answer = laptop.answer(&challenge.options, owner);
        self.give(&challenge, &answer, &browser).await
    }

    pub(super) async fn passkeys(&self, user: &User) -> Vec<PasskeyFactor> {
        self.world.store.passkeys(user.id).await.unwrap()
    }
}

#[tokio::test]
async fn a_passkey_alone_signs_in() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    scene.wait(MINUTE);

    let opened = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert_eq!(session.user, ann.id);
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::PhishingResistant));
    let kept = scene.passkeys(&ann).await.remove(0);
    assert_eq!((kept.name.as_str(), kept.used_at), ("Laptop", Some(scene.now())));
}

/// WA-01: it is taken away before it is read.
#[tokio::test]
async fn an_answer_counts_once() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let browser = scene.world.entropy.token();
    let challenge = scene.ask(&browser).await;
    let answer = laptop.answer(&challenge.options, &ann);
    scene.give(&challenge, &answer, &browser).await.unwrap();

    let again = scene.give(&challenge, &answer, &browser).await;

    assert!(matches!(again, Err(ChallengeError::AlreadyUsed)), "{again:?}");
    // Nor does it answer another challenge.
    let other = scene.ask(&browser).await;
    let elsewhere = scene.give(&other, &answer, &browser).await;
    assert!(matches!(elsewhere, Err(ChallengeError::Passkey(PasskeyError::Refused(_)))), "{elsewhere:?}");
}

/// WA-01: it is bound to browser, purpose and time.
#[tokio::test]
async fn a_challenge_serves_one_browser_one_purpose_and_five_minutes() {
    let scene = Scene::new();
    let (ann, mut laptop, opened) = scene.add_with_passkey().await;
    let (mine, yours) = (scene.world.entropy.token(), scene.world.entropy.token());

    let challenge = scene.ask(&mine).await;
    let answer = laptop.answer(&challenge.options, &ann);
    assert!(matches!(scene.give(&challenge, &answer, &yours).await, Err(ChallengeError::Wrong)));
    // The wrong browser has spent it.
    assert!(matches!(scene.give(&challenge, &answer, &mine).await, Err(ChallengeError::AlreadyUsed)));

    let bearer = scene.bearer(&opened.token).await;
    let challenge = passkeys::begin_proof(&scene.world, &bearer, KeyKind::Passkey, &mine, &anywhere()).await.unwrap();
    let answer = laptop.answer(&challenge.options, &ann);
    assert!(matches!(scene.give(&challenge, &answer, &mine).await, Err(ChallengeError::Wrong)));

    let challenge = scene.ask(&mine).await;
    let answer = laptop.answer(&challenge.options, &ann);
    scene.wait(5 * MINUTE);
    assert!(matches!(scene.give(&challenge, &answer, &mine).await, Err(ChallengeError::Wrong)));
}

/// WA-09: nobody learns by being asked who has a passkey, not with the password either.
#[tokio::test]
async fn who_signs_in_is_asked_the_same_whoever_they_are() {
    let scene = Scene::new();
    let (_, _, opened) = scene.add_with_passkey().await;
    scene.add("bob").await;
    let ann = scene.half(&anywhere()).await;
    let Ok(Outcome::Enrol(bob)) = scene.password("bob", super::PASSWORD, &anywhere()).await else {
        panic!("bob is in")
    };

    let mut asked = Vec::new();
    for browser in [scene.world.entropy.token(), bob, ann, opened.token] {
        let mut options: Value = serde_json::from_str(&scene.ask(&browser).await.options).unwrap();
        assert!(options["challenge"].take().is_string());
        assert_eq!(options["allowCredentials"], json!([]));
        asked.push(options);
    }

    assert!(asked.iter().all(|other| *other == asked[0]), "{asked:?}");
}

#[tokio::test]
async fn nobody_signs_in_with_anothers_passkey() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let bob = scene.add("bob").await;

    let as_bob = scene.sign_in_with_passkey(&mut laptop, &bob).await;
    assert!(matches!(as_bob, Err(ChallengeError::Wrong)), "{as_bob:?}");

    // Who does not say whose it is gets nowhere.
    let browser = scene.world.entropy.token();
    let challenge = scene.ask(&browser).await;
    let mut answer = laptop.answer(&challenge.options, &ann);
    answer["response"]["userHandle"] = Value::Null;
    let silent = scene.give(&challenge, &answer, &browser).await;
    assert!(matches!(silent, Err(ChallengeError::Wrong)), "{silent:?}");
}

#[tokio::test]
async fn a_step_up_takes_a_passkey_of_ones_own() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let (_, phone) = scene.add_with_phone("bob").await;
    let half = match scene.password("bob", super::PASSWORD, &anywhere()).await.unwrap() {
        crate::flows::sign_in::Outcome::SecondFactor(token) => token,
        other => panic!("{other:?}"),
    };
    let bob = scene.code(&half, &phone.code(), &anywhere()).await.unwrap().token;
    let bearer = scene.bearer(&bob).await;

    let unasked = passkeys::begin_proof(&scene.world, &bearer, KeyKind::Passkey, &bob, &anywhere()).await;
    assert!(matches!(unasked, Err(ChallengeError::NotEnrolled)), "{unasked:?}");

    let challenge = scene.ask(&bob).await;
    let (token, answer) = (challenge.token.to_text(), laptop.answer(&challenge.options, &ann).to_string());
    let stolen =
        passkeys::answer(&scene.world, &bearer, KeyKind::Passkey, part(&token, &answer, &bob), &anywhere()).await;
    assert!(matches!(stolen, Err(ChallengeError::Wrong)), "{stolen:?}");
}

#[tokio::test]
async fn a_proof_rotates_the_token_and_is_the_second_step_of_a_password() {
    let scene = Scene::new();
    let (ann, mut laptop, first) = scene.add_with_passkey().await;

    for token in [first.token, scene.half(&anywhere()).await] {
        scene.wait(SECOND);
        let bearer = scene.bearer(&token).await;
        let challenge =
            passkeys::begin_proof(&scene.world, &bearer, KeyKind::Passkey, &token, &anywhere()).await.unwrap();
        let (text, answer) = (challenge.token.to_text(), laptop.answer(&challenge.options, &ann).to_string());
        let opened =
            passkeys::answer(&scene.world, &bearer, KeyKind::Passkey, part(&text, &answer, &token), &anywhere())
                .await
                .unwrap();

        assert!(is_nobody(&scene.bearer(&token).await));
        let session = scene.session(&opened.token).await;
        assert_eq!(
            session.authentications.last().map(|proof| (proof.method, proof.at)),
            Some((Method::Passkey, scene.now()))
        );
    }
}

#[tokio::test]
async fn a_copied_passkey_is_noticed() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let browser = scene.world.entropy.token();
    let (first, second) = (scene.ask(&browser).await, scene.ask(&browser).await);
    let earlier = laptop.answer(&first.options, &ann);
    let later = laptop.answer(&second.options, &ann);

    scene.give(&second, &later, &browser).await.unwrap();
    let behind = scene.give(&first, &earlier, &browser).await;

    assert!(matches!(behind, Err(ChallengeError::Passkey(PasskeyError::Copied))), "{behind:?}");
}

#[tokio::test]
async fn a_disabled_account_and_a_removed_passkey_open_nothing() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    let (ann, mut laptop, _) = {
        let ann = scene.add(ANN).await;
        let crate::flows::sign_in::Outcome::Done(opened) =
            scene.password(ANN, super::PASSWORD, &anywhere()).await.unwrap()
        else {
            panic!("a second step nobody has")
        };
        let mut laptop = Laptop::new();
        let opened = scene.make_passkey(&opened.token, &mut laptop).await.unwrap();
        (ann, laptop, opened)
    };
    administer::set_disabled(&scene.world, &ann.login_id, true).await.unwrap();
    let disabled = scene.sign_in_with_passkey(&mut laptop, &ann).await;
    assert!(matches!(disabled, Err(ChallengeError::Wrong)), "{disabled:?}");

    administer::set_disabled(&scene.world, &ann.login_id, false).await.unwrap();
    let opened = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap();
    let full = scene.full(&opened.token).await;
    let id = scene.passkeys(&ann).await[0].id;
    factors::remove(&scene.world, &full, id, &anywhere()).await.unwrap();
    let removed = scene.sign_in_with_passkey(&mut laptop, &ann).await;
    assert!(matches!(removed, Err(ChallengeError::Wrong)), "{removed:?}");
}

#[tokio::test]
async fn the_last_second_factor_stays_where_one_is_required() {
    let scene = Scene::new();
    let (ann, _, opened) = scene.add_with_passkey().await;
    let full = scene.full(&opened.token).await;
    let id = scene.passkeys(&ann).await[0].id;

    let kept = factors::remove(&scene.world, &full, id, &anywhere()).await;
    assert!(matches!(kept, Err(ChangeError::Kept)), "{kept:?}");
    let unknown = factors::remove(&scene.world, &full, FactorId(uuid::Uuid::nil()), &anywhere()).await;
    assert!(matches!(unknown, Err(ChangeError::Unknown)), "{unknown:?}");

    let second = scene.make_passkey(&opened.token, &mut Laptop::new()).await.unwrap();
    factors::remove(&scene.world, &scene.full(&second.token).await, id, &anywhere()).await.unwrap();
    assert_eq!(scene.passkeys(&ann).await.len(), 1);
}

#[tokio::test]
async fn a_change_takes_a_fresh_proof_at_the_highest_level() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    scene.wait(5 * MINUTE + SECOND);

    let stale = scene.make_passkey(&opened.token, &mut Laptop::new()).await;
    assert!(matches!(stale, Err(ChangeError::NeedsProof(Missing::Fresh { .. }))), "{stale:?}");

    let fresh = scene.code(&opened.token, &phone.code(), &anywhere()).await.unwrap();
    scene.make_passkey(&fresh.token, &mut Laptop::new()).await.unwrap();

    // From now on the passkey is the highest: a code is no longer enough.
    scene.wait(STEP);
    let coded = scene.sign_in(&phone, &anywhere()).await;
    let weak = scene.make_passkey(&coded.token, &mut Laptop::new()).await;
    let Err(ChangeError::NeedsProof(Missing::Level { wanted, .. })) = weak else { panic!("{weak:?}") };
    assert_eq!(wanted, Level::PhishingResistant.into());
}

#[tokio::test]
async fn a_stolen_password_makes_no_passkey() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;
    administer::reset_mfa(&scene.world, &ann.login_id).await.unwrap();
    assert!(is_nobody(&scene.bearer(&half).await));

    let half = scene.half(&anywhere()).await;
    scene.world.store.set_enrol_until(ann.id, None).await.unwrap();
    let closed = scene.make_passkey(&half, &mut Laptop::new()).await;
    assert!(matches!(closed, Err(ChangeError::NeedsOperator)), "{closed:?}");

    // Nor does it make a second one beside a first that it can't prove.
    scene.world.store.set_enrol_until(ann.id, Some(scene.now() + MINUTE)).await.unwrap();
    scene.make_passkey(&half, &mut Laptop::new()).await.unwrap();
    let half = scene.half(&anywhere()).await;
    let second = scene.make_passkey(&half, &mut Laptop::new()).await;
    assert!(matches!(second, Err(ChangeError::Challenge(ChallengeError::Gone))), "{second:?}");
}

#[tokio::test]
async fn a_passkey_made_for_another_site_is_refused() {
    let scene = Scene::new();
    scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    // The names fit, the ports don't: an origin is both.
    let foreign = "https://auth.example.com:8443";
    let asked = passkeys::begin_enrolment(&scene.world, &bearer, KeyKind::Passkey, &half, &anywhere()).await.unwrap();
    let (token, made) = (asked.token.to_text(), Laptop::new().make(&asked.options, foreign).to_string());

    let refused =
        passkeys::enroll(&scene.world, &bearer, KeyKind::Passkey, part(&token, &made, &half), "", &anywhere()).await;

    let Err(ChangeError::Challenge(ChallengeError::Passkey(PasskeyError::Refused(_)))) = refused else {
        panic!("{refused:?}")
    };
}

#[tokio::test]
async fn a_device_that_does_not_know_its_user_proves_nothing() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let browser = scene.world.entropy.token();
    let challenge = scene.ask(&browser).await;
    let mut answer = laptop.answer(&challenge.options, &ann);
    let signed = answer["response"]["authenticatorData"].as_str().unwrap();
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signed).unwrap();
    // Flags follow the hash of the site's name; bit 2 says that the user was verified.
    bytes[32] &= !4;
    answer["response"]["authenticatorData"] = json!(BASE64_URL_SAFE_NO_PAD.encode(bytes));

    let unverified = scene.give(&challenge, &answer, &browser).await;

    let Err(ChallengeError::Passkey(PasskeyError::Refused(why))) = unverified else { panic!("{unverified:?}") };
    assert!(why.contains("user verified"), "{why}");
}

#[tokio::test]
async fn a_credential_belongs_to_one_account() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (ann, ..) = scene.add_with_passkey().await;
    let bob = scene.add("bob").await;
    let copy = PasskeyFactor { id: FactorId(uuid::Uuid::nil()), user: bob.id, ..scene.passkeys(&ann).await.remove(0) };

    let added = scene.world.store.add_passkey(&copy).await.unwrap();

    assert_eq!(added, crate::ports::store::Added::Taken);
}

#[tokio::test]
async fn passkeys_are_made_only_where_the_operator_wants_them() {
    let mut scene = Scene::new();
    scene.world.settings.methods = vec![Method::Totp];
    scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;

    let unwanted = scene.make_passkey(&half, &mut Laptop::new()).await;

    assert!(matches!(unwanted, Err(ChangeError::NotOffered)), "{unwanted:?}");
}

#[tokio::test]
async fn a_portal_without_a_name_has_no_passkeys_and_says_so() {
    let mut scene = Scene::new();
    scene.world.passkeys = Arc::new(Passkeys::new("192.0.2.1", "https://192.0.2.1", "Example Corp"));
    let browser = scene.world.entropy.token();

    let begun = passkeys::begin_sign_in(&scene.world, &browser, &anywhere()).await;

    assert!(matches!(begun, Err(ChallengeError::Passkey(PasskeyError::Unavailable(_)))), "{begun:?}");
}
