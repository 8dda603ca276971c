//! Chromium, steered by a test.

use crate::{
    TARGET,
    certificates::Authority,
    process::{Process, Signal, free_port},
};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::{
    fs,
    panic::{AssertUnwindSafe, resume_unwind},
    path::Path,
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;
use thirtyfour::{
    ChromiumLikeCapabilities, DesiredCapabilities, WebDriver,
    common::command::{Command as DriverCommand, ExtensionCommand},
};

/// What a browser is like when it opens.
#[derive(Default, Clone, Copy)]
pub struct Browser<'a> {
    /// Whose certificates it accepts, besides those that it would.
    pub authority: Option<&'a Authority>,
    /// Whether it runs scripts.
    pub scripts: Scripts,
}

/// Whether pages may run scripts.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// As most visitors have it.
    #[default]
    On,
    /// As some have it, and as all have it where the network fails halfway.
    Off,
}

impl Browser<'_> {
    /// Opens a browser, gives it to the test, and closes it again.
    ///
    /// Where the test panics, what the browser showed is kept as `target/screenshots/NAME.png`.
    pub async fn open(self, name: &str, test: impl AsyncFnOnce(&WebDriver)) {
        let folder = TempDir::new().unwrap();
        // One that it chose itself would be free on `::1`, and perhaps not on `127.0.0.1`, where it listens too.
        let port = free_port();
        let mut steering = Command::new("chromedriver");
        steering.arg(format!("--port={port}"));
        let mut steering = Process::start(&mut steering, &folder.path().join("log")).ended_by(Signal::Terminate);
        steering.until_logged("started successfully").await;
        let capabilities = self.capabilities(&folder.path().join("profile"));
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        let outcome = AssertUnwindSafe(test(&driver)).catch_unwind().await;
        if outcome.is_err() {
            let picture = Path::new(TARGET).join("screenshots").join(name).with_extension("png");
            fs::create_dir_all(picture.parent().unwrap()).unwrap();
            if driver.screenshot(&picture).await.is_ok() {
                eprintln!("what the browser showed: {}", picture.display());
            }
        }
        let closed = driver.quit().await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        closed.unwrap();
    }

    fn capabilities(&self, profile: &Path) -> impl Into<thirtyfour::Capabilities> + use<> {
        let mut capabilities = DesiredCapabilities::chrome();
        let profile = format!("--user-data-dir={}", profile.display());
        let trusted = self.authority.map(|known| format!("--ignore-certificate-errors-spki-list={}", known.key_hash()));
        let flags = [
            "--headless=new",
            // Tests run as root in containers, where Chromium's own sandbox can't.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            // It would call home otherwise.
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &profile,
        ];
        for flag in flags.into_iter().chain(trusted.as_deref()) {
            capabilities.add_arg(flag).unwrap();
        }
        if self.scripts == Scripts::Off {
            let preferences = json!({ "profile.managed_default_content_settings.javascript": 2 });
            capabilities.add_experimental_option("prefs", preferences).unwrap();
        }
        capabilities
    }
}

/// What axe-core finds wrong with the page that is open, one line a fault; none is how it should be.
///
/// It runs in the page, so the browser must run scripts.
pub async fn barriers(driver: &WebDriver) -> Vec<String> {
    driver.execute(axe(), Vec::new()).await.unwrap();
    let found = driver
        .execute_async(
            "const done = arguments[arguments.length - 1];
             axe.run(document, { resultTypes: ['violations'] }).then(
                 found => done(found.violations.flatMap(fault =>
                     fault.nodes.map(node => `${fault.id}: ${fault.help}: ${node.target.join(' ')}`))),
                 error => done([`axe failed: ${error}`]));",
            Vec::new(),
        )
        .await
        .unwrap();
    found.convert().unwrap()
}

/// The script of axe-core, which a Python package carries.
fn axe() -> String {
    let versions = fs::read_dir(Path::new(TARGET).join("venv/lib")).expect("target/venv, which scripts/test makes");
    let script = versions
        .map(|version| version.unwrap().path().join("site-packages/axe_playwright_python/axe.min.js"))
        .find(|script| script.exists())
        .expect("axe-core in target/venv");
    fs::read_to_string(script).unwrap()
}

/// What an authenticator that one plugs in and touches speaks.
#[derive(Clone, Copy)]
pub enum Speech {
    /// As they do today.
    Ctap2,
    /// As they did before, and many still do.
    U2f,
}

/// An authenticator that the browser believes in.
pub struct VirtualAuthenticator<'a> {
    driver: &'a WebDriver,
    id: String,
}

impl<'a> VirtualAuthenticator<'a> {
    /// One that is built in. It keeps passkeys, and its user is present and verified.
    pub async fn plug_in(driver: &'a WebDriver) -> Self {
        let options = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "isUserConsenting": true,
        });
        Self::with(driver, options).await
    }

    /// One that is plugged in. It keeps no passkeys, and answers whoever touches it.
    pub async fn plug_in_key(driver: &'a WebDriver, speech: Speech) -> Self {
        let options = json!({
            "protocol": match speech {
                Speech::Ctap2 => "ctap2",
                Speech::U2f => "ctap1/u2f",
            },
            "transport": "usb",
            "hasResidentKey": false,
            "hasUserVerification": false,
            "isUserConsenting": true,
        });
        Self::with(driver, options).await
    }

    async fn with(driver: &'a WebDriver, options: Value) -> Self {
        let id = send(driver, http::Method::POST, "/webauthn/authenticator".to_owned(), Some(options)).await;
        Self { driver, id: id.as_str().unwrap().to_owned() }
    }

    /// Takes it out, with all that it holds.
    pub async fn unplug(self) {
        send(self.driver, http::Method::DELETE, format!("/webauthn/authenticator/{}", self.id), None).await;
    }

    /// Puts a credential into it: a copy of what another holds, or one that was changed.
    pub async fn hold(&self, credential: Value) {
        let endpoint = format!("/webauthn/authenticator/{}/credential", self.id);
        send(self.driver, http::Method::POST, endpoint, Some(credential)).await;
    }

    /// Says whether its user can be verified from now on: the finger that is not recognised.
    pub async fn verifies(&self, verified: bool) {
        let endpoint = format!("/webauthn/authenticator/{}/uv", self.id);
        send(self.driver, http::Method::POST, endpoint, Some(json!({ "isUserVerified": verified }))).await;
    }

    /// The credentials that it holds.
    pub async fn credentials(&self) -> Vec<Value> {
        let endpoint = format!("/webauthn/authenticator/{}/credentials", self.id);
        let held = send(self.driver, http::Method::GET, endpoint, None).await;
        held.as_array().unwrap().clone()
    }
}

/// An endpoint of `WebDriver` that its client library does not know.
#[derive(Debug)]
struct Extension {
    method: http::Method,
    endpoint: String,
    parameters: Option<Value>,
}

impl ExtensionCommand for Extension {
    fn parameters_json(&self) -> Option<Value> {
        self.parameters.clone()
    }

    fn method(&self) -> http::Method {
        self.method.clone()
    }

    fn endpoint(&self) -> Arc<str> {
        self.endpoint.as_str().into()
    }
}

async fn send(driver: &WebDriver, method: http::Method, endpoint: String, parameters: Option<Value>) -> Value {
    let command = DriverCommand::ExtensionCommand(Box::new(Extension { method, endpoint, parameters }));
    driver.handle().cmd(command).await.unwrap().value_json().unwrap()
}
