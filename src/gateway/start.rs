//! From settings to a running gateway, and to its end.

use super::{
    admin::{self, Admin},
    front::Front,
    listen::{self, Core},
    metrics::Metrics,
    redirect::Redirect,
    tls::{self, CertificateError, Certificates},
    world::{OpenError, open_world},
};
use crate::{
    adapters::{
        signer::{JwtSigner, KeyError},
        system::SystemEntropy,
        upstream::{self, Client, NotAServer, NotTrusted, Probe, Trust, Upstreams},
    },
    config::settings::{AppSettings, Assertion, HostHeader, Origin, Settings, WebSocket},
    domain::target::{Host, HostPattern},
    edge::{
        http::{
            assets::Asset,
            client::TrustedProxies,
            ended::Ended,
            page::{Brand, ContentPolicy},
            request::RequestIds,
        },
        portal::serve::{self, Desk},
        proxy::{
            Proxy, Served,
            assertions::Assertions,
            body::RequestBody,
            outgoing::{IdentityNames, Names},
            visitors::Visitors,
        },
    },
    flows::{World, sessions},
    ports::{Entropy as _, Signer},
};
use http::HeaderValue;
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::{self, Handle, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// Threads for the store, pages and mail.
const SLOW_THREADS: usize = 2;
/// How often what is over is forgotten.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// How often certificate files are looked at.
const REREAD_EVERY: Duration = Duration::from_secs(10);
/// The colour of `static/style.css`.
const OWN_ACCENT: [u8; 3] = [0x14, 0x63, 0x4f];
/// A year (BR-02). Subdomains are not ours to promise for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Why the gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store or its key can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is nothing to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate can't be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// An upstream is none.
    #[error("app `{app}`: {error}")]
    Upstream {
        /// Of which app.
        app: String,
        /// Why.
        error: NotAServer,
    },
    /// Whom upstreams are trusted by can't be read.
    #[error(transparent)]
    Trust(#[from] NotTrusted),
    /// An address can't be listened on.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The machine gives no thread or signal handler.
    #[error(transparent)]
    Machine(#[from] io::Error),
}

/// A running gateway.
pub struct Running {
    slow: Runtime,
    cores: Vec<JoinHandle<io::Result<()>>>,
    shutdown: watch::Sender<()>,
    admin: Arc<Admin>,
    told: [Signal; 2],
}

/// Runs the gateway until it is told to stop (SIGTERM, or Ctrl-C), then lets open connections finish.
pub fn run(settings: &Settings) -> Result<(), StartError> {
    start(settings)?.until_told();
    Ok(())
}

/// Starts the gateway. When this returns, it answers.
pub fn start(settings: &Settings) -> Result<Running, StartError> {
    let slow =
        runtime::Builder::new_multi_thread().worker_threads(SLOW_THREADS).thread_name("slow").enable_all().build()?;
    let (shutdown, stopping) = watch::channel(());
    // Before anything can be broken off: from here on a signal waits for `until_told`.
    let told = slow
        .block_on(async { Ok::<_, io::Error>([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]) })?;
    let metrics = Arc::new(Metrics::default());
    let certificates = Arc::new(Certificates::read(&settings.tls.certificates)?);
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(Arc::clone(&certificates))?));
    let shared = slow.block_on(Shared::build(settings, slow.handle().clone()))?;
    let admin = Arc::new(Admin {
        store: Arc::clone(&shared.world.store),
        metrics: Arc::clone(&metrics),
        draining: AtomicBool::new(false),
    });

    for &address in &settings.server.listen {
        let _guard = slow.enter();
        listen::probe(address).map_err(|error| StartError::Listen { address, error })?;
    }
    slow.block_on(start_helpers(settings, &admin, &stopping))?;
    slow.spawn(shared.upstreams.clone().watch(stopping.clone()));
    slow.spawn(sweep_now_and_then(shared.world.clone()));
    slow.spawn(reread_when_changed(Arc::clone(&certificates)));

    let workers =
        settings.server.workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let cores = (0..workers)
        .map(|_| {
            let spawn =
                Spawn { shared: shared.clone(), acceptor: acceptor.clone(), certificates: Arc::clone(&certificates) };
            spawn.core(settings, Arc::clone(&metrics), stopping.clone())
        })
        .collect::<Result<_, _>>()?;
    tracing::info!(listen = ?settings.server.listen, workers, portal = %settings.portal.url, "ready");
    Ok(Running { slow, cores, shutdown, admin, told })
}

impl Running {
    /// Where work beside the traffic can run.
    pub fn handle(&self) -> &Handle {
        self.slow.handle()
    }

