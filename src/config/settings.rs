//! The config as run: parsed, complete, nothing left to check. The config as written never leaves [`super`].

pub use crate::adapters::{
    messages::settings::{Mail, Phone},
    records::{Keep, Settings as Records},
    upstream::HttpVersion,
};
pub use crate::edge::proxy::{bearer::Bearer, cors::Cors};

use crate::{
    domain::{
        enrolment::{FirstFactor, Requirements, SignUp},
        factor::Method,
        language::Language,
        password,
        policy::{
            Policy,
            call::Network,
            route::{App, Apps},
        },
        risk::Rules,
        secret::Secret,
        session::Limits,
        target::Host,
    },
    edge::proxy::outgoing::{IdentityNames, Names},
    flows::hold,
};
use http::HeaderName;
use ipnet::IpNet;
use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

/// Everything a config file says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[server]`.
    pub server: Server,
    /// `[tls]`.
    pub tls: Tls,
    /// `[portal]`.
    pub portal: Portal,
    /// `[store]`.
    pub store: Store,
    /// `[session]`.
    pub session: Limits,
    /// `[mfa]`.
    pub mfa: Mfa,
    /// `[risk]`.
    pub risk: Option<RiskSettings>,
    /// `[hold]`.
    pub hold: hold::Limits,
    /// `[password]`.
    pub password: Password,
    /// `[sign_up]`.
    pub sign_up: SignUpSettings,
    /// `[mail]`.
    pub mail: Option<Mail>,
    /// `[sms]`.
    pub sms: Option<Phone>,
    /// `[voice]`.
    pub voice: Option<Phone>,
    /// `[records]`.
    pub records: Option<Records>,
    /// Every policy: `public` and `deny`, then those of `[policy.NAME]` in alphabetical order.
    pub policies: Vec<Arc<Policy>>,
    /// `[[app]]`, in the order of the file; never empty.
    pub apps: Vec<Arc<AppSettings>>,
}

impl Settings {
    /// The routing table: what the data plane finds a request's app in.
    pub fn routing(&self) -> Apps {
        Apps::new(self.apps.iter().map(|settings| Arc::clone(&settings.app)).collect())
    }
}

/// Sockets, and how the process behaves.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where HTTPS is served; never empty.
    pub listen: Vec<SocketAddr>,
    /// Where plain HTTP is answered with a redirect to HTTPS.
    pub redirect: Vec<SocketAddr>,
    /// Where the management API, health and metrics are served; `None` where switched off.
    pub admin: Option<SocketAddr>,
    /// Who shows it may manage; nobody may where there is none.
    pub admin_key: Option<Secret>,
    /// Who may say for whom a connection is (ID-05).
    pub trusted_proxies: Vec<IpNet>,
    /// Threads of the data plane; one for each core where not said.
    pub workers: Option<NonZeroUsize>,
    /// Connections of browsers at once; where not said, half of the files that may be open beside the process's own, for each
    /// may take another to an application.
    pub connections: Option<NonZeroUsize>,
    /// Longest body of a request, in bytes (FR-23).
    pub body_max: u64,
    /// How log lines look.
    pub log: LogFormat,
    /// How long open connections may take to finish when the gateway stops.
    pub drain: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// For a program.
    Json,
}

/// What the gateway shows to browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Chosen by the name that a browser asks for; never empty.
    pub certificates: Vec<Certificate>,
}

/// A certificate chain and its key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The gateway's own pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// Where browsers find them.
    pub url: Origin,
    /// Whose front door this is.
    pub name: String,
    /// Where people who are stuck are sent.
    pub support_url: Option<url::Url>,
    /// Where it says what is done with people's data.
    pub privacy_url: Option<url::Url>,
    /// One line below every page.
    pub footer: Option<String>,
    /// The picture beside the name, where it is not Doorward's own.
    pub mark: Option<PathBuf>,
    /// Colour of buttons and links.
    pub accent: Accent,
    /// In which language people are written to whose own is not known.
    pub language: Language,
}

/// An HTTPS origin as browsers see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The host.
    pub host: Host,
    /// The port that browsers see.
    pub port: u16,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            443 => write!(f, "https://{}", self.host),
            port => write!(f, "https://{}:{port}", self.host),
        }
    }
}

/// A colour on which white text can be read: at least 4.5:1 (WCAG 2.2, 1.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    /// Red, green and blue.
    pub rgb: [u8; 3],
}

