//! What the first second factor takes beside a password.

use super::{
    ANN, MINUTE, Phone, Requirement, STEP, Scene, anywhere, codes::other_than, from, gated::Gated, password::NEW,
    risk::rules,
};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        contact::{Address, Channel, Kind},
        enrolment::FirstFactor,
        event::What,
        factor::Method,
        policy::{self, Access, Policy, Who},
        risk::Act,
        secret::Token,
        session::Level,
        throttle::ACCOUNT,
        time::Timestamp,
        user::User,
    },
    flows::{
        administer::ENROL_WITHIN,
        challenge::{ChallengeError, answer_password},
        codes::SendError,
        contacts::{self, ContactError},
        enroll,
        factors::{self, ChangeError, Right, may_add},
        first_factor,
        password::{request_reset, reset},
        sign_in::{Outcome, SignInError},
    },
    ports::{
        messages::{Content, Notice},
        store::{Approval, Holder},
    },
};
use futures_util::future::join_all;
use std::sync::Arc;

const MAIL: &str = "ann@example.com";

impl Scene {
    /// The same, with an application that asks everybody for a second factor.
    pub(super) fn asked_for_more(self) -> Self {
        self.asking(None)
    }

    fn asking(mut self, who: Option<Who>) -> Self {
        self.world.settings.asking = vec![asking_for_more(who)];
        self
    }

    /// A house where a mailbox opens the first set-up and is no second step itself, and Ann, whose operator said nothing.
    async fn house_of_mailboxes() -> (Self, User) {
        let mut scene = Self::with(Requirement::Required, Gated::default());
        scene.world.settings.first_factor = FirstFactor::Mailbox;
        let ann = scene.add(ANN).await;
        scene.reach(&ann, MAIL).await;
        scene.wait(ENROL_WITHIN);
        (scene, ann)
    }

    async fn adds(&self, token: &Token) -> Result<Right, ChangeError> {
        may_add(&self.world, &self.bearer(token).await, Method::Totp).await.map(|(_, right)| right)
    }

    async fn ask_mailbox(&self, token: &Token) -> Result<(), SendError> {
        first_factor::send(&self.world, &self.bearer(token).await, token, &anywhere()).await
    }

    async fn open(&self, token: &Token, code: &str) -> Result<(), ChallengeError> {
        first_factor::open(&self.world, &self.bearer(token).await, code, token, &anywhere()).await
    }

    async fn set_up(&self, token: &Token) -> (Phone, Token) {
        let (phone, opened) = self.add_app(token, "Phone").await.unwrap();
        (phone, opened.token)
    }
}

/// What an application asks for that wants a second factor of these people.
pub(super) fn asking_for_more(who: Option<Who>) -> Arc<Policy> {
    let access = Access::Require(policy::Requirement { who, ..policy::Requirement::at(Level::Mfa) });
    Arc::new(Policy::new("strong", access))
}

fn of_finance() -> Who {
    Who::Groups(vec!["finance".to_owned()])
}

#[tokio::test]
async fn where_nothing_asks_for_more_a_fresh_password_sets_it_up_and_its_owner_is_told() {
    for requirement in [Requirement::Optional, Requirement::RiskBased, Requirement::Disabled] {
        let scene = Scene::with(requirement, MemoryStore::default()).asking(Some(of_finance()));
        let ann = scene.add(ANN).await;
        let address = scene.reach(&ann, MAIL).await.address;
        scene.wait(ENROL_WITHIN);
        let (opened, _) = scene.enter(&anywhere()).await;
        assert_eq!(scene.adds(&opened.token).await.unwrap(), Right::Fresh);

        scene.wait(6 * MINUTE);
        let stale = scene.adds(&opened.token).await;
        assert!(matches!(stale, Err(ChangeError::NeedsProof(_))), "{requirement:?}: {stale:?}");
        let (opened, _) = scene.enter(&anywhere()).await;
        scene.set_up(&opened.token).await;

        let told = scene.inbox.0.lock().unwrap();
        let is_told = told.iter().any(|message| {
            message.to == address
                && matches!(&message.content, Content::Notice { notice: Notice::FactorAdded { name, .. }, .. } if name == "Phone")
        });
        assert!(is_told, "{requirement:?}");
    }
}

