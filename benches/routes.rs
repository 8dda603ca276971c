//! Ten thousand routes: each table must be read in a second, and one of its routes found in twenty microseconds, or the bench
//! fails.
#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to measure")]

#[path = "shared/stopwatch.rs"]
mod stopwatch;
#[path = "shared/tables.rs"]
mod tables;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tables::{TABLES, Table, found};

fn bench(table: &Table, c: &mut Criterion) {
    let reading = table.is_fast_enough(1);
    let app = &reading.settings.apps.first().unwrap().app;
    let mut group = c.benchmark_group(table.name);
    group.bench_function("hit", |b| b.iter(|| found(app, black_box(table.hit))));
    group.bench_function("miss", |b| b.iter(|| found(app, black_box(table.miss))));
    group.sample_size(10).bench_function("read", |b| b.iter(|| black_box(table.reading())));
    group.finish();
}

fn ten_thousand_routes(c: &mut Criterion) {
    for table in TABLES {
        bench(table, c);
    }
}

criterion_group!(benches, ten_thousand_routes);
criterion_main!(benches);
