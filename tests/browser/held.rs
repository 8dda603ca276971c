//! A form with a file, sent from a page whose session went stale: it arrives whole, once, and from its sender.

use crate::house::{House, PAYROLL, REPORTS, answer, heading, look, press, says, serve, sign_in, url};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::Html,
    routing::{get, post},
};
use doorward::domain::secret::sha256;
use http::header::CONTENT_SECURITY_POLICY;
use std::{
    fs,
    sync::{Arc, Mutex},
};
use support::{
    browser::Scripts,
    gateway::Site,
    person::{PASSWORD, Person},
};
use tempfile::TempDir;
use thirtyfour::{By, WebDriver, prelude::ElementQueryable as _};

/// What reached the application: SHA-256 of each file.
type Received = Arc<Mutex<Vec<String>>>;

/// An application that takes files.
fn application(received: Received, other: String) -> Router {
    let form = |action: &str| {
        Html(format!(
            "<!doctype html><title>New</title><main><h1>New</h1><form method=post action=\"{action}\" enctype=multipart/form-data>\
             <input name=amount value=12><input id=file type=file name=receipt><button>Send it</button></form></main>"
        ))
    };
    Router::new()
        .route("/new", get(async move || form("/upload?draft=1")))
        .route("/new/patient", get(async move || form("/patient")))
        .route("/frames", get(async || Html(FRAMES)))
        .route("/early", get(async || Html(EARLY)))
        .route("/guarded", get(async || "guarded"))
        .route("/patient", post(upload))
        .route("/cross", get(async move || form(&other)))
        .route(
            "/strict/field",
            get(async move || ([(CONTENT_SECURITY_POLICY, "form-action 'self'")], form("/upload?draft=1"))),
        )
        .route("/strict/inside", get(async move || Html(format!("{STRICT}{}", form("/upload?draft=1").0))))
        .route("/spa", get(async || Html(SINGLE_PAGE)))
        .route("/api", post(api))
        .route("/upload", post(upload).get(async || Html("<!doctype html><h1>Fresh</h1>")))
        .with_state(received)
}

/// A page of the kind that older applications are made of.
const FRAMES: &str =
    "<!doctype html><title>Frames</title><h1>Frames</h1><iframe id=inner src=/new width=600 height=500></iframe>";

/// A page that asks for something before it has a body.
const EARLY: &str = "<!doctype html><script src=\"/.doorward/client.js\"></script><script>
    fetch('/api', { method: 'POST', body: 'early' }).then(answer => window.early = answer.status);
    </script><title>Early</title><main><h1>Early</h1></main>";

/// Keeps the forms of its page at home.
const STRICT: &str = "<meta http-equiv=content-security-policy content=\"form-action 'self'\">";

/// A page whose script asks for three things at once.
const SINGLE_PAGE: &str = "<!doctype html><title>One page</title><script src=\"/.doorward/client.js\"></script>\
    <main><h1>One page</h1><button id=go>Go</button><p id=one></p><p id=two></p><p id=three></p></main><script>
    const show = id => text => document.getElementById(id).textContent = text;
    go.onclick = () => {
        for (const id of ['one', 'two'])
            fetch('/api', { method: 'POST', body: id }).then(answer => answer.text()).then(show(id));
        const request = new XMLHttpRequest();
        request.open('POST', '/api');
        request.setRequestHeader('X-Number', '3');
        request.onload = () => show('three')(request.status + ' ' + request.responseText);
        request.send('three');
    };
    </script>";

async fn api(State(received): State<Received>, body: String) -> String {
    received.lock().unwrap().push(body.clone());
    format!("got {body}")
}

async fn upload(State(received): State<Received>, body: Bytes) -> Html<String> {
    let hash = hash(file_in(&body));
    let mut received = received.lock().unwrap();
    received.push(hash.clone());
    Html(format!(
        "<!doctype html><title>Received</title><main><h1>Received</h1><p>{hash}</p><a href=\"next\">Next</a></main>"
    ))
}

/// The content of the one file in a form.
fn file_in(body: &[u8]) -> &[u8] {
    let find = |needle: &[u8], from: usize| {
        body[from..].windows(needle.len()).position(|window| window == needle).map(|at| from + at)
    };
    let start = find(b"\r\n\r\n", find(b"filename=", 0).unwrap()).unwrap() + 4;
    let boundary = &body[..find(b"\r\n", 0).unwrap()];
    &body[start..find(&[b"\r\n", boundary].concat(), start).unwrap()]
}

