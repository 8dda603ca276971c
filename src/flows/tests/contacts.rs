//! One's own addresses.

use super::{ANN, MINUTE, Phone, Requirement, STEP, Scene, anywhere, gated::Gated, just_before};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::FRESH_FOR,
        contact::{Channel, Contact, Kind},
        factor::Method,
        secret::Token,
        user::User,
    },
    flows::{
        challenge::ChallengeError,
        codes::SendError,
        contacts::{self, ContactError},
        enroll, factors, recovery, sessions,
        sign_in::Outcome,
    },
    ports::messages::{CodePurpose, Content, Notice},
};
use futures_util::future::join_all;

const OLD: &str = "ann@example.com";
const NEW: &str = "ann@example.org";
const NUMBER: &str = "+44 20 7946 0123";

impl Scene {
    /// Ann with a phone, signed in a moment ago.
    async fn ann_signed_in(&self) -> (User, Phone, Token) {
        let (ann, phone) = self.add_with_phone(ANN).await;
        let token = self.sign_in(&phone, &anywhere()).await.token;
        (ann, phone, token)
    }

    async fn give_address(&self, kind: Kind, typed: &str, token: &Token) -> Result<(), ContactError> {
        contacts::begin(&self.world, &self.full(token).await, kind, typed, token, &anywhere()).await
    }

    async fn confirm_address(&self, kind: Kind, typed: &str, token: &Token) -> Result<(), ContactError> {
        contacts::confirm(&self.world, &self.full(token).await, kind, typed, token, &anywhere()).await
    }

    async fn addresses(&self, user: &User) -> Vec<String> {
        let contacts = self.world.store.contacts(user.id).await.unwrap();
        contacts.iter().map(|contact| contact.address.as_str().to_owned()).collect()
    }

    /// Every notice that was sent, and where to.
    pub(super) fn notices(&self) -> Vec<(String, Notice)> {
        let messages = self.inbox.0.lock().unwrap();
        let notices = messages.iter().filter_map(|message| match &message.content {
            Content::Notice { notice, login_id, asked, .. } => {
                assert_eq!((login_id.as_str(), asked.address), (ANN, Some(anywhere().address)));
                Some((message.to.as_str().to_owned(), notice.clone()))
            }
            _ => None,
        });
        notices.collect()
    }
}

#[tokio::test]
async fn a_new_address_counts_once_its_code_came_back_and_both_are_told() {
    let scene = Scene::offering(&[]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;

    scene.give_address(Kind::Email, NEW, &token).await.unwrap();
    let sent = scene.last_message();
    assert_eq!((sent.channel, sent.to.as_str()), (Channel::Email, NEW));
    assert!(matches!(sent.content, Content::Code { purpose: CodePurpose::Verify, .. }));
    assert_eq!(scene.addresses(&ann).await, [OLD], "until then the old one does");
    scene.confirm_address(Kind::Email, &scene.last_code(), &token).await.unwrap();

    assert_eq!(scene.addresses(&ann).await, [NEW]);
    assert_eq!(scene.full(&token).await.identity.user.email.as_deref(), Some(NEW));
    let notice = Notice::ContactChanged { to: Some("a…@example.org".to_owned()) };
    assert_eq!(scene.notices(), [(OLD.to_owned(), notice.clone()), (NEW.to_owned(), notice)]);
}

#[tokio::test]
async fn a_code_for_an_address_proves_nothing_else() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;
    scene.give_address(Kind::Email, NEW, &token).await.unwrap();
    let code = scene.last_code();

    let bearer = scene.bearer(&token).await;
    let proof = crate::flows::codes::verify(&scene.world, &bearer, Method::EmailCode, &code, &token, &anywhere()).await;
    assert!(matches!(proof, Err(ChallengeError::Over)), "{proof:?}");
    let phone = scene.confirm_address(Kind::Phone, &code, &token).await;
    assert!(matches!(phone, Err(ContactError::Challenge(ChallengeError::Over))), "{phone:?}");
    scene.confirm_address(Kind::Email, &code, &token).await.unwrap();
    let again = scene.confirm_address(Kind::Email, &code, &token).await;
    assert!(matches!(again, Err(ContactError::Challenge(ChallengeError::Over))), "{again:?}");
}

