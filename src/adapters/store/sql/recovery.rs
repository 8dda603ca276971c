//! Recovery codes, in SQL.

use super::{Pools, SqlStore, endings::HOLD_ACCOUNT};
use crate::{
    domain::{factor::FactorId, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{FoundCode, HashedCode, RecoveryStore},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

statements! {
    REMOVE_CODES = "DELETE FROM recovery_codes WHERE user_id = $1";
    ADD_CODE = "INSERT INTO recovery_codes (user_id, set_id, head, phc) VALUES ($1, $2, $3, $4)";
    CODE = "SELECT set_id, phc FROM recovery_codes WHERE user_id = $1 AND head = $2";
    SPEND_CODE = "UPDATE recovery_codes SET used_at = $4 \
        WHERE user_id = $1 AND set_id = $2 AND head = $3 AND used_at IS NULL";
    CODES_LEFT = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL";
}

#[async_trait]
impl RecoveryStore for SqlStore {
    async fn replace_recovery_codes(
        &self,
        user: UserId,
        set: FactorId,
        codes: &[HashedCode],
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            query(REMOVE_CODES).bind(user.0).execute(&mut *tx).await?;
            for HashedCode { head, phc } in codes {
                query(ADD_CODE).bind(user.0).bind(set.0).bind(head).bind(phc).execute(&mut *tx).await?;
            }
        });
        Ok(())
    }

    async fn recovery_code(&self, user: UserId, head: &str) -> Result<Option<FoundCode>, StoreError> {
        let row: Option<(Uuid, String)> =
            reading!(self, db => query_as(CODE).bind(user.0).bind(head).fetch_optional(db).await?);
        Ok(row.map(|(set, phc)| FoundCode { set: FactorId(set), phc }))
    }

    async fn spend_recovery_code(
        &self,
        user: UserId,
        set: FactorId,
        head: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let spent = writing!(self, db => query(SPEND_CODE)
            .bind(user.0)
            .bind(set.0)
            .bind(head)
            .bind(now.as_millis())
            .execute(db)
            .await?
            .rows_affected());
        Ok(spent == 1)
    }

    async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError> {
        let left: i64 = reading!(self, db => query_scalar(CODES_LEFT).bind(user.0).fetch_one(db).await?);
        Ok(left.unsigned_abs())
    }
}
