//! Since when somebody signs in without the second factor that is required of them.

use super::StoreError;
use crate::domain::{time::Timestamp, user::UserId};
use async_trait::async_trait;

/// When grace began, account by account.
#[async_trait]
pub trait GraceStore: Send + Sync {
    /// Notes that grace begins at `now`, unless it began before. One statement decides: all who race are told the same
    /// beginning. `None` if there is no such account.
    async fn begin_grace(&self, user: UserId, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// When grace began. An operator's reset of second factors moves it to the beginning of time, where there was one: it
    /// is over then, however long it lasts.
    async fn grace_began(&self, user: UserId) -> Result<Option<Timestamp>, StoreError>;
}
