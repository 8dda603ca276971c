//! One core's data plane, a person who is signed in, and a request of theirs.

use super::stopwatch::takes_less_than;
use async_trait::async_trait;
use doorward::{
    adapters::{
        geography::Nowhere,
        passkeys::Passkeys,
        passwords::KnownPasswords,
        signer::JwtSigner,
        store::MemoryStore,
        system::{Argon2Hasher, FileVault, SystemClock, SystemEntropy},
    },
    domain::{
        contact::{Channel, EmailAddress},
        enrolment::{FirstFactor, Requirements, SignUp},
        factor::{FactorId, Method},
        password::Policy as PasswordPolicy,
        place::Place,
        policy::{
            Access, Admission, Decision, Policy, Requirement, Who,
            call::{Call, Conditions, Form, Named, Wanted},
            glob::PathGlob,
            route::{App, Apps, Matched, Route, Streams, Traffic},
        },
        risk::Assessment,
        secret::Token,
        session::{Activity, Authentication, Level, Limits, Session, SessionId},
        target::{Allowed, Authority, CanonicalPath, Host, HostPattern, path::check_query},
        user::LoginId,
    },
    edge::{
        http::{ended::Ended, forwarded::Forwarding, request::RequestIds},
        proxy::{
            assertions::{About, Assertions},
            body::RequestBody,
            fields::Left,
            outgoing::{self, IdentityNames, IdentityValues, Onward, Protocol},
            tokens::Tokens,
            visitors::{Known, Seen, Visitors},
        },
    },
    flows::{
        self, World,
        administer::{NewUser, add_user},
        sessions,
    },
    ports::{Messenger, NotSent, messages::Message},
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, request::Parts};
use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 17));
const HOST: &str = "payroll.example.com";
const ISSUER: &str = "https://auth.example.com";
/// How long all of it may take.
const WHOLE_MAX: Duration = Duration::from_micros(5);
const TRIES: usize = 20;
const TARGET: &str = "/reports/2026/q3?sort=name&page=2";

/// What a browser sends beside its cookies.
const FIELDS: &[(&str, &str)] = &[
    ("host", HOST),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9"),
];

/// One core's data plane, and one person who is signed in.
pub(crate) struct Scene {
    pub(crate) runtime: Runtime,
    world: World,
    apps: Apps,
    names: IdentityNames,
    visitors: Visitors,
    assertions: Assertions,
    authority: Authority,
    ids: RequestIds,
    headers: HeaderMap,
    uri: Uri,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = World {
            store: Arc::new(MemoryStore::default()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            hasher: Arc::new(Argon2Hasher::new()),
            vault: Arc::new(FileVault::create(&folder.path().join("key"), &SystemEntropy).unwrap()),
            lore: Arc::new(KnownPasswords::default()),
            passkeys: Arc::new(Passkeys::new("localhost", "https://localhost", "Example Corp")),
            messenger: Arc::new(Nobody),
            geography: Arc::new(Nowhere),
            settings: flows::Settings {
                organisation: "Example Corp".to_owned(),
                language: doorward::domain::language::Language::English,
                limits: Limits { lifetime: Duration::from_hours(12), idle: Duration::from_hours(1) },
                sign_up: SignUp::Open,
                requirements: Requirements::default(),
                asking: Vec::new(),
                recovery_codes: 10,
                risk: None,
                first_factor: FirstFactor::Operator,
                group_methods: std::collections::BTreeMap::new(),
                grace: None,
                remember: None,
                methods: vec![Method::Passkey, Method::Totp],
                hold: doorward::flows::hold::Limits { body_max: 0, total_max: 0 },
                countries: Vec::new(),
                per_hour: std::collections::BTreeMap::new(),
                passwords: PasswordPolicy::default(),
                names: Vec::new(),
                origin: "https://localhost".to_owned(),
            },
        };
        let host = Host::parse(HOST).unwrap();
        let child = runtime.block_on(signed_in(&world, &host));
        let signer = JwtSigner::open(world.store.as_ref(), world.vault.as_ref(), world.clock.now());
        let signer = Arc::new(runtime.block_on(signer).unwrap());
        let mut headers: HeaderMap = FIELDS
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let cookie = format!("theme=dark; __Host-doorward-app={}", *child.to_text());
        headers.insert(http::header::COOKIE, cookie.parse().unwrap());
        Self {
            apps: Apps::new(vec![Arc::new(app(host.clone()))]),
            names: IdentityNames::remote(),
            visitors: Visitors::new(
                world.clone(),
                Ended::default(),
                runtime.handle().clone(),
                Tokens::new(ISSUER, signer.clone(), Arc::new(SystemEntropy)),
            ),
            assertions: Assertions::new(ISSUER, signer, Arc::new(SystemEntropy)),
            authority: Authority { host, port: None },
            ids: RequestIds::new(7),
            headers,
            uri: TARGET.parse().unwrap(),
            runtime,
            world,
        }
    }

