//! Sees that the config file, or a file that it names, has changed.
//!
//! The system only says *when* to look: editors put a new file in the place of the old one, Kubernetes turns a link two
//! folders away, and the store may stand in the same folder. *What* changed is told by what the files themselves are like.

use super::reload::{By, Reloader};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

/// How often the files are looked at where the system says nothing: network file systems do not.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A file that is like before for so long is written to its end.
const QUIET: Duration = Duration::from_millis(200);
/// Looks after which a file is read though it changes still.
const LOOKS_MAX: u32 = 50;

/// Has the config read again whenever one of its files changes, for as long as the process runs.
pub async fn watch(reloader: Arc<Reloader>) {
    let mut folders = Folders::default();
    loop {
        let known = reloader.prints();
        if known.again() != known {
            let mut before = known.again();
            for _ in 0..LOOKS_MAX {
                sleep(QUIET).await;
                let now = before.again();
                if now == std::mem::replace(&mut before, now.clone()) {
                    break;
                }
            }
            // Whoever sent a signal meanwhile was served already.
            if reloader.prints() != before {
                // It has told everybody what came of it.
                let _ = reloader.reload(By::File).await;
            }
        }
        folders.follow(reloader.prints().folders());
        let _ = timeout(LOOK_EVERY, folders.stirred.notified()).await;
        // A busy folder does not keep us busy.
        sleep(QUIET).await;
    }
}

/// The folders of the files.
#[derive(Default)]
struct Folders {
    stirred: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// Those that can't be watched.
    silent: Vec<PathBuf>,
}

impl Folders {
    fn follow(&mut self, folders: Vec<PathBuf>) {
        for folder in folders {
            // Each time anew: a folder may have been put in the place of another.
            match self.watcher().and_then(|watcher| watcher.watch(&folder, RecursiveMode::NonRecursive)) {
                Ok(()) => self.silent.retain(|silent| *silent != folder),
                Err(error) if !self.silent.contains(&folder) => {
                    tracing::warn!(%error, folder = %folder.display(), every = ?LOOK_EVERY, "a folder of the config file is only looked at now and then");
                    self.silent.push(folder);
                }
                Err(_) => {}
            }
        }
    }

    fn watcher(&mut self) -> notify::Result<&mut RecommendedWatcher> {
        if self.watcher.is_none() {
            let stirred = Arc::clone(&self.stirred);
            self.watcher = Some(notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    stirred.notify_one();
                }
            })?);
        }
        self.watcher.as_mut().ok_or_else(|| notify::Error::generic("no watcher"))
    }
}
