//! One step-up pays for one request.

use crate::{
    recorder::Recorder,
    world::{APP, app, cookie_of, site},
};
use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    future::{join_all, select},
    stream,
};
use http::{StatusCode, header};
use reqwest::{Body, Client, RequestBuilder, Response};
use std::convert::Infallible;
use support::{
    gateway::{Gateway, PORTAL},
    person::{PASSWORD, Page, Person, arrive, navigation, visit},
};

const FORM: &str = "application/x-www-form-urlencoded";

const POLICIES: &str = r#"
[mfa]
requirement = "optional"

[hold]
body_max = "1MiB"

[policy.standard]
level = "login"

[policy.once]
level = "login"
fresh = { any = ["password"], once = true }

[policy.trial]
level = "login"
fresh = { any = ["password"], once = true, within = "1m" }
mode = "report"
"#;

const ROUTES: &str = r#"
[[app.route]]
path = "/pay/**"
policy = "once"
label = "payments"

[[app.route]]
path = "/new"
before = "POST /pay"

[[app.route]]
path = "/trial"
policy = "trial"
"#;

/// A gateway whose payments are confirmed one by one, and Ann, who is signed in.
async fn gateway(recorder: &Recorder) -> (Gateway, Client) {
    gateway_of(recorder, POLICIES).await
}

async fn gateway_of(recorder: &Recorder, policies: &str) -> (Gateway, Client) {
    let site = site();
    site.configure(&[&site.preamble(), policies, &app("app", &recorder.url()), ROUTES].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    let gateway = site.start().await;
    let client = gateway.client();
    let page = ann.visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(page.text, "ok", "{page:?}");
    (gateway, client)
}

fn post(client: &Client, url: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client.post(url).header(header::CONTENT_TYPE, FORM).body(body)
}

/// Confirms on the page that asks, and goes where that leads.
async fn confirm(client: &Client, page: &Page) -> Page {
    assert!(page.is_at("/challenge/password"), "{page:?}");
    page.submit(client, "/challenge/password", &[("password", PASSWORD)]).await
}

/// Confirms what a program was refused, in the window that the application's script opens.
async fn confirm_for(gateway: &Gateway, client: &Client, refused: Response) {
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let problem: serde_json::Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    let (_, to) = problem["step_up_url"].as_str().unwrap().split_once("?to=").unwrap();
    let page = visit(client, &gateway.url(APP, &format!("/.doorward/step-up?to={to}&done"))).await;
    let page = confirm(client, &page).await;
    assert!(page.is_at("/.doorward/done"), "{page:?}");
}

/// How often the application got such a request.
fn count(recorder: &Recorder, line: &str) -> usize {
    recorder.requests().iter().filter(|seen| seen.line() == line).count()
}

/// Row 25: one step-up pays for one request, once, however many try at the same time.
#[tokio::test]
async fn of_sixty_four_retries_of_one_paid_request_one_goes_on() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    let url = gateway.url(APP, "/pay?draft=1");
    let refused = post(&client, &url, "to=bo").send().await.unwrap();
    let challenge = refused.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    assert!(challenge.contains("made for this very request") && challenge.ends_with("max_age=\"0\""), "{challenge}");

    confirm_for(&gateway, &client, refused).await;
    for other in ["/pay?draft=2", "/pay", "/pay/1?draft=1"] {
        let answer = post(&client, &gateway.url(APP, other), "to=bo").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{other}");
    }
    let mallory = post(&client, &url, "to=mallory").send().await.unwrap();
    let put = client.put(&url).header(header::CONTENT_TYPE, FORM).body("to=bo").send().await.unwrap();
    let as_text = client.post(&url).header(header::CONTENT_TYPE, "text/plain").body("to=bo").send().await.unwrap();
    assert_eq!([mallory.status(), put.status(), as_text.status()], [StatusCode::UNAUTHORIZED; 3]);
    let answers = join_all((0..64).map(|_| post(&client, &url, "to=bo").send())).await;

    let statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{}", gateway.log());
    assert!(statuses.iter().all(|status| matches!(status.as_u16(), 200 | 401)), "{statuses:?}");
    assert_eq!(count(&recorder, "POST /pay?draft=1"), 1);
    assert_eq!(recorder.last().body, b"to=bo");
}

