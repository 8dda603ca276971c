//! What an operator meets: files and servers that are missing, damaged, foreign, or too new.

use super::{passkeys::passkey, people::*, postgres::Server, race};
use doorward::{
    adapters::store::{self, SqlStore},
    domain::throttle::{ACCOUNT, BudgetKey, Lane},
    ports::{
        Store,
        store::{Added, Charge},
    },
};
use sqlx::{Connection as _, PgConnection, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};
use tempfile::TempDir;

/// Marks a database as touched by a version that is not written yet.
const FROM_THE_FUTURE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
    SELECT 9999, 'future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";

/// Rows that this program could not have written, one in each column that can go wrong.
const IMPOSSIBLE: &[(&str, &str)] = &[
    ("UPDATE accounts SET groups = 'finance'", "accounts.groups"),
    ("UPDATE accounts SET groups = '[]', login_id = 'ANN'", "accounts.login_id"),
    ("UPDATE accounts SET login_id = 'ann', password_phc = 'x'", "accounts.password_phc"),
    ("UPDATE totp_factors SET spent_step = -1", "totp_factors.spent_step"),
    ("UPDATE passkeys SET kind = 'pigeon'", "passkeys.kind"),
    ("UPDATE attempts SET method = 'pigeon'", "attempts.method"),
    ("UPDATE sessions SET address = 'here'", "sessions.address"),
    ("UPDATE authentications SET method = 'pigeon'", "authentications.method"),
    ("UPDATE events SET what = '{}'", "events.what"),
    ("UPDATE events SET what = '{\"event\":\"locked\"}', address = 'here'", "events.address"),
];

fn file(folder: &TempDir) -> (PathBuf, String) {
    let path = folder.path().join("doorward.db");
    let url = format!("sqlite:{}", path.display());
    (path, url)
}

/// Why a store can't be opened, without the folder of the test.
async fn refusal(url: &str, folder: &Path) -> String {
    let error = SqlStore::open(url).await.err().expect("it can't be opened");
    error.to_string().replace(folder.to_str().unwrap(), "…")
}

/// A file with a store in it, closed properly.
async fn filled(folder: &TempDir) -> (PathBuf, String) {
    let (path, url) = file(folder);
    let store = store::open(&url).await.unwrap();
    settle(&store).await;
    drop(store);
    // Moves what is in the log into the file, and deletes the log.
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    (path, url)
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, url) = file(&folder);
    let store = store::open(&url).await.unwrap();
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    drop(store);

    let store = store::open(&url).await.unwrap();

    assert!(is_live(&store, 1).await);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn addresses_from_before_there_were_contacts_are_kept_if_they_can_be_any() {
    let folder = tempfile::tempdir().unwrap();
    let older = folder.path().join("migrations");
    fs::create_dir(&older).unwrap();
    for name in ["0001_begin.sql", "0002_passkeys.sql", "0003_recovery_codes.sql"] {
        fs::copy(format!("migrations/sqlite/{name}"), older.join(name)).unwrap();
    }
    let (_, url) = file(&folder);
    let options = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    Migrator::new(older.as_path()).await.unwrap().run_direct(None, &mut connection, false).await.unwrap();
    for (id, login_id, email) in [(ANN, "ann", "Ann.Smith+x@Example.com"), (BOB, "bob", "ask at the desk")] {
        sqlx::query(
            "INSERT INTO accounts (id, login_id, name, email, groups, disabled, created_at) \
             VALUES ($1, $2, $2, $3, '[]', 0, $4)",
        )
        .bind(id.0)
        .bind(login_id)
        .bind(email)
        .bind(NOON.as_millis())
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();

    let store = store::open(&url).await.unwrap();

    let contact = store.contacts(ANN).await.unwrap().remove(0);
    assert_eq!((contact.address.as_str(), contact.verified_at), ("Ann.Smith+x@example.com", Some(NOON)));
    assert!(store.account(ANN).await.unwrap().unwrap().user.email.is_some());
    assert!(store.contacts(BOB).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_processes_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (_, url) = file(&folder);
    let (serve, command) = tokio::join!(store::open(&url), store::open(&url));
    let (serve, command) = (serve.unwrap(), command.unwrap());

    settle(&serve).await;
    assert_eq!(command.add_account(&account(ANN, "ann")).await.unwrap(), Added::Taken);
    assert!(command.delete_account(ANN).await.unwrap());

    assert_eq!(serve.account(ANN).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tries_that_race_in_two_processes_are_counted_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, url) = file(&folder);
    let stores = [store::open(&url).await.unwrap(), store::open(&url).await.unwrap()];
    let key = BudgetKey::password(ANN, Lane::Stranger);

    let (one, other) = tokio::join!(
        race(&stores[0], |store, _| charge(store, key.clone())),
        race(&stores[1], |store, _| charge(store, key.clone())),
    );

    let counted = one.into_iter().chain(other).filter(|charge| matches!(charge, Charge::Counted { .. })).count();
    assert_eq!(counted, 10);
}

async fn charge(store: Arc<dyn Store>, key: BudgetKey) -> Charge {
    store.charge(&key, &ACCOUNT, NOON).await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, url) = file(&folder);
    let letter = "Dear Ann, ".repeat(1000);
    fs::write(&path, &letter).unwrap();

    let expected = "the store does not answer: …/doorward.db is not a SQLite database";
    assert_eq!(refusal(&url, folder.path()).await, expected);
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, url) = filled(&folder).await;
    let whole = fs::read(&path).unwrap();
    let expected = "the store does not answer: …/doorward.db is damaged; restore it from a backup";

    for (what, start) in [("a page", 4096), ("half of it", whole.len() / 2)] {
        let mut damaged = whole.clone();
        damaged[start..].iter_mut().take(8192).for_each(|byte| *byte = 0xaa);
        fs::write(&path, damaged).unwrap();
        assert_eq!(refusal(&url, folder.path()).await, expected, "{what} was overwritten");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(refusal(&url, folder.path()).await, expected, "cut off");
}

#[tokio::test]
async fn a_missing_folder_and_a_wrong_url_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("sqlite:{}/nowhere/doorward.db", folder.path().display());

    for (url, expected) in [
        (nowhere.as_str(), "the folder …/nowhere does not exist"),
        ("sqlite:", "sqlite: needs the path of a file"),
        ("sqlite::memory:", "sqlite: needs the path of a file"),
        ("mysql://localhost", "the URL of a store begins with sqlite: or postgres://"),
        ("postgres://localhost:port", "the URL is not usable: error with configuration: invalid port number"),
    ] {
        assert_eq!(refusal(url, folder.path()).await, format!("the store does not answer: {expected}"), "{url}");
    }
    let no_server = format!("postgres://localhost/x?host={}", folder.path().display());
    let error = refusal(&no_server, folder.path()).await;
    assert!(error.starts_with("the store does not answer: no connection to PostgreSQL: "), "{error}");
}

