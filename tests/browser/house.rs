//! Two applications behind a gateway, the people who use them, and what a test does in a browser.

use axum::Router;
use doorward::cli::demo::app::{DemoState, router};
use serde_json::json;
use std::{fs, path::Path, time::Duration};
use support::{
    browser::{Browser, Scripts, barriers},
    gateway::{Gateway, PORTAL, Site},
    person::Person,
};
use tempfile::TempDir;
use thirtyfour::{By, WebDriver, prelude::ElementWaitable as _};
use tokio::net::TcpListener;

/// The application, with transfers that want a code from the last seconds.
pub(crate) const PAYROLL: &str = "payroll.localhost";
/// The same application once more.
pub(crate) const REPORTS: &str = "reports.localhost";

/// How long a page may take, and how often is looked whether it is there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// The gateway and what stands behind it.
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    _folder: TempDir,
}

/// A running gateway, with whoever `people` adds.
pub(crate) async fn house<T>(people: impl FnOnce(&Site) -> T) -> (House, T) {
    house_with(|_| String::new(), people).await
}

/// The same, with these sections in its configuration too.
pub(crate) async fn house_with<T>(
    sections: impl FnOnce(&Site) -> String,
    people: impl FnOnce(&Site) -> T,
) -> (House, T) {
    let folder = TempDir::new().unwrap();
    let app = router(DemoState::open(folder.path().join("transfers.json")).await.unwrap());
    let server = serve(app).await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[PAYROLL, REPORTS]);
    site.configure(&format!(
        r#"{}
{}
[policy.standard]
level = "mfa"

[policy.transfers]
level = "mfa"
fresh = {{ any = ["totp"], within = "4s" }}

[policy.keys]
level = "phishing-resistant"
fresh = {{ any = ["passkey"], within = "1s" }}

[policy.touched]
level = "mfa"
fresh = {{ any = ["security-key"], within = "1s" }}

[policy.signed-in]
level = "login"

[policy.audit]
level = "mfa"
groups = ["audit"]

[[app]]
name = "payroll"
title = "Payroll"
host = "{PAYROLL}"
upstream = ["{server}"]
policy = "standard"

  [[app.route]]
  methods = ["GET"]
  path = "/static/**"
  policy = "public"

  [[app.route]]
  path = "/transfers/new"
  policy = "transfers"
  label = "transfers"

  [[app.route]]
  path = "/reports"
  policy = "keys"
  label = "reports"

  [[app.route]]
  path = "/whoami"
  policy = "touched"
  label = "that page"

  [[app.route]]
  path = "/files"
  policy = "audit"

[[app]]
name = "reports"
title = "Reports"
host = "{REPORTS}"
upstream = ["{server}"]
policy = "standard"

  [[app.route]]
  path = "/whoami"
  policy = "signed-in"
"#,
        site.preamble(),
        sections(&site)
    ));
    let people = people(&site);
    (House { gateway: site.start().await, _folder: folder }, people)
}

/// Serves an application, and says where.
pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

impl House {
    /// A gateway that a test configured itself, and a folder that lives as long.
    pub(crate) fn of(gateway: Gateway, folder: TempDir) -> Self {
        Self { gateway, _folder: folder }
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        self.gateway.url(host, path)
    }

    pub(crate) fn portal(&self, path: &str) -> String {
        self.url(PORTAL, path)
    }

    /// Opens a browser for whom the gateway's certificate is good.
    pub(crate) async fn open(&self, scripts: Scripts, name: &str, test: impl AsyncFnOnce(&WebDriver)) {
        Browser { authority: Some(&self.gateway.site.authority), scripts }.open(name, test).await;
    }

    /// Gives somebody one more authenticator app, whose codes are all unused.
    pub(crate) fn new_app(&self, person: &mut Person) {
        let told = self.gateway.site.run(&["user", "enroll-totp", &person.login_id, "--json"], "");
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        person.set_up_app(told["key"].as_str().unwrap());
    }
}

