//! Passkeys, security keys and ceremonies, in SQL.

use super::{
    Pools, SqlStore,
    rows::{CeremonyRow, PasskeyRow},
};
use crate::{
    domain::{factor::FactorId, secret::TokenHash, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{Added, Ceremony, LastFactor, PasskeyFactor, PasskeyStore},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    ADD_PASSKEY = "INSERT INTO passkeys (id, user_id, kind, name, credential_id, credential, created_at, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    PASSKEYS = "SELECT id, user_id, kind, name, credential_id, credential, created_at, used_at FROM passkeys \
        WHERE user_id = $1 ORDER BY created_at, id";
    PASSKEY = "SELECT id, user_id, kind, name, credential_id, credential, created_at, used_at FROM passkeys \
        WHERE credential_id = $1";
    USE_PASSKEY = "UPDATE passkeys SET credential = $3, used_at = $4 WHERE id = $1 AND credential = $2";
    /// Makes those who remove a factor of one account wait for each other: two must not each leave the other's.
    HOLD_ACCOUNT = "UPDATE accounts SET login_id = login_id WHERE id = $1";
    REMOVE_PASSKEY = "DELETE FROM passkeys WHERE id = $1 AND user_id = $2 AND ($3 \
        OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = $2 AND p.id <> $1) \
        OR EXISTS (SELECT 1 FROM totp_factors t WHERE t.user_id = $2))";

    OPEN_CEREMONY = "INSERT INTO ceremonies (token, purpose, browser, user_id, state, made_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    TAKE_CEREMONY = "DELETE FROM ceremonies WHERE token = $1 RETURNING purpose, browser, user_id, state, made_at";
}

#[async_trait]
impl PasskeyStore for SqlStore {
    async fn add_passkey(&self, passkey: &PasskeyFactor) -> Result<Added, StoreError> {
        let rows = writing!(self, db => query(ADD_PASSKEY)
            .bind(passkey.id.0)
            .bind(passkey.user.0)
            .bind(passkey.kind.method().name())
            .bind(&passkey.name)
            .bind(&passkey.credential_id)
            .bind(&passkey.credential)
            .bind(passkey.created_at.as_millis())
            .bind(passkey.used_at.map(Timestamp::as_millis))
            .execute(db)
            .await?
            .rows_affected());
        Ok(if rows == 0 { Added::Taken } else { Added::New })
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

    async fn remove_passkey(&self, user: UserId, passkey: FactorId, last: LastFactor) -> Result<bool, StoreError> {
        let may_go = last == LastFactor::MayGo;
        Ok(transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            let removed = query(REMOVE_PASSKEY).bind(passkey.0).bind(user.0).bind(may_go).execute(&mut *tx).await?;
            removed.rows_affected() == 1
        }))
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
