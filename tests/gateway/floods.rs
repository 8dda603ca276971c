//! FR-24: frames of HTTP/2 that cost their sender nothing. Each flood ends its connection, early, and nobody else notices.

use crate::{
    recorder::Recorder,
    streams::resident_kib,
    world::{APP, ask, gateway},
};
use std::time::Duration;
use support::{gateway::Gateway, raw::tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

/// Far more than any client would send.
const FRAMES: u32 = 20_000;
/// How long a flood may last.
const PATIENCE: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame by RFC 9113 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `method https://app.localhost/public/`, by RFC 7541: two fields of the static table, two literals.
fn fields(method: u8) -> Vec<u8> {
    let path = b"/public/";
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
    [&[method, 0x87, 0x04, length(path)][..], path, &[0x01, length(APP.as_bytes())], APP.as_bytes()].concat()
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

/// Sends what `frames` gives, one after the other, until the gateway hangs up; says how many it took.
async fn flood(gateway: &Gateway, mut frames: impl FnMut(u32) -> Vec<u8> + Send + 'static) -> u32 {
    let stream = tls(&gateway.site.authority, APP, gateway.site.https, "h2").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    writer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writer.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let writing = tokio::spawn(async move {
        for number in 0..FRAMES {
            if writer.write_all(&frames(number)).await.is_err() {
                return number;
            }
        }
        let _ = writer.flush().await;
        FRAMES
    });
    let hangs_up = async { while reader.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {} };
    let ended = timeout(PATIENCE, hangs_up).await;
    assert!(ended.is_ok(), "the gateway did not hang up");
    timeout(PATIENCE, writing).await.expect("the gateway reads no more").unwrap()
}

/// What else has to hold after a flood.
async fn still_serves(gateway: &Gateway) {
    let said = timeout(Duration::from_secs(2), ask(gateway, APP, "GET /public/", "")).await;
    assert!(said.is_ok_and(|said| said.starts_with("HTTP/1.1 200")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_the_connection() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;

    let taken = flood(&gateway, |number| {
        let stream = 2 * number + 1;
        let opened = frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(GET));
        [opened, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    })
    .await;

    println!("{taken} resets were taken, {} requests reached the application", app.requests().len());
    assert!(taken < FRAMES, "all {taken} were taken");
    assert!(app.requests().len() < 2_000, "{} requests reached the application", app.requests().len());
    still_serves(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_without_end_end_the_connection() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;

    // Never indexed, with a new name each: nothing that a decoder could be spared.
    let field = [&[0x10, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let taken = flood(&gateway, move |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &fields(GET)),
        _ => frame(CONTINUATION, 0, 1, &field.repeat(100)),
    })
    .await;

    println!("{taken} continuations were taken");
    assert!(taken < 2_000, "{taken} were taken");
    assert!(app.is_untouched());
    still_serves(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_continuations_end_the_connection() {
    let gateway = gateway(&Recorder::start().await.url()).await;

    let taken = flood(&gateway, |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &fields(GET)),
        _ => frame(CONTINUATION, 0, 1, &[]),
    })
    .await;

    println!("{taken} empty continuations were taken");
    assert!(taken < FRAMES, "{taken} were taken");
    still_serves(&gateway).await;
}

/// CVE-2019-9518: frames of a body that hold nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fr_24_empty_data_frames_end_the_connection() {
    let gateway = gateway(&Recorder::start().await.url()).await;

    let taken = flood(&gateway, |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &fields(POST)),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;

    println!("{taken} empty frames of data were taken");
    assert!(taken < FRAMES, "{taken} were taken");
    still_serves(&gateway).await;
}

/// A field of 4 KB in the table, and blocks that name it ten thousand times: 40 MB in the place of 10 KB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fr_24_blocks_that_unfold_to_far_more_than_they_are_never_become_requests() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let before = resident_kib(&gateway);
    // 6.2.1 with a new name: kept in the table, where the first place is number 62. Its length is 127 + 3873.
    let kept = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
    let taken = flood(&gateway, move |number| {
        let stream = 2 * number + 1;
        let block = if number == 0 { kept.clone() } else { vec![0xbe; 10_000] };
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &[fields(GET), block].concat())
    })
    .await;

    println!("{taken} such blocks were taken");
    assert!(app.requests().len() <= 1, "{}", app.requests().len());
    let grown = resident_kib(&gateway).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    still_serves(&gateway).await;
}

/// CVE-2025-8671: frames that make the server itself reset streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_that_the_gateway_is_made_to_send_end_the_connection() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;

    let taken = flood(&gateway, |number| {
        let stream = 2 * number + 1;
        // A window that grows by nothing is an error of its stream.
        [frame(HEADERS, END_HEADERS, stream, &fields(POST)), frame(8, 0, stream, &[0; 4])].concat()
    })
    .await;

    println!("{taken} made resets were taken, {} requests reached the application", app.requests().len());
    assert!(taken < FRAMES, "{taken} were taken");
    still_serves(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upper_case_and_connection_specific_fields_are_no_request() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let literal = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0x10, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let mut wrong: Vec<Vec<u8>> = [
        ("Upper", "x"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("keep-alive", "1"),
        ("te", "gzip"),
        ("x", "a\rb"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("", "x"),
        ("a b", "x"),
        (":path", "/other"),
        (":status", "200"),
        (":unknown", "x"),
    ]
    .iter()
    .map(|(name, value)| [fields(GET), literal(name, value)].concat())
    .collect();
    wrong.push(vec![GET, 0x87]);
    wrong.push([&literal("x", "y")[..], &fields(GET)].concat());

    for block in wrong {
        let stream = tls(&gateway.site.authority, APP, gateway.site.https, "h2").await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
        // The end of a connection that the gateway has answered on.
        let goodbye = frame(7, 0, 0, &[0; 8]);
        let bytes = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[]), &request, &goodbye].concat();
        writer.write_all(&bytes).await.unwrap();
        let mut said = Vec::new();
        let read = timeout(PATIENCE, reader.read_to_end(&mut said)).await;
        assert!(read.is_ok(), "{}: {}", block.escape_ascii(), said.escape_ascii());
    }

    assert!(app.is_untouched(), "{}", app.bytes().escape_ascii());
}

/// FR-23: what a client may open at once is said, and held to.
#[tokio::test]
async fn fr_23_only_so_many_streams_and_fields_are_taken_and_the_client_is_told() {
    let gateway = gateway(&Recorder::start().await.url()).await;
    let mut stream = tls(&gateway.site.authority, APP, gateway.site.https, "h2").await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let settings = timeout(PATIENCE, read_frame(&mut stream)).await.unwrap();
    assert_eq!(settings[3], SETTINGS);
    let said: Vec<_> =
        settings[9..].chunks(6).map(|pair| (pair[1], u32::from_be_bytes(pair[2..].try_into().unwrap()))).collect();
    // RFC 9113 6.5.2: MAX_CONCURRENT_STREAMS and MAX_HEADER_LIST_SIZE.
    assert!(said.contains(&(3, 100)) && said.contains(&(6, 32 * 1024)), "{said:?}");

    // Each waits for the rest of its body, so all stay open.
    for number in 0..101 {
        stream.write_all(&frame(HEADERS, END_HEADERS, 2 * number + 1, &fields(POST))).await.unwrap();
    }
    let refused = async {
        loop {
            let frame = read_frame(&mut stream).await;
            if frame[3] == RST_STREAM {
                return frame;
            }
        }
    };
    // The last of them, with REFUSED_STREAM.
    assert_eq!(timeout(PATIENCE, refused).await.unwrap()[5..], [0, 0, 0, 201, 0, 0, 0, 7]);
}

async fn read_frame(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut frame = vec![0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
    frame.resize(9 + usize::try_from(length).unwrap(), 0);
    stream.read_exact(&mut frame[9..]).await.unwrap();
    frame
}
