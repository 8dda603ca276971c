//! Signing in and stepping up.

use super::{book::Book, houses::Before};
use crate::{
    domain::{
        factor::{KeyKind, Method},
        secret::Token,
        session::Level,
        user::UserId,
    },
    flows::{
        challenge::{answer_password, answer_totp},
        devices, passkeys, recovery,
        sessions::{Bearer, sign_out},
        sign_in::{Opened, Outcome},
        tests::passkeys::part,
    },
};

impl Book {
    pub(super) async fn password(&mut self, browser: usize, nth: usize, age: usize) {
        let Some((user, name)) = self.people.get(nth).cloned() else { return };
        let typed = self.passwords[&user].iter().rev().nth(age).cloned();
        let typed = typed.unwrap_or_else(|| "wrong".to_owned());
        let before = self.before(user).await;
        let outcome = self.scene.password(&name, &typed, &self.caller(browser)).await;
        let Ok(outcome) = outcome else { return };
        assert_eq!(self.passwords[&user].last(), Some(&typed), "a password was taken that is not the present one");
        self.enter(browser, user, outcome, &before).await;
    }

    /// A password was right: the browser holds what it led to.
    pub(super) async fn enter(&mut self, browser: usize, user: UserId, outcome: Outcome, before: &Before) {
        // As the portal does: what the browser held before ends.
        if let Some(old) = &self.tokens[browser] {
            sign_out(&self.scene.world, old, &self.caller(browser)).await.unwrap();
        }
        self.begin(browser, vec![(user, Method::Password, self.scene.now())]);
        let mark = self.marks[browser].as_ref().map(Token::hash);
        let (opened, what) = match outcome {
            Outcome::SecondFactor(token) | Outcome::Enrol(token) => return self.hold(browser, Some(token)),
            Outcome::Grace(opened) => {
                assert!(self.may_be_let_pass(user, before), "grace that nobody gave");
                self.graces.entry(user).or_insert(self.scene.now());
                (opened, "let pass")
            }
            Outcome::Done(opened) => {
                assert!(self.may_be_alone(mark, user, before), "a step was spared");
                let is_remembered = mark.is_some_and(|mark| self.remembered.contains(&(mark, user)));
                (opened, if is_remembered { "remembered" } else { "password alone" })
            }
        };
        let session = self.scene.session(&opened.token).await;
        assert_eq!(Level::reached(&session.authentications, self.scene.now()), Some(Level::Login));
        self.arrive(browser, opened);
        self.done.insert(what);
    }

