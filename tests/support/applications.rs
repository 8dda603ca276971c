//! Applications as they are found in the field, to stand behind the gateway.

use crate::{
    TARGET,
    process::{Process, Signal, free_port},
};
use serde_json::json;
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// The one notebook of a notebook server, and the one cell on it.
pub const NOTEBOOK: &str = "notebook.ipynb";
const CELL: &str = "print(6 * 7)";

/// A running application, gone when dropped.
pub struct Application {
    // Dropped first: the program must be gone before its folder is.
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Application {
    /// A calendar server that believes the user name in `X-Remote-User`, whoever sends it.
    pub async fn radicale() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let config = folder.path().join("config");
        let storage = folder.path().join("storage");
        fs::write(
            &config,
            format!(
                "[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = http_x_remote_user\n\
                 [storage]\nfilesystem_folder = {}\n",
                storage.display()
            ),
        )
        .unwrap();
        Self::start(folder, port, &["radicale", "--config", &config.display().to_string()]).await
    }

    /// A server that answers with what it was sent: `/anything`, `/headers`, `/status/418`, `/stream/20`, `/bytes/1024`.
    pub async fn httpbin() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let listen = format!("--listen=127.0.0.1:{port}");
        Self::start(folder, port, &["waitress", &listen, "httpbin:app"]).await
    }

    /// A notebook server for `host` without a sign-in of its own, and with [`NOTEBOOK`].
    pub async fn jupyter_lab(host: &str) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let cell = json!({
            "cell_type": "code", "id": "one", "metadata": {}, "execution_count": null, "outputs": [], "source": CELL,
        });
        let kernel = json!({ "name": "python3", "display_name": "Python 3", "language": "python" });
        let notebook =
            json!({ "nbformat": 4, "nbformat_minor": 5, "metadata": { "kernelspec": kernel }, "cells": [cell] });
        fs::write(folder.path().join(NOTEBOOK), notebook.to_string()).unwrap();
        let (listen, answers) = (format!("--port={port}"), format!("--ServerApp.local_hostnames={host}"));
        let open = "--IdentityProvider.token=";
        let arguments = ["jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", &listen, &answers, open];
        let mut application = Self::start(folder, port, &arguments).await;
        // It ends its kernels with itself.
        application.process = application.process.ended_by(Signal::Terminate);
        application
    }

    /// A WebSocket server that says every message back, and is strict about the protocol.
    pub async fn websocket_echo() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("websocket_echo.py");
        Self::run(folder, port, &[&script.display().to_string(), &port.to_string()]).await
    }

    /// Where it listens, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until something about it is true.
    pub async fn until<T>(&mut self, what: &str, seen: impl AsyncFnMut() -> Option<T>) -> T {
        self.process.until(what, seen).await
    }

    async fn start(folder: TempDir, port: u16, module: &[&str]) -> Self {
        Self::run(folder, port, &[&["-m"], module].concat()).await
    }

    async fn run(folder: TempDir, port: u16, arguments: &[&str]) -> Self {
        let python = Path::new(TARGET).join("venv/bin/python");
        let mut command = Command::new(python);
        command.args(arguments).current_dir(folder.path()).env("HOME", folder.path());
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.until_listening(port).await;
        Self { process, folder, port }
    }
}