fn hash(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
    sha256(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Who sends what, and what comes of it.
pub(crate) struct Scene {
    ann: Person,
    bob: Person,
    pub(crate) received: Received,
    file: String,
    sha256: String,
}

/// The application behind a gateway that wants a fresh code for uploads.
pub(crate) async fn scene() -> (House, Scene) {
    let (folder, received) = (TempDir::new().unwrap(), Received::default());
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[PAYROLL, REPORTS]);
    let other = format!("https://{PAYROLL}:{}/upload?draft=1", site.https);
    let server = serve(application(Arc::clone(&received), other)).await;
    let here = format!("https://{PAYROLL}:{}", site.https);
    site.configure(&format!(
        r#"{}
[hold]
body_max = "1MiB"

[policy.standard]
level = "mfa"

[policy.transfers]
level = "mfa"
fresh = {{ any = ["totp"], within = "8s" }}

[[app]]
name = "payroll"
host = "{PAYROLL}"
upstream = ["{server}"]
policy = "standard"

  [[app.route]]
  path = "/new/**"
  policy = "public"

  [[app.route]]
  path = "/frames"
  policy = "public"

  [[app.route]]
  path = "/early"
  policy = "public"

  [[app.route]]
  path = "/strict/**"
  policy = "public"

  [[app.route]]
  path = "/spa"
  policy = "public"

  [[app.route]]
  path = "/api"
  policy = "transfers"

  [[app.route]]
  path = "/upload"
  policy = "transfers"
  label = "uploads"

[[app]]
name = "reports"
host = "{REPORTS}"
upstream = ["{server}"]
policy = "public"
cors = {{ origins = ["{here}"], credentials = true }}

  [[app.route]]
  path = "/guarded"
  policy = "standard"
"#,
        site.preamble()
    ));
    let (ann, bob) = (Person::add(&site, "ann", &[]), Person::add(&site, "bob", &[]));
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| at.to_le_bytes()[usize::from(at % 5 == 0)]).collect();
    let file = folder.path().join("receipt.bin");
    fs::write(&file, &bytes).unwrap();
    let house = House::of(site.start().await, folder);
    (house, Scene { ann, bob, received, file: file.display().to_string(), sha256: hash(&bytes) })
}

impl Scene {
    fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Signs Ann in, waits until her code is too old, and fills in the form in the window that is open.
    async fn go_stale(&mut self, house: &House, page: &WebDriver) {
        let target = house.url(PAYROLL, "/upload");
        page.goto(&target).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        answer(page, &self.ann.code()).await;
        assert_eq!(heading(page).await, "Fresh");
        for _ in 0..20_000 {
            page.goto(&target).await.unwrap();
            if page.current_url().await.unwrap().path().starts_with("/challenge/") {
                house.new_app(&mut self.ann);
                return;
            }
        }
        panic!("never stale");
    }

    /// Fills in the form, and sends it.
    async fn send(&self, house: &House, page: &WebDriver, host: &str, path: &str) {
        page.goto(house.url(host, path)).await.unwrap();
        page.find(By::Id("file")).await.unwrap().send_keys(&self.file).await.unwrap();
        press(page, "Send it").await;
    }

    /// That the application shows what it received.
    async fn arrived(&self, house: &House, page: &WebDriver) {
        page.query(By::XPath("//h1[text()='Received']")).first().await.unwrap();
        says(page, &self.sha256).await;
        assert_eq!(url(page).await, house.url(PAYROLL, "/upload?draft=1"));
        let next = page.find(By::LinkText("Next")).await.unwrap().prop("href").await.unwrap();
        assert_eq!(next, Some(house.url(PAYROLL, "/next")));
    }
}

async fn step_up_and_look_back(house: &House, page: &WebDriver, scene: &mut Scene, scripts: Scripts) {
    scene.go_stale(house, page).await;
    scene.send(house, page, PAYROLL, "/new").await;
    assert_eq!(heading(page).await, "Enter your code");
    says(page, "We kept what you typed. It will be sent as soon as you've confirmed it's you.").await;
    if scripts == Scripts::On {
        look(page, "held-step-up").await;
    }
    answer(page, &scene.ann.code()).await;
    if scripts == Scripts::Off {
        assert_eq!(heading(page).await, "Sending your form");
        press(page, "Send now").await;
    }
    scene.arrived(house, page).await;
    assert_eq!(scene.count(), 1);

    page.refresh().await.unwrap();
    assert_eq!(heading(page).await, "This form was sent already");
    if scripts == Scripts::On {
        look(page, "held-sent").await;
    }
    for _ in 0..3 {
        page.back().await.unwrap();
    }
    assert_eq!(scene.count(), 1);
}

