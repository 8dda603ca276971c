//! When grace began, in SQL.

use super::{Pools, SqlStore};
use crate::{
    domain::{time::Timestamp, user::UserId},
    ports::{StoreError, store::GraceStore},
};
use async_trait::async_trait;
use sqlx::query_scalar;

statements! {
    BEGIN_GRACE = "UPDATE accounts SET grace_began = COALESCE(grace_began, $2) WHERE id = $1 RETURNING grace_began";
    GRACE_BEGAN = "SELECT grace_began FROM accounts WHERE id = $1";
    /// At the beginning of time, so that it is over.
    END_GRACE = "UPDATE accounts SET grace_began = 0 WHERE id = $1";
}

#[async_trait]
impl GraceStore for SqlStore {
    async fn begin_grace(&self, user: UserId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let began: Option<i64> = writing!(self, db => query_scalar(BEGIN_GRACE)
            .bind(user.0)
            .bind(now.as_millis())
            .fetch_optional(db)
            .await?);
        Ok(began.map(Timestamp::from_millis))
    }

    async fn grace_began(&self, user: UserId) -> Result<Option<Timestamp>, StoreError> {
        let began: Option<Option<i64>> =
            reading!(self, db => query_scalar(GRACE_BEGAN).bind(user.0).fetch_optional(db).await?);
        Ok(began.flatten().map(Timestamp::from_millis))
    }
}
