//! Several second factors, their names and order and end; and the lock.

use super::{
    ANN, MINUTE, Phone, Requirement, SECOND, STEP, Scene, anywhere,
    gated::Gated,
    passkeys::{Laptop, part},
};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::{Change, FRESH_FOR, recovered_until},
        contact::Kind,
        event::What,
        factor::{FactorId, KeyKind, Method},
        secret::Token,
        session::Level,
        user::User,
    },
    flows::{
        challenge::{ChallengeError, offered},
        contacts, devices, enroll,
        factors::{self, ChangeError, SECOND_FACTORS_MAX, SecondFactor},
        passkeys, recovery,
        sessions::{end_other, end_others, lock, others, sign_out_everywhere},
        sign_in::{Opened, Outcome},
    },
    ports::{
        messages::{Notice, OwnAct},
        store::{LastFactor, Phones, Removal},
    },
};
use std::sync::Arc;

impl Scene {
    /// Sets up one more app for whoever holds this token.
    pub(super) async fn add_app(&self, token: &Token, name: &str) -> Result<(Phone, Opened), ChangeError> {
        let bearer = self.bearer(token).await;
        let offer = enroll::offer(&self.world, &bearer).await?;
        let code = offer.key.code_shown(self.now());
        let opened = enroll::confirm(&self.world, &bearer, &offer.sealed, &code, name, &anywhere()).await?;
        Ok((Phone { key: offer.key, clock: Arc::clone(&self.clock) }, opened))
    }

    async fn factors(&self, user: &User) -> Vec<SecondFactor> {
        factors::second_factors(&self.world, user.id).await.unwrap()
    }

    async fn named(&self, user: &User, name: &str) -> FactorId {
        self.factors(user).await.into_iter().find(|factor| factor.name == name).expect(name).id
    }
}

fn is_stale<T: std::fmt::Debug>(outcome: &Result<T, ChangeError>) -> bool {
    matches!(outcome, Err(ChangeError::NeedsProof(_)))
}

#[tokio::test]
async fn each_app_spends_its_own_codes() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    scene.wait(SECOND);

    let (tablet, _) = scene.add_app(&token, "  Tablet\u{7} ").await.unwrap();

    scene.wait(STEP);
    for app in [&phone, &tablet] {
        let half = scene.half(&anywhere()).await;
        scene.code(&half, &app.code(), &anywhere()).await.unwrap();
        let again = scene.half(&anywhere()).await;
        let answer = scene.code(&again, &app.code(), &anywhere()).await;
        assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
    }
    let names: Vec<_> = scene.factors(&ann).await.into_iter().map(|factor| (factor.name, factor.used_at)).collect();
    assert_eq!(names, [("Authenticator app".to_owned(), Some(scene.now())), ("Tablet".to_owned(), Some(scene.now()))]);
}

#[tokio::test]
async fn who_has_a_passkey_adds_an_app_and_the_other_way_round() {
    let scene = Scene::new();
    let (ann, mut laptop, opened) = scene.add_with_passkey().await;

    let (phone, _) = scene.add_app(&opened.token, "").await.unwrap();

    let methods: Vec<_> = scene.factors(&ann).await.iter().map(|factor| factor.method).collect();
    assert_eq!(methods, [Method::Passkey, Method::Totp]);
    scene.wait(STEP);
    scene.sign_in(&phone, &anywhere()).await;
    let opened = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap();
    scene.make_passkey(&opened.token, &mut Laptop::new()).await.unwrap();
    assert_eq!(scene.factors(&ann).await.len(), 3);
}

#[tokio::test]
async fn every_change_takes_a_fresh_proof() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let bearer = scene.bearer(&token).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let id = scene.named(&ann, "Authenticator app").await;
    let (world, caller) = (&scene.world, anywhere());
    scene.wait(FRESH_FOR + SECOND);

    let full = scene.full(&token).await;
    let code = offer.key.code_shown(scene.now());
    assert!(is_stale(&enroll::offer(world, &bearer).await.map(drop)));
    assert!(is_stale(&enroll::confirm(world, &bearer, &offer.sealed, &code, "", &caller).await));
    assert!(is_stale(&factors::rename(world, &full, id, "x", &caller).await));
    assert!(is_stale(&factors::remove(world, &full, id, &caller).await));
    assert!(is_stale(&factors::set_primary(world, &full, id, &caller).await));
    assert!(is_stale(&end_others(world, &full, &caller).await));
    assert!(is_stale(&end_other(world, &full, full.identity.session.id, &caller).await));
    assert_eq!(scene.factors(&ann).await.len(), 1);

    scene.code(&token, &phone.code(), &caller).await.unwrap();
}

