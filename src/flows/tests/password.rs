//! Passwords: what may be chosen, and what changing and resetting one does to everything else.

use super::{
    ANN, BREACHED, GUESSABLE, MINUTE, ORIGIN, OUTDATED, PASSWORD, Phone, STEP, Scene, anywhere, from, gated::Gated,
    is_nobody, just_before,
};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::FRESH_FOR,
        contact::{Address, Contact, EmailAddress},
        enrolment::Requirement,
        factor::Method,
        password::Refusal,
        policy::Missing,
        secret::Token,
        session::Level,
        throttle::{LINKS, LINKS_BY_ADDRESS, SENDS},
        user::{LoginId, User},
    },
    flows::{
        Caller,
        administer::{self, AdministerError, NewUser},
        password::{PasswordError, Unfit, owner_of_link, request_reset, reset, update},
        sessions::{Bearer, sweep},
        sign_in::{Outcome, SignInError},
    },
    ports::{
        messages::{Content, LinkPurpose, Message, Notice, OperatorAct},
        store::{OtherSessions, PasswordReset},
    },
};
use futures_util::future::join_all;

pub(super) const NEW: &str = "otters under quiet ice";
const MAILBOX: &str = "ann@mail.example";

impl Scene {
    /// Ann, whose e-mail address is known.
    pub(super) async fn ann_with_mailbox(&self) -> User {
        self.person(ANN, Some(MAILBOX)).await
    }

    async fn person(&self, name: &str, email: Option<&str>) -> User {
        let login_id = LoginId::parse(name).unwrap();
        let new = NewUser {
            login_id,
            name: None,
            email: email.map(|email| EmailAddress::parse(email).unwrap()),
            phone: None,
            groups: Vec::new(),
        };
        administer::add_user(&self.world, new, Some(PASSWORD)).await.unwrap()
    }

    async fn phone_of(&self, user: &User) -> Phone {
        let key = administer::enroll_totp(&self.world, &user.login_id).await.unwrap();
        Phone { key, clock: self.clock.clone() }
    }

    pub(super) async fn forgot(&self, name: &str) {
        request_reset(&self.world, name, None, &anywhere()).await.unwrap();
    }

    /// What was sent since the last look, but for word of new browsers and of apps that operators handed out.
    fn mail(&self) -> Vec<Message> {
        let mail = std::mem::take(&mut *self.inbox.0.lock().unwrap());
        let is_other = |message: &Message| {
            matches!(
                &message.content,
                Content::Notice {
                    notice: Notice::NewBrowser | Notice::OfOperator(OperatorAct::AppHandedOut { .. }),
                    ..
                }
            )
        };
        mail.into_iter().filter(|message| !is_other(message)).collect()
    }

    /// The token of the one link that was mailed.
    pub(super) fn mailed_token(&self) -> String {
        let mail = self.mail();
        let [Message { to: Address::Email(to), content: Content::Link { url, purpose, lifetime, .. }, .. }] = &mail[..]
        else {
            panic!("{} messages", mail.len())
        };
        assert_eq!((to.as_str(), *purpose, *lifetime), (MAILBOX, LinkPurpose::ResetPassword, PasswordReset::LIFETIME));
        url.strip_prefix(&format!("{ORIGIN}/reset?token=")).unwrap().to_owned()
    }

    fn told(&self) -> Vec<Notice> {
        let notice = |message: Message| match message.content {
            Content::Notice { notice, login_id, .. } => {
                assert_eq!(login_id, ANN);
                Some(notice)
            }
            _ => None,
        };
        self.mail().into_iter().filter_map(notice).collect()
    }

    async fn change(&self, token: &Token, present: &str, new: &str) -> Result<Token, PasswordError> {
        let full = self.full(token).await;
        let changed = update(&self.world, &full, present, new, OtherSessions::End, &anywhere()).await?;
        Ok(changed.opened.token)
    }

