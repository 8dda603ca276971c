//! The folder that outlives a demo.

use super::{PAYROLL, PORTAL, REPORTS, applications::Applications};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The config file.
pub(super) const CONFIG: &str = "config.toml";
/// The authority's certificate, for browsers to trust.
pub(super) const CA: &str = "ca.pem";
/// Its private key.
pub(super) const CA_KEY: &str = "ca.key";
/// The certificate of the hosts, with its authority's.
pub(super) const CERTIFICATE: &str = "localhost.pem";
/// Its private key.
pub(super) const KEY: &str = "localhost.key";
/// How to sign in.
pub(super) const PERSON: &str = "ann.json";
/// Messages to people, as `config.toml` has them.
pub(super) const OUTBOX: &str = "outbox";
/// What the payroll application remembers.
pub(super) const TRANSFERS: &str = "transfers.json";

/// The folder that outlives a demo.
pub(super) struct StateFolder(PathBuf);

/// Why the folder is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be used: {error}", path.display())]
pub(super) struct StateError {
    path: PathBuf,
    error: io::Error,
}

impl StateFolder {
    /// Finds or makes it, for this user only.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let unusable = |error| StateError { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let folder = Self(path.to_owned());
        // It may stand in somebody's repository, and holds private keys.
        folder.write(".gitignore", "*\n")?;
        Ok(folder)
    }

    /// Where a file of it is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a file holds; nothing if it is missing.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, StateError> {
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError { path: self.path(name), error }),
        }
    }

    /// Replaces a file at once, readable by its owner only: a start that is cut short leaves the old one.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), StateError> {
        self.write_for(0o600, name, text)
    }

    /// The same for what everybody may know.
    pub(super) fn publish(&self, name: &str, text: &str) -> Result<(), StateError> {
        self.write_for(0o644, name, text)
    }

    fn write_for(&self, mode: u32, name: &str, text: &str) -> Result<(), StateError> {
        let (path, draft) = (self.path(name), self.path(&format!("{name}.new")));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(|error| StateError { path, error })
    }

    /// Writes the config file.
    pub(super) fn write_config(&self, port: u16, applications: &Applications) -> Result<(), StateError> {
        let filled = include_str!("config.toml")
            .replace("@PORT@", &port.to_string())
            .replace("@PORTAL@", PORTAL)
            .replace("@PAYROLL@", PAYROLL)
            .replace("@REPORTS@", REPORTS)
            .replace("@PAYROLL_SERVER@", &applications.payroll.to_string())
            .replace("@REPORTS_SERVER@", &applications.reports.to_string());
        self.write(CONFIG, &filled)
    }
}
