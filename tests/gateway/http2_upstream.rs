//! Applications that are spoken to in HTTP/2: what goes there, what comes back, and what a page sees of it.

use crate::world::{APP, ROUTES, app, cookie_of, site};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::{
    gateway::Gateway,
    person::{Person, visit},
};
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An application over HTTP/2 without TLS, that writes down what reaches it and says it back.
#[derive(Clone, Default)]
struct App {
    port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Debug, Clone)]
struct Seen {
    line: String,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl App {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        let serving = app.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let app = serving.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let app = app.clone();
                    async move { Ok::<_, Infallible>(app.answer(request).await) }
                });
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                let count = Arc::clone(&serving.connections);
                tokio::spawn(async move {
                    // The gateway's look whether it is there opens connections too, and says nothing.
                    if connection.await.is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        app
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(whole) = body.collect().await else { return Response::new(Full::default().boxed_unsync()) };
        let trailers = whole.trailers().cloned().unwrap_or_default();
        let seen = Seen {
            line: format!("{} {}", parts.method, parts.uri),
            headers: parts.headers,
            body: whole.to_bytes(),
            trailers,
        };
        let text = format!("{} {}", seen.line, seen.body.len());
        self.seen.lock().unwrap().push(seen);
        let ours = [("x-own", "kept"), ("doorward-x", "forged"), ("set-cookie", "a=1"), ("content-length", "3")];
        let trailers = ours
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>();
        let frames = [Ok(Frame::data(Bytes::from(text))), Ok(Frame::trailers(trailers))];
        let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync());
        response.headers_mut().insert(header::SET_COOKIE, "theirs=1".parse().unwrap());
        response.headers_mut().append(header::SET_COOKIE, "__Host-doorward-app=forged".parse().unwrap());
        response
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().expect("a request reached the application")
    }
}

async fn gateway(app_: &App) -> (Gateway, Person) {
    let site = site();
    let app = app("app", &format!("http://127.0.0.1:{}", app_.port)) + "upstream_http = \"2\"\n";
    site.configure(&[&site.preamble(), "\n[policy.standard]\nlevel = \"mfa\"\n", &app, ROUTES].concat());
    let ann = Person::add(&site, "ann", &[]);
    (site.start().await, ann)
}

#[tokio::test]
async fn a_person_uses_an_application_over_http2() {
    let app = App::start().await;
    let (gateway, ann) = gateway(&app).await;
    let client = gateway.client();

    let page = ann.visit(&client, &gateway.url(APP, "/a?b=c")).await;
    assert_eq!((page.status, page.text.contains("/a?b=c 0")), (StatusCode::OK, true), "{}", page.text);
    let seen = app.last();
    assert_eq!(seen.line, format!("GET http://{APP}:{}/a?b=c", gateway.site.https));
    assert_eq!(seen.headers["remote-user"], "ann");
    for name in ["host", "connection", "transfer-encoding", "te", "upgrade", "keep-alive"] {
        assert!(!seen.headers.contains_key(name), "{name}: {seen:?}");
    }
    assert!(!format!("{seen:?}").contains("__Host-doorward"), "ID-11: {seen:?}");
    let cookies: Vec<_> = page.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["theirs=1"], "ID-12");

    let upload = vec![7; 3 << 20];
    let answer = client.post(gateway.url(APP, "/up")).body(upload.clone()).send().await.unwrap();
    assert!(answer.text().await.unwrap().ends_with("/up 3145728"));
    assert_eq!(app.last().body, upload);
}

#[tokio::test]
async fn a_browser_over_http1_uses_it_too_and_gets_no_trailers() {
    let app = App::start().await;
    let (gateway, ann) = gateway(&app).await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let mut connection = gateway.connect(APP).await;
    let fields = format!("Host: {APP}:{}\r\nCookie: {cookie}\r\nTE: trailers\r\n", gateway.site.https);
    let body = "5\r\nhello\r\n0\r\nRemote-User: root\r\nX-Mine: 1\r\n\r\n";
    let head = format!("POST /x HTTP/1.1\r\n{fields}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    connection.send(head + body).await;

    let said = String::from_utf8_lossy(&connection.rest().await).into_owned();

    assert!(said.starts_with("HTTP/1.1 200") && said.contains("/x 5"), "{said}");
    assert!(!said.contains("forged") && !said.contains("x-own"), "{said}");
    let seen = app.last();
    assert_eq!(seen.body, "hello");
    assert!(!seen.trailers.contains_key("remote-user"), "{seen:?}");
}

/// FR-11: trailers pass where HTTP/2 goes all the way, without the names that only the gateway may use.
#[tokio::test]
async fn trailers_pass_from_end_to_end_without_what_is_the_gateways() {
    let app = App::start().await;
    let (gateway, _) = gateway(&app).await;
    let mut sender = crate::http2::connect(&gateway).await;
    let post = |trailers: &[(&str, &str)]| {
        let trailers =
            trailers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>();
        let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(trailers))];
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        Request::post(format!("https://{APP}/public/x")).body(body).unwrap()
    };

    let fields =
        [("x-sum", "5"), ("remote-user", "root"), ("remote_user", "root"), ("cookie", "a=1"), ("host", "evil")];
    let response = sender.send_request(post(&fields)).await.unwrap();
    let whole = response.into_body().collect().await.unwrap();

    let names = |headers: &HeaderMap| headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&app.last().trailers), ["x-sum"]);
    assert_eq!(names(whole.trailers().unwrap()), ["x-own"]);

    // Bounded: what is longer never looks whole.
    let before = app.seen.lock().unwrap().len();
    let long = "x".repeat(17 * 1024);
    sender.ready().await.unwrap();
    let answered = sender.send_request(post(&[("x-long", &long)])).await;
    assert!(answered.as_ref().is_ok_and(|response| response.status() == 413) || answered.is_err(), "{answered:?}");
    assert!(app.seen.lock().unwrap()[before..].iter().all(|seen| seen.trailers.is_empty()));
}

#[tokio::test]
async fn a_web_socket_does_not_get_there() {
    let app = App::start().await;
    let (gateway, ann) = gateway(&app).await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let fields = format!(
        "Cookie: {cookie}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    let mut connection = gateway.connect(APP).await;
    connection.send(format!("GET /ws HTTP/1.1\r\nHost: {APP}:{}\r\n{fields}\r\n", gateway.site.https)).await;

    let head = connection.head().await;

    assert!(head.starts_with("HTTP/1.1 200"), "an ordinary request: {head}");
    assert!(!app.last().headers.contains_key("upgrade"));
}

#[tokio::test]
async fn a_server_that_does_not_offer_http2_is_said_to_be_down() {
    let recorder = crate::recorder::Recorder::start().await;
    let site = site();
    let app = app("app", &recorder.url()) + "upstream_http = \"2\"\n";
    site.configure(&[&site.preamble(), "\n[policy.standard]\nlevel = \"mfa\"\n", &app, ROUTES].concat());
    let gateway = site.start().await;

    let page = visit(&gateway.client(), &gateway.url(APP, "/public/")).await;

    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(gateway.log().contains("could not be asked"), "{}", gateway.log());
}
