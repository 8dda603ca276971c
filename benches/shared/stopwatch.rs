//! How long something takes.

use std::time::{Duration, Instant};

/// Does it until it took less than `max` once, in at most so many tries: what else the machine does makes some longer.
#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
pub(crate) fn takes_less_than(max: Duration, tries: usize, what: &str, mut act: impl FnMut()) {
    let mut shortest = Duration::MAX;
    for _ in 0..tries {
        let began = Instant::now();
        act();
        shortest = shortest.min(began.elapsed());
        if shortest < max {
            return;
        }
    }
    panic!("{what} took {shortest:?}, and may take {max:?}");
}
