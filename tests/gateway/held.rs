//! Forms that meet a missing or stale session: kept, sent once, and only where they belong.

use crate::{
    http2::connect,
    recorder::Recorder,
    world::{APP, app, site},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all, stream};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use reqwest::{Client, Response};
use sqlx::{Connection as _, SqliteConnection};
use std::{convert::Infallible, path::Path};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{PASSWORD, Page, Person, arrive, navigation, visit},
    process::free_port,
};

const MULTIPART: &str = "multipart/form-data; boundary=----x7";

/// A form with a file, and bytes that are no text.
pub(crate) fn upload() -> Vec<u8> {
    let mut body = b"------x7\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n12\r\n------x7\r\n\
        Content-Disposition: form-data; name=\"receipt\"; filename=\"a.bin\"\r\n\r\n"
        .to_vec();
    body.extend((0..300_000_u32).map(|at| at.to_le_bytes()[usize::from(at % 3 == 0)]));
    body.extend(b"\r\n------x7--\r\n");
    body
}

/// A gateway whose transfers want a fresh code.
pub(crate) async fn gateway(recorder: &Recorder) -> (Gateway, Person) {
    gateway_of(&app("app", &recorder.url()), "6s").await
}

/// The same of any application, with another age up to which a code is fresh.
pub(crate) async fn gateway_of(app: &str, within: &str) -> (Gateway, Person) {
    let site = site();
    let policies = format!(
        "\n[hold]\nbody_max = \"1MiB\"\n\n[policy.standard]\nlevel = \"mfa\"\n\n\
        [policy.transfers]\nlevel = \"mfa\"\nfresh = {{ any = [\"totp\"], within = \"{within}\" }}\n"
    );
    let route = "\n[[app.route]]\npath = \"/transfers/**\"\nmethods = [\"POST\"]\npolicy = \"transfers\"\n";
    site.configure(&[&site.preamble(), &policies, app, route].concat());
    let ann = Person::add(&site, "ann", &[]);
    (site.start().await, ann)
}

/// Sends a form while nobody is signed in, signs Ann in, and gives the token that it goes on with.
pub(crate) async fn kept(client: &Client, ann: &Person, url: &str) -> String {
    let page = visit(client, &location(&submit(client, url, upload()).await)).await;
    let page = ann.type_password(client, &page).await;
    let page = ann.type_code(client, &page).await;
    assert!(page.is_at("/.doorward/send"), "{page:?}");
    page.hidden("doorward-held").unwrap().to_owned()
}

/// Sends a form as the application's own page does.
async fn submit(client: &Client, url: &str, body: Vec<u8>) -> Response {
    let referer = url.replace("/transfers?draft=1", "/new");
    let request = navigation(client.post(url)).header(header::CONTENT_TYPE, MULTIPART).header(header::REFERER, referer);
    request.body(body).send().await.unwrap()
}

/// Sends the form until the session is stale for it.
async fn submit_stale(client: &Client, url: &str) -> String {
    for _ in 0..2000 {
        let answer = submit(client, url, upload()).await;
        if answer.status() == StatusCode::SEE_OTHER {
            return location(&answer);
        }
        assert_eq!(answer.status(), StatusCode::OK);
    }
    panic!("never stale");
}

