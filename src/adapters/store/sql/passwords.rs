//! Changes and resets of passwords, in SQL.

use super::{
    Pools, SqlStore,
    accounts::SET_PASSWORD,
    endings::{END_ATTEMPTS, END_RESETS, END_SESSIONS, FORGET_BROWSERS, FORGET_DEVICES},
};
use crate::{
    domain::{factor::Method, secret::TokenHash, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{OtherSessions, PasswordChange, PasswordFactor, PasswordReset, PasswordStore},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_scalar};
use uuid::Uuid;

statements! {
    ROTATE = "UPDATE sessions SET token = $3 WHERE id = $1 AND token = $2 AND user_id = $4";
    /// The old password is told by its id, which no other ever has; without one the id is nothing.
    REPLACE_PASSWORD = "UPDATE accounts SET password_id = $3, password_phc = $4, password_changed_at = $5 \
        WHERE id = $1 AND (password_id = $2 OR (password_id IS NULL AND $2 IS NULL))";
    ADD_PROOF = "INSERT INTO authentications (session_id, factor_id, method, proven_at) VALUES ($1, $2, $3, $4)";
    END_OTHERS = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";

    OPEN_RESET = "INSERT INTO password_resets (token, user_id, made_at) VALUES ($1, $2, $3)";
    /// A link that was mailed to an address which is the account's no more finds nobody.
    RESET_OF = "SELECT r.user_id FROM password_resets r WHERE r.token = $1 AND r.made_at > $2 AND EXISTS (SELECT 1 \
        FROM contacts c WHERE c.user_id = r.user_id AND c.kind = 'email' AND c.verified_at <= r.made_at)";
    SPEND_RESET = "DELETE FROM password_resets WHERE token = $1";
    SWEEP_RESETS = "DELETE FROM password_resets WHERE made_at < $1";
}

#[async_trait]
impl PasswordStore for SqlStore {
    async fn change_password(&self, change: &PasswordChange<'_>) -> Result<bool, StoreError> {
        let PasswordChange { user, before, after, session, old, new, others } = *change;
        transaction!(self, tx => {
            // The account first, as everybody who changes it does: two who took its rows in another order could wait for each
            // other.
            let replaced = query(REPLACE_PASSWORD)
                .bind(user.0)
                .bind(before.map(|factor| factor.0))
                .bind(after.id.0)
                .bind(&after.phc)
                .bind(after.changed_at.as_millis())
                .execute(&mut *tx)
                .await?;
            let rotated = query(ROTATE)
                .bind(session.0)
                .bind(old.as_bytes().as_slice())
                .bind(new.as_bytes().as_slice())
                .bind(user.0)
                .execute(&mut *tx)
                .await?;
            if (rotated.rows_affected(), replaced.rows_affected()) != (1, 1) {
                return Ok(false);
            }
            query(ADD_PROOF)
                .bind(session.0)
                .bind(after.id.0)
                .bind(Method::Password.name())
                .bind(after.changed_at.as_millis())
                .execute(&mut *tx)
                .await?;
            query(END_ATTEMPTS).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_BROWSERS).bind(user.0).execute(&mut *tx).await?;
            query(END_RESETS).bind(user.0).execute(&mut *tx).await?;
            if others == OtherSessions::End {
                query(END_OTHERS).bind(user.0).bind(session.0).execute(&mut *tx).await?;
            }
        });
        Ok(true)
    }

    async fn open_reset(&self, reset: &PasswordReset) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_RESET)
                .bind(reset.token.as_bytes().as_slice())
                .bind(reset.user.map(|user| user.0))
                .bind(reset.made_at.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn reset_of(&self, token: TokenHash, since: Timestamp) -> Result<Option<UserId>, StoreError> {
        let user: Option<Uuid> = reading!(self, db => query_scalar(RESET_OF)
            .bind(token.as_bytes().as_slice())
            .bind(since.as_millis())
            .fetch_optional(db)
            .await?);
        Ok(user.map(UserId))
    }

    async fn redeem_reset(
        &self,
        token: TokenHash,
        since: Timestamp,
        password: &PasswordFactor,
    ) -> Result<Option<UserId>, StoreError> {
        let user: Uuid = transaction!(self, tx => {
            // The account first, as in every change to it. Whether the link counts is for the deletion to say.
            let found: Option<Uuid> = query_scalar(RESET_OF)
                .bind(token.as_bytes().as_slice())
                .bind(since.as_millis())
                .fetch_optional(&mut *tx)
                .await?;
            let Some(user) = found else { return Ok(None) };
            query(SET_PASSWORD)
                .bind(user)
                .bind(password.id.0)
                .bind(&password.phc)
                .bind(password.changed_at.as_millis())
                .execute(&mut *tx)
                .await?;
            let spent = query(SPEND_RESET).bind(token.as_bytes().as_slice()).execute(&mut *tx).await?;
            if spent.rows_affected() == 0 {
                return Ok(None);
            }
            query(END_ATTEMPTS).bind(user).execute(&mut *tx).await?;
            query(END_SESSIONS).bind(user).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user).execute(&mut *tx).await?;
            query(FORGET_BROWSERS).bind(user).execute(&mut *tx).await?;
            query(END_RESETS).bind(user).execute(&mut *tx).await?;
            user
        });
        Ok(Some(UserId(user)))
    }

    async fn sweep_resets(&self, before: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(SWEEP_RESETS).bind(before.as_millis()).execute(db).await?; });
        Ok(())
    }
}
