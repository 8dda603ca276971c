//! SE-05: what is open when a session ends does not outlive it.

use crate::{
    cuts::CUT_ELSEWHERE_MAX,
    world::{APP, app, cookie_of, site, store_of},
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, StatusCode, header};
use reqwest::cookie::{CookieStore as _, Jar};
use std::{fs, sync::Arc, time::Duration};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{Person, visit},
    process::Signal,
    raw::tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode};

/// How long a code is fresh where a route wants one of a moment ago.
const FRESH_FOR: Duration = Duration::from_secs(4);
/// How long it may take to see all of very many closed.
const ALL_CUT_MAX: Duration = Duration::from_secs(10);

/// After so long what obeys its route has been judged again.
const JUDGED_MAX: Duration = Duration::from_millis(1500);

/// An application whose answers never end: a WebSocket that says everything back, and events.
pub(crate) async fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream));
        }
    });
    url
}

async fn converse(mut stream: TcpStream) {
    let mut ahead = [0; 16];
    // The gateway's look whether it is there says nothing.
    let Ok(1..) = stream.peek(&mut ahead).await else { return };
    if ahead.starts_with(b"GET /chat") {
        let (sink, source) = tokio_tungstenite::accept_async(stream).await.unwrap().split();
        let _ = source.forward(sink).await;
        return;
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if !head.starts_with(b"GET /events") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
        return;
    }
    let events =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let _ = stream.write_all(events).await;
    // Until the gateway hangs up.
    while stream.read(&mut ahead).await.is_ok_and(|read| read > 0) {}
}

async fn gateway() -> (Gateway, Person) {
    let site = site();
    let policies = "\n[policy.standard]\nlevel = \"mfa\"\n\n\
        [policy.fresh]\nlevel = \"mfa\"\nfresh = { any = [\"totp\"], within = \"4s\" }\n\n\
        [policy.recent]\nlevel = \"mfa\"\nfresh = { any = [\"totp\"], within = \"10m\" }\n";
    let routes = "\n[[app.route]]\npath = \"/chat/strict\"\npolicy = \"fresh\"\nstreams = \"obey\"\n\
        \n[[app.route]]\npath = \"/chat/lax\"\npolicy = \"fresh\"\n\
        \n[[app.route]]\npath = \"/chat/recent\"\npolicy = \"recent\"\nstreams = \"obey\"\n";
    site.configure(&[&site.preamble(), policies, &app("app", &endless().await), routes].concat());
    let ann = Person::add(&site, "ann", &[]);
    (site.start().await, ann)
}

pub(crate) type Socket = tokio_tungstenite::WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>;

pub(crate) async fn open(gateway: &Gateway, path: &str, cookie: &str) -> Socket {
    let stream = tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await.unwrap();
    let mut request = format!("wss://{APP}:{}{path}", gateway.site.https).into_client_request().unwrap();
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    say_and_hear(&mut socket).await;
    socket
}

async fn say_and_hear(socket: &mut Socket) {
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

/// That a WebSocket is closed, and for which reason.
async fn closed(socket: Socket, reason: &str) {
    closed_within(CUT_ELSEWHERE_MAX, socket, reason).await;
}

pub(crate) async fn closed_within(time: Duration, mut socket: Socket, reason: &str) {
    let said = timeout(time, socket.next()).await.expect("it is cut").unwrap().unwrap();
    let Message::Close(Some(close)) = said else { panic!("{said:?}") };
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::from(4401), reason));
}

/// An answer that stays open.
async fn events(gateway: &Gateway, client: &reqwest::Client, cookie: &str) -> reqwest::Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    let mut answer = client.get(gateway.url(APP, "/events")).headers(headers).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    answer
}

async fn broken(mut answer: reqwest::Response) {
    let cut = timeout(CUT_ELSEWHERE_MAX, answer.chunk()).await.expect("it is cut");
    assert!(cut.is_err(), "no silent end: {cut:?}");
}

/// Row 29: revocation cuts what is already flowing.
#[tokio::test]
async fn se_05_signing_out_cuts_what_is_open_at_once_and_nothing_of_others() {
    let (gateway, ann) = gateway().await;
    let bob = Person::add(&gateway.site, "bob", &[]);
    let others = cookie_of(&gateway, &bob, APP).await;
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.visit(&client, &gateway.url(APP, "/arrived")).await;
    let cookie = jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned();
    let chat = open(&gateway, "/chat", &cookie).await;
    let mut other = open(&gateway, "/chat", &others).await;
    let over_http2 = events(&gateway, &gateway.client(), &cookie).await;
    let http1 = client::builder(&gateway.site.authority).http1_only().build().unwrap();
    let over_http1 = events(&gateway, &http1, &cookie).await;

    let page = visit(&client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(&client, "/logout", &[]).await;

    closed(chat, "the session is over").await;
    broken(over_http2).await;
    broken(over_http1).await;
    say_and_hear(&mut other).await;
}

/// Row 13, row 29: what an operator revokes is cut.
#[tokio::test]
async fn se_05_what_another_program_revokes_is_cut_too() {
    let (gateway, ann) = gateway().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let chat = open(&gateway, "/chat", &cookie).await;
    let events = events(&gateway, &gateway.client(), &cookie).await;

    let disabled = gateway.site.run(&["user", "disable", "ann"], "");

    assert!(disabled.status.success());
    closed(chat, "the session is over").await;
    broken(events).await;
}

#[tokio::test]
async fn se_05_a_websocket_in_use_ends_with_the_lifetime_of_its_session() {
    let (gateway, ann) = gateway().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let mut chat = open(&gateway, "/chat", &cookie).await;

    let mut store = store_of(&gateway).await;
    let mut older_by = async |hours: i64| {
        let begin = sqlx::query("UPDATE sessions SET started_at = started_at - $1").bind(hours * 3_600_000);
        begin.execute(&mut store).await.unwrap();
    };

    older_by(11).await;
    assert!(timeout(JUDGED_MAX, chat.next()).await.is_err(), "it has an hour left");
    older_by(2).await;

    closed(chat, "the session is over").await;
}

#[tokio::test]
async fn a_route_says_whether_its_streams_stay_open_when_the_proof_is_stale() {
    let (gateway, ann) = gateway().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let mut strict = open(&gateway, "/chat/strict", &cookie).await;
    let mut lax = open(&gateway, "/chat/lax", &cookie).await;

    let said = timeout(FRESH_FOR + CUT_ELSEWHERE_MAX, strict.next()).await.expect("it is cut").unwrap().unwrap();

    let Message::Close(Some(close)) = said else { panic!("{said:?}") };
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::from(4401), "a fresh proof is needed"));
    say_and_hear(&mut lax).await;
}

