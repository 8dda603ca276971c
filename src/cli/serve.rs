//! `doorward serve`: the gateway, until it is told to stop.

use super::{Failure, config_file::ConfigFile, logs};
use crate::{config::Reading, gateway};
use clap::Args;
use tracing::Level;

/// Run the gateway
///
/// Checks the config file first, as `check` does, and does not start on one that is wrong. SIGTERM and Ctrl-C end it
/// after open requests are answered. A changed config file is read again by itself, and on SIGHUP; one that is wrong
/// changes nothing. Logs go to standard error.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward serve -c /etc/doorward/config.toml\n  \
    DOORWARD_LOG=doorward=debug,warn doorward serve\n\n\
    DOORWARD_LOG says which log lines are written; without it: info.")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (Reading { settings, .. }, prints) = arguments.config.check()?;
    logs::start(settings.server.log, Level::INFO)?;
    gateway::run(&settings, arguments.config.file(), prints).map_err(Failure::refused)
}
