//! Throttling budgets.

use super::{RACERS, people::*, race};
use doorward::{
    domain::{
        throttle::{ACCOUNT, ADDRESS, BudgetKey, Closed, Lane, NEVER, Schedule},
        time::Timestamp,
    },
    ports::{Store, store::Charge},
};
use std::{sync::Arc, time::Duration};

/// Three free, then 2 s, 4 s, 8 s, 8 s …; locked at eight.
const SHORT: Schedule = Schedule {
    free: 3,
    delay_first: Duration::from_secs(2),
    delay_max: Duration::from_secs(8),
    locked_at: 8,
    forgotten_after: Duration::from_hours(1),
};

fn budget() -> BudgetKey {
    BudgetKey::password(ANN, Lane::Stranger)
}

/// How many of `count` tries at one instant are counted.
async fn counted(store: &Arc<dyn Store>, schedule: &Schedule, now: Timestamp, count: u32) -> u32 {
    let mut failures = 0;
    for _ in 0..count {
        if let Charge::Counted { .. } = store.charge(&budget(), schedule, now).await.unwrap() {
            failures += 1;
        }
    }
    failures
}

pub(crate) async fn a_charge_costs_what_the_schedule_says(store: Arc<dyn Store>) {
    let nothing_free = Schedule { free: 0, ..SHORT };
    let never_longest = Schedule { delay_max: Duration::MAX, locked_at: 40, ..SHORT };
    let locked_early = Schedule { locked_at: 2, ..SHORT };
    let always_open = Schedule { delay_first: Duration::ZERO, locked_at: 30, ..SHORT };
    let never_forgotten = |schedule: Schedule| Schedule { forgotten_after: Duration::MAX, ..schedule };

    for schedule in [SHORT, nothing_free, never_longest, locked_early, always_open, ACCOUNT, ADDRESS] {
        let schedule = never_forgotten(schedule);
        let mut now = NOON;
        for failures in 1..=schedule.locked_at.min(130) {
            let charge = store.charge(&budget(), &schedule, now).await.unwrap();
            assert_eq!(charge, Charge::Counted { failures }, "{schedule:?}");

            let until = schedule.blocked_until(failures, now);
            if until > now {
                let last_moment = if until == NEVER { NEVER - SECOND } else { until - Duration::from_millis(1) };
                for moment in [now, last_moment] {
                    let charge = store.charge(&budget(), &schedule, moment).await.unwrap();
                    assert_eq!(charge, Charge::Closed(Closed::at(until)), "{failures} of {schedule:?}");
                }
            }
            now = until;
        }
        store.clear(&budget()).await.unwrap();
    }
}

pub(crate) async fn racing_tries_are_counted_or_refused(store: Arc<dyn Store>) {
    let answers = race(&store, |store, _| async move { store.charge(&budget(), &ACCOUNT, NOON).await.unwrap() }).await;

    let mut failures: Vec<u32> = vec![];
    let mut refused = 0;
    for answer in answers {
        match answer {
            Charge::Counted { failures: number } => failures.push(number),
            Charge::Closed(closed) => {
                assert_eq!(closed, Closed::Until(NOON + ACCOUNT.delay_first));
                refused += 1;
            }
        }
    }
    failures.sort_unstable();
    assert_eq!(failures, (1..=ACCOUNT.free).collect::<Vec<_>>());
    assert_eq!(refused, u32::from(RACERS) - ACCOUNT.free);

    let after = NOON + ACCOUNT.delay_first;
    let next = store.charge(&budget(), &ACCOUNT, after).await.unwrap();
    assert_eq!(next, Charge::Counted { failures: ACCOUNT.free + 1 }, "none was lost");
}

pub(crate) async fn a_forgotten_budget_starts_anew(store: Arc<dyn Store>) {
    assert_eq!(counted(&store, &SHORT, NOON, 2).await, 2);

    let almost = NOON + SHORT.forgotten_after - SECOND;
    assert_eq!(store.charge(&budget(), &SHORT, almost).await.unwrap(), Charge::Counted { failures: 3 });

    let later = almost + SHORT.forgotten_after;
    assert_eq!(store.charge(&budget(), &SHORT, later).await.unwrap(), Charge::Counted { failures: 1 });
    assert_eq!(counted(&store, &SHORT, later, 5).await, 2, "two more are free");
}

pub(crate) async fn a_lock_is_not_forgotten(store: Arc<dyn Store>) {
    let two = Schedule { locked_at: 2, ..SHORT };
    assert_eq!(counted(&store, &two, NOON, 5).await, 2);

    store.sweep(NOON, NOON, NOON, NOON + 3 * two.forgotten_after).await.unwrap();

    let later = store.charge(&budget(), &two, NOON + 2 * two.forgotten_after).await.unwrap();
    assert_eq!(later, Charge::Closed(Closed::UntilUnlocked));
}

pub(crate) async fn a_clock_a_moment_behind_is_not_refused(store: Arc<dyn Store>) {
    assert_eq!(counted(&store, &SHORT, NOON, 1).await, 1);

    let behind = store.charge(&budget(), &SHORT, NOON - SECOND).await.unwrap();
    assert_eq!(behind, Charge::Counted { failures: 2 });
}

pub(crate) async fn a_refund_takes_one_failure_back_and_reopens(store: Arc<dyn Store>) {
    assert_eq!(counted(&store, &SHORT, NOON, 5).await, 3);

    store.refund(&budget()).await.unwrap();

    assert_eq!(store.charge(&budget(), &SHORT, NOON).await.unwrap(), Charge::Counted { failures: 3 });
    for _ in 0..9 {
        store.refund(&budget()).await.unwrap();
    }
    assert_eq!(counted(&store, &SHORT, NOON, 5).await, 3, "never below nothing");
}

pub(crate) async fn a_cleared_budget_is_empty(store: Arc<dyn Store>) {
    assert_eq!(counted(&store, &SHORT, NOON, 5).await, 3);

    store.clear(&budget()).await.unwrap();

    assert_eq!(store.charge(&budget(), &SHORT, NOON).await.unwrap(), Charge::Counted { failures: 1 });
}

pub(crate) async fn unlocking_opens_all_budgets_of_one_account(store: Arc<dyn Store>) {
    let one = Schedule { locked_at: 1, ..SHORT };
    let anns = [budget(), BudgetKey::second_factor(ANN, Lane::Known(hash(9)))];
    let others = [BudgetKey::password(BOB, Lane::Stranger), BudgetKey::address([192, 0, 2, 1].into())];
    for key in anns.iter().chain(&others) {
        assert_eq!(store.charge(key, &one, NOON).await.unwrap(), Charge::Counted { failures: 1 });
    }

    store.unlock(ANN).await.unwrap();

    for key in &anns {
        assert_eq!(store.charge(key, &one, NOON).await.unwrap(), Charge::Counted { failures: 1 });
    }
    for key in &others {
        assert_eq!(store.charge(key, &one, NOON).await.unwrap(), Charge::Closed(Closed::UntilUnlocked));
    }
}
