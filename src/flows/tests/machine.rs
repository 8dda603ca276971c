//! Any sequence of what people, programs and clocks do, against a book of what was truly proven.

use super::{
    ANN, LIMITS, PASSWORD, Phone, Requirement, STEP, Scene, from, is_nobody,
    passkeys::{Laptop, part},
};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::FRESH_FOR,
        factor::{FactorId, KeyKind, Method},
        secret::Token,
        session::{Level, SessionId},
        time::Timestamp,
        user::UserId,
    },
    flows::{
        Caller,
        challenge::{answer_password, answer_totp, held},
        enroll, factors, passkeys, recovery,
        sessions::{Bearer, Full, lock, sign_out},
        sign_in::Outcome,
    },
};
use proptest::prelude::*;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

const NAMES: [&str; 2] = [ANN, "bob"];
const BROWSERS: usize = 2;

#[derive(Debug, Clone)]
enum Act {
    Password {
        browser: usize,
        user: usize,
        right: bool,
    },
    /// The code that somebody's phone shows, showed or will show.
    Code {
        browser: usize,
        user: usize,
        nth: usize,
        steps_ago: i64,
    },
    /// A code that was typed before.
    Replay {
        browser: usize,
        nth: usize,
    },
    /// An authenticator app of the visitor's own.
    Enrol {
        browser: usize,
    },
    /// A passkey of the visitor's own.
    MakePasskey {
        browser: usize,
    },
    /// Somebody's passkey, alone or as one more proof.
    Passkey {
        browser: usize,
        user: usize,
        nth: usize,
        alone: bool,
    },
    MakeCodes {
        browser: usize,
    },
    /// One of the codes that somebody was shown last, or before.
    Recover {
        browser: usize,
        user: usize,
        nth: usize,
    },
    /// A factor of somebody's, who may be somebody else.
    Remove {
        browser: usize,
        user: usize,
        nth: usize,
    },
    Rename {
        browser: usize,
        nth: usize,
    },
    Lock {
        browser: usize,
    },
    PasswordAgain {
        browser: usize,
        right: bool,
    },
    SignOut {
        browser: usize,
    },
    /// A token that was given up.
    Return {
        browser: usize,
        nth: usize,
    },
    Time {
        seconds: i64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let (browser, user) = (0..BROWSERS, 0..NAMES.len());
    prop_oneof![
        5 => (browser.clone(), user.clone(), prop::bool::weighted(0.8))
            .prop_map(|(browser, user, right)| Act::Password { browser, user, right }),
        6 => (browser.clone(), user.clone(), 0usize..3, -1i64..3)
            .prop_map(|(browser, user, nth, steps_ago)| Act::Code { browser, user, nth, steps_ago }),
        3 => browser.clone().prop_map(|browser| Act::MakePasskey { browser }),
        4 => (browser.clone(), user.clone(), 0usize..3, any::<bool>())
            .prop_map(|(browser, user, nth, alone)| Act::Passkey { browser, user, nth, alone }),
        1 => browser.clone().prop_map(|browser| Act::MakeCodes { browser }),
        2 => (browser.clone(), user.clone(), 0usize..12).prop_map(|(browser, user, nth)| Act::Recover { browser, user, nth }),
        2 => (browser.clone(), user, 0usize..3).prop_map(|(browser, user, nth)| Act::Remove { browser, user, nth }),
        1 => (browser.clone(), 0usize..3).prop_map(|(browser, nth)| Act::Rename { browser, nth }),
        1 => browser.clone().prop_map(|browser| Act::Lock { browser }),
        2 => (browser.clone(), 0usize..20).prop_map(|(browser, nth)| Act::Replay { browser, nth }),
        3 => browser.clone().prop_map(|browser| Act::Enrol { browser }),
        2 => (browser.clone(), any::<bool>()).prop_map(|(browser, right)| Act::PasswordAgain { browser, right }),
        1 => browser.clone().prop_map(|browser| Act::SignOut { browser }),
        1 => (browser, 0usize..20).prop_map(|(browser, nth)| Act::Return { browser, nth }),
        4 => prop_oneof![-90i64..90, Just(30), 0i64..2000].prop_map(|seconds| Act::Time { seconds }),
    ]
}

/// What is known to be true, written down by whoever did it.
struct Book {
    scene: Scene,
    users: Vec<UserId>,
    /// Bob's first phone is enrolled by the operator, Ann's by herself.
    phones: HashMap<UserId, Vec<(FactorId, Phone)>>,
    laptops: HashMap<UserId, Vec<(FactorId, Laptop)>>,
    /// The codes that everybody was shown last; those of older sets; and those that were used.
    codes: HashMap<UserId, Vec<String>>,
    void: Vec<String>,
    used: HashSet<String>,
    tokens: [Option<Token>; BROWSERS],
    given_up: Vec<Token>,
    typed: Vec<String>,
    /// What was truly proven in the sign-in that each browser is in.
    proven: [Vec<(UserId, Method, Timestamp)>; BROWSERS],
    /// When each of these was last locked, by the latest of clocks.
    locked: [Option<Timestamp>; BROWSERS],
    /// Which app's code of which step was taken.
    taken: HashSet<(FactorId, u64)>,
    began: HashMap<SessionId, Timestamp>,
}

impl Book {
    async fn new() -> Self {
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

    async fn bearer(&self, browser: usize) -> Option<Bearer> {
        match &self.tokens[browser] {
            Some(token) => Some(self.scene.bearer(token).await),
            None => None,
        }
    }

    /// From now on the browser holds this token, and nobody may get anywhere with the one before.
    fn hold(&mut self, browser: usize, token: Option<Token>) {
        self.given_up.extend(std::mem::replace(&mut self.tokens[browser], token));
    }

    async fn perform(&mut self, act: &Act) {
        match *act {
            Act::Password { browser, user, right } => self.password(browser, user, right).await,
            Act::Code { browser, user, nth, steps_ago } => {
                let Some((_, phone)) = self.phones.get(&self.users[user]).and_then(|phones| phones.get(nth)) else {
                    return;
                };
                let at = Timestamp::from_millis(self.scene.now().as_millis() - 30_000 * steps_ago);
                self.code(browser, phone.key.code_shown(at)).await;
            }
            Act::Replay { browser, nth } => {
                if let Some(code) = self.typed.get(nth).cloned() {
                    self.code(browser, code).await;
                }
            }
            Act::Enrol { browser } => self.enrol(browser).await,
            Act::MakePasskey { browser } => self.make_passkey(browser).await,
            Act::Passkey { browser, user, nth, alone } => self.passkey(browser, user, nth, alone).await,
            Act::MakeCodes { browser } => self.make_codes(browser).await,
            Act::Recover { browser, user, nth } => self.recover(browser, user, nth).await,
            Act::Remove { browser, user, nth } => self.remove(browser, user, nth).await,
            Act::Rename { browser, nth } => self.rename(browser, nth).await,
            Act::Lock { browser } => self.lock(browser).await,
            Act::PasswordAgain { browser, right } => self.password_again(browser, right).await,
            Act::SignOut { browser } => {
                if let Some(token) = &self.tokens[browser] {
                    sign_out(&self.scene.world, token).await.unwrap();
                }
                self.hold(browser, None);
                self.begin(browser, Vec::new());
            }
            Act::Return { browser, nth } => {
                // Whoever found it in an old log: it must be worth nothing.
                if let Some(token) = self.given_up.get(nth) {
                    let bearer = self.scene.bearer(token).await;
                    assert!(
                        is_nobody(&bearer),
                        "browser {browser} came back with a token that was given up: {bearer:?}"
                    );
                }
            }
            Act::Time { seconds } => {
                let now = self.scene.now().as_millis() + 1000 * seconds;
                self.scene.set(Timestamp::from_millis(now));
            }
        }
    }

    async fn password(&mut self, browser: usize, user: usize, right: bool) {
        let typed = if right { PASSWORD } else { "wrong" };
        let outcome = self.scene.password(NAMES[user], typed, &caller(browser)).await;
        let token = match outcome {
            Ok(Outcome::SecondFactor(token) | Outcome::Enrol(token)) => token,
            Ok(Outcome::Done(_) | Outcome::Grace(_)) => panic!("a password alone opened a session"),
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

    /// A sign-in of its own.
    fn begin(&mut self, browser: usize, proven: Vec<(UserId, Method, Timestamp)>) {
        self.proven[browser] = proven;
        self.locked[browser] = None;
    }

    async fn code(&mut self, browser: usize, code: String) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = answer_totp(&self.scene.world, &bearer, &code, &caller(browser)).await;
        self.typed.push(code.clone());
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        self.take(browser, user, &code);
        self.hold(browser, Some(opened.token));
    }

    async fn enrol(&mut self, browser: usize) {
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

    async fn make_passkey(&mut self, browser: usize) {
        let (Some(bearer), Some(token)) = (self.bearer(browser).await, self.tokens[browser].clone()) else { return };
        let world = &self.scene.world;
        let asked = passkeys::begin_enrolment(world, &bearer, KeyKind::Passkey, &token, &caller(browser)).await;
        let Ok(asked) = asked else { return };
        self.may_change(browser, &bearer).await;
        let mut laptop = Laptop::new();
        let (text, made) = (asked.token.to_text(), laptop.make(&asked.options, super::ORIGIN).to_string());
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

    async fn passkey(&mut self, browser: usize, user: usize, nth: usize, alone: bool) {
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

    async fn make_codes(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        let Ok(codes) = recovery::generate(&self.scene.world, &full, &caller(browser)).await else { return };
        let locked = self.locked[browser];
        let is_second = |method: &Method| matches!(method, Method::Totp | Method::Passkey);
        assert!(self.is_fresh(browser, is_second), "codes without a fresh second factor, locked {locked:?}");
        let codes = codes.iter().map(|code| code.to_text().to_string()).collect();
        self.void.extend(self.codes.insert(full.identity.user.id, codes).unwrap_or_default());
    }

    async fn recover(&mut self, browser: usize, user: usize, nth: usize) {
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

    async fn remove(&mut self, browser: usize, user: usize, nth: usize) {
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

    async fn rename(&mut self, browser: usize, nth: usize) {
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

    async fn lock(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        lock(&self.scene.world, &full, &caller(browser)).await.unwrap();
        self.locked[browser] = self.locked[browser].max(Some(self.scene.now()));
    }

    async fn full(&self, browser: usize) -> Option<Box<Full>> {
        match self.bearer(browser).await {
            Some(Bearer::Full(full)) => Some(full),
            _ => None,
        }
    }

    /// Whether one of these methods was truly proven here within the last minutes, and since the lock.
    fn is_fresh(&self, browser: usize, counts: impl Fn(&Method) -> bool) -> bool {
        let now = self.scene.now();
        self.proven[browser].iter().any(|(_, method, at)| {
            counts(method)
                && at.age(now).is_some_and(|age| age <= FRESH_FOR)
                && self.locked[browser].is_none_or(|locked_at| *at > locked_at)
        })
    }

    /// Somebody is about to add a factor: it is their first, or the strongest they have was proven just now, or their
    /// password and a recovery code in place of it. Whether it is not that last.
    async fn may_change(&self, browser: usize, bearer: &Bearer) -> bool {
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

    fn is_recovered(&self, browser: usize) -> bool {
        [Method::Password, Method::RecoveryCode].iter().all(|wanted| self.is_fresh(browser, |method| method == wanted))
    }

    async fn password_again(&mut self, browser: usize, right: bool) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let typed = if right { PASSWORD } else { "wrong" };
        let Ok(opened) = answer_password(&self.scene.world, &bearer, typed, &caller(browser)).await else { return };
        assert!(right && matches!(bearer, Bearer::Full(_)), "a half session or a wrong password was taken");
        self.proven[browser].push((bearer.user().unwrap().id, Method::Password, self.scene.now()));
        self.hold(browser, Some(opened.token));
    }

    /// The apps and steps whose code this is: of the present step or the one before, and of no other.
    fn steps_of(&self, user: UserId, code: &str) -> Vec<(FactorId, u64)> {
        let now = self.scene.now();
        let phones = self.phones.get(&user).into_iter().flatten();
        phones
            .filter_map(|(id, phone)| {
                let at = [now, now - STEP].into_iter().find(|at| phone.key.code_shown(*at) == code);
                at.map(|at| (*id, at.as_secs() / 30))
            })
            .collect()
    }

    fn take(&mut self, browser: usize, user: UserId, code: &str) {
        let steps = self.steps_of(user, code);
        assert!(!steps.is_empty(), "a code was taken that no app of the user shows");
        assert!(steps.iter().any(|step| self.taken.insert(*step)), "one code worked twice");
        self.proven[browser].push((user, Method::Totp, self.scene.now()));
    }

    /// What must hold whatever has happened.
    async fn audit(&mut self) {
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

fn caller(browser: usize) -> Caller {
    from(&format!("192.0.2.{}", browser + 1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_acts_opens_more_than_was_proven(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut book = Book::new().await;
            for act in &acts {
                book.perform(act).await;
                book.audit().await;
            }
        });
    }
}

#[tokio::test]
async fn the_machine_gets_somewhere() {
    let mut book = Book::new().await;
    for act in [
        Act::Password { browser: 0, user: 0, right: true },
        Act::Enrol { browser: 0 },
        Act::Password { browser: 1, user: 1, right: true },
        Act::Code { browser: 1, user: 1, nth: 0, steps_ago: 0 },
        Act::Time { seconds: 60 },
        Act::Code { browser: 0, user: 0, nth: 0, steps_ago: 1 },
        Act::PasswordAgain { browser: 0, right: true },
        Act::MakeCodes { browser: 0 },
        Act::Enrol { browser: 0 },
        Act::MakePasskey { browser: 0 },
        Act::Rename { browser: 0, nth: 0 },
        Act::Remove { browser: 0, user: 0, nth: 1 },
        Act::Lock { browser: 0 },
        Act::Remove { browser: 0, user: 0, nth: 1 },
        Act::Passkey { browser: 0, user: 0, nth: 0, alone: false },
        Act::Passkey { browser: 0, user: 0, nth: 0, alone: true },
        Act::MakeCodes { browser: 1 },
        Act::Password { browser: 1, user: 1, right: true },
        Act::Recover { browser: 1, user: 1, nth: 0 },
        Act::Enrol { browser: 1 },
    ] {
        book.perform(&act).await;
        book.audit().await;
    }

    assert_eq!(book.scene.world.store.sessions(None).await.unwrap().len(), 2);
    assert_eq!(book.taken.len(), 5);
    assert_eq!((book.codes.len(), book.used.len()), (2, 1));
    let factors = factors::second_factors(&book.scene.world, book.users[0]).await.unwrap();
    let names: Vec<_> = factors.iter().map(|factor| (factor.method, factor.name.as_str())).collect();
    assert_eq!(names, [(Method::Passkey, "Ours"), (Method::Totp, "Authenticator app")], "one app was removed");
}
