//! What is written down.

use super::{
    ANN, MINUTE, PASSWORD, Requirement, STEP, Scene, anywhere, from,
    gated::{Gate, Gated},
    passkeys::Laptop,
};
use crate::{
    domain::{
        contact::Kind,
        enrolment::Inviter,
        event::{KEPT_FOR, What},
        factor::Method,
        throttle::ACCOUNT,
        user::{LoginId, User},
    },
    flows::{administer::NewUser, codes, contacts, devices, enroll, factors, password, recovery, sessions, sign_up},
    ports::{
        messages::{Content, Notice},
        store::OtherSessions,
    },
};
use std::sync::Arc;

impl Scene {
    /// What happened to somebody, the earliest first; but for what operators did.
    async fn happened(&self, user: &User) -> Vec<What> {
        let mut events = self.world.store.recent_events(user.id, 100).await.unwrap();
        events.reverse();
        events.into_iter().map(|event| event.what).filter(|what| !matches!(what, What::Operator(_))).collect()
    }

    /// The last token that was mailed in a link.
    fn last_link(&self) -> crate::domain::secret::Token {
        let sent = self.inbox.0.lock().unwrap();
        let url = sent.iter().rev().find_map(|message| match &message.content {
            Content::Link { url, .. } => Some(url.clone()),
            Content::Notice { notice: Notice::NewBrowser, undo, .. } => undo.clone(),
            _ => None,
        });
        crate::domain::secret::Token::parse(url.unwrap().rsplit_once('=').unwrap().1).unwrap()
    }
}

/// What was written down of nobody.
fn of_nobody(gate: &Gate) -> Vec<What> {
    let events = gate.events.lock().unwrap();
    events.iter().filter(|event| event.user.is_none()).map(|event| event.what.clone()).collect()
}

/// LO-01: what is sent, remembered and ended is written down, too.
#[tokio::test]
async fn what_is_sent_remembered_and_ended_is_written_down() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let (world, caller) = (&scene.world, anywhere());
    scene.reach(&ann, "ann@example.com").await;
    let opened = scene.sign_in(&phone, &caller).await;
    let link = scene.last_link();
    devices::remember(world, &opened, &caller).await.unwrap().unwrap();
    let bearer = scene.bearer(&opened.token).await;
    codes::send(world, &bearer, Method::EmailCode, None, &opened.token, &caller).await.unwrap();
    let full = scene.full(&opened.token).await;
    contacts::begin(world, &full, Kind::Email, "ann@example.org", &opened.token, &caller).await.unwrap();
    assert_eq!(devices::forget_all(world, &ann, &caller).await.unwrap(), 1);
    assert_eq!(devices::forget_all(world, &ann, &caller).await.unwrap(), 0, "of nothing nothing is written");
    password::request_reset(world, ANN, None, &caller).await.unwrap();
    devices::undo(world, &link, &caller).await.unwrap().unwrap();
    scene.wait(STEP);
    let opened = scene.sign_in(&phone, &caller).await;
    for _ in 0..2 {
        sessions::sign_out(world, &opened.token, &caller).await.unwrap();
    }

    assert_eq!(
        scene.happened(&ann).await,
        [
            What::SignedIn { method: Method::Totp },
            What::DeviceRemembered,
            What::CodeSent { method: Method::EmailCode },
            What::CodeSent { method: Method::EmailCode },
            What::DevicesForgotten { count: 1 },
            What::ResetRequested,
            What::SignInDisowned,
            What::SignedIn { method: Method::Totp },
            What::SignedOut,
        ]
    );
}