    /// Waits for SIGTERM or Ctrl-C, then for open connections, as long as the config allows.
    pub fn until_told(mut self) {
        let [terminate, interrupt] = &mut self.told;
        self.slow.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        self.stop();
    }

    /// Takes no more connections and waits for the open ones.
    pub fn stop(self) {
        tracing::info!("stopping");
        self.admin.draining.store(true, Ordering::Relaxed);
        // No receiver is left only where every core is gone already.
        let _ = self.shutdown.send(());
        for core in self.cores {
            match core.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a core ended early"),
                Err(_) => tracing::error!("a core panicked"),
            }
        }
        self.slow.shutdown_timeout(Duration::from_secs(1));
        tracing::info!("stopped");
    }
}

/// What every core is built from.
#[derive(Clone)]
struct Shared {
    world: World,
    apps: Arc<HashMap<Host, Arc<Served>>>,
    visitors: Visitors,
    assertions: Assertions,
    upstreams: Upstreams,
    portal: axum::Router,
    brand: Arc<Brand>,
    slow: Handle,
}

impl Shared {
    async fn build(settings: &Settings, slow: Handle) -> Result<Self, StartError> {
        let world = open_world(settings).await?;
        let signer = JwtSigner::open(world.store.as_ref(), world.vault.as_ref(), world.clock.now()).await?;
        let jwks = signer.jwks();
        let signer: Arc<dyn Signer> = Arc::new(signer);
        let ended = Ended::default();
        let brand = Arc::new(Brand {
            name: settings.portal.name.clone(),
            theme: Some(settings.portal.accent)
                .filter(|accent| accent.rgb != OWN_ACCENT)
                .map(|accent| Asset::theme(accent.rgb)),
            support_url: settings.portal.support_url.as_ref().map(ToString::to_string),
            privacy_url: None,
            footer: None,
        });
        let issuer = settings.portal.url.to_string();
        let apps = settings.apps.iter().map(|app| upstream_settings(app)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            apps: Arc::new(served(&settings.apps)),
            visitors: Visitors::new(world.clone(), ended.clone(), slow.clone()),
            assertions: Assertions::new(&issuer, signer, Arc::clone(&world.entropy)),
            upstreams: Upstreams::resolve(apps).await?,
            portal: serve::router(Arc::new(desk(settings, world.clone(), &brand, ended, jwks))),
            world,
            brand,
            slow,
        })
    }
}

fn desk(settings: &Settings, world: World, brand: &Brand, ended: Ended, jwks: String) -> Desk {
    let port_suffix = port_suffix(&settings.portal.url);
    let hosts = settings.apps.iter().flat_map(|app| &app.app.hosts);
    let patterns: Vec<_> = hosts.cloned().map(HostPattern::Exact).collect();
    let port = Some(settings.portal.url.port).filter(|&port| port != 443);
    let directory = settings
        .apps
        .iter()
        .filter_map(|app| Some((app.app.title.clone(), format!("https://{}{port_suffix}/", app.app.hosts.first()?))));
    Desk {
        world,
        brand: brand.clone(),
        origin: settings.portal.url.to_string(),
        directory: directory.collect(),
        port_suffix,
        apps: Arc::new(settings.routing()),
        content: ContentPolicy::with_form_targets(&patterns, port),
        ended,
        jwks,
    }
}

fn port_suffix(origin: &Origin) -> String {
    if origin.port == 443 { String::new() } else { format!(":{}", origin.port) }
}

fn served(apps: &[Arc<AppSettings>]) -> HashMap<Host, Arc<Served>> {
    let mut by_host = HashMap::new();
    for (index, settings) in apps.iter().enumerate() {
        let identity = &settings.identity;
        let served = Arc::new(Served {
            app: Arc::clone(&settings.app),
            index,
            names: IdentityNames::new(Names {
                user: Some(identity.user.clone()),
                name: Some(identity.name.clone()),
                email: Some(identity.email.clone()),
                groups: Some(identity.groups.clone()),
            }),
            asserts: identity.assertion == Assertion::Sent,
            websockets: settings.websocket == WebSocket::Allowed,
            host: host_seen_by(settings),
        });
        for host in &settings.app.hosts {
            by_host.insert(host.clone(), Arc::clone(&served));
        }
    }
    by_host
}

/// The host the application sees, where that is not the browser's.
fn host_seen_by(settings: &AppSettings) -> Option<HeaderValue> {
    let first = settings.upstreams.first().filter(|_| settings.host_header == HostHeader::Upstream)?;
    HeaderValue::try_from(format!("{}:{}", first.host, first.port)).ok()
}

