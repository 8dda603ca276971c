//! Codes and links that are sent, and what comes back.

use super::{ANN, MINUTE, PASSWORD, Requirement, SECOND, Scene, anywhere, from, gated::Gated, just_before};
use crate::{
    domain::{
        change::Change,
        contact::{Address, Channel, Contact, Kind, NumberPrefix},
        enrolment::FirstFactor,
        factor::{FactorId, Method},
        secret::Token,
        session::Level,
        throttle::{Closed, SENDS},
        time::Timestamp,
        user::User,
    },
    flows::{
        Caller,
        challenge::{ChallengeError, held, offered},
        codes::{self, SendError},
        contacts::{self, ContactError},
        enroll,
        factors::{self, ChangeError},
        sessions::{Bearer, sweep},
        sign_in::{Opened, Outcome},
    },
    ports::{
        Messenger, NotSent,
        messages::{CodePurpose, Content, LinkPurpose, Message},
        store::{LastFactor, Phones, Removal, SentCode, SentPurpose},
    },
};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::sync::Arc;

const MAIL: &str = "ann@example.com";
const PHONE: &str = "+442079460123";

/// A server that takes nothing just now.
struct Down;

#[async_trait]
impl Messenger for Down {
    fn reaches(&self, _channel: Channel) -> bool {
        true
    }

    async fn send(&self, _message: Message) -> Result<(), NotSent> {
        Err(NotSent::Unavailable("the test says so".to_owned()))
    }

    fn post(&self, _message: Message) {}
}

impl Scene {
    /// A scene in which these methods are offered besides the usual.
    pub(super) fn offering(methods: &[Method]) -> Self {
        Self::with(Requirement::Required, Gated::default()).offer(methods)
    }

    fn offer(mut self, methods: &[Method]) -> Self {
        self.world.settings.methods.extend(methods);
        let everywhere = NumberPrefix::parse("+44").unwrap();
        self.world.settings.countries.push((Channel::Voice, everywhere));
        self
    }

    /// Gives somebody an address that is known to be theirs.
    pub(super) async fn reach(&self, user: &User, address: &str) -> Contact {
        let kind = if address.starts_with('+') { Kind::Phone } else { Kind::Email };
        let contact = Contact {
            id: FactorId(self.world.entropy.id(self.now())),
            user: user.id,
            address: Address::parse(kind, address).unwrap(),
            verified_at: Some(self.now()),
            used_at: None,
        };
        self.world.store.put_contact(&contact).await.unwrap();
        contact
    }

    /// Takes it away again.
    pub(super) async fn unreach(&self, contact: &Contact) {
        let (last, phones) = (LastFactor::MayGo, Phones::Count);
        let removal = Removal { user: contact.user, id: contact.id, last, phones };
        assert!(self.world.store.remove_contact(removal).await.unwrap());
    }

    async fn send_by(&self, method: Method, token: &Token) -> Result<(), SendError> {
        codes::send(&self.world, &self.bearer(token).await, method, None, token, &anywhere()).await
    }

    async fn verify(&self, method: Method, token: &Token, typed: &str) -> Result<Opened, ChallengeError> {
        codes::verify(&self.world, &self.bearer(token).await, method, typed, token, &anywhere()).await
    }

    /// What was sent last.
    pub(super) fn last_message(&self) -> Message {
        let sent = self.inbox.0.lock().unwrap();
        let asked_for = |message: &&Message| !matches!(message.content, Content::Notice { .. });
        sent.iter().rfind(asked_for).cloned().expect("something was sent")
    }

    pub(super) fn messages(&self) -> usize {
        let sent = self.inbox.0.lock().unwrap();
        sent.iter().filter(|message| !matches!(message.content, Content::Notice { .. })).count()
    }

    /// The code that was sent last.
    pub(super) fn last_code(&self) -> String {
        match self.last_message().content {
            Content::Code { code, .. } => code.to_string(),
            other => panic!("no code: {other:?}"),
        }
    }

    /// Ann, who is reached at these addresses, and her half session.
    async fn ann_at(&self, addresses: &[&str]) -> (User, Token) {
        let ann = self.add(ANN).await;
        for address in addresses {
            self.reach(&ann, address).await;
        }
        let half = self.half(&anywhere()).await;
        (ann, half)
    }
}