fn location(answer: &Response) -> String {
    answer.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

/// Presses the button of the page that sends a kept form.
pub(crate) async fn send(client: &Client, url: &str, token: &str) -> Page {
    let request = navigation(client.post(url)).header(header::CONTENT_TYPE, "text/plain");
    arrive(client, request.body(format!("doorward-held={token}\r\n"))).await
}

pub(crate) fn uploads(recorder: &Recorder) -> usize {
    recorder.requests().iter().filter(|seen| seen.line().starts_with("POST ")).count()
}

/// Row 24: even if the gateway is killed meanwhile.
#[tokio::test]
async fn a_form_that_was_sent_by_nobody_is_shown_before_it_goes_on_and_survives_a_kill() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));

    let answer = submit(&client, &url, upload()).await;

    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(location(&answer).starts_with(&gateway.url(PORTAL, "/login?to=")), "{}", location(&answer));
    let gateway = gateway.killed_and_started_again().await;
    let page = visit(&client, &location(&answer)).await;
    assert!(page.text.contains("We kept what you typed. You can send it once"), "{}", page.text);
    let page = ann.type_password(&client, &page).await;
    let page = ann.type_code(&client, &page).await;
    assert!(page.is_at("/.doorward/send"), "{page:?}");
    assert!(page.text.contains("Send this form?") && page.text.contains("amount, receipt"), "{}", page.text);
    assert_eq!(uploads(&recorder), 0, "nothing goes by itself");

    let token = page.hidden("doorward-held").unwrap();
    let sent = join_all((0..8).map(|_| send(&client, &url, token))).await;

    assert_eq!(sent.iter().filter(|page| page.status == StatusCode::OK).count(), 1, "{}", gateway.log());
    assert!(sent.iter().any(|page| page.text.contains("This form was sent already")));
    assert_eq!(uploads(&recorder), 1);
    let seen = recorder.last();
    assert_eq!(seen.line(), "POST /transfers?draft=1");
    assert!(seen.body == upload(), "byte for byte");
    assert_eq!(seen.field("content-type"), [MULTIPART]);
    assert_eq!(seen.field("content-length"), [upload().len().to_string()]);
    assert_eq!(seen.field("referer"), [gateway.url(APP, "/new")]);
    assert_eq!(seen.field("origin"), [gateway.url(APP, "")]);
    assert_eq!(seen.field("remote-user"), ["ann"]);
    assert!(visit(&client, page.url.as_str()).await.text.contains("This form was sent already"), "Back");
}

/// Row 24: a stale form is held, encrypted, and delivered exactly once after step-up, files included.
#[tokio::test]
async fn a_stale_form_goes_on_after_the_step_up_and_to_its_sender_alone() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let bob = Person::add(&gateway.site, "bob", &[]);
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
    let page = visit(&client, &gateway.url(APP, "/new")).await;
    let page = ann.type_password(&client, &page).await;
    page.submit(&client, "/challenge/totp", &[("code", &ann.last_code())]).await;

    let asked = submit_stale(&client, &url).await;
    let before = uploads(&recorder);
    assert!(asked.starts_with(&gateway.url(PORTAL, "/challenge?to=")), "{asked}");
    let page = visit(&client, &asked).await;
    assert!(page.text.contains("It will be sent as soon as you've confirmed it's you."), "{}", page.text);

    let page = ann.type_code(&client, &page).await;
    assert!(page.is_at("/.doorward/send") && page.text.contains("Sending your form"), "{page:?}");
    let token = page.hidden("doorward-held").unwrap().to_owned();
    let stranger = gateway.client();
    bob.visit(&stranger, &gateway.url(APP, "/new")).await;
    let page = send(&stranger, &url, &token).await;
    assert!(page.text.contains("kept any more"), "another browser, {page:?}");
    assert_eq!(uploads(&recorder), before);

    let page = send(&client, &url, &token).await;
    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "ok"));
    assert_eq!(uploads(&recorder), before + 1);
    assert!(recorder.last().body == upload());
}

/// A target may have 8 KiB. What leads back to it must fit into one, and the form must still find it.
#[tokio::test]
async fn a_form_with_a_very_long_address_is_kept_and_delivered_there() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let target = format!("/transfers?draft={}", "7".repeat(7 * 1024));
    let page = format!("/new?from={}", "5".repeat(4000));
    let (client, url) = (gateway.client(), gateway.url(APP, &target));

    let request = navigation(client.post(&url)).header(header::REFERER, gateway.url(APP, &page));
    let request = request.header(header::CONTENT_TYPE, MULTIPART).body(upload());
    let asked = location(&request.send().await.unwrap());
    let page = visit(&client, &asked).await;
    let page = ann.type_password(&client, &page).await;
    let page = ann.type_code(&client, &page).await;

    assert!(page.is_at("/.doorward/send") && page.text.contains("Send this form?"), "{page:?}");
    let sent = send(&client, &url, page.hidden("doorward-held").unwrap()).await;
    assert_eq!((sent.status, uploads(&recorder)), (StatusCode::OK, 1), "{sent:?}");
    assert_eq!(recorder.last().line(), format!("POST {target}"));
    assert!(recorder.last().body == upload());
}

