//! A lost phone, a lost passkey: the password and a recovery code replace them, and do nothing else.

use super::{
    ANN, MINUTE, PASSWORD, SECOND, STEP, Scene, anywhere,
    passkeys::{Laptop, part},
};
use crate::{
    domain::{
        change::{Change, FRESH_FOR},
        contact::{EmailAddress, Kind},
        factor::{FactorId, KeyKind, Method},
        policy::Missing,
        secret::Token,
        session::Level,
        user::{LoginId, User},
    },
    flows::{
        administer::{self, NewUser},
        challenge::{ChallengeError, answer_password},
        contacts::{self, ContactError},
        factors::{self, ChangeError, SECOND_FACTORS_MAX},
        passkeys,
        password::{self, PasswordError},
        recovery::{GenerateError, answer_recovery, generate, left},
        sessions::end_others,
        sign_in::Opened,
    },
    ports::{messages::Notice, store::OtherSessions},
};

/// Ann, whose only second factor is a passkey, the codes she keeps in a drawer, and her mailbox.
async fn ann_with_a_passkey(scene: &Scene) -> (User, Laptop, Vec<String>) {
    let new = NewUser {
        login_id: LoginId::parse(ANN).unwrap(),
        name: None,
        email: EmailAddress::parse("ann@example.com").ok(),
        phone: None,
        groups: Vec::new(),
    };
    let ann = administer::add_user(&scene.world, new, Some(PASSWORD)).await.unwrap();
    let (half, mut laptop) = (scene.half(&anywhere()).await, Laptop::new());
    let opened = scene.make_passkey(&half, &mut laptop).await.unwrap();
    let codes = generate(&scene.world, &scene.full(&opened.token).await, &anywhere()).await.unwrap();
    scene.wait(MINUTE);
    (ann, laptop, codes.iter().map(|code| code.to_text().to_string()).collect())
}

impl Scene {
    async fn use_code(&self, token: &Token, code: &str) -> Opened {
        answer_recovery(&self.world, &self.bearer(token).await, code, &anywhere()).await.unwrap()
    }

    /// Ann is in again, with her password and this code.
    async fn recovered(&self, code: &str) -> Token {
        let half = self.half(&anywhere()).await;
        self.use_code(&half, code).await.token
    }

    async fn only_factor(&self, user: &User) -> FactorId {
        factors::second_factors(&self.world, user.id).await.unwrap()[0].id
    }

    async fn remove(&self, token: &Token, id: FactorId) -> Result<(), ChangeError> {
        factors::remove(&self.world, &self.full(token).await, id, &anywhere()).await
    }
}

#[tokio::test]
async fn a_lost_passkey_is_replaced_and_removed_and_everybody_hears_of_it() {
    let scene = Scene::new();
    let (ann, mut lost, codes) = ann_with_a_passkey(&scene).await;
    let id = scene.only_factor(&ann).await;
    let elsewhere = scene.sign_in_with_passkey(&mut lost, &ann).await.unwrap().token;

    let token = scene.recovered(&codes[0]).await;
    let alone = scene.remove(&token, id).await;
    assert!(matches!(alone, Err(ChangeError::Kept)), "{alone:?}: a replacement comes first");
    let mut laptop = Laptop::new();
    let token = scene.make_passkey(&token, &mut laptop).await.unwrap().token;
    scene.remove(&token, id).await.unwrap();
    end_others(&scene.world, &scene.full(&token).await, &anywhere()).await.unwrap();

    let gone = scene.sign_in_with_passkey(&mut lost, &ann).await;
    assert!(matches!(gone, Err(ChallengeError::Wrong)), "{gone:?}");
    assert!(super::is_nobody(&scene.bearer(&elsewhere).await), "whoever found it is out");
    let opened = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap();
    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::PhishingResistant));
    let (method, name) = (Method::Passkey, "Laptop".to_owned());
    let told = scene.notices();
    for notice in [
        Notice::RecoveryCodeUsed { left: 9 },
        Notice::FactorAdded { method, name: name.clone() },
        Notice::FactorRemoved { method, name },
    ] {
        assert!(told.iter().any(|(_, other)| *other == notice), "{notice:?} is not among {told:?}");
    }
}

