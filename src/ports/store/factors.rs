//! What holds for second factors of every kind.

use super::StoreError;
use crate::domain::{factor::FactorId, user::UserId};
use async_trait::async_trait;

/// Whether the last second factor of an account may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastFactor {
    /// It stays.
    Stays,
    /// It may go.
    MayGo,
}

/// Whether a verified phone is a second factor of its owner: whether codes that prove something go there. The operator says so,
/// and no store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phones {
    /// It is one.
    Count,
    /// It only hears of changes.
    DontCount,
}

/// What is to be removed of an account, and what is to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Whose it is.
    pub user: UserId,
    /// The factor, or the address.
    pub id: FactorId,
    /// Whether it may be the last.
    pub last: LastFactor,
    /// Whether a phone may be what is left.
    pub phones: Phones,
}

/// Names, ends and the order of second factors.
#[async_trait]
pub trait FactorStore: Send + Sync {
    /// Calls a second factor of this account something else; `false` if it has none of that id.
    async fn rename_factor(&self, user: UserId, factor: FactorId, name: &str) -> Result<bool, StoreError>;
    /// Removes a second factor of this account; `false` if it has none of that id, or if it is the last of any kind and
    /// stays. One statement counts and removes, and those of one account come one after the other: of two who race for the
    /// last two, one is left. Where none is left, the recovery codes go with it: there is nothing that they could stand in for.
    async fn remove_factor(&self, removal: Removal) -> Result<bool, StoreError>;
    /// Notes which factor an account is to be asked for first; `false` if there is no such account.
    async fn set_primary(&self, user: UserId, factor: FactorId) -> Result<bool, StoreError>;
    /// Which factor an account is to be asked for first. It may be gone: ids are never used again.
    async fn primary(&self, user: UserId) -> Result<Option<FactorId>, StoreError>;
}