/// Row 24: a stale form is held, encrypted, and delivered exactly once after step-up, files included.
#[tokio::test]
async fn a_stale_upload_arrives_whole_and_neither_back_nor_reload_sends_it_again() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "held", async |page| step_up_and_look_back(&house, page, &mut scene, Scripts::On).await)
        .await;
}

#[tokio::test]
async fn a_stale_upload_needs_no_script() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::Off, "held-no-script", async |page| {
            step_up_and_look_back(&house, page, &mut scene, Scripts::Off).await;
        })
        .await;
}

/// Chromium follows a form nowhere that the page's policy does not list.
#[tokio::test]
async fn a_form_of_a_page_that_keeps_its_forms_at_home_reaches_the_portal_all_the_same() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "held-form-action", async |page| {
            scene.go_stale(&house, page).await;
            // Within the page its policy stands as it is written: there the form stays where it is, with what was typed.
            page.goto(house.url(PAYROLL, "/strict/inside")).await.unwrap();
            page.find(By::Name("amount")).await.unwrap().send_keys("34").await.unwrap();
            page.find(By::Css("button")).await.unwrap().click().await.unwrap();
            let typed = page.find(By::Name("amount")).await.unwrap().prop("value").await.unwrap();
            assert_eq!((heading(page).await.as_str(), typed.as_deref()), ("New", Some("1234")));

            scene.send(&house, page, PAYROLL, "/strict/field").await;
            assert_eq!(heading(page).await, "Enter your code");
            answer(page, &scene.ann.code()).await;
            scene.arrived(&house, page).await;
            assert_eq!(scene.count(), 1);
        })
        .await;
}

#[tokio::test]
async fn one_step_up_serves_two_tabs_and_each_sends_its_own_form() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "held-two-tabs", async |page| {
            scene.go_stale(&house, page).await;
            let first = page.window().await.unwrap();
            scene.send(&house, page, PAYROLL, "/new").await;
            let second = page.new_tab().await.unwrap();
            page.switch_to_window(second.clone()).await.unwrap();
            scene.send(&house, page, PAYROLL, "/new").await;
            assert_eq!(heading(page).await, "Enter your code");

            page.switch_to_window(first).await.unwrap();
            answer(page, &scene.ann.code()).await;
            scene.arrived(&house, page).await;
            assert_eq!(scene.count(), 1);
            page.switch_to_window(second).await.unwrap();
            page.refresh().await.unwrap();
            scene.arrived(&house, page).await;
            assert_eq!(scene.count(), 2);
        })
        .await;
}

#[tokio::test]
async fn whoever_else_comes_back_sends_nothing() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "held-other-user", async |page| {
            scene.go_stale(&house, page).await;
            scene.send(&house, page, PAYROLL, "/new").await;
            press(page, "Not you?").await;
            sign_in(page, "bob", PASSWORD).await;
            answer(page, &scene.bob.code()).await;

            assert_eq!(heading(page).await, "Nothing was sent");
            says(page, "Nothing was sent: the form was filled in by a different account.").await;
            look(page, "held-other-user").await;
            assert_eq!(scene.count(), 0);
        })
        .await;
}

#[tokio::test]
async fn what_nobody_sent_is_looked_at_first_and_what_another_site_sent_is_dropped() {
    let (house, scene) = scene().await;
    house
        .open(Scripts::On, "held-review", async |page| {
            scene.send(&house, page, REPORTS, "/cross").await;
            assert_eq!(heading(page).await, "Nothing was sent");

            scene.send(&house, page, PAYROLL, "/new").await;
            assert_eq!(heading(page).await, "Sign in");
            says(page, "We kept what you typed. You can send it once you're signed in.").await;
            look(page, "held-sign-in").await;
            sign_in(page, "ann", PASSWORD).await;
            says(page, "We kept what you typed. You can send it once you're signed in.").await;
            answer(page, &scene.ann.code()).await;

            assert_eq!(heading(page).await, "Send this form?");
            says(page, "amount, receipt").await;
            look(page, "held-review").await;
            assert_eq!(scene.count(), 0);
            press(page, "Send").await;
            scene.arrived(&house, page).await;
        })
        .await;
}