#[tokio::test]
async fn one_account_has_ten_second_factors_at_most() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let mut token = scene.sign_in(&phone, &anywhere()).await.token;
    while scene.factors(&ann).await.len() < SECOND_FACTORS_MAX {
        token = scene.add_app(&token, "").await.unwrap().1.token;
    }

    let one_more = scene.add_app(&token, "").await.map(drop);
    assert!(matches!(one_more, Err(ChangeError::TooMany)), "{one_more:?}");
    let passkey = scene.make_passkey(&token, &mut Laptop::new()).await;
    assert!(matches!(passkey, Err(ChangeError::TooMany)), "{passkey:?}");
}

#[tokio::test]
async fn apps_are_set_up_only_where_the_operator_wants_them() {
    let mut scene = Scene::new();
    scene.world.settings.methods = vec![Method::Passkey];
    scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;

    let unwanted = scene.add_app(&half, "").await.map(drop);

    assert!(matches!(unwanted, Err(ChangeError::NotOffered)), "{unwanted:?}");
}

#[tokio::test]
async fn of_two_first_passkeys_at_once_one_counts() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let ann = scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    let mut made = Vec::new();
    for _ in 0..2 {
        let asked =
            passkeys::begin_enrolment(&scene.world, &bearer, KeyKind::Passkey, &half, &anywhere()).await.unwrap();
        made.push((asked.token.to_text(), Laptop::new().make(&asked.options, super::ORIGIN).to_string()));
    }
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let (code, caller) = (offer.key.code_shown(scene.now()), anywhere());

    let confirm = |at: usize| {
        let (token, credential) = &made[at];
        passkeys::enroll(&scene.world, &bearer, KeyKind::Passkey, part(token, credential, &half), "", &caller)
    };
    let app = enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &caller);
    let (one, other, app) = tokio::join!(confirm(0), confirm(1), app);

    assert_eq!([one, other, app].iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(scene.factors(&ann).await.len(), 1);
    assert_eq!(scene.world.store.account(ann.id).await.unwrap().unwrap().approval, None);
}

#[tokio::test]
async fn the_last_second_factor_of_any_kind_stays_where_one_is_required() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (ann, _, opened) = scene.add_with_passkey().await;
    let (_, opened) = scene.add_app(&opened.token, "Phone").await.unwrap();
    let (full, caller) = (scene.full(&opened.token).await, anywhere());
    let (laptop, phone) = (scene.named(&ann, "Laptop").await, scene.named(&ann, "Phone").await);

    let (one, other) = tokio::join!(
        factors::remove(&scene.world, &full, laptop, &caller),
        factors::remove(&scene.world, &full, phone, &caller)
    );

    let kept: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    // Whoever comes second may find that the strongest factor is another one now; either way it stays.
    assert!(matches!(kept[..], [ChangeError::Kept | ChangeError::NeedsProof(_)]), "{kept:?}");
    assert_eq!(scene.factors(&ann).await.len(), 1);
}

#[tokio::test]
async fn where_none_is_required_the_last_one_may_go_and_signs_nobody_in() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
    let id = scene.named(&ann, "Authenticator app").await;

    factors::remove(&scene.world, &full, id, &anywhere()).await.unwrap();

    assert!(matches!(scene.password(ANN, super::PASSWORD, &anywhere()).await, Ok(Outcome::Done(_))));
    let again = factors::remove(&scene.world, &full, id, &anywhere()).await;
    assert!(again.is_err(), "{again:?}");
}

/// What stood in for the app goes with it: it would open nothing, and close everything.
#[tokio::test]
async fn recovery_codes_go_with_the_last_second_factor_and_the_password_opens_changes() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
    recovery::generate(&scene.world, &full, &anywhere()).await.unwrap();
    let id = scene.named(&ann, "Authenticator app").await;

    factors::remove(&scene.world, &full, id, &anywhere()).await.unwrap();

    assert_eq!(recovery::left(&scene.world, ann.id).await.unwrap(), 0);
    let Ok(Outcome::Done(opened)) = scene.password(ANN, super::PASSWORD, &anywhere()).await else { panic!() };
    let full = scene.full(&opened.token).await;
    for change in [Change::Factors, Change::Account] {
        assert_eq!(factors::missing_for_change(&scene.world, &full, change).await.unwrap(), None);
    }
    scene.add_app(&opened.token, "Phone").await.unwrap();
}

