//! Programs that run while a handle lives.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

/// How long a program may take to come up or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const POLL: Duration = Duration::from_millis(20);

/// A program, killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    on_drop: Signal,
}

/// What a program is sent.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Read the configuration again.
    Hangup,
    /// Stop at once, but tidily.
    Interrupt,
    /// Stop when the work at hand is done.
    Terminate,
    /// Be gone.
    Kill,
}

impl Process {
    /// Starts it, with both its outputs in a file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("can't start {}: {error}", command.get_program().display()));
        Self { child, log: log.to_owned(), on_drop: Signal::Kill }
    }

    /// The same, for a program that leaves things behind when it is killed.
    #[must_use]
    pub fn ended_by(mut self, signal: Signal) -> Self {
        self.on_drop = signal;
        self
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal. It may be gone already.
    pub fn signal(&mut self, signal: Signal) {
        let name = match signal {
            Signal::Hangup => "HUP",
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
        };
        // The shell's own `kill`: the standard library can only kill, and the rest would want unsafe code.
        let _ = Command::new("sh").args(["-c", &format!("kill -{name} {} 2>/dev/null", self.child.id())]).status();
    }

    /// Waits until something about it is true.
    pub async fn until<T>(&mut self, what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = seen().await {
                    return found;
                }
                if let Some(status) = self.exited().unwrap() {
                    panic!("ended with {status} while the test waited {what}:\n{}", self.log());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} {what}:\n{}", self.log()))
    }

    /// Waits until it has written something.
    pub async fn until_logged(&mut self, text: &str) {
        let log = self.log.clone();
        let seen = async || fs::read_to_string(&log).unwrap_or_default().contains(text).then_some(());
        self.until(&format!("for {text:?} in its log"), seen).await;
    }

    /// Waits until it accepts connections on a port of the loopback.
    pub async fn until_listening(&mut self, port: u16) {
        self.until("for it to listen", async || tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok())
            .await;
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let waiting = async {
            loop {
                if let Some(status) = self.exited().unwrap() {
                    return status;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let status = tokio::time::timeout(PATIENCE, waiting).await;
        status.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for it to end:\n{}", self.log()))
    }

    fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.exited() {
            self.signal(self.on_drop);
        }
        let _ = self.child.wait();
    }
}

/// A free port of the loopback, for programs that can't choose one themselves and say which.
///
/// Another process may take it in between, so it comes from below the ports that connections are made from, and from a
/// stretch that no other test's process has.
pub fn free_port() -> u16 {
    static STRETCH: OnceLock<TcpListener> = OnceLock::new();
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = STRETCH.get_or_init(own_stretch).local_addr().unwrap().port();
    for _ in 1..PORTS_EACH {
        let port = first + 1 + TAKEN.fetch_add(1, Ordering::Relaxed) % (PORTS_EACH - 1);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// Whoever holds the first port of a stretch has the others.
fn own_stretch() -> TcpListener {
    let firsts = (0..STRETCHES).map(|at| (std::process::id() + at) % STRETCHES);
    let mut firsts = firsts.map(|stretch| 10_000 + u16::try_from(stretch).unwrap() * PORTS_EACH);
    firsts.find_map(|first| TcpListener::bind((Ipv4Addr::LOCALHOST, first)).ok()).expect("a stretch of ports is free")
}

/// Ports that one process may take, and how many processes there is room for below 32 768.
const PORTS_EACH: u16 = 32;
const STRETCHES: u32 = 700;
