//! Wiring: what the config says, made to run.

pub mod world;

pub use world::{OpenError, open_world};

use crate::config::Settings;

/// Stub, replaced at the merge.
pub fn run(_: Settings) -> Result<(), OpenError> {
    Ok(())
}
