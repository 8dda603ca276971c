//! What the gateway itself costs a signed-in request: everything between the parser and the application's connection.
//! `whole` must stay under five microseconds, or the bench fails.
#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to measure")]

#[path = "shared/scene.rs"]
mod scene;
#[path = "shared/stopwatch.rs"]
mod stopwatch;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use doorward::domain::policy::Decision;
use scene::Scene;
use std::hint::black_box;

fn decision(c: &mut Criterion) {
    let scene = Scene::new();
    // Looking somebody up arms a timer.
    let _entered = scene.runtime.enter();
    let path = scene.path();
    let matched = scene.matched(&path);
    let known = scene.look();
    let assertion = scene.assertion(&known, &matched);
    assert!(matches!(scene.decide(&known, &matched), Decision::Admit(_)));

    scene.is_fast_enough(1);
    let mut group = c.benchmark_group("decision");
    group.bench_function("path", |b| b.iter(|| black_box(&scene).path()));
    group.bench_function("route", |b| b.iter(|| scene.matched(black_box(&path)).policy.is_public()));
    group.bench_function("visitor", |b| b.iter(|| black_box(&scene).look()));
    group.bench_function("policy", |b| b.iter(|| scene.decide(black_box(&known), &matched)));
    group.bench_function("assertion", |b| b.iter(|| scene.assertion(black_box(&known), &matched)));
    group.bench_function("outgoing", |b| {
        b.iter_batched(
            || scene.parts(),
            |parts| scene.outgoing(parts, &path, &known.values, &assertion),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("whole", |b| {
        b.iter_batched(|| scene.parts(), |parts| scene.whole(parts), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
