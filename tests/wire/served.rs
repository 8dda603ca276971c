//! What a client sees of a connection behind the guard, and what the service sees of the client.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use doorward::edge::wire::{GuardedIo, Limits, Refusal, RequestTicket};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

type Reply = Response<Full<Bytes>>;

/// Serves one connection with `answer`; refused requests are answered as the gateway does.
fn serve<F, A>(answer: F) -> DuplexStream
where
    F: Fn(Request<Incoming>, RequestTicket) -> A + Clone + Send + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(256 * 1024);
    let io = GuardedIo::new(server, Limits::default());
    let connection = io.connection();
    let service = service_fn(move |request| {
        let ticket = connection.next_request();
        let answer = answer.clone();
        async move {
            Ok::<_, Infallible>(match ticket {
                Ok(ticket) => answer(request, ticket).await,
                Err(refusal) => refused(refusal),
            })
        }
    });
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades());
    client
}

fn refused(refusal: Refusal) -> Reply {
    Response::builder()
        .status(refusal.status())
        .header(header::CONNECTION, "close")
        .body(Full::from(refusal.word()))
        .unwrap()
}

/// Answers with the path.
async fn echo(request: Request<Incoming>, _ticket: RequestTicket) -> Reply {
    Response::new(Full::from(request.uri().path().to_owned()))
}

/// All that the server says until it closes.
async fn rest(client: &mut DuplexStream) -> String {
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    said
}

/// What the server says up to and including `end`.
async fn until(client: &mut DuplexStream, end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        said.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(said).unwrap()
}

