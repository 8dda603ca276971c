//! Changes to second factors.

use super::book::Book;
use crate::{
    domain::factor::{KeyKind, Method},
    flows::{
        challenge::held,
        enroll, factors, passkeys, password, recovery,
        sessions::Bearer,
        tests::{
            ORIGIN, Phone,
            passkeys::{Laptop, part},
            security_keys::Token2F,
        },
    },
    ports::store::OtherSessions,
};
use std::sync::Arc;

impl Book {
    /// Somebody is about to add a factor.
    async fn has_right(&self, browser: usize, bearer: &Bearer) {
        assert!(self.may_add(browser, bearer).await, "a factor is added by nobody's leave");
    }

    pub(super) async fn enrol(&mut self, browser: usize) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let Ok(offer) = enroll::offer(&self.scene.world, &bearer).await else { return };
        let user = bearer.user().unwrap().id;
        let code = offer.key.code_shown(self.scene.now());
        self.has_right(browser, &bearer).await;
        let caller = self.caller(browser);
        let answer = enroll::confirm(&self.scene.world, &bearer, &offer.sealed, &code, "", &caller).await;
        let Ok(opened) = answer else { return };
        let kept = self.scene.world.store.totp_factors(user).await.unwrap();
        let phones = self.phones.entry(user).or_default();
        let before = phones.len();
        phones.retain(|(id, _)| kept.iter().any(|factor| factor.id == *id));
        let is_replaced = phones.len() < before;
        let new = kept.iter().find(|factor| phones.iter().all(|(id, _)| *id != factor.id)).unwrap().id;
        phones.push((new, Phone { key: offer.key, clock: Arc::clone(&self.scene.clock) }));
        assert_eq!(kept.len(), phones.len());
        assert!(!is_replaced || self.is_recovered(browser), "an app is replaced without a loss");
        self.typed.push(code.clone());
        self.take(browser, user, &code);
        self.forget(user);
        self.arrive(browser, opened);
        self.done.insert(if is_replaced { "app replaced" } else { "app added" });
    }

    pub(super) async fn make_passkey(&mut self, browser: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let (world, caller) = (&self.scene.world, self.caller(browser));
        let asked = passkeys::begin_enrolment(world, &bearer, KeyKind::Passkey, &token, &caller).await;
        let Ok(asked) = asked else { return };
        self.has_right(browser, &bearer).await;
        let mut laptop = Laptop::new();
        let (text, made) = (asked.token.to_text(), laptop.make(&asked.options, ORIGIN).to_string());
        let answer = passkeys::enroll(world, &bearer, KeyKind::Passkey, part(&text, &made, &token), "", &caller).await;
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        let kept = world.store.passkeys(user).await.unwrap();
        let laptops = self.laptops.entry(user).or_default();
        let is_new = |id| laptops.iter().all(|(known, _)| *known != id);
        let new = kept.iter().find(|factor| factor.kind == KeyKind::Passkey && is_new(factor.id)).unwrap().id;
        laptops.push((new, laptop));
        self.proven[browser].push((user, Method::Passkey, self.scene.now()));
        self.forget(user);
        self.arrive(browser, opened);
        self.done.insert("passkey made");
    }

    pub(super) async fn make_key(&mut self, browser: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let (world, caller, kind) = (&self.scene.world, self.caller(browser), KeyKind::SecurityKey);
        let Ok(asked) = passkeys::begin_enrolment(world, &bearer, kind, &token, &caller).await else { return };
        self.has_right(browser, &bearer).await;
        let mut key = Token2F::new();
        let (text, made) = (asked.token.to_text(), key.make(&asked.options).to_string());
        let answer = passkeys::enroll(world, &bearer, kind, part(&text, &made, &token), "", &caller).await;
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        let kept = world.store.passkeys(user).await.unwrap();
        let keys = self.keys.entry(user).or_default();
        let is_new = |id| keys.iter().all(|(known, _)| *known != id);
        let new = kept.iter().find(|factor| factor.kind == kind && is_new(factor.id)).unwrap().id;
        keys.push((new, key));
        self.proven[browser].push((user, Method::SecurityKey, self.scene.now()));
        self.forget(user);
        self.arrive(browser, opened);
        self.done.insert("key made");
    }

    pub(super) async fn change_password(&mut self, browser: usize, right: bool, ends: bool) {
        let Some(full) = self.full(browser).await else { return };
        let (world, user) = (&self.scene.world, full.identity.user.id);
        let is_all = held(world, user).await.unwrap()[0] == Method::Password;
        let is_fresh = is_all || self.is_strongest_fresh(browser, user).await;
        let present = if right { self.passwords[&user].last().unwrap().clone() } else { "wrong".to_owned() };
        let new = format!("nine loud herons {}", self.passwords[&user].len());
        let others = if ends { OtherSessions::End } else { OtherSessions::Stay };
        let changed = password::update(world, &full, &present, &new, others, &self.caller(browser)).await;
        let Ok(changed) = changed else { return };
        assert!(right && is_fresh, "a password is changed without a fresh proof");
        self.passwords.entry(user).or_default().push(new);
        self.proven[browser].push((user, Method::Password, self.scene.now()));
        self.forget(user);
        self.arrive(browser, changed.opened);
        if ends {
            self.is_out(user, Some(browser)).await;
        }
        self.done.insert("password changed");
    }

    pub(super) async fn make_codes(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        let is_fresh = self.is_strongest_fresh(browser, full.identity.user.id).await;
        let Ok(codes) = recovery::generate(&self.scene.world, &full, &self.caller(browser)).await else { return };
        assert!(is_fresh, "codes are made without a fresh proof by the strongest there is");
        let codes = codes.iter().map(|code| code.to_text().to_string()).collect();
        self.void.extend(self.codes.insert(full.identity.user.id, codes).unwrap_or_default());
        self.done.insert("codes made");
    }

    pub(super) async fn remove(&mut self, browser: usize, user: usize, nth: usize) {
        let (Some(full), Some(user)) = (self.full(browser).await, self.user(user)) else { return };
        let world = &self.scene.world;
        let owned = factors::second_factors(world, user).await.unwrap();
        let Some(id) = owned.get(nth).map(|factor| factor.id) else { return };
        let is_fresh = self.is_strongest_fresh(browser, full.identity.user.id).await || self.is_recovered(browser);
        if factors::remove(world, &full, id, &self.caller(browser)).await.is_err() {
            return;
        }
        assert_eq!(full.identity.user.id, user, "somebody else's factor was removed");
        assert!(is_fresh, "a removal without a fresh proof");
        assert!(
            !self.house.asks_for_more() || world.has_second_factor(user).await.unwrap(),
            "the last second factor is gone"
        );
        // Whoever keeps the device may go on trying: it must be refused.
        self.phones.entry(user).or_default().retain(|(own, _)| *own != id);
        self.forget(user);
        self.done.insert("factor removed");
    }

    pub(super) async fn rename(&mut self, browser: usize, nth: usize) {
        let Some(full) = self.full(browser).await else { return };
        let (world, user) = (&self.scene.world, full.identity.user.id);
        let owned = factors::second_factors(world, user).await.unwrap();
        let Some(factor) = owned.get(nth) else { return };
        if factors::rename(world, &full, factor.id, "Ours", &self.caller(browser)).await.is_ok() {
            let is_fresh = self.is_strongest_fresh(browser, user).await || self.is_recovered(browser);
            assert!(is_fresh, "renamed without a fresh proof");
            self.done.insert("factor renamed");
        }
    }

    pub(super) async fn set_primary(&mut self, browser: usize, user: usize, nth: usize) {
        let (Some(full), Some(user)) = (self.full(browser).await, self.user(user)) else { return };
        let world = &self.scene.world;
        let owned = factors::second_factors(world, user).await.unwrap().into_iter().map(|factor| factor.id);
        let reached = world.store.contacts(user).await.unwrap().into_iter().map(|contact| contact.id);
        let Some(id) = owned.chain(reached).nth(nth) else { return };
        if factors::set_primary(world, &full, id, &self.caller(browser)).await.is_ok() {
            assert_eq!(full.identity.user.id, user, "somebody else's factor is asked for first");
            let is_fresh = self.is_strongest_fresh(browser, user).await || self.is_recovered(browser);
            assert!(is_fresh, "asked for first without a fresh proof");
            self.done.insert("asked for first");
        }
    }
}
