//! `doorward demo`: everything on localhost.
//!
//! Its config file is an ordinary one, written into the state folder and read like any other: nothing works in the
//! demo that would not work elsewhere. Nothing in it listens beyond the loopback.

pub mod app;
mod applications;
mod certificates;
mod leaflet;
mod person;
mod reports;
mod state;

use super::{Failure, config_file::ConfigFile, logs, output};
use crate::{
    adapters::system::{SystemClock, SystemEntropy},
    config::settings::LogFormat,
    gateway,
    ports::Clock as _,
};
use applications::Applications;
use clap::Args;
use leaflet::Leaflet;
use state::StateFolder;
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};
use tracing::Level;

/// The portal.
const PORTAL: &str = "auth.localhost";
/// An old application with money in it.
const PAYROLL: &str = "app.localhost";
/// Another, so that one sign-in can be seen to serve both.
const REPORTS: &str = "reports.localhost";

/// Try it: everything on localhost, no config needed
///
/// Makes a certificate authority, two applications to protect, and an account; prints where they are and how to sign
/// in. State is kept in a folder: the next start finds the same account. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward demo\n  \
    doorward demo --port 9443 --dir /tmp/doorward-demo\n  \
    DOORWARD_LOG=info doorward demo")]
pub(super) struct Arguments {
    /// Where state is kept; made if it is missing
    #[arg(long, value_name = "FOLDER", default_value = "demo")]
    dir: PathBuf,
    /// Where browsers connect, on the loopback
    #[arg(long, default_value_t = 8443, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    is_free(arguments.port)?;
    let folder = StateFolder::open(&arguments.dir).map_err(Failure::refused)?;
    certificates::issue(&folder, &[PORTAL, PAYROLL, REPORTS], SystemClock.now()).map_err(Failure::refused)?;
    let applications = Applications::start(&folder).map_err(Failure::refused)?;
    folder.write_config(arguments.port, &applications).map_err(Failure::refused)?;

    let config = ConfigFile::at(folder.path(state::CONFIG));
    let (reading, prints) = config.check()?;
    let settings = reading.settings;
    let person = super::config_file::runtime()?.block_on(async {
        let world = gateway::open_world(&settings).await.map_err(Failure::refused)?;
        person::settle(&world, &folder, &SystemEntropy).await
    })?;
    // Not before: that the first start makes a key file is no news here.
    logs::start(LogFormat::Human, Level::WARN)?;
    let running = gateway::start(&settings, config.file(), prints).map_err(Failure::refused)?;
    output::print(&Leaflet { folder: &folder, port: arguments.port, person: &person }.text()?)?;
    running.until_told();
    Ok(())
}

/// Asked before anything is made. The gateway would say the same, and can't know of --port.
fn is_free(port: u16) -> Result<(), Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Failure::refused(format!(
            "port {port} is in use, perhaps by another demo: choose a different one with --port"
        ))),
        Err(error) => Err(Failure::refused(format!("port {port} can't be used: {error}"))),
    }
}
