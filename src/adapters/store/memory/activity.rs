//! What happened to accounts, in memory.

use super::MemoryStore;
use crate::{
    domain::{event::Event, time::Timestamp, user::UserId},
    ports::{StoreError, store::ActivityStore},
};
use async_trait::async_trait;

#[async_trait]
impl ActivityStore for MemoryStore {
    async fn append_event(&self, event: &Event) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(user) = event.user {
            tables.account_exists(user)?;
        }
        tables.events.push(event.clone());
        Ok(())
    }

    async fn recent_events(&self, user: UserId, most: u32) -> Result<Vec<Event>, StoreError> {
        let tables = self.tables();
        let own = tables.events.iter().rev().filter(|event| event.user == Some(user));
        Ok(own.take(most as usize).cloned().collect())
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tables().events.retain(|event| event.at >= before);
        Ok(())
    }
}
