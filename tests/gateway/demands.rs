//! The application itself asks for a step-up (RFC 9470), once, and gets its request again.

use crate::{
    recorder::{OK, Recorder, Seen},
    world::{APP, app, site},
};
use http::{StatusCode, header};
use reqwest::{
    RequestBuilder,
    cookie::{CookieStore as _, Jar},
};
use sqlx::{Connection as _, SqliteConnection};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{PASSWORD, Person, arrive, navigation, visit},
    raw::Connection,
};

const CHALLENGE: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"insufficient_user_authentication\", \
    acr_values=\"mfa\"\r\nContent-Length: 4\r\n\r\nmore";

const POLICIES: &str = r#"
[mfa]
requirement = "disabled"

[records]
file = "decisions.jsonl"

[policy.standard]
level = "login"

[policy.staff]
level = "login"
groups = ["staff"]

[policy.once]
level = "login"
fresh = { any = ["password"], once = true }
"#;

const ROUTES: &str = r#"
[[app.route]]
path = "/strict/form"
form = { op = "transfer" }
policy = "standard"

[[app.route]]
path = "/staff"
policy = "staff"

[[app.route]]
path = "/strict/paid"
policy = "once"
"#;

/// An application that wants two factors at `/strict`; or that never has enough.
async fn demanding(insatiable: Arc<AtomicBool>) -> Recorder {
    Recorder::answering(move |seen: &Seen| {
        let wants = seen.line().contains(" /strict");
        let enough = !insatiable.load(Ordering::SeqCst) && has_two_factors(seen);
        if wants && !enough { CHALLENGE.into() } else { OK.into() }
    })
    .await
}

/// Whether the level is that of two factors.
fn has_two_factors(seen: &Seen) -> bool {
    claims(seen).is_some_and(|claims| claims["acr"] == "mfa")
}

/// Whether one of the proofs is of this method.
fn has_proven(seen: &Seen, method: &str) -> bool {
    let claims = claims(seen).unwrap_or_default();
    claims["authentications"].as_array().is_some_and(|proofs| proofs.iter().any(|proof| proof["method"] == method))
}

/// What the assertion says, read without its signature: the gateway is the only one that reaches this.
fn claims(seen: &Seen) -> Option<serde_json::Value> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let field = seen.field("doorward-assertion");
    let claims = field.first()?.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// A gateway that is content with a password where its application is not.
async fn gateway(recorder: &Recorder) -> (Gateway, Person) {
    let site = site();
    let app = [&app("app", &recorder.url()), "step_up_from_app = true\n", ROUTES].concat();
    site.configure(&[&site.preamble(), POLICIES, &app].concat());
    let ann = Person::add(&site, "ann", &["staff"]);
    (site.start().await, ann)
}

/// Row 26: the application itself can ask for step-up.
#[tokio::test]
async fn a_page_and_a_form_are_asked_for_again_after_the_step_up() {
    let recorder = demanding(Arc::default()).await;
    let (gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    assert_eq!(ann.visit(&client, &gateway.url(APP, "/")).await.text, "ok");

    let form =
        navigation(client.post(gateway.url(APP, "/strict?a=1"))).body("to=bo").header(header::CONTENT_TYPE, "a/b");
    let page = arrive(&client, form).await;
    assert!(page.is_at("/challenge/totp") && page.text.contains("We kept what you typed"), "{page:?}");
    let page = ann.type_code(&client, &page).await;
    assert!(page.is_at("/.doorward/send"), "{page:?}");
    assert!(gateway.log().contains("why=\"the application asks for the level `mfa`\""), "{}", gateway.log());
    let body = format!("doorward-held={}\r\n", page.hidden("doorward-held").unwrap());
    let again = navigation(client.post(gateway.url(APP, "/strict?a=1"))).body(body);
    let page = arrive(&client, again.header(header::CONTENT_TYPE, "text/plain")).await;

    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "ok"), "{}", gateway.log());
    let forms: Vec<_> = recorder.requests().into_iter().filter(|seen| seen.line().starts_with("POST")).collect();
    assert_eq!(forms.len(), 2, "refused, then taken");
    assert!(forms.iter().all(|seen| seen.body == b"to=bo" && seen.field("content-type") == ["a/b"]));
    assert_eq!(visit(&client, &gateway.url(APP, "/strict")).await.text, "ok", "it counts for more than one");
}