/// LO-01: how an account began.
#[tokio::test]
async fn an_account_says_on_whose_word_it_was_made() {
    let scene = Scene::new();
    for (name, inviter) in [("ann@mail.example", Inviter::Operator), ("bob@mail.example", Inviter::Oneself)] {
        let login_id = LoginId::parse(name).unwrap();
        match inviter {
            Inviter::Operator => {
                let groups = Vec::new();
                let new = NewUser { login_id: login_id.clone(), name: None, email: None, phone: None, groups };
                drop(sign_up::invite(&scene.world, new).await.unwrap());
            }
            Inviter::Oneself => sign_up::request(&scene.world, name, None, &anywhere()).await.unwrap(),
        }
        let token = scene.last_link().to_text();
        let _ = sign_up::redeem(&scene.world, &token, "", PASSWORD, &anywhere()).await.unwrap();

        let account = scene.world.store.account_by_login(&login_id).await.unwrap().unwrap();
        assert_eq!(scene.happened(&account.user).await.first(), Some(&What::Joined { inviter }));
    }
}

/// LO-01: wrong answers where something is changed are wrong tries like any other.
#[tokio::test]
async fn wrong_tries_at_a_change_are_written_down() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let (world, full, bearer) = (&scene.world, scene.full(&opened.token).await, scene.bearer(&opened.token).await);
    let before = scene.happened(&ann).await.len();

    let changed = password::update(world, &full, "wrong", "a new long password", OtherSessions::End, &anywhere()).await;
    changed.unwrap_err();
    let offer = enroll::offer(world, &bearer).await.unwrap();
    let wrong = offer.key.code_shown(scene.now() + 10 * MINUTE);
    enroll::confirm(world, &bearer, &offer.sealed, &wrong, "", &anywhere()).await.unwrap_err();

    let wrong = [Method::Password, Method::Totp].map(|method| What::WrongTry { method });
    assert_eq!(scene.happened(&ann).await[before..], wrong);
}

/// LO-01: that tries are refused is written down once for each time, however many are.
#[tokio::test]
async fn a_budget_that_closes_is_written_down_once() {
    let gated = Gated::default();
    let gate = Arc::clone(&gated.gate);
    let scene = Scene::with(Requirement::Required, gated);
    let ann = scene.add(ANN).await;
    let refused = What::TriesRefused { method: Method::Password };
    let closings = async || {
        let of_ann = scene.happened(&ann).await.into_iter().filter(|what| *what == refused).count();
        (of_ann, of_nobody(&gate).into_iter().filter(|what| *what == refused).count())
    };
    for name in [ANN, "nobody"] {
        for _ in 0..ACCOUNT.free + 5 {
            let _ = scene.password(name, "wrong", &anywhere()).await;
        }
    }
    assert_eq!(closings().await, (1, 1), "a name that nobody has costs the same write");

    for _ in 0..2 {
        scene.wait(ACCOUNT.delay_max);
        for _ in 0..5 {
            let _ = scene.password(ANN, "wrong", &anywhere()).await;
        }
    }
    assert_eq!(closings().await, (3, 1));
}

/// LO-01: what nobody knows is written down as nobody's.
#[tokio::test]
async fn a_passkey_that_nobody_knows_and_a_link_for_nobody_are_nobodys() {
    let gated = Gated::default();
    let gate = Arc::clone(&gated.gate);
    let scene = Scene::with(Requirement::Required, gated);
    let (ann, mut laptop, opened) = scene.add_with_passkey().await;
    let id = factors::second_factors(&scene.world, ann.id).await.unwrap()[0].id;
    let opened = scene.make_passkey(&opened.token, &mut Laptop::new()).await.unwrap();
    factors::remove(&scene.world, &scene.full(&opened.token).await, id, &anywhere()).await.unwrap();

    scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap_err();
    password::request_reset(&scene.world, "nobody", None, &anywhere()).await.unwrap();

    assert_eq!(of_nobody(&gate), [What::WrongTry { method: Method::Passkey }, What::ResetRequested]);
}

