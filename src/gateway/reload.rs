//! The config file read again while the gateway serves: checked whole, then in force between two requests, or not at all
//! (OP-04).

use super::{
    StartError,
    assemble::{self, Shared},
    generation::Seat,
    metrics::Metrics,
    redirect::Redirect,
    tls::Certificates,
};
use crate::config::{
    File, NotServable, Prints, Problems, Reading, Settings,
    settings::{Store, StoreUrl},
};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{sync::watch, task::JoinError};

/// Puts what the config file says now in the place of what is served.
pub struct Reloader {
    pub(super) file: File,
    /// What sockets, threads and store were made of: that much is as it was until the next start.
    pub(super) started: Settings,
    pub(super) seats: Vec<Seat>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) redirect: Arc<Redirect>,
    /// What the cores share, for whoever works beside them.
    pub(super) current: Arc<ArcSwap<Shared>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: watch::Receiver<()>,
    pub(super) standing: Mutex<Standing>,
    /// One reading after the other.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// How what is served stands to what is on disk.
pub(super) struct Standing {
    /// What the files were like when they were read last.
    pub(super) prints: Prints,
    /// How many readings were served so far.
    pub(super) generation: u64,
    /// Keys whose new values wait for a restart.
    pub(super) waiting: Vec<&'static str>,
    /// Why what is on disk is not served.
    pub(super) refused: Option<String>,
}

/// Who wants the file to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Whoever sent SIGHUP.
    Signal,
    /// Whoever wrote to one of its files.
    File,
    /// Whoever asked the management API.
    Api,
}

/// What became of a file that is served now.
#[derive(Debug)]
pub struct Applied {
    /// How many readings were served so far, this one included.
    pub generation: u64,
    /// Keys whose new values wait for a restart.
    pub waiting: Vec<&'static str>,
    /// What stops nothing and is still worth knowing.
    pub warnings: Problems,
}

/// Why a file is not served, and the one before still is.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It can't be read, has errors, or its tests fail.
    #[error(transparent)]
    NotServable(#[from] NotServable),
    /// Sign-ins, assertions and passkeys are bound to the portal's URL. Half of them can't have another one.
    #[error("[portal] url can't change while the gateway runs; a restart takes it over")]
    Portal,
    /// What it names can't be used.
    #[error(transparent)]
    Unusable(#[from] StartError),
    /// Reading it broke off: a fault of ours.
    #[error("reading it broke off: {0}")]
    BrokenOff(#[from] JoinError),
}

impl Refused {
    /// A word for it that stays the same.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotServable(NotServable::Unreadable(_)) => "config_unreadable",
            Self::NotServable(NotServable::Wrong(_)) => "config_wrong",
            Self::Portal => "portal_url_changed",
            Self::Unusable(_) => "config_unusable",
            Self::BrokenOff(_) => "internal_error",
        }
    }

    /// What is wrong, drawn where it stands.
    pub const fn problems(&self) -> Option<&Problems> {
        match self {
            Self::NotServable(NotServable::Wrong(problems)) => Some(problems),
            _ => None,
        }
    }

    /// It in one line.
    pub fn summary(&self) -> String {
        self.problems().map_or_else(|| self.to_string(), Problems::summary)
    }
}

impl Reloader {
    /// Reads the file again. Where it can't be served, everything stays as it is.
    pub async fn reload(&self, by: By) -> Result<Applied, Refused> {
        let _turn = self.turn.lock().await;
        let outcome = self.read_and_apply().await;
        self.tell(by, &outcome);
        outcome
    }

    /// What the files were like when they were read last.
    pub fn prints(&self) -> Prints {
        self.standing().prints.clone()
    }

    /// What the cores share now.
    pub fn current(&self) -> Arc<Shared> {
        self.current.load_full()
    }

    /// What an operator must know about the file on disk; a line each, none where it is what is served.
    pub fn remarks(&self) -> String {
        let Standing { waiting, refused, .. } = &*self.standing();
        let refused = refused.iter().map(|why| format!("config: the file on disk is not served: {why}\n"));
        let waits = (!waiting.is_empty()).then(|| format!("config: a restart is needed for {}\n", waiting.join(", ")));
        refused.chain(waits).collect()
    }

    async fn read_and_apply(&self) -> Result<Applied, Refused> {
        let file = self.file.clone();
        let (checked, prints) = tokio::task::spawn_blocking(move || file.check()).await?;
        self.standing().prints = prints;
        self.apply(checked?).await
    }

    async fn apply(&self, reading: Reading) -> Result<Applied, Refused> {
        let Reading { settings, warnings, .. } = reading;
        if settings.portal.url != self.started.portal.url {
            return Err(Refused::Portal);
        }
        let table = self.certificates.next(&settings.tls.certificates).map_err(StartError::from)?;
        let shared = self.current().next(&settings).await?;
        let fronts: Vec<_> = self.seats.iter().map(|seat| seat.next(&shared, &settings)).collect();

        // Nothing fails from here on, and nothing waits.
        self.certificates.put(table);
        self.redirect.places.store(Arc::new(assemble::places(&settings)));
        shared.upstreams.watch(&self.shutdown);
        shared.latest.store(Arc::clone(&shared.apps));
        for (seat, front) in self.seats.iter().zip(fronts) {
            seat.put(front);
        }
        self.current.store(Arc::new(shared));
        let waiting = waiting(&self.started, &settings);
        let mut standing = self.standing();
        standing.generation += 1;
        standing.waiting.clone_from(&waiting);
        Ok(Applied { generation: standing.generation, waiting, warnings })
    }

    fn tell(&self, by: By, outcome: &Result<Applied, Refused>) {
        match outcome {
            Ok(Applied { generation, waiting, warnings }) => {
                let warnings = warnings.iter().count();
                tracing::info!(generation, ?by, warnings, "the config file was read again and is served");
                if !waiting.is_empty() {
                    tracing::warn!(keys = waiting.join(", "), "these keys of the config file wait for a restart");
                }
                self.metrics.config.applied(self.current().world.clock.now(), !waiting.is_empty());
                self.standing().refused = None;
            }
            Err(refused) => {
                let (code, why) = (refused.code(), refused.summary());
                tracing::error!(?by, code, why, "the config file on disk is not served, the one before still is");
                self.metrics.config.refused();
                self.standing().refused = Some(why);
            }
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Nothing is ever left half changed.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that only a start looks at, and that are not what they were at the last.
fn waiting(started: &Settings, now: &Settings) -> Vec<&'static str> {
    let (was, is) = (&started.server, &now.server);
    let keys = [
        ("server.listen", was.listen == is.listen),
        ("server.redirect", was.redirect == is.redirect),
        ("server.admin", was.admin == is.admin),
        ("server.workers", was.workers == is.workers),
        ("server.connections", was.connections == is.connections),
        ("server.log", was.log == is.log),
        ("records", started.records == now.records),
        ("store.url", is_same_store(&started.store, &now.store)),
        ("store.key_file", started.store.key_file == now.store.key_file),
    ];
    keys.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
}

fn is_same_store(was: &Store, is: &Store) -> bool {
    match (&was.url, &is.url) {
        (StoreUrl::Sqlite(was), StoreUrl::Sqlite(is)) => was == is,
        (StoreUrl::Postgres(was), StoreUrl::Postgres(is)) => was.matches(is.expose()),
        (StoreUrl::Memory, StoreUrl::Memory) => true,
        _ => false,
    }
}