/// OP-04: what is open stays open. What obeys its route is asked what the new file asks.
#[tokio::test]
async fn a_reload_cuts_what_obeys_a_stricter_rule_and_nothing_else() {
    let (mut gateway, ann) = gateway().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let mut recent = open(&gateway, "/chat/recent", &cookie).await;
    let mut lax = open(&gateway, "/chat/lax", &cookie).await;
    let mut free = open(&gateway, "/chat", &cookie).await;
    let config = fs::read_to_string(gateway.site.config_path()).unwrap();

    gateway.site.configure(&config.replace("within = \"10m\"", "within = \"20m\""));
    gateway.signal(Signal::Hangup);
    gateway.until_logged("generation=2").await;
    assert!(timeout(JUDGED_MAX, recent.next()).await.is_err(), "it is let through by the new file too");
    gateway.site.configure(&config.replace("[policy.recent]", "[policy.recent]\ngroups = [\"finance\"]"));
    gateway.signal(Signal::Hangup);

    closed(recent, "a fresh proof is needed").await;
    assert!(gateway.log().contains("generation=3"), "the second file did it: {}", gateway.log());
    say_and_hear(&mut lax).await;
    say_and_hear(&mut free).await;
}

/// Row 29: so does a lock, where a route obeys freshness.
#[tokio::test]
async fn a_lock_cuts_what_obeys_a_fresh_proof_and_nothing_else() {
    let (gateway, ann) = gateway().await;
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.visit(&client, &gateway.url(APP, "/arrived")).await;
    let cookie = jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned();
    let recent = open(&gateway, "/chat/recent", &cookie).await;
    let mut before = open(&gateway, "/chat", &cookie).await;

    let page = visit(&client, &gateway.url(PORTAL, "/account")).await;
    page.submit(&client, "/account/lock", &[]).await;
    let mut after = open(&gateway, "/chat", &cookie).await;

    closed(recent, "a fresh proof is needed").await;
    say_and_hear(&mut before).await;
    say_and_hear(&mut after).await;
}

#[tokio::test]
async fn an_address_that_goes_cuts_nothing() {
    let (gateway, _) = gateway().await;
    let bea = Person::add_with_mail(&gateway.site, "bea", "bea@example.com").with_app(&gateway.site);
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = bea.visit(&client, &gateway.url(APP, "/arrived")).await;
    let cookie = jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned();
    let mut socket = open(&gateway, "/chat", &cookie).await;

    let page = visit(&client, &gateway.url(PORTAL, "/account/email")).await;
    page.submit(&client, "/account/email/remove", &[]).await;

    let shown = gateway.site.run(&["user", "show", "bea", "--json"], "").stdout;
    assert!(!String::from_utf8(shown).unwrap().contains("bea@example.com"));
    say_and_hear(&mut socket).await;
}

/// Enough to fill what hashing a password leaves behind, in memory that is free and still counted.
const FIRST: usize = 2000;
/// Enough to tell what one costs from what the rest of the gateway does.
const MANY: usize = 1000;
/// What one open WebSocket may cost, in KiB: TLS, both connections, and the register.
const KIB_EACH_MAX: usize = 40;

pub(crate) fn resident_kib(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn many_open_websockets_cost_little_and_one_end_finds_them_all() {
    let (gateway, ann) = gateway().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let mut sockets = Vec::new();
    for _ in 0..FIRST {
        sockets.push(open(&gateway, "/chat", &cookie).await);
    }
    let before = resident_kib(&gateway);
    for _ in 0..MANY {
        sockets.push(open(&gateway, "/chat", &cookie).await);
    }
    let each = resident_kib(&gateway).saturating_sub(before) / MANY;
    println!("an open WebSocket costs {each} KiB");
    assert!(each < KIB_EACH_MAX, "{each} KiB");

    gateway.site.run(&["session", "revoke", "--user", "ann"], "");

    let closing = sockets.into_iter().map(|socket| closed_within(ALL_CUT_MAX, socket, "the session is over"));
    futures_util::future::join_all(closing).await;
}
