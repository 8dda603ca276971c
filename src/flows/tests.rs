//! The flows over a store in memory, with a clock, chance and a hasher of the test's own.

mod activity;
mod authenticator;
mod ceremonies;
mod challenge;
mod clock;
mod codes;
mod contacts;
mod devices;
mod enroll;
mod factors;
mod failing_store;
mod first_factor;
mod gated;
mod grace;
mod hold;
mod journey;
mod judgement;
mod languages;
mod lost;
mod machine;
mod notices;
mod passkeys;
mod password;
mod phones;
mod receipts;
mod recovery;
mod risk;
mod security_keys;
mod sessions;
mod sign_in;
mod sign_up;
mod throttle;
mod toll;

use super::{
    Caller, Settings, World,
    administer::{self, NewUser},
    challenge::ChallengeError,
    hold as holding,
    sessions::{Bearer, Full, recognise},
    sign_in::{Opened, Outcome, SignInError, with_password},
};
use crate::{
    adapters::{geography::Nowhere, passkeys::Passkeys, store::MemoryStore, system::FileVault},
    domain::{
        contact::{Channel, NumberPrefix},
        enrolment::{FirstFactor, Requirement, Requirements, SignUp},
        factor::{Method, totp::Key},
        language::Language,
        password::{Exposure, Policy as PasswordPolicy, Score, Typed, Words},
        secret::{Secret, Token},
        session::{Identity, Limits, Session},
        target::Host,
        time::Timestamp,
        user::{LoginId, User},
    },
    ports::{
        Clock, Entropy, HasherBusy, LoreError, Messenger, NotSent, PasswordHasher, PasswordLore, Store, Vault,
        messages::Message,
    },
};
use async_trait::async_trait;
pub(crate) use gated::{Fault, Gate};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// When every test begins: the start of a TOTP step.
const NOON: Timestamp = Timestamp::from_millis(1_700_000_010_000);
const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_mins(1);
const LIMITS: Limits = Limits { lifetime: Duration::from_hours(12), idle: Duration::from_mins(30) };
/// Little enough to be reached in a test.
const LIMITS_OF_HOLDING: holding::Limits = holding::Limits { body_max: 200_000, total_max: 2_000_000 };

/// The portal's origin.
const ORIGIN: &str = "https://auth.example.com";
const ANN: &str = "ann";
const PASSWORD: &str = "correct horse battery";

/// A clock that goes where the test wants it.
struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The same bytes in every run: splitmix64.
struct Seeded(Mutex<u64>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Keeps passwords as they are, and counts how often it was asked.
#[derive(Default)]
struct PlainHasher {
    verified: AtomicUsize,
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Secret) -> Result<String, HasherBusy> {
        Ok(String::from_utf8(password.expose().to_vec()).unwrap())
    }

    async fn verify(&self, password: Secret, phc: Option<String>) -> Result<bool, HasherBusy> {
        self.verified.fetch_add(1, Ordering::SeqCst);
        Ok(phc.is_some_and(|phc| password.matches(phc.trim_start_matches(OUTDATED).as_bytes())))
    }

    fn is_outdated(&self, phc: &str) -> bool {
        phc.starts_with(OUTDATED)
    }
}

/// What hashes begin with that are made in another way today.
const OUTDATED: &str = "$outdated$";

/// Finds any password hard to guess but this one, and any unknown but the other.
struct Gossip;

const GUESSABLE: &str = "guess me if you can";
const BREACHED: &str = "stolen from elsewhere";

#[async_trait]
impl PasswordLore for Gossip {
    async fn assess(&self, password: &Typed, _words: &Words) -> Result<(Score, Exposure), LoreError> {
        let score = if password.expose() == GUESSABLE { 1 } else { 3 };
        let exposure = if password.expose() == BREACHED { Exposure::Breached } else { Exposure::Unknown };
        Ok((Score::new(score), exposure))
    }
}

