//! Remembered browsers, and the word about new ones.

use super::{ANN, MINUTE, ORIGIN, PASSWORD, Phone, Requirement, STEP, Scene, anywhere, just_before};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        contact::{Address, Channel, EmailAddress},
        event::What,
        factor::Method,
        policy::{Freshness, Lack, Missing, Requirement as Demand},
        secret::Token,
        session::Level,
        user::{LoginId, User},
    },
    flows::{
        Caller,
        administer::{self, NewUser},
        challenge::answer_password,
        devices, enroll,
        factors::ChangeError,
        recovery,
        sessions::{self, Bearer},
        sign_in::{Opened, Outcome},
    },
    ports::{
        messages::{Content, Notice, OwnAct},
        store::Undo,
    },
};
use std::time::Duration;

const REMEMBERED_FOR: Duration = Duration::from_hours(30 * 24);

fn with(browser: &Token) -> Caller {
    Caller { browser: Some(browser.clone()), agent: Some("Firefox on Linux".to_owned()), ..anywhere() }
}

fn login() -> LoginId {
    LoginId::parse(ANN).unwrap()
}

impl Scene {
    /// Ann, her phone, and a browser that she has remembered.
    async fn with_remembered_browser(&self) -> (User, Phone, Token) {
        let (ann, phone) = self.add_with_phone(ANN).await;
        let browser = self.remember(&phone).await;
        (ann, phone, browser)
    }

    async fn remember(&self, phone: &Phone) -> Token {
        let caller = Caller { agent: Some("Firefox on Linux".to_owned()), ..anywhere() };
        let opened = self.sign_in(phone, &caller).await;
        devices::remember(&self.world, &opened, &caller).await.unwrap().unwrap()
    }

    /// What the right password leads to in this browser.
    async fn spared(&self, browser: &Token) -> Option<Opened> {
        match self.password(ANN, PASSWORD, &with(browser)).await.unwrap() {
            Outcome::Done(opened) => Some(opened),
            Outcome::SecondFactor(_) | Outcome::Enrol(_) | Outcome::Grace(_) => None,
        }
    }

    /// The links of the notices that were sent.
    fn links(&self) -> Vec<Token> {
        let sent = self.inbox.0.lock().unwrap();
        let links = sent.iter().filter_map(|message| match &message.content {
            Content::Notice { notice: Notice::NewBrowser, undo, .. } => undo.clone(),
            _ => None,
        });
        let prefix = format!("{ORIGIN}/not-me?link=");
        links.map(|link| Token::parse(link.strip_prefix(&prefix).unwrap()).unwrap()).collect()
    }

    async fn add_with_mail(&self, email: Option<&str>) -> Phone {
        let new = NewUser {
            login_id: login(),
            name: None,
            email: email.map(|email| EmailAddress::parse(email).unwrap()),
            phone: None,
            groups: Vec::new(),
        };
        administer::add_user(&self.world, new, Some(PASSWORD)).await.unwrap();
        let key = administer::enroll_totp(&self.world, &login()).await.unwrap();
        Phone { key, clock: std::sync::Arc::clone(&self.clock) }
    }
}