pub(crate) async fn type_into(page: &WebDriver, id: &str, text: &str) {
    let field = page.find(By::Id(id)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Presses the first button of the page that says this, and waits for the page it leads to.
pub(crate) async fn press(page: &WebDriver, button: &str) {
    let found = page.find(By::XPath(format!("//button[normalize-space()='{button}']"))).await;
    let found = found.unwrap_or_else(|error| panic!("no button {button}: {error}"));
    found.click().await.unwrap();
    found.wait_until().wait(PATIENCE, POLL).stale().await.unwrap();
}

/// Follows the first link whose text holds this, and waits for the page it leads to.
pub(crate) async fn follow(page: &WebDriver, link: &str) {
    let found = page.find(By::PartialLinkText(link)).await.unwrap_or_else(|error| panic!("no link {link}: {error}"));
    found.click().await.unwrap();
    found.wait_until().wait(PATIENCE, POLL).stale().await.unwrap();
}

pub(crate) async fn sign_in(page: &WebDriver, login_id: &str, password: &str) {
    type_into(page, "login_id", login_id).await;
    type_into(page, "password", password).await;
    press(page, "Sign in").await;
}

pub(crate) async fn answer(page: &WebDriver, code: &str) {
    type_into(page, "code", code).await;
    press(page, "Continue").await;
}

pub(crate) async fn url(page: &WebDriver) -> String {
    page.current_url().await.unwrap().into()
}

pub(crate) async fn heading(page: &WebDriver) -> String {
    page.find(By::Css("h1")).await.unwrap().text().await.unwrap()
}

pub(crate) async fn shown(page: &WebDriver) -> String {
    page.find(By::Css("main")).await.unwrap().text().await.unwrap()
}

/// Whether the page that is open says this. Tells what it says instead.
pub(crate) async fn says(page: &WebDriver, text: &str) {
    let shown = shown(page).await;
    assert!(shown.contains(text), "not {text:?} but {shown:?} at {}", url(page).await);
}

/// Waits until a script of the page that is open has put this into the one element that it keeps for that.
pub(crate) async fn comes_to_say(page: &WebDriver, element: &str, text: &str) {
    let found = page.find(By::Css(element.to_owned())).await.unwrap();
    let told = found.wait_until().wait(PATIENCE, POLL).has_text(text.to_owned()).await;
    assert!(told.is_ok(), "not {text:?} but {:?} at {}", found.text().await, url(page).await);
}

/// Goes to a page until it asks for a fresh code.
pub(crate) async fn until_stale(page: &WebDriver, target: &str) {
    for _ in 0..600 {
        page.goto(target).await.unwrap();
        if page.current_url().await.unwrap().path().starts_with("/challenge/") {
            return;
        }
    }
    panic!("never stale");
}

/// The key on the page that sets up an app.
pub(crate) async fn key(page: &WebDriver) -> String {
    page.find(By::Css("code.key")).await.unwrap().prop("textContent").await.unwrap().unwrap()
}

/// Sets up the app that the open page offers. The page with the recovery codes comes after it.
pub(crate) async fn set_up_app(page: &WebDriver, person: &mut Person) {
    assert_eq!(heading(page).await, "Set up your authenticator app");
    person.set_up_app(&key(page).await);
    type_into(page, "code", &person.code()).await;
    press(page, "Finish").await;
    assert_eq!(heading(page).await, "Keep these recovery codes");
}

/// [`look`], where the page may run scripts: it is a script that finds the barriers.
pub(crate) async fn look_with(scripts: Scripts, page: &WebDriver, name: &str) {
    if scripts == Scripts::On {
        look(page, name).await;
    }
}

/// Looks at the page that is open on a desktop and on a phone, in light and in dark: there must be no barrier on it. What
/// it looks like is kept as `target/screenshots/NAME-*.png`.
pub(crate) async fn look(page: &WebDriver, name: &str) {
    let tools = page.cdp();
    let set = async |command: &str, parameters: serde_json::Value| {
        tools.send_raw(command, parameters).await.unwrap();
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    for (device, width, height, is_mobile) in [("desktop", 1280, 900, false), ("phone", 390, 844, true)] {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_mobile });
        set("Emulation.setDeviceMetricsOverride", size).await;
        for scheme in ["light", "dark"] {
            let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            set("Emulation.setEmulatedMedia", json!({ "features": features })).await;
            page.screenshot(&folder.join(format!("{name}-{device}-{scheme}.png"))).await.unwrap();
            assert_eq!(barriers(page).await, [""; 0], "{name}, {device}, {scheme}");
            let overflow = page
                .execute(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                    Vec::new(),
                )
                .await
                .unwrap();
            assert_eq!(overflow.json(), 0, "{name} on a {device} scrolls sideways");
        }
    }
    set("Emulation.clearDeviceMetricsOverride", json!({})).await;
    set("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
}