    pub(super) async fn opens(&self, password: &str) -> bool {
        match self.password(ANN, password, &anywhere()).await {
            Ok(_) => true,
            Err(SignInError::Mismatch) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn an_operators_password_is_judged_like_any_other() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    for (typed, expected) in [
        ("zq7-wx1", Refusal::TooShort { chars_min: 8 }),
        (&"x".repeat(1025), Refusal::TooLong),
        ("iloveyou1", Refusal::Common),
        ("Payroll-ann-1", Refusal::Personal),
        (GUESSABLE, Refusal::Guessable),
        (BREACHED, Refusal::Breached),
    ] {
        let refused = administer::set_password(&scene.world, &ann.login_id, typed).await;
        assert!(
            matches!(&refused, Err(AdministerError::Unfit(Unfit::Refused(refusal))) if *refusal == expected),
            "{refused:?}"
        );
    }
    assert!(scene.opens(PASSWORD).await);
}

#[tokio::test]
async fn a_password_that_may_stand_alone_is_longer() {
    for (requirement, accepted) in
        [(Requirement::Required, true), (Requirement::Optional, false), (Requirement::Disabled, false)]
    {
        let scene = Scene::with(requirement, MemoryStore::default());
        let ann = scene.add(ANN).await;

        let set = administer::set_password(&scene.world, &ann.login_id, "zq7-wx1k-pl4-v").await;

        assert_eq!(set.is_ok(), accepted, "{requirement:?}");
    }
}

#[tokio::test]
async fn a_change_takes_the_present_password_and_a_fresh_second_factor() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    let wrong = scene.change(&token, "not it", NEW).await;
    assert!(matches!(wrong, Err(PasswordError::Wrong)), "{wrong:?}");
    let refused = scene.change(&token, PASSWORD, "short").await;
    assert!(matches!(refused, Err(PasswordError::Refused(Refusal::TooShort { .. }))), "{refused:?}");
    scene.wait(FRESH_FOR + STEP);
    let stale = scene.change(&token, PASSWORD, NEW).await;
    assert!(matches!(stale, Err(PasswordError::NeedsProof(Missing::Fresh { .. }))), "{stale:?}");
    assert!(scene.opens(PASSWORD).await && scene.mail().is_empty());

    let fresh = scene.code(&token, &phone.code(), &anywhere()).await.unwrap().token;
    let changed = scene.change(&fresh, PASSWORD, NEW).await.unwrap();

    assert!(is_nobody(&scene.bearer(&fresh).await), "the token rotated");
    let session = scene.session(&changed).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert!(scene.opens(NEW).await && !scene.opens(PASSWORD).await);
    assert_eq!(scene.told(), [Notice::PasswordChanged]);
}

#[tokio::test]
async fn where_there_is_no_second_factor_the_present_password_is_the_fresh_proof() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };
    scene.wait(FRESH_FOR + MINUTE);

    scene.change(&opened.token, PASSWORD, NEW).await.unwrap();

    assert!(scene.opens(NEW).await);
}

#[tokio::test]
async fn wrong_present_passwords_spend_the_budget_of_the_sign_in_page() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };

    for _ in 0..10 {
        let _ = scene.change(&opened.token, "not it", NEW).await;
    }

    let refused = scene.change(&opened.token, PASSWORD, NEW).await;
    assert!(matches!(refused, Err(PasswordError::Throttled(_))), "{refused:?}");
    let refused = scene.password(ANN, PASSWORD, &anywhere()).await;
    assert!(matches!(refused, Err(SignInError::Throttled(_))), "{refused:?}");
}

#[tokio::test]
async fn other_sessions_end_with_a_change_if_so_wished() {
    for (others, ended) in [(OtherSessions::End, 1), (OtherSessions::Stay, 0)] {
        let scene = Scene::new();
        let (_, phone) = scene.add_with_phone(ANN).await;
        let laptop = scene.sign_in(&phone, &anywhere()).await.token;
        scene.wait(STEP);
        let token = scene.sign_in(&phone, &anywhere()).await.token;
        let half = scene.half(&anywhere()).await;

        let full = scene.full(&token).await;
        let changed = update(&scene.world, &full, PASSWORD, NEW, others, &anywhere()).await.unwrap();

        assert_eq!(changed.ended.len(), ended);
        assert_eq!(is_nobody(&scene.bearer(&laptop).await), others == OtherSessions::End);
        assert!(is_nobody(&scene.bearer(&half).await), "what the old password began is over");
        assert!(matches!(scene.bearer(&changed.opened.token).await, Bearer::Full(_)));
    }
}

