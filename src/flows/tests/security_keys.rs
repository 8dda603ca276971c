//! Security keys, with one in software that never asks who touches it.

use super::{ANN, MINUTE, PASSWORD, SECOND, Scene, anywhere, is_nobody, passkeys::Laptop};
use crate::{
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
use webauthn_authenticator_rs::{WebauthnAuthenticator, softpasskey::SoftPasskey};
use webauthn_rs::prelude::{CreationChallengeResponse, RequestChallengeResponse, Url};

const KEY: KeyKind = KeyKind::SecurityKey;

/// Something to plug in and touch.
pub(super) struct Token2F {
    authenticator: SoftPasskey,
    credential_id: Option<String>,
}

impl Token2F {
    pub(super) fn new() -> Self {
        Self { authenticator: SoftPasskey::new(false), credential_id: None }
    }

    pub(super) fn make(&mut self, options: &str) -> Value {
        let asked: Value = serde_json::from_str(options).unwrap();
        let selection = &asked["authenticatorSelection"];
        assert_eq!(
            [&selection["userVerification"], &selection["residentKey"], &selection["authenticatorAttachment"]],
            ["discouraged", "discouraged", "cross-platform"]
        );
        let asked: CreationChallengeResponse = serde_json::from_value(json!({ "publicKey": asked })).unwrap();
        let made = self.authenticator.do_registration(Url::parse(super::ORIGIN).unwrap(), asked).unwrap();
        let made = serde_json::to_value(made).unwrap();
        self.credential_id = made["rawId"].as_str().map(ToOwned::to_owned);
        made
    }

    /// Touches it, for whatever it is asked.
    pub(super) fn touch(&mut self, options: &str) -> Value {
        let mut asked: Value = serde_json::from_str(options).unwrap();
        asked["allowCredentials"] = json!([{ "type": "public-key", "id": self.credential_id }]);
        // Where it is asked for more than it can do, it does what it can.
        asked["userVerification"] = json!("discouraged");
        let asked: RequestChallengeResponse = serde_json::from_value(json!({ "publicKey": asked })).unwrap();
        let answer = self.authenticator.do_authentication(Url::parse(super::ORIGIN).unwrap(), asked).unwrap();
        serde_json::to_value(answer).unwrap()
    }
}

impl Scene {
    /// Adds somebody who sets up a security key in their first sign-in.
    async fn add_with_key(&self, name: &str) -> (User, Token2F, Opened) {
        let user = self.add(name).await;
        let mut key = Token2F::new();
        let half = self.half_of(name).await;
        let opened = self.make_key(&half, &mut key).await.unwrap();
        (user, key, opened)
    }

    async fn half_of(&self, name: &str) -> Token {
        match self.password(name, PASSWORD, &anywhere()).await.unwrap() {
            Outcome::SecondFactor(token) | Outcome::Enrol(token) => token,
            Outcome::Done(_) | Outcome::Grace(_) => panic!("the password alone opened a session"),
        }
    }

    async fn make_key(&self, token: &Token, key: &mut Token2F) -> Result<Opened, ChangeError> {
        let bearer = self.bearer(token).await;
        let asked = passkeys::begin_enrolment(&self.world, &bearer, KEY, token, &anywhere()).await?;
        let (text, made) = (asked.token.to_text(), key.make(&asked.options).to_string());
        let answer = Answer { token: &text, credential: &made, browser: token };
        passkeys::enroll(&self.world, &bearer, KEY, answer, "", &anywhere()).await
    }

    async fn ask_for_key(&self, token: &Token) -> Challenge {
        passkeys::begin_proof(&self.world, &self.bearer(token).await, KEY, token, &anywhere()).await.unwrap()
    }

    async fn give_key(
        &self,
        challenge: &Challenge,
        answer: &Value,
        kind: KeyKind,
        token: &Token,
    ) -> Result<Opened, ChallengeError> {
        let (text, credential) = (challenge.token.to_text(), answer.to_string());
        let answer = Answer { token: &text, credential: &credential, browser: token };
        passkeys::answer(&self.world, &self.bearer(token).await, kind, answer, &anywhere()).await
    }

    async fn touch(&self, token: &Token, key: &mut Token2F) -> Result<Opened, ChallengeError> {
        let challenge = self.ask_for_key(token).await;
        let answer = key.touch(&challenge.options);
        self.give_key(&challenge, &answer, KEY, token).await
    }

    async fn keys(&self, user: &User) -> Vec<PasskeyFactor> {
        self.world.store.passkeys(user.id).await.unwrap()
    }
}

fn is_refused(outcome: &Result<Opened, ChallengeError>) -> bool {
    matches!(outcome, Err(ChallengeError::Passkey(PasskeyError::Refused(_))))
}

#[tokio::test]
async fn with_the_password_it_is_two_factors_and_steps_up() {
    let scene = Scene::new();
    let (ann, mut key, first) = scene.add_with_key(ANN).await;
    assert_eq!(Level::shown_by([Method::SecurityKey].into_iter()), Some(Level::Login), "alone it is one");

    for token in [scene.half_of(ANN).await, first.token] {
        scene.wait(SECOND);
        let opened = scene.touch(&token, &mut key).await.unwrap();

        assert!(is_nobody(&scene.bearer(&token).await));
        let session = scene.session(&opened.token).await;
        assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
        let last = session.authentications.last().unwrap();
        assert_eq!((last.method, last.at), (Method::SecurityKey, scene.now()));
    }
    let kept = scene.keys(&ann).await.remove(0);
    assert_eq!((kept.kind, kept.name.as_str(), kept.used_at), (KEY, "Security key", Some(scene.now())));
}

#[tokio::test]
async fn it_never_stands_in_for_a_passkey() {
    let scene = Scene::new();
    let (ann, mut key, opened) = scene.add_with_key(ANN).await;
    let browser = scene.world.entropy.token();

    // As the whole sign-in, whoever it says it belongs to.
    let challenge = passkeys::begin_sign_in(&scene.world, &browser, &anywhere()).await.unwrap();
    let mut answer = key.touch(&challenge.options);
    answer["response"]["userHandle"] = json!(BASE64_URL_SAFE_NO_PAD.encode(ann.id.0.as_bytes()));
    let (text, credential) = (challenge.token.to_text(), answer.to_string());
    let answer = Answer { token: &text, credential: &credential, browser: &browser };
    let signed_in = passkeys::sign_in(&scene.world, answer, &anywhere()).await;
    assert!(matches!(signed_in, Err(ChallengeError::Wrong)), "{signed_in:?}");

    // As the passkey that a route asks for.
    let bearer = scene.bearer(&opened.token).await;
    let unasked = passkeys::begin_proof(&scene.world, &bearer, KeyKind::Passkey, &opened.token, &anywhere()).await;
    assert!(matches!(unasked, Err(ChallengeError::NotEnrolled)), "{unasked:?}");
    let challenge = scene.ask_for_key(&opened.token).await;
    let answer = key.touch(&challenge.options);
    let passed_off = scene.give_key(&challenge, &answer, KeyKind::Passkey, &opened.token).await;
    assert!(matches!(passed_off, Err(ChallengeError::Wrong)), "{passed_off:?}");

    // Beside a passkey, for the question that was put to that.
    let mut laptop = Laptop::new();
    let bearer = scene.bearer(&opened.token).await;
    let asked =
        passkeys::begin_enrolment(&scene.world, &bearer, KeyKind::Passkey, &opened.token, &anywhere()).await.unwrap();
    let (text, made) = (asked.token.to_text(), laptop.make(&asked.options, super::ORIGIN).to_string());
    let answer = Answer { token: &text, credential: &made, browser: &opened.token };
    let opened = passkeys::enroll(&scene.world, &bearer, KeyKind::Passkey, answer, "", &anywhere()).await.unwrap();
    let bearer = scene.bearer(&opened.token).await;
    let asked =
        passkeys::begin_proof(&scene.world, &bearer, KeyKind::Passkey, &opened.token, &anywhere()).await.unwrap();
    let answer = key.touch(&asked.options);
    let passed_off = scene.give_key(&asked, &answer, KeyKind::Passkey, &opened.token).await;
    assert!(matches!(passed_off, Err(ChallengeError::Wrong)), "{passed_off:?}");

    // Nor the other way round: what was made to know its user is not asked for a touch.
    let challenge = scene.ask_for_key(&opened.token).await;
    let answer = laptop.answer(&challenge.options, &ann);
    let touched = scene.give_key(&challenge, &answer, KEY, &opened.token).await;
    assert!(matches!(touched, Err(ChallengeError::Wrong)), "{touched:?}");
}

#[tokio::test]
async fn only_ones_own_are_asked_for_and_taken() {
    let scene = Scene::new();
    let (ann, _, opened) = scene.add_with_key(ANN).await;
    let (_, mut bobs, _) = scene.add_with_key("bob").await;

    let challenge = scene.ask_for_key(&opened.token).await;
    let asked: Value = serde_json::from_str(&challenge.options).unwrap();
    let allowed: Vec<_> = asked["allowCredentials"].as_array().unwrap().iter().map(|key| &key["id"]).collect();
    let own = BASE64_URL_SAFE_NO_PAD.encode(&scene.keys(&ann).await[0].credential_id);
    assert_eq!(allowed, [&json!(own)]);

    let stolen = scene.give_key(&challenge, &bobs.touch(&challenge.options), KEY, &opened.token).await;
    assert!(matches!(stolen, Err(ChallengeError::Wrong)), "{stolen:?}");
}

/// WA-04: an empty list would let any key pass.
#[tokio::test]
async fn who_has_none_is_not_asked() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let bearer = scene.bearer(&opened.token).await;

    let asked = passkeys::begin_proof(&scene.world, &bearer, KEY, &opened.token, &anywhere()).await;
    assert!(matches!(asked, Err(ChallengeError::NotEnrolled)), "{asked:?}");
    for kind in KeyKind::ALL {
        let empty = scene.world.passkeys.begin_authentication(*kind, &[]);
        assert!(matches!(empty, Err(PasskeyError::Refused(_))), "{kind:?}: {empty:?}");
    }
}

