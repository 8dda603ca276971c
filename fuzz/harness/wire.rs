//! Two readings of one stream: what the guard passed, read naively, and what hyper made of it.
//!
//! The naive reading may be naive because of what the guard promises: lines end in CR LF, one Host, one framing.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use doorward::edge::wire::{Guard, GuardedIo, Limits, Step};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request as somebody read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// As sent.
    pub(crate) method: String,
    /// As sent, but for the case of a scheme.
    pub(crate) target: String,
    /// Lower-case names and values, ordered by name.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub(crate) body: Vec<u8>,
}

/// Fails if hyper reads anything else than the guard passed.
pub(crate) fn compare(stream: &[u8], size: usize) {
    let (guard, hyper) = (by_guard(stream), by_hyper(stream, size));
    // hyper stops after a request that closes, and keeps what is incomplete to itself.
    let stopped_early = hyper.len() < guard.len();
    assert_eq!(hyper[..], guard[..hyper.len().min(guard.len())], "{}", stream.escape_ascii());
    if stopped_early {
        let last = hyper.last().unwrap_or_else(|| panic!("hyper refused: {}", stream.escape_ascii()));
        assert!(closes(last, stream), "hyper stopped after {last:?}: {}", stream.escape_ascii());
    }
}

fn closes(read: &Read, stream: &[u8]) -> bool {
    read.fields.iter().any(|(name, _)| name == "connection") || stream.windows(10).any(|text| text == b" HTTP/1.0\r")
}

/// The complete requests that the guard passes.
pub(crate) fn by_guard(stream: &[u8]) -> Vec<Read> {
    let mut guard = Guard::new(Limits::default());
    let (mut requests, mut rest) = (Vec::<(Read, Vec<u8>)>::new(), stream);
    loop {
        match guard.step(rest) {
            Step::Head(len) => {
                requests.push((read_head(&rest[..len]), Vec::new()));
                rest = &rest[len..];
            }
            Step::Body(len) => {
                let (_, body) = requests.last_mut().expect("a body follows a head");
                body.extend_from_slice(&rest[..len]);
                rest = &rest[len..];
            }
            Step::Wait => guard.resume(),
            Step::More | Step::RefuseHead(_) | Step::RefuseBody(_) => break,
        }
    }
    requests.into_iter().map_while(|(read, framed)| Some(Read { body: unframe(&read, &framed)?, ..read })).collect()
}

fn read_head(head: &[u8]) -> Read {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = String::from_utf8(lines.next().unwrap_or_default().to_vec()).expect("a request line is ASCII");
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut fields: Vec<_> = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a field has a colon");
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).expect("a name is ASCII");
            (name, trim(&line[colon + 1..]).to_vec())
        })
        .collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !target.starts_with('/') => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        _ => target,
    };
    Read { method, target, fields, body: Vec::new() }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The body inside its framing; `None` if it is incomplete.
fn unframe(read: &Read, mut framed: &[u8]) -> Option<Vec<u8>> {
    let field = |name| read.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value);
    if field("transfer-encoding").is_none() {
        let length = field("content-length").map_or(0, |length| String::from_utf8_lossy(length).parse().unwrap_or(0));
        return (framed.len() == length).then(|| framed.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let end = framed.iter().position(|&byte| byte == b'\n')?;
        let line = String::from_utf8_lossy(&framed[..end]).into_owned();
        let size = usize::from_str_radix(line.split([';', '\r']).next()?, 16).ok()?;
        framed = &framed[end + 1..];
        if size == 0 {
            return (framed == b"\r\n" || framed.ends_with(b"\r\n\r\n")).then_some(body);
        }
        body.extend_from_slice(framed.get(..size)?);
        framed = framed.get(size + 2..)?;
    }
}

/// The complete requests that hyper reads behind the guard, if the stream comes in pieces of `size`.
pub(crate) fn by_hyper(stream: &[u8], size: usize) -> Vec<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let requests = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(size.max(1));
        let io = GuardedIo::new(server, Limits::default());
        let connection = io.connection();
        let service = service_fn(|request: Request<Incoming>| {
            let (ticket, requests) = (connection.next_request(), Arc::clone(&requests));
            async move {
                if ticket.is_ok()
                    && let Some(read) = read_request(request).await
                {
                    requests.lock().expect("no panic").push(read);
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        // Without half-close, the end of the stream would cancel what is being read.
        let serving = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(io), service);
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let (mut said, sending) = (Vec::new(), async {
            let sent = writer.write_all(stream).await;
            sent.and(writer.shutdown().await)
        });
        // What the connection ends with does not matter here; what was read until then does.
        let _ = tokio::join!(async { drop(serving.await) }, sending, reader.read_to_end(&mut said));
    });
    Arc::into_inner(requests).and_then(|requests| requests.into_inner().ok()).unwrap_or_default()
}

async fn read_request(request: Request<Incoming>) -> Option<Read> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes().to_vec();
    let mut fields: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    Some(Read { method: head.method.to_string(), target: head.uri.to_string(), fields, body })
}
