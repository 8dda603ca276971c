//! `JupyterLab` as it comes: an application of one page that lives on WebSockets.

use crate::house::{House, answer, press, sign_in};
use serde_json::json;
use std::{fs, time::Duration};
use support::{
    applications::{Application, NOTEBOOK},
    browser::Scripts,
    gateway::Site,
    person::{PASSWORD, Person},
};
use tempfile::TempDir;
use thirtyfour::{By, Key, WebDriver, extensions::query::ElementQueryable as _};

const LAB: &str = "lab.localhost";

/// How long `JupyterLab` may take for a page or a kernel.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);
/// How long a socket may outlive its session.
const CUT_MILLIS_MAX: f64 = 1000.0;

/// Keeps a list of the page's WebSockets, and of how each ended.
const WATCH: &str = "
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...of) {
            super(...of);
            const noted = { opened: false };
            window.sockets.push(noted);
            this.addEventListener('open', () => { noted.opened = true; });
            this.addEventListener('close', end => Object.assign(noted, { code: end.code, reason: end.reason, at: Date.now() }));
        }
    };";

/// What became of one of them.
#[derive(Debug, serde::Deserialize)]
struct Noted {
    opened: bool,
    code: Option<u16>,
    reason: Option<String>,
    at: Option<f64>,
}

async fn house() -> (Application, House, Person) {
    let lab = Application::jupyter_lab(LAB).await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[LAB]);
    site.configure(&format!(
        r#"{}
[policy.standard]
level = "mfa"

[[app]]
name = "lab"
host = "{LAB}"
upstream = ["{}"]
policy = "standard"
"#,
        site.preamble(),
        lab.url()
    ));
    let ann = Person::add(&site, "ann", &[]);
    (lab, House::of(site.start().await, TempDir::new().unwrap()), ann)
}

async fn sockets(page: &WebDriver) -> Vec<Noted> {
    page.execute("return window.sockets", Vec::new()).await.unwrap().convert().unwrap()
}

async fn now(page: &WebDriver) -> f64 {
    page.execute("return Date.now()", Vec::new()).await.unwrap().convert().unwrap()
}

/// Runs the one cell, and sees what its kernel says.
async fn run_the_cell(page: &WebDriver) {
    let find = async |by| page.query(by).wait(PATIENCE, POLL).first().await.unwrap();
    // Until its kernel is there the page builds its cells anew.
    find(By::XPath("//*[@id='jp-main-statusbar']//*[contains(., '| Idle')]")).await;
    find(By::Css(".jp-CodeCell .cm-content")).await.click().await.unwrap();
    page.active_element().await.unwrap().send_keys(Key::Shift + Key::Enter).await.unwrap();
    let output = find(By::Css(".jp-CodeCell .jp-OutputArea-output pre")).await;
    assert_eq!(output.text().await.unwrap().trim(), "42");
}

/// Row 29: revocation cuts what is already flowing.
#[tokio::test]
async fn a_notebook_runs_behind_the_gateway_and_its_sockets_end_with_the_session() {
    let (mut lab, house, ann) = house().await;
    house
        .open(Scripts::On, "jupyter", async |page| {
            page.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await.unwrap();
            page.goto(house.url(LAB, &format!("/lab/tree/{NOTEBOOK}"))).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;

            run_the_cell(page).await;
            page.active_element().await.unwrap().send_keys(Key::Control + "s").await.unwrap();
            let file = lab.folder().join(NOTEBOOK);
            let saved = async || fs::read_to_string(&file).unwrap().contains("42\\n").then_some(());
            lab.until("for the notebook to be saved", saved).await;

            let notebook = page.window().await.unwrap();
            let open = sockets(page).await.into_iter().filter(|noted| noted.opened && noted.code.is_none()).count();
            assert!(open >= 2, "the kernel's and the server's events: {open}");
            page.switch_to_window(page.new_tab().await.unwrap()).await.unwrap();
            page.goto(house.portal("/logout")).await.unwrap();
            let signed_out_at = now(page).await;
            press(page, "Sign out").await;

            page.switch_to_window(notebook).await.unwrap();
            let cut: Vec<_> = sockets(page).await.into_iter().filter(|noted| noted.opened).collect();
            assert!(cut.len() >= open, "{cut:?}");
            for noted in &cut {
                let (code, reason) = (noted.code, noted.reason.as_deref());
                assert_eq!((code, reason), (Some(4401), Some("the session is over")), "{cut:?}");
                let after = noted.at.unwrap() - signed_out_at;
                assert!(after < CUT_MILLIS_MAX, "{after} ms");
            }
        })
        .await;
}
