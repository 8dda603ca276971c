//! Signing in and stepping up.

use super::{NAMES, book::Book, caller};
use crate::{
    domain::factor::{KeyKind, Method},
    flows::{
        challenge::{answer_password, answer_totp},
        passkeys, recovery,
        sessions::{Bearer, sign_out},
        sign_in::Outcome,
        tests::{PASSWORD, passkeys::part},
    },
};

impl Book {
    pub(super) async fn password(&mut self, browser: usize, user: usize, right: bool) {
        let typed = if right { PASSWORD } else { "wrong" };
        let outcome = self.scene.password(NAMES[user], typed, &caller(browser)).await;
        let token = match outcome {
            Ok(Outcome::SecondFactor(token) | Outcome::Enrol(token)) => token,
            Ok(Outcome::Done(_)) => panic!("a password alone opened a session"),
            Err(_) => return,
        };
        assert!(right, "a wrong password was taken");
        // As the portal does: what the browser held before ends.
        if let Some(old) = &self.tokens[browser] {
            sign_out(&self.scene.world, old).await.unwrap();
        }
        self.hold(browser, Some(token));
        self.begin(browser, vec![(self.users[user], Method::Password, self.scene.now())]);
    }

    pub(super) async fn password_again(&mut self, browser: usize, right: bool) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let typed = if right { PASSWORD } else { "wrong" };
        let Ok(opened) = answer_password(&self.scene.world, &bearer, typed, &caller(browser)).await else { return };
        assert!(right && matches!(bearer, Bearer::Full(_)), "a half session or a wrong password was taken");
        self.proven[browser].push((bearer.user().unwrap().id, Method::Password, self.scene.now()));
        self.hold(browser, Some(opened.token));
    }

    pub(super) async fn code(&mut self, browser: usize, code: String) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = answer_totp(&self.scene.world, &bearer, &code, &caller(browser)).await;
        self.typed.push(code.clone());
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        self.take(browser, user, &code);
        self.hold(browser, Some(opened.token));
    }

    pub(super) async fn passkey(&mut self, browser: usize, user: usize, nth: usize, alone: bool) {
        let owner = self.scene.world.store.account(self.users[user]).await.unwrap().unwrap().user;
        let bearer = self.bearer(browser).await;
        let (world, caller) = (&self.scene.world, caller(browser));
        let token = self.tokens[browser].clone().unwrap_or_else(|| world.entropy.token());
        let Some((_, laptop)) = self.laptops.get_mut(&owner.id).and_then(|laptops| laptops.get_mut(nth)) else {
            return;
        };
        let asked = match (&bearer, alone) {
            (Some(bearer), false) => passkeys::begin_proof(world, bearer, KeyKind::Passkey, &token, &caller).await,
            _ => passkeys::begin_sign_in(world, &token, &caller).await,
        };
        let Ok(asked) = asked else { return };
        let (text, answer) = (asked.token.to_text(), laptop.answer(&asked.options, &owner).to_string());
        let answer = part(&text, &answer, &token);
        let proof = (owner.id, Method::Passkey, self.scene.now());
        let opened = if let (Some(bearer), false) = (&bearer, alone) {
            let Ok(opened) = passkeys::answer(world, bearer, KeyKind::Passkey, answer, &caller).await else { return };
            assert_eq!(bearer.user().unwrap().id, owner.id, "somebody else's passkey was taken");
            self.proven[browser].push(proof);
            opened
        } else {
            let Ok(opened) = passkeys::sign_in(world, answer, &caller).await else { return };
            if let Some(old) = &self.tokens[browser] {
                sign_out(world, old).await.unwrap();
            }
            self.begin(browser, vec![proof]);
            opened
        };
        self.hold(browser, Some(opened.token));
    }

    pub(super) async fn recover(&mut self, browser: usize, user: usize, nth: usize) {
        let current = self.codes.get(&self.users[user]).into_iter().flatten();
        let Some(code) = current.chain(&self.void).nth(nth).cloned() else { return };
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = recovery::answer_recovery(&self.scene.world, &bearer, &code, &caller(browser)).await;
        let Ok(opened) = answer else { return };
        let owner = bearer.user().unwrap().id;
        assert!(self.codes.get(&owner).is_some_and(|codes| codes.contains(&code)), "a void or foreign code was taken");
        assert!(self.used.insert(code), "a recovery code worked twice");
        self.proven[browser].push((owner, Method::RecoveryCode, self.scene.now()));
        self.hold(browser, Some(opened.token));
    }
}
