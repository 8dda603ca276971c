//! Throttling budgets, in memory.

use super::MemoryStore;
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

/// One budget.
pub(super) struct Budget {
    /// Whose account it protects.
    pub(super) owner: Option<UserId>,
    failures: u32,
    /// `None` while it is open.
    blocked_until: Option<Timestamp>,
    updated_at: Timestamp,
}

impl Budget {
    /// Whether it starts anew, for having been left alone since `before`. A locked one never does.
    pub(super) fn is_forgotten(&self, before: Timestamp) -> bool {
        self.updated_at <= before && self.blocked_until != Some(NEVER)
    }

    fn charge(&mut self, schedule: &Schedule, now: Timestamp) -> Charge {
        if self.is_forgotten(now - schedule.forgotten_after) {
            self.failures = 0;
        } else if let Some(until) = self.blocked_until.filter(|&until| until > now) {
            return Charge::Closed(Closed::at(until));
        }
        self.failures += 1;
        self.blocked_until = Some(schedule.blocked_until(self.failures, now)).filter(|&until| until != now);
        self.updated_at = now;
        Charge::Counted { failures: self.failures }
    }
}

#[async_trait]
impl BudgetStore for MemoryStore {
    async fn charge(&self, key: &BudgetKey, schedule: &Schedule, now: Timestamp) -> Result<Charge, StoreError> {
        let mut tables = self.tables();
        let fresh = || Budget { owner: key.owner(), failures: 0, blocked_until: None, updated_at: now };
        Ok(tables.budgets.entry(key.as_str().to_owned()).or_insert_with(fresh).charge(schedule, now))
    }

    async fn clear(&self, key: &BudgetKey) -> Result<(), StoreError> {
        self.tables().budgets.remove(key.as_str());
        Ok(())
    }

    async fn refund(&self, key: &BudgetKey) -> Result<(), StoreError> {
        if let Some(budget) = self.tables().budgets.get_mut(key.as_str()) {
            budget.failures = budget.failures.saturating_sub(1);
            budget.blocked_until = None;
        }
        Ok(())
    }

    async fn unlock(&self, user: UserId) -> Result<(), StoreError> {
        self.tables().budgets.retain(|_, budget| budget.owner != Some(user));
        Ok(())
    }
}