#[tokio::test]
async fn nobody_present_is_nobody_there() {
    let scene = Scene::new();
    let (_, mut key, opened) = scene.add_with_key(ANN).await;
    let challenge = scene.ask_for_key(&opened.token).await;
    let mut answer = key.touch(&challenge.options);
    let signed = answer["response"]["authenticatorData"].as_str().unwrap();
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signed).unwrap();
    // Flags follow the hash of the site's name; bit 0 says that somebody touched it.
    assert_eq!(bytes[32] & 5, 1, "somebody is present, and nobody was verified");
    bytes[32] &= !1;
    answer["response"]["authenticatorData"] = json!(BASE64_URL_SAFE_NO_PAD.encode(bytes));

    let untouched = scene.give_key(&challenge, &answer, KEY, &opened.token).await;

    assert!(is_refused(&untouched), "{untouched:?}");
}

#[tokio::test]
async fn a_copy_is_noticed() {
    let scene = Scene::new();
    let (_, mut key, opened) = scene.add_with_key(ANN).await;
    let (first, second) = (scene.ask_for_key(&opened.token).await, scene.ask_for_key(&opened.token).await);
    let earlier = key.touch(&first.options);
    let later = key.touch(&second.options);

    // One that was asked for before the copy was used, and one that was asked for after.
    let bearer = scene.bearer(&opened.token).await;
    let (text, credential) = (second.token.to_text(), later.to_string());
    let answer = Answer { token: &text, credential: &credential, browser: &opened.token };
    passkeys::answer(&scene.world, &bearer, KEY, answer, &anywhere()).await.unwrap();
    let (text, credential) = (first.token.to_text(), earlier.to_string());
    let answer = Answer { token: &text, credential: &credential, browser: &opened.token };
    let behind = passkeys::answer(&scene.world, &bearer, KEY, answer, &anywhere()).await;

    assert!(matches!(behind, Err(ChallengeError::Passkey(PasskeyError::Copied))), "{behind:?}");
}

