//! Proofs that pay for one request each, in memory.

use super::MemoryStore;
use crate::{
    domain::{
        policy::once::{Fingerprint, Receipt, Spent},
        secret::TokenHash,
        session::{Authentication, SessionId},
        time::Timestamp,
    },
    ports::{StoreError, store::ReceiptStore},
};
use async_trait::async_trait;

#[async_trait]
impl ReceiptStore for MemoryStore {
    async fn step_up_for(
        &self,
        request: Fingerprint,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let is_kept = tables.step_up(session, proof, old, new);
        if is_kept {
            let receipt = Receipt { session, request, method: proof.method, at: proof.at };
            tables.receipts.insert((session, request), receipt);
        }
        Ok(is_kept)
    }

    async fn receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Receipt>, StoreError> {
        Ok(self.tables().receipts.get(&(session, request)).filter(|receipt| receipt.at > since).copied())
    }

    async fn spend_receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Spent>, StoreError> {
        let mut tables = self.tables();
        let receipt = tables.receipts.get(&(session, request)).filter(|receipt| receipt.at > since).copied();
        if receipt.is_some() {
            tables.receipts.remove(&(session, request));
        }
        Ok(receipt.map(Spent::deleted))
    }

    async fn sweep_receipts(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tables().receipts.retain(|_, receipt| receipt.at >= before);
        Ok(())
    }
}
