//! Requests through the forwarding half of the data plane, over real sockets: strict in what it lets pass, blind to
//! what it carries.

#![expect(clippy::unwrap_used, reason = "a test whose world does not come about has failed")]

use bytes::Bytes;
use doorward::{
    adapters::upstream::{Client, Settings, Upstreams},
    domain::{
        policy::{Access, Admission, Decision, Policy, Visitor, WhyAnonymous},
        target::{Allowed, Authority, CanonicalPath},
        time::Timestamp,
    },
    edge::{
        http::forwarded::Forwarding,
        proxy::{
            body::{RequestBody, STALLED_MAX},
            failure, incoming,
            outgoing::{self, IdentityNames, Onward, Protocol},
            tether::Cut,
            websocket,
        },
    },
    ports::upstream::{BoxError, Upstream as _},
};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

const MIB: usize = 1024 * 1024;
/// Bodies above this are refused.
const BODY_MAX: u64 = 100 * MIB as u64;
const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn admission() -> Admission {
    let public = Policy::new("public", Access::Public);
    let Decision::Admit(admission) =
        public.decide(&Visitor::Anonymous(WhyAnonymous::NoCookie), Timestamp::from_millis(0))
    else {
        panic!("a public policy admits everybody")
    };
    admission
}

/// A gateway in front of one server; sending on `cut` closes every WebSocket.
async fn gateway(app: SocketAddr, cut: watch::Receiver<()>) -> SocketAddr {
    let settings = Settings::new(vec![format!("http://{app}").parse().unwrap()]);
    let client = Client::new(&Upstreams::resolve([("app".to_owned(), settings)]).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (client, cut) = (client.clone(), cut.clone());
            let service = service_fn(move |request| forward(client.clone(), cut.clone(), request));
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving.with_upgrades());
        }
    });
    address
}

async fn forward(
    client: Client<RequestBody>,
    mut cut: watch::Receiver<()>,
    mut request: Request<Incoming>,
) -> Result<Response<AnyBody>, Infallible> {
    let browser = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let Ok(body) = RequestBody::stream(body, BODY_MAX) else { return Ok(empty(StatusCode::PAYLOAD_TOO_LARGE)) };
    let is_websocket = websocket::is_handshake(&parts, &body);
    let (path, authority) = (parts.uri.path().to_owned(), Authority::parse("app.example.com").unwrap());
    let onward = Onward {
        path: &CanonicalPath::parse(&path, Allowed::default()).unwrap(),
        host: &HeaderValue::from_static("app.example.com"),
        names: &IdentityNames::remote(),
        identity: None,
        assertion: None,
        forwarding: &Forwarding::new([192, 0, 2, 1].into(), &authority).unwrap(),
        request_id: &HeaderValue::from_static("1"),
        protocol: if is_websocket { Protocol::WebSocket } else { Protocol::Http },
    };
    let request = outgoing::request(parts, body, &onward).unwrap();
    let hsts = HeaderValue::from_static("max-age=31536000");
    let answered = client.send(&admission(), "app", request).await.and_then(|response| {
        if is_websocket && response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let cut = async move {
                if cut.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                Cut::Over
            };
            {
                let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
                websocket::answer(response, browser, &hsts, [1, 2, 3, 4], cut, Arc::new(place))
            }
        } else {
            Ok(incoming::response(response, &hsts))
        }
    });
    Ok(match answered {
        Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
        Err(error) => empty(failure::status_of(&error)),
    })
}

fn empty(status: StatusCode) -> Response<AnyBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A gateway that cuts nothing.
async fn plain_gateway(app: SocketAddr) -> SocketAddr {
    gateway(app, watch::channel(()).1).await
}