#[tokio::test]
async fn of_many_changes_at_once_one_counts() {
    let scene = Scene::with(Requirement::Optional, Gated::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };

    let changes =
        join_all((0..64).map(async |at| scene.change(&opened.token, PASSWORD, &format!("{NEW} {at}")).await)).await;

    assert_eq!(changes.iter().filter(|change| change.is_ok()).count(), 1, "{changes:?}");
    let is_known = |change: &_| matches!(change, Ok(_) | Err(PasswordError::Gone | PasswordError::Throttled(_)));
    assert!(changes.iter().all(is_known), "{changes:?}");
}

#[tokio::test]
async fn a_link_lets_its_bearer_choose_a_password_once() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    scene.forgot("ANN").await;
    let token = scene.mailed_token();

    // Looking changes nothing, however often.
    for _ in 0..3 {
        assert_eq!(owner_of_link(&scene.world, &token).await.unwrap(), ann);
    }
    let refused = reset(&scene.world, &token, "short", &anywhere()).await;
    assert!(matches!(refused, Err(PasswordError::Refused(_))), "{refused:?}");
    reset(&scene.world, &token, NEW, &anywhere()).await.unwrap();

    assert!(scene.opens(NEW).await && !scene.opens(PASSWORD).await);
    assert_eq!(scene.told(), [Notice::PasswordReset]);
    let again = reset(&scene.world, &token, "another one entirely", &anywhere()).await;
    assert!(matches!(again, Err(PasswordError::Gone)), "{again:?}");
    let made_up = scene.world.entropy.token();
    for dead in [&token[..], &made_up.to_text(), "", "x"] {
        assert!(matches!(owner_of_link(&scene.world, dead).await, Err(PasswordError::Gone)), "{dead}");
    }
}

#[tokio::test]
async fn a_reset_signs_nobody_in_and_skips_no_second_factor() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let half = scene.half(&anywhere()).await;
    scene.forgot(ANN).await;

    let done = reset(&scene.world, &scene.mailed_token(), NEW, &anywhere()).await.unwrap();

    assert_eq!(done.ended.len(), 1);
    assert!(scene.world.store.sessions(None).await.unwrap().is_empty());
    for over in [&token, &half] {
        assert!(is_nobody(&scene.bearer(over).await));
    }
    let next = scene.password(ANN, NEW, &anywhere()).await;
    let Ok(Outcome::SecondFactor(half)) = next else { panic!("{next:?}") };
    scene.wait(STEP);
    let opened = scene.code(&half, &phone.code(), &anywhere()).await.unwrap();
    let methods: Vec<_> = scene.session(&opened.token).await.authentications.iter().map(|proof| proof.method).collect();
    assert_eq!(methods, [Method::Password, Method::Totp]);
}

#[tokio::test]
async fn a_link_in_a_mailbox_that_is_the_accounts_no_more_sets_no_password() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    scene.forgot(ANN).await;
    let token = scene.mailed_token();
    scene.wait(STEP);
    let old = scene.world.store.contacts(ann.id).await.unwrap().remove(0);
    let address = Address::Email(EmailAddress::parse("ann@elsewhere.example").unwrap());
    scene.world.store.put_contact(&Contact { address, verified_at: Some(scene.now()), ..old }).await.unwrap();

    let refused = reset(&scene.world, &token, NEW, &anywhere()).await;

    assert!(matches!(refused, Err(PasswordError::Gone)), "{refused:?}");
    assert!(scene.opens(PASSWORD).await);
}

#[tokio::test]
async fn a_reset_forgets_the_browsers_that_were_known() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let browser = scene.sign_in(&phone, &anywhere()).await.browser.unwrap();
    scene.forgot(ANN).await;

    reset(&scene.world, &scene.mailed_token(), NEW, &anywhere()).await.unwrap();

    assert!(!scene.world.store.knows_browser(browser.hash(), ann.id, scene.now() - MINUTE).await.unwrap());
}