/// The page that asks shows a reference, and that leads to what the application asked for: not to what let the request pass.
#[tokio::test]
async fn what_the_application_asked_for_is_recorded_under_the_requests_own_id() {
    let recorder = demanding(Arc::default()).await;
    let (mut gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;

    let page = visit(&client, &gateway.url(APP, "/strict")).await;

    let (_, rest) = page.text.split_once("Reference <code>").unwrap_or_else(|| panic!("{}", page.text));
    let id = rest.split_once('<').unwrap().0.to_owned();
    let (records, both) = (gateway.site.folder().join("decisions.jsonl"), format!("\"id\":\"{id}\""));
    gateway
        .until("for both to be recorded", async || {
            let text = fs::read_to_string(&records).ok()?;
            (text.lines().filter(|line| line.contains(&both)).count() == 2).then_some(())
        })
        .await;
    let told = String::from_utf8(gateway.site.run(&["explain", "--id", &id], "").stdout).unwrap();
    assert!(told.contains("then the application wants the level mfa; this session has reached login"), "{told}");
    let end = "Decided the same then: step-up, which the application asked for; it got the request, by the app's own \
               policy `standard`.\n";
    assert!(told.ends_with(end), "{told}");
}

/// What was decided on, a form and a proof for that request among it, is recorded beside what its application asked for.
#[tokio::test]
async fn what_is_asked_for_a_form_and_for_a_paid_request_is_decided_again() {
    let recorder = demanding(Arc::default()).await;
    let (mut gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;
    let form = || client.post(gateway.url(APP, "/strict/form")).form(&[("op", "transfer")]);

    let page = visit(&client, &gateway.url(APP, "/strict/paid")).await;
    let paid = page.submit(&client, "/challenge/password", &[("password", PASSWORD)]).await;
    let kept = arrive(&client, navigation(form())).await;
    let program = form().send().await.unwrap();

    // It is to be paid for once more when it comes again.
    assert!(paid.is_at("/challenge/password") && kept.is_at("/challenge/totp"), "{paid:?} {kept:?}");
    assert_eq!(program.status(), StatusCode::UNAUTHORIZED);
    let file = gateway.site.folder().join("decisions.jsonl");
    let demands = gateway.until("for all three to be recorded", async || {
        let text = fs::read_to_string(&file).ok()?;
        let records = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let demands: Vec<_> = records.filter(|record| record.get("demand").is_some()).collect();
        (demands.len() == 3).then_some(demands)
    });
    for record in demands.await {
        let output = gateway.site.run(&["explain", "--json", "--id", record["id"].as_str().unwrap()], "");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["same"], &told["explanation"]["policy"]), (&true.into(), &record["policy"]), "{told:#}");
        assert_eq!(told["record"]["paid"].as_bool().unwrap_or_default(), record["policy"] == "once", "{told:#}");
    }
}

/// An application may ask for a level of the operator's own, which no policy asks for.
#[tokio::test]
async fn a_level_of_the_operators_own_is_asked_for_by_its_name() {
    let recorder = Recorder::answering(|seen| {
        let wants = seen.line().contains(" /strict") && !has_proven(seen, "totp");
        if wants { CHALLENGE.replace("\"mfa\"", "\"urn:example:gold coded\"").into() } else { OK.into() }
    })
    .await;
    let site = site();
    let policies = "\n[mfa]\nrequirement = \"disabled\"\n\n[level.coded]\nall_of = [{ any = [\"totp\"] }]\n\n\
        [policy.standard]\nlevel = \"login\"\n";
    site.configure(&[&site.preamble(), policies, &app("app", &recorder.url()), "step_up_from_app = true\n"].concat());
    let ann = Person::add(&site, "ann", &[]);
    let (gateway, target) = (site.start().await, "/strict?a=1");
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;

    let page = visit(&client, &gateway.url(APP, target)).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}\n{}", gateway.log());
    let page = ann.type_code(&client, &page).await;

    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "ok"));
    assert_eq!(page.url.as_str(), gateway.url(APP, target));
    assert!(!String::from_utf8(gateway.site.run(&["check"], "").stderr).unwrap().contains("coded"), "it is not unused");
}

