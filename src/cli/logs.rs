//! Where log lines go, and which: standard error, and those that `DOORWARD_LOG` lets through.

use super::Failure;
use crate::config::settings::LogFormat;
use std::io::IsTerminal as _;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

/// Filters log lines, in the syntax of `tracing`: `info`, `doorward=debug,warn`.
const VARIABLE: &str = "DOORWARD_LOG";

/// For a process that serves.
pub(super) fn start(format: LogFormat, otherwise: Level) -> Result<(), Failure> {
    let lines = fmt().with_env_filter(filter(otherwise)?).with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    }
    .map_err(Failure::refused)
}

/// For a verb that ends: only what its user must know, without a time.
pub(super) fn start_for_a_verb() -> Result<(), Failure> {
    fmt()
        .with_env_filter(filter(Level::WARN)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .finish()
        .try_init()
        .map_err(Failure::refused)
}

fn filter(otherwise: Level) -> Result<EnvFilter, Failure> {
    match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::builder()
            .parse(text)
            .map_err(|error| Failure::refused(format!("{VARIABLE} is no log filter: {error}"))),
        _ => Ok(EnvFilter::default().add_directive(LevelFilter::from_level(otherwise).into())),
    }
}
