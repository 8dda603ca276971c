//! Accounts, factors, browsers and keys, in SQL.

use super::{
    Pools, SqlStore,
    endings::{END_ATTEMPTS, END_RESETS, END_SESSIONS, FORGET_BROWSERS, FORGET_DEVICES, HOLD_ACCOUNT},
    grace::END_GRACE,
    rows::{AccountRow, KeyRow, TotpRow},
};
use crate::{
    domain::{
        factor::FactorId,
        language::Language,
        secret::TokenHash,
        time::Timestamp,
        user::{LoginId, UserId},
    },
    ports::{
        StoreError,
        store::{Account, AccountStore, Added, Holder, PasswordFactor, SealedKey, TotpFactor},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as, query_scalar};

macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "SELECT a.id AS user_id, login_id, name, e.address AS email, groups, language, disabled, created_at, enrol_until, enrol_for, \
             password_id, password_phc, password_changed_at FROM accounts a \
             LEFT JOIN contacts e ON e.user_id = a.id AND e.kind = 'email' AND e.verified_at IS NOT NULL ",
            $rest
        )
    };
}

statements! {
    ADD_ACCOUNT = "INSERT INTO accounts (id, login_id, name, groups, disabled, created_at, enrol_until, \
        password_id, password_phc, password_changed_at, language, enrol_for) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    ACCOUNT_BY_LOGIN = select_account!("WHERE login_id = $1");
    ACCOUNT = select_account!("WHERE a.id = $1");
    ACCOUNTS = select_account!("ORDER BY login_id");
    SET_DISABLED = "UPDATE accounts SET disabled = $2 WHERE id = $1";
    SET_LANGUAGE = "UPDATE accounts SET language = $2 WHERE id = $1";
    DELETE_ACCOUNT = "DELETE FROM accounts WHERE id = $1";
    SET_PASSWORD = "UPDATE accounts SET password_id = $2, password_phc = $3, password_changed_at = $4 WHERE id = $1";
    REHASH_PASSWORD = "UPDATE accounts SET password_phc = $3 WHERE id = $1 AND password_phc = $2";
    SET_ENROL_UNTIL = "UPDATE accounts SET enrol_until = $2, enrol_for = NULL WHERE id = $1";
    OPEN_ENROLMENT = "UPDATE accounts SET enrol_until = $2, enrol_for = $3 WHERE id = $1 \
        AND (enrol_for IS NOT NULL OR enrol_until IS NULL OR enrol_until <= $4)";

    FORGET_BUDGETS = "DELETE FROM budgets WHERE user_id = $1";

    ADD_TOTP = "INSERT INTO totp_factors (id, user_id, name, sealed_key, spent_step, created_at, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    CLOSE_ENROLMENT = close_enrolment!();
    TOTP_FACTORS = "SELECT id, user_id, name, sealed_key, spent_step, created_at, used_at FROM totp_factors \
        WHERE user_id = $1 ORDER BY created_at, id";
    SPEND_TOTP_STEP = "UPDATE totp_factors SET spent_step = $2, used_at = $3 WHERE id = $1 AND spent_step < $2";
    REMOVE_OTHER_TOTP_FACTORS = "DELETE FROM totp_factors WHERE user_id = $1 AND id <> $2";
    REMOVE_TOTP_FACTORS = "DELETE FROM totp_factors WHERE user_id = $1";
    REMOVE_RECOVERY_CODES = "DELETE FROM recovery_codes WHERE user_id = $1";
    REMOVE_PASSKEYS = "DELETE FROM passkeys WHERE user_id = $1";
    REMOVE_PHONE = "DELETE FROM contacts WHERE user_id = $1 AND kind = 'phone'";

    KNOW_BROWSER = "INSERT INTO known_browsers AS b (browser, user_id, seen_at) VALUES ($1, $2, $3) \
        ON CONFLICT (user_id, browser) DO UPDATE SET seen_at = excluded.seen_at WHERE b.seen_at < excluded.seen_at";
    KNOWS_BROWSER = "SELECT COUNT(*) FROM known_browsers WHERE browser = $1 AND user_id = $2 AND seen_at >= $3";

    /// Serialises those who add a signing key: whoever comes second sees what the first has added.
    TAKE_TURN = "UPDATE turns SET taken = taken + 1 WHERE name = 'signing_keys'";
    ADD_SIGNING_KEY = "INSERT INTO signing_keys (id, sealed, created_at) SELECT $1, $2, $3 \
        WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE created_at > $4) ON CONFLICT (id) DO NOTHING";
    SIGNING_KEYS = "SELECT id, sealed, created_at FROM signing_keys ORDER BY created_at DESC, id";
}