#[tokio::test]
async fn a_change_takes_a_fresh_proof() {
    let scene = Scene::offering(&[]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;
    scene.wait(FRESH_FOR + STEP);

    let given = scene.give_address(Kind::Email, NEW, &token).await;
    assert!(matches!(given, Err(ContactError::NeedsProof(_))), "{given:?}");
    let removed = contacts::remove(&scene.world, &scene.full(&token).await, Kind::Email, &anywhere()).await;
    assert!(matches!(removed, Err(ContactError::NeedsProof(_))), "{removed:?}");
    assert_eq!(scene.messages(), 0);
}

#[tokio::test]
async fn a_phone_number_is_refused_while_the_e_mail_address_is_unverified() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (ann, _, token) = scene.ann_signed_in().await;
    let none = scene.give_address(Kind::Phone, NUMBER, &token).await;
    assert!(matches!(none, Err(ContactError::EmailFirst)), "{none:?}");
    let mail = scene.reach(&ann, OLD).await;
    scene.world.store.put_contact(&Contact { verified_at: None, ..mail.clone() }).await.unwrap();
    let unverified = scene.give_address(Kind::Phone, NUMBER, &token).await;
    assert!(matches!(unverified, Err(ContactError::EmailFirst)), "{unverified:?}");

    scene.world.store.put_contact(&mail).await.unwrap();
    scene.give_address(Kind::Phone, NUMBER, &token).await.unwrap();
    assert_eq!(scene.last_message().channel, Channel::Sms);
    scene.confirm_address(Kind::Phone, &scene.last_code(), &token).await.unwrap();

    assert_eq!(scene.addresses(&ann).await, [OLD, "+442079460123"]);
    let told: Vec<_> = scene.notices().into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [OLD, "+442079460123"], "every known address hears of it");
}

#[tokio::test]
async fn what_is_no_address_and_what_is_too_far_away_is_refused() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;

    let slip = scene.give_address(Kind::Email, "ann@", &token).await;
    assert!(matches!(slip, Err(ContactError::NotAnAddress(_))), "{slip:?}");
    let far = scene.give_address(Kind::Phone, "+1 900 555 0123", &token).await;
    assert!(matches!(far, Err(ContactError::Send(SendError::Country))), "{far:?}");
    assert_eq!(scene.messages(), 0);
}

#[tokio::test]
async fn a_phone_is_asked_for_only_where_it_would_serve() {
    let scene = Scene::offering(&[]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;

    let given = scene.give_address(Kind::Phone, NUMBER, &token).await;

    assert!(matches!(given, Err(ContactError::NotOffered)), "{given:?}");
}

#[tokio::test]
async fn the_last_second_factor_stays_where_one_is_required() {
    for (requirement, has_app, goes) in [
        (Requirement::Required, false, false),
        (Requirement::Required, true, true),
        (Requirement::Optional, false, true),
    ] {
        let mut scene = Scene::with(requirement, MemoryStore::default());
        scene.world.settings.methods.push(Method::EmailCode);
        let ann = scene.add(ANN).await;
        scene.reach(&ann, OLD).await;
        let half = scene.half(&anywhere()).await;
        let bearer = scene.bearer(&half).await;
        let world = &scene.world;
        crate::flows::codes::send(world, &bearer, Method::EmailCode, None, &half, &anywhere()).await.unwrap();
        let code = scene.last_code();
        let verified = crate::flows::codes::verify(world, &bearer, Method::EmailCode, &code, &half, &anywhere()).await;
        let mut token = verified.unwrap().token;
        if has_app {
            let bearer = scene.bearer(&token).await;
            let offer = enroll::offer(world, &bearer).await.unwrap();
            let code = offer.key.code_shown(scene.now());
            token = enroll::confirm(world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap().token;
        }

        let removed = contacts::remove(world, &scene.full(&token).await, Kind::Email, &anywhere()).await;

        assert_eq!(removed.is_ok(), goes, "{requirement:?} {has_app} {removed:?}");
        assert_eq!(scene.addresses(&ann).await.is_empty(), goes);
        let gone = (OLD.to_owned(), Notice::ContactChanged { to: None });
        assert_eq!(scene.notices().contains(&gone), goes);
    }
}

#[tokio::test]
async fn an_address_that_serves_only_notices_may_always_go() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    let ann = scene.add(ANN).await;
    scene.reach(&ann, OLD).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, super::PASSWORD, &anywhere()).await else { panic!() };

    contacts::remove(&scene.world, &scene.full(&opened.token).await, Kind::Email, &anywhere()).await.unwrap();

    assert!(scene.addresses(&ann).await.is_empty());
}

