//! The gateway itself: the real program, with a configuration of the test's own.

use crate::{
    certificates::Authority,
    client,
    outbox::letters_in,
    process::{Process, Signal, free_port},
    raw::Connection,
};
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
    time::Duration,
};
use tempfile::TempDir;

/// The host of the portal in every test.
pub const PORTAL: &str = "auth.localhost";

/// How long a letter may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A place for a gateway: folder, ports, certificate. Nothing runs yet.
pub struct Site {
    /// Trusted by the clients that come from here.
    pub authority: Authority,
    /// Where browsers connect.
    pub https: u16,
    /// Where plain HTTP is redirected.
    pub redirect: u16,
    /// Where the admin listener answers.
    pub admin: u16,
    program: PathBuf,
    folder: TempDir,
}

impl Site {
    /// A site for the portal and these hosts. The program is `env!("CARGO_BIN_EXE_doorward")`.
    pub fn new(program: impl AsRef<Path>, hosts: &[&str]) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::default());
        let leaf = authority.issue(&[&[PORTAL], hosts].concat());
        fs::write(folder.path().join("site.pem"), &leaf.chain_pem).unwrap();
        fs::write(folder.path().join("site.key"), &leaf.key_pem).unwrap();
        Self {
            authority,
            https: free_port(),
            redirect: free_port(),
            admin: free_port(),
            program: program.as_ref().to_owned(),
            folder,
        }
    }

    /// What every configuration of this site begins with. The rest is the test's.
    pub fn preamble(&self) -> String {
        let Self { https, redirect, admin, .. } = self;
        let folder = self.folder.path().display();
        format!(
            r#"[server]
listen = ["127.0.0.1:{https}"]
redirect = ["127.0.0.1:{redirect}"]
admin = "127.0.0.1:{admin}"

[tls]
certificates = [{{ cert = "{folder}/site.pem", key = "{folder}/site.key" }}]

[portal]
url = "https://{PORTAL}:{https}"

[store]
url = "sqlite:{folder}/doorward.db"
key_file = "{folder}/doorward.key"
"#
        )
    }

    /// Where the configuration stands.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration, as an operator would.
    pub fn configure(&self, config: &str) {
        fs::write(self.config_path(), config).unwrap();
    }

    /// Runs a verb of the command line to its end: `site.run(&["user", "list"], "")`.
    pub fn run(&self, verb: &[&str], input: &str) -> Output {
        let given = self.folder.path().join("input");
        fs::write(&given, input).unwrap();
        let mut command = Command::new(&self.program);
        command.args(verb).arg("-c").arg(self.config_path()).stdin(fs::File::open(given).unwrap());
        command.output().unwrap()
    }

    /// The section that has letters written to a folder of this site.
    pub fn mail(&self) -> String {
        let folder = self.folder.path().join("letters");
        format!("[mail]\nfrom = \"Example Corp <no-reply@example.com>\"\nurl = \"outbox:{}\"\n", folder.display())
    }

    /// Starts the gateway on what was configured, and waits until it is ready to serve.
    pub async fn start(self) -> Gateway {
        let mut command = Command::new(&self.program);
        command.args(["serve", "-c"]).arg(self.config_path()).current_dir(self.folder.path());
        // Killed at its end: told to stop, it would wait for clients that the test does not drive any more.
        let mut process = Process::start(&mut command, &self.folder.path().join("log"));
        let ready = format!("http://127.0.0.1:{}/readyz", self.admin);
        let asking = client::client(&self.authority);
        process
            .until("for it to be ready", async || {
                asking.get(&ready).send().await.ok().filter(|answer| answer.status().is_success())
            })
            .await;
        Gateway { process, site: self }
    }
}

/// A running gateway, gone when dropped.
pub struct Gateway {
    // Dropped first: the program must be gone before its folder is.
    process: Process,
    /// Where it runs.
    pub site: Site,
}

impl Gateway {
    /// Kills it, and starts it again where it was.
    pub async fn killed_and_started_again(self) -> Self {
        let Self { process, site } = self;
        drop(process);
        site.start().await
    }

    /// A client with cookies of its own.
    pub fn client(&self) -> reqwest::Client {
        client::client(&self.site.authority)
    }

    /// The same, of a browser that asks for pages in these languages.
    pub fn client_that_reads(&self, accept_language: &str) -> reqwest::Client {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, accept_language.parse().unwrap())]);
        client::builder(&self.site.authority).default_headers(headers).build().unwrap()
    }

    /// A connection for bytes as the test writes them.
    pub async fn connect(&self, host: &str) -> Connection {
        Connection::open(&self.site.authority, host, self.site.https).await
    }

    /// The address of a page: `gateway.url("payroll.localhost", "/transfers")`.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.site.https)
    }

    /// Its number among the processes of this machine.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The link to this page in the newest letter to somebody: `gateway.mailed("ann@example.com", "/invite")`. Waits for it.
    pub async fn mailed(&self, to: &str, page: &str) -> String {
        let (folder, addressed) = (self.site.folder().join("letters"), format!("To: {to}\r\n"));
        let link = format!("{}?", self.url(PORTAL, page));
        let look = || {
            let mut letters = letters_in(&folder).into_iter().rev();
            let (_, text) = letters.find(|(_, text)| text.contains(&addressed))?;
            // Quoted-printable: soft line breaks, and the sign that makes them.
            let text = text.replace("=\r\n", "").replace("=3D", "=");
            let (_, rest) = text.split_once(&link)?;
            Some(format!("{link}{}", rest.split_whitespace().next()?))
        };
        let waiting = async {
            loop {
                if let Some(link) = look() {
                    return link;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no letter to {to} with {link}"))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until it has logged something.
    pub async fn until_logged(&mut self, text: &str) {
        self.process.until_logged(text).await;
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until something about it is true.
    pub async fn until<T>(&mut self, what: &str, seen: impl AsyncFnMut() -> Option<T>) -> T {
        self.process.until(what, seen).await
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }
}