#[tokio::test]
async fn a_link_is_over_after_a_quarter_of_an_hour_and_is_then_forgotten() {
    let scene = Scene::new();
    scene.ann_with_mailbox().await;
    scene.forgot(ANN).await;
    let token = scene.mailed_token();

    scene.wait(just_before(PasswordReset::LIFETIME));
    sweep(&scene.world).await.unwrap();
    owner_of_link(&scene.world, &token).await.unwrap();
    scene.wait(std::time::Duration::from_millis(1));
    let late = reset(&scene.world, &token, NEW, &anywhere()).await;
    assert!(matches!(late, Err(PasswordError::Gone)), "{late:?}");
    scene.wait(MINUTE);
    sweep(&scene.world).await.unwrap();
    // Even by a clock that is set back.
    scene.set(super::NOON);
    assert!(matches!(owner_of_link(&scene.world, &token).await, Err(PasswordError::Gone)));
}

#[tokio::test]
async fn whatever_sets_a_password_ends_the_links_that_were_mailed() {
    for act in ["reset", "change", "operator", "disable", "delete"] {
        let scene = Scene::with(Requirement::Optional, MemoryStore::default());
        let ann = scene.ann_with_mailbox().await;
        scene.forgot(ANN).await;
        let old = scene.mailed_token();
        scene.wait(LINKS.delay_first);
        match act {
            "reset" => {
                scene.forgot(ANN).await;
                drop(reset(&scene.world, &scene.mailed_token(), NEW, &anywhere()).await.unwrap());
            }
            "change" => {
                let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };
                drop(scene.change(&opened.token, PASSWORD, NEW).await.unwrap());
            }
            "operator" => administer::set_password(&scene.world, &ann.login_id, NEW).await.unwrap(),
            "disable" => {
                administer::set_disabled(&scene.world, &ann.login_id, true).await.unwrap();
                administer::set_disabled(&scene.world, &ann.login_id, false).await.unwrap();
            }
            _ => administer::delete_user(&scene.world, &ann.login_id).await.unwrap(),
        }
        assert!(matches!(owner_of_link(&scene.world, &old).await, Err(PasswordError::Gone)), "{act}");
    }
}

#[tokio::test]
async fn of_many_who_bring_one_link_at_once_one_sets_the_password() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    scene.ann_with_mailbox().await;
    scene.forgot(ANN).await;
    let token = scene.mailed_token();

    let caller = anywhere();
    let resets = join_all((0..64).map(|at| {
        let (world, token, caller) = (&scene.world, &token, &caller);
        async move { reset(world, token, &format!("{NEW} {at}"), caller).await }
    }))
    .await;

    assert_eq!(resets.iter().filter(|reset| reset.is_ok()).count(), 1, "{resets:?}");
}

#[tokio::test]
async fn who_asks_for_a_link_learns_nothing() {
    let scene = Scene::new();
    scene.ann_with_mailbox().await;
    scene.person("bob", None).await;
    let eve = scene.person("eve", Some("eve@mail.example")).await;
    administer::set_disabled(&scene.world, &eve.login_id, true).await.unwrap();

    for (at, name) in [ANN, "bob", "eve", "nobody", "", "two words"].into_iter().enumerate() {
        let caller = from(&format!("192.0.2.{at}"));
        for _ in 0..3 {
            // The second and third come too early, and are answered alike.
            request_reset(&scene.world, name, None, &caller).await.unwrap();
        }
        assert_eq!(scene.mail().len(), usize::from(name == ANN), "{name}");
    }
}

/// TH-06: whoever asks early and often keeps no link from its owner: there is one that works, whenever they look.
#[tokio::test]
async fn whoever_asks_for_links_of_others_leaves_them_one_that_works() {
    let scene = Scene::new();
    scene.ann_with_mailbox().await;
    let mut token = String::new();
    for minute in 0..180 {
        let stranger = from(&format!("192.0.2.{minute}"));
        request_reset(&scene.world, ANN, None, &stranger).await.unwrap();
        if !scene.inbox.0.lock().unwrap().is_empty() {
            token = scene.mailed_token();
        }
        let works = owner_of_link(&scene.world, &token).await;
        assert!(works.is_ok(), "after {minute} minutes: {works:?}");
        scene.wait(MINUTE);
    }
}

