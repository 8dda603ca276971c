//! What sign-ins leave behind for later ones to be compared with.

use super::StoreError;
use crate::domain::{risk::Trace, time::Timestamp, user::UserId};
use async_trait::async_trait;

/// Traces: the latest of each account, browser and subnet. They go with their account. Of those that are swept it stays known
/// when the last was left.
#[async_trait]
pub trait TraceStore: Send + Sync {
    /// Keeps a trace in place of an older one of the same browser and subnet. What counts already goes on counting.
    async fn leave_trace(&self, user: UserId, trace: &Trace) -> Result<(), StoreError>;
    /// The traces that are kept of an account, the latest first. Those to be swept soon are among them.
    async fn traces(&self, user: UserId) -> Result<Vec<Trace>, StoreError>;
    /// When the last of an account's traces was left that have been swept. To be asked after [`TraceStore::traces`]: in the
    /// other order neither would tell of what is swept in between.
    async fn last_forgotten(&self, user: UserId) -> Result<Option<Timestamp>, StoreError>;
    /// Forgets traces from before this, all but when the last of each account was left.
    async fn sweep_traces(&self, before: Timestamp) -> Result<(), StoreError>;
}
