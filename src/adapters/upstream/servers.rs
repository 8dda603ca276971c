//! The servers of every app: who they are, where they are, which to take next.

use super::{
    Settings,
    connect::{Connection, Connector, NotTrusted},
    health::Checker,
};
use crate::{
    domain::target::{Authority, Host, NotAHost},
    ports::upstream::UpstreamError,
};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::lb::{
    Backend, Backends,
    discovery::ServiceDiscovery,
    health_check::HealthCheck,
    selection::{BackendIter as _, BackendSelection as _, RoundRobin},
};
use rustls_pki_types::ServerName;
use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::interval};

/// Turns that are taken to get past each server that failed already.
const TURNS_FOR_EACH_TRIED: usize = 8;
/// How often names are resolved.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);

/// A server as the config file names it: `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address, and the port.
    host: Host,
    port: u16,
    /// The name it must prove, where it is reached by `https`.
    tls_name: Option<ServerName<'static>>,
}

/// Why a text names no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAServer {
    /// It begins neither with `http://` nor with `https://`.
    #[error("an upstream begins with http:// or https://")]
    Scheme,
    /// A path, query or user follows the host.
    #[error("an upstream has a host and a port, nothing else: paths are forwarded as they are")]
    MoreThanOrigin,
    /// The host is none.
    #[error(transparent)]
    Host(#[from] NotAHost),
}

impl FromStr for Server {
    type Err = NotAServer;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (authority, tls) = match (raw.strip_prefix("http://"), raw.strip_prefix("https://")) {
            (Some(authority), _) => (authority, false),
            (_, Some(authority)) => (authority, true),
            (None, None) => return Err(NotAServer::Scheme),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(NotAServer::MoreThanOrigin);
        }
        let Authority { host, port } = Authority::parse(authority)?;
        let tls_name = match (tls, address_of(&host)) {
            (false, _) => None,
            (true, Some(address)) => Some(ServerName::IpAddress(address.into())),
            (true, None) => Some(
                ServerName::try_from(host.as_str().to_owned()).map_err(|_| NotAServer::Host(NotAHost::Character))?,
            ),
        };
        Ok(Self { host, port: port.unwrap_or(if tls { 443 } else { 80 }), tls_name })
    }
}