/// TH-06: nor from a browser that is known, whatever its address is charged with.
#[tokio::test]
async fn a_known_browser_has_links_of_its_own() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let owner = Caller { browser: scene.sign_in(&phone, &anywhere()).await.browser, ..anywhere() };
    for name in 0..LINKS_BY_ADDRESS.free {
        request_reset(&scene.world, &format!("name-{name}"), None, &anywhere()).await.unwrap();
    }
    request_reset(&scene.world, ANN, None, &from("198.51.100.1")).await.unwrap();
    assert_eq!(scene.mail().len(), 1);
    let refused = request_reset(&scene.world, ANN, None, &anywhere()).await;
    assert!(matches!(refused, Err(PasswordError::Throttled(_))), "{refused:?}");

    request_reset(&scene.world, ANN, None, &owner).await.unwrap();
    scene.mailed_token();
    request_reset(&scene.world, ANN, None, &owner).await.unwrap();
    assert!(scene.mail().is_empty(), "there is a limit to that, too");
}

/// OB-03: and however many are known, there are so many in an hour to one mailbox.
#[tokio::test]
async fn links_that_known_browsers_ask_for_are_limited_together() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let mut sent = 0;
    for _ in 0..SENDS.free + 3 {
        let owner = Caller { browser: scene.sign_in(&phone, &anywhere()).await.browser, ..anywhere() };
        scene.mail();
        request_reset(&scene.world, ANN, None, &owner).await.unwrap();
        sent += scene.mail().len();
        scene.wait(STEP);
    }
    assert_eq!(sent, SENDS.free as usize);
}

#[tokio::test]
async fn links_are_limited_by_account_and_by_address() {
    let scene = Scene::new();
    scene.ann_with_mailbox().await;
    let mut sent = 0;
    for minute in 0..60 {
        request_reset(&scene.world, ANN, None, &from(&format!("192.0.2.{minute}"))).await.unwrap();
        sent += scene.mail().len();
        scene.wait(MINUTE);
    }
    assert_eq!(sent, 5, "in an hour, whoever asks");

    for name in 0..5 {
        request_reset(&scene.world, &format!("name-{name}"), None, &from("198.51.100.1")).await.unwrap();
    }
    let refused = request_reset(&scene.world, "name-5", None, &from("198.51.100.1")).await;
    assert!(matches!(refused, Err(PasswordError::Throttled(_))), "{refused:?}");
    request_reset(&scene.world, "name-5", None, &from("198.51.100.2")).await.unwrap();
}

#[tokio::test]
async fn a_reset_reopens_what_wrong_passwords_closed_and_not_what_wrong_codes_did() {
    let scene = Scene::new();
    let ann = scene.ann_with_mailbox().await;
    let phone = scene.phone_of(&ann).await;
    let half = scene.half(&anywhere()).await;
    for at in 0..10 {
        let caller = from(&format!("192.0.2.{at}"));
        let _ = scene.password(ANN, "wrong", &caller).await;
        let _ = scene.code(&half, &phone.wrong_code(), &caller).await;
    }
    let closed = scene.password(ANN, PASSWORD, &anywhere()).await;
    assert!(matches!(closed, Err(SignInError::Throttled(_))), "{closed:?}");
    scene.forgot(ANN).await;

    reset(&scene.world, &scene.mailed_token(), NEW, &anywhere()).await.unwrap();

    let Ok(Outcome::SecondFactor(half)) = scene.password(ANN, NEW, &anywhere()).await else { panic!() };
    let answer = scene.code(&half, &phone.code(), &anywhere()).await;
    assert!(answer.is_err(), "a mailbox opens no second factor");
}

#[tokio::test]
async fn a_way_back_goes_along_in_the_link() {
    let scene = Scene::new();
    scene.ann_with_mailbox().await;

    request_reset(&scene.world, ANN, Some("s3aled"), &anywhere()).await.unwrap();

    assert!(scene.mailed_token().ends_with("&to=s3aled"));
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_at_the_next_sign_in() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    let hash = async || scene.world.store.account(ann.id).await.unwrap().unwrap().password.unwrap();
    let before = hash().await;
    let outdated = format!("{OUTDATED}{PASSWORD}");
    scene.world.store.rehash_password(ann.id, &before.phc, &outdated).await.unwrap();

    assert!(!scene.opens("wrong").await);
    assert_eq!(hash().await.phc, outdated);
    assert!(scene.opens(PASSWORD).await);
    assert_eq!(hash().await, before);
}
