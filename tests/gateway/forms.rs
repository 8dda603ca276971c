//! Routes for certain forms: what is looked into is decided on, and goes on as it came.

use crate::{
    recorder::Recorder,
    world::{APP, app, ask, site},
};
use http::{StatusCode, header};
use reqwest::Client;
use support::{
    gateway::Gateway,
    person::{Person, arrive, navigation, visit},
};

const FORM: &str = "application/x-www-form-urlencoded";

const POLICIES: &str = r#"
[mfa]
requirement = "optional"

[policy.standard]
level = "login"
"#;

const ROUTES: &str = r#"
[[app.route]]
path = "/index.php"
form = { op = "transfer" }
policy = "deny"

[[app.route]]
path = "/index.php"
form = { op = "ping" }
policy = "public"
overlap = "intended"
"#;

async fn gateway(recorder: &Recorder) -> (Gateway, Client) {
    let site = site();
    site.configure(&[&site.preamble(), POLICIES, &app("app", &recorder.url()), ROUTES].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    let gateway = site.start().await;
    let client = gateway.client();
    assert_eq!(ann.visit(&client, &gateway.url(APP, "/")).await.text, "ok", "{}", gateway.log());
    (gateway, client)
}

async fn post(client: &Client, url: &str, kind: &str, body: impl Into<reqwest::Body>) -> u16 {
    client.post(url).header(header::CONTENT_TYPE, kind).body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_fields_of_a_form_decide_and_what_is_unclear_is_refused() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    let url = gateway.url(APP, "/index.php");

    for (body, expected) in [
        ("op=view&x=%C3%A9+%2B&y", 200),
        ("op=transfer&to=bo", 403),
        ("to=bo&%6Fp=transfer", 403),
        ("op=view&op=transfer", 400),
        ("Op=transfer", 400),
        ("op[]=transfer", 400),
        ("x=1;op=transfer", 400),
        ("op=TRANSFER", 400),
    ] {
        assert_eq!(post(&client, &url, FORM, body).await, expected, "{body}");
    }
    assert_eq!(post(&client, &format!("{url}?op=transfer"), FORM, "op=view").await, 400, "servers throw both together");
    assert_eq!(post(&client, &format!("{url}?op=transfer"), FORM, "").await, 400);
    assert_eq!(post(&client, &url, "multipart/form-data; boundary=x", "--x--").await, 400);
    assert_eq!(post(&client, &url, "application/json", "{\"op\":\"transfer\"}").await, 400);
    assert_eq!(post(&client, &url, &format!("{FORM}; charset=utf-7"), "op=view").await, 400);
    assert_eq!(post(&client, &url, FORM, format!("op=view&x={}", "x".repeat(65_536))).await, 413);
    assert_eq!(post(&client, &gateway.url(APP, "/other.php"), "application/json", "op=transfer").await, 200);
    assert_eq!(visit(&client, &url).await.text, "ok", "no body, no form");

    let bodies: Vec<_> = recorder.requests().into_iter().filter(|seen| seen.line() == "POST /index.php").collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0].body, b"op=view&x=%C3%A9+%2B&y", "byte for byte");
}

#[tokio::test]
async fn a_form_in_pieces_is_read_and_goes_on_whole() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let fields = format!("Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n");
    let mut connection = gateway.connect(APP).await;
    let head = format!("POST /index.php HTTP/1.1\r\nHost: {APP}\r\n{fields}\r\n");
    connection.send(format!("{head}5\r\nop=pi\r\n8\r\nng&x=%zz\r\n0\r\n\r\n")).await;
    let answer = String::from_utf8_lossy(&connection.rest().await).into_owned();

    // A stranger's, as the route is public. A broken escape elsewhere is no business of this route.
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = recorder.last();
    assert_eq!((seen.line(), seen.body.as_slice()), ("POST /index.php", &b"op=ping&x=%zz"[..]));
    assert_eq!(seen.field("content-length"), ["13"]);
    assert!(
        ask(&gateway, APP, "GET /index.php", "").await.starts_with("HTTP/1.1 401"),
        "the rest is for those we know"
    );
}

/// ID-01, ID-06: no second spelling and no nomination has the application read another form than the one that was decided on.
#[tokio::test]
async fn what_says_how_a_form_is_read_has_one_spelling_and_stays() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let post = async |more: &str| {
        let fields = format!("Host: {APP}\r\nContent-Type: {FORM}\r\nContent-Length: 7\r\n{more}\r\n");
        let mut connection = gateway.connect(APP).await;
        connection.send(format!("POST /index.php HTTP/1.1\r\n{fields}op=ping")).await;
        connection.head().await
    };

    for other in ["Content_Type: multipart/form-data; boundary=x", "content.encoding: gzip", "CONTENT_DISPOSITION: x"] {
        assert!(post(&format!("{other}\r\n")).await.starts_with("HTTP/1.1 200"), "{other}");
        let seen = recorder.last();
        assert!(!seen.head.contains(other), "{}", seen.head);
        assert_eq!(seen.field("content-type"), [FORM]);
    }
    let passed = recorder.requests().len();
    for named in ["content-type", "close, Content-Encoding", "cookie", "authorization", "host", "content-length"] {
        assert!(post(&format!("Connection: {named}\r\n")).await.starts_with("HTTP/1.1 400"), "{named}");
    }
    assert!(post("Connection: keep-alive, x-own\r\nX-Own: 1\r\n").await.starts_with("HTTP/1.1 200"));
    assert_eq!(recorder.requests().len(), passed + 1);
}

#[tokio::test]
async fn a_form_that_was_held_is_decided_on_by_its_fields() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let bob = Person::add_without_app(&gateway.site, "bob", &[]);
    let url = gateway.url(APP, "/index.php");
    let client = gateway.client();
    let submit = async |body: &'static str| {
        let request = navigation(client.post(&url)).header(header::CONTENT_TYPE, FORM).body(body);
        arrive(&client, request).await
    };

    let refused = submit("op=transfer").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "nothing to hold: nobody may");
    let page = submit("op=view&x=1").await;
    let page = bob.type_password(&client, &page).await;
    assert!(page.text.contains("Send this form?"), "{page:?}");
    let token = page.hidden("doorward-held").unwrap();
    let request = navigation(client.post(&url)).header(header::CONTENT_TYPE, "text/plain");
    let sent = arrive(&client, request.body(format!("doorward-held={token}\r\n"))).await;

    assert_eq!((sent.status, sent.text.as_str()), (StatusCode::OK, "ok"), "{}", gateway.log());
    assert_eq!(recorder.last().body, b"op=view&x=1");
}