#[tokio::test]
async fn a_page_is_confirmed_anew_each_time_it_is_opened() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    let (first, second) = (gateway.url(APP, "/pay/1"), gateway.url(APP, "/pay/2"));

    let (one, other) = (visit(&client, &first).await, visit(&client, &second).await);
    assert!(one.text.contains("asks for your password each time before payments"), "{}", one.text);
    let page = confirm(&client, &one).await;
    assert_eq!((page.url.path(), page.text.as_str()), ("/pay/1", "ok"));

    assert!(visit(&client, &first).await.is_at("/challenge/password"), "Reload");
    // The other tab has a proof of its own to make. What its page was made with has rotated away, so it is opened anew.
    assert_eq!(count(&recorder, "GET /pay/2"), 0);
    let page = confirm(&client, &visit(&client, other.url.as_str()).await).await;
    assert_eq!((page.url.path(), page.text.as_str()), ("/pay/2", "ok"));
    assert_eq!((count(&recorder, "GET /pay/1"), count(&recorder, "GET /pay/2")), (1, 1));
    let head = client.head(&first).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_is_held_paid_for_and_sent_once() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    let url = gateway.url(APP, "/pay");
    let submit =
        || navigation(post(&client, &url, "to=bo&note=a%20b")).header(header::REFERER, gateway.url(APP, "/new"));

    let page = arrive(&client, submit()).await;
    assert!(page.text.contains("It will be sent as soon as you've confirmed it's you."), "{}", page.text);
    let page = confirm(&client, &page).await;
    assert!(page.is_at("/.doorward/send") && page.text.contains("Sending your form"), "{page:?}");
    let token = page.hidden("doorward-held").unwrap();
    let request = || navigation(client.post(&url)).header(header::CONTENT_TYPE, "text/plain");
    let deliver = || arrive(&client, request().body(format!("doorward-held={token}\r\n")));
    let sent = join_all((0..8).map(|_| deliver())).await;

    assert_eq!(sent.iter().filter(|page| page.text == "ok").count(), 1, "{}", gateway.log());
    assert_eq!(count(&recorder, "POST /pay"), 1);
    assert_eq!(recorder.requests().last().unwrap().body, b"to=bo&note=a%20b");
    let again = submit().send().await.unwrap();
    assert_eq!(again.status(), StatusCode::SEE_OTHER, "the same once more takes a proof of its own");
    assert!(again.headers()[header::LOCATION].to_str().unwrap().starts_with(&gateway.url(PORTAL, "/challenge?to=")));
}

#[tokio::test]
async fn what_is_no_whole_request_can_not_be_paid_for() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    let url = gateway.url(APP, "/pay");

    let too_large = post(&client, &url, vec![b'x'; 2 << 20]).send().await.unwrap();
    assert_eq!(too_large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let form = post(&client, &url, vec![b'x'; 2 << 20]).header(header::REFERER, gateway.url(APP, "/new"));
    let form = navigation(form).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(form.text().await.unwrap().contains("href=\"/new\">Back to the form</a>"), "a way on");
    let grpc = client.post(&url).header(header::CONTENT_TYPE, "application/grpc").body("x");
    let forged =
        post(&client, &url, "to=mallory").header("sec-fetch-mode", "navigate").header("sec-fetch-site", "same-site");
    let forged = forged.header(header::ACCEPT, "text/html").send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let (_, link) =
        forged.text().await.unwrap().split_once("/challenge?to=").map(|(a, b)| (a.len(), b.to_owned())).unwrap();
    let to = link.split('"').next().unwrap();
    // The way is followed, and there is nothing to confirm on it.
    let page = visit(&client, &gateway.url(PORTAL, &format!("/challenge?to={to}"))).await;
    assert!(!page.url.path().starts_with("/challenge"), "{page:?}");
    assert_eq!(grpc.send().await.unwrap().headers()["grpc-status"], "16");
    assert_eq!(count(&recorder, "POST /pay"), 0);
}

/// What is read before it may pass takes only so much memory, however many send it at once.
#[tokio::test]
async fn there_is_only_so_much_room_for_what_is_paid_for() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway_of(&recorder, &POLICIES.replace("1MiB", "40MiB")).await;
    let bob = Person::add_without_app(&gateway.site, "bob", &[]);
    let cookie = cookie_of(&gateway, &bob, APP).await;
    let url = gateway.url(APP, "/pay");
    let pay = |body: Body| post(&gateway.client(), &url, body).header(header::COOKIE, &cookie).send();
    let unfinished = || {
        let part = Bytes::from(vec![b'x'; 1 << 20]);
        let parts = stream::iter((0..39).map(move |_| Ok::<_, Infallible>(part.clone())));
        // A client of its own has a connection of its own, with a window for all of it.
        Box::pin(pay(Body::wrap_stream(parts.chain(stream::pending()))))
    };

    let (refused, other) = select(unfinished(), unfinished()).await.factor_first();

    assert_eq!(refused.unwrap().status(), StatusCode::TOO_MANY_REQUESTS, "39 and 39 are more than 64");
    drop(other);
    let small = pay("to=bo".into()).await.unwrap();
    assert_eq!(small.status(), StatusCode::UNAUTHORIZED, "there is room for it");
    assert!(recorder.requests().iter().all(|seen| !seen.line().starts_with("POST ")));
}

#[tokio::test]
async fn who_asks_early_asks_for_the_rest_and_who_only_reports_spends_nothing() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;

    assert_eq!(visit(&client, &gateway.url(APP, "/new")).await.text, "ok");
    let stranger = visit(&gateway.client(), &gateway.url(APP, "/new")).await;
    assert!(stranger.is_at("/login"), "{stranger:?}");
    assert_eq!(visit(&client, &gateway.url(APP, "/trial")).await.text, "ok");
    assert!(gateway.log().contains("the policy only reports"), "{}", gateway.log());
}
