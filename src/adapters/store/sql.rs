//! The store in SQL: one set of statements for SQLite and PostgreSQL.
//!
//! Statements are portable: `$1` placeholders, times as parameters, no arrays, no locks by name. What differs is in
//! the migrations (types) and in `open` (connections). No statement is ever put together at run time.
//!
//! # Invariants
//!
//! - On SQLite a transaction that writes begins by taking the write lock (`transaction!` is the only way to begin
//!   one): begun as a reader it would fail as soon as another writer was faster.
//! - Opening a store asks the engine to prepare every statement, so that none fails later for its text.

/// Runs a statement that only reads.
macro_rules! reading {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.pools {
            Pools::Sqlite { readers: $db, .. } => $body,
            Pools::Postgres($db) => $body,
        }
    };
}

/// Runs a single statement that writes.
macro_rules! writing {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.pools {
            Pools::Sqlite { writer: $db, .. } => $body,
            Pools::Postgres($db) => $body,
        }
    };
}

/// Runs a block in one transaction and commits it. Whoever leaves the block early changes nothing.
macro_rules! transaction {
    ($store:expr, $tx:ident => $body:block) => {
        match &$store.pools {
            Pools::Sqlite { writer, .. } => {
                let mut $tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                let done = $body;
                $tx.commit().await?;
                done
            }
            Pools::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                let done = $body;
                $tx.commit().await?;
                done
            }
        }
    };
}

/// Adds a session with its authentications, inside a transaction.
macro_rules! add_session {
    ($tx:ident, $session:expr, $token:expr) => {
        sqlx::query(super::sessions::OPEN_SESSION)
            .bind($session.id.0)
            .bind($token.as_bytes().as_slice())
            .bind($session.user.0)
            .bind($session.started_at.as_millis())
            .bind($session.seen_at.as_millis())
            .bind($session.activity.at.as_millis())
            .bind(super::rows::millis($session.activity.quiet_max))
            .bind($session.locked_at.map(crate::domain::time::Timestamp::as_millis))
            .bind($session.spared)
            .bind(&$session.place.browser)
            .bind($session.place.address.map(|address| address.to_string()))
            .bind(super::rows::score(&$session.risk))
            .bind(super::rows::signals(&$session.risk))
            .execute(&mut *$tx)
            .await?;
        for proof in &$session.authentications {
            add_authentication!($tx, $session.id, proof);
        }
    };
}

/// Adds an authentication to a session, inside a transaction.
macro_rules! add_authentication {
    ($tx:ident, $session:expr, $proof:expr) => {
        sqlx::query(super::sessions::ADD_AUTHENTICATION)
            .bind($session.0)
            .bind($proof.factor.0)
            .bind($proof.method.name())
            .bind($proof.at.as_millis())
            .execute(&mut *$tx)
            .await?;
    };
}

/// Rotates the token of a session for a proof, and adds that, inside a transaction. Whether the old token was still it.
macro_rules! rotate {
    ($tx:ident, $session:expr, $proof:expr, $old:expr, $new:expr) => {{
        let (old, new) = ($old.as_bytes().as_slice(), $new.as_bytes().as_slice());
        let rotation = sqlx::query(super::sessions::ROTATE).bind($session.0).bind(old).bind(new);
        let is_kept = rotation.execute(&mut *$tx).await?.rows_affected() == 1;
        if is_kept {
            add_authentication!($tx, $session, $proof);
        }
        if is_kept && $proof.method.shows_presence() {
            let stirring = sqlx::query(super::sessions::STIR).bind($session.0).bind($proof.at.as_millis());
            stirring.execute(&mut *$tx).await?;
        }
        is_kept
    }};
}

/// Names statements, and lists them so that none is forgotten where all are prepared.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)+
        /// Every statement of this file.
        pub(super) const STATEMENTS: &[&str] = &[$($name),+];
    };
}

/// How many second factors of any kind the account in this parameter has: whatever can be a second step is counted here.
macro_rules! second_factors {
    ($user:literal) => {
        concat!(
            "((SELECT COUNT(*) FROM passkeys p WHERE p.user_id = ",
            $user,
            ") + (SELECT COUNT(*) FROM totp_factors t WHERE t.user_id = ",
            $user,
            "))"
        )
    };
}

/// How many phones are second factors of the account in this parameter: one at most, and none where the other is false.
macro_rules! phones {
    ($user:literal, $count:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM contacts c WHERE c.user_id = ",
            $user,
            " AND c.kind = 'phone' AND c.verified_at IS NOT NULL AND ",
            $count,
            ")"
        )
    };
}

/// Closes the time in which the account $1 may enrol its first second factor, if it lasts at $2 and there is none.
macro_rules! close_enrolment {
    () => {
        concat!(
            "UPDATE accounts SET enrol_until = NULL, enrol_for = NULL WHERE id = $1 AND enrol_until > $2 AND ",
            second_factors!("$1"),
            " = 0"
        )
    };
}

mod accounts;
mod activity;
mod budgets;
mod contacts;
mod devices;
mod endings;
mod factors;
mod grace;
mod held;
mod invitations;
mod open;
mod passkeys;
mod passwords;
mod receipts;
mod recovery;
mod rows;
mod sessions;
mod traces;

use crate::ports::{Store, StoreError};
use async_trait::async_trait;
use sqlx::{PgPool, SqlitePool};

/// A store in a database.
pub struct SqlStore {
    pools: Pools,
}

/// Connections to one of the two engines.
enum Pools {
    /// Writes queue for the one writer instead of failing for each other's locks; readers never wait.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// PostgreSQL sorts its writers itself.
    Postgres(PgPool),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(match &error {
            sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
            sqlx::Error::Database(refusal) if refusal.is_foreign_key_violation() => {
                "the account or session it belongs to is gone".to_owned()
            }
            _ => error.to_string(),
        })
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        reading!(self, db => { sqlx::query("SELECT 1").execute(db).await?; });
        Ok(())
    }
}
