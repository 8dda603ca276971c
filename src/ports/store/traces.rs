//! What sign-ins leave behind for later ones to be compared with.

use super::StoreError;
use crate::domain::{risk::Trace, time::Timestamp, user::UserId};
use async_trait::async_trait;

/// Traces: the latest of each account, browser and subnet. They go with their account.
#[async_trait]
pub trait TraceStore: Send + Sync {
    /// Keeps a trace in place of an older one of the same browser and subnet. What counts already goes on counting.
    async fn leave_trace(&self, user: UserId, trace: &Trace) -> Result<(), StoreError>;
    /// The traces that an account has left since `since`, the latest first.
    async fn traces(&self, user: UserId, since: Timestamp) -> Result<Vec<Trace>, StoreError>;
    /// Forgets traces from before this.
    async fn sweep_traces(&self, before: Timestamp) -> Result<(), StoreError>;
}