#[tokio::test]
async fn where_an_application_asks_for_more_a_password_sets_nothing_up() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default()).asked_for_more();
    scene.add(ANN).await;
    scene.wait(ENROL_WITHIN);
    let (opened, _) = scene.enter(&anywhere()).await;

    let refused = scene.adds(&opened.token).await;

    assert!(matches!(refused, Err(ChangeError::NeedsOperator)), "{refused:?}");
}

#[tokio::test]
async fn a_sign_in_that_is_too_unusual_for_a_password_sets_nothing_up() {
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[(Act::Require, 20)]));
    scene.add(ANN).await;
    scene.wait(ENROL_WITHIN);
    let (usual, _) = scene.enter(&from("81.2.69.160")).await;
    let (unusual, _) = scene.enter(&from("192.0.2.1")).await;

    assert_eq!(scene.adds(&usual.token).await.unwrap(), Right::Fresh);
    let refused = scene.adds(&unusual.token).await;
    assert!(matches!(refused, Err(ChangeError::NeedsOperator)), "{refused:?}");
}

#[tokio::test]
async fn the_last_one_stays_of_whomever_an_application_asks_for_it() {
    for (who, stays) in [(None, true), (Some(of_finance()), false)] {
        let scene = Scene::with(Requirement::Optional, MemoryStore::default()).asking(who);
        let (ann, phone) = scene.add_with_phone(ANN).await;
        let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;
        let id = factors::second_factors(&scene.world, ann.id).await.unwrap()[0].id;

        let removed = factors::remove(&scene.world, &full, id, &anywhere()).await;

        assert_eq!(matches!(removed, Err(ChangeError::Kept)), stays, "{removed:?}");
    }
}

#[tokio::test]
async fn a_code_from_the_mailbox_opens_the_set_up_once_and_no_method_has_to_be_mail() {
    let (scene, ann) = Scene::house_of_mailboxes().await;
    let half = scene.half(&anywhere()).await;
    let refused = scene.adds(&half).await;
    assert!(matches!(refused, Err(ChangeError::NeedsMailbox)), "{refused:?}");
    let bearer = scene.bearer(&half).await;
    assert_eq!(enroll::enrollable(&scene.world, &bearer).await.unwrap(), scene.world.settings.methods, "after a code");

    scene.ask_mailbox(&half).await.unwrap();
    let message = scene.last_message();
    assert_eq!((message.channel, message.to.as_str()), (Channel::Email, MAIL));
    let code = scene.last_code();
    let elsewhere = scene.half(&from("198.51.100.7")).await;
    let stolen = scene.open(&elsewhere, &code).await;
    assert!(matches!(stolen, Err(ChallengeError::Over)), "it serves the browser that asked: {stolen:?}");
    scene.open(&half, &code).await.unwrap();

    assert_eq!(scene.adds(&half).await.unwrap(), Right::First);
    let (phone, token) = scene.set_up(&half).await;
    let session = scene.session(&token).await;
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa));
    let account = scene.world.store.account(ann.id).await.unwrap().unwrap();
    assert_eq!(account.approval, None, "it is used up");
    scene.wait(STEP);
    scene.sign_in(&phone, &anywhere()).await;
    let events = scene.world.store.recent_events(ann.id, 100).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.what == What::SetUpOpened).count(), 1);
}

