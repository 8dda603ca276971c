//! The time in which somebody signs in without the second factor that is required of them.

use super::{ANN, MINUTE, NOON, PASSWORD, Requirement, Scene, anywhere, gated::Gated, just_before};
use crate::{
    domain::{
        enrolment::Grace,
        event::{Intervention, What},
        factor::Method,
        password::Role,
        session::Level,
        user::{LoginId, User},
    },
    flows::{
        administer::{self, ENROL_WITHIN, NewUser},
        challenge::{answer_password, held},
        codes, enroll,
        factors::{ChangeError, may_add},
        grace, password,
        sign_in::{Opened, Outcome, SignInError},
    },
};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// A house that requires a second factor and gives a week for it, and Ann.
async fn house() -> (Scene, User) {
    let mut scene = Scene::new();
    scene.world.settings.grace = Some(WEEK);
    let ann = scene.add(ANN).await;
    (scene, ann)
}

impl Scene {
    /// Signs Ann in with her password, as long as grace lasts.
    async fn graceful(&self) -> Opened {
        match self.password(ANN, PASSWORD, &anywhere()).await.unwrap() {
            Outcome::Grace(opened) => opened,
            other => panic!("no grace: {other:?}"),
        }
    }

    /// Adds Ann, who is in a group that may enrol less.
    async fn add_to_vault(&self) -> User {
        let (login_id, groups) = (LoginId::parse(ANN).unwrap(), vec!["vault".to_owned()]);
        let new = NewUser { login_id, name: None, email: None, phone: None, groups };
        administer::add_user(&self.world, new, Some(PASSWORD)).await.unwrap()
    }

    async fn grace(&self, user: &User) -> Option<Grace> {
        grace::of(&self.world, user).await.unwrap()
    }
}

#[tokio::test]
async fn it_lasts_from_the_first_sign_in_on_and_then_signing_in_leads_to_enrolment_only() {
    let (scene, ann) = house().await;
    scene.wait(100 * DAY);
    assert_eq!(scene.grace(&ann).await, Some(Grace::Ahead), "an old account has all of it");
    let first = scene.now();

    scene.graceful().await;

    assert_eq!(scene.grace(&ann).await, Some(Grace::Until(first + WEEK)));
    scene.wait(just_before(WEEK));
    scene.graceful().await;
    scene.set(first + WEEK);
    assert_eq!(scene.grace(&ann).await, Some(Grace::Over));
    let late = scene.password(ANN, PASSWORD, &anywhere()).await;
    assert!(matches!(late, Err(SignInError::EnrolmentClosed)), "{late:?}");
    administer::reset_mfa(&scene.world, &ann.login_id).await.unwrap();
    let approved = scene.password(ANN, PASSWORD, &anywhere()).await;
    assert!(matches!(approved, Ok(Outcome::Enrol(_))), "the operator opens the way, and no new grace: {approved:?}");
}

#[tokio::test]
async fn it_is_off_where_nothing_is_written_and_nobody_s_where_nothing_is_owed() {
    let (mut scene, ann) = house().await;
    let (bob, _) = scene.add_with_phone("bob").await;
    assert_eq!(scene.grace(&bob).await, None, "Bob has what is required");
    assert!(matches!(scene.password("bob", PASSWORD, &anywhere()).await, Ok(Outcome::SecondFactor(_))));

    scene.world.settings.grace = None;
    assert_eq!(scene.grace(&ann).await, Some(Grace::Over));
    assert!(matches!(scene.password(ANN, PASSWORD, &anywhere()).await, Ok(Outcome::Enrol(_))));
    scene.world.settings.grace = Some(WEEK);
    scene.world.settings.requirements.everybody = Requirement::Optional;
    assert_eq!(scene.grace(&ann).await, None);
    assert!(matches!(scene.password(ANN, PASSWORD, &anywhere()).await, Ok(Outcome::Done(_))));
    assert_eq!(scene.world.store.grace_began(ann.id).await.unwrap(), None, "nothing began");
}

#[tokio::test]
async fn a_session_in_grace_is_as_strong_as_its_password() {
    let (scene, _) = house().await;

    let opened = scene.graceful().await;

    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
    assert_eq!(session.authentications.len(), 1);
}