    pub(super) async fn password_again(&mut self, browser: usize, right: bool) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let Some(user) = bearer.user().map(|user| user.id) else { return };
        let typed = if right { self.passwords[&user].last().unwrap().clone() } else { "wrong".to_owned() };
        let answer = answer_password(&self.scene.world, &bearer, &typed, &self.caller(browser)).await;
        let Ok(opened) = answer else { return };
        assert!(right && matches!(bearer, Bearer::Full(_)), "a half session or a wrong password was taken");
        self.proven[browser].push((user, Method::Password, self.scene.now()));
        self.arrive(browser, opened);
        self.done.insert("password again");
    }

    pub(super) async fn code(&mut self, browser: usize, code: String) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = answer_totp(&self.scene.world, &bearer, &code, &self.caller(browser)).await;
        self.typed.push(code.clone());
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        self.take(browser, user, &code);
        self.arrive(browser, opened);
        self.done.insert("code by app");
    }

    pub(super) async fn passkey(&mut self, browser: usize, nth_user: usize, nth: usize, alone: bool) {
        let Some(user) = self.user(nth_user) else { return };
        let owner = self.scene.world.store.account(user).await.unwrap().unwrap().user;
        let (bearer, caller) = (self.bearer(browser).await, self.caller(browser));
        let world = &self.scene.world;
        let token = self.tokens[browser].clone().unwrap_or_else(|| world.entropy.token());
        let Some((_, laptop)) = self.laptops.get_mut(&user).and_then(|laptops| laptops.get_mut(nth)) else { return };
        let asked = match (&bearer, alone) {
            (Some(bearer), false) => passkeys::begin_proof(world, bearer, KeyKind::Passkey, &token, &caller).await,
            _ => passkeys::begin_sign_in(world, &token, &caller).await,
        };
        let Ok(asked) = asked else { return };
        let (text, answer) = (asked.token.to_text(), laptop.answer(&asked.options, &owner).to_string());
        let answer = part(&text, &answer, &token);
        let proof = (user, Method::Passkey, self.scene.now());
        let opened = if let (Some(bearer), false) = (&bearer, alone) {
            let Ok(opened) = passkeys::answer(world, bearer, KeyKind::Passkey, answer, &caller).await else { return };
            assert_eq!(bearer.user().unwrap().id, user, "somebody else's passkey was taken");
            self.proven[browser].push(proof);
            self.done.insert("passkey proven");
            opened
        } else {
            let Ok(opened) = passkeys::sign_in(world, answer, &caller).await else { return };
            if let Some(old) = &self.tokens[browser] {
                sign_out(world, old, &caller).await.unwrap();
            }
            self.begin(browser, vec![proof]);
            self.done.insert("passkey alone");
            opened
        };
        let kept = self.scene.world.store.passkeys(user).await.unwrap();
        let presented = self.laptops[&user][nth].0;
        assert!(kept.iter().any(|passkey| passkey.id == presented), "a passkey that was removed opened something");
        self.arrive(browser, opened);
    }

    pub(super) async fn touch(&mut self, browser: usize, nth_user: usize, nth: usize) {
        let (Some(user), Some(bearer)) = (self.user(nth_user), self.bearer(browser).await) else { return };
        let (token, caller) = (self.tokens[browser].clone().unwrap(), self.caller(browser));
        let (world, kind) = (&self.scene.world, KeyKind::SecurityKey);
        let Some((id, key)) = self.keys.get_mut(&user).and_then(|keys| keys.get_mut(nth)) else { return };
        let (id, asked) = (*id, passkeys::begin_proof(world, &bearer, kind, &token, &caller).await);
        let Ok(asked) = asked else { return };
        let (text, answer) = (asked.token.to_text(), key.touch(&asked.options).to_string());
        let answer = passkeys::answer(world, &bearer, kind, part(&text, &answer, &token), &caller).await;
        let Ok(opened) = answer else { return };
        assert_eq!(bearer.user().unwrap().id, user, "somebody else's key was taken");
        let kept = world.store.passkeys(user).await.unwrap();
        assert!(kept.iter().any(|key| key.id == id), "a key that was removed proved something");
        self.proven[browser].push((user, Method::SecurityKey, self.scene.now()));
        self.arrive(browser, opened);
        self.done.insert("key touched");
    }

    pub(super) async fn recover(&mut self, browser: usize, user: usize, nth: usize) {
        let Some(user) = self.user(user) else { return };
        let current = self.codes.get(&user).into_iter().flatten();
        let Some(code) = current.chain(&self.void).nth(nth).cloned() else { return };
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = recovery::answer_recovery(&self.scene.world, &bearer, &code, &self.caller(browser)).await;
        let Ok(opened) = answer else { return };
        let owner = bearer.user().unwrap().id;
        assert!(self.codes.get(&owner).is_some_and(|codes| codes.contains(&code)), "a void or foreign code was taken");
        assert!(self.used.insert(code), "a recovery code worked twice");
        self.proven[browser].push((owner, Method::RecoveryCode, self.scene.now()));
        self.arrive(browser, opened);
        self.done.insert("recovery code");
    }

    /// Has the browser remembered, whenever and by whomever that is asked.
    pub(super) async fn remember(&mut self, browser: usize) {
        let (Some(full), Some(token)) = (self.full(browser).await, self.tokens[browser].clone()) else { return };
        let opened = Opened { token, browser: self.marks[browser].clone() };
        let kept = devices::remember(&self.scene.world, &opened, &self.caller(browser)).await.unwrap();
        let Some(mark) = kept else { return };
        let methods: Vec<_> = full.identity.session.authentications.iter().map(|proof| proof.method).collect();
        assert!(methods.len() > 1 && !methods.contains(&Method::RecoveryCode), "remembered after {methods:?}");
        let (user, new) = (full.identity.user.id, mark.hash());
        // What the browser was known by is worth nothing any more: the new mark serves all who are remembered in it.
        if let Some(old) = self.marks[browser].replace(mark).map(|old| old.hash()) {
            self.remembered.retain(|known| *known != (old, user));
            self.remembered.iter_mut().filter(|(known, _)| *known == old).for_each(|(known, _)| *known = new);
            let met: Vec<_> = self.met.iter().filter(|(known, _)| *known == old).map(|(_, who)| (new, *who)).collect();
            self.met.extend(met);
        }
        self.remembered.push((new, user));
        self.done.insert("browser remembered");
    }

    pub(super) async fn forget_devices(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        devices::forget_all(&self.scene.world, &full.identity.user, &self.caller(browser)).await.unwrap();
        self.forget(full.identity.user.id);
    }
}