#[tokio::test]
async fn a_remembered_browser_spares_the_second_step_and_proves_nothing() {
    let scene = Scene::new();
    let (_, phone, browser) = scene.with_remembered_browser().await;
    scene.wait(MINUTE);

    let opened = scene.spared(&browser).await.unwrap();

    let session = scene.session(&opened.token).await;
    let methods: Vec<_> = session.authentications.iter().map(|proof| proof.method).collect();
    assert_eq!(methods, [Method::Password], "the assertion's `amr` and `acr` come from this list");
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
    // Whatever asks for more still asks.
    let fresh = Freshness { any: vec![Method::Totp], within: Duration::from_hours(1).into() };
    let demand = |level, fresh: Option<Freshness>| Demand { fresh: fresh.into_iter().collect(), ..Demand::at(level) };
    let lacks = |demand: &Demand| demand.missing(&session, scene.now());
    assert!(matches!(lacks(&demand(Level::Mfa, None)), Err(Lack::Some(Missing::Level { .. }))));
    assert!(matches!(lacks(&demand(Level::Login, Some(fresh))), Err(Lack::Some(Missing::Fresh { latest: None, .. }))));
    assert_eq!(lacks(&demand(Level::Login, None)), Ok(()));
    assert!(session.owes_second_step(scene.now()));
    // And is given.
    let stepped_up = scene.code(&opened.token, &phone.code(), &with(&browser)).await.unwrap();
    let session = scene.session(&stepped_up.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert!(session.spared && !session.owes_second_step(scene.now()), "it was made up for");
}

#[tokio::test]
async fn a_browser_spares_nothing_that_nobody_asks_for() {
    let mut scene = Scene::new();
    let (_, _, browser) = scene.with_remembered_browser().await;

    for (requirement, spared) in
        [(Requirement::Required, true), (Requirement::Optional, true), (Requirement::RiskBased, false)]
    {
        scene.world.settings.requirements.everybody = requirement;
        let opened = scene.spared(&browser).await.unwrap();
        assert_eq!(scene.session(&opened.token).await.spared, spared, "{requirement:?}");
    }
}

#[tokio::test]
async fn only_the_right_password_gets_that_far() {
    let scene = Scene::new();
    let (_, _, browser) = scene.with_remembered_browser().await;
    let (_, _) = scene.add_with_phone("bob").await;

    assert!(scene.password(ANN, "wrong", &with(&browser)).await.is_err());
    let bob = scene.password("bob", PASSWORD, &with(&browser)).await;
    assert!(matches!(bob, Ok(Outcome::SecondFactor(_))), "it is Ann's choice: {bob:?}");
    let elsewhere = scene.password(ANN, PASSWORD, &with(&scene.world.entropy.token())).await;
    assert!(matches!(elsewhere, Ok(Outcome::SecondFactor(_))), "{elsewhere:?}");
    assert!(scene.spared(&browser).await.is_some());
}

#[tokio::test]
async fn it_is_over_after_as_long_as_the_operator_chose() {
    let mut scene = Scene::new();
    let (ann, _, browser) = scene.with_remembered_browser().await;

    scene.wait(just_before(REMEMBERED_FOR));
    assert!(scene.spared(&browser).await.is_some());
    scene.wait(Duration::from_millis(1));
    assert!(scene.spared(&browser).await.is_none(), "its use does not lengthen it");
    assert_eq!(devices::list(&scene.world, ann.id).await.unwrap(), []);

    // Less from now on, for those that were remembered before, too.
    scene.set(super::NOON + MINUTE);
    scene.world.settings.remember = Some(MINUTE);
    assert!(scene.spared(&browser).await.is_none());
    scene.world.settings.remember = Some(2 * MINUTE);
    assert!(scene.spared(&browser).await.is_some());
    scene.world.settings.remember = None;
    assert!(scene.spared(&browser).await.is_none());
    assert_eq!(devices::list(&scene.world, ann.id).await.unwrap(), []);
    // A clock that was set back does not make it young.
    scene.world.settings.remember = Some(REMEMBERED_FOR);
    scene.set(super::NOON - MINUTE);
    assert!(scene.spared(&browser).await.is_none());
}

#[tokio::test]
async fn only_somebody_who_took_both_steps_can_choose_it() {
    let mut scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };
    assert!(devices::remember(&scene.world, &opened, &anywhere()).await.unwrap().is_none(), "a password alone");

    scene.world.settings.requirements.everybody = Requirement::Required;
    let half = scene.half(&anywhere()).await;
    let opened = Opened { token: half, browser: None };
    assert!(devices::remember(&scene.world, &opened, &anywhere()).await.unwrap().is_none(), "a half session");

    let opened = scene.sign_in(&phone, &anywhere()).await;
    let codes = recovery::generate(&scene.world, &scene.full(&opened.token).await, &anywhere()).await.unwrap();
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    let recovered = recovery::answer_recovery(&scene.world, &bearer, &codes[0].to_text(), &anywhere()).await.unwrap();
    assert!(devices::remember(&scene.world, &recovered, &anywhere()).await.unwrap().is_none(), "a lost phone");

    scene.world.settings.remember = None;
    assert!(devices::remember(&scene.world, &opened, &anywhere()).await.unwrap().is_none(), "it is switched off");
    assert_eq!(scene.world.store.devices(ann.id, super::NOON - MINUTE).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_in_the_browser_before_is_worth_nothing() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    // Somebody put this cookie there, and knows it.
    let planted = scene.world.entropy.token();

    let opened = scene.sign_in(&phone, &with(&planted)).await;
    let browser = devices::remember(&scene.world, &opened, &with(&planted)).await.unwrap().unwrap();

    assert!(scene.spared(&planted).await.is_none());
    assert!(scene.spared(&browser).await.is_some());
    let listed = devices::list(&scene.world, ann.id).await.unwrap();
    assert_eq!(listed.iter().map(|device| device.name.as_deref()).collect::<Vec<_>>(), [Some("Firefox on Linux")]);
}

#[tokio::test]
async fn every_change_to_how_one_signs_in_forgets_it() {
    for change in ["password", "disable", "reset", "revoke", "sign out", "operator", "app", "one", "all"] {
        let scene = Scene::new();
        let (ann, phone, browser) = scene.with_remembered_browser().await;
        let world = &scene.world;
        let device = devices::list(world, ann.id).await.unwrap().remove(0).id;
        match change {
            "password" => administer::set_password(world, &login(), PASSWORD).await.unwrap(),
            "disable" => {
                administer::set_disabled(world, &login(), true).await.unwrap();
                administer::set_disabled(world, &login(), false).await.unwrap();
            }
            "reset" => {
                administer::reset_mfa(world, &login()).await.unwrap();
                administer::enroll_totp(world, &login()).await.unwrap();
            }
            "revoke" => drop(administer::revoke_sessions_of(world, &login()).await.unwrap()),
            "sign out" => drop(sessions::sign_out_everywhere(world, ann.id, &anywhere()).await.unwrap()),
            "operator" => assert_eq!(administer::forget_devices(world, &login()).await.unwrap(), 1),
            "app" => drop(administer::enroll_totp(world, &login()).await.unwrap()),
            "one" => assert!(devices::forget(world, &ann, device, &anywhere()).await.unwrap()),
            _ => assert_eq!(devices::forget_all(world, &ann, &anywhere()).await.unwrap(), 1),
        }
        assert!(scene.spared(&browser).await.is_none(), "{change}");
        assert_eq!(devices::list(world, ann.id).await.unwrap(), [], "{change}");
        drop(phone);
    }
}

#[tokio::test]
async fn a_new_app_for_a_lost_one_forgets_it() {
    let scene = Scene::new();
    let (_, phone, browser) = scene.with_remembered_browser().await;
    scene.wait(STEP);
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let codes = recovery::generate(&scene.world, &scene.full(&opened.token).await, &anywhere()).await.unwrap();
    let bearer = scene.bearer(&opened.token).await;
    let recovered = recovery::answer_recovery(&scene.world, &bearer, &codes[0].to_text(), &anywhere()).await.unwrap();
    let bearer = scene.bearer(&recovered.token).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let code = offer.key.code_shown(scene.now());

    enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();

    assert!(scene.spared(&browser).await.is_none());
}

#[tokio::test]
async fn one_browser_is_remembered_by_each_of_its_users() {
    let scene = Scene::new();
    let (_, _, browser) = scene.with_remembered_browser().await;
    let (_, phone) = scene.add_with_phone("bob").await;
    let Ok(Outcome::SecondFactor(half)) = scene.password("bob", PASSWORD, &with(&browser)).await else { panic!() };
    let opened = scene.code(&half, &phone.code(), &with(&browser)).await.unwrap();

    let both = devices::remember(&scene.world, &opened, &with(&browser)).await.unwrap().unwrap();

    assert!(scene.spared(&both).await.is_some(), "Ann's");
    assert!(matches!(scene.password("bob", PASSWORD, &with(&both)).await, Ok(Outcome::Done(_))));
    assert!(scene.spared(&browser).await.is_none(), "the secret that was replaced");
}

#[tokio::test]
async fn a_sign_in_on_a_new_browser_is_told_once() {
    let scene = Scene::new();
    let phone = scene.add_with_mail(Some("ann@example.com")).await;
    let caller = Caller { agent: Some("Firefox on Linux".to_owned()), ..anywhere() };
    // That an operator handed the app out.
    scene.inbox.0.lock().unwrap().clear();

    let opened = scene.sign_in(&phone, &caller).await;

    {
        let sent = scene.inbox.0.lock().unwrap();
        assert_eq!(sent.len(), 1);
        let message = &sent[0];
        assert_eq!(message.channel, Channel::Email);
        assert!(matches!(&message.to, Address::Email(to) if to.as_str() == "ann@example.com"));
        let Content::Notice { notice: Notice::NewBrowser, login_id, asked, undo: Some(_) } = &message.content else {
            panic!("{message:?}")
        };
        assert_eq!((login_id.as_str(), asked.browser.as_deref()), (ANN, Some("Firefox on Linux")));
        assert_eq!((asked.address, asked.at), (Some(caller.address), scene.now()));
    }
    // A step-up is no sign-in, and the browser is known now.
    let bearer = scene.bearer(&opened.token).await;
    answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await.unwrap();
    scene.wait(STEP);
    scene.sign_in(&phone, &with(&opened.browser.unwrap())).await;
    assert_eq!(scene.links().len(), 1);
    // Another one is not.
    scene.wait(STEP);
    scene.sign_in(&phone, &with(&scene.world.entropy.token())).await;
    assert_eq!(scene.links().len(), 2);
}

#[tokio::test]
async fn nobody_is_told_who_has_no_address() {
    let scene = Scene::new();
    let phone = scene.add_with_mail(None).await;
    scene.sign_in(&phone, &anywhere()).await;
    assert_eq!(scene.links().len(), 0);
}

#[tokio::test]
async fn the_link_ends_that_sign_in_once_and_forgets_its_browser() {
    let scene = Scene::new();
    let phone = scene.add_with_mail(Some("ann@example.com")).await;
    let mine = scene.sign_in(&phone, &anywhere()).await;
    scene.wait(STEP);
    let thief = scene.sign_in(&phone, &anywhere()).await;
    let browser = devices::remember(&scene.world, &thief, &anywhere()).await.unwrap().unwrap();
    let link = scene.links().remove(1);

    // Mail scanners look at links.
    for _ in 0..2 {
        let undo = devices::undoable(&scene.world, &link).await.unwrap().unwrap();
        assert_eq!(undo.session, scene.session(&thief.token).await.id);
    }
    assert!(devices::undo(&scene.world, &link, &anywhere()).await.unwrap().is_some());

    assert!(super::is_nobody(&scene.bearer(&thief.token).await));
    assert!(matches!(scene.bearer(&mine.token).await, Bearer::Full(_)));
    assert!(scene.spared(&browser).await.is_none());
    assert!(devices::undo(&scene.world, &link, &anywhere()).await.unwrap().is_none(), "it works once");
    assert!(devices::undo(&scene.world, &scene.world.entropy.token(), &anywhere()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_works_for_a_week() {
    let scene = Scene::new();
    let phone = scene.add_with_mail(Some("ann@example.com")).await;
    scene.sign_in(&phone, &anywhere()).await;
    let link = scene.links().remove(0);

    scene.wait(just_before(Undo::LIFETIME));
    sessions::sweep(&scene.world).await.unwrap();
    assert!(devices::undoable(&scene.world, &link).await.unwrap().is_some());
    scene.wait(Duration::from_millis(1));
    assert!(devices::undoable(&scene.world, &link).await.unwrap().is_none());
    assert!(devices::undo(&scene.world, &link, &anywhere()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_over_is_swept() {
    let scene = Scene::new();
    let (ann, _, browser) = scene.with_remembered_browser().await;

    scene.wait(just_before(REMEMBERED_FOR));
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.world.store.devices(ann.id, super::NOON - MINUTE).await.unwrap().len(), 1);
    scene.wait(MINUTE);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.world.store.devices(ann.id, super::NOON - MINUTE).await.unwrap(), []);
    assert!(!scene.world.store.knows_browser(browser.hash(), ann.id, super::NOON - MINUTE).await.unwrap());
}

#[tokio::test]
async fn a_remembered_browser_is_renamed_by_its_owner_after_a_fresh_proof() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    devices::remember(&scene.world, &opened, &anywhere()).await.unwrap();
    let full = scene.full(&opened.token).await;
    let kept = devices::list(&scene.world, ann.id).await.unwrap().remove(0);
    let named = async || devices::list(&scene.world, ann.id).await.unwrap().remove(0).name;
    let rename = async |typed: &str| devices::rename(&scene.world, &full, kept.id, typed, &anywhere()).await;

    scene.reach(&ann, "ann@example.com").await;
    scene.inbox.0.lock().unwrap().clear();
    for typed in [" Kitchen\u{7} laptop ", "Kitchen laptop", "  "] {
        rename(typed).await.unwrap();
        assert_eq!(named().await.as_deref(), Some("Kitchen laptop"));
    }
    let to = "Kitchen laptop".to_owned();
    assert_eq!(scene.notices_sent(), [Notice::OfOwner(OwnAct::BrowserRenamed { to: to.clone() })], "told once");
    let event = scene.world.store.recent_events(ann.id, 1).await.unwrap().remove(0).what;
    assert_eq!(event, What::DeviceRenamed { from: kept.name, to });
    scene.wait(6 * MINUTE);
    let stale = rename("Mine").await;

    assert!(matches!(stale, Err(ChangeError::NeedsProof(_))), "{stale:?}");
    assert_eq!(named().await.as_deref(), Some("Kitchen laptop"));
}