/// A code that is not this one.
pub(super) fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test]
async fn a_code_by_mail_is_the_second_step_and_not_mfa() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;

    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let Message { channel, to, content, .. } = scene.last_message();
    assert_eq!((channel, to.as_str()), (Channel::Email, MAIL));
    assert!(matches!(content, Content::Code { purpose: CodePurpose::Prove, lifetime, .. } if lifetime == 10 * MINUTE));
    let opened = scene.verify(Method::EmailCode, &half, &scene.last_code()).await.unwrap();

    let session = scene.session(&opened.token).await;
    assert!(session.authentications.iter().any(|proof| proof.method == Method::EmailCode));
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
}

#[tokio::test]
async fn a_code_to_a_phone_is_mfa() {
    for (method, channel) in [(Method::SmsCode, Channel::Sms), (Method::VoiceCode, Channel::Voice)] {
        let scene = Scene::offering(&[method]);
        let (_, half) = scene.ann_at(&[PHONE]).await;

        scene.send_by(method, &half).await.unwrap();
        assert_eq!(scene.last_message().channel, channel);
        let opened = scene.verify(method, &half, &scene.last_code()).await.unwrap();

        let session = scene.session(&opened.token).await;
        assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Mfa), "{method}");
    }
}

#[tokio::test]
async fn a_link_proves_the_mailbox_a_code_proves() {
    let scene = Scene::offering(&[Method::EmailCode, Method::EmailLink]);
    let (ann, half) = scene.ann_at(&[MAIL]).await;

    scene.send_by(Method::EmailLink, &half).await.unwrap();
    let Content::Link { url, purpose: LinkPurpose::SignIn, .. } = scene.last_message().content else { panic!() };
    let link = url.strip_prefix("https://auth.example.com/challenge/email-link?link=").unwrap().to_owned();
    let sent = codes::sent(&scene.world, &scene.bearer(&half).await, Method::EmailLink, &half).await.unwrap().unwrap();
    // Whoever fetches links from mail only looks.
    for _ in 0..3 {
        assert!(codes::is_link(&scene.world, &sent, &link));
    }
    assert!(!codes::is_link(&scene.world, &sent, &scene.world.entropy.token().to_text()));
    let opened = scene.verify(Method::EmailLink, &half, &link).await.unwrap();

    let session = scene.session(&opened.token).await;
    let contact = scene.world.store.contacts(ann.id).await.unwrap().remove(0);
    let shown = session.authentications.iter().find(|proof| proof.method == Method::EmailLink).unwrap();
    assert_eq!(shown.factor, contact.id, "one factor, however it is shown");
    assert_eq!(Level::reached(&session.authentications, scene.now()), Some(Level::Login));
}

#[tokio::test]
async fn a_code_works_once_in_its_time_and_only_the_newest() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let first = scene.last_code();
    scene.wait(MINUTE);
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let second = scene.last_code();
    assert_ne!(first, second);

    let old = scene.verify(Method::EmailCode, &half, &first).await;
    assert!(matches!(old, Err(ChallengeError::Wrong)), "{old:?}");
    let opened = scene.verify(Method::EmailCode, &half, &second).await.unwrap();
    let again = scene.verify(Method::EmailCode, &opened.token, &second).await;
    assert!(matches!(again, Err(ChallengeError::Over)), "{again:?}");
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    for (wait, is_good) in [(just_before(SentCode::LIFETIME), true), (SentCode::LIFETIME, false)] {
        let scene = Scene::offering(&[Method::EmailCode]);
        let (ann, phone) = scene.add_with_phone(ANN).await;
        scene.reach(&ann, MAIL).await;
        let token = scene.sign_in(&phone, &anywhere()).await.token;
        scene.send_by(Method::EmailCode, &token).await.unwrap();
        scene.wait(wait);

        let answer = scene.verify(Method::EmailCode, &token, &scene.last_code()).await;
        assert_eq!(answer.is_ok(), is_good, "{answer:?}");
        scene.wait(SECOND);
        sweep(&scene.world).await.unwrap();
        let kept = scene.world.store.code(token.hash(), SentPurpose::Prove).await.unwrap();
        assert!(kept.is_none(), "what is over is forgotten");
    }
}

