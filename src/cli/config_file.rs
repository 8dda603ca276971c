//! `-c PATH`: the config file, from its text to a world that flows can work in.

use super::{Failure, failure::drawing, logs, output};
use crate::{
    config::{File, NotServable, Prints, Reading, settings::StoreUrl},
    flows::World,
    gateway,
};
use clap::Args;
use std::{path::PathBuf, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// How long notices of what a verb did may take to go out.
const SETTLE_MAX: Duration = Duration::from_secs(15);

/// Which config file.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The config file
    #[arg(short = 'c', long = "config", value_name = "PATH", default_value = "config.toml", global = true)]
    path: PathBuf,
}

impl From<NotServable> for Failure {
    fn from(error: NotServable) -> Self {
        match error {
            NotServable::Wrong(problems) => Self::Config(problems),
            NotServable::Unreadable(error) if error.is_missing() => {
                Self::refused(format!("{error}; name the config file with -c"))
            }
            NotServable::Unreadable(error) => Self::refused(error),
        }
    }
}

impl ConfigFile {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn file(&self) -> File {
        File::at(self.path.clone())
    }

    /// Reads it.
    pub(super) fn read(&self) -> Result<Reading, Failure> {
        Ok(self.file().read()?)
    }

    /// Reads it, tells its warnings, and makes sure of everything that can be before a start. Says what its files were like,
    /// too.
    pub(super) fn check(&self) -> Result<(Reading, Prints), Failure> {
        let (checked, prints) = self.file().check();
        let reading = checked?;
        if !reading.warnings.is_empty() {
            output::warn(&drawing(&reading.warnings));
        }
        Ok((reading, prints))
    }

    /// Opens the store that it names, and does something there.
    pub(super) fn with_world<T>(&self, work: impl AsyncFnOnce(&World) -> Result<T, Failure>) -> Result<T, Failure> {
        let settings = self.read()?.settings;
        if matches!(settings.store.url, StoreUrl::Memory) {
            return Err(Failure::refused("the store is `memory:`, which only the running gateway can see"));
        }
        logs::start_for_a_verb()?;
        runtime()?.block_on(async {
            let world = gateway::open_world(&settings).await.map_err(Failure::refused)?;
            let done = work(&world).await;
            world.messenger.settle(SETTLE_MAX).await;
            done
        })
    }
}

/// For one thing at a time; the gateway has runtimes of its own.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(Failure::refused)
}