#[tokio::test]
async fn an_app_can_stand_in_for_a_lost_passkey() {
    let scene = Scene::new();
    let (ann, _, codes) = ann_with_a_passkey(&scene).await;
    let id = scene.only_factor(&ann).await;
    let token = scene.recovered(&codes[0]).await;

    let (phone, opened) = scene.add_app(&token, "").await.unwrap();
    scene.remove(&opened.token, id).await.unwrap();

    // It is the strongest from now on, and fresh: everything else is open too.
    let full = scene.full(&opened.token).await;
    assert_eq!(generate(&scene.world, &full, &anywhere()).await.unwrap().len(), 10);
    scene.wait(STEP);
    scene.sign_in(&phone, &anywhere()).await;
}

#[tokio::test]
async fn the_way_is_open_for_minutes_and_another_code_opens_it_again() {
    let scene = Scene::new();
    let (ann, _, codes) = ann_with_a_passkey(&scene).await;
    let (_, id) = (scene.recovered(&codes[0]).await, scene.only_factor(&ann).await);
    let token = scene.recovered(&codes[1]).await;
    let (_, opened) = scene.add_app(&token, "").await.unwrap();
    scene.wait(FRESH_FOR + SECOND);

    let late = scene.remove(&opened.token, id).await;
    assert!(matches!(late, Err(ChangeError::NeedsProof(_))), "{late:?}");
    let token = scene.use_code(&opened.token, &codes[2]).await.token;
    let alone = scene.remove(&token, id).await;
    let Err(ChangeError::NeedsProof(Missing::Fresh { wanted, .. })) = alone else { panic!("{alone:?}") };
    assert_eq!(wanted.any, [Method::Password], "a found sheet of paper is not enough");
    let bearer = scene.bearer(&token).await;
    let token = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await.unwrap().token;
    scene.remove(&token, id).await.unwrap();
}

#[tokio::test]
async fn neither_addresses_nor_the_password_nor_new_codes_are_open_to_it() {
    let scene = Scene::new();
    let (_, _, codes) = ann_with_a_passkey(&scene).await;
    let token = scene.recovered(&codes[0]).await;
    let (world, full, caller) = (&scene.world, scene.full(&token).await, anywhere());

    let address = contacts::begin(world, &full, Kind::Email, "eve@example.com", &token, &caller).await;
    assert!(matches!(address, Err(ContactError::NeedsProof(_))), "{address:?}");
    let removed = contacts::remove(world, &full, Kind::Email, &caller).await;
    assert!(matches!(removed, Err(ContactError::NeedsProof(_))), "{removed:?}");
    let changed = password::update(world, &full, PASSWORD, "another long password", OtherSessions::End, &caller).await;
    assert!(matches!(changed, Err(PasswordError::NeedsProof(_))), "{changed:?}");
    let made = generate(world, &full, &caller).await;
    assert!(matches!(made, Err(GenerateError::NeedsProof(_))), "{made:?}");
}

#[tokio::test]
async fn without_a_code_the_password_and_an_app_remove_no_passkey() {
    let scene = Scene::new();
    let (ann, _, codes) = ann_with_a_passkey(&scene).await;
    let id = scene.only_factor(&ann).await;
    let (phone, _) = scene.add_app(&scene.recovered(&codes[0]).await, "").await.unwrap();
    scene.wait(STEP);

    let token = scene.sign_in(&phone, &anywhere()).await.token;

    let weaker = scene.remove(&token, id).await;
    assert!(matches!(weaker, Err(ChangeError::NeedsProof(_))), "{weaker:?}");
    let more = scene.make_passkey(&token, &mut Laptop::new()).await;
    assert!(matches!(more, Err(ChangeError::NeedsProof(_))), "{more:?}");
}

