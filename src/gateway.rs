//! Wiring: what the config says, made to run.

pub mod world;

pub use world::{OpenError, open_world};

use crate::config::Settings;
use std::{io, net::TcpListener};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

/// Stub, replaced at the merge.
pub struct Running {
    runtime: Runtime,
    interrupt: Signal,
    _listener: TcpListener,
}

/// Stub, replaced at the merge.
pub fn start(settings: &Settings) -> io::Result<Running> {
    let runtime = Runtime::new()?;
    let interrupt = runtime.block_on(async { signal(SignalKind::interrupt()) })?;
    Ok(Running { runtime, interrupt, _listener: TcpListener::bind(settings.server.listen.as_slice())? })
}

/// Stub, replaced at the merge.
pub fn run(settings: &Settings) -> io::Result<()> {
    start(settings)?.until_told()
}

impl Running {
    /// Stub, replaced at the merge.
    pub fn until_told(mut self) -> io::Result<()> {
        self.runtime.block_on(self.interrupt.recv());
        Ok(())
    }
}
