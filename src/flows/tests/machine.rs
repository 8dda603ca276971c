//! Any sequence of what people, programs and clocks do, against a book of what was truly proven.

use super::{ANN, LIMITS, PASSWORD, Phone, Requirement, STEP, Scene, from, is_nobody};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        factor::Method,
        secret::Token,
        session::{Level, SessionId},
        time::Timestamp,
        user::UserId,
    },
    flows::{
        Caller,
        challenge::{answer_password, answer_totp},
        enroll,
        sessions::{Bearer, sign_out},
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
        6 => (browser.clone(), user, -1i64..3)
            .prop_map(|(browser, user, steps_ago)| Act::Code { browser, user, steps_ago }),
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
    /// Bob's phone is enrolled by the operator, Ann's by herself.
    phones: HashMap<UserId, Phone>,
    tokens: [Option<Token>; BROWSERS],
    given_up: Vec<Token>,
    typed: Vec<String>,
    /// What was truly proven in the sign-in that each browser is in.
    proven: [Vec<(UserId, Method, Timestamp)>; BROWSERS],
    /// Whose code of which step was taken.
    taken: HashSet<(UserId, u64)>,
    began: HashMap<SessionId, Timestamp>,
}

impl Book {
    async fn new() -> Self {
        let scene = Scene::with(Requirement::Required, MemoryStore::default());
        let ann = scene.add(ANN).await;
        let (bob, phone) = scene.add_with_phone("bob").await;
        Self {
            users: vec![ann.id, bob.id],
            phones: HashMap::from([(bob.id, phone)]),
            scene,
            tokens: Default::default(),
            given_up: Vec::new(),
            typed: Vec::new(),
            proven: Default::default(),
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
            Act::Code { browser, user, steps_ago } => {
                let Some(phone) = self.phones.get(&self.users[user]) else { return };
                let at = Timestamp::from_millis(self.scene.now().as_millis() - 30_000 * steps_ago);
                self.code(browser, phone.key.code_shown(at)).await;
            }
            Act::Replay { browser, nth } => {
                if let Some(code) = self.typed.get(nth).cloned() {
                    self.code(browser, code).await;
                }
            }
            Act::Enrol { browser } => self.enrol(browser).await,
            Act::PasswordAgain { browser, right } => self.password_again(browser, right).await,
            Act::SignOut { browser } => {
                if let Some(token) = &self.tokens[browser] {
                    sign_out(&self.scene.world, token).await.unwrap();
                }
                self.hold(browser, None);
                self.proven[browser].clear();
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
            Ok(Outcome::Done(_)) => panic!("a password alone opened a session"),
            Err(_) => return,
        };
        assert!(right, "a wrong password was taken");
        // As the portal does: what the browser held before ends.
        if let Some(old) = &self.tokens[browser] {
            sign_out(&self.scene.world, old).await.unwrap();
        }
        self.hold(browser, Some(token));
        self.proven[browser] = vec![(self.users[user], Method::Password, self.scene.now())];
    }

    async fn code(&mut self, browser: usize, code: String) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let answer = answer_totp(&self.scene.world, &bearer, &code, &caller(browser)).await;
        self.typed.push(code.clone());
        let Ok(opened) = answer else { return };
        let user = bearer.user().unwrap().id;
        let step = self.step_of(user, &code).expect("a code was taken that the user's phone does not show");
        self.take(browser, user, step);
        self.hold(browser, Some(opened.token));
    }

    async fn enrol(&mut self, browser: usize) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let Ok(offer) = enroll::offer(&self.scene.world, &bearer).await else { return };
        let user = bearer.user().unwrap().id;
        let code = offer.key.code_shown(self.scene.now());
        let answer = enroll::confirm(&self.scene.world, &bearer, &offer.sealed, &code, "", &caller(browser)).await;
        let Ok(opened) = answer else { return };
        let first = self.phones.insert(user, Phone { key: offer.key, clock: Arc::clone(&self.scene.clock) });
        assert!(first.is_none(), "a second first phone");
        self.typed.push(code.clone());
        let step = self.step_of(user, &code).unwrap();
        self.take(browser, user, step);
        self.hold(browser, Some(opened.token));
    }

    async fn password_again(&mut self, browser: usize, right: bool) {
        let Some(bearer) = self.bearer(browser).await else { return };
        let typed = if right { PASSWORD } else { "wrong" };
        let Ok(opened) = answer_password(&self.scene.world, &bearer, typed, &caller(browser)).await else { return };
        assert!(right && matches!(bearer, Bearer::Full(_)), "a half session or a wrong password was taken");
        self.proven[browser].push((bearer.user().unwrap().id, Method::Password, self.scene.now()));
        self.hold(browser, Some(opened.token));
    }

    /// The step whose code this is: the present one or the one before, and no other.
    fn step_of(&self, user: UserId, code: &str) -> Option<u64> {
        let now = self.scene.now();
        let phone = self.phones.get(&user)?;
        [now, now - STEP].into_iter().find(|at| phone.key.code_shown(*at) == code).map(|at| at.as_secs() / 30)
    }

    fn take(&mut self, browser: usize, user: UserId, step: u64) {
        assert!(self.taken.insert((user, step)), "one code worked twice");
        self.proven[browser].push((user, Method::Totp, self.scene.now()));
    }

    /// What must hold whatever has happened.
    async fn audit(&mut self) {
        let now = self.scene.now();
        for token in &self.given_up {
            assert!(is_nobody(&self.scene.bearer(token).await), "a token that was given up is worth something");
        }
        for browser in 0..BROWSERS {
            let Some(Bearer::Full(full)) = self.bearer(browser).await else { continue };
            let session = &full.identity.session;
            for proof in &session.authentications {
                let written = (session.user, proof.method, proof.at);
                assert!(self.proven[browser].contains(&written), "the session holds what nobody proved: {proof:?}");
            }
            let began = *self.began.entry(session.id).or_insert(session.started_at);
            assert_eq!(began, session.started_at, "a session became younger");
            assert!(began.age(now).is_some_and(|age| age < LIMITS.lifetime), "a session outlived its time");
            if Level::reached(&session.authentications, now) == Some(Level::Mfa) {
                let proved =
                    |method| self.proven[browser].iter().any(|(user, how, _)| *user == session.user && *how == method);
                assert!(proved(Method::Password) && proved(Method::Totp), "mfa without two factors");
            }
        }
    }
}

fn caller(browser: usize) -> Caller {
    from(&format!("192.0.2.{}", browser + 1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

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
        Act::Code { browser: 1, user: 1, steps_ago: 0 },
        Act::Time { seconds: 60 },
        Act::Code { browser: 0, user: 0, steps_ago: 1 },
        Act::PasswordAgain { browser: 0, right: true },
    ] {
        book.perform(&act).await;
        book.audit().await;
    }

    assert_eq!(book.scene.world.store.sessions(None).await.unwrap().len(), 2);
    assert_eq!(book.taken.len(), 3);
}