/// An app may go where a phone is left that codes go to, and where they don't it stays.
#[tokio::test]
async fn a_phone_is_a_second_factor_that_may_be_left() {
    for (methods, country, goes) in [
        (&[Method::SmsCode][..], "+442079460123", true),
        (&[Method::EmailCode], "+442079460123", false),
        (&[Method::SmsCode], "+19005550123", false),
    ] {
        let scene = Scene::offering(methods);
        let (ann, phone) = scene.add_with_phone(ANN).await;
        scene.reach(&ann, "ann@example.com").await;
        scene.reach(&ann, country).await;
        let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
        let id = scene.named(&ann, "Authenticator app").await;
        assert_eq!(factors::last_stays(&scene.world, &ann).await.unwrap(), !goes, "{methods:?} {country}");

        let removed = factors::remove(&scene.world, &full, id, &anywhere()).await;

        assert_eq!(removed.is_ok(), goes, "{methods:?} {country}: {removed:?}");
        if goes {
            let number = contacts::remove(&scene.world, &full, Kind::Phone, &anywhere()).await;
            assert!(number.is_err(), "it is the last now");
        }
    }
}

#[tokio::test]
async fn nobody_touches_the_factors_of_somebody_else() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let (bob, _) = scene.add_with_phone("bob").await;
    let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
    let bobs = scene.named(&bob, "Authenticator app").await;
    let (world, caller) = (&scene.world, anywhere());

    for outcome in [
        factors::rename(world, &full, bobs, "mine", &caller).await,
        factors::remove(world, &full, bobs, &caller).await,
        factors::set_primary(world, &full, bobs, &caller).await,
    ] {
        assert!(matches!(outcome, Err(ChangeError::Unknown)), "{outcome:?}");
    }
    assert_eq!(scene.factors(&bob).await[0].name, "Authenticator app");
}

#[tokio::test]
async fn a_new_name_is_kept_and_an_empty_one_says_what_it_is() {
    let scene = Scene::new();
    let (ann, _, opened) = scene.add_with_passkey().await;
    let full = scene.full(&opened.token).await;
    let id = scene.named(&ann, "Laptop").await;

    for (typed, name) in [(" Büro\n", "Büro"), ("", "Passkey"), (&"x".repeat(99), &"x".repeat(60))] {
        factors::rename(&scene.world, &full, id, typed, &anywhere()).await.unwrap();
        assert_eq!(scene.factors(&ann).await[0].name, name);
    }
}

#[tokio::test]
async fn what_somebody_chose_is_asked_for_first_while_they_have_it() {
    let scene = Scene::new();
    let (ann, _, opened) = scene.add_with_passkey().await;
    let (_, opened) = scene.add_app(&opened.token, "Phone").await.unwrap();
    let full = scene.full(&opened.token).await;
    let phone = scene.named(&ann, "Phone").await;
    let order = async || offered(&scene.world, ann.id).await.unwrap();
    assert_eq!(order().await, [Method::Passkey, Method::Totp, Method::Password], "the strongest first");

    factors::set_primary(&scene.world, &full, phone, &anywhere()).await.unwrap();
    assert_eq!(order().await, [Method::Totp, Method::Passkey, Method::Password]);
    // It is an order and nothing else: a change still takes the strongest.
    scene.wait(FRESH_FOR + SECOND);
    assert!(is_stale(&factors::remove(&scene.world, &full, phone, &anywhere()).await));

    let removal = Removal { user: ann.id, id: phone, last: LastFactor::MayGo, phones: Phones::Count };
    assert!(scene.world.store.remove_factor(removal).await.unwrap());
    assert_eq!(order().await, [Method::Passkey, Method::Password]);
}

