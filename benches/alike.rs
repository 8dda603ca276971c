//! Whether the time of an answer tells a name that somebody has from one that nobody has (EE-01): medians over 200 tries each at
//! `/login`, with a wrong password, at `/forgot` and at `/sign-up`, over a SQLite file and the real hasher. Ends in failure where two that should be
//! alike are more than five milliseconds apart.
#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to measure")]

use async_trait::async_trait;
use axum::{Router, body::Body};
use doorward::{
    adapters::{
        geography::Nowhere,
        passkeys::Passkeys,
        passwords::KnownPasswords,
        store,
        system::{Argon2Hasher, FileVault, SystemClock, SystemEntropy},
    },
    domain::{
        contact::{Address, Channel, Contact, EmailAddress},
        enrolment::{FirstFactor, Requirements, SignUp},
        factor::{FactorId, Method},
        password::Policy,
        policy::route::Apps,
        secret::Secret,
        session::Limits,
        user::{LoginId, User, UserId},
    },
    edge::{
        http::{
            ended::Ended,
            page::{Brand, ContentPolicy},
            request::ClientAddress,
        },
        portal::serve::{Desk, router},
    },
    flows::{self, World},
    ports::{
        Entropy as _, Messenger, NotSent,
        messages::Message,
        store::{Account, Added, PasswordFactor},
    },
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tower::ServiceExt as _;

const TRIES: u32 = 200;
const APART_MAX: Duration = Duration::from_millis(5);
const ORIGIN: &str = "https://auth.example.com";

/// Takes every message, as a queue would.
struct Queue;

#[async_trait]
impl Messenger for Queue {
    fn reaches(&self, _channel: Channel) -> bool {
        true
    }

    async fn send(&self, _message: Message) -> Result<(), NotSent> {
        Ok(())
    }

    fn post(&self, message: Message) {
        tokio::spawn(async move { drop(message) });
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    settle(&world).await;
    let portal = router(Arc::new(desk(world)));
    let mut is_alike = true;
    for (page, kinds) in [
        ("/login", &["known", "unknown"][..]),
        ("/forgot", &["known", "unknown", "unreachable"]),
        ("/sign-up", &["known", "unknown"]),
    ] {
        let form = Form::open(&portal, page).await;
        let mut times = vec![Vec::new(); kinds.len()];
        // In turns, and each first as often as the others: whatever else the machine does meets all of them.
        for number in 0..TRIES {
            for turn in 0..kinds.len() {
                let at = (number as usize + turn) % kinds.len();
                if let (Some(kind), Some(times)) = (kinds.get(at), times.get_mut(at)) {
                    times.push(form.send(&portal, &format!("{kind}-{number}")).await);
                }
            }
        }
        let medians: Vec<Duration> = times.into_iter().map(median).collect();
        let apart = medians.iter().max().unwrap().saturating_sub(*medians.iter().min().unwrap());
        let said: Vec<_> = kinds.iter().zip(&medians).map(|(kind, median)| format!("{kind} {median:.2?}")).collect();
        println!("{page:8} {}, {apart:.2?} apart (medians of {TRIES})", said.join(", "));
        is_alike &= apart <= APART_MAX;
    }
    if is_alike { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn world(folder: &Path) -> World {
    World {
        store: store::open(&format!("sqlite:{}/doorward.db", folder.display())).await.unwrap(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        hasher: Arc::new(Argon2Hasher::new()),
        lore: Arc::new(KnownPasswords::default()),
        vault: Arc::new(FileVault::create(&folder.join("key"), &SystemEntropy).unwrap()),
        passkeys: Arc::new(Passkeys::new("auth.example.com", ORIGIN, "Example Corp")),
        messenger: Arc::new(Queue),
        geography: Arc::new(Nowhere),
        settings: flows::Settings {
            countries: Vec::new(),
            per_hour: std::collections::BTreeMap::new(),
            first_factor: FirstFactor::Operator,
            group_methods: std::collections::BTreeMap::new(),
            grace: None,
            remember: None,
            organisation: "Example Corp".to_owned(),
            language: doorward::domain::language::Language::English,
            limits: Limits { lifetime: Duration::from_hours(12), idle: Duration::from_hours(1) },
            sign_up: SignUp::Open,
            requirements: Requirements::default(),
            asking: Vec::new(),
            recovery_codes: 10,
            risk: None,
            methods: vec![Method::Passkey, Method::Totp],
            hold: flows::hold::Limits { body_max: 0, total_max: 0 },
            passwords: Policy::default(),
            names: Vec::new(),
            origin: ORIGIN.to_owned(),
        },
    }
}

/// Adds an account for each try, so that none meets another's throttle: some with an address, some without.
async fn settle(world: &World) {
    let phc = world.hasher.hash(Secret::new(b"correct horse battery staple".to_vec())).await.unwrap();
    for number in 0..TRIES {
        let mailbox = format!("known-{number}@mail.example");
        for (login_id, email) in [
            (format!("known-{number}"), Some(&mailbox)),
            (mailbox.clone(), Some(&mailbox)),
            (format!("unreachable-{number}"), None),
        ] {
            let now = world.clock.now();
            let login_id = LoginId::parse(&login_id).unwrap();
            let user = User {
                id: UserId(world.entropy.id(now)),
                name: login_id.to_string(),
                login_id,
                email: email.cloned(),
                groups: Vec::new(),
                language: None,
                disabled: false,
                created_at: now,
            };
            let id = FactorId(world.entropy.id(now));
            let owner = user.id;
            let password = Some(PasswordFactor { id, phc: phc.clone(), changed_at: now });
            let added = world.store.add_account(&Account { user, password, approval: None }).await.unwrap();
            assert_eq!(added, Added::New);
            if let Some(email) = email {
                let address = Address::Email(EmailAddress::parse(email).unwrap());
                let id = FactorId(world.entropy.id(now));
                let contact = Contact { id, user: owner, address, verified_at: Some(now), used_at: None };
                world.store.put_contact(&contact).await.unwrap();
            }
        }
    }
}

fn desk(world: World) -> Desk {
    Desk {
        world,
        brand: Brand {
            name: "Example Corp".to_owned(),
            theme: None,
            mark: None,
            support_url: None,
            privacy_url: None,
            footer: None,
        },
        origin: ORIGIN.to_owned(),
        port_suffix: String::new(),
        apps: Arc::new(Apps::new(Vec::new())),
        directory: Vec::new(),
        content: ContentPolicy::strict(),
        ended: Ended::default(),
        jwks: String::new(),
    }
}

/// A form as one browser got it.
struct Form {
    page: &'static str,
    cookie: String,
    csrf: String,
}

impl Form {
    async fn open(portal: &Router, page: &'static str) -> Self {
        let mut request = Request::get(page).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let answer = portal.clone().oneshot(request).await.unwrap();
        let cookie = answer.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let html = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let (_, csrf) = html.split_once("name=\"csrf\" value=\"").unwrap();
        Self { page, cookie, csrf: csrf.split('"').next().unwrap().to_owned() }
    }

    /// How long the answer to this name takes, whole. Each comes from an address of its own.
    #[expect(clippy::disallowed_methods, reason = "a stopwatch")]
    async fn send(&self, portal: &Router, name: &str) -> Duration {
        let body = format!("csrf={}&login_id={name}&email={name}@mail.example&password=not+the+password", self.csrf);
        let mut request = Request::post(self.page)
            .header(header::COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let mut address = [0; 4];
        SystemEntropy.fill(&mut address);
        request.extensions_mut().insert(ClientAddress(IpAddr::from(address)));
        let began = Instant::now();
        let answer = portal.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        answer.into_body().collect().await.unwrap();
        let took = began.elapsed();
        assert!(matches!(status, StatusCode::OK | StatusCode::FORBIDDEN), "{status}");
        took
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    *times.get(times.len() / 2).unwrap()
}
