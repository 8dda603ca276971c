//! The book of what was truly proven, and what must hold of it.

use super::{BROWSERS, NAMES, houses::House};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        change::FRESH_FOR,
        contact::Channel,
        factor::{FactorId, KeyKind, Method},
        policy::Visitor,
        secret::{Token, TokenHash},
        session::{Level, SessionId},
        time::Timestamp,
        user::UserId,
    },
    flows::{
        Caller,
        challenge::{answer_password, held},
        devices, enroll, factors, passkeys,
        sessions::{Bearer, Full, visitor},
        sign_in::Opened,
        tests::{
            LIMITS, PASSWORD, Phone, STEP, Scene, from, host, is_nobody, passkeys::Laptop, security_keys::Token2F,
        },
    },
    ports::store::{Approval, SentPurpose},
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is known to be true, written down by whoever did it.
pub(super) struct Book {
    pub(super) scene: Scene,
    pub(super) house: House,
    /// Whoever has an account, and what they are called.
    pub(super) people: Vec<(UserId, String)>,
    /// Everybody's passwords, the present one last.
    pub(super) passwords: HashMap<UserId, Vec<String>>,
    /// Bob's first phone is enrolled by the operator, Ann's by herself.
    pub(super) phones: HashMap<UserId, Vec<(FactorId, Phone)>>,
    pub(super) laptops: HashMap<UserId, Vec<(FactorId, Laptop)>>,
    pub(super) keys: HashMap<UserId, Vec<(FactorId, Token2F)>>,
    /// The codes that everybody was shown last; those of older sets; and those that were used.
    pub(super) codes: HashMap<UserId, Vec<String>>,
    pub(super) void: Vec<String>,
    pub(super) used: HashSet<String>,
    /// What was sent, in order, and the links that were used of it.
    pub(super) sent: Vec<Sent>,
    pub(super) invitations: Vec<String>,
    pub(super) used_links: HashSet<String>,
    pub(super) tokens: [Option<Token>; BROWSERS],
    /// What each browser is known by.
    pub(super) marks: [Option<Token>; BROWSERS],
    /// Browsers that are remembered, by what they are known by, and for whom.
    pub(super) remembered: Vec<(TokenHash, UserId)>,
    /// Who was signed in in which browser, by what it is known by.
    pub(super) met: HashSet<(TokenHash, UserId)>,
    /// When somebody was first let pass.
    pub(super) graces: HashMap<UserId, Timestamp>,
    pub(super) given_up: Vec<Token>,
    pub(super) typed: Vec<String>,
    /// What was truly proven in the sign-in that each browser is in.
    pub(super) proven: [Vec<(UserId, Method, Timestamp)>; BROWSERS],
    /// When each of these was last locked, by the latest of clocks.
    pub(super) locked: [Option<Timestamp>; BROWSERS],
    /// Which app's code of which step was taken.
    pub(super) taken: HashSet<(FactorId, u64)>,
    pub(super) began: HashMap<SessionId, Timestamp>,
    /// Whose first set-up a code from their mailbox opened in the sign-in that each browser is in, and until when.
    pub(super) opened: [Option<(UserId, Timestamp)>; BROWSERS],
    /// What has come about at least once.
    pub(super) done: BTreeSet<&'static str>,
}

/// A code or link on its way.
pub(super) struct Sent {
    pub(super) text: String,
    pub(super) method: Method,
    pub(super) purpose: SentPurpose,
    /// Which token asked for it, and whose that was.
    pub(super) asked: TokenHash,
    pub(super) user: UserId,
    pub(super) at: Timestamp,
    /// Used, or another one was sent in its place.
    pub(super) over: bool,
}

impl Book {
    pub(super) async fn new(house: House) -> Self {
        let mut scene = Scene::with(house.requirement(), MemoryStore::default());
        house.furnish(&mut scene.world.settings);
        let ann = scene.add(NAMES[0]).await;
        scene.reach(&ann, "ann@example.com").await;
        house.settle(&scene, ann.id).await;
        let (bob, phone) = scene.add_with_phone(NAMES[1]).await;
        let id = scene.world.store.totp_factors(bob.id).await.unwrap()[0].id;
        let people = [ann.id, bob.id].into_iter().zip(NAMES.map(ToOwned::to_owned)).collect();
        Self {
            people,
            passwords: [ann.id, bob.id].map(|user| (user, vec![PASSWORD.to_owned()])).into(),
            phones: HashMap::from([(bob.id, vec![(id, phone)])]),
            laptops: HashMap::new(),
            keys: HashMap::new(),
            met: HashSet::new(),
            graces: HashMap::new(),
            house,
            codes: HashMap::new(),
            void: Vec::new(),
            used: HashSet::new(),
            sent: Vec::new(),
            invitations: Vec::new(),
            used_links: HashSet::new(),
            scene,
            tokens: Default::default(),
            marks: Default::default(),
            remembered: Vec::new(),
            given_up: Vec::new(),
            typed: Vec::new(),
            proven: Default::default(),
            locked: Default::default(),
            taken: HashSet::new(),
            began: HashMap::new(),
            opened: Default::default(),
            done: BTreeSet::new(),
        }
    }