#[tokio::test]
async fn a_wrong_code_opens_nothing_and_a_right_one_for_a_quarter_of_an_hour() {
    let (scene, _) = Scene::house_of_mailboxes().await;
    let half = scene.half(&anywhere()).await;
    scene.ask_mailbox(&half).await.unwrap();
    let code = scene.last_code();
    assert!(matches!(scene.open(&half, other_than(&code)).await, Err(ChallengeError::Wrong)));
    assert!(matches!(scene.adds(&half).await, Err(ChangeError::NeedsMailbox)));

    scene.open(&half, &code).await.unwrap();
    assert!(matches!(scene.open(&half, &code).await, Err(ChallengeError::Gone)), "it is open already");
    scene.wait(15 * MINUTE);

    let half = scene.half(&anywhere()).await;
    assert!(matches!(scene.adds(&half).await, Err(ChangeError::NeedsMailbox)));
    let answer = scene.open(&half, &code).await;
    assert!(matches!(answer, Err(ChallengeError::Over)), "{answer:?}");
}

/// TH-06: a reset takes the password from whoever guessed with it, and opens what they closed.
#[tokio::test]
async fn a_reset_opens_the_set_up_that_wrong_codes_closed() {
    let (scene, _) = Scene::house_of_mailboxes().await;
    let thief = scene.half(&anywhere()).await;
    for wrong_ones in [ACCOUNT.free, 1, 1] {
        scene.ask_mailbox(&thief).await.unwrap();
        for _ in 0..wrong_ones {
            let answer = scene.open(&thief, other_than(&scene.last_code())).await;
            assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
        }
        scene.wait(MINUTE);
    }
    let answer = scene.open(&thief, &scene.last_code()).await;
    assert!(matches!(answer, Err(ChallengeError::Throttled(_))), "{answer:?}");

    request_reset(&scene.world, ANN, None, &anywhere()).await.unwrap();
    let Content::Link { url, .. } = scene.last_message().content else { panic!("no link") };
    let (_, link) = url.split_once("token=").unwrap();
    reset(&scene.world, link, NEW, &anywhere()).await.unwrap();

    let Ok(Outcome::Enrol(half)) = scene.password(ANN, NEW, &from("198.51.100.7")).await else { panic!("no set-up") };
    scene.ask_mailbox(&half).await.unwrap();
    scene.open(&half, &scene.last_code()).await.unwrap();
}

/// OB-02: whoever knows the password alone gets no further by it.
#[tokio::test]
async fn what_the_mailbox_opened_is_open_to_the_browser_that_brought_the_code_alone() {
    let (mut scene, _) = Scene::house_of_mailboxes().await;
    let half = scene.half(&anywhere()).await;
    scene.ask_mailbox(&half).await.unwrap();
    scene.open(&half, &scene.last_code()).await.unwrap();

    let thief = scene.half(&from("198.51.100.7")).await;
    let refused = scene.adds(&thief).await;
    assert!(matches!(refused, Err(ChangeError::NeedsMailbox)), "{refused:?}");
    assert_eq!(scene.adds(&half).await.unwrap(), Right::First);

    // The same of somebody signed in, whose token is another one after each proof.
    scene.world.settings.requirements.everybody = Requirement::Optional;
    let scene = scene.asked_for_more();
    scene.wait(15 * MINUTE);
    let (opened, _) = scene.enter(&anywhere()).await;
    let (thief, _) = scene.enter(&from("198.51.100.7")).await;
    scene.ask_mailbox(&opened.token).await.unwrap();
    scene.open(&opened.token, &scene.last_code()).await.unwrap();
    let bearer = scene.bearer(&opened.token).await;
    let opened = answer_password(&scene.world, &bearer, super::PASSWORD, &anywhere()).await.unwrap();
    let refused = scene.adds(&thief.token).await;
    assert!(matches!(refused, Err(ChangeError::NeedsMailbox)), "{refused:?}");
    scene.set_up(&opened.token).await;
}

