//! What the wire guard costs a request.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use doorward::edge::wire::{Guard, Limits, Step};

/// A browser's request for a page, about 600 bytes.
const HEAD: &[u8] = b"GET /reports/2026/q3?sort=name&page=2 HTTP/1.1\r\n\
    Host: payroll.example.com\r\n\
    Connection: keep-alive\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: __Host-doorward-app=3q2-7wXv0mB8kqYp5rT1uZsLcN4hGdJe9fKaQxVoWiM; theme=dark\r\n\r\n";

fn guard(c: &mut Criterion) {
    let mut group = c.benchmark_group("guard");

    group.throughput(Throughput::Bytes(HEAD.len() as u64));
    group.bench_function("head", |b| {
        let mut guard = Guard::new(Limits::default());
        b.iter(|| assert_eq!(guard.step(black_box(HEAD)), Step::Head(HEAD.len())));
    });

    let chunk = [&b"4000\r\n"[..], &[b'x'; 0x4000], b"\r\n"].concat();
    group.throughput(Throughput::Bytes(chunk.len() as u64));
    group.bench_function("16 KiB chunk", |b| {
        let mut guard = Guard::new(Limits::default());
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(guard.step(head), Step::Head(head.len()));
        b.iter(|| assert_eq!(guard.step(black_box(&chunk)), Step::Body(chunk.len())));
    });
}

criterion_group!(benches, guard);
criterion_main!(benches);
