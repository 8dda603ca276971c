//! What holds for second factors of every kind, in SQL.

use super::{Pools, SqlStore, endings::HOLD_ACCOUNT};
use crate::{
    domain::{factor::FactorId, user::UserId},
    ports::{
        StoreError,
        store::{FactorStore, LastFactor, Phones, Removal},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_scalar};
use uuid::Uuid;

statements! {
    RENAME_PASSKEY = "UPDATE passkeys SET name = $3 WHERE id = $1 AND user_id = $2";
    RENAME_APP = "UPDATE totp_factors SET name = $3 WHERE id = $1 AND user_id = $2";
    REMOVE_PASSKEY = concat!("DELETE FROM passkeys WHERE id = $1 AND user_id = $2 AND ($3 OR ",
        second_factors!("$2"), " + ", phones!("$2", "$4"), " > 1)");
    REMOVE_APP = concat!("DELETE FROM totp_factors WHERE id = $1 AND user_id = $2 AND ($3 OR ",
        second_factors!("$2"), " + ", phones!("$2", "$4"), " > 1)");
    REMOVE_CODES_OF_NOTHING = concat!("DELETE FROM recovery_codes WHERE user_id = $1 AND ",
        second_factors!("$1"), " + ", phones!("$1", "$2"), " = 0");
    SET_PRIMARY = "UPDATE accounts SET primary_factor = $2 WHERE id = $1";
    PRIMARY = "SELECT primary_factor FROM accounts WHERE id = $1";
}

impl SqlStore {
    /// Removes what one of these statements finds, and recovery codes that have nothing left to stand in for; whether there was
    /// one.
    pub(super) async fn remove(&self, removal: Removal, statements: &[&'static str]) -> Result<bool, StoreError> {
        let Removal { user, id, last, phones } = removal;
        let (may_go, phones) = (last == LastFactor::MayGo, phones == Phones::Count);
        Ok(transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            let mut removed = 0;
            for statement in statements {
                let removal = query(*statement).bind(id.0).bind(user.0).bind(may_go).bind(phones);
                removed += removal.execute(&mut *tx).await?.rows_affected();
            }
            query(REMOVE_CODES_OF_NOTHING).bind(user.0).bind(phones).execute(&mut *tx).await?;
            removed == 1
        }))
    }
}

#[async_trait]
impl FactorStore for SqlStore {
    async fn rename_factor(&self, user: UserId, factor: FactorId, name: &str) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => {
            let mut renamed = 0;
            for statement in [RENAME_PASSKEY, RENAME_APP] {
                renamed +=
                    query(statement).bind(factor.0).bind(user.0).bind(name).execute(&mut *tx).await?.rows_affected();
            }
            renamed == 1
        }))
    }

    async fn remove_factor(&self, removal: Removal) -> Result<bool, StoreError> {
        self.remove(removal, &[REMOVE_PASSKEY, REMOVE_APP]).await
    }

    async fn set_primary(&self, user: UserId, factor: FactorId) -> Result<bool, StoreError> {
        let changed =
            writing!(self, db => query(SET_PRIMARY).bind(user.0).bind(factor.0).execute(db).await?.rows_affected());
        Ok(changed == 1)
    }

    async fn primary(&self, user: UserId) -> Result<Option<FactorId>, StoreError> {
        let row: Option<Option<Uuid>> =
            reading!(self, db => query_scalar(PRIMARY).bind(user.0).fetch_optional(db).await?);
        Ok(row.flatten().map(FactorId))
    }
}