#[tokio::test]
async fn of_many_who_bring_the_same_code_one_opens_the_set_up() {
    let (scene, ann) = Scene::house_of_mailboxes().await;
    let half = scene.half(&anywhere()).await;
    scene.ask_mailbox(&half).await.unwrap();
    let (bearer, code) = (scene.bearer(&half).await, scene.last_code());
    let callers: Vec<_> = (0..64).map(|number| from(&format!("192.0.2.{number}"))).collect();

    let race = callers.iter().map(|caller| first_factor::open(&scene.world, &bearer, &code, &half, caller));
    let opened = join_all(race).await;

    assert_eq!(opened.iter().filter(|answer| answer.is_ok()).count(), 1, "{opened:?}");
    let too_late = opened.iter().filter(|answer| {
        matches!(answer, Err(ChallengeError::AlreadyUsed | ChallengeError::Over | ChallengeError::Gone))
    });
    assert!(too_late.count() > 0, "more than one was let try: {opened:?}");
    let account = scene.world.store.account(ann.id).await.unwrap().unwrap();
    let approval = Approval { until: scene.now() + 15 * MINUTE, holder: Some(Holder::Half(half.hash())) };
    assert_eq!(account.approval, Some(approval));
}

#[tokio::test]
async fn nothing_is_sent_before_the_password_was_typed_lately_or_where_an_operator_decides() {
    let (mut scene, _) = Scene::house_of_mailboxes().await;
    scene.world.settings.requirements.everybody = Requirement::Optional;
    let scene = scene.asked_for_more();
    let (opened, _) = scene.enter(&anywhere()).await;
    scene.wait(6 * MINUTE);
    assert!(matches!(scene.adds(&opened.token).await, Err(ChangeError::NeedsProof(_))));
    assert!(matches!(scene.ask_mailbox(&opened.token).await, Err(SendError::Gone)));

    let (opened, _) = scene.enter(&anywhere()).await;
    let mut scene = scene;
    scene.world.settings.first_factor = FirstFactor::Operator;
    assert!(matches!(scene.adds(&opened.token).await, Err(ChangeError::NeedsOperator)));
    assert!(matches!(scene.ask_mailbox(&opened.token).await, Err(SendError::Gone)));
    assert_eq!(scene.messages(), 0);
}

#[tokio::test]
async fn an_address_that_could_open_the_set_up_is_not_changed_on_a_password() {
    let (mut scene, ann) = Scene::house_of_mailboxes().await;
    scene.world.settings.requirements.everybody = Requirement::Optional;
    let scene = scene.asked_for_more();
    let change = async || {
        let (opened, _) = scene.enter(&anywhere()).await;
        contacts::may_change(&scene.world, &scene.full(&opened.token).await, Kind::Email).await
    };
    let refused = change().await;
    assert!(matches!(refused, Err(ContactError::NeedsMailbox)), "the old mailbox says so first: {refused:?}");

    let contact = scene.world.store.contacts(ann.id).await.unwrap().remove(0);
    assert!(matches!(contact.address, Address::Email(_)));
    scene.unreach(&contact).await;
    let refused = change().await;
    assert!(matches!(refused, Err(ContactError::NeedsOperator)), "there is none to say so: {refused:?}");
}

#[tokio::test]
async fn who_has_no_mailbox_that_is_known_stays_outside() {
    let (scene, ann) = Scene::house_of_mailboxes().await;
    let mut contact = scene.world.store.contacts(ann.id).await.unwrap().remove(0);
    contact.verified_at = None::<Timestamp>;
    scene.world.store.put_contact(&contact).await.unwrap();

    let outcome = scene.password(ANN, super::PASSWORD, &anywhere()).await;

    assert!(matches!(outcome, Err(SignInError::EnrolmentClosed)), "{outcome:?}");
    scene.reach(&ann, MAIL).await;
    let outcome = scene.password(ANN, super::PASSWORD, &anywhere()).await;
    assert!(matches!(outcome, Ok(Outcome::Enrol(_))), "{outcome:?}");
}
