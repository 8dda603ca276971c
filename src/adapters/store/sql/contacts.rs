//! Contacts and codes, in SQL.

use super::{
    Pools, SqlStore,
    accounts::CLOSE_ENROLMENT,
    rows::{CodeRow, ContactRow},
};
use crate::{
    domain::{contact::Contact, factor::FactorId, secret::TokenHash, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{Added, ContactStore, Removal, SentCode, SentPurpose},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    CONTACTS = "SELECT id, user_id, kind, address, verified_at, used_at FROM contacts WHERE user_id = $1 ORDER BY kind";
    PUT_CONTACT = "INSERT INTO contacts (id, user_id, kind, address, verified_at, used_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (user_id, kind) DO UPDATE SET id = excluded.id, address = excluded.address, \
        verified_at = excluded.verified_at, used_at = excluded.used_at";
    USE_CONTACT = "UPDATE contacts SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)";
    REMOVE_CONTACT = concat!("DELETE FROM contacts WHERE id = $1 AND user_id = $2 AND ($3 OR ",
        second_factors!("$2"), " > 0 OR (kind <> 'phone' AND ", phones!("$2", "$4"), " > 0))");

    PUT_CODE = "INSERT INTO codes (browser, purpose, user_id, method, address, factor_id, sealed, sent_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (browser, purpose) DO UPDATE \
        SET user_id = excluded.user_id, method = excluded.method, address = excluded.address, \
        factor_id = excluded.factor_id, sealed = excluded.sealed, sent_at = excluded.sent_at, guesses = 0";
    CODE = "SELECT user_id, method, address, factor_id, sealed, sent_at FROM codes \
        WHERE browser = $1 AND purpose = $2 AND guesses < $3";
    GUESS_CODE = "UPDATE codes SET guesses = guesses + 1 \
        WHERE browser = $1 AND purpose = $2 AND sealed = $3 AND guesses < $4";
    SPEND_CODE = "DELETE FROM codes WHERE browser = $1 AND purpose = $2 AND sealed = $3";
}

/// Keeps an address, in place of one of the same kind.
macro_rules! put_contact {
    ($db:expr, $contact:expr) => {{
        query(super::contacts::PUT_CONTACT)
            .bind($contact.id.0)
            .bind($contact.user.0)
            .bind($contact.address.kind().name())
            .bind($contact.address.as_str())
            .bind($contact.verified_at.map(Timestamp::as_millis))
            .bind($contact.used_at.map(Timestamp::as_millis))
            .execute($db)
            .await?;
    }};
}
pub(super) use put_contact;

#[async_trait]
impl ContactStore for SqlStore {
    async fn contacts(&self, user: UserId) -> Result<Vec<Contact>, StoreError> {
        let rows: Vec<ContactRow> = reading!(self, db => query_as(CONTACTS).bind(user.0).fetch_all(db).await?);
        rows.into_iter().map(Contact::try_from).collect()
    }

    async fn use_contact(&self, contact: FactorId, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(USE_CONTACT).bind(contact.0).bind(now.as_millis()).execute(db).await?; });
        Ok(())
    }

    async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError> {
        writing!(self, db => put_contact!(db, contact));
        Ok(())
    }

    async fn put_first_contact(&self, contact: &Contact, now: Timestamp) -> Result<Added, StoreError> {
        transaction!(self, tx => {
            let closed = query(CLOSE_ENROLMENT).bind(contact.user.0).bind(now.as_millis()).execute(&mut *tx).await?;
            if closed.rows_affected() == 0 {
                return Ok(Added::Taken);
            }
            put_contact!(&mut *tx, contact);
        });
        Ok(Added::New)
    }

    async fn remove_contact(&self, removal: Removal) -> Result<bool, StoreError> {
        self.remove(removal, &[REMOVE_CONTACT]).await
    }

    async fn put_code(&self, code: &SentCode) -> Result<(), StoreError> {
        writing!(self, db => {
            query(PUT_CODE)
                .bind(code.browser.as_bytes().as_slice())
                .bind(code.purpose.name())
                .bind(code.user.0)
                .bind(code.method.name())
                .bind(code.address.as_str())
                .bind(code.factor.0)
                .bind(&code.sealed)
                .bind(code.sent_at.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn code(&self, browser: TokenHash, purpose: SentPurpose) -> Result<Option<SentCode>, StoreError> {
        let row: Option<CodeRow> = reading!(self, db => query_as(CODE)
            .bind(browser.as_bytes().as_slice())
            .bind(purpose.name())
            .bind(i64::from(SentCode::GUESSES))
            .fetch_optional(db)
            .await?);
        row.map(|row| row.read(browser, purpose)).transpose()
    }

    async fn guess_code(&self, code: &SentCode) -> Result<bool, StoreError> {
        let counted = writing!(self, db => query(GUESS_CODE)
            .bind(code.browser.as_bytes().as_slice())
            .bind(code.purpose.name())
            .bind(&code.sealed)
            .bind(i64::from(SentCode::GUESSES))
            .execute(db)
            .await?
            .rows_affected());
        Ok(counted == 1)
    }

    async fn spend_code(&self, code: &SentCode) -> Result<bool, StoreError> {
        let spent = writing!(self, db => query(SPEND_CODE)
            .bind(code.browser.as_bytes().as_slice())
            .bind(code.purpose.name())
            .bind(&code.sealed)
            .execute(db)
            .await?
            .rows_affected());
        Ok(spent == 1)
    }
}