#[tokio::test]
async fn a_code_serves_only_the_sign_in_that_asked_for_it() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, asked) = scene.ann_at(&[MAIL]).await;
    let other = scene.half(&anywhere()).await;
    scene.send_by(Method::EmailCode, &asked).await.unwrap();

    let answer = scene.verify(Method::EmailCode, &other, &scene.last_code()).await;
    assert!(matches!(answer, Err(ChallengeError::Over)), "{answer:?}");
    scene.verify(Method::EmailCode, &asked, &scene.last_code()).await.unwrap();
}

#[tokio::test]
async fn of_many_who_bring_one_code_at_once_one_gets_in() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let code = scene.last_code();

    let answers = join_all((0..64).map(|_| scene.verify(Method::EmailCode, &half, &code))).await;

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_thief_of_the_store_reads_no_code_there() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let kept = scene.world.store.code(half.hash(), SentPurpose::Prove).await.unwrap().unwrap();

    let code = scene.last_code();
    assert!(!kept.sealed.windows(6).any(|bytes| bytes == code.as_bytes()));
    let moved = SentCode { browser: scene.world.entropy.token().hash(), ..kept };
    let elsewhere = codes::is_link(&scene.world, &moved, &code);
    assert!(!elsewhere, "what is sealed for one browser opens for no other");
}

/// TH-04: a resend is no new budget, and a slip costs no try.
#[tokio::test]
async fn wrong_codes_are_counted_for_the_account_whatever_is_sent_again() {
    let scene = Scene::offering(&[Method::EmailCode, Method::SmsCode]);
    let (_, half) = scene.ann_at(&[MAIL, PHONE]).await;

    for number in 0..10 {
        if number % 5 == 0 {
            scene.send_by(Method::EmailCode, &half).await.unwrap();
            scene.wait(MINUTE);
        }
        let answer = scene.verify(Method::EmailCode, &half, other_than(&scene.last_code())).await;
        assert!(matches!(answer, Err(ChallengeError::Wrong)), "{number}: {answer:?}");
        let slip = scene.verify(Method::EmailCode, &half, "not a code").await;
        assert!(matches!(slip, Err(ChallengeError::Wrong)), "{slip:?}");
    }
    let answer = scene.verify(Method::EmailCode, &half, &scene.last_code()).await;
    assert!(matches!(answer, Err(ChallengeError::Throttled(_))), "{answer:?}");
    // What goes to the phone is another factor.
    scene.send_by(Method::SmsCode, &half).await.unwrap();
    scene.verify(Method::SmsCode, &half, &scene.last_code()).await.unwrap();
}

/// TH-06: whoever has an account can have codes sent to anybody's address, and keeps nobody's own from them.
#[tokio::test]
async fn who_gives_somebody_elses_address_keeps_no_code_from_them() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, phone) = scene.add_with_phone("eve").await;
    let Ok(Outcome::SecondFactor(eve)) = scene.password("eve", PASSWORD, &anywhere()).await else { panic!() };
    let eve = scene.code(&eve, &phone.code(), &anywhere()).await.unwrap().token;
    let (_, half) = scene.ann_at(&[MAIL]).await;
    let give =
        async || contacts::begin(&scene.world, &scene.full(&eve).await, Kind::Email, MAIL, &eve, &anywhere()).await;

    give().await.unwrap();
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let too_soon = give().await;
    assert!(matches!(too_soon, Err(ContactError::Send(SendError::TooSoon(_)))), "there is a limit to it: {too_soon:?}");
    scene.wait(MINUTE);
    give().await.unwrap();
    scene.send_by(Method::EmailCode, &half).await.unwrap();
}