    /// The request as the parser hands it over.
    pub(crate) fn parts(&self) -> Parts {
        let mut request = Request::new(());
        request.uri_mut().clone_from(&self.uri);
        request.headers_mut().clone_from(&self.headers);
        request.into_parts().0
    }

    pub(crate) fn path(&self) -> CanonicalPath<'_> {
        check_query(self.uri.query().unwrap()).unwrap();
        CanonicalPath::parse(self.uri.path(), Allowed::default()).unwrap()
    }

    pub(crate) fn matched<'a>(&'a self, path: &CanonicalPath<'_>) -> Matched<'a> {
        let (client, now) = (Some(CLIENT), self.world.clock.now());
        let call = Call {
            method: "GET",
            path,
            query: self.uri.query(),
            fields: &Left::of(&self.headers, &self.names),
            client,
            form: Form::Unread,
            visitor: None,
            now,
        };
        self.apps.find(&self.authority.host).unwrap().matched(&call).unwrap().unwrap()
    }

    /// From memory; once a second from the store, on its own threads.
    pub(crate) fn look(&self) -> Arc<Known> {
        let look = || self.visitors.look(&self.headers, &self.authority);
        let seen = look().now_or_never().unwrap_or_else(|| self.runtime.block_on(look()));
        let Seen::Known(known) = seen.unwrap() else { panic!("nobody is signed in") };
        known
    }

    pub(crate) fn decide(&self, known: &Arc<Known>, matched: &Matched<'_>) -> Decision {
        matched.policy.decide(&Seen::Known(Arc::clone(known)).visitor(), self.world.clock.now())
    }

    pub(crate) fn assertion(&self, known: &Known, matched: &Matched<'_>) -> HeaderValue {
        let about = About {
            app: "payroll",
            app_index: 0,
            route: matched.route.map(|(at, route)| (at, route.path.as_str())),
            level: None,
        };
        self.assertions.get(&known.identity, &known.values, about, self.world.clock.now()).unwrap()
    }

    pub(crate) fn outgoing(
        &self,
        parts: Parts,
        path: &CanonicalPath<'_>,
        identity: &IdentityValues,
        assertion: &HeaderValue,
    ) -> Request<RequestBody> {
        let forwarding = Forwarding::new(CLIENT, &self.authority).unwrap();
        let onward = Onward {
            path,
            host: forwarding.host(),
            names: &self.names,
            identity: Some(identity),
            assertion: Some(assertion),
            forwarding: &forwarding,
            request_id: &self.ids.next().value().unwrap(),
            protocol: Protocol::Http,
        };
        outgoing::request(parts, RequestBody::held(bytes::Bytes::new()), &onward).unwrap()
    }

    /// All of it.
    pub(crate) fn whole(&self, parts: Parts) -> (Request<RequestBody>, Admission) {
        let path = self.path();
        let matched = self.matched(&path);
        let known = self.look();
        let Decision::Admit(admission) = self.decide(&known, &matched) else { panic!("not admitted") };
        let assertion = self.assertion(&known, &matched);
        (self.outgoing(parts, &path, &known.values, &assertion), admission)
    }

    /// Does all of it again and again, as fast as it must be where everything is so many times slower.
    pub(crate) fn is_fast_enough(&self, slower: u32) {
        // What is in the store is read once a second, so some tries are without.
        let mut parts: Vec<_> = (0..TRIES * 100).map(|_| self.parts()).collect();
        takes_less_than(WHOLE_MAX * 100 * slower, TRIES, "deciding a hundred requests", || {
            let hundred = parts.split_off(parts.len().saturating_sub(100));
            for parts in hundred {
                drop(black_box(self.whole(parts)));
            }
        });
    }
}