#[tokio::test]
async fn the_code_for_an_address_outlives_the_proof_that_asked_for_it() {
    let scene = Scene::offering(&[]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.give_address(Kind::Email, NEW, &token).await.unwrap();
    scene.wait(just_before(10 * MINUTE));

    scene.confirm_address(Kind::Email, &scene.last_code(), &token).await.unwrap();

    assert_eq!(scene.addresses(&ann).await, [NEW]);
}

#[tokio::test]
async fn a_lock_ends_the_change_that_is_under_way() {
    let scene = Scene::offering(&[]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.give_address(Kind::Email, NEW, &token).await.unwrap();
    scene.wait(MINUTE);
    sessions::lock(&scene.world, &scene.full(&token).await, &anywhere()).await.unwrap();

    let confirmed = scene.confirm_address(Kind::Email, &scene.last_code(), &token).await;

    assert!(matches!(confirmed, Err(ContactError::Challenge(ChallengeError::Over))), "{confirmed:?}");
    assert!(scene.addresses(&ann).await.is_empty());
}

/// Row 14: what an account may have is looked at when it gets it, not only when it asks.
#[tokio::test]
async fn a_phone_number_is_not_confirmed_once_the_e_mail_address_is_gone() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (ann, _, token) = scene.ann_signed_in().await;
    scene.reach(&ann, OLD).await;
    scene.give_address(Kind::Phone, NUMBER, &token).await.unwrap();
    let code = scene.last_code();
    contacts::remove(&scene.world, &scene.full(&token).await, Kind::Email, &anywhere()).await.unwrap();

    let confirmed = scene.confirm_address(Kind::Phone, &code, &token).await;

    assert!(matches!(confirmed, Err(ContactError::EmailFirst)), "{confirmed:?}");
    assert!(scene.addresses(&ann).await.is_empty());
    // Nothing was used up: with an address it counts.
    scene.reach(&ann, OLD).await;
    scene.confirm_address(Kind::Phone, &code, &token).await.unwrap();
}

#[tokio::test]
async fn every_change_to_how_one_signs_in_is_told() {
    let scene = Scene::offering(&[]);
    let ann = scene.add(ANN).await;
    scene.reach(&ann, OLD).await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let code = offer.key.code_shown(scene.now());
    let opened = enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();
    let full = scene.full(&opened.token).await;
    let codes = recovery::generate(&scene.world, &full, &anywhere()).await.unwrap();
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    recovery::answer_recovery(&scene.world, &bearer, &codes[0].to_text(), &anywhere()).await.unwrap();

    let told: Vec<_> = scene.notices().into_iter().map(|(_, notice)| notice).collect();
    let told: Vec<_> = told.into_iter().filter(|notice| *notice != Notice::NewBrowser).collect();
    assert_eq!(
        told,
        [
            Notice::FactorAdded { method: Method::Totp, name: factors::unnamed(Method::Totp).to_owned() },
            Notice::RecoveryCodesReplaced,
            Notice::RecoveryCodeUsed { left: 9 },
        ]
    );
}

/// EN-04: an approval is used up by what it opened, a phone number on the account page too.
#[tokio::test]
async fn of_many_who_share_an_approval_one_adds_a_factor_whether_a_number_or_an_app() {
    let mut scene = Scene::with(Requirement::Optional, Gated::default()).asked_for_more();
    scene.world.settings.methods = vec![Method::SmsCode, Method::Totp];
    let ann = scene.add(ANN).await;
    scene.reach(&ann, OLD).await;
    let (opened, _) = scene.enter(&anywhere()).await;
    let token = opened.token;
    let full = scene.full(&token).await;
    scene.give_address(Kind::Phone, NUMBER, &token).await.unwrap();
    let (bearer, code, caller) = (scene.bearer(&token).await, scene.last_code(), anywhere());
    let world = &scene.world;
    let mut offers = Vec::new();
    for _ in 0..64 {
        offers.push(enroll::offer(world, &bearer).await.unwrap());
    }

    let number = async || contacts::confirm(world, &full, Kind::Phone, &code, &token, &caller).await.is_ok();
    let app = async |offer: &enroll::Offer| {
        let code = offer.key.code_shown(scene.now());
        enroll::confirm(world, &bearer, &offer.sealed, &code, "", &caller).await.is_ok()
    };
    let race = offers
        .iter()
        .enumerate()
        .map(|(racer, offer)| async move { if racer % 2 == 0 { number().await } else { app(offer).await } });
    let won = join_all(race).await.into_iter().filter(|won| *won).count();

    assert_eq!(won, 1);
    let numbers = scene.addresses(&ann).await.len() - 1;
    assert_eq!(numbers + scene.world.store.totp_factors(ann.id).await.unwrap().len(), 1);
    assert_eq!(scene.world.store.account(ann.id).await.unwrap().unwrap().approval, None);
}
