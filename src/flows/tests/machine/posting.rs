//! Codes and links that are sent, and the addresses that they are sent to.

use super::{
    acts::End,
    book::{Book, Sent},
    houses::House,
};
use crate::{
    domain::{
        contact::{Channel, Kind},
        factor::Method,
        secret::{Token, TokenHash},
        time::Timestamp,
        user::UserId,
    },
    flows::{codes, contacts, first_factor, phones, sessions::Bearer, tests::MINUTE},
    ports::{
        messages::Content,
        store::{SentCode, SentPurpose},
    },
};

const SENT_BY: [Method; 4] = [Method::EmailCode, Method::EmailLink, Method::SmsCode, Method::VoiceCode];

impl Book {
    pub(super) async fn ask(&mut self, browser: usize, method: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let (world, method, caller) = (&self.scene.world, SENT_BY[method], self.caller(browser));
        if codes::send(world, &bearer, method, None, &token, &caller).await.is_ok() {
            let user = bearer.user().unwrap().id;
            self.is_sent(method, SentPurpose::Prove, token.hash(), user);
        }
    }

    pub(super) async fn ask_mailbox(&mut self, browser: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        if first_factor::send(&self.scene.world, &bearer, &token, &self.caller(browser)).await.is_ok() {
            self.is_sent(Method::EmailCode, SentPurpose::SetUp, token.hash(), bearer.user().unwrap().id);
        }
    }

    /// The last message is of this kind: it takes the place of what the same token asked for to the same end.
    fn is_sent(&mut self, method: Method, purpose: SentPurpose, asked: TokenHash, user: UserId) {
        let text = match self.scene.last_message().content {
            Content::Code { code, .. } => code.to_string(),
            Content::Link { url, .. } => {
                let (_, link) = url.split_once("link=").unwrap();
                link.to_owned()
            }
            other => panic!("neither a code nor a link: {other:?}"),
        };
        let is_same_end = |other: &&mut Sent| other.asked == asked && other.purpose == purpose;
        self.sent.iter_mut().filter(is_same_end).for_each(|other| other.over = true);
        self.sent.push(Sent { text, method, purpose, asked, user, at: self.scene.now(), over: false });
        self.done.insert("code sent");
    }