/// An application that sends every body back as it comes.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = service_fn(async |request: Request<Incoming>| {
        assert!(!request.headers().contains_key("expect"));
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// One connection of a browser.
async fn browser(gateway: SocketAddr) -> SendRequest<AnyBody> {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn post(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Request<AnyBody> {
    let body = StreamBody::new(stream::iter(chunks.map(|chunk| Ok(Frame::data(chunk)))));
    Request::post("/").header("host", "app").body(body.boxed_unsync()).unwrap()
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// What a browser gets that sends `request` and reads until the connection ends.
async fn raw(gateway: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_large_body_goes_both_ways_whole() {
    let gateway = plain_gateway(echo().await).await;
    let chunks = (0..1024_u32).map(|number| Bytes::from(number.to_le_bytes().repeat(16 * 1024)));

    let mut body = browser(gateway).await.send_request(post(chunks)).await.unwrap().into_body();

    let mut at = 0;
    while let Some(frame) = body.frame().await {
        for byte in frame.unwrap().into_data().unwrap() {
            let number = u32::try_from(at / (64 * 1024)).unwrap();
            assert_eq!(byte, number.to_le_bytes()[at % 4], "byte {at}");
            at += 1;
        }
    }
    assert_eq!(at, 64 * MIB);
}

/// How much can be written before nobody takes more.
async fn written_until_blocked(mut stream: impl tokio::io::AsyncWrite + Unpin) -> usize {
    let chunk = vec![0; 64 * 1024];
    let mut written = 0;
    while written < 128 * MIB && timeout(Duration::from_millis(300), stream.write_all(&chunk)).await.is_ok() {
        written += chunk.len();
    }
    written
}

#[tokio::test]
async fn an_application_waits_for_a_slow_browser() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    let mut browser = TcpStream::connect(gateway).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n").await.unwrap();

    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await;
    app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await.unwrap();

    // What the kernel buffers on loopback, and nothing like all of it.
    assert!(written_until_blocked(app).await < 32 * MIB);
}

#[tokio::test]
async fn a_browser_waits_for_a_slow_application() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    let mut browser = TcpStream::connect(gateway).await.unwrap();
    browser.write_all(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100000000\r\n\r\n").await.unwrap();

    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await;

    assert!(written_until_blocked(browser).await < 32 * MIB);
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on() {
    let mut browser = TcpStream::connect(plain_gateway(echo().await).await).await.unwrap();
    browser
        .write_all(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();

    assert_eq!(read_head(&mut browser).await, "HTTP/1.1 100 Continue\r\n\r\n");
    browser.write_all(b"four").await.unwrap();
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let mut body = [0; 4];
    browser.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"four");
}

#[tokio::test]
async fn a_body_reaches_the_application_whatever_the_method_and_trailers_do_not() {
    let answer = raw(
        plain_gateway(echo().await).await,
        "GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nTrailer: x-late\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\nfour\r\n0\r\nx-late: 1\r\n\r\n",
    )
    .await;

    assert!(answer.ends_with("\r\n\r\n4\r\nfour\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_response_that_breaks_off_does_so_for_the_browser_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    for (framing, cut) in
        [("Content-Length: 9\r\n\r\n", "half"), ("Transfer-Encoding: chunked\r\n\r\n4\r\n", "half\r\n")]
    {
        let app = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}{cut}").as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(raw(gateway, "GET / HTTP/1.1\r\nHost: app\r\n\r\n"), app);

        assert!(answer.contains("half") && !answer.contains("\r\n0\r\n"), "{answer}");
        assert!(!answer.contains("content-length: 4"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_by_its_length_or_when_it_is() {
    let gateway = plain_gateway(echo().await).await;
    let announced = format!("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: {}\r\n\r\n", BODY_MAX + 1);
    assert!(raw(gateway, &announced).await.starts_with("HTTP/1.1 413 "));

    // An application that answers only when it has it all.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    });
    let chunks = std::iter::repeat_n(Bytes::from(vec![0; MIB]), 101);
    let response = browser(gateway).await.send_request(post(chunks)).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// FR-23. Time stands still until nobody has anything left to do but wait.
#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    let app = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    });

    let began = tokio::time::Instant::now();
    let answer = raw(gateway, "POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nabc").await;

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() >= STALLED_MAX);
    assert!(app.await.unwrap().unwrap() > 0, "the application saw the connection end");
}

#[tokio::test]
async fn nobody_at_home_is_a_bad_gateway() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = raw(plain_gateway(nobody).await, "GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

/// An application that returns every message of a WebSocket.
async fn websocket_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                // The fastest application speaks first.
                socket.send(Message::text("welcome")).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn of_600_websockets_none_is_lost() {
    let gateway = plain_gateway(websocket_echo().await).await;
    for number in 0..600 {
        let stream = TcpStream::connect(gateway).await.unwrap();
        let (mut socket, response) =
            tokio_tungstenite::client_async("ws://app/chat", stream).await.unwrap_or_else(|e| panic!("{number}: {e}"));
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("welcome"), "{number}");
        socket.send(Message::text(format!("{number}"))).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(format!("{number}")));
        socket.close(None).await.unwrap();
        while socket.next().await.is_some() {}
    }
}

#[tokio::test]
async fn a_cut_closes_what_is_open() {
    let (cut, watching) = watch::channel(());
    let stream = TcpStream::connect(gateway(websocket_echo().await, watching).await).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://app/chat", stream).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("welcome"));

    cut.send(()).unwrap();

    let next = timeout(Duration::from_secs(5), socket.next()).await.expect("the socket is closed");
    let Some(Ok(Message::Close(Some(close)))) = next else { panic!("no word of why: {next:?}") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4401, "the session is over"));
    let next = timeout(Duration::from_secs(5), socket.next()).await.expect("the socket is closed");
    assert!(!matches!(next, Some(Ok(_))), "a message after the cut");
}

#[tokio::test]
async fn before_a_101_nothing_of_the_new_protocol_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        rest
    };

    let early = format!("{HANDSHAKE}EARLY / HTTP/1.1\r\n\r\n");
    let mut browser = TcpStream::connect(gateway).await.unwrap();
    browser.write_all(early.as_bytes()).await.unwrap();
    let (rest, head) = tokio::join!(app, read_head(&mut browser));

    assert_eq!(rest, "");
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

#[tokio::test]
async fn what_is_no_handshake_goes_on_without_its_upgrade() {
    for (from, to) in [
        ("GET", "POST"),
        ("websocket", "h2c"),
        ("Connection: Upgrade\r\n", ""),
        ("Version: 13", "Version: 8"),
        ("Upgrade: websocket", "Upgrade: websocket\r\nContent-Length: 1"),
        ("Upgrade: websocket", "Upgrade: websocket, h2c"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = plain_gateway(listener.local_addr().unwrap()).await;
        let mut browser = TcpStream::connect(gateway).await.unwrap();
        browser.write_all(HANDSHAKE.replace(from, to).as_bytes()).await.unwrap();

        let (mut app, _) = listener.accept().await.unwrap();
        let head = read_head(&mut app).await;

        assert!(!head.contains("upgrade"), "{from:?} to {to:?}: {head}");
    }
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = plain_gateway(listener.local_addr().unwrap()).await;
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(switch.as_bytes()).await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        stream.write_all(heard.to_uppercase().as_bytes()).await.unwrap();
    };
    let browser = async {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        stream.write_all(format!("{HANDSHAKE}early").as_bytes()).await.unwrap();
        assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 101 "));
        stream.write_all(b" and late").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        heard
    };

    let ((), heard) = tokio::join!(app, browser);

    assert_eq!(heard, "EARLY AND LATE");
}

/// A browser and an application with a WebSocket between them.
async fn joined(cut: watch::Receiver<()>) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut browser = TcpStream::connect(gateway(listener.local_addr().unwrap(), cut).await).await.unwrap();
    browser.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    app.write_all(switch.as_bytes()).await.unwrap();
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 101 "));
    (browser, app)
}

#[tokio::test]
async fn a_cut_waits_for_the_end_of_a_frame() {
    let (cut, watching) = watch::channel(());
    let (mut browser, mut app) = joined(watching).await;
    app.write_all(b"\x81\x05he").await.unwrap();
    let mut heard = [0; 4];
    browser.read_exact(&mut heard).await.unwrap();

    cut.send(()).unwrap();
    // The application hears of it first: it is in no frame.
    let mut close = [0; 2];
    app.read_exact(&mut close).await.unwrap();
    assert_eq!(close[0], 0x88);
    app.write_all(b"llo\x81\x04more").await.unwrap();

    let mut rest = Vec::new();
    browser.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [b"llo\x88\x15\x11\x31".as_slice(), b"the session is over"].concat());
}

#[tokio::test]
async fn a_cut_puts_nothing_into_a_frame_that_does_not_end() {
    let (cut, watching) = watch::channel(());
    let (mut browser, mut app) = joined(watching).await;
    app.write_all(b"\x81\x05he").await.unwrap();
    let mut heard = [0; 4];
    browser.read_exact(&mut heard).await.unwrap();

    cut.send(()).unwrap();

    let mut rest = Vec::new();
    browser.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_frame_that_breaks_off_does_so_on_the_other_side_and_nothing_is_added() {
    for (from_app, part) in [(true, b"\x81\x7e\x01"), (true, b"\x81\x05h"), (false, b"\x81\x85m")] {
        let (browser, app) = joined(watch::channel(()).1).await;
        let (mut teller, mut hearer) = if from_app { (app, browser) } else { (browser, app) };
        teller.write_all(part).await.unwrap();
        drop(teller);

        let mut heard = Vec::new();
        hearer.read_to_end(&mut heard).await.unwrap();

        assert_eq!(heard, part);
    }
}

/// Time stands still until nobody has anything left to do but wait.
#[tokio::test(start_paused = true)]
async fn a_side_that_stays_alone_and_silent_is_let_go() {
    let (mut browser, mut app) = joined(watch::channel(()).1).await;
    let began = tokio::time::Instant::now();

    browser.shutdown().await.unwrap();

    let mut heard = Vec::new();
    app.read_to_end(&mut heard).await.unwrap();
    browser.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"");
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
}
