//! What passes through takes no room in the gateway: a gibibyte each way, and a reader who does not read.

use crate::world::{APP, config, site};
use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use support::{gateway::Gateway, raw::tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// The most memory the gateway may ever have held.
const RESIDENT_MAX: u64 = 100 * MIB;
/// How long an application can't send on before its reader counts as stalled.
const STALL: Duration = Duration::from_millis(500);

/// An application that swallows what it is sent and answers with how much it was, or sends as much as the path says. It
/// tells how much it had sent whenever it can't send on.
async fn bulk() -> (String, mpsc::UnboundedReceiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stalled, stalls) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, stalled.clone()));
        }
    });
    (url, stalls)
}

async fn answer(mut stream: TcpStream, stalled: mpsc::UnboundedSender<u64>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let number = |text: &str| text.split(|char: char| !char.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap();
    if let Some((_, rest)) = head.split_once("content-length: ") {
        swallow(&mut stream, number(rest)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        return;
    }
    let length = number(head.split_once("/public/").unwrap().1);
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
    let sent = AtomicU64::new(0);
    let mut sending = std::pin::pin!(pour(&mut stream, length, &sent));
    let mut before = u64::MAX;
    while timeout(STALL, &mut sending).await.is_err() {
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            let _ = stalled.send(now);
        }
        before = now;
    }
}

async fn pour(stream: &mut (impl AsyncWrite + Unpin), length: u64, sent: &AtomicU64) {
    let block = vec![b'x'; 64 * 1024];
    while sent.load(Ordering::Relaxed) < length {
        let left = usize::try_from(length - sent.load(Ordering::Relaxed)).unwrap().min(block.len());
        let Ok(count) = stream.write(&block[..left]).await else { return };
        sent.fetch_add(count as u64, Ordering::Relaxed);
    }
    let _ = stream.flush().await;
}

async fn swallow(stream: &mut (impl AsyncRead + Unpin), length: u64) {
    let mut block = vec![0; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let count = stream.read(&mut block[..most]).await.unwrap();
        assert!(count > 0, "{left} of {length} bytes are missing");
        left -= count as u64;
    }
}

async fn gateway(upstream: &str) -> Gateway {
    let site = site();
    site.configure(&config(&site, upstream).replace("[server]", "[server]\nbody_max = \"2GiB\""));
    site.start().await
}

/// The most memory that it ever held.
fn resident_max(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends a request head and reads that of the answer.
async fn head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &str) {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    expect_ok(stream).await;
}

async fn expect_ok(stream: &mut (impl AsyncRead + Unpin)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", head.escape_ascii());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_down_and_one_up_leave_no_trace_in_memory() {
    let (url, _stalls) = bulk().await;
    let gateway = gateway(&url).await;
    let (authority, port) = (&gateway.site.authority, gateway.site.https);

    let mut down = tls(authority, APP, port, "http/1.1").await.unwrap();
    head(&mut down, &format!("GET /public/{GIB} HTTP/1.1\r\nHost: {APP}\r\n\r\n")).await;
    swallow(&mut down, GIB).await;
    let mut up = tls(authority, APP, port, "http/1.1").await.unwrap();
    up.write_all(format!("POST /public/ HTTP/1.1\r\nHost: {APP}\r\nContent-Length: {GIB}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    pour(&mut up, GIB, &AtomicU64::new(0)).await;
    expect_ok(&mut up).await;

    let resident = resident_max(&gateway);
    println!("at most {} MiB were resident", resident / MIB);
    assert!(resident < RESIDENT_MAX, "{} MiB", resident / MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_does_not_read_stops_the_application_instead_of_filling_the_gateway() {
    let (url, mut stalls) = bulk().await;
    let gateway = gateway(&url).await;
    let length = 64 * MIB;

    let mut reader = tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await.unwrap();
    head(&mut reader, &format!("GET /public/{length} HTTP/1.1\r\nHost: {APP}\r\n\r\n")).await;
    let sent = stalls.recv().await.unwrap();
    println!("the application could send {} KiB", sent / 1024);
    // Most of it is in the buffers of four sockets.
    assert!(sent < 16 * MIB, "{} MiB were read ahead", sent / MIB);

    swallow(&mut reader, length).await;
}
