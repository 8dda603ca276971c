//! Throttling budgets.

use super::StoreError;
use crate::domain::{
    throttle::{BudgetKey, Closed, Schedule},
    time::Timestamp,
    user::UserId,
};
use async_trait::async_trait;

/// Whether a try may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Charge {
    /// It was counted as failed beforehand, and may go on.
    Counted {
        /// Failures so far, this one included.
        failures: u32,
    },
    /// The budget is closed; nothing was counted.
    Closed(Closed),
}

/// Budgets of tries. State is durable and shared by all nodes.
#[async_trait]
pub trait BudgetStore: Send + Sync {
    /// Counts one failure ahead of the check, unless the budget is closed at `now`. One statement decides: of 64
    /// racing tries each is counted or refused (TH-03).
    async fn charge(&self, key: &BudgetKey, schedule: &Schedule, now: Timestamp) -> Result<Charge, StoreError>;
    /// Empties a budget after a right answer.
    async fn clear(&self, key: &BudgetKey) -> Result<(), StoreError>;
    /// Takes one failure back after a right answer, where many share the budget. It reopens at once.
    async fn refund(&self, key: &BudgetKey) -> Result<(), StoreError>;
    /// Empties all budgets of an account.
    async fn unlock(&self, user: UserId) -> Result<(), StoreError>;
}
