//! A PostgreSQL server for one test.

use crate::process::{Process, Signal, free_port};
use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A server with one empty database, gone when dropped.
pub struct Postgres {
    // Dropped first: the server must be gone before its folder is.
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one, with durability switched off.
    pub async fn start() -> Self {
        let (folder, port, programs) = (TempDir::new().unwrap(), free_port(), programs());
        let data = folder.path().join("data");
        let owner = Owner::of_servers();
        owner.takes(folder.path());
        let made = owner
            .runs(&programs.join("initdb"))
            .args(["--username=doorward", "--auth=trust", "--no-sync", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let process = serve(&owner, folder.path(), port).await;
        Self { process, folder, port }
    }

    /// Stops it, whoever is connected.
    pub async fn stop(&mut self) {
        self.process.signal(Signal::Interrupt);
        self.process.ended().await;
    }

    /// Starts it again, with what it held.
    pub async fn start_again(&mut self) {
        self.process = serve(&Owner::of_servers(), self.folder.path(), self.port).await;
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        format!("postgres://doorward@127.0.0.1:{}/postgres", self.port)
    }
}

/// Runs the server on what is in a folder.
async fn serve(owner: &Owner, folder: &Path, port: u16) -> Process {
    let programs = programs();
    let mut server = owner.runs(&programs.join("postgres"));
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    for setting in ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=50"] {
        server.args(["-c", setting]);
    }
    // Killed, it would leave shared memory behind.
    let mut process = Process::start(&mut server, &folder.join("log")).ended_by(Signal::Interrupt);
    let ready = programs.join("pg_isready");
    process
        .until("for it to be ready", async || {
            let asked = Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            asked.unwrap().success().then_some(())
        })
        .await;
    process
}

/// Who runs the server, which refuses to be run by root.
enum Owner {
    Ourselves,
    Another { uid: u32, gid: u32 },
}

impl Owner {
    /// The user that Debian's package made, where the tests run as root.
    fn of_servers() -> Self {
        if id("-u", None) != 0 {
            return Self::Ourselves;
        }
        Self::Another { uid: id("-u", Some("postgres")), gid: id("-g", Some("postgres")) }
    }

    fn takes(&self, folder: &Path) {
        if let Self::Another { uid, gid } = self {
            chown(folder, Some(*uid), Some(*gid)).unwrap();
        }
    }

    fn runs(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Self::Another { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }
}

fn id(which: &str, user: Option<&str>) -> u32 {
    let output = Command::new("id").arg(which).args(user).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("a user named postgres")
}

/// Where Debian puts the server's programs: not on `PATH`, and by version.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL's server, which scripts/test installs");
    let newest = versions.map(|version| version.unwrap().path()).max().unwrap();
    newest.join("bin")
}