#[tokio::test]
async fn what_somebody_does_to_their_account_is_written_down() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let (world, caller) = (&scene.world, anywhere());
    let app = || "Authenticator app".to_owned();
    let opened = scene.sign_in(&phone, &caller).await;
    scene.wait(STEP);
    let opened = scene.code(&opened.token, &phone.code(), &caller).await.unwrap();
    let full = scene.full(&opened.token).await;
    let codes = recovery::generate(world, &full, &caller).await.unwrap();
    let id = factors::second_factors(world, ann.id).await.unwrap()[0].id;
    factors::rename(world, &full, id, "Phone", &caller).await.unwrap();
    factors::set_primary(world, &full, id, &caller).await.unwrap();
    let opened = scene.make_passkey(&opened.token, &mut Laptop::new()).await.unwrap();
    let full = scene.full(&opened.token).await;
    factors::remove(world, &full, id, &caller).await.unwrap();
    sessions::lock(world, &full, &caller).await.unwrap();
    let half = scene.half(&caller).await;
    recovery::answer_recovery(world, &scene.bearer(&half).await, &codes[0].to_text(), &caller).await.unwrap();
    sessions::sign_out_everywhere(world, ann.id, &caller).await.unwrap();

    let (totp, passkey, phone) = (Method::Totp, Method::Passkey, || "Phone".to_owned());
    assert_eq!(
        scene.happened(&ann).await,
        [
            What::SignedIn { method: totp },
            What::SteppedUp { method: totp },
            What::RecoveryCodesReplaced,
            What::FactorRenamed { method: totp, from: app(), to: phone() },
            What::PrimaryChosen { method: totp, name: phone() },
            What::FactorAdded { method: passkey, name: "Laptop".to_owned() },
            What::SteppedUp { method: passkey },
            What::FactorRemoved { method: totp, name: phone() },
            What::Locked,
            What::RecoveryCodeUsed { left: 9 },
            What::SignedIn { method: Method::RecoveryCode },
            What::SessionsEnded { count: 2 },
        ]
    );
}

#[tokio::test]
async fn wrong_tries_are_written_down_with_their_place_and_those_on_nobody_are_nobodys() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let stranger = from("203.0.113.9");
    let _ = scene.password(ANN, "wrong", &stranger).await;
    let _ = scene.password("nobody", "wrong", &stranger).await;
    let half = scene.half(&stranger).await;
    let _ = scene.code(&half, &phone.wrong_code(), &stranger).await;
    let _ = scene.code(&half, "a slip", &stranger).await;
    let bearer = scene.bearer(&half).await;
    let _ = recovery::answer_recovery(&scene.world, &bearer, "0000-0000-0000-0000", &stranger).await;

    let wrong = |method| What::WrongTry { method };
    assert_eq!(scene.happened(&ann).await, [Method::Password, Method::Totp, Method::RecoveryCode].map(wrong));
    let events = scene.world.store.recent_events(ann.id, 1).await.unwrap();
    let place = &events[0].place;
    assert_eq!(place.browser.as_deref(), Some("Firefox on Linux"));
    assert_eq!(place.address, Some(stranger.address));
}

#[tokio::test]
async fn a_stranger_writes_nothing_into_a_list_with_a_passkey_of_their_own_making() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let bob = scene.add("bob").await;
    let before = scene.happened(&bob).await;

    // Ann's passkey, which claims to be Bob's.
    scene.sign_in_with_passkey(&mut laptop, &bob).await.unwrap_err();

    assert_eq!(scene.happened(&bob).await, before);
    assert_eq!(scene.happened(&ann).await.last(), Some(&What::SignedIn { method: Method::Passkey }));
}

#[tokio::test]
async fn events_are_forgotten_after_ninety_days() {
    let scene = Scene::new();
    let (ann, _) = scene.add_with_phone(ANN).await;
    let _ = scene.password(ANN, "wrong", &anywhere()).await;

    scene.wait(KEPT_FOR);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.happened(&ann).await.len(), 1);
    scene.wait(STEP);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.happened(&ann).await, []);
    // The password is none the better for it.
    scene.half(&anywhere()).await;
    assert!(scene.password(ANN, PASSWORD, &anywhere()).await.is_ok());
}
