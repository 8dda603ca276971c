//! Changes to how somebody signs in, and the lock.

use super::{book::Book, caller};
use crate::{
    domain::factor::{KeyKind, Method},
    flows::{
        challenge::held,
        enroll, factors, passkeys, recovery,
        sessions::lock,
        tests::{
            ORIGIN, Phone,
            passkeys::{Laptop, part},
        },
    },
};
use std::sync::Arc;

impl Book {
    pub(super) async fn enrol(&mut self, browser: usize) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let Ok(offer) = enroll::offer(&self.scene.world, &bearer).await else { return };
        let user = bearer.user().unwrap().id;
        let code = offer.key.code_shown(self.scene.now());
        let by_proof = self.may_change(browser, &bearer).await;
        let answer = enroll::confirm(&self.scene.world, &bearer, &offer.sealed, &code, "", &caller(browser)).await;
        let Ok(opened) = answer else { return };
        let kept = self.scene.world.store.totp_factors(user).await.unwrap();
        let phones = self.phones.entry(user).or_default();
        if !by_proof {
            phones.clear();
        }
        let new = kept.iter().find(|factor| phones.iter().all(|(id, _)| *id != factor.id)).unwrap().id;
        phones.push((new, Phone { key: offer.key, clock: Arc::clone(&self.scene.clock) }));
        self.typed.push(code.clone());
        self.take(browser, user, &code);
        self.hold(browser, Some(opened.token));
    }

    pub(super) async fn make_passkey(&mut self, browser: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let world = &self.scene.world;
        let asked = passkeys::begin_enrolment(world, &bearer, KeyKind::Passkey, &token, &caller(browser)).await;
        let Ok(asked) = asked else { return };
        self.may_change(browser, &bearer).await;
        let mut laptop = Laptop::new();
        let (text, made) = (asked.token.to_text(), laptop.make(&asked.options, ORIGIN).to_string());
        let answer =
            passkeys::enroll(world, &bearer, KeyKind::Passkey, part(&text, &made, &token), "", &caller(browser)).await;
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        let kept = world.store.passkeys(user).await.unwrap();
        let laptops = self.laptops.entry(user).or_default();
        let new = kept.iter().find(|factor| laptops.iter().all(|(id, _)| *id != factor.id)).unwrap().id;
        laptops.push((new, laptop));
        self.proven[browser].push((user, Method::Passkey, self.scene.now()));
        self.hold(browser, Some(opened.token));
    }

    pub(super) async fn make_codes(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        let Ok(codes) = recovery::generate(&self.scene.world, &full, &caller(browser)).await else { return };
        let locked = self.locked[browser];
        let is_second = |method: &Method| matches!(method, Method::Totp | Method::Passkey);
        assert!(self.is_fresh(browser, is_second), "codes without a fresh second factor, locked {locked:?}");
        let codes = codes.iter().map(|code| code.to_text().to_string()).collect();
        self.void.extend(self.codes.insert(full.identity.user.id, codes).unwrap_or_default());
    }

    pub(super) async fn remove(&mut self, browser: usize, user: usize, nth: usize) {
        let Some(full) = self.full(browser).await else { return };
        let world = &self.scene.world;
        let owned = factors::second_factors(world, self.users[user]).await.unwrap();
        let Some(id) = owned.get(nth).map(|factor| factor.id) else { return };
        let strongest = held(world, full.identity.user.id).await.unwrap()[0];
        if factors::remove(world, &full, id, &caller(browser)).await.is_err() {
            return;
        }
        assert_eq!(full.identity.user.id, self.users[user], "somebody else's factor was removed");
        let by_proof = self.is_fresh(browser, |method| *method == strongest);
        assert!(by_proof || self.is_recovered(browser), "a removal without a fresh {strongest}");
        assert!(owned.len() > 1, "the last second factor is gone");
        self.phones.entry(self.users[user]).or_default().retain(|(own, _)| *own != id);
        // Whoever keeps the device may go on trying: it must be refused.
        let gone = self.scene.world.store.passkeys(self.users[user]).await.unwrap();
        assert!(gone.iter().all(|passkey| passkey.id != id));
    }

    pub(super) async fn rename(&mut self, browser: usize, nth: usize) {
        let Some(full) = self.full(browser).await else { return };
        let world = &self.scene.world;
        let owned = factors::second_factors(world, full.identity.user.id).await.unwrap();
        let Some(factor) = owned.get(nth) else { return };
        if factors::rename(world, &full, factor.id, "Ours", &caller(browser)).await.is_ok() {
            let strongest = owned[0].method;
            let by_proof = self.is_fresh(browser, |method| *method == strongest);
            assert!(by_proof || self.is_recovered(browser), "renamed without a fresh {strongest}");
        }
    }

    pub(super) async fn lock(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        lock(&self.scene.world, &full, &caller(browser)).await.unwrap();
        self.locked[browser] = self.locked[browser].max(Some(self.scene.now()));
    }
}
