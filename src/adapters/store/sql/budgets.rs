//! Throttling budgets, in SQL.

use super::{Pools, SqlStore, rows::bad};
use crate::{
    domain::{
        throttle::{BudgetKey, Closed, NEVER, Schedule},
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{BudgetStore, Charge},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_scalar};

/// What `blocked_until` holds while a budget is open: not the time of the last failure, or a caller whose clock is a
/// moment behind would be refused.
const OPEN: i64 = 0;

const _: () = assert!(NEVER.as_millis() == 9_223_372_036_854_775_807, "the statements spell it out");

/// Whether the budget starts anew, for having been left alone. A locked one never does.
macro_rules! forgotten {
    () => {
        "(b.updated_at <= $4 AND b.blocked_until <> 9223372036854775807)"
    };
}

statements! {
    /// `Schedule::blocked_until` for a number of failures that only the database knows. $5 is its value after the
    /// first failure, $8 its value from $7 failures on; between $6 and those, the wait $9 doubles with each failure.
    CHARGE = concat!(
        "INSERT INTO budgets AS b (key, user_id, failures, blocked_until, updated_at) VALUES ($1, $2, 1, $5, $3) \
         ON CONFLICT (key) DO UPDATE SET failures = CASE WHEN ", forgotten!(), " THEN 1 ELSE b.failures + 1 END, \
         blocked_until = CASE WHEN ", forgotten!(), " THEN $5 \
           WHEN b.failures + 1 >= $10 THEN 9223372036854775807 \
           WHEN b.failures + 1 >= $7 THEN $8 \
           WHEN b.failures + 1 >= $6 THEN $3 + (CAST($9 AS BIGINT) << CAST(b.failures + 1 - $6 AS INTEGER)) \
           ELSE 0 END, \
         updated_at = $3 \
         WHERE b.blocked_until <= $3 OR ", forgotten!(), " RETURNING failures"
    );
    BLOCKED_UNTIL = "SELECT blocked_until FROM budgets WHERE key = $1";
    CLEAR = "DELETE FROM budgets WHERE key = $1";
    REFUND = "UPDATE budgets SET failures = CASE WHEN failures > 0 THEN failures - 1 ELSE 0 END, blocked_until = 0 \
        WHERE key = $1";
    UNLOCK = "DELETE FROM budgets WHERE user_id = $1";
}

/// A schedule at one instant, in numbers that [`CHARGE`] can choose from.
struct Waits {
    /// `blocked_until` after the first failure.
    first: i64,
    /// Failures from which on the wait is the longest.
    longest_from: u32,
    /// `blocked_until` from then on.
    longest: i64,
}

impl Waits {
    fn new(schedule: &Schedule, now: Timestamp) -> Self {
        let unlocked = Schedule { locked_at: u32::MAX, ..*schedule };
        let after = |doublings: u32| unlocked.blocked_until(schedule.free.saturating_add(doublings), now);
        // Waits stop doubling when they reach the longest, or with the sixteenth doubling.
        let doublings = (0..16).find(|&doublings| after(doublings) == after(16)).unwrap_or(16);
        Self {
            first: stored(schedule.blocked_until(1, now), now),
            longest_from: schedule.free.saturating_add(doublings),
            longest: stored(after(doublings), now),
        }
    }
}

#[async_trait]
impl BudgetStore for SqlStore {
    async fn charge(&self, key: &BudgetKey, schedule: &Schedule, now: Timestamp) -> Result<Charge, StoreError> {
        let waits = Waits::new(schedule, now);
        let counted: Option<i64> = writing!(self, db => query_scalar(CHARGE)
            .bind(key.as_str())
            .bind(key.owner().map(|user| user.0))
            .bind(now.as_millis())
            .bind((now - schedule.forgotten_after).as_millis())
            .bind(waits.first)
            .bind(i64::from(schedule.free))
            .bind(i64::from(waits.longest_from))
            .bind(waits.longest)
            .bind(i64::try_from(schedule.delay_first.as_millis()).unwrap_or(i64::MAX))
            .bind(i64::from(schedule.locked_at))
            .fetch_optional(db)
            .await?);
        if let Some(failures) = counted {
            let failures = failures.try_into().map_err(|_| bad("budgets", key.as_str(), "failures"))?;
            return Ok(Charge::Counted { failures });
        }
        // It may have been opened since; whoever was refused is told to try again at once.
        let until: Option<i64> =
            reading!(self, db => query_scalar(BLOCKED_UNTIL).bind(key.as_str()).fetch_optional(db).await?);
        Ok(Charge::Closed(Closed::at(until.map_or(now, Timestamp::from_millis).max(now))))
    }

    async fn clear(&self, key: &BudgetKey) -> Result<(), StoreError> {
        writing!(self, db => { query(CLEAR).bind(key.as_str()).execute(db).await?; });
        Ok(())
    }

    async fn refund(&self, key: &BudgetKey) -> Result<(), StoreError> {
        writing!(self, db => { query(REFUND).bind(key.as_str()).execute(db).await?; });
        Ok(())
    }

    async fn unlock(&self, user: UserId) -> Result<(), StoreError> {
        writing!(self, db => { query(UNLOCK).bind(user.0).execute(db).await?; });
        Ok(())
    }
}

/// A `blocked_until` as the column holds it.
fn stored(blocked_until: Timestamp, now: Timestamp) -> i64 {
    if blocked_until == now { OPEN } else { blocked_until.as_millis() }
}
