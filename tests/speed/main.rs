//! How long things take at most. The benches ask the same of an optimised build; here nothing is optimised, and other tests run
//! beside.

#![expect(clippy::unwrap_used, reason = "what can't be set up can't be measured")]

#[path = "../../benches/shared/scene.rs"]
mod scene;
#[path = "../../benches/shared/stopwatch.rs"]
mod stopwatch;
#[path = "../../benches/shared/tables.rs"]
mod tables;

/// How much slower than an optimised build on a machine that does nothing else.
const SLOWER: u32 = 20;

#[test]
fn a_decision_takes_microseconds() {
    let scene = scene::Scene::new();
    // Looking somebody up arms a timer.
    let _entered = scene.runtime.enter();

    scene.is_fast_enough(SLOWER);
}

#[test]
fn ten_thousand_routes_are_read_in_seconds_and_one_of_them_is_found_in_microseconds() {
    for table in tables::TABLES {
        table.is_fast_enough(SLOWER);
    }
}