/// EN-01: a phished password and one code of the app lead to no passkey of the thief's.
#[tokio::test]
async fn a_weaker_factor_makes_no_codes_that_would_replace_a_stronger_one() {
    let scene = Scene::new();
    let (ann, mut laptop, codes) = ann_with_a_passkey(&scene).await;
    let (phone, _) = scene.add_app(&scene.recovered(&codes[0]).await, "").await.unwrap();
    scene.wait(STEP);
    let thief = scene.sign_in(&phone, &anywhere()).await.token;

    let made = generate(&scene.world, &scene.full(&thief).await, &anywhere()).await;

    let Err(GenerateError::NeedsProof(missing)) = made else { panic!("{made:?}") };
    let proofs = scene.session(&thief).await.authentications;
    let helps = |method| Change::Account.helped_by(&missing, method, &proofs, scene.now());
    assert!(helps(Method::Passkey) && !helps(Method::Totp) && !helps(Method::RecoveryCode), "{missing:?}");
    assert_eq!(left(&scene.world, ann.id).await.unwrap(), 9, "the old set stays");
    // The passkey makes them, and nothing but a code of theirs stands in for it.
    let owner = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap().token;
    generate(&scene.world, &scene.full(&owner).await, &anywhere()).await.unwrap();
}

#[tokio::test]
async fn who_has_the_app_at_hand_adds_another_beside_it_whatever_code_was_used() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let codes = generate(&scene.world, &scene.full(&token).await, &anywhere()).await.unwrap();
    scene.wait(STEP);
    let recovered = scene.recovered(&codes[0].to_text()).await;
    let proven = scene.code(&recovered, &phone.code(), &anywhere()).await.unwrap().token;

    scene.add_app(&proven, "Tablet").await.unwrap();

    assert_eq!(factors::second_factors(&scene.world, ann.id).await.unwrap().len(), 2, "nothing was lost");
}

#[tokio::test]
async fn there_is_no_more_room_after_a_loss_than_before_it() {
    let scene = Scene::new();
    let (ann, _, codes) = ann_with_a_passkey(&scene).await;
    let mut token = scene.recovered(&codes[0]).await;
    for _ in 1..SECOND_FACTORS_MAX - 1 {
        token = scene.make_passkey(&token, &mut Laptop::new()).await.unwrap().token;
    }
    let (_, opened) = scene.add_app(&token, "").await.unwrap();
    scene.wait(FRESH_FOR + SECOND);
    drop(opened);

    let token = scene.recovered(&codes[1]).await;
    let more = scene.make_passkey(&token, &mut Laptop::new()).await;

    assert!(matches!(more, Err(ChangeError::TooMany)), "{more:?}");
    // What takes the place of the lost app takes no more.
    scene.add_app(&token, "New phone").await.unwrap();
    assert_eq!(factors::second_factors(&scene.world, ann.id).await.unwrap().len(), SECOND_FACTORS_MAX);
}

#[tokio::test]
async fn a_half_session_replaces_nothing() {
    let scene = Scene::new();
    let (_, _, codes) = ann_with_a_passkey(&scene).await;
    scene.recovered(&codes[0]).await;
    let half = scene.half(&anywhere()).await;
    let (bearer, mut laptop) = (scene.bearer(&half).await, Laptop::new());

    let begun = passkeys::begin_enrolment(&scene.world, &bearer, KeyKind::Passkey, &half, &anywhere()).await;
    assert!(matches!(begun, Err(ChangeError::Challenge(ChallengeError::Gone))), "{begun:?}");
    // Nor does what a whole one asked for serve it.
    let token = scene.recovered(&codes[1]).await;
    let whole = scene.bearer(&token).await;
    let asked = passkeys::begin_enrolment(&scene.world, &whole, KeyKind::Passkey, &token, &anywhere()).await.unwrap();
    let (text, made) = (asked.token.to_text(), laptop.make(&asked.options, super::ORIGIN).to_string());
    let answer = part(&text, &made, &half);
    let enrolled = passkeys::enroll(&scene.world, &bearer, KeyKind::Passkey, answer, "", &anywhere()).await;
    assert!(enrolled.is_err(), "{enrolled:?}");
}
