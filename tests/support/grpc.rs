//! gRPC as the field knows it: server and client of another implementation.

use crate::{
    TARGET,
    certificates::{Authority, Leaf},
    gateway::Gateway,
    process::{Process, free_port},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A running server, gone when dropped.
pub struct GrpcApp {
    // Dropped first: the program must be gone before its folder is.
    process: Process,
    folder: TempDir,
    url: String,
}

impl GrpcApp {
    /// One that is spoken to without TLS.
    pub async fn start() -> Self {
        Self::run(TempDir::new().unwrap(), "http", &[]).await
    }

    /// One that shows a certificate for `localhost`.
    pub async fn with_tls(authority: &Authority) -> Self {
        let folder = TempDir::new().unwrap();
        let Leaf { chain_pem, key_pem, .. } = authority.issue(&["localhost"]);
        let [certificate, key, trusted] =
            ["certificate.pem", "key.pem", "authority.pem"].map(|name| folder.path().join(name));
        fs::write(&certificate, chain_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        fs::write(trusted, authority.pem()).unwrap();
        Self::run(folder, "https", &[certificate, key]).await
    }

    async fn run(folder: TempDir, scheme: &str, pair: &[PathBuf]) -> Self {
        let port = free_port();
        let mut command = python("grpc_app.py");
        command.arg(port.to_string()).args(pair);
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.until_listening(port).await;
        Self { process, folder, url: format!("{scheme}://localhost:{port}") }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Who vouches for it, where it has TLS.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The calls that reached it, each with `method` and `metadata`.
    pub fn calls(&self) -> Vec<Value> {
        let log = self.process.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["method"].is_string()).collect()
    }

    /// Waits until it has written something.
    pub async fn until_logged(&mut self, text: &str) {
        self.process.until_logged(text).await;
    }
}

/// A call on its way.
pub struct Call {
    process: Process,
    _folder: TempDir,
}

impl Call {
    /// Begins one: `Call::begin(&gateway, host, "/test.Echo/Unary", "unary-unary", &[("cookie", …)], &["hello"])`.
    pub fn begin(
        gateway: &Gateway,
        host: &str,
        method: &str,
        shape: &str,
        metadata: &[(&str, &str)],
        messages: &[&str],
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let authority = folder.path().join("authority.pem");
        fs::write(&authority, gateway.site.authority.pem()).unwrap();
        let metadata: serde_json::Map<_, _> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let mut command = python("grpc_client.py");
        command.arg(gateway.site.https.to_string()).arg(host).arg(authority).args([
            method,
            shape,
            &Value::from(metadata).to_string(),
            &serde_json::to_string(messages).unwrap(),
        ]);
        Self { process: Process::start(&mut command, &folder.path().join("log")), _folder: folder }
    }

    /// Waits until it has heard a message.
    pub async fn until_heard(&mut self, message: &str) {
        self.process.until_logged(&format!("heard {message}")).await;
    }

    /// What became of it: `code`, `message`, `replies`, `trailers`.
    pub async fn outcome(mut self) -> Value {
        self.process.ended().await;
        let log = self.process.log();
        // What gRPC logs of itself goes into the same file, at any time.
        let told = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).rfind(Value::is_object);
        told.unwrap_or_else(|| panic!("{log}"))
    }
}

fn python(script: &str) -> Command {
    let mut command = Command::new(Path::new(TARGET).join("venv/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    command
}