/// Takes every message, and shows it to the test.
#[derive(Default)]
struct Inbox(Mutex<Vec<Message>>);

#[async_trait]
impl Messenger for Inbox {
    fn reaches(&self, _channel: Channel) -> bool {
        true
    }

    async fn send(&self, message: Message) -> Result<(), NotSent> {
        self.post(message);
        Ok(())
    }

    fn post(&self, message: Message) {
        self.0.lock().unwrap().push(message);
    }
}

/// A vault with a key file of its own, made once.
fn vault() -> Arc<dyn Vault> {
    static VAULT: OnceLock<Arc<FileVault>> = OnceLock::new();
    let made = VAULT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(FileVault::create(&folder.path().join("key"), &Seeded(Mutex::new(7))).unwrap())
    });
    Arc::clone(made) as Arc<dyn Vault>
}

/// Everything a flow is given, and the knobs.
struct Scene {
    world: World,
    clock: Arc<FakeClock>,
    hasher: Arc<PlainHasher>,
    inbox: Arc<Inbox>,
}

/// Ann's phone.
struct Phone {
    key: Key,
    clock: Arc<FakeClock>,
}

impl Phone {
    fn code(&self) -> String {
        self.key.code_shown(self.clock.now())
    }

    /// A code it does not show, nor showed a moment ago, nor will show soon.
    fn wrong_code(&self) -> String {
        let near =
            [self.clock.now(), self.clock.now() - STEP, self.clock.now() + STEP].map(|at| self.key.code_shown(at));
        (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

impl Scene {
    fn new() -> Self {
        Self::with(Requirement::Required, MemoryStore::default())
    }

    /// One in which other tasks get a turn before each call of the store.
    fn gated() -> Self {
        Self::with(Requirement::Required, gated::Gated::default())
    }

    fn with(requirement: Requirement, store: impl Store + 'static) -> Self {
        let clock = Arc::new(FakeClock(AtomicI64::new(NOON.as_millis())));
        let hasher = Arc::new(PlainHasher::default());
        let inbox = Arc::new(Inbox::default());
        let world = World {
            store: Arc::new(store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(Seeded(Mutex::new(1))),
            hasher: Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            lore: Arc::new(Gossip),
            vault: vault(),
            passkeys: Arc::new(Passkeys::new("auth.example.com", ORIGIN, "Example Corp")),
            geography: Arc::new(Nowhere),
            messenger: Arc::clone(&inbox) as Arc<dyn Messenger>,
            settings: Settings {
                organisation: "Example Corp".to_owned(),
                language: Language::English,
                limits: LIMITS,
                sign_up: SignUp::Open,
                requirements: Requirements { everybody: requirement, groups: BTreeMap::new() },
                asking: Vec::new(),
                origin: ORIGIN.to_owned(),
                recovery_codes: 10,
                risk: None,
                hold: LIMITS_OF_HOLDING,
                methods: vec![Method::Passkey, Method::SecurityKey, Method::Totp],
                group_methods: BTreeMap::new(),
                first_factor: FirstFactor::Operator,
                grace: None,
                remember: Some(Duration::from_hours(30 * 24)),
                countries: NumberPrefix::parse("+44").map(|prefix| (Channel::Sms, prefix)).into_iter().collect(),
                per_hour: BTreeMap::new(),
                passwords: PasswordPolicy::default(),
                names: vec!["Example Corp".to_owned(), "Payroll".to_owned()],
            },
        };
        Self { world, clock, hasher, inbox }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.set(self.now() + time);
    }

    fn set(&self, now: Timestamp) {
        self.clock.0.store(now.as_millis(), Ordering::SeqCst);
    }

    async fn add(&self, name: &str) -> User {
        let new = NewUser {
            login_id: LoginId::parse(name).unwrap(),
            name: None,
            email: None,
            phone: None,
            groups: Vec::new(),
        };
        administer::add_user(&self.world, new, Some(PASSWORD)).await.unwrap()
    }

    /// Adds somebody with an authenticator app.
    async fn add_with_phone(&self, name: &str) -> (User, Phone) {
        let user = self.add(name).await;
        let key = administer::enroll_totp(&self.world, &user.login_id).await.unwrap();
        (user, Phone { key, clock: Arc::clone(&self.clock) })
    }

    /// As many browsers that somebody is known in, so that no budget keeps any of them from trying.
    async fn known_browsers(&self, user: &User, count: usize) -> Vec<Caller> {
        let mut callers = Vec::new();
        for _ in 0..count {
            let browser = self.world.entropy.token();
            self.world.store.know_browser(browser.hash(), user.id, self.now()).await.unwrap();
            callers.push(Caller { browser: Some(browser), ..anywhere() });
        }
        callers
    }

    async fn password(&self, name: &str, password: &str, caller: &Caller) -> Result<Outcome, SignInError> {
        with_password(&self.world, name, password, caller).await.1
    }

    /// Whoever holds this token.
    async fn bearer(&self, token: &Token) -> Bearer {
        recognise(&self.world, Some(token)).await.unwrap()
    }

    /// Whoever is signed in with this token.
    async fn full(&self, token: &Token) -> Full {
        match self.bearer(token).await {
            Bearer::Full(full) => *full,
            other => panic!("no session: {other:?}"),
        }
    }

    /// Ann's half session.
    async fn half(&self, caller: &Caller) -> Token {
        match self.password(ANN, PASSWORD, caller).await.unwrap() {
            Outcome::SecondFactor(token) | Outcome::Enrol(token) => token,
            Outcome::Done(_) | Outcome::Grace(_) => panic!("the password alone opened a session"),
        }
    }

    async fn code(&self, token: &Token, code: &str, caller: &Caller) -> Result<Opened, ChallengeError> {
        super::challenge::answer_totp(&self.world, &self.bearer(token).await, code, caller).await
    }

    /// Signs Ann in with both.
    async fn sign_in(&self, phone: &Phone, caller: &Caller) -> Opened {
        let half = self.half(caller).await;
        self.code(&half, &phone.code(), caller).await.unwrap()
    }

    /// The session of this token.
    async fn session(&self, token: &Token) -> Session {
        match self.bearer(token).await {
            Bearer::Full(full) => full.identity.session,
            other => panic!("no session: {other:?}"),
        }
    }
}

/// Somebody who is signed in, and where.
pub(crate) async fn signed_in() -> (World, Identity) {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let identity = scene.full(&opened.token).await.identity;
    (scene.world, identity)
}

/// Somebody who is signed in twice, for so long that it has to be noted that this goes on; and what the store can do.
pub(crate) async fn signed_in_twice() -> (World, [Identity; 2], Arc<Gate>) {
    let store = gated::Gated::default();
    let gate = Arc::clone(&store.gate);
    let scene = Scene::with(Requirement::Required, store);
    let (_, phone) = scene.add_with_phone(ANN).await;
    let first = scene.sign_in(&phone, &anywhere()).await.token;
    scene.wait(STEP);
    let second = scene.sign_in(&phone, &anywhere()).await.token;
    scene.wait(LIMITS.idle / 2);
    let sessions = [scene.full(&first).await.identity, scene.full(&second).await.identity];
    (scene.world, sessions, gate)
}

/// Somebody at this address, in a browser that was never here.
fn from(address: &str) -> Caller {
    Caller {
        address: address.parse::<IpAddr>().unwrap(),
        browser: None,
        agent: Some("Firefox on Linux".to_owned()),
        language: None,
    }
}

fn anywhere() -> Caller {
    from("192.0.2.1")
}

fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

/// The last instant at which a limit is not reached yet.
const fn just_before(limit: Duration) -> Duration {
    limit.saturating_sub(Duration::from_millis(1))
}

fn is_nobody(bearer: &Bearer) -> bool {
    matches!(bearer, Bearer::Nobody(_))
}
