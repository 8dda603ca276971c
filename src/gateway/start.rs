//! From settings to a running gateway, and to its end.

use super::{
    admin::{self, Admin},
    assemble::{self, Shared},
    chores,
    generation::Seat,
    listen::{self, Core},
    metrics::Metrics,
    redirect::{self, Redirect},
    reload::{Reloader, Standing},
    tls::{self, Certificates},
    world::OpenError,
};
use crate::{
    adapters::{
        certificates::CertificateError,
        records::FileRecords,
        signer::KeyError,
        system::raise_file_limit,
        upstream::{Client, NotAServer, NotTrusted},
    },
    config::{File, Prints, Settings, UnusableMark, settings::Server},
    edge::proxy::body::RequestBody,
};
use arc_swap::ArcSwap;
use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::{self, Handle, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

/// Threads for the store, pages and mail.
const SLOW_THREADS: usize = 2;
/// How long messages that were posted may take to go out when the gateway stops.
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// How long the last records may take to be written.
const RECORDS_MAX: Duration = Duration::from_secs(5);

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
    /// The mark can't be shown.
    #[error("[portal] mark = \"{file}\" can't be shown: {error}")]
    Mark {
        /// Which file.
        file: String,
        /// Why.
        error: UnusableMark,
    },
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
    told: [Signal; 2],
}

/// Runs the gateway until it is told to stop (SIGTERM, or Ctrl-C), then lets open connections finish.
pub fn run(settings: &Settings, file: File, prints: Prints) -> Result<(), StartError> {
    start(settings, file, prints)?.until_told();
    Ok(())
}

/// Starts the gateway on the settings of this file, whose files were like `prints` when they were read. When this returns,
/// it answers.
pub fn start(settings: &Settings, file: File, prints: Prints) -> Result<Running, StartError> {
    let slow =
        runtime::Builder::new_multi_thread().worker_threads(SLOW_THREADS).thread_name("slow").enable_all().build()?;
    let (shutdown, stopping) = watch::channel(());
    // Before anything can be broken off: from here on a signal waits for `until_told`, or for the chores.
    let (told, hangup) = slow.block_on(async {
        let told = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        Ok::<_, io::Error>((told, signal(SignalKind::hangup())?))
    })?;
    let metrics = Arc::new(Metrics::default());
    let records = open_records(settings, &metrics)?;
    let certificates = Arc::new(Certificates::read(&settings.tls.certificates)?);
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(Arc::clone(&certificates))?));
    let shared = slow.block_on(Shared::build(settings, slow.handle().clone(), records))?;

    for &address in &settings.server.listen {
        let _guard = slow.enter();
        listen::probe(address).map_err(|error| StartError::Listen { address, error })?;
    }
    let helpers = slow.block_on(Helpers::bind(settings))?;
    let workers =
        settings.server.workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let Room { browsers, redirects } = Room::of(&settings.server);
    let (mut seats, mut cores) = (Vec::new(), Vec::new());
    for _ in 0..workers {
        let (seat, spawn) = seat(settings, &shared, &acceptor, &certificates, &metrics, &browsers)?;
        cores.push(spawn.core(&settings.server.listen, stopping.clone())?);
        seats.push(seat);
    }
    metrics.config.started(shared.world.clock.now());
    let places = ArcSwap::from_pointee(assemble::places(settings));
    let redirect = Arc::new(Redirect { places, room: redirects });
    let reloader = Arc::new(Reloader {
        file,
        started: settings.clone(),
        seats,
        certificates: Arc::clone(&certificates),
        redirect: Arc::clone(&redirect),
        current: Arc::new(ArcSwap::from_pointee(shared.clone())),
        metrics: Arc::clone(&metrics),
        shutdown: stopping.clone(),
        standing: Mutex::new(Standing { prints, generation: 1, waiting: Vec::new(), refused: None }),
        turn: tokio::sync::Mutex::default(),
    });
    let admin = Arc::new(Admin {
        store: Arc::clone(&shared.world.store),
        metrics,
        reloader: Arc::clone(&reloader),
        draining: AtomicBool::new(false),
    });
    // Last: who is told that the gateway is ready may connect at once.
    {
        let _on_slow = slow.enter();
        shared.upstreams.watch(&stopping);
        chores::begin(&reloader, certificates, hangup);
        helpers.start(&redirect, &admin, &stopping);
    }
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
        let current = self.admin.reloader.current();
        self.slow.block_on(current.world.messenger.settle(SETTLE_MAX));
        if let Some(records) = &current.records {
            records.settle(RECORDS_MAX);
        }
        self.slow.shutdown_timeout(Duration::from_secs(1));
        tracing::info!("stopped");
    }
}

/// Files that are open beside those of connections: the store's, sockets, logs. Half of it is what `server.connections` says of
/// its default.
const OTHER_FILES: u64 = 256;

/// Room for connections.
struct Room {
    browsers: Arc<Semaphore>,
    redirects: Arc<Semaphore>,
}

impl Room {
    /// As much as the machine lets us open files for: a browser's connection may take one more to an application.
    fn of(server: &Server) -> Self {
        let files = raise_file_limit();
        let redirects = if server.redirect.is_empty() { 0 } else { count(files / 8).min(redirect::CONNECTIONS_MAX) };
        let by_files = count(files.saturating_sub(OTHER_FILES)).saturating_sub(redirects) / 2;
        let browsers = server.connections.map_or(by_files, NonZeroUsize::get);
        if browsers > by_files {
            tracing::warn!(connections = browsers, files, "the machine lets us open fewer files than that takes");
        }
        let room = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Self { browsers: room(browsers), redirects: room(redirects) }
    }
}

fn count(files: u64) -> usize {
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// A core that is not started yet, and the seat of its front.
fn seat(
    settings: &Settings,
    shared: &Shared,
    acceptor: &TlsAcceptor,
    certificates: &Arc<Certificates>,
    metrics: &Arc<Metrics>,
    room: &Arc<Semaphore>,
) -> Result<(Seat, Spawn), StartError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let seat = Seat::new(runtime.handle().clone(), shared, settings, Arc::clone(metrics));
    let core = Core {
        front: seat.front(),
        acceptor: acceptor.clone(),
        certificates: Arc::clone(certificates),
        metrics: Arc::clone(metrics),
        room: Arc::clone(room),
    };
    Ok((seat, Spawn { runtime, core }))
}

/// What one core's thread is started with.
struct Spawn {
    runtime: Runtime,
    core: Core<Client<RequestBody>>,
}

impl Spawn {
    fn core(
        self,
        listen: &[SocketAddr],
        stopping: watch::Receiver<()>,
    ) -> Result<JoinHandle<io::Result<()>>, StartError> {
        let Self { runtime, core } = self;
        let entered = runtime.enter();
        let listeners = listen
            .iter()
            .map(|&address| listen::bind(address).map_err(|error| StartError::Listen { address, error }))
            .collect::<Result<Vec<_>, _>>()?;
        drop(entered);
        let thread = std::thread::Builder::new().name("core".to_owned());
        Ok(thread.spawn(move || runtime.block_on(core.run(listeners, stopping)))?)
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
    fn start(self, redirect: &Arc<Redirect>, admin: &Arc<Admin>, stopping: &watch::Receiver<()>) {
        if let Some(listener) = self.admin {
            let router = admin::router(Arc::clone(admin));
            tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!(%error, "the admin listener ended");
                }
            });
        }
        for listener in self.redirect {
            tokio::spawn(Arc::clone(redirect).run(listener, stopping.clone()));
        }
    }
}

async fn listen_on(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })
}