#[tokio::test]
async fn policy_decides_on_the_fields_of_the_form_and_not_of_what_stands_for_it() {
    let recorder = Recorder::start().await;
    let site = site();
    let routes = format!(
        "\n[[app.route]]\npath = \"/transfers/**\"\nheaders = {{ content-type = \"{MULTIPART}\" }}\npolicy = \"standard\"\n\
        \n[[app.route]]\npath = \"/transfers/**\"\npolicy = \"deny\"\n"
    );
    let policy = "\n[policy.standard]\nlevel = \"mfa\"\n";
    site.configure(&[&site.preamble(), policy, &app("app", &recorder.url()), &routes].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));

    let answer = submit(&client, &url, upload()).await;
    let page = visit(&client, &location(&answer)).await;
    let page = ann.type_password(&client, &page).await;
    let page = ann.type_code(&client, &page).await;
    let sent = send(&client, &url, page.hidden("doorward-held").unwrap()).await;

    assert_eq!((sent.status, uploads(&recorder)), (StatusCode::OK, 1), "{sent:?}");
    let mistyped = client.post(&url).header(header::CONTENT_TYPE, "text/plain");
    assert_eq!(navigation(mistyped).body("to=bo").send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whoever_else_comes_back_is_told_that_nothing_was_sent() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let bob = Person::add(&gateway.site, "bob", &[]);
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
    ann.visit(&client, &gateway.url(APP, "/new")).await;
    let asked = submit_stale(&client, &url).await;
    let before = uploads(&recorder);

    let page = visit(&client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(&client, "/logout", &[]).await;
    let page = visit(&client, &asked).await;
    let page = page.submit(&client, "/login", &[("login_id", "bob"), ("password", PASSWORD)]).await;
    let page = bob.type_code(&client, &page).await;

    assert!(page.is_at("/.doorward/send"), "{page:?}");
    assert!(page.text.contains("Nothing was sent: the form was filled in by a different account."), "{}", page.text);
    assert_eq!(page.hidden("doorward-held"), None);
    assert_eq!(uploads(&recorder), before);
}

#[tokio::test]
async fn su_05_what_another_site_sends_is_never_held() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let url = gateway.url(APP, "/transfers?draft=1");
    for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")] {
        let request = gateway.client().post(&url).header("sec-fetch-mode", "navigate").header(name, value);
        let answer = request.header(header::ACCEPT, "text/html").body("to=mallory").send().await.unwrap();

        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("Nothing was sent"), "{text}");
    }
    assert!(!gateway.log().contains("a form is held"));
    assert!(recorder.is_untouched());
}

/// FR-12: over HTTP/1 a browser sees an answer only once all of its form is gone.
#[tokio::test]
async fn a_long_form_of_another_site_gets_its_page() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let http1 = client::builder(&gateway.site.authority).http1_only().build().unwrap();
    let request = http1.post(gateway.url(APP, "/transfers")).header("sec-fetch-mode", "navigate");
    let request = request.header("sec-fetch-site", "cross-site").header(header::ACCEPT, "text/html");

    let answer = request.body(vec![b'x'; 3 << 20]).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let text = answer.text().await.unwrap();
    assert!(text.contains("Nothing was sent") && text.contains("/login?to="), "{text}");
    assert!(recorder.is_untouched());
}

#[tokio::test]
async fn a_form_too_large_to_keep_is_answered_before_anything_is_lost() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let url = gateway.url(APP, "/transfers?draft=1");

    let answer = submit(&gateway.client(), &url, vec![b'x'; 3 << 20]).await;

    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let text = answer.text().await.unwrap();
    assert!(text.contains("too large to keep safe") && text.contains("target=\"_blank\""), "{text}");
}

/// Row 24: a form is not lost to an application that is down.
#[tokio::test]
async fn a_form_for_an_application_that_is_down_waits_on_and_arrives_once_when_it_is_back() {
    // Nobody listens there.
    arrives_once_it_is_back("", "can't connect to the app").await;
    // After some probes there is no server left to ask.
    arrives_once_it_is_back("health = { path = \"/\", interval = \"1s\" }\n", "no server of the app is healthy").await;
}

async fn arrives_once_it_is_back(health: &str, why: &str) {
    let port = free_port();
    let app = app("app", &format!("http://127.0.0.1:{port}")) + health;
    let (mut gateway, ann) = gateway_of(&app, "10m").await;
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
    let token = kept(&client, &ann, &url).await;

    while !gateway.log().contains(why) {
        let page = send(&client, &url, &token).await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY);
        assert!(page.text.contains("sent, and we still keep what you typed"), "{page:?}");
        assert_eq!(page.hidden("doorward-held"), Some(&*token), "and a way to try again");
    }
    assert!(visit(&client, &gateway.url(APP, "/new")).await.status.is_server_error());
    let recorder = Recorder::start_on(port).await;
    let sent = gateway
        .until("the application to be back", async || {
            let page = send(&client, &url, &token).await;
            page.status.is_success().then_some(page)
        })
        .await;

    assert_eq!(sent.text, "ok");
    assert_eq!(uploads(&recorder), 1);
    assert!(recorder.last().body == upload());
    assert!(send(&client, &url, &token).await.text.contains("This form was sent already"));
}