/// Adds an account, unless its id or login id is taken. How many rows that were.
macro_rules! add_account {
    ($db:expr, $account:expr) => {{
        let Account { user, password, approval } = $account;
        let password = password.as_ref();
        query(super::accounts::ADD_ACCOUNT)
            .bind(user.id.0)
            .bind(user.login_id.as_str())
            .bind(&user.name)
            .bind(serde_json::json!(user.groups).to_string())
            .bind(user.disabled)
            .bind(user.created_at.as_millis())
            .bind(approval.map(|approval| approval.until.as_millis()))
            .bind(password.map(|password| password.id.0))
            .bind(password.map(|password| &password.phc))
            .bind(password.map(|password| password.changed_at.as_millis()))
            .bind(user.language.map(crate::domain::language::Language::tag))
            .bind(approval.and_then(|approval| approval.holder).map(super::accounts::bytes_of))
            .execute($db)
            .await?
            .rows_affected()
    }};
}
pub(super) use add_account;

/// Adds an authenticator app, unless its id is taken. How many rows that were.
macro_rules! add_totp {
    ($db:expr, $factor:expr) => {
        query(ADD_TOTP)
            .bind($factor.id.0)
            .bind($factor.user.0)
            .bind(&$factor.name)
            .bind(&$factor.sealed_key)
            .bind(stored($factor.spent_step))
            .bind($factor.created_at.as_millis())
            .bind($factor.used_at.map(Timestamp::as_millis))
            .execute($db)
            .await?
            .rows_affected()
    };
}

#[async_trait]
impl AccountStore for SqlStore {
    async fn add_account(&self, account: &Account) -> Result<Added, StoreError> {
        Ok(added(writing!(self, db => add_account!(db, account))))
    }