fn upstream_settings(settings: &AppSettings) -> Result<(String, upstream::Settings), StartError> {
    let app = &settings.app.name;
    let servers = settings
        .upstreams
        .iter()
        .map(|server| server.to_string().parse().map_err(|error| StartError::Upstream { app: app.clone(), error }))
        .collect::<Result<_, _>>()?;
    let probe = settings.health.as_ref().and_then(|health| health.path.parse().ok()).map_or(Probe::Connect, Probe::Get);
    let mut upstream = upstream::Settings::new(servers);
    upstream.trust = settings.upstream_ca.clone().map_or(Trust::System, Trust::Authorities);
    upstream.probe = probe;
    if let Some(health) = &settings.health {
        upstream.probe_every = health.interval;
    }
    upstream.connect_max = settings.connect_timeout;
    upstream.answer_max = settings.response_timeout;
    Ok((app.clone(), upstream))
}

/// What one core's thread is started with.
struct Spawn {
    shared: Shared,
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

impl Spawn {
    fn core(
        self,
        settings: &Settings,
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<()>,
    ) -> Result<JoinHandle<io::Result<()>>, StartError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let listeners = settings
            .server
            .listen
            .iter()
            .map(|&address| listen::bind(address).map_err(|error| StartError::Listen { address, error }))
            .collect::<Result<Vec<_>, _>>()?;
        drop(entered);
        let settings = settings.clone();
        let thread = std::thread::Builder::new().name("core".to_owned());
        Ok(thread.spawn(move || {
            runtime.block_on(async {
                let front = Arc::new(self.front(&settings, &metrics));
                let core = Core {
                    front,
                    acceptor: self.acceptor.clone(),
                    certificates: Arc::clone(&self.certificates),
                    metrics,
                };
                core.run(listeners, stopping, settings.server.drain).await
            })
        })?)
    }

    /// To be called on the core's own runtime, where its connections to the applications live.
    fn front(&self, settings: &Settings, metrics: &Arc<Metrics>) -> Front<Client<RequestBody>> {
        let shared = self.shared.clone();
        let mut seed = [0; 8];
        SystemEntropy.fill(&mut seed);
        Front {
            proxy: Proxy {
                world: shared.world,
                apps: shared.apps,
                visitors: shared.visitors,
                assertions: shared.assertions,
                upstream: Client::new(&shared.upstreams),
                brand: Arc::clone(&shared.brand),
                portal: settings.portal.url.to_string().into(),
                body_max: settings.server.body_max,
                hsts: HSTS,
                slow: shared.slow,
            },
            portal: shared.portal,
            portal_host: settings.portal.url.host.clone(),
            trusted: TrustedProxies::new(settings.server.trusted_proxies.iter().copied()),
            brand: shared.brand,
            metrics: Arc::clone(metrics),
            ids: RequestIds::new(u64::from_le_bytes(seed)),
        }
    }
}

async fn start_helpers(
    settings: &Settings,
    admin: &Arc<Admin>,
    stopping: &watch::Receiver<()>,
) -> Result<(), StartError> {
    if let Some(address) = settings.server.admin {
        let listener = listen_on(address).await?;
        let router = admin::router(Arc::clone(admin));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the admin listener ended");
            }
        });
    }
    let hosts = settings.apps.iter().flat_map(|app| app.app.hosts.iter().cloned());
    let redirect = Arc::new(Redirect {
        hosts: hosts.chain([settings.portal.url.host.clone()]).collect(),
        port_suffix: port_suffix(&settings.portal.url),
    });
    for &address in &settings.server.redirect {
        tokio::spawn(Arc::clone(&redirect).run(listen_on(address).await?, stopping.clone()));
    }
    Ok(())
}

async fn listen_on(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })
}

async fn sweep_now_and_then(world: World) {
    loop {
        if let Err(error) = sessions::sweep(&world).await {
            tracing::warn!(%error, "what is over could not be forgotten");
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

async fn reread_when_changed(certificates: Arc<Certificates>) {
    let mut seen = certificates.modified();
    loop {
        tokio::time::sleep(REREAD_EVERY).await;
        let now = certificates.modified();
        if now == seen {
            continue;
        }
        match certificates.reread() {
            Ok(()) => {
                tracing::info!("certificates were read again");
                seen = now;
            }
            // Half-written files are whole at the next look.
            Err(error) => tracing::warn!(%error, "changed certificates can't be used; the old ones stay"),
        }
    }
}
