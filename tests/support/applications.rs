//! Applications as they are found in the field, to stand behind the gateway.

use crate::{
    TARGET,
    process::{Process, free_port},
};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// A running application, gone when dropped.
pub struct Application {
    // Dropped first: the program must be gone before its folder is.
    process: Process,
    _folder: TempDir,
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

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    async fn start(folder: TempDir, port: u16, module: &[&str]) -> Self {
        let python = Path::new(TARGET).join("venv/bin/python");
        let mut command = Command::new(python);
        command.arg("-m").args(module).current_dir(folder.path());
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.until_listening(port).await;
        Self { process, _folder: folder, port }
    }
}
