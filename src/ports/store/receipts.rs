//! Proofs that pay for one request each.

use super::StoreError;
use crate::domain::{
    policy::once::{Fingerprint, Receipt, Spent},
    secret::TokenHash,
    session::{Authentication, SessionId},
    time::Timestamp,
};
use async_trait::async_trait;

/// Receipts. There is one at most for each session and request: a later proof takes the place of an earlier one.
#[async_trait]
pub trait ReceiptStore: Send + Sync {
    /// What [`SessionStore::step_up`](super::SessionStore::step_up) does, and writes in the same transaction that this proof
    /// pays for that request.
    async fn step_up_for(
        &self,
        request: Fingerprint,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError>;
    /// The receipt for a request, if its proof was made after `since`. It stays.
    async fn receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Receipt>, StoreError>;
    /// The same, and it is no more: for exactly one caller.
    async fn spend_receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Spent>, StoreError>;
    /// Forgets those whose proof was made before `before`.
    async fn sweep_receipts(&self, before: Timestamp) -> Result<(), StoreError>;
}