/// TH-06: nor does whoever knows the password, from a browser that its owner has used.
#[tokio::test]
async fn who_knows_a_password_keeps_no_code_from_a_known_browser() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, MAIL).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let owner = Caller { browser: opened.browser, ..anywhere() };
    let (thief, token) = (from("203.0.113.9"), scene.half(&from("203.0.113.9")).await);
    let send = async |token: &Token, caller: &Caller| {
        codes::send(&scene.world, &scene.bearer(token).await, Method::EmailCode, None, token, caller).await
    };
    for _ in 0..SENDS.free {
        send(&token, &thief).await.unwrap();
        scene.wait(MINUTE);
    }
    assert!(matches!(send(&token, &thief).await, Err(SendError::TooSoon(_))));

    send(&opened.token, &owner).await.unwrap();
    let too_soon = send(&opened.token, &owner).await;
    assert!(matches!(too_soon, Err(SendError::TooSoon(_))), "there is a limit to that, too: {too_soon:?}");
}

#[tokio::test]
async fn one_message_a_minute_and_five_an_hour() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, MAIL).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    let closed_until = |answer: Result<(), SendError>| match answer {
        Err(SendError::TooSoon(Closed::Until(at))) => at,
        other => panic!("it was not refused: {other:?}"),
    };

    for number in 0..5 {
        scene.send_by(Method::EmailCode, &token).await.unwrap();
        let until = closed_until(scene.send_by(Method::EmailCode, &token).await);
        // From a new browser too: the account pays, and the address.
        let half = scene.half(&from("203.0.113.9")).await;
        closed_until(scene.send_by(Method::EmailCode, &half).await);
        assert!(number == 4 || until == scene.now() + MINUTE);
        scene.wait(MINUTE);
    }
    let until = closed_until(scene.send_by(Method::EmailCode, &token).await);
    assert!(until > scene.now() + 58 * MINUTE, "the sixth waits for the hour");
    assert_eq!(scene.messages(), 5);
}

#[tokio::test]
async fn an_address_that_two_accounts_share_is_not_written_to_twice_as_often() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    let bob = scene.add("bob").await;
    scene.reach(&bob, "ANN@example.com").await;
    let Ok(Outcome::SecondFactor(bobs)) = scene.password("bob", super::PASSWORD, &anywhere()).await else { panic!() };

    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let answer = scene.send_by(Method::EmailCode, &bobs).await;
    assert!(matches!(answer, Err(SendError::TooSoon(_))), "{answer:?}");
}

#[tokio::test]
async fn a_network_whose_codes_nobody_types_is_slowed_and_what_arrives_is_taken_back() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let robot: Caller = from("203.0.113.9");
    let mut sent = 0;
    for number in 0..60u32 {
        let name = format!("user{number}");
        let user = scene.add(&name).await;
        scene.reach(&user, &format!("+44207946{number:04}")).await;
        let Ok(Outcome::SecondFactor(half)) = scene.password(&name, super::PASSWORD, &anywhere()).await else {
            panic!()
        };
        let bearer = scene.bearer(&half).await;
        match codes::send(&scene.world, &bearer, Method::SmsCode, None, &half, &robot).await {
            Ok(()) => sent += 1,
            Err(SendError::TooSoon(_)) => {}
            Err(error) => panic!("{error}"),
        }
        if number == 0 {
            codes::verify(&scene.world, &bearer, Method::SmsCode, &scene.last_code(), &half, &robot).await.unwrap();
        }
    }
    assert_eq!(sent, 51, "fifty that were lost, and the one that was typed in");
}

#[tokio::test]
async fn nothing_goes_to_countries_that_the_operator_did_not_name() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (_, half) = scene.ann_at(&["+19005550123"]).await;

    let answer = scene.send_by(Method::SmsCode, &half).await;

    assert!(matches!(answer, Err(SendError::Country)), "{answer:?}");
    assert_eq!(scene.messages(), 0);
}

#[tokio::test]
async fn a_message_that_can_not_go_out_ends_nothing_and_costs_no_wait() {
    let mut scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let code = scene.last_code();
    scene.wait(MINUTE);
    scene.world.messenger = Arc::new(Down);

    for _ in 0..2 {
        let answer = scene.send_by(Method::EmailCode, &half).await;
        assert!(matches!(answer, Err(SendError::NotSent(NotSent::Unavailable(_)))), "{answer:?}");
    }
    scene.verify(Method::EmailCode, &half, &code).await.expect("what was sent before still counts");
}