    async fn account_by_login(&self, login_id: &LoginId) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> =
            reading!(self, db => query_as(ACCOUNT_BY_LOGIN).bind(login_id.as_str()).fetch_optional(db).await?);
        row.map(Account::try_from).transpose()
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = reading!(self, db => query_as(ACCOUNT).bind(user.0).fetch_optional(db).await?);
        row.map(Account::try_from).transpose()
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = reading!(self, db => query_as(ACCOUNTS).fetch_all(db).await?);
        rows.into_iter().map(Account::try_from).collect()
    }

    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => {
            let changed = query(SET_DISABLED).bind(user.0).bind(disabled).execute(&mut *tx).await?;
            if disabled {
                query(END_ATTEMPTS).bind(user.0).execute(&mut *tx).await?;
                query(END_SESSIONS).bind(user.0).execute(&mut *tx).await?;
                query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?;
                query(END_RESETS).bind(user.0).execute(&mut *tx).await?;
            }
            changed.rows_affected() == 1
        }))
    }

    async fn set_language(&self, user: UserId, language: Language) -> Result<(), StoreError> {
        writing!(self, db => {
            query(SET_LANGUAGE).bind(user.0).bind(language.tag()).execute(db).await?;
        });
        Ok(())
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => {
            let deleted = query(DELETE_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_BUDGETS).bind(user.0).execute(&mut *tx).await?;
            deleted.rows_affected() == 1
        }))
    }

    async fn set_password(&self, user: UserId, password: &PasswordFactor) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => {
            let changed = query(SET_PASSWORD)
                .bind(user.0)
                .bind(password.id.0)
                .bind(&password.phc)
                .bind(password.changed_at.as_millis())
                .execute(&mut *tx)
                .await?;
            query(END_ATTEMPTS).bind(user.0).execute(&mut *tx).await?;
            query(END_SESSIONS).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_BROWSERS).bind(user.0).execute(&mut *tx).await?;
            query(END_RESETS).bind(user.0).execute(&mut *tx).await?;
            changed.rows_affected() == 1
        }))
    }

    async fn rehash_password(&self, user: UserId, old_phc: &str, new_phc: &str) -> Result<(), StoreError> {
        writing!(self, db => {
            query(REHASH_PASSWORD).bind(user.0).bind(old_phc).bind(new_phc).execute(db).await?;
        });
        Ok(())
    }

    async fn set_enrol_until(&self, user: UserId, until: Option<Timestamp>) -> Result<bool, StoreError> {
        let until = until.map(Timestamp::as_millis);
        let changed = writing!(self, db => {
            query(SET_ENROL_UNTIL).bind(user.0).bind(until).execute(db).await?.rows_affected()
        });
        Ok(changed == 1)
    }

    async fn open_enrolment(
        &self,
        user: UserId,
        holder: Holder,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_ENROLMENT)
                .bind(user.0)
                .bind(until.as_millis())
                .bind(bytes_of(holder))
                .bind(now.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn add_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError> {
        Ok(added(writing!(self, db => add_totp!(db, factor))))
    }

    async fn add_first_totp(&self, factor: &TotpFactor, now: Timestamp) -> Result<Added, StoreError> {
        transaction!(self, tx => {
            let closed = query(CLOSE_ENROLMENT).bind(factor.user.0).bind(now.as_millis()).execute(&mut *tx).await?;
            if closed.rows_affected() == 0 {
                return Ok(Added::Taken);
            }
            add_totp!(&mut *tx, factor);
        });
        Ok(Added::New)
    }

    async fn totp_factors(&self, user: UserId) -> Result<Vec<TotpFactor>, StoreError> {
        let rows: Vec<TotpRow> = reading!(self, db => query_as(TOTP_FACTORS).bind(user.0).fetch_all(db).await?);
        rows.into_iter().map(TotpFactor::try_from).collect()
    }

    async fn replace_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError> {
        Ok(added(transaction!(self, tx => {
            query(REMOVE_OTHER_TOTP_FACTORS).bind(factor.user.0).bind(factor.id.0).execute(&mut *tx).await?;
            add_totp!(&mut *tx, factor)
        })))
    }

    async fn spend_totp_step(&self, factor: FactorId, step: u64, now: Timestamp) -> Result<bool, StoreError> {
        let spent = writing!(self, db => query(SPEND_TOTP_STEP)
            .bind(factor.0)
            .bind(stored(step))
            .bind(now.as_millis())
            .execute(db)
            .await?
            .rows_affected());
        Ok(spent == 1)
    }

    async fn remove_second_factors(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            let removed = query(REMOVE_TOTP_FACTORS).bind(user.0).execute(&mut *tx).await?.rows_affected();
            let passkeys = query(REMOVE_PASSKEYS).bind(user.0).execute(&mut *tx).await?.rows_affected();
            let phones = query(REMOVE_PHONE).bind(user.0).execute(&mut *tx).await?.rows_affected();
            query(REMOVE_RECOVERY_CODES).bind(user.0).execute(&mut *tx).await?;
            query(END_ATTEMPTS).bind(user.0).execute(&mut *tx).await?;
            query(END_SESSIONS).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_BROWSERS).bind(user.0).execute(&mut *tx).await?;
            let removed = removed + passkeys + phones;
            if removed > 0 {
                query(END_GRACE).bind(user.0).execute(&mut *tx).await?;
            }
            removed
        }))
    }

    async fn know_browser(&self, browser: TokenHash, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => {
            let browser = browser.as_bytes().as_slice();
            query(KNOW_BROWSER).bind(browser).bind(user.0).bind(now.as_millis()).execute(db).await?;
        });
        Ok(())
    }

    async fn knows_browser(&self, browser: TokenHash, user: UserId, since: Timestamp) -> Result<bool, StoreError> {
        let known: i64 = reading!(self, db => query_scalar(KNOWS_BROWSER)
            .bind(browser.as_bytes().as_slice())
            .bind(user.0)
            .bind(since.as_millis())
            .fetch_one(db)
            .await?);
        Ok(known == 1)
    }

    async fn add_signing_key(&self, key: &SealedKey, unless_after: Timestamp) -> Result<Added, StoreError> {
        Ok(transaction!(self, tx => {
            query(TAKE_TURN).execute(&mut *tx).await?;
            added(query(ADD_SIGNING_KEY)
                .bind(&key.id)
                .bind(&key.sealed)
                .bind(key.created_at.as_millis())
                .bind(unless_after.as_millis())
                .execute(&mut *tx)
                .await?
                .rows_affected())
        }))
    }

    async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        let rows: Vec<KeyRow> = reading!(self, db => query_as(SIGNING_KEYS).fetch_all(db).await?);
        Ok(rows.into_iter().map(SealedKey::from).collect())
    }
}

/// A holder as a column holds it: a hash or an id, which differ in length.
pub(super) fn bytes_of(holder: Holder) -> Vec<u8> {
    match holder {
        Holder::Half(token) => token.as_bytes().to_vec(),
        Holder::Session(session) => session.0.as_bytes().to_vec(),
    }
}

fn added(rows: u64) -> Added {
    if rows == 0 { Added::Taken } else { Added::New }
}

/// A step as a column holds it. One that no clock will reach is the last there is: after it nothing can be spent.
fn stored(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}
