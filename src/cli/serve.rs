//! `doorward serve`: the gateway, until it is told to stop.

use super::{Failure, config_file::ConfigFile, logs};
use crate::gateway;
use clap::Args;
use tracing::Level;

/// Run the gateway
///
/// Checks the config file first, as `check` does, and does not start on one that is wrong. SIGTERM and Ctrl-C end it
/// after open requests are answered. Logs go to standard error.
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
    let settings = arguments.config.check()?.settings;
    logs::start(settings.server.log, Level::INFO)?;
    gateway::run(&settings).map_err(Failure::refused)
}