#[tokio::test]
async fn it_opens_no_enrolment_that_was_not_open() {
    let (scene, _) = house().await;
    let early = scene.bearer(&scene.graceful().await.token).await;
    assert!(may_add(&scene.world, &early, Method::Totp).await.is_ok(), "within the operator's day");

    scene.wait(ENROL_WITHIN);
    let late = scene.bearer(&scene.graceful().await.token).await;
    for method in scene.world.settings.methods.clone() {
        let refused = may_add(&scene.world, &late, method).await;
        assert!(matches!(refused, Err(ChangeError::NeedsOperator)), "{method}: {refused:?}");
    }
}

#[tokio::test]
async fn the_first_factor_takes_a_password_from_a_moment_ago() {
    let (scene, _) = house().await;
    let opened = scene.graceful().await;
    scene.wait(6 * MINUTE);
    let bearer = scene.bearer(&opened.token).await;

    let stale = may_add(&scene.world, &bearer, Method::Totp).await;

    assert!(matches!(stale, Err(ChangeError::NeedsProof(_))), "{stale:?}");
    let fresh = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await.unwrap();
    let bearer = scene.bearer(&fresh.token).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let code = offer.key.code_shown(scene.now());
    let opened = enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();
    let session = scene.session(&opened.token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    assert!(
        matches!(scene.password(ANN, PASSWORD, &anywhere()).await, Ok(Outcome::SecondFactor(_))),
        "and it is owed no more"
    );
}

#[tokio::test]
async fn who_had_a_second_factor_gets_no_grace_by_a_reset() {
    let mut scene = Scene::new();
    scene.world.settings.grace = Some(WEEK);
    let (bob, _) = scene.add_with_phone("bob").await;
    administer::reset_mfa(&scene.world, &bob.login_id).await.unwrap();

    assert_eq!(scene.grace(&bob).await, Some(Grace::Over));
    assert!(matches!(scene.password("bob", PASSWORD, &anywhere()).await, Ok(Outcome::Enrol(_))));

    // Who has none keeps what is left.
    let ann = scene.add(ANN).await;
    scene.graceful().await;
    scene.wait(DAY);
    administer::reset_mfa(&scene.world, &ann.login_id).await.unwrap();
    assert_eq!(scene.grace(&ann).await, Some(Grace::Until(NOON + WEEK)));
}

#[tokio::test]
async fn while_it_may_stand_alone_a_password_is_as_long_as_one_that_does() {
    let (mut scene, ann) = house().await;
    let policy = scene.world.settings.passwords;

    assert_eq!(password::chars_min(&scene.world, &ann.groups), policy.chars_min(Role::Alone));
    scene.world.settings.grace = None;
    assert_eq!(password::chars_min(&scene.world, &ann.groups), policy.chars_min(Role::OneOfTwo));
}

#[tokio::test]
async fn a_store_that_fails_gives_no_grace() {
    let store = Gated::default();
    let gate = std::sync::Arc::clone(&store.gate);
    let mut scene = Scene::with(Requirement::Required, store);
    scene.world.settings.grace = Some(WEEK);
    scene.add(ANN).await;
    for number in 1.. {
        gate.fail(number);
        let outcome = scene.password(ANN, PASSWORD, &anywhere()).await;
        if !gate.heal() {
            assert!(matches!(outcome, Ok(Outcome::Grace(_))), "{outcome:?}");
            break;
        }
        assert!(outcome.is_err(), "call {number}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_an_operator_does_is_written_down_and_told() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let address = scene.reach(&ann, "ann@example.com").await.address;
    scene.sign_in(&phone, &anywhere()).await;
    let world = &scene.world;
    let told = || {
        let messages = std::mem::take(&mut *scene.inbox.0.lock().unwrap());
        messages
            .into_iter()
            .map(|message| (message.to == address, format!("{:?}", message.content)))
            .collect::<Vec<_>>()
    };
    told();

    administer::set_password(world, &ann.login_id, "a quiet otter under ice").await.unwrap();
    administer::enroll_totp(world, &ann.login_id).await.unwrap();
    administer::reset_mfa(world, &ann.login_id).await.unwrap();
    let letters = told();
    administer::set_disabled(world, &ann.login_id, true).await.unwrap();
    administer::set_disabled(world, &ann.login_id, false).await.unwrap();
    administer::unlock(world, &ann.login_id).await.unwrap();
    administer::revoke_sessions_of(world, &ann.login_id).await.unwrap();
    administer::forget_devices(world, &ann.login_id).await.unwrap();

    let events = world.store.recent_events(ann.id, 100).await.unwrap();
    let acts: Vec<_> = events
        .iter()
        .rev()
        .filter_map(|event| match &event.what {
            What::Operator(act) => Some(act.clone()),
            _ => None,
        })
        .collect();
    let app = || Intervention::AppAdded { name: "Authenticator app".to_owned() };
    assert_eq!(
        acts,
        [
            Intervention::Added,
            app(),
            Intervention::PasswordSet,
            app(),
            Intervention::SecondFactorsReset { removed: 2 },
            Intervention::Disabled,
            Intervention::Enabled,
            Intervention::Unlocked,
        ],
        "what ended nothing is no event"
    );
    assert!(events.iter().all(|event| !matches!(event.what, What::Operator(_)) || event.place.address.is_none()));
    let notices: Vec<_> = ["PasswordSet", "AppHandedOut", "SecondFactorsReset"].into_iter().collect();
    assert_eq!(letters.len(), notices.len(), "{letters:?}");
    for ((is_hers, letter), notice) in letters.iter().zip(notices) {
        assert!(*is_hers && letter.contains(notice), "{letter}");
    }
}

#[tokio::test]
async fn a_session_that_an_operator_ends_is_its_owner_s_to_read() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let session = scene.session(&opened.token).await.id;

    administer::revoke_session(&scene.world, session).await.unwrap();

    let events = scene.world.store.recent_events(ann.id, 1).await.unwrap();
    assert_eq!(events[0].what, What::Operator(Intervention::SessionsEnded { count: 1 }));
    assert!(administer::revoke_session(&scene.world, session).await.is_err());
}

#[tokio::test]
async fn a_group_may_enrol_less_than_everybody() {
    let mut scene = Scene::new();
    scene.world.settings.group_methods =
        [("finance".to_owned(), vec![Method::Passkey, Method::Totp]), ("vault".to_owned(), vec![Method::Passkey])]
            .into();
    let methods = |groups: &[&str]| {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        scene.world.settings.methods_of(&groups)
    };
    assert_eq!(methods(&["sales"]), [Method::Passkey, Method::SecurityKey, Method::Totp]);
    assert_eq!(methods(&["finance"]), [Method::Passkey, Method::Totp]);
    assert_eq!(methods(&["finance", "vault"]), [Method::Passkey], "what both may");

    scene.add_to_vault().await;
    let bearer = scene.bearer(&scene.half(&anywhere()).await).await;
    assert_eq!(enroll::enrollable(&scene.world, &bearer).await.unwrap(), [Method::Passkey]);
    let refused = may_add(&scene.world, &bearer, Method::Totp).await;
    assert!(matches!(refused, Err(ChangeError::NotOffered)), "{refused:?}");
}

#[tokio::test]
async fn a_code_that_is_sent_serves_no_group_that_may_not_have_it() {
    let mut scene = Scene::new();
    scene.world.settings.methods.push(Method::SmsCode);
    let ann = scene.add_to_vault().await;
    scene.reach(&ann, "+442079460000").await;
    assert_eq!(held(&scene.world, ann.id).await.unwrap(), [Method::SmsCode, Method::Password]);

    scene.world.settings.group_methods = [("vault".to_owned(), vec![Method::Passkey])].into();

    assert_eq!(held(&scene.world, ann.id).await.unwrap(), [Method::Password]);
    let half = scene.bearer(&scene.half(&anywhere()).await).await;
    let browser = scene.world.entropy.token();
    let sent = codes::send(&scene.world, &half, Method::SmsCode, None, &browser, &anywhere()).await;
    assert!(matches!(sent, Err(codes::SendError::NotEnrolled)), "{sent:?}");
}