#[tokio::test]
async fn a_removed_key_opens_nothing_and_the_last_one_stays() {
    let scene = Scene::new();
    let (ann, mut first, opened) = scene.add_with_key(ANN).await;
    let id = scene.keys(&ann).await[0].id;
    let kept = factors::remove(&scene.world, &scene.full(&opened.token).await, id, &anywhere()).await;
    assert!(matches!(kept, Err(ChangeError::Kept)), "{kept:?}");
    let unknown =
        factors::remove(&scene.world, &scene.full(&opened.token).await, FactorId(uuid::Uuid::nil()), &anywhere()).await;
    assert!(matches!(unknown, Err(ChangeError::Unknown)), "{unknown:?}");

    let mut second = Token2F::new();
    let opened = scene.make_key(&opened.token, &mut second).await.unwrap();
    let challenge = scene.ask_for_key(&opened.token).await;
    let answer = first.touch(&challenge.options);
    factors::remove(&scene.world, &scene.full(&opened.token).await, id, &anywhere()).await.unwrap();

    let removed = scene.give_key(&challenge, &answer, KEY, &opened.token).await;
    assert!(matches!(removed, Err(ChallengeError::Wrong)), "{removed:?}");
    scene.touch(&opened.token, &mut second).await.unwrap();
}

#[tokio::test]
async fn a_change_takes_a_fresh_touch() {
    let scene = Scene::new();
    let (_, mut key, opened) = scene.add_with_key(ANN).await;
    scene.wait(5 * MINUTE + SECOND);

    let stale = scene.make_key(&opened.token, &mut Token2F::new()).await;
    assert!(matches!(stale, Err(ChangeError::NeedsProof(Missing::Fresh { .. }))), "{stale:?}");

    let fresh = scene.touch(&opened.token, &mut key).await.unwrap();
    scene.make_key(&fresh.token, &mut Token2F::new()).await.unwrap();
}

