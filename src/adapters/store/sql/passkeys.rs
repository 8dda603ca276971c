//! Passkeys, security keys and ceremonies, in SQL.

use super::{
    Pools, SqlStore,
    rows::{CeremonyRow, PasskeyRow},
};
use crate::{
    domain::{factor::FactorId, secret::TokenHash, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{Added, Ceremony, PasskeyFactor, PasskeyStore},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    ADD_PASSKEY = "INSERT INTO passkeys (id, user_id, kind, name, credential_id, credential, created_at, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    CLOSE_ENROLMENT = close_enrolment!();
    PASSKEYS = "SELECT id, user_id, kind, name, credential_id, credential, created_at, used_at FROM passkeys \
        WHERE user_id = $1 ORDER BY created_at, id";
    PASSKEY = "SELECT id, user_id, kind, name, credential_id, credential, created_at, used_at FROM passkeys \
        WHERE credential_id = $1";
    USE_PASSKEY = "UPDATE passkeys SET credential = $3, used_at = $4 WHERE id = $1 AND credential = $2";

    OPEN_CEREMONY = "INSERT INTO ceremonies (token, purpose, browser, user_id, state, made_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    TAKE_CEREMONY = "DELETE FROM ceremonies WHERE token = $1 RETURNING purpose, browser, user_id, state, made_at";
}

/// Adds a passkey, unless its id or its credential's is taken. How many rows that were.
macro_rules! add_passkey {
    ($db:expr, $passkey:expr) => {
        query(ADD_PASSKEY)
            .bind($passkey.id.0)
            .bind($passkey.user.0)
            .bind($passkey.kind.method().name())
            .bind(&$passkey.name)
            .bind(&$passkey.credential_id)
            .bind(&$passkey.credential)
            .bind($passkey.created_at.as_millis())
            .bind($passkey.used_at.map(Timestamp::as_millis))
            .execute($db)
            .await?
            .rows_affected()
    };
}

#[async_trait]
impl PasskeyStore for SqlStore {
    async fn add_passkey(&self, passkey: &PasskeyFactor) -> Result<Added, StoreError> {
        Ok(added(writing!(self, db => add_passkey!(db, passkey))))
    }

    async fn add_first_passkey(&self, passkey: &PasskeyFactor, now: Timestamp) -> Result<Added, StoreError> {
        transaction!(self, tx => {
            let closed = query(CLOSE_ENROLMENT).bind(passkey.user.0).bind(now.as_millis()).execute(&mut *tx).await?;
            // Whoever leaves here leaves the time open: a credential that is taken uses nothing up.
            if closed.rows_affected() == 0 || add_passkey!(&mut *tx, passkey) == 0 {
                return Ok(Added::Taken);
            }
        });
        Ok(Added::New)
    }

    async fn passkeys(&self, user: UserId) -> Result<Vec<PasskeyFactor>, StoreError> {
        let rows: Vec<PasskeyRow> = reading!(self, db => query_as(PASSKEYS).bind(user.0).fetch_all(db).await?);
        rows.into_iter().map(PasskeyFactor::try_from).collect()
    }

    async fn passkey(&self, credential_id: &[u8]) -> Result<Option<PasskeyFactor>, StoreError> {
        let row: Option<PasskeyRow> =
            reading!(self, db => query_as(PASSKEY).bind(credential_id).fetch_optional(db).await?);
        row.map(PasskeyFactor::try_from).transpose()
    }

    async fn use_passkey(
        &self,
        passkey: FactorId,
        before: &str,
        after: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let used = writing!(self, db => query(USE_PASSKEY)
            .bind(passkey.0)
            .bind(before)
            .bind(after)
            .bind(now.as_millis())
            .execute(db)
            .await?
            .rows_affected());
        Ok(used == 1)
    }

    async fn open_ceremony(&self, ceremony: &Ceremony) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_CEREMONY)
                .bind(ceremony.token.as_bytes().as_slice())
                .bind(ceremony.purpose.name())
                .bind(ceremony.browser.as_bytes().as_slice())
                .bind(ceremony.user.map(|user| user.0))
                .bind(&ceremony.state)
                .bind(ceremony.made_at.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn take_ceremony(&self, token: TokenHash) -> Result<Option<Ceremony>, StoreError> {
        let hash = token.as_bytes().as_slice();
        let row: Option<CeremonyRow> =
            writing!(self, db => query_as(TAKE_CEREMONY).bind(hash).fetch_optional(db).await?);
        row.map(|row| row.read(token)).transpose()
    }
}

fn added(rows: u64) -> Added {
    if rows == 0 { Added::Taken } else { Added::New }
}