#[tokio::test]
async fn an_unverified_address_proves_nothing() {
    let scene = Scene::offering(&[Method::EmailCode, Method::SmsCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    for address in [MAIL, PHONE] {
        let contact = scene.reach(&ann, address).await;
        scene.world.store.put_contact(&Contact { verified_at: None, ..contact }).await.unwrap();
    }
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    assert_eq!(held(&scene.world, ann.id).await.unwrap(), [Method::Totp, Method::Password]);
    for method in [Method::EmailCode, Method::SmsCode] {
        let answer = scene.send_by(method, &token).await;
        assert!(matches!(answer, Err(SendError::NotEnrolled)), "{answer:?}");
    }
    assert_eq!(scene.full(&token).await.identity.user.email, None, "no application hears of it");
}

#[tokio::test]
async fn a_method_that_is_not_offered_sends_and_proves_nothing() {
    let scene = Scene::offering(&[Method::EmailLink]);
    let (_, half) = scene.ann_at(&[MAIL, PHONE]).await;

    for method in [Method::EmailCode, Method::SmsCode, Method::VoiceCode, Method::Totp] {
        let answer = scene.send_by(method, &half).await;
        assert!(matches!(answer, Err(SendError::NotEnrolled)), "{method}: {answer:?}");
    }
    let nobody = scene.world.entropy.token();
    let answer = scene.send_by(Method::EmailLink, &nobody).await;
    assert!(matches!(answer, Err(SendError::Gone)), "{answer:?}");
}

#[tokio::test]
async fn a_code_to_an_address_that_was_changed_meanwhile_is_over() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, half) = scene.ann_at(&[MAIL]).await;
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let code = scene.last_code();
    scene.reach(&ann, "ann@example.org").await;

    let answer = scene.verify(Method::EmailCode, &half, &code).await;

    assert!(matches!(answer, Err(ChallengeError::Over)), "{answer:?}");
}

#[tokio::test]
async fn a_mailbox_sets_up_no_first_factor_unless_the_operator_says_so() {
    let scene = Scene::offering(&[Method::EmailCode, Method::SmsCode]);
    let (ann, half) = scene.ann_at(&[MAIL]).await;
    scene.world.store.set_enrol_until(ann.id, None).await.unwrap();
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let opened = scene.verify(Method::EmailCode, &half, &scene.last_code()).await.unwrap();

    // Whoever reads the mail has chosen the password, too: neither an app, nor a key, nor a phone of theirs counts.
    for method in [Method::Totp, Method::Passkey] {
        let refused = factors::may_add(&scene.world, &scene.bearer(&opened.token).await, method).await;
        assert!(matches!(refused, Err(ChangeError::NeedsOperator)), "{method}: {refused:?}");
    }
    let refused = contacts::may_change(&scene.world, &scene.full(&opened.token).await, Kind::Phone).await;
    assert!(matches!(refused, Err(ContactError::NeedsOperator)), "{refused:?}");
}

#[tokio::test]
async fn a_password_alone_gives_no_phone_that_would_be_the_first_factor() {
    let mut scene = Scene::offering(&[Method::SmsCode]).asked_for_more();
    scene.world.settings.requirements.everybody = Requirement::Optional;
    let ann = scene.add(ANN).await;
    scene.reach(&ann, MAIL).await;
    let Outcome::Done(opened) = scene.password(ANN, PASSWORD, &anywhere()).await.unwrap() else { panic!() };
    let full = scene.full(&opened.token).await;
    contacts::may_change(&scene.world, &full, Kind::Phone).await.unwrap();

    scene.world.store.set_enrol_until(ann.id, None).await.unwrap();
    let refused = contacts::may_change(&scene.world, &full, Kind::Phone).await;

    assert!(matches!(refused, Err(ContactError::NeedsOperator)), "{refused:?}");
}