impl Server {
    /// The name it must prove; `None` where it is reached without TLS.
    pub(super) fn tls_name(&self) -> Option<&ServerName<'static>> {
        self.tls_name.as_ref()
    }

    async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        if let Some(address) = address_of(&self.host) {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn address_of(host: &Host) -> Option<IpAddr> {
    let text = host.as_str();
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// Every app's servers and how they fare. Shared by all cores.
#[derive(Clone, Default)]
pub struct Upstreams {
    groups: Arc<HashMap<String, Arc<Group>>>,
}

impl Upstreams {
    /// The servers of these apps, by app name, resolved once. A name that DNS does not know yet is no error.
    pub async fn resolve(apps: impl IntoIterator<Item = (String, Settings)>) -> Result<Self, NotTrusted> {
        Self::default().next(apps).await
    }

    /// The servers of these apps. Those of an app that is reached as it was are the same ones, with what is known of them.
    pub async fn next(&self, apps: impl IntoIterator<Item = (String, Settings)>) -> Result<Self, NotTrusted> {
        let mut groups = HashMap::new();
        for (app, settings) in apps {
            let authorities = settings.trust.held();
            let same = self.groups.get(&app).filter(|group| group.is_made_of(&settings, authorities.as_deref()));
            let group = if let Some(group) = same {
                Arc::clone(group)
            } else {
                let group = Group::new(app.clone(), settings, authorities)?;
                group.refresh().await;
                // Before anybody shares it: two who ask first at the same time must both find somebody.
                group.count();
                Arc::new(group)
            };
            groups.insert(app, group);
        }
        Ok(Self { groups: Arc::new(groups) })
    }

    /// Begins to resolve the names and probe the servers that nobody watches yet; each for as long as somebody may send
    /// there, or until `shutdown` changes or its sender is gone.
    ///
    /// Call it on the runtime for slow work.
    pub fn watch(&self, shutdown: &watch::Receiver<()>) {
        for group in self.groups.values().filter(|group| !group.is_watched.swap(true, Ordering::Relaxed)) {
            let every = group.settings.probe_every;
            tokio::spawn(Group::watch(Arc::downgrade(group), every, shutdown.clone()));
        }
    }

    /// Probes every server once.
    #[cfg(test)]
    pub(super) async fn probe(&self) {
        for group in self.groups.values() {
            group.probe().await;
        }
    }

    /// The servers of every app.
    pub(super) fn groups(&self) -> &HashMap<String, Arc<Group>> {
        &self.groups
    }
}

/// The servers of one app.
pub(super) struct Group {
    app: String,
    settings: Settings,
    /// What the file of authorities held.
    authorities: Option<Vec<u8>>,
    is_watched: AtomicBool,
    backends: Backends,
    route: Arc<Route>,
    /// Those that get requests, each in its turn. To ask `backends` about each server at each request costs more than the
    /// rest of a choice.
    well: ArcSwap<RoundRobin>,
    /// Held by whoever counts `well` anew, so that an older count never replaces a newer one.
    counting: Mutex<()>,
}

/// How a server is reached; shared by requests and probes.
pub(super) struct Route {
    connector: Connector,
    names: ArcSwap<HashMap<SocketAddr, Server>>,
    /// A server came, went, fell ill or got well, and nobody has counted since.
    has_changed: AtomicBool,
}

impl Route {
    /// Says that a server came, went, fell ill or got well.
    pub(super) fn note_change(&self) {
        self.has_changed.store(true, Ordering::Release);
    }

    /// Connects to one of the servers.
    pub(super) async fn connect(&self, address: SocketAddr) -> Result<Connection, UpstreamError> {
        let names = self.names.load_full();
        // Resolved away since it was chosen.
        let server = names.get(&address).ok_or(UpstreamError::NoneHealthy)?;
        self.connector.connect(address, server.tls_name()).await
    }

    /// What a probe says as `Host`.
    pub(super) fn host_of(&self, address: SocketAddr) -> Option<String> {
        self.names.load().get(&address).map(ToString::to_string)
    }
}

impl Group {
    fn new(app: String, settings: Settings, authorities: Option<Vec<u8>>) -> Result<Self, NotTrusted> {
        let route = Arc::new(Route {
            connector: Connector::new(&settings)?,
            names: ArcSwap::default(),
            has_changed: AtomicBool::default(),
        });
        let resolver = Resolver { servers: settings.servers.clone(), route: Arc::clone(&route) };
        let mut backends = Backends::new(Box::new(resolver));
        let checker: Box<dyn HealthCheck + Send + Sync> =
            Box::new(Checker::new(app.clone(), &settings, Arc::clone(&route)));
        backends.set_health_check(checker);
        let well = ArcSwap::from_pointee(RoundRobin::build(&BTreeSet::new()));
        let (is_watched, counting) = (AtomicBool::default(), Mutex::default());
        Ok(Self { app, settings, authorities, is_watched, backends, route, well, counting })
    }

    fn is_made_of(&self, settings: &Settings, authorities: Option<&[u8]>) -> bool {
        self.settings == *settings && self.authorities.as_deref() == authorities
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    /// The next healthy server that is not among `tried`.
    pub(super) fn next(&self, tried: &[SocketAddr]) -> Option<SocketAddr> {
        if self.route.has_changed.load(Ordering::Acquire) {
            self.count();
        }
        let mut turns = self.well.load().iter(b"");
        // Others take turns at the same time, so one of `tried` may come up more than once.
        (0..=TURNS_FOR_EACH_TRIED * tried.len())
            .map_while(|_| turns.next().and_then(|backend| backend.addr.as_inet().copied()))
            .find(|address| !tried.contains(address))
    }

    /// Finds out who gets requests, if that changed.
    fn count(&self) {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.route.has_changed.swap(false, Ordering::AcqRel) {
            let mut well = BTreeSet::clone(&self.backends.get_backend());
            well.retain(|backend| self.backends.ready(backend));
            self.well.store(Arc::new(RoundRobin::build(&well)));
        }
    }

    async fn refresh(&self) {
        match self.backends.update(|_| ()).await {
            Ok(()) => self.route.note_change(),
            Err(error) => tracing::warn!(app = self.app, %error, "the servers could not be looked up"),
        }
    }

    async fn watch(watched: Weak<Self>, probe_every: Duration, mut shutdown: watch::Receiver<()>) {
        let (mut resolve, mut probe) = (interval(RESOLVE_EVERY), interval(probe_every));
        loop {
            let resolves = tokio::select! {
                _ = shutdown.changed() => return,
                _ = resolve.tick() => true,
                _ = probe.tick() => false,
            };
            let Some(group) = watched.upgrade() else { return };
            if resolves { group.refresh().await } else { group.probe().await }
        }
    }

    async fn probe(&self) {
        self.backends.run_health_check(true).await;
    }
}

/// Looks names up beside the traffic. What DNS does not answer stays as it last was.
struct Resolver {
    servers: Vec<Server>,
    route: Arc<Route>,
}

#[async_trait]
impl ServiceDiscovery for Resolver {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let before = self.route.names.load_full();
        let mut names = HashMap::new();
        for server in &self.servers {
            match server.resolve().await {
                Ok(addresses) if !addresses.is_empty() => {
                    names.extend(addresses.into_iter().map(|address| (address, server.clone())));
                }
                outcome => {
                    tracing::warn!(%server, error = ?outcome.err(), "DNS does not know the upstream; it stays as it was");
                    let last = before.iter().filter(|(_, known)| *known == server);
                    names.extend(last.map(|(address, known)| (*address, known.clone())));
                }
            }
        }
        let backends: pingora::Result<_> = names.keys().map(|address| Backend::new(&address.to_string())).collect();
        self.route.names.store(Arc::new(names));
        Ok((backends?, HashMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::upstream::Trust;
    use std::{fs, path::Path};

    fn settings(server: &str) -> Settings {
        Settings::new(vec![server.parse().unwrap()])
    }

    fn trusting(authorities: &Path) -> Settings {
        Settings { trust: Trust::Authorities(authorities.to_owned()), ..settings("http://127.0.0.1:9000") }
    }

    async fn next(upstreams: &Upstreams, apps: &[(&str, &Settings)]) -> Upstreams {
        upstreams.next(apps.iter().map(|(app, settings)| ((*app).to_owned(), (*settings).clone()))).await.unwrap()
    }

    fn is_kept(app: &str, before: &Upstreams, after: &Upstreams) -> bool {
        Arc::ptr_eq(&before.groups[app], &after.groups[app])
    }

    #[tokio::test]
    async fn servers_that_are_reached_as_before_are_the_same_ones() {
        let folder = tempfile::tempdir().unwrap();
        let authorities = folder.path().join("ca.pem");
        fs::write(&authorities, "one").unwrap();
        let (wiki, payroll, safe) =
            (settings("http://127.0.0.1:9001"), settings("http://127.0.0.1:9000"), trusting(&authorities));
        let slower = Settings { answer_max: Duration::from_secs(9), ..payroll.clone() };

        let first = next(&Upstreams::default(), &[("wiki", &wiki), ("payroll", &payroll), ("safe", &safe)]).await;
        let second = next(&first, &[("payroll", &slower), ("wiki", &wiki), ("safe", &safe)]).await;
        fs::write(&authorities, "two").unwrap();
        let third = next(&second, &[("safe", &safe), ("payroll", &slower)]).await;

        assert!(is_kept("wiki", &first, &second) && is_kept("safe", &first, &second));
        assert!(!is_kept("payroll", &first, &second), "it is given more time");
        assert!(!is_kept("safe", &second, &third), "others vouch for it");
        assert!(is_kept("payroll", &second, &third));
        assert!(!third.groups.contains_key("wiki"));
    }

    #[tokio::test]
    async fn who_is_there_is_known_before_anybody_asks() {
        let upstreams = next(&Upstreams::default(), &[("app", &settings("http://127.0.0.1:9000"))]).await;

        let group = &upstreams.groups["app"];
        assert!(group.well.load().iter(b"").next().is_some());
    }

    #[test]
    fn a_server_is_an_origin() {
        for (raw, shown) in [
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://App.internal/", "app.internal:80"),
            ("https://app.internal", "app.internal:443"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(raw.parse::<Server>().map(|server| server.to_string()), Ok(shown.into()), "{raw}");
        }
        for raw in
            ["", "app:80", "ftp://a", "http://a/b", "http://u@a", "http://a?x", "http://a:0", "http://", "https://a b"]
        {
            assert!(raw.parse::<Server>().is_err(), "{raw}");
        }
    }
}
