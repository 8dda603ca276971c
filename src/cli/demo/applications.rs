//! The applications behind the demo's gateway, each on a loopback port that happened to be free.

use super::{
    app::{self, DemoState},
    reports,
    state::{StateFolder, TRANSFERS},
};
use axum::Router;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// Two running applications, gone when dropped.
pub(super) struct Applications {
    /// Where payroll answers.
    pub(super) payroll: SocketAddr,
    /// Where reports answers.
    pub(super) reports: SocketAddr,
    _running: Runtime,
}

/// Why they do not run.
#[derive(Debug, thiserror::Error)]
#[error("the demo's applications can't start: {0}")]
pub(super) struct NotStarted(#[from] io::Error);

impl Applications {
    /// Starts both on a thread of their own: they are not the gateway.
    pub(super) fn start(folder: &StateFolder) -> Result<Self, NotStarted> {
        let running = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let payroll = running.block_on(DemoState::open(folder.path(TRANSFERS)))?;
        let payroll = serve(&running, app::router(payroll))?;
        let reports = serve(&running, reports::router())?;
        Ok(Self { payroll, reports, _running: running })
    }
}

fn serve(running: &Runtime, pages: Router) -> io::Result<SocketAddr> {
    let listener = running.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    // It ends with the runtime.
    running.spawn(async { axum::serve(listener, pages).await });
    Ok(address)
}