/// The portal is never shown in a frame, and the form in one is not lost.
#[tokio::test]
async fn a_form_in_a_frame_waits_for_a_step_up_in_the_whole_window() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "held-framed", async |page| {
            scene.go_stale(&house, page).await;
            page.goto(house.url(PAYROLL, "/frames")).await.unwrap();
            page.find(By::Id("inner")).await.unwrap().enter_frame().await.unwrap();
            page.query(By::Id("file")).first().await.unwrap().send_keys(&scene.file).await.unwrap();
            press(page, "Send it").await;

            page.query(By::XPath("//h1[text()=\"Confirm it's you\"]")).first().await.unwrap();
            says(page, "We kept what you typed: it goes on once you've confirmed.").await;
            page.find(By::LinkText("Confirm it's you")).await.unwrap().click().await.unwrap();
            page.enter_default_frame().await.unwrap();
            page.query(By::XPath("//h1[text()='Enter your code']")).first().await.unwrap();
            answer(page, &scene.ann.code()).await;
            scene.arrived(&house, page).await;
            assert_eq!(scene.count(), 1);
        })
        .await;
}

#[tokio::test]
async fn a_form_too_large_to_keep_is_sent_again_from_the_tab_that_still_has_it() {
    let (house, mut scene) = scene().await;
    let large = house.gateway.site.folder().join("large.bin");
    fs::write(&large, vec![b'x'; 3 << 19]).unwrap();
    (scene.file, scene.sha256) = (large.display().to_string(), hash(&vec![b'x'; 3 << 19]));
    house
        .open(Scripts::On, "held-too-large", async |page| {
            page.goto(house.url(PAYROLL, "/new/patient")).await.unwrap();
            page.find(By::Name("amount")).await.unwrap().send_keys("34").await.unwrap();
            page.find(By::Id("file")).await.unwrap().send_keys(&scene.file).await.unwrap();
            press(page, "Send it").await;
            assert_eq!(heading(page).await, "Nothing was sent");
            look(page, "held-too-large").await;
            let first = page.window().await.unwrap();

            page.find(By::LinkText("Confirm it's you, in a new tab")).await.unwrap().click().await.unwrap();
            let windows = page.windows().await.unwrap();
            let second = windows.into_iter().find(|window| *window != first).expect("a new tab");
            page.switch_to_window(second).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &scene.ann.code()).await;
            assert_eq!(url(page).await, house.url(PAYROLL, "/new/patient"), "where it can be filled in");
            page.switch_to_window(first).await.unwrap();
            page.back().await.unwrap();

            let typed = page.find(By::Name("amount")).await.unwrap().prop("value").await.unwrap();
            assert_eq!(typed.as_deref(), Some("1234"), "what was typed is still there");
            page.find(By::Id("file")).await.unwrap().send_keys(&scene.file).await.unwrap();
            press(page, "Send it").await;
            page.query(By::XPath("//h1[text()='Received']")).first().await.unwrap();
            says(page, &scene.sha256).await;
            assert_eq!(scene.count(), 1);
        })
        .await;
}

#[tokio::test]
async fn three_requests_of_a_script_wait_for_one_step_up_and_are_sent_once() {
    let (house, mut scene) = scene().await;
    house
        .open(Scripts::On, "client-script", async |page| {
            scene.go_stale(&house, page).await;
            page.goto(house.url(PAYROLL, "/spa")).await.unwrap();
            let application = page.window().await.unwrap();
            page.find(By::Id("go")).await.unwrap().click().await.unwrap();
            page.query(By::XPath("//dialog/button[text()=\"Confirm it's you\"]"))
                .first()
                .await
                .unwrap()
                .click()
                .await
                .unwrap();
            assert_eq!(page.find_all(By::Css("dialog")).await.unwrap().len(), 1, "one for all");
            let windows = page.windows().await.unwrap();
            let portal = windows.into_iter().find(|window| *window != application).expect("a window of the portal");
            page.switch_to_window(portal).await.unwrap();
            let code = page.query(By::Id("code")).first().await.unwrap();
            code.send_keys(scene.ann.code()).await.unwrap();
            page.find(By::Css("main button")).await.unwrap().click().await.unwrap();

            page.switch_to_window(application).await.unwrap();
            for (id, text) in [("one", "got one"), ("two", "got two"), ("three", "200 got three")] {
                page.query(By::XPath(format!("//p[@id='{id}'][text()='{text}']"))).first().await.unwrap();
            }
            assert!(page.find_all(By::Css("dialog")).await.unwrap().is_empty());
            let mut received = scene.received.lock().unwrap().clone();
            received.sort();
            assert_eq!(received, ["one", "three", "two"]);
        })
        .await;
}
