//! What is particular to a SQLite file.

use std::{os::unix::fs::PermissionsExt, path::Path};

use customerio_mcp::state::{
    CallOutcome, CallState, Store, StoreError,
    sqlite::{Location, SqliteStore},
};
use rusqlite::{Connection, params};

use super::{CHAIN_KEY, material::*};

mod migrations {
    refinery::embed_migrations!("src/state/migrations/sqlite");
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(Location::File(path.to_owned()), CHAIN_KEY)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_file_is_nobody_elses_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a").join("b").join("state.db");
    let store = open(&path).unwrap();
    begun(&store, call("one")).await;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn everything_is_there_after_reopening_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    {
        let store = open(&path).unwrap();
        begun(&store, customerio_mcp::state::Begin { key: Some(key("key")), ..call("one") }).await;
        settled(&store, "one", CallOutcome::Committed).await;
    }
    // Moved elsewhere it is still the same store with the same chain.
    let moved = directory.path().join("moved.db");
    std::fs::rename(&path, &moved).unwrap();
    let store = open(&moved).unwrap();
    let found = store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest("key"), NOW_MS).await.unwrap();
    assert_eq!(found.unwrap().state, CallState::Committed);
    begun(&store, call("two")).await;
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults), (1, 3, Vec::new()));
}

#[tokio::test]
async fn the_last_store_to_close_leaves_no_log_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = open(&path).unwrap();
    begun(&store, call("one")).await;
    let log = directory.path().join("state.db-wal");
    assert!(log.exists());
    drop(store);
    assert!(!log.exists());
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert_eq!(open(&path).unwrap_err(), StoreError::TooNew { found: 99, known: 5 });
}

/// What the first version of the program left is still there, and can still be settled.
#[tokio::test]
async fn a_migration_keeps_the_rows_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut connection = Connection::open(&path).unwrap();
    migrations::migrations::runner().set_target(refinery::Target::Version(1)).run(&mut connection).unwrap();
    let row = "INSERT INTO calls (workspace, call_id, principal, tool, effect, key, arguments, key_expires_at_ms, state, \
               began_at_ms, lease_until_ms) VALUES (?1, ?2, ?3, 'send_transactional', 'send', ?4, ?5, ?6, ?7, ?6, ?6)";
    for (call_id, state) in [("unknown", 3), ("committed", 1)] {
        let (key, arguments) = (digest(call_id).0, digest("arguments").0);
        connection.execute(row, params![SHOP, call_id, LOCAL, key, arguments, NOW_MS, state]).unwrap();
    }
    let bucket_ms = NOW_MS - NOW_MS % 60_000;
    let charged = "INSERT INTO budget_buckets VALUES (?1, ?2, 'sends', 60000, ?3, 3)";
    connection.execute(charged, params![SHOP, LOCAL, bucket_ms]).unwrap();
    let charge = "INSERT INTO charges SELECT row, 'sends', 60000, ?1, 3 FROM calls WHERE call_id = 'unknown'";
    connection.execute(charge, params![bucket_ms]).unwrap();
    drop(connection);
    let store = open(&path).unwrap();
    let used = async || {
        let asked = vec![sends(0, HOUR_MS, 10)];
        store.usage(SHOP.to_owned(), LOCAL.to_owned(), asked, NOW_MS).await.unwrap()[0].used
    };
    assert_eq!(used().await, 3);
    let found = store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest("unknown"), NOW_MS).await.unwrap().unwrap();
    assert_eq!((found.state, found.absent_at_ms), (CallState::Unknown, None));
    settled(&store, "unknown", CallOutcome::Released).await;
    assert_eq!(used().await, 0);
    assert!(store.settle(settlement("committed", CallOutcome::Released)).await.is_ok());
}

#[test]
fn every_migration_says_its_number_and_is_applied_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    for _ in 0..2 {
        drop(open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        let numbers = "SELECT (SELECT user_version FROM pragma_user_version), max(version), count(*) \
                       FROM refinery_schema_history";
        let numbers: (u32, u32, u32) =
            connection.query_row(numbers, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(numbers, (5, 5, 5));
    }
}

#[test]
fn a_fresh_file_may_be_opened_by_many_at_once() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..5 {
        let path = directory.path().join(format!("{number}.db"));
        let stores: Vec<_> = std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path))).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        for store in stores {
            store.unwrap();
        }
    }
}

#[test]
fn an_empty_file_becomes_a_store_and_a_file_of_something_else_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    drop(open(&empty).unwrap());
    let text = directory.path().join("text.db");
    let written = "not a database, but long enough to be taken for one by its first hundred bytes".repeat(20);
    std::fs::write(&text, &written).unwrap();
    assert!(matches!(open(&text).unwrap_err(), StoreError::Database(_)));
    assert_eq!(std::fs::read_to_string(&text).unwrap(), written);
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_waited_for_and_then_busy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.begin(call("one")).await.unwrap_err(), StoreError::Busy);
    // Readers do not care.
    assert_eq!(store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap(), []);
    other.execute_batch("COMMIT").unwrap();
    begun(&store, call("one")).await;
}

#[test]
fn a_store_shows_no_key() {
    let store = SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap();
    let shown = format!("{store:?} {CHAIN_KEY:?}");
    assert!(!shown.contains("42, 42") && shown.contains("redacted"), "{shown}");
}