#[tokio::test]
async fn whoever_has_proven_what_is_asked_for_gets_the_answer_as_it_is() {
    let insatiable = Arc::new(AtomicBool::new(true));
    let recorder = demanding(Arc::clone(&insatiable)).await;
    let (gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;

    let page = visit(&client, &gateway.url(APP, "/strict")).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    let page = ann.type_code(&client, &page).await;

    assert_eq!((page.status, page.text.as_str()), (StatusCode::UNAUTHORIZED, "more"), "one round");
    assert_eq!(page.url.as_str(), gateway.url(APP, "/strict"));
}

#[tokio::test]
async fn a_program_gets_the_challenge_and_where_to_meet_it() {
    let recorder = demanding(Arc::default()).await;
    let (gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;

    let answer = client.post(gateway.url(APP, "/strict")).body("{}").send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let field = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(field("www-authenticate").contains("acr_values=\"mfa\""));
    let url = field("doorward-step-up");
    assert!(url.starts_with(&gateway.url(APP, "/.doorward/step-up?to=")), "{url}");
    assert!(visit(&client, &url).await.is_at("/challenge/totp"));
}

#[tokio::test]
async fn a_page_in_a_frame_says_where_to_confirm_and_comes_back_to_itself() {
    let recorder = demanding(Arc::default()).await;
    let (gateway, ann) = gateway(&recorder).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/")).await;
    let framed = |request: RequestBuilder| {
        let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "iframe");
        request.header("sec-fetch-site", "same-origin").header(header::ACCEPT, "text/html")
    };

    let answer = framed(client.get(gateway.url(APP, "/strict?a=1"))).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let text = answer.text().await.unwrap();
    let way = gateway.url(PORTAL, "/challenge?to=");
    let (_, to) = text.split_once(&way).unwrap_or_else(|| panic!("{text}"));
    let page = visit(&client, &(way + to.split_once('"').unwrap().0)).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    ann.type_code(&client, &page).await;
    let page = framed(client.get(gateway.url(APP, "/strict?a=1"))).send().await.unwrap();
    assert_eq!(page.text().await.unwrap(), "ok");
    let sent = framed(client.post(gateway.url(APP, "/strict"))).body("to=bo").send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
}

/// A form of Ann's, of which the last three bytes are still to come; the browser it is sent from, and the store.
async fn begun(gateway: &Gateway, ann: &Person, path: &str) -> (Connection, reqwest::Client, SqliteConnection) {
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    assert_eq!(ann.visit(&client, &gateway.url(APP, path)).await.text, "ok");
    let cookies = jar.cookies(&gateway.url(APP, path).parse().unwrap()).unwrap();

    let mut connection = gateway.connect(APP).await;
    connection
        .send(format!(
            "POST {path} HTTP/1.1\r\nHost: {APP}:{}\r\nCookie: {}\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\nSec-Fetch-Site: same-origin\r\nContent-Type: text/plain\r\n\
             Content-Length: 6\r\n\r\nto=",
            gateway.site.https,
            cookies.to_str().unwrap()
        ))
        .await;
    // It has begun once it is kept.
    let store = format!("sqlite:{}/doorward.db", gateway.site.folder().display());
    let mut store = SqliteConnection::connect(&store).await.unwrap();
    while held(&mut store).await == 0 {
        tokio::task::yield_now().await;
    }
    (connection, client, store)
}

async fn held(store: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM held_requests").fetch_one(store).await.unwrap()
}

/// Whoever was signed in when a form began may not be any more when it has come.
#[tokio::test]
async fn a_form_that_is_long_in_coming_is_let_through_by_who_is_signed_in_when_it_has_come() {
    let recorder = demanding(Arc::default()).await;
    let (gateway, ann) = gateway(&recorder).await;
    let (mut connection, client, _) = begun(&gateway, &ann, "/form").await;

    let account = visit(&client, &gateway.url(PORTAL, "/account")).await;
    account.submit(&client, "/logout", &[]).await;
    connection.send("bob".to_owned()).await;
    let answer = connection.head().await;

    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("/login?to="), "{answer}");
    assert!(!recorder.requests().iter().any(|seen| seen.line().starts_with("POST")), "nothing went on");
}

/// Nor what is kept of it, where no proof would help.
#[tokio::test]
async fn nothing_is_left_of_a_form_that_is_refused_when_it_has_come() {
    let recorder = demanding(Arc::default()).await;
    let (gateway, ann) = gateway(&recorder).await;
    let (mut connection, client, mut store) = begun(&gateway, &ann, "/staff").await;

    sqlx::query("UPDATE accounts SET groups = '[]'").execute(&mut store).await.unwrap();
    // For a moment the gateway remembers who she was.
    while visit(&client, &gateway.url(APP, "/staff")).await.status != StatusCode::FORBIDDEN {}
    connection.send("bob".to_owned()).await;
    let answer = connection.head().await;

    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!recorder.requests().iter().any(|seen| seen.line().starts_with("POST")), "nothing went on");
    assert_eq!(held(&mut store).await, 0);
}