    pub(super) async fn type_sent(&mut self, browser: usize, nth: usize, end: End) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let Some(sent) = self.sent.iter().rev().nth(nth) else { return };
        let (text, method) = (sent.text.clone(), sent.method);
        match end {
            End::Proof => self.prove_by_sent(browser, &bearer, &token, method, &text).await,
            End::Address => self.confirm_address(browser, &token, method, &text).await,
            End::Phone => self.confirm_phone(browser, &bearer, &token, method, &text).await,
            End::SetUp => self.open_set_up(browser, &bearer, &token, &text).await,
        }
    }

    async fn prove_by_sent(&mut self, browser: usize, bearer: &Bearer, token: &Token, method: Method, text: &str) {
        let (world, caller) = (&self.scene.world, self.caller(browser));
        let Ok(opened) = codes::verify(world, bearer, method, text, token, &caller).await else { return };
        let user = bearer.user().unwrap().id;
        self.is_spent(text, method, SentPurpose::Prove, token, user);
        let kind = method.channel().map(Channel::kind);
        let contacts = self.scene.world.store.contacts(user).await.unwrap();
        assert!(contacts.iter().any(|contact| Some(contact.address.kind()) == kind), "proven by no address");
        self.proven[browser].push((user, method, self.scene.now()));
        self.arrive(browser, opened);
        self.done.insert("proven by what was sent");
    }

    async fn confirm_address(&mut self, browser: usize, token: &Token, method: Method, text: &str) {
        let (Some(full), Some(channel)) = (self.full(browser).await, method.channel()) else { return };
        let (user, kind) = (full.identity.user.id, channel.kind());
        let is_open = self.is_open_to(browser, user, kind).await;
        let confirmed = contacts::confirm(&self.scene.world, &full, kind, text, token, &self.caller(browser)).await;
        if confirmed.is_ok() {
            assert!(is_open, "an address opens more than its owner may open");
            let given_at = self.is_spent(text, method, SentPurpose::Verify(kind), token, user);
            let lock = self.locked[browser];
            assert!(lock.is_none_or(|locked_at| given_at > locked_at), "an address is taken that a lock took back");
            self.forget(user);
            self.done.insert("address proven");
        }
    }

    async fn confirm_phone(&mut self, browser: usize, bearer: &Bearer, token: &Token, method: Method, text: &str) {
        let (Some(user), caller) = (bearer.user().map(|user| user.id), self.caller(browser)) else { return };
        let may_add = self.may_add(browser, bearer).await;
        let opened = phones::confirm(&self.scene.world, bearer, method, text, token, &caller).await;
        let Ok(opened) = opened else { return };
        assert!(may_add, "a phone is added by nobody's leave");
        self.is_spent(text, method, SentPurpose::Verify(Kind::Phone), token, user);
        self.proven[browser].push((user, method, self.scene.now()));
        self.forget(user);
        self.arrive(browser, opened);
        self.done.insert("phone added");
    }

    async fn open_set_up(&mut self, browser: usize, bearer: &Bearer, token: &Token, text: &str) {
        let opened = first_factor::open(&self.scene.world, bearer, text, token, &self.caller(browser)).await;
        if opened.is_err() {
            return;
        }
        let user = bearer.user().unwrap().id;
        self.is_spent(text, Method::EmailCode, SentPurpose::SetUp, token, user);
        // Open to this browser, and to none where it was open before.
        for other in self.opened.iter_mut().filter(|other| other.is_some_and(|(owner, _)| owner == user)) {
            *other = None;
        }
        self.opened[browser] = Some((user, self.scene.now() + 15 * MINUTE));
        self.done.insert("opened by mail");
    }

    /// Something was taken: it was the newest that this token asked for to this end, for this user, a moment ago, and is used
    /// now. When it was sent.
    fn is_spent(&mut self, text: &str, method: Method, purpose: SentPurpose, token: &Token, user: UserId) -> Timestamp {
        let now = self.scene.now();
        let is_it = |sent: &&mut Sent| {
            sent.text == text
                && sent.method == method
                && sent.purpose == purpose
                && sent.asked == token.hash()
                && sent.user == user
        };
        let spent = self.sent.iter_mut().rev().find(is_it).expect("taken, and never sent to whoever brings it");
        assert!(!spent.over, "a {method} worked twice, or after a newer one");
        assert!(spent.at.age(now).is_some_and(|age| age < SentCode::LIFETIME), "a {method} worked after its time");
        spent.over = true;
        spent.at
    }

    /// Whether somebody may give another address of this kind: the strongest they have was proven just now, and what the address
    /// opens is open to them.
    async fn may_give(&self, browser: usize, user: UserId, kind: Kind) -> bool {
        self.is_strongest_fresh(browser, user).await && self.is_open_to(browser, user, kind).await
    }

    /// Where an address is a factor, or opens the first one: whether somebody may add a factor, if their proof is fresh.
    async fn is_open_to(&self, browser: usize, user: UserId, kind: Kind) -> bool {
        let opens_more = kind == Kind::Phone || matches!(self.house, House::Mailbox);
        !opens_more || self.has_enough(user).await || self.is_first(browser, user).await
    }

    /// A number that nobody had before.
    fn number(&self) -> String {
        format!("+4420794600{:02}", self.sent.len() % 100)
    }

    pub(super) async fn give_phone(&mut self, browser: usize, is_called: bool) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let method = if is_called { Method::VoiceCode } else { Method::SmsCode };
        let (number, caller) = (self.number(), self.caller(browser));
        if phones::begin(&self.scene.world, &bearer, method, &number, &token, &caller).await.is_ok() {
            assert!(self.may_add(browser, &bearer).await, "a phone is given by nobody's leave");
            self.is_sent(method, SentPurpose::Verify(Kind::Phone), token.hash(), bearer.user().unwrap().id);
        }
    }

    pub(super) async fn give_address(&mut self, browser: usize, phone: bool) {
        let (Some(full), Some(token)) = (self.full(browser).await, self.tokens[browser].clone()) else { return };
        let (kind, method, typed) = if phone {
            (Kind::Phone, Method::SmsCode, self.number())
        } else {
            (Kind::Email, Method::EmailCode, format!("new{}@example.com", self.sent.len() % 100))
        };
        let begun = contacts::begin(&self.scene.world, &full, kind, &typed, &token, &self.caller(browser)).await;
        if begun.is_ok() {
            let user = full.identity.user.id;
            assert!(self.may_give(browser, user, kind).await, "an address is given without a fresh proof");
            self.is_sent(method, SentPurpose::Verify(kind), token.hash(), user);
            self.done.insert("address given");
        }
    }

    pub(super) async fn drop_address(&mut self, browser: usize, phone: bool) {
        let Some(full) = self.full(browser).await else { return };
        let user = full.identity.user.id;
        let is_fresh = self.is_strongest_fresh(browser, user).await;
        let kind = if phone { Kind::Phone } else { Kind::Email };
        if contacts::remove(&self.scene.world, &full, kind, &self.caller(browser)).await.is_ok() {
            assert!(is_fresh, "an address is dropped without a fresh proof");
            self.forget(user);
            self.done.insert("address dropped");
        }
    }
}
