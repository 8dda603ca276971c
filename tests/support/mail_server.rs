//! A mail server that writes down what it is given.

use crate::{
    TARGET,
    certificates::{Authority, Leaf},
    process::{Process, free_port},
};
use serde_json::Value;
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// A running mail server, gone when dropped. It takes no letter for `nobody@…`, none for `later@…` yet, and
/// thinks for a second about `slow@…`.
pub struct MailServer {
    // Dropped first: the program must be gone before its folder is.
    process: Process,
    folder: TempDir,
    /// Where it listens, on the loopback.
    pub port: u16,
}

impl MailServer {
    /// Starts one that is spoken to in one of the ways `plain`, `starttls` and `tls`, with a certificate for
    /// `localhost`. With a login, it takes letters only from whoever knows name, password and mechanism.
    pub async fn start(security: &str, authority: &Authority, login: Option<[&str; 3]>) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let Leaf { chain_pem, key_pem, .. } = authority.issue(&["localhost"]);
        let at = |name: &str| folder.path().join(name);
        fs::write(at("certificate.pem"), chain_pem).unwrap();
        fs::write(at("key.pem"), key_pem).unwrap();
        let mut command = Command::new(Path::new(TARGET).join("venv/bin/python"));
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("mail_server.py"))
            .arg(port.to_string())
            .arg(at("received"))
            .arg(security)
            .args([at("certificate.pem"), at("key.pem")])
            .args(login.iter().flatten());
        let mut process = Process::start(&mut command, &at("log"));
        process.until_listening(port).await;
        Self { process, folder, port }
    }

    /// The letters it took, each with `from`, `to`, `peer`, `greeted_as`, `encrypted`, `login` and `content`.
    pub fn letters(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.folder.path().join("received")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
