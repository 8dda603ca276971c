//! Opens databases: connects, migrates, and finds out what is wrong while an operator is watching.

use super::{
    Pools, SqlStore, accounts, activity, budgets, contacts, devices, endings, factors, grace, held, invitations,
    passkeys, passwords, receipts, recovery, sessions, traces,
};
use crate::ports::StoreError;
use sqlx::{
    Connection as _, Executor, PgConnection, SqlSafeStr as _, SqliteConnection,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long one waits for a connection, or for another process that writes to the same file.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one waits for a connection to PostgreSQL. To a server that is down the pool would try all the while, and a
/// visitor should not wait longer for being told so; how long a statement may take is another matter.
const CONNECTION_MAX: Duration = Duration::from_secs(1);

/// Connections that read from one SQLite file.
const READERS: u32 = 4;

/// Connections to PostgreSQL, for each node.
const CONNECTIONS: u32 = 16;

impl SqlStore {
    /// Opens `sqlite:PATH`, which is made if it is missing, or `postgres://…`. Brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let pools = if let Some(path) = url.strip_prefix("sqlite:") {
            sqlite(Path::new(path.strip_prefix("//").unwrap_or(path))).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres(url).await?
        } else {
            return Err(unavailable("the URL of a store begins with sqlite: or postgres://"));
        };
        Ok(Self { pools })
    }
}

async fn sqlite(path: &Path) -> Result<Pools, StoreError> {
    create(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Each commit reaches the disk: a power cut must not bring back a session that was ended, a code that was
        // used, or a try that was counted.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE);
    let explain = |error: &sqlx::Error| wrong_with_file(path, error);

    let mut first = SqliteConnection::connect_with(&options).await.map_err(|error| explain(&error))?;
    let verdict: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut first).await.map_err(|error| explain(&error))?;
    if verdict != "ok" {
        return Err(damaged(path));
    }
    // Two processes may start at once; SQLite has no other lock that migrations could take.
    let mut tx = first.begin_with("BEGIN IMMEDIATE").await.map_err(|error| explain(&error))?;
    SQLITE.run_direct(None, &mut *tx, false).await.map_err(|error| wrong_with_schema(&error))?;
    tx.commit().await?;
    prepare_all(&mut first).await?;
    first.close().await?;

    let pool = || SqlitePoolOptions::new().acquire_timeout(PATIENCE);
    Ok(Pools::Sqlite {
        writer: pool().max_connections(1).connect_lazy_with(options.clone()),
        readers: pool().max_connections(READERS).connect_lazy_with(options.pragma("query_only", "on")),
    })
}

async fn postgres(url: &str) -> Result<Pools, StoreError> {
    let options: PgConnectOptions =
        url.parse().map_err(|error| unavailable(format!("the URL is not usable: {error}")))?;
    let options = options.application_name("doorward");
    // Not from the pool: a pool tries again for as long as it may, and then can't say why.
    let mut first = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options))
        .await
        .map_err(|_| unavailable(format!("no connection to PostgreSQL within {} s", PATIENCE.as_secs())))?
        .map_err(|error| unavailable(format!("no connection to PostgreSQL: {error}")))?;
    POSTGRES.run_direct(None, &mut first, false).await.map_err(|error| wrong_with_schema(&error))?;
    // Statements prepared here have guessed parameter types; this connection never runs them.
    prepare_all(&mut first).await?;
    first.close().await?;

    let pool = PgPoolOptions::new().acquire_timeout(CONNECTION_MAX).max_connections(CONNECTIONS);
    Ok(Pools::Postgres(pool.connect_lazy_with(options)))
}

/// Asks the engine to prepare every statement.
async fn prepare_all<C>(connection: &mut C) -> Result<(), StoreError>
where
    for<'c> &'c mut C: Executor<'c>,
{
    let all = [
        accounts::STATEMENTS,
        endings::STATEMENTS,
        contacts::STATEMENTS,
        factors::STATEMENTS,
        grace::STATEMENTS,
        invitations::STATEMENTS,
        passkeys::STATEMENTS,
        passwords::STATEMENTS,
        receipts::STATEMENTS,
        recovery::STATEMENTS,
        sessions::STATEMENTS,
        devices::STATEMENTS,
        activity::STATEMENTS,
        budgets::STATEMENTS,
        held::STATEMENTS,
        traces::STATEMENTS,
    ];
    for &sql in all.into_iter().flatten() {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        prepared.map_err(|error| unavailable(format!("the database does not fit this version: {error} in {sql}")))?;
    }
    Ok(())
}

/// Makes the file if it is missing, readable by its owner only. SQLite gives its companions the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(unavailable("sqlite: needs the path of a file"));
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), PathBuf::from);
    if !folder.is_dir() {
        return Err(unavailable(format!("the folder {} does not exist", folder.display())));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(unavailable(format!("{} can't be made: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// What SQLite means, in words. The numbers are its primary result codes.
fn wrong_with_file(path: &Path, error: &sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let file = path.display();
    match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
        Some(5) => unavailable(format!("{file} is locked by another program")),
        Some(8) => unavailable(format!("{file} can't be written to")),
        Some(11) => damaged(path),
        Some(14) => unavailable(format!("{file} can't be opened; look at the permissions of the file and its folder")),
        Some(26) => unavailable(format!("{file} is not a SQLite database")),
        _ => unavailable(format!("{file}: {error}")),
    }
}

fn damaged(path: &Path) -> StoreError {
    unavailable(format!("{} is damaged; restore it from a backup", path.display()))
}

fn wrong_with_schema(error: &MigrateError) -> StoreError {
    unavailable(match error {
        MigrateError::VersionMissing(version) => {
            format!("a newer version of Doorward has written to the database (migration {version} is unknown here)")
        }
        MigrateError::VersionMismatch(version) => {
            format!("the database was made by other migrations than this version has (number {version} differs)")
        }
        other => format!("the database can't be brought up to date: {other}"),
    })
}

fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}
