//! WebSockets: none is lost, and nothing else hides in one.

use crate::{
    recorder::Recorder,
    world::{APP, config, gateway, site},
};
use futures_util::{SinkExt as _, StreamExt as _};
use support::{gateway::Gateway, raw::tls};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

const HANDSHAKE: &str = "GET /public/chat HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// More than any pool keeps, and enough to meet a race that loses one in two hundred.
const UPGRADES: usize = 600;

/// An application that says everything back.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The gateway's look whether it is there says nothing.
                let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
                let (sink, stream) = socket.split();
                let _ = stream.forward(sink).await;
            });
        }
    });
    url
}

async fn open(gateway: &Gateway) -> WebSocketStream<TlsStream<TcpStream>> {
    let stream = tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await.unwrap();
    let url = format!("wss://{APP}:{}/public/chat", gateway.site.https);
    tokio_tungstenite::client_async(url, stream).await.unwrap().0
}

async fn say_and_hear(gateway: &Gateway, text: &str) {
    let mut socket = open(gateway).await;
    hear(&mut socket, text).await;
    socket.close(None).await.unwrap();
}

async fn hear(socket: &mut WebSocketStream<TlsStream<TcpStream>>, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
}

#[tokio::test]
async fn of_six_hundred_websockets_in_a_row_none_is_lost() {
    let gateway = gateway(&echo().await).await;
    for number in 0..UPGRADES {
        say_and_hear(&gateway, &format!("hello {number}")).await;
    }
}

/// FR-23: both its connections take a file for as long as it is open.
#[tokio::test]
async fn a_websocket_takes_the_room_of_a_connection_until_it_ends() {
    let site = site();
    site.configure(&config(&site, &echo().await).replacen("[server]\n", "[server]\nconnections = 2\n", 1));
    let gateway = site.start().await;
    let mut sockets = [open(&gateway).await, open(&gateway).await];
    for socket in &mut sockets {
        hear(socket, "hello").await;
    }
    let connect = async || tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await;

    assert!(connect().await.is_err());

    drop(sockets);
    // It takes the gateway a moment to notice.
    while connect().await.is_err() {}
}

/// FR-13: until the application has agreed, not a byte behind the handshake reaches it.
#[tokio::test]
async fn fr_13_bytes_behind_a_refused_upgrade_never_reach_the_application() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    for smuggled in
        ["GET /smuggled HTTP/1.1\r\nHost: x\r\nHost: app.localhost\r\n\r\n", "\u{81}\u{5}hello\r\n", "\r\n\r\n"]
    {
        let mut connection = gateway.connect(APP).await;
        connection.send([HANDSHAKE, smuggled].concat()).await;
        let said = String::from_utf8_lossy(&connection.rest().await).into_owned();
        let statuses: Vec<_> = said.split("HTTP/1.1 ").skip(1).map(|head| head[..3].to_owned()).collect();
        assert_eq!(statuses, ["200", "400"], "{smuggled:?} is a request, and judged as one: {said}");
        assert!(connection.is_closed().await);
    }
    let received = app.bytes().len();
    let heads: usize = app.requests().iter().map(|seen| seen.head.len()).sum();
    assert_eq!((app.requests().len(), received), (3, heads), "{}", app.bytes().escape_ascii());
}

/// FR-14: no other change of protocol passes, and none where nobody asked.
#[tokio::test]
async fn fr_14_only_a_websocket_is_an_upgrade() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (line, fields) in [
        (
            "GET /public/",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        ),
        ("GET /public/", &*format!("Connection: upgrade\r\nUpgrade: websocket, h2c\r\n{key}")),
        ("GET /public/", &*format!("Upgrade: websocket\r\n{key}")),
        ("POST /public/", &*format!("Connection: upgrade\r\nUpgrade: websocket\r\n{key}")),
        ("GET /public/", "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n"),
    ] {
        let mut connection = gateway.connect(APP).await;
        connection.send(format!("{line} HTTP/1.1\r\nHost: {APP}\r\n{fields}\r\n")).await;
        let head = connection.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{fields}: {head}");
        for name in ["upgrade", "connection", "http2-settings"] {
            assert!(app.last().field(name).is_empty(), "{name}: {}", app.last().head);
        }
    }
}

/// An application that switches where it was not asked to, or to something else, is not believed.
#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_a_failure() {
    let app = Recorder::answering(|_| {
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\n\r\nraw bytes".into()
    });
    let gateway = gateway(&app.await.url()).await;
    for request in [HANDSHAKE, "GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"] {
        let mut connection = gateway.connect(APP).await;
        connection.send(request).await;
        let said = connection.head().await;
        assert!(said.starts_with("HTTP/1.1 502"), "{said}");
    }
}

/// CS-06: a page of another site opens no WebSocket in somebody's name.
#[tokio::test]
async fn cs_06_a_websocket_from_another_origin_is_refused() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let private = HANDSHAKE.replace("/public/chat", "/private");
    for (origin, status) in [("https://evil.example", "403"), ("null", "403"), ("https://app.localhost", "401")] {
        let mut connection = gateway.connect(APP).await;
        connection.send(private.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n"))).await;
        let head = connection.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {head}");
    }
    assert!(app.is_untouched());
}