impl std::fmt::Display for Accent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.rgb;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which engine, and where.
    pub url: StoreUrl,
    /// The key that seals secrets at rest; kept outside the store.
    pub key_file: PathBuf,
}

/// Which engine keeps the state, and where.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A file of this machine, for one node.
    Sqlite(PathBuf),
    /// A `PostgreSQL` server, for one node or several. The URL holds a password.
    Postgres(Secret),
    /// Nothing outlives the process: for trying things out.
    Memory,
}

/// Second factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfa {
    /// Whom signing in takes one from.
    pub requirements: Requirements,
    /// What the first one takes beside the password.
    pub first_factor: FirstFactor,
    /// What counts as one; never empty.
    pub methods: Vec<Method>,
    /// What of it counts for the members of a group.
    pub group_methods: BTreeMap<String, Vec<Method>>,
    /// For how long one may sign in without one where it is required; `None` for not at all.
    pub grace: Option<Duration>,
    /// Recovery codes in a set; none where it is zero.
    pub recovery_codes: u8,
    /// How long a browser may spare its user the second step; `None` where none may.
    pub remember: Option<Duration>,
}

/// Sign-ins that are unlike somebody's earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskSettings {
    /// What signals weigh, and what they call for.
    pub rules: Rules,
    /// Addresses that are a signal by themselves.
    pub listed: Vec<Network>,
    /// Where addresses are, if anybody can say.
    pub geo: Option<PathBuf>,
}

/// What new passwords must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// Lengths and score.
    pub policy: password::Policy,
    /// The list of breached ones, if there is one.
    pub breached: Option<PathBuf>,
}

/// Accounts that people make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignUpSettings {
    /// Who may.
    pub mode: SignUp,
}

/// One application: what decides about requests to it, and how they get there.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Hosts, routes and policies.
    pub app: Arc<App>,
    /// Where requests go; never empty.
    pub upstreams: Vec<Upstream>,
    /// Who vouches for HTTPS upstreams; the system's authorities where not said.
    pub upstream_ca: Option<PathBuf>,
    /// What its servers speak.
    pub upstream_http: HttpVersion,
    /// What the application is told about the user.
    pub identity: IdentityHeaders,
    /// Whether a WebSocket may be opened.
    pub websocket: WebSocket,
    /// Whether programs may bring a token in place of a cookie.
    pub bearer: Bearer,
    /// Which pages of other origins may call it; its own affair where not said.
    pub cors: Option<Cors>,
    /// What comes of its own wish for a step-up.
    pub step_up: StepUp,
    /// Which host the application sees.
    pub host_header: HostHeader,
    /// How upstreams are probed, if at all.
    pub health: Option<Health>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the application may take to begin its answer.
    pub response_timeout: Duration,
}

impl AppSettings {
    /// Which pages of other origins may call it, where the gateway answers for it.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }
}

/// One server of an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// In the clear or encrypted.
    pub scheme: Scheme,
    /// Name or address.
    pub host: Host,
    /// Port.
    pub port: u16,
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// How an upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// With TLS; name and chain are verified (HO-10).
    Https,
}

/// What the application is told about the user, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// The login id.
    pub user: HeaderName,
    /// The name people know.
    pub name: HeaderName,
    /// The e-mail address.
    pub email: HeaderName,
    /// The groups.
    pub groups: HeaderName,
    /// Whether `Doorward-Assertion` goes with them.
    pub assertion: Assertion,
}

impl IdentityHeaders {
    /// These names, and what no client may send because of them.
    pub fn names(&self) -> IdentityNames {
        let [user, name, email, groups] =
            [&self.user, &self.name, &self.email, &self.groups].map(|name| Some(name.clone()));
        IdentityNames::new(Names { user, name, email, groups })
    }
}

/// Whether the signed assertion is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assertion {
    /// With each request that carries an identity.
    Sent,
    /// Never.
    Withheld,
}

/// Whether a WebSocket may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebSocket {
    /// Where policy admits them.
    Allowed,
    /// Nowhere.
    Refused,
}

/// What comes of an application's wish for a step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepUp {
    /// People are asked for it.
    Heeded,
    /// Its answer passes as any other.
    Ignored,
}

/// Which `Host` the application sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostHeader {
    /// The one that the browser asked for.
    Preserve,
    /// The upstream's own.
    Upstream,
}

/// How an upstream is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Answered with a 2xx by a healthy server.
    pub path: String,
    /// Time between two probes.
    pub interval: Duration,
}