#[tokio::test]
async fn a_lock_ends_what_is_fresh_and_nothing_else() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let full = scene.full(&opened.token).await;
    let half = scene.half(&anywhere()).await;
    let codes = recovery::generate(&scene.world, &full, &anywhere()).await.unwrap();

    lock(&scene.world, &full, &anywhere()).await.unwrap();

    let full = scene.full(&opened.token).await;
    assert_eq!(Level::reached(&full.identity.session.authentications, scene.now()), Some(Level::Mfa));
    assert!(factors::missing_for_change(&scene.world, &full, Change::Account).await.unwrap().is_some());
    let stale = recovery::generate(&scene.world, &full, &anywhere()).await;
    assert!(matches!(stale, Err(recovery::GenerateError::NeedsProof(_))), "{stale:?}");
    // A recovery code that was used before it opens no change either.
    let bearer = scene.bearer(&half).await;
    let recovered = recovery::answer_recovery(&scene.world, &bearer, &codes[0].to_text(), &anywhere()).await.unwrap();
    let recovered = scene.full(&recovered.token).await;
    lock(&scene.world, &recovered, &anywhere()).await.unwrap();
    let token = full.token;
    assert_eq!(scene.world.store.identity(token).await.unwrap().unwrap().session.locked_at, Some(scene.now()));
    let session = &scene.world.store.identity(recovered.token).await.unwrap().unwrap().session;
    assert_eq!(recovered_until(session, scene.now()), None);

    scene.wait(STEP);
    let opened = scene.code(&opened.token, &phone.code(), &anywhere()).await.unwrap();
    let full = scene.full(&opened.token).await;
    assert_eq!(factors::missing_for_change(&scene.world, &full, Change::Account).await.unwrap(), None, "proven since");
    assert_eq!(full.identity.user.id, ann.id);
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let (_, bobs) = scene.add_with_phone("bob").await;
    let mut tokens = Vec::new();
    for browser in ["Firefox on Linux", "Safari on iPhone", "Chrome on Windows"] {
        let caller = crate::flows::Caller { agent: Some(browser.to_owned()), ..super::from("192.0.2.7") };
        tokens.push(scene.sign_in(&phone, &caller).await.token);
        scene.wait(STEP);
    }
    let Ok(Outcome::SecondFactor(half)) = scene.password("bob", super::PASSWORD, &anywhere()).await else { panic!() };
    let bob = scene.code(&half, &bobs.code(), &anywhere()).await.unwrap().token;
    let full = scene.full(&tokens[2]).await;

    let listed = others(&scene.world, &full).await.unwrap();
    let browsers: Vec<_> = listed.iter().map(|session| session.place.browser.as_deref().unwrap()).collect();
    assert_eq!(browsers, ["Safari on iPhone", "Firefox on Linux"]);
    assert_eq!(listed[0].place.address.unwrap().to_string(), "192.0.2.7");

    let bobs = scene.session(&bob).await.id;
    assert!(!end_other(&scene.world, &full, bobs, &anywhere()).await.unwrap(), "somebody else's");
    assert!(!end_other(&scene.world, &full, full.identity.session.id, &anywhere()).await.unwrap(), "this one");
    assert!(end_other(&scene.world, &full, listed[0].id, &anywhere()).await.unwrap());
    assert!(super::is_nobody(&scene.bearer(&tokens[1]).await));

    let half = scene.half(&anywhere()).await;
    assert_eq!(end_others(&scene.world, &full, &anywhere()).await.unwrap(), 1);
    assert!(super::is_nobody(&scene.bearer(&tokens[0]).await));
    assert!(super::is_nobody(&scene.bearer(&half).await), "half sessions too");
    scene.session(&tokens[2]).await;
    scene.session(&bob).await;

    scene.wait(10 * MINUTE);
    let events = scene.world.store.recent_events(full.identity.user.id, 2).await.unwrap();
    assert!(events.iter().all(|event| event.what == What::SessionsEnded { count: 1 }), "{events:?}");
}

#[tokio::test]
async fn whatever_changes_is_told_once_and_what_changes_nothing_is_not() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, "ann@example.com").await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(scene.sign_in(&phone, &anywhere()).await.token);
        scene.wait(STEP);
    }
    let (full, caller) = (scene.full(&tokens[3]).await, anywhere());
    let id = scene.named(&ann, "Authenticator app").await;
    let remembered =
        devices::remember(&scene.world, &Opened { token: tokens[3].clone(), browser: None }, &caller).await;
    assert!(remembered.unwrap().is_some());
    let others = others(&scene.world, &full).await.unwrap();
    let world = &scene.world;
    scene.inbox.0.lock().unwrap().clear();

    for _ in 0..2 {
        factors::rename(world, &full, id, "Phone", &caller).await.unwrap();
        end_other(world, &full, others[0].id, &caller).await.unwrap();
        devices::forget_all(world, &ann, &caller).await.unwrap();
        end_others(world, &full, &caller).await.unwrap();
    }
    factors::set_primary(world, &full, id, &caller).await.unwrap();
    sign_out_everywhere(world, ann.id, &caller).await.unwrap();

    let (method, app) = (Method::Totp, "Authenticator app".to_owned());
    assert_eq!(
        scene.notices_sent(),
        [
            Notice::OfOwner(OwnAct::FactorRenamed { method, from: app, to: "Phone".to_owned() }),
            Notice::OfOwner(OwnAct::SessionsEnded { count: 1 }),
            Notice::OfOwner(OwnAct::BrowsersForgotten { count: 1 }),
            Notice::OfOwner(OwnAct::SessionsEnded { count: 2 }),
            Notice::OfOwner(OwnAct::FactorFirst { method, name: "Phone".to_owned() }),
        ],
        "and to sign out of one's only browser is no news"
    );
}
