//! Recovery codes.

use super::StoreError;
use crate::domain::{factor::FactorId, time::Timestamp, user::UserId};
use async_trait::async_trait;

/// A recovery code as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedCode {
    /// Its first letters: no two codes of a set share them.
    pub head: String,
    /// Argon2id of the whole, in PHC string format.
    pub phc: String,
}

/// A recovery code as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCode {
    /// The set it is of: its name in authentications.
    pub set: FactorId,
    /// Argon2id of the whole, in PHC string format.
    pub phc: String,
}

/// One set of recovery codes for each account.
#[async_trait]
pub trait RecoveryStore: Send + Sync {
    /// Makes these the recovery codes of an account and ends all older ones, in one transaction. Of callers who do so at
    /// once, one's set is left, whole.
    async fn replace_recovery_codes(&self, user: UserId, set: FactorId, codes: &[HashedCode])
    -> Result<(), StoreError>;
    /// The code of an account that begins like this, used or not.
    async fn recovery_code(&self, user: UserId, head: &str) -> Result<Option<FoundCode>, StoreError>;
    /// Uses a code up: `true` for exactly one caller, and only while its set is the account's. One statement decides.
    async fn spend_recovery_code(
        &self,
        user: UserId,
        set: FactorId,
        head: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// How many codes of an account are not used yet.
    async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError>;
}
