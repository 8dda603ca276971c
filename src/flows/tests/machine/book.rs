//! The book of what was truly proven, and what must hold of it.

use super::BROWSERS;
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::FRESH_FOR,
        factor::{FactorId, Method},
        secret::Token,
        session::{Level, SessionId},
        time::Timestamp,
        user::UserId,
    },
    flows::{
        factors,
        sessions::{Bearer, Full},
        tests::{ANN, LIMITS, Phone, Requirement, STEP, Scene, is_nobody, passkeys::Laptop},
    },
};
use std::collections::{HashMap, HashSet};

/// What is known to be true, written down by whoever did it.
pub(super) struct Book {
    pub(super) scene: Scene,
    pub(super) users: Vec<UserId>,
    /// Bob's first phone is enrolled by the operator, Ann's by herself.
    pub(super) phones: HashMap<UserId, Vec<(FactorId, Phone)>>,
    pub(super) laptops: HashMap<UserId, Vec<(FactorId, Laptop)>>,
    /// The codes that everybody was shown last; those of older sets; and those that were used.
    pub(super) codes: HashMap<UserId, Vec<String>>,
    pub(super) void: Vec<String>,
    pub(super) used: HashSet<String>,
    pub(super) tokens: [Option<Token>; BROWSERS],
    pub(super) given_up: Vec<Token>,
    pub(super) typed: Vec<String>,
    /// What was truly proven in the sign-in that each browser is in.
    pub(super) proven: [Vec<(UserId, Method, Timestamp)>; BROWSERS],
    /// When each of these was last locked, by the latest of clocks.
    pub(super) locked: [Option<Timestamp>; BROWSERS],
    /// Which app's code of which step was taken.
    pub(super) taken: HashSet<(FactorId, u64)>,
    pub(super) began: HashMap<SessionId, Timestamp>,
}

impl Book {
    pub(super) async fn new() -> Self {
        let scene = Scene::with(Requirement::Required, MemoryStore::default());
        let ann = scene.add(ANN).await;
        let (bob, phone) = scene.add_with_phone("bob").await;
        let id = scene.world.store.totp_factors(bob.id).await.unwrap()[0].id;
        Self {
            users: vec![ann.id, bob.id],
            phones: HashMap::from([(bob.id, vec![(id, phone)])]),
            laptops: HashMap::new(),
            codes: HashMap::new(),
            void: Vec::new(),
            used: HashSet::new(),
            scene,
            tokens: Default::default(),
            given_up: Vec::new(),
            typed: Vec::new(),
            proven: Default::default(),
            locked: Default::default(),
            taken: HashSet::new(),
            began: HashMap::new(),
        }
    }

    pub(super) async fn bearer(&self, browser: usize) -> Option<Bearer> {
        match &self.tokens[browser] {
            Some(token) => Some(self.scene.bearer(token).await),
            None => None,
        }
    }

    pub(super) async fn full(&self, browser: usize) -> Option<Box<Full>> {
        match self.bearer(browser).await {
            Some(Bearer::Full(full)) => Some(full),
            _ => None,
        }
    }

    /// From now on the browser holds this token, and nobody may get anywhere with the one before.
    pub(super) fn hold(&mut self, browser: usize, token: Option<Token>) {
        self.given_up.extend(std::mem::replace(&mut self.tokens[browser], token));
    }

    /// A sign-in of its own.
    pub(super) fn begin(&mut self, browser: usize, proven: Vec<(UserId, Method, Timestamp)>) {
        self.proven[browser] = proven;
        self.locked[browser] = None;
    }

    /// Whether one of these methods was truly proven here within the last minutes, and since the lock.
    pub(super) fn is_fresh(&self, browser: usize, counts: impl Fn(&Method) -> bool) -> bool {
        let now = self.scene.now();
        self.proven[browser].iter().any(|(_, method, at)| {
            counts(method)
                && at.age(now).is_some_and(|age| age <= FRESH_FOR)
                && self.locked[browser].is_none_or(|locked_at| *at > locked_at)
        })
    }

    /// Somebody is about to add a factor: it is their first, or the strongest they have was proven just now, or their
    /// password and a recovery code in place of it. Whether it is not that last.
    pub(super) async fn may_change(&self, browser: usize, bearer: &Bearer) -> bool {
        let user = bearer.user().unwrap().id;
        let Some(strongest) =
            factors::second_factors(&self.scene.world, user).await.unwrap().first().map(|one| one.method)
        else {
            return true;
        };
        let by_proof = self.is_fresh(browser, |method| *method == strongest);
        assert!(by_proof || self.is_recovered(browser), "a factor is added without a fresh {strongest}");
        by_proof
    }

    pub(super) fn is_recovered(&self, browser: usize) -> bool {
        [Method::Password, Method::RecoveryCode].iter().all(|wanted| self.is_fresh(browser, |method| method == wanted))
    }

    /// The apps and steps whose code this is: of the present step or the one before, and of no other.
    pub(super) fn steps_of(&self, user: UserId, code: &str) -> Vec<(FactorId, u64)> {
        let now = self.scene.now();
        let phones = self.phones.get(&user).into_iter().flatten();
        phones
            .filter_map(|(id, phone)| {
                let at = [now, now - STEP].into_iter().find(|at| phone.key.code_shown(*at) == code);
                at.map(|at| (*id, at.as_secs() / 30))
            })
            .collect()
    }

    pub(super) fn take(&mut self, browser: usize, user: UserId, code: &str) {
        let steps = self.steps_of(user, code);
        assert!(!steps.is_empty(), "a code was taken that no app of the user shows");
        assert!(steps.iter().any(|step| self.taken.insert(*step)), "one code worked twice");
        self.proven[browser].push((user, Method::Totp, self.scene.now()));
    }

    /// What must hold whatever has happened.
    pub(super) async fn audit(&mut self) {
        let now = self.scene.now();
        for token in &self.given_up {
            assert!(is_nobody(&self.scene.bearer(token).await), "a token that was given up is worth something");
        }
        for browser in 0..BROWSERS {
            let Some(full) = self.full(browser).await else { continue };
            let session = &full.identity.session;
            for proof in &session.authentications {
                let written = (session.user, proof.method, proof.at);
                assert!(self.proven[browser].contains(&written), "the session holds what nobody proved: {proof:?}");
            }
            let began = *self.began.entry(session.id).or_insert(session.started_at);
            assert_eq!(began, session.started_at, "a session became younger");
            assert!(began.age(now).is_some_and(|age| age < LIMITS.lifetime), "a session outlived its time");
            let proved =
                |method| self.proven[browser].iter().any(|(user, how, _)| *user == session.user && *how == method);
            match Level::reached(&session.authentications, now) {
                Some(Level::PhishingResistant) => assert!(proved(Method::Passkey), "no passkey was ever proven"),
                Some(Level::Mfa) => assert!(
                    proved(Method::Password) && (proved(Method::Totp) || proved(Method::RecoveryCode)),
                    "mfa without two factors"
                ),
                Some(Level::Login) | None => {}
            }
            if let Some(fresh) = session.latest_fresh(Method::ALL, now) {
                assert!(self.locked[browser].is_none_or(|locked_at| fresh.at > locked_at), "fresh in spite of a lock");
            }
        }
    }
}