fn statuses(said: &str) -> Vec<&str> {
    said.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_answered_in_its_turn_and_ends_the_connection() {
    let mut client = serve(echo);

    let pipelined =
        b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\n\r\nGET /three HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(pipelined).await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(statuses(&said), ["200", "400"], "{said}");
    assert!(said.contains("/one") && said.ends_with("host-missing"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_substitute_s_own_text_is_an_ordinary_request() {
    let mut client = serve(echo);

    client.write_all(b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n").await.unwrap();

    assert_eq!(statuses(&rest(&mut client).await), ["200"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_head_takes_its_body_with_it() {
    let mut client = serve(echo);

    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n").await.unwrap();
    client.write_all(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(statuses(&said), ["400"], "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_answered_408_after_ten_seconds() {
    let (mut reader, mut writer) = tokio::io::split(serve(echo));
    let begin = Instant::now();

    let drip = tokio::spawn(async move {
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: ".iter().chain(std::iter::repeat(&b'y')) {
            if writer.write_u8(*byte).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut first_line = [0; 12];
    reader.read_exact(&mut first_line).await.unwrap();

    assert_eq!((&first_line, begin.elapsed().as_secs()), (b"HTTP/1.1 408", 10));
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_head_s_time_does_not_count_the_idle_time_before_it() {
    let mut client = serve(echo);

    tokio::time::sleep(Duration::from_secs(74)).await;
    client.write_all(b"GET /late HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    client.write_all(b"Host: a\r\n\r\n").await.unwrap();

    until(&mut client, "/late").await;
    tokio::time::sleep(Duration::from_secs(74)).await;
    client.write_all(b"GET /later HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    client.write_all(b"Host: a\r\n\r\n").await.unwrap();
    until(&mut client, "/later").await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_its_time_counted_from_the_last_response() {
    let mut client = serve(echo);
    let begin = Instant::now();

    tokio::time::sleep(Duration::from_mins(1)).await;
    client.write_all(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut client, "/one").await;
    rest(&mut client).await;

    assert_eq!(begin.elapsed().as_secs(), 60 + 75);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_not_idle() {
    let mut client = serve(async |request, ticket| {
        tokio::time::sleep(Duration::from_mins(10)).await;
        echo(request, ticket).await
    });

    client.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();

    until(&mut client, "/slow").await;
}

/// More than fits between the two of them.
const LONG: usize = 1024 * 1024;

async fn long(_request: Request<Incoming>, ticket: RequestTicket) -> Reply {
    // It is kept until the answer is written, which here is longer than the test.
    std::mem::forget(ticket);
    Response::new(Full::from(vec![b'x'; LONG]))
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_given_up_after_a_minute() {
    let mut client = serve(long);

    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;

    assert!(rest(&mut client).await.len() < LONG, "the rest is not sent any more");
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_waited_for() {
    let mut client = serve(long);
    let (begin, mut read) = (Instant::now(), 0);

    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut part = vec![0; 32 * 1024];
    loop {
        tokio::time::sleep(Duration::from_secs(50)).await;
        match client.read(&mut part).await.unwrap() {
            0 => break,
            more => read += more,
        }
    }

    assert!(read > LONG && begin.elapsed() > Duration::from_mins(10), "{read} in {:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_body_reaches_its_reader_as_the_refusal() {
    let (found, mut refusal) = mpsc::unbounded_channel();
    let mut client = serve(move |request, _ticket| {
        let found = found.clone();
        async move {
            let error = request.into_body().collect().await.unwrap_err();
            found.send(Refusal::find_in(&error)).unwrap();
            Response::builder().status(StatusCode::BAD_REQUEST).body(Full::default()).unwrap()
        }
    });

    let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n+1\r\nb\r\n0\r\n\r\n";
    client.write_all(bytes).await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(refusal.recv().await, Some(Some(Refusal::Chunk)));
    assert_eq!(statuses(&said), ["400"], "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_never_turns_body_bytes_into_a_request() {
    let mut client = serve(echo);

    client.write_all(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    client.write_all(&b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000)).await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(statuses(&said), ["200"], "{said}");
    assert!(said.ends_with("/early"));
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_an_early_answered_body_is_swallowed_for_five_seconds_at_most() {
    let mut client = serve(echo);

    client.write_all(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    rest(&mut client).await;
    let closed = Instant::now();
    while client.write_all(b"more").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    assert_eq!(closed.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_behind_an_upgrade_passes_before_it_is_granted() {
    let (grant, granted) = oneshot::channel::<()>();
    let (tunnel_sent, mut tunnel_received) = mpsc::unbounded_channel();
    let grant_parts = std::sync::Arc::new(std::sync::Mutex::new(Some(granted)));
    let mut client = serve(move |mut request, ticket| {
        let granted = grant_parts.lock().unwrap().take().unwrap();
        let tunnel_sent = tunnel_sent.clone();
        async move {
            granted.await.unwrap();
            ticket.grant_upgrade();
            tokio::spawn(async move {
                let mut tunnel = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
                let mut first = [0; 5];
                tunnel.read_exact(&mut first).await.unwrap();
                tunnel_sent.send(first).unwrap();
                tunnel.write_all(b"there").await.unwrap();
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            response.header("connection", "upgrade").header("upgrade", "websocket").body(Full::default()).unwrap()
        }
    });

    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(tunnel_received.try_recv().is_err());
    grant.send(()).unwrap();

    assert_eq!(tunnel_received.recv().await, Some(*b"hello"));
    assert!(until(&mut client, "there").await.starts_with("HTTP/1.1 101"));
}

#[tokio::test(start_paused = true)]
async fn behind_a_denied_upgrade_heads_are_judged_again() {
    let mut client = serve(echo);

    let upgrade = "GET /no HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let pipelined = format!("{upgrade}GET /two HTTP/1.1\r\nHost: a\r\n\r\n{upgrade}\x01\x02 raw\r\n\r\n");
    client.write_all(pipelined.as_bytes()).await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(statuses(&said), ["200", "200", "200", "400"], "{said}");
    assert!(said.contains("/two") && said.ends_with("request-line"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_answer_does_not_decide_a_later_upgrade() {
    let mut client = serve(async |mut request: Request<Incoming>, ticket| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if !request.headers().contains_key(header::UPGRADE) {
            return echo(request, ticket).await;
        }
        ticket.grant_upgrade();
        tokio::spawn(async move {
            let mut tunnel = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
            let mut first = [0; 4];
            tunnel.read_exact(&mut first).await.unwrap();
            tunnel.write_all(&first).await.unwrap();
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        response.header("connection", "upgrade").header("upgrade", "x").body(Full::default()).unwrap()
    });

    let upgrade = "GET /two HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let pipelined = format!("GET /one HTTP/1.1\r\nHost: a\r\n\r\n{upgrade}raw!\r\n\r\n");
    client.write_all(pipelined.as_bytes()).await.unwrap();
    let said = rest(&mut client).await;

    assert_eq!(statuses(&said), ["200", "101"], "{said}");
    assert!(said.ends_with("raw!"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn behind_a_refused_head_there_is_one_substitute_and_then_nothing() {
    let (mut client, server) = tokio::io::duplex(1024);
    let mut io = GuardedIo::new(server, Limits::default());

    client.write_all(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    drop(client);
    let mut passed = String::new();
    io.read_to_string(&mut passed).await.unwrap();

    assert_eq!(passed, "GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n");
    assert_eq!(io.connection().next_request().unwrap_err(), Refusal::HostMissing);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_an_upgrade_is_bounded() {
    let mut client = serve(async |_request, _ticket| std::future::pending().await);

    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await.unwrap();
    let flood = tokio::time::timeout(Duration::from_mins(1), client.write_all(&vec![0; 1024 * 1024])).await;

    assert!(flood.is_err(), "the client could send a megabyte");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_during_an_upgrade_is_noticed() {
    let (dropped, noticed) = oneshot::channel::<()>();
    let dropped = std::sync::Arc::new(std::sync::Mutex::new(Some(dropped)));
    let mut client = serve(move |request, ticket| {
        let dropped = dropped.lock().unwrap().take();
        async move {
            std::future::pending::<()>().await;
            drop(dropped);
            echo(request, ticket).await
        }
    });

    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
    drop(client);

    assert!(noticed.await.is_err());
}