    pub(super) fn caller(&self, browser: usize) -> Caller {
        Caller { browser: self.marks[browser].clone(), ..from(&format!("192.0.2.{}", browser + 1)) }
    }

    pub(super) fn user(&self, nth: usize) -> Option<UserId> {
        self.people.get(nth).map(|(user, _)| *user)
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

    /// The same, after a proof.
    pub(super) fn arrive(&mut self, browser: usize, opened: Opened) {
        if opened.browser.is_some() {
            self.marks[browser] = opened.browser;
        }
        self.hold(browser, Some(opened.token));
    }

    /// A sign-in of its own.
    pub(super) fn begin(&mut self, browser: usize, proven: Vec<(UserId, Method, Timestamp)>) {
        self.proven[browser] = proven;
        self.locked[browser] = None;
        self.opened[browser] = None;
    }

    /// Whether one of these methods was truly proven here within the last minutes, and since the lock.
    pub(super) fn is_fresh(&self, browser: usize, counts: impl Fn(Method) -> bool) -> bool {
        let now = self.scene.now();
        self.proven[browser].iter().any(|(_, method, at)| {
            counts(*method)
                && at.age(now).is_some_and(|age| age <= FRESH_FOR)
                && self.locked[browser].is_none_or(|locked_at| *at > locked_at)
        })
    }

    /// Whether the strongest that somebody has was truly proven here just now. Two ways to one mailbox are one.
    pub(super) async fn is_strongest_fresh(&self, browser: usize, user: UserId) -> bool {
        let strongest = held(&self.scene.world, user).await.unwrap()[0];
        let kind = |method: Method| method.channel().map(Channel::kind);
        let is_same = |method| method == strongest || (kind(method).is_some() && kind(method) == kind(strongest));
        self.is_fresh(browser, is_same)
    }

    /// Whether password and recovery code were proven here just now, in place of what was lost.
    pub(super) fn is_recovered(&self, browser: usize) -> bool {
        [Method::Password, Method::RecoveryCode].iter().all(|wanted| self.is_fresh(browser, |method| method == *wanted))
    }

    /// Whether an operator's word still opens the first second factor, or a code from the mailbox does in this browser; and
    /// there is none.
    pub(super) async fn is_first(&self, browser: usize, user: UserId) -> bool {
        let (account, now) = (self.scene.world.store.account(user).await.unwrap().unwrap(), self.scene.now());
        let is_opened = self.opened[browser].is_some_and(|(owner, until)| owner == user && now < until);
        let is_open = |approval: Approval| now < approval.until && (approval.holder.is_none() || is_opened);
        account.approval.is_some_and(is_open) && !self.has_more_than_a_password(user).await
    }

    /// Whether what somebody has is enough to set up more with.
    pub(super) async fn has_enough(&self, user: UserId) -> bool {
        !self.house.asks_for_more() || self.has_more_than_a_password(user).await
    }

    /// Whether there is more of somebody than what a stolen password and its mailbox open.
    async fn has_more_than_a_password(&self, user: UserId) -> bool {
        let is_less = |method: &Method| method.is_mail() || matches!(method, Method::Password | Method::RecoveryCode);
        !held(&self.scene.world, user).await.unwrap().iter().all(is_less)
    }

    /// Whether somebody may add a factor: it is their first, and that is open to them; or the strongest they have was proven
    /// just now, or their password and a recovery code in place of it. The strongest is no password where that is not enough.
    pub(super) async fn may_add(&self, browser: usize, bearer: &Bearer) -> bool {
        let user = bearer.user().unwrap().id;
        let is_whole = matches!(bearer, Bearer::Full(_));
        let is_fresh = self.is_strongest_fresh(browser, user).await || self.is_recovered(browser);
        (is_whole && is_fresh && self.has_enough(user).await) || self.is_first(browser, user).await
    }

    /// The code that a phone of somebody shows at `at`.
    pub(super) fn shown_by_phone(&self, user: usize, nth: usize, at: Timestamp) -> Option<String> {
        let phones = self.phones.get(&self.user(user)?)?;
        phones.get(nth).map(|(_, phone)| phone.key.code_shown(at))
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

    pub(super) fn take(&mut self, browser: usize, user: UserId, code: &str) {
        let steps = self.steps_of(user, code);
        assert!(!steps.is_empty(), "a code was taken that no app of the user shows");
        assert!(steps.iter().any(|step| self.taken.insert(*step)), "one code worked twice");
        self.proven[browser].push((user, Method::Totp, self.scene.now()));
    }

    /// How somebody signs in was changed: no browser is remembered for them any more.
    pub(super) fn forget(&mut self, user: UserId) {
        self.remembered.retain(|(_, owner)| *owner != user);
    }

    /// Somebody is out, wherever they were, whole or half way.
    pub(super) async fn is_out(&self, user: UserId, spare: Option<usize>) {
        for browser in (0..BROWSERS).filter(|browser| Some(*browser) != spare) {
            let bearer = self.bearer(browser).await;
            let is_in = bearer.as_ref().and_then(Bearer::user).is_some_and(|owner| owner.id == user);
            assert!(!is_in, "browser {browser} is in still: {bearer:?}");
        }
    }

    /// What must hold whatever has happened.
    pub(super) async fn audit(&mut self) {
        for token in &self.given_up {
            assert!(is_nobody(&self.scene.bearer(token).await), "a token that was given up is worth something");
        }
        for browser in 0..BROWSERS {
            match self.bearer(browser).await {
                Some(Bearer::Full(full)) => self.audit_whole(browser, &full),
                Some(half @ Bearer::Half(_)) => self.audit_half(browser, &half).await,
                Some(Bearer::Nobody(_)) | None => {}
            }
        }
    }

    /// A half session is nobody to an application, sets up nothing but what an operator's word or a mailbox's opens, and opens no account. What
    /// else there is to do asks for a whole one by its type.
    async fn audit_half(&self, browser: usize, half: &Bearer) {
        let token = self.tokens[browser].as_ref().unwrap().hash();
        let seen = visitor(&self.scene.world, token, &host("app.example.com")).await.unwrap();
        assert!(matches!(seen, Visitor::Anonymous(_)), "a half session passes for {seen:?}");
        let (world, token, caller) = (&self.scene.world, self.tokens[browser].clone().unwrap(), self.caller(browser));
        let mut is_offered = enroll::offer(world, half).await.is_ok();
        for kind in KeyKind::ALL {
            is_offered |= passkeys::begin_enrolment(world, half, *kind, &token, &caller).await.is_ok();
        }
        for method in [Method::SmsCode, Method::VoiceCode] {
            is_offered |= factors::may_add(world, half, method).await.is_ok();
        }
        let owner = half.user().unwrap().id;
        assert!(!is_offered || self.is_first(browser, owner).await, "a half session sets up a factor");
        let password = self.passwords[&owner].last().unwrap();
        let again = answer_password(world, half, password, &caller).await;
        assert!(again.is_err(), "the password is proven twice");
        let opened = Opened { token, browser: None };
        assert!(devices::remember(world, &opened, &caller).await.unwrap().is_none(), "its browser is remembered");
    }

    fn audit_whole(&mut self, browser: usize, full: &Full) {
        let (now, session) = (self.scene.now(), &full.identity.session);
        if let Some(mark) = &self.marks[browser] {
            self.met.insert((mark.hash(), session.user));
        }
        for proof in &session.authentications {
            let written = (session.user, proof.method, proof.at);
            assert!(self.proven[browser].contains(&written), "the session holds what nobody proved: {proof:?}");
        }
        let began = *self.began.entry(session.id).or_insert(session.started_at);
        assert_eq!(began, session.started_at, "a session became younger");
        assert!(began.age(now).is_some_and(|age| age < LIMITS.lifetime), "a session outlived its time");
        let proved = |methods: &[Method]| {
            self.proven[browser].iter().any(|(user, how, _)| *user == session.user && methods.contains(how))
        };
        let is_held = [Method::Totp, Method::SecurityKey, Method::RecoveryCode, Method::SmsCode, Method::VoiceCode];
        match Level::reached(&session.authentications, now) {
            Some(Level::PhishingResistant) => assert!(proved(&[Method::Passkey]), "no passkey was ever proven"),
            Some(Level::Mfa) => {
                assert!(proved(&[Method::Password]) && proved(&is_held), "mfa without two factors");
            }
            Some(Level::Login) | None => {}
        }
        if let Some(fresh) = session.latest_fresh(Method::ALL, now) {
            assert!(self.locked[browser].is_none_or(|locked_at| fresh.at > locked_at), "fresh in spite of a lock");
        }
    }
}