#[tokio::test]
async fn a_newer_sqlite_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, url) = filled(&folder).await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(FROM_THE_FUTURE).execute(&mut connection).await.unwrap();

    assert!(refusal(&url, folder.path()).await.contains("a newer version of Doorward has written"));
}

pub(crate) async fn a_newer_postgres_database_is_refused(server: &Server) {
    let url = server.database("newer").await;
    drop(SqlStore::open(&url).await.unwrap());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(FROM_THE_FUTURE).execute(&mut connection).await.unwrap();

    assert!(refusal(&url, Path::new("-")).await.contains("a newer version of Doorward has written"));
}

#[tokio::test]
async fn an_impossible_sqlite_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (_, url) = file(&folder);
    let store = store::open(&url).await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    fill(&*store).await;

    for &(change, column) in IMPOSSIBLE {
        sqlx::raw_sql(change).execute(&mut connection).await.unwrap();
        assert_eq!(inconsistency(&*store).await, column);
    }
}

pub(crate) async fn an_impossible_postgres_row_is_named(server: &Server) {
    let url = server.database("impossible").await;
    let store = store::open(&url).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    fill(&*store).await;

    for &(change, column) in IMPOSSIBLE {
        sqlx::raw_sql(change).execute(&mut connection).await.unwrap();
        assert_eq!(inconsistency(&*store).await, column);
    }
}

/// One row in each table that can go wrong.
async fn fill(store: &dyn Store) {
    assert_eq!(store.add_account(&account(ANN, "ann")).await.unwrap(), Added::New);
    assert_eq!(store.add_totp(&totp(1, ANN)).await.unwrap(), Added::New);
    assert_eq!(store.add_passkey(&passkey(2, ANN)).await.unwrap(), Added::New);
    store.open_attempt(&attempt(1, ANN)).await.unwrap();
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.append_event(&super::activity::event(Some(ANN), NOON)).await.unwrap();
}

/// The column that the last change made impossible: nothing that reads it goes on.
async fn inconsistency(store: &dyn Store) -> String {
    let readings = [
        store.recent_events(ANN, 1).await.err(),
        store.identity(hash(1)).await.err(),
        store.attempt(hash(1), NOON - SECOND).await.err(),
        store.passkeys(ANN).await.err(),
        store.totp_factors(ANN).await.err(),
        store.account(ANN).await.err(),
    ];
    let error = readings.into_iter().flatten().next().expect("somebody notices").to_string();
    let named = error.strip_prefix("the store holds an impossible row: ").expect("it is an inconsistency");
    let (column, row) = named.split_once(" of ").unwrap();
    assert!(row.parse::<uuid::Uuid>().is_ok(), "{row}");
    column.to_owned()
}