#[tokio::test]
async fn whoever_read_a_mail_sets_up_something_stronger_where_the_operator_says_so() {
    let mut scene = Scene::offering(&[Method::EmailCode]);
    scene.world.settings.first_factor = FirstFactor::Mailbox;
    let (ann, half) = scene.ann_at(&[MAIL]).await;
    scene.world.store.set_enrol_until(ann.id, None).await.unwrap();
    let offered = enroll::offer(&scene.world, &scene.bearer(&half).await).await;
    assert!(matches!(offered, Err(ChangeError::Challenge(ChallengeError::Gone))), "the password alone sets nothing up");
    scene.send_by(Method::EmailCode, &half).await.unwrap();
    let opened = scene.verify(Method::EmailCode, &half, &scene.last_code()).await.unwrap();

    let bearer = scene.bearer(&opened.token).await;
    factors::may_add(&scene.world, &bearer, Method::Passkey).await.unwrap();
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let code = offer.key.code_shown(scene.now());
    let opened = enroll::confirm(&scene.world, &bearer, &offer.sealed, &code, "", &anywhere()).await.unwrap();
    assert_eq!(Level::reached(&scene.session(&opened.token).await.authentications, scene.now()), Some(Level::Mfa));

    // From now on the app is the strongest, and mail no longer opens changes.
    scene.wait(6 * MINUTE);
    let full = scene.full(&opened.token).await;
    let missing = factors::missing_for_change(&scene.world, &full, Change::Account).await.unwrap().unwrap();
    assert!(!missing.helped_by(Method::EmailCode, &full.identity.session.authentications, scene.now()));
    assert!(missing.helped_by(Method::Totp, &full.identity.session.authentications, scene.now()));
}

#[tokio::test]
async fn a_code_opens_nothing_while_any_part_of_it_fails() {
    for number in 1..24 {
        let store = Gated::default();
        let gate = Arc::clone(&store.gate);
        let scene = Scene::with(Requirement::Required, store).offer(&[Method::EmailCode]);
        let (_, half) = scene.ann_at(&[MAIL]).await;
        scene.send_by(Method::EmailCode, &half).await.unwrap();
        let (bearer, code): (Bearer, String) = (scene.bearer(&half).await, scene.last_code());
        gate.fail(number);
        let answer = codes::verify(&scene.world, &bearer, Method::EmailCode, &code, &half, &anywhere()).await;
        match (gate.heal(), answer) {
            (true, Err(ChallengeError::Store(_))) => {}
            (false, Ok(_)) => {
                assert!(number > 8, "it made only {number} calls");
                return;
            }
            (_, other) => panic!("call {number}: {other:?}"),
        }
    }
    panic!("it makes more calls than this test counts");
}

#[tokio::test]
async fn the_wait_before_another_is_a_minute_by_the_clock() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (_, half) = scene.ann_at(&[MAIL]).await;
    let began: Timestamp = scene.now();
    scene.send_by(Method::EmailCode, &half).await.unwrap();

    scene.set(began + just_before(MINUTE));
    assert!(matches!(scene.send_by(Method::EmailCode, &half).await, Err(SendError::TooSoon(_))));
    scene.set(began + MINUTE);
    scene.send_by(Method::EmailCode, &half).await.unwrap();
}

#[tokio::test]
async fn a_phone_can_be_asked_for_first() {
    let scene = Scene::offering(&[Method::SmsCode, Method::VoiceCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let number = scene.reach(&ann, PHONE).await;
    let full = scene.full(&scene.sign_in(&phone, &anywhere()).await.token).await;

    factors::set_primary(&scene.world, &full, number.id, &anywhere()).await.unwrap();

    let order = async || offered(&scene.world, ann.id).await.unwrap();
    assert_eq!(order().await, [Method::SmsCode, Method::VoiceCode, Method::Totp, Method::Password]);
    // Another number is another choice.
    scene.reach(&ann, "+442079460999").await;
    assert_eq!(order().await[0], Method::Totp);
    let (bob, _) = scene.add_with_phone("bob").await;
    let bobs = scene.reach(&bob, "+442079460111").await;
    let refused = factors::set_primary(&scene.world, &full, bobs.id, &anywhere()).await;
    assert!(matches!(refused, Err(ChangeError::Unknown)), "{refused:?}");
}
