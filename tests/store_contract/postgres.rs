//! A PostgreSQL server for one test: a fresh cluster in a folder of its own, reached by a socket in it.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{
    env, fs,
    io::{self, BufRead as _, BufReader},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};
use tempfile::TempDir;

/// A running server. It stops when this is dropped.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    /// Who runs it: PostgreSQL refuses to run as root.
    owner: Option<(u32, u32)>,
    /// The server itself.
    process: Option<Child>,
}

impl Server {
    /// Starts a server, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If none is installed: a contract that was not tried was not kept.
    pub(crate) fn start() -> Self {
        let programs = programs().expect("no PostgreSQL server is installed; install the package `postgresql`");
        let folder = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        let owner = is_root.then(|| account_of_postgres().expect("root needs an account named postgres to run it as"));
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut server = Self { programs, folder, owner, process: None };
        server.run("initdb", &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"]);
        server.process = Some(server.serve());
        server
    }

    /// Starts the server, and reads its log until it is ready.
    fn serve(&self) -> Child {
        let socket = format!("unix_socket_directories={}", self.folder.path().display());
        let mut command = self.command("postgres");
        for setting in ["listen_addresses=", &socket, "fsync=off", "autovacuum=off", "lc_messages=C"] {
            command.args(["-c", setting]);
        }
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready to accept connections") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server ended before it was ready");
        }
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        process
    }

    /// Makes an empty database, and says where it is.
    pub(crate) async fn database(&self, name: &str) -> String {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        // Names of behaviours are longer than a name can be in PostgreSQL; their ends tell them apart.
        let name = name.get(name.len().saturating_sub(60)..).unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.url(name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.command(program).args(arguments).status().unwrap().success(), "{program} {arguments:?} failed");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("PGDATA", self.folder.path().join("data")).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.run("pg_ctl", &["stop", "--mode=immediate"]);
            process.wait().unwrap();
        }
    }
}

/// The folder of the newest server on this machine.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    folders.sort();
    let debian = folders.pop().map(|(_, folder)| folder);
    let path = env::var_os("PATH").unwrap_or_default();
    debian.or_else(|| env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
}

/// User and group of the account `postgres`.
fn account_of_postgres() -> Option<(u32, u32)> {
    let accounts = fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    let line = accounts.lines().find(|line| line.starts_with("postgres:"))?;
    let mut numbers = line.split(':').skip(2);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
