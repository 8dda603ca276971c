//! HTTP/2: its own ways to say two things at once, and to ask for too much.

use crate::{
    recorder::Recorder,
    world::{APP, OTHER, gateway},
};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Frame, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use support::{gateway::Gateway, raw::tls};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) async fn connect(gateway: &Gateway) -> SendRequest<Body> {
    let stream = tls(&gateway.site.authority, APP, gateway.site.https, "h2").await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, uri: &str, fields: &[(&str, &str)], body: &'static str) -> Request<Body> {
    let mut request = Request::builder().version(Version::HTTP_2).method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body).boxed_unsync()).unwrap()
}

/// What a request is answered; `None` where its stream was reset instead.
async fn asked(sender: &mut SendRequest<Body>, request: Request<Body>) -> Option<StatusCode> {
    sender.ready().await.unwrap();
    sender.send_request(request).await.ok().map(|response| response.status())
}

#[tokio::test]
async fn requests_that_contradict_themselves_are_refused() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let mut sender = connect(&gateway).await;
    let many = [("x", "y"); 101];
    let far = format!("https://{APP}/public/{}", "y".repeat(8 * 1024));
    let here = format!("https://{APP}/public/");
    for (rule, refused, request) in [
        ("HO-03", 400, request("GET", &here, &[("host", OTHER)], "")),
        ("HO-03", 400, request("GET", &here, &[("host", APP), ("host", APP)], "")),
        ("HO-04", 421, request("GET", "https://elsewhere.example/public/", &[], "")),
        ("FR-15", 405, request("CONNECT", &format!("{APP}:443"), &[], "")),
        ("FR-16", 405, request("TRACE", &here, &[], "")),
        ("FR-16", 405, request("TRACK", &here, &[], "")),
        ("FR-23", 431, request("GET", &here, &many, "")),
        ("FR-23", 414, request("GET", &far, &[], "")),
        ("PA-03", 400, request("GET", &format!("https://{APP}/public/a%2fb"), &[], "")),
        ("PA-04", 400, request("GET", &format!("https://{APP}/public/%2e%2e/private"), &[], "")),
        ("PA-13", 404, request("GET", &format!("https://{APP}/.doorward/x"), &[], "")),
    ] {
        let uri = request.uri().clone();
        let answered = asked(&mut sender, request).await;
        assert_eq!(answered.map(|status| status.as_u16()), Some(refused), "{rule}: {uri}");
    }
    assert!(app.is_untouched(), "{}", app.bytes().escape_ascii());
    assert_eq!(asked(&mut sender, request("GET", &here, &[], "")).await, Some(StatusCode::OK));
}

/// FR-21: a body that is not as long as announced is no request.
#[tokio::test]
async fn fr_21_a_body_that_contradicts_its_length_never_looks_whole() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let here = format!("https://{APP}/public/");
    for (length, body) in [("3", "hello"), ("9", "hello"), ("0", "hello")] {
        let mut sender = connect(&gateway).await;
        let answered = asked(&mut sender, request("POST", &here, &[("content-length", length)], body)).await;
        assert!(answered.is_none_or(|status| status.is_client_error()), "{length}: {answered:?}");
    }
    assert!(
        app.requests().iter().all(|seen| seen.field("content-length") == ["0"] && seen.body.is_empty()),
        "{:?}",
        app.requests()
    );
    let mut sender = connect(&gateway).await;
    assert_eq!(
        asked(&mut sender, request("POST", &here, &[("content-length", "5")], "hello")).await,
        Some(StatusCode::OK)
    );
    assert_eq!(app.last().body, b"hello");
}

/// FR-22: the parts of a cookie field are one line again before anybody reads them.
#[tokio::test]
async fn fr_22_cookie_crumbs_are_joined() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let mut sender = connect(&gateway).await;
    let crumbs = [("cookie", "a=1"), ("cookie", "__Host-doorward-app=x"), ("cookie", "b=2; c=3")];

    asked(&mut sender, request("GET", &format!("https://{APP}/public/"), &crumbs, "")).await;

    assert_eq!(app.last().field("cookie"), ["a=1; b=2; c=3"]);
    assert_eq!(app.last().field("host"), [APP], "FR-18");
}

/// FR-11, FR-18: a body without a length goes on in chunks, its trailers nowhere.
#[tokio::test]
async fn trailers_of_http2_are_dropped() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let mut sender = connect(&gateway).await;
    let trailers = [("remote-user".parse().unwrap(), "forged".parse().unwrap())].into_iter().collect();
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(trailers))];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("https://{APP}/public/").parse::<Uri>().unwrap();

    assert_eq!(asked(&mut sender, request).await, Some(StatusCode::OK));

    assert_eq!(app.last().body, b"5\r\nhello\r\n0\r\n\r\n");
    assert!(!String::from_utf8_lossy(&app.bytes()).contains("forged"));
}
