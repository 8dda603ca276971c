//! From settings to a running gateway, and to its end.

use super::{
    admin::{self, Admin},
    assemble::{Shared, port_suffix},
    front::Front,
    listen::{self, Core},
    metrics::Metrics,
    redirect::Redirect,
    tls::{self, CertificateError, Certificates},
    world::OpenError,
};
use crate::{
    adapters::{
        records::FileRecords,
        signer::KeyError,
        system::SystemEntropy,
        upstream::{Client, NotAServer, NotTrusted},
    },
    config::settings::Settings,
    domain::target::HostPattern,
    edge::{
        http::{client::TrustedProxies, request::RequestIds},
        proxy::{Proxy, body::RequestBody, tether},
    },
    flows::{World, sessions},
    ports::{Entropy as _, Messenger, Records},
};
use http::HeaderValue;
use std::{
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
/// How long messages that were posted may take to go out when the gateway stops.
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// How long the last records may take to be written.
const RECORDS_MAX: Duration = Duration::from_secs(5);
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
    /// There is nowhere to record decisions.
    #[error("decisions can't be recorded in {file}: {error}")]
    Records {
        /// Where.
        file: String,
        /// Why.
        error: io::Error,
    },
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
    messenger: Arc<dyn Messenger>,
    records: Option<Arc<FileRecords>>,
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
    let records = open_records(settings, &metrics)?;
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
    let helpers = slow.block_on(Helpers::bind(settings))?;
    slow.spawn(shared.upstreams.clone().watch(stopping.clone()));
    slow.spawn(sweep_now_and_then(shared.world.clone()));
    slow.spawn(tether::watch(shared.world.clone(), shared.visitors.ended().clone()));
    slow.spawn(reread_when_changed(Arc::clone(&certificates)));

    let messenger = Arc::clone(&shared.world.messenger);

    let workers =
        settings.server.workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let cores = (0..workers)
        .map(|_| {
            let spawn = Spawn {
                shared: shared.clone(),
                acceptor: acceptor.clone(),
                certificates: Arc::clone(&certificates),
                records: records.clone(),
            };
            spawn.core(settings, Arc::clone(&metrics), stopping.clone())
        })
        .collect::<Result<_, _>>()?;
    // Last: who is told that the gateway is ready may connect at once.
    {
        let _on_slow = slow.enter();
        helpers.start(settings, &admin, &stopping);
    }
    tracing::info!(listen = ?settings.server.listen, workers, portal = %settings.portal.url, "ready");
    Ok(Running { slow, cores, shutdown, admin, messenger, records, told })
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
        self.slow.block_on(self.messenger.settle(SETTLE_MAX));
        if let Some(records) = &self.records {
            records.settle(RECORDS_MAX);
        }
        self.slow.shutdown_timeout(Duration::from_secs(1));
        tracing::info!("stopped");
    }
}

/// What one core's thread is started with.
struct Spawn {
    shared: Shared,
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    records: Option<Arc<FileRecords>>,
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
                reports: metrics.reports.clone(),
                records: self.records.clone().map(|records| records as Arc<dyn Records>),
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

/// Where decisions are recorded, if they are.
fn open_records(settings: &Settings, metrics: &Metrics) -> Result<Option<Arc<FileRecords>>, StartError> {
    let Some(settings) = &settings.records else { return Ok(None) };
    let opened = FileRecords::open(settings, metrics.unrecorded.clone());
    let told = |error| StartError::Records { file: settings.file.display().to_string(), error };
    Ok(Some(Arc::new(opened.map_err(told)?)))
}

/// The sockets beside the traffic.
struct Helpers {
    admin: Option<TcpListener>,
    redirect: Vec<TcpListener>,
}

impl Helpers {
    async fn bind(settings: &Settings) -> Result<Self, StartError> {
        let admin = match settings.server.admin {
            Some(address) => Some(listen_on(address).await?),
            None => None,
        };
        let mut redirect = Vec::new();
        for &address in &settings.server.redirect {
            redirect.push(listen_on(address).await?);
        }
        Ok(Self { admin, redirect })
    }

    /// To be called on the runtime for slow work.
    fn start(self, settings: &Settings, admin: &Arc<Admin>, stopping: &watch::Receiver<()>) {
        if let Some(listener) = self.admin {
            let router = admin::router(Arc::clone(admin));
            tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!(%error, "the admin listener ended");
                }
            });
        }
        let hosts = settings.apps.iter().flat_map(|app| app.app.hosts.iter().cloned());
        let redirect = Arc::new(Redirect {
            hosts: hosts.chain([HostPattern::Exact(settings.portal.url.host.clone())]).map(|host| (host, ())).collect(),
            port_suffix: port_suffix(&settings.portal.url),
        });
        for listener in self.redirect {
            tokio::spawn(Arc::clone(&redirect).run(listener, stopping.clone()));
        }
    }
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
