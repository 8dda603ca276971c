//! Proofs that pay for one request each, in SQL.

use super::{Pools, SqlStore, rows::ReceiptRow};
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
use sqlx::{query, query_as};

statements! {
    WRITE_RECEIPT = "INSERT INTO receipts (session_id, request, method, proven_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (session_id, request) DO UPDATE SET method = excluded.method, proven_at = excluded.proven_at";
    RECEIPT = "SELECT method, proven_at FROM receipts WHERE session_id = $1 AND request = $2 AND proven_at > $3";
    SPEND_RECEIPT = "DELETE FROM receipts WHERE session_id = $1 AND request = $2 AND proven_at > $3 \
        RETURNING method, proven_at";
    SWEEP_RECEIPTS = "DELETE FROM receipts WHERE proven_at < $1";
}

#[async_trait]
impl ReceiptStore for SqlStore {
    async fn step_up_for(
        &self,
        request: Fingerprint,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError> {
        transaction!(self, tx => {
            if !rotate!(tx, session, proof, old, new) {
                return Ok(false);
            }
            query(WRITE_RECEIPT)
                .bind(session.0)
                .bind(request.as_bytes().as_slice())
                .bind(proof.method.name())
                .bind(proof.at.as_millis())
                .execute(&mut *tx)
                .await?;
        });
        Ok(true)
    }

    async fn receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Receipt>, StoreError> {
        let hash = request.as_bytes().as_slice();
        let row: Option<ReceiptRow> = reading!(self, db => {
            query_as(RECEIPT).bind(session.0).bind(hash).bind(since.as_millis()).fetch_optional(db).await?
        });
        row.map(|row| row.read(session, request)).transpose()
    }

    async fn spend_receipt(
        &self,
        session: SessionId,
        request: Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Spent>, StoreError> {
        let hash = request.as_bytes().as_slice();
        let row: Option<ReceiptRow> = writing!(self, db => {
            query_as(SPEND_RECEIPT).bind(session.0).bind(hash).bind(since.as_millis()).fetch_optional(db).await?
        });
        row.map(|row| row.read(session, request).map(Spent::deleted)).transpose()
    }

    async fn sweep_receipts(&self, before: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(SWEEP_RECEIPTS).bind(before.as_millis()).execute(db).await?; });
        Ok(())
    }
}
