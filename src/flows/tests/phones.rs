//! Setting up a phone, in the middle of a sign-in too.

use super::{ANN, MINUTE, PASSWORD, Requirement, Scene, anywhere, codes::other_than, gated::Gated};
use crate::{
    domain::{contact::Kind, enrolment::FirstFactor, factor::Method, secret::Token, session::Level, user::User},
    flows::{
        administer::ENROL_WITHIN,
        challenge::{ChallengeError, held},
        codes::SendError,
        enroll,
        factors::{ChangeError, may_add},
        phones::{self, PhoneError},
        sign_in::{Opened, Outcome},
    },
    ports::messages::{Content, Notice},
};
use std::sync::Arc;

const MAIL: &str = "ann@example.com";
const NUMBER: &str = "+44 20 7946 0123";

impl Scene {
    /// A house that requires a second step and offers text messages for it, and Ann, who has a mailbox.
    async fn house_of_phones() -> (Self, User) {
        let mut scene = Self::with(Requirement::Required, Gated::default());
        scene.world.settings.methods = vec![Method::SmsCode];
        let ann = scene.add(ANN).await;
        scene.reach(&ann, MAIL).await;
        (scene, ann)
    }

    async fn give_number(&self, token: &Token, number: &str) -> Result<(), PhoneError> {
        let bearer = self.bearer(token).await;
        phones::begin(&self.world, &bearer, Method::SmsCode, number, token, &anywhere()).await
    }

    async fn confirm_number(&self, token: &Token, code: &str) -> Result<Opened, PhoneError> {
        let bearer = self.bearer(token).await;
        phones::confirm(&self.world, &bearer, Method::SmsCode, code, token, &anywhere()).await
    }
}

fn is_refused<T: std::fmt::Debug>(outcome: &Result<T, PhoneError>, by: fn(&ChangeError) -> bool) -> bool {
    matches!(outcome, Err(PhoneError::Change(error)) if by(error))
}

#[tokio::test]
async fn a_phone_is_the_first_second_step_of_a_sign_in_that_owes_one() {
    let (scene, ann) = Scene::house_of_phones().await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    assert_eq!(enroll::enrollable(&scene.world, &bearer).await.unwrap(), [Method::SmsCode]);

    scene.give_number(&half, NUMBER).await.unwrap();
    let code = scene.last_code();
    let wrong = other_than(&code);
    let answer = scene.confirm_number(&half, wrong).await;
    assert!(is_refused(&answer, |error| matches!(error, ChangeError::Challenge(ChallengeError::Wrong))), "{answer:?}");
    let opened = scene.confirm_number(&half, &code).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert_eq!(held(&scene.world, ann.id).await.unwrap(), [Method::SmsCode, Method::Password]);
    assert_eq!(scene.world.store.account(ann.id).await.unwrap().unwrap().approval, None, "the day is used up");
    let told: Vec<_> = {
        let sent = scene.inbox.0.lock().unwrap();
        let changed = sent.iter().filter(|message| {
            matches!(&message.content, Content::Notice { notice: Notice::ContactChanged { to: Some(_) }, .. })
        });
        changed.map(|message| message.to.as_str().to_owned()).collect()
    };
    assert_eq!(told, [MAIL, "+442079460123"]);
    assert!(matches!(scene.password(ANN, PASSWORD, &anywhere()).await, Ok(Outcome::SecondFactor(_))));
}

#[tokio::test]
async fn a_phone_comes_after_a_mailbox_and_takes_what_any_first_factor_takes() {
    let (mut scene, ann) = Scene::house_of_phones().await;
    scene.wait(ENROL_WITHIN);
    scene.world.settings.grace = Some(ENROL_WITHIN);
    let Ok(Outcome::Grace(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!("no grace") };
    let begun = scene.give_number(&opened.token, NUMBER).await;
    assert!(is_refused(&begun, |error| matches!(error, ChangeError::NeedsOperator)), "{begun:?}");
    scene.world.settings.first_factor = FirstFactor::Mailbox;
    let begun = scene.give_number(&opened.token, NUMBER).await;
    assert!(is_refused(&begun, |error| matches!(error, ChangeError::NeedsMailbox)), "{begun:?}");

    let mail = scene.world.store.contacts(ann.id).await.unwrap().remove(0);
    assert_eq!(mail.address.kind(), Kind::Email);
    scene.unreach(&mail).await;
    scene.world.store.set_enrol_until(ann.id, Some(scene.now() + MINUTE)).await.unwrap();
    let begun = scene.give_number(&opened.token, NUMBER).await;
    assert!(is_refused(&begun, |error| matches!(error, ChangeError::EmailFirst)), "{begun:?}");
    assert_eq!(scene.messages(), 0);
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_no_number_or_not_reached_and_no_mailbox_is_set_up_so() {
    let (scene, _) = Scene::house_of_phones().await;
    let half = scene.half(&anywhere()).await;

    assert!(matches!(scene.give_number(&half, "020 7946").await, Err(PhoneError::NotAnAddress(_))));
    let abroad = scene.give_number(&half, "+1 202 555 0100").await;
    assert!(matches!(abroad, Err(PhoneError::Send(SendError::Country))), "{abroad:?}");
    let nothing_out = scene.confirm_number(&half, "000000").await;
    assert!(is_refused(&nothing_out, |error| matches!(error, ChangeError::Challenge(ChallengeError::Over))));
    for method in [Method::EmailCode, Method::VoiceCode] {
        let refused = may_add(&scene.world, &scene.bearer(&half).await, method).await;
        assert!(matches!(refused, Err(ChangeError::NotOffered)), "{method}: {refused:?}");
    }
}

#[tokio::test]
async fn a_number_counts_by_a_right_code_or_not_at_all() {
    for number in 1.. {
        let store = Gated::default();
        let gate = Arc::clone(&store.gate);
        let mut scene = Scene::with(Requirement::Required, store);
        scene.world.settings.methods = vec![Method::SmsCode];
        let ann = scene.add(ANN).await;
        scene.reach(&ann, MAIL).await;
        let half = scene.half(&anywhere()).await;
        scene.give_number(&half, NUMBER).await.unwrap();
        let (bearer, code) = (scene.bearer(&half).await, scene.last_code());

        gate.fail(number);
        let answer = phones::confirm(&scene.world, &bearer, Method::SmsCode, &code, &half, &anywhere()).await;

        if !gate.heal() {
            assert!(answer.is_ok(), "{answer:?}");
            break;
        }
        assert!(answer.is_err(), "call {number}: {answer:?}");
        let is_signed_in = matches!(scene.bearer(&half).await, crate::flows::sessions::Bearer::Full(_));
        assert!(!is_signed_in, "call {number}");
    }
}
