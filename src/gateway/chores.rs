//! What is done beside the traffic, for as long as the process runs: each time by the settings that hold then.

use super::{
    reload::{By, Reloader},
    tls::Certificates,
    watch,
};
use crate::{edge::proxy::tether, flows::sessions};
use std::{sync::Arc, time::Duration};
use tokio::signal::unix::Signal;

/// How often what is over is forgotten.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// How often certificate files are looked at.
const REREAD_EVERY: Duration = Duration::from_secs(10);

/// Begins all of it, on the runtime for slow work.
pub fn begin(reloader: &Arc<Reloader>, certificates: Arc<Certificates>, hangup: Signal) {
    tokio::spawn(sweep_now_and_then(Arc::clone(reloader)));
    tokio::spawn(reread_when_changed(certificates));
    tokio::spawn(reload_when_told(Arc::clone(reloader), hangup));
    tokio::spawn(watch::watch(Arc::clone(reloader)));
    let current = Arc::clone(reloader);
    let ended = current.current().visitors.ended().clone();
    tokio::spawn(tether::watch(move || current.current().world.clone(), ended));
}

async fn sweep_now_and_then(reloader: Arc<Reloader>) {
    loop {
        if let Err(error) = sessions::sweep(&reloader.current().world).await {
            tracing::warn!(%error, "what is over could not be forgotten");
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

async fn reload_when_told(reloader: Arc<Reloader>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        // It has told everybody what came of it.
        let _ = reloader.reload(By::Signal).await;
    }
}

/// Apart from the config file: a certificate is renewed whatever somebody is writing there.
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
