//! What happened to accounts.

use super::StoreError;
use crate::domain::{event::Event, time::Timestamp, user::UserId};
use async_trait::async_trait;

/// Events, each written once and never changed.
#[async_trait]
pub trait ActivityStore: Send + Sync {
    /// Adds an event.
    async fn append_event(&self, event: &Event) -> Result<(), StoreError>;
    /// The last `most` events of an account that were added, the last first.
    async fn recent_events(&self, user: UserId, most: u32) -> Result<Vec<Event>, StoreError>;
    /// Forgets events from before this.
    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError>;
}