/// Row 24: whatever the encoding, the application gets what the browser sent.
#[tokio::test]
async fn odd_encodings_arrive_byte_for_byte() {
    let recorder = Recorder::start().await;
    let site = site();
    let policies = "\n[mfa]\nrequirement = \"optional\"\n\n[policy.standard]\nlevel = \"login\"\n";
    site.configure(&[&site.preamble(), policies, &app("app", &recorder.url())].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    let gateway = site.start().await;
    let url = gateway.url(APP, "/transfers?draft=1");
    let urlencoded = "application/x-www-form-urlencoded";
    for (kind, body) in [
        (urlencoded.as_bytes(), &b"name=M\xfcller&city=K%F6ln"[..]),
        (b"application/x-www-form-urlencoded; charset=iso-8859-1", b"name=%FC&_charset_=iso-8859-1"),
        (b"text/plain", b"name=M\xfcller\r\nnote=a=b\r\n"),
        (b"multipart/form-data; boundary=x; charset=utf-16", b"--x\r\n\xff\xfen\x00\r\n\x00--x--\r\n"),
        // A boundary as no browser writes it, and applications may have read it for years.
        (b"multipart/form-data; boundary=\"gr\xfc\xdfe\"", b"--gr\xfc\xdfe--\r\n"),
        (b"", b"\0\x01\x02"),
    ] {
        let client = gateway.client();
        let mut request = navigation(client.post(&url));
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_bytes(kind).unwrap());
        }
        let page = visit(&client, &location(&request.body(body).send().await.unwrap())).await;
        let page = ann.type_password(&client, &page).await;
        let before = recorder.bytes().len();
        let sent = send(&client, &url, page.hidden("doorward-held").unwrap()).await;

        assert_eq!(sent.text, "ok", "{}", kind.escape_ascii());
        let seen = recorder.bytes().split_off(before);
        assert!(seen.ends_with(body), "{}", seen.escape_ascii());
        let field = [b"content-type: ", kind, b"\r\n"].concat();
        let says = seen.windows(field.len()).any(|window| window.eq_ignore_ascii_case(&field));
        assert_eq!(says, !kind.is_empty(), "{}", seen.escape_ascii());
    }
}

/// How many forms the gateway keeps, whole or not.
async fn rows_in(folder: &Path) -> i64 {
    let url = format!("sqlite:{}/doorward.db", folder.display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM held_requests").fetch_one(&mut store).await.unwrap()
}

#[tokio::test]
async fn a_form_whose_sender_goes_away_takes_no_room() {
    let recorder = Recorder::start().await;
    let (mut gateway, _) = gateway(&recorder).await;
    let mut sender = connect(&gateway).await;
    let begun = Bytes::from(upload()).slice(..100_000);
    let frames = stream::iter([Ok::<_, Infallible>(Frame::data(begun))]).chain(stream::pending());
    let mut request = Request::new(StreamBody::new(frames).boxed_unsync());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("https://{APP}/transfers").parse().unwrap();
    for (name, value) in [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", MULTIPART),
        ("content-length", "300000"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }

    let sending = tokio::spawn(async move {
        // It is not answered before its body is over.
        let _ = sender.send_request(request).await;
    });
    let folder = gateway.site.folder().to_owned();
    gateway.until("the form to be there in part", async || (rows_in(&folder).await == 1).then_some(())).await;
    sending.abort();

    gateway.until("the form to be gone", async || (rows_in(&folder).await == 0).then_some(())).await;
    assert!(recorder.is_untouched());
}

#[tokio::test]
async fn a_form_can_be_thrown_away() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
    let asked = location(&submit(&client, &url, upload()).await);
    let page = visit(&client, &asked).await;
    let page = ann.type_password(&client, &page).await;
    let page = ann.type_code(&client, &page).await;
    let token = page.hidden("doorward-held").unwrap().to_owned();

    let done = page.submit(&client, "/.doorward/send", &[]).await;

    assert!(done.text.contains("The form was thrown away"), "{done:?}");
    let late = send(&client, &url, &token).await;
    assert!(late.status == StatusCode::CONFLICT && late.text.contains("kept any more"), "{late:?}");
    assert_eq!(uploads(&recorder), 0);
}
