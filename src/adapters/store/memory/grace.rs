//! When grace began, in memory.

use super::MemoryStore;
use crate::{
    domain::{time::Timestamp, user::UserId},
    ports::{StoreError, store::GraceStore},
};
use async_trait::async_trait;

#[async_trait]
impl GraceStore for MemoryStore {
    async fn begin_grace(&self, user: UserId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut tables = self.tables();
        let is_there = tables.accounts.contains_key(&user);
        Ok(is_there.then(|| *tables.graces.entry(user).or_insert(now)))
    }

    async fn grace_began(&self, user: UserId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().graces.get(&user).copied())
    }
}
