//! Codes and links that are sent, and the addresses that they are sent to.

use super::book::{Book, Sent};
use crate::{
    domain::{
        contact::{Channel, Kind},
        factor::Method,
        secret::{Token, TokenHash},
        user::UserId,
    },
    flows::{codes, contacts},
    ports::messages::Content,
};

const SENT_BY: [Method; 4] = [Method::EmailCode, Method::EmailLink, Method::SmsCode, Method::VoiceCode];

impl Book {
    pub(super) async fn ask(&mut self, browser: usize, method: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let (world, method, caller) = (&self.scene.world, SENT_BY[method], self.caller(browser));
        if codes::send(world, &bearer, method, None, &token, &caller).await.is_ok() {
            let user = bearer.user().unwrap().id;
            self.is_sent(method, true, token.hash(), user);
        }
    }

    /// The last message is of this kind: it takes the place of what the same token asked for to the same end.
    fn is_sent(&mut self, method: Method, proves: bool, asked: TokenHash, user: UserId) {
        let text = match self.scene.last_message().content {
            Content::Code { code, .. } => code.to_string(),
            Content::Link { url, .. } => {
                let (_, link) = url.split_once("link=").unwrap();
                link.to_owned()
            }
            other => panic!("neither a code nor a link: {other:?}"),
        };
        let sent = Sent { text, method, proves, asked, user, over: false };
        let end = |sent: &Sent| (sent.proves, (!sent.proves).then(|| sent.method.channel().map(Channel::kind)));
        let is_same_end = |other: &&mut Sent| other.asked == asked && end(other) == end(&sent);
        self.sent.iter_mut().filter(is_same_end).for_each(|other| other.over = true);
        self.sent.push(sent);
        self.done.insert("code sent");
    }

    pub(super) async fn type_sent(&mut self, browser: usize, nth: usize, proves: bool) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let Some(sent) = self.sent.iter().rev().nth(nth) else { return };
        let (text, method) = (sent.text.clone(), sent.method);
        let (world, caller) = (&self.scene.world, self.caller(browser));
        if proves {
            let Ok(opened) = codes::verify(world, &bearer, method, &text, &token, &caller).await else { return };
            let user = bearer.user().unwrap().id;
            self.is_spent(&text, method, true, &token, user);
            let kind = method.channel().map(Channel::kind);
            let contacts = self.scene.world.store.contacts(user).await.unwrap();
            assert!(contacts.iter().any(|contact| Some(contact.address.kind()) == kind), "proven by no address");
            self.proven[browser].push((user, method, self.scene.now()));
            self.arrive(browser, opened);
            self.done.insert("proven by what was sent");
        } else if let (Some(full), Some(channel)) = (self.full(browser).await, method.channel()) {
            let confirmed = contacts::confirm(world, &full, channel.kind(), &text, &token, &caller).await;
            if confirmed.is_ok() {
                self.is_spent(&text, method, false, &token, full.identity.user.id);
                self.forget(full.identity.user.id);
                self.done.insert("address proven");
            }
        }
    }

    /// Something was taken: it was the newest that this token asked for to this end, for this user, and is used now.
    fn is_spent(&mut self, text: &str, method: Method, proves: bool, token: &Token, user: UserId) {
        let is_it = |sent: &&mut Sent| {
            sent.text == text
                && sent.method == method
                && sent.proves == proves
                && sent.asked == token.hash()
                && sent.user == user
        };
        let spent = self.sent.iter_mut().rev().find(is_it).expect("taken, and never sent to whoever brings it");
        assert!(!spent.over, "a {method} worked twice, or after a newer one");
        spent.over = true;
    }

    pub(super) async fn give_address(&mut self, browser: usize, phone: bool) {
        let (Some(full), Some(token)) = (self.full(browser).await, self.tokens[browser].clone()) else { return };
        let (user, number) = (full.identity.user.id, self.sent.len() % 100);
        let (kind, typed) = if phone {
            (Kind::Phone, format!("+4420794600{number:02}"))
        } else {
            (Kind::Email, format!("new{number}@example.com"))
        };
        let is_fresh = self.is_strongest_fresh(browser, user).await;
        let begun = contacts::begin(&self.scene.world, &full, kind, &typed, &token, &self.caller(browser)).await;
        if begun.is_ok() {
            assert!(is_fresh, "an address is given without a fresh proof");
            let method = if phone { Method::SmsCode } else { Method::EmailCode };
            self.is_sent(method, false, token.hash(), user);
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