#[tokio::test]
async fn one_token_is_not_set_up_twice() {
    let scene = Scene::new();
    let (ann, _, opened) = scene.add_with_key(ANN).await;
    let bearer = scene.bearer(&opened.token).await;
    let own = BASE64_URL_SAFE_NO_PAD.encode(&scene.keys(&ann).await[0].credential_id);

    let excluded = async |kind| {
        let asked = passkeys::begin_enrolment(&scene.world, &bearer, kind, &opened.token, &anywhere()).await.unwrap();
        let asked: Value = serde_json::from_str(&asked.options).unwrap();
        asked["excludeCredentials"].as_array().unwrap().iter().any(|key| key["id"] == json!(own))
    };

    assert!(excluded(KEY).await);
    assert!(!excluded(KeyKind::Passkey).await, "it may become one");
}

#[tokio::test]
async fn they_are_made_only_where_the_operator_wants_them() {
    let mut scene = Scene::new();
    scene.world.settings.methods = vec![Method::Passkey, Method::Totp];
    scene.add(ANN).await;
    let half = scene.half_of(ANN).await;

    let unwanted = scene.make_key(&half, &mut Token2F::new()).await;

    assert!(matches!(unwanted, Err(ChangeError::NotOffered)), "{unwanted:?}");
}

#[tokio::test]
async fn an_operator_sees_and_resets_them() {
    let scene = Scene::new();
    let (ann, _, _) = scene.add_with_key(ANN).await;
    let factors = administer::second_factors(&scene.world, ann.id).await.unwrap();
    assert_eq!(factors.iter().map(|factor| factor.method).collect::<Vec<_>>(), [Method::SecurityKey]);

    assert_eq!(administer::reset_mfa(&scene.world, &ann.login_id).await.unwrap(), 1);
    assert_eq!(scene.keys(&ann).await, []);
}