/// Reaches nobody: nothing that is measured sends anything.
struct Nobody;

#[async_trait]
impl Messenger for Nobody {
    fn reaches(&self, _channel: Channel) -> bool {
        false
    }

    async fn send(&self, message: Message) -> Result<(), NotSent> {
        Err(NotSent::NoChannel(message.channel))
    }

    fn post(&self, _message: Message) {}
}

/// A session of two factors, handed to `host`.
async fn signed_in(world: &World, host: &Host) -> Token {
    let new = NewUser {
        login_id: LoginId::parse("ann@example.com").unwrap(),
        name: Some("Ann Example".to_owned()),
        email: EmailAddress::parse("ann@example.com").ok(),
        phone: None,
        groups: vec!["finance".to_owned(), "staff".to_owned()],
    };
    let user = add_user(world, new, None).await.unwrap();
    let now = world.clock.now();
    let proof = |method| Authentication { method, factor: FactorId(Uuid::nil()), at: now };
    let session = Session {
        id: SessionId(world.entropy.id(now)),
        user: user.id,
        authentications: vec![proof(Method::Password), proof(Method::Totp)],
        started_at: now,
        seen_at: now,
        activity: Activity::begun(now),
        locked_at: None,
        spared: false,
        place: Place::default(),
        risk: Assessment::default(),
    };
    world.store.open_session(&session, world.entropy.token().hash()).await.unwrap();
    let browser = world.entropy.token();
    let code = sessions::hand_off(world, session.id, host, browser.hash()).await.unwrap();
    sessions::redeem(world, &code, host, &browser).await.unwrap().unwrap()
}

/// An application with a few routes in front of the one that fits.
fn app(host: Host) -> App {
    let policy = |name: &str, groups: &[&str]| {
        let groups: Vec<_> = groups.iter().map(|&group| group.to_owned()).collect();
        let who = (!groups.is_empty()).then_some(Who::Groups(groups));
        Arc::new(Policy::new(name, Access::Require(Requirement { who, ..Requirement::at(Level::Mfa) })))
    };
    let route = |glob: &str, policy: &Arc<Policy>| Route {
        label: None,
        methods: Vec::new(),
        path: PathGlob::parse(glob).unwrap(),
        case_sensitive: false,
        conditions: Conditions::default(),
        policy: Arc::clone(policy),
        streams: Streams::Session,
        traffic: Traffic::Person,
    };
    let raw = Named { name: "x-mode".to_owned(), wanted: Wanted::Text("raw".to_owned()) };
    let asking_for_a_header = Conditions { fields: vec![raw], ..Conditions::default() };
    let (standard, finance) = (policy("standard", &[]), policy("finance", &["finance"]));
    App {
        name: "payroll".to_owned(),
        title: "Payroll".to_owned(),
        hosts: vec![HostPattern::Exact(host)],
        routes: vec![
            route("/admin/**", &standard),
            route("/transfers/**", &finance),
            route("/*/export.csv", &finance),
            Route { conditions: asking_for_a_header, ..route("/reports/**", &standard) },
            route("/reports/**", &finance),
        ]
        .into(),
        fallback: Some(standard),
        allowed: Allowed::default(),
        levels: Vec::new(),
    }
}
