//! Opening a database: where it lies, who may read it, which schema it has.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig};

use super::{Location, transaction::BUSY_TIMEOUT};
use crate::state::{StoreError, chain::ChainHasher};

mod migrations {
    refinery::embed_migrations!("src/state/migrations/sqlite");
}

/// The newest schema version this program knows. The migrations say it too, but a quarter of a start went into asking them.
const KNOWN_VERSION: u32 = 5;

/// How long to wait before asking again for a lock that does not wait by itself.
const RETRY: Duration = Duration::from_millis(5);

/// Set on every connection. Checkpoints have a thread of their own. `NORMAL` leaves a commit in the operating system's
/// hands, where the end of our process cannot touch it; what must survive a loss of power asks for `FULL` (`transaction.rs`).
const SETTINGS: &str = "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; \
                        PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF";

/// Statements kept prepared: more than there are.
const CACHED_STATEMENTS: usize = 128;

/// Opens the database, brings its schema up to date and returns the connection that writes.
pub(super) fn open(location: &Location) -> Result<Connection, StoreError> {
    match location {
        Location::Memory => {
            let mut connection = settled(Connection::open_in_memory()?)?;
            migrate(&mut connection)?;
            Ok(connection)
        }
        Location::File(path) => {
            create(path)?;
            let mut connection = connect(path)?;
            if !is_current(&connection)? {
                let _lock = lock_schema(path)?;
                log_ahead(&connection)?;
                migrate(&mut connection)?;
            }
            Ok(connection)
        }
    }
}

/// Switches to a write-ahead log. Whoever reads the file just now makes that fail, in part without waiting.
fn log_ahead(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::ZERO)?;
    retry(|| {
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode == "wal" {
            Ok(())
        } else {
            Err(StoreError::Database("no write-ahead log on this file system".to_owned()))
        }
    })?;
    Ok(connection.busy_timeout(BUSY_TIMEOUT)?)
}

/// Another connection to a database that [`open`] prepared.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    settled(Connection::open_with_flags(path, flags)?)
}

/// Another connection that cannot write.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// Another connection that sees the database as it is now, for as long as it is open.
pub(super) fn connect_to_snapshot(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect_to_read(path)?;
    connection.execute_batch("BEGIN")?;
    Ok(connection)
}

/// The name of this database's chains: made from its place when it is new and kept with it from then on.
pub(super) fn writer_name(
    connection: &Connection,
    location: &Location,
    hasher: &ChainHasher,
) -> Result<String, StoreError> {
    let find = || {
        connection
            .query_row("SELECT value FROM meta WHERE name = 'audit_writer'", [], |row| row.get::<_, String>(0))
            .optional()
    };
    if let Some(name) = find()? {
        return Ok(name);
    }
    let name = hasher.writer_at(&place(location));
    connection.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('audit_writer', ?1)", [&name])?;
    Ok(find()?.unwrap_or(name))
}

fn place(location: &Location) -> Vec<u8> {
    match location {
        Location::Memory => b"memory".to_vec(),
        Location::File(path) => {
            path.canonicalize().unwrap_or_else(|_| path.clone()).as_os_str().as_encoded_bytes().to_vec()
        }
    }
}

fn settled(connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Without this guarantee the planner looks at bound values, and a statement is prepared anew whenever one changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

/// Closing any handle to a file drops every lock this process has on it, also those SQLite holds for another store. So
/// a file that exists is left to SQLite, and nobody in this process opens a new one before its maker has closed it.
static CREATING: Mutex<()> = Mutex::new(());

/// Creates directory and file for nobody but their owner; SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(|error| unusable(directory, &error))?;
    }
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    match private(OpenOptions::new().create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unusable(path, &error)),
        _ => Ok(()),
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true)
}

fn unusable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Database(format!("{} cannot be used: {error}", path.display()))
}

/// Whether there is nothing to migrate. The migrations' own table says the same, but takes longer to ask.
fn is_current(connection: &Connection) -> Result<bool, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > KNOWN_VERSION {
        return Err(StoreError::TooNew { found, known: KNOWN_VERSION });
    }
    Ok(found == KNOWN_VERSION)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if is_current(connection)? {
        return Ok(());
    }
    migrations::migrations::runner()
        .set_grouped(true)
        .run(connection)
        .map(drop)
        .map_err(|error| StoreError::Database(format!("migration failed: {error}")))
}

/// One process at a time changes the schema. The lock is a file beside the database, for the migrations run in several
/// transactions, and a lock on the database file itself would be lost when any other handle to it is closed.
fn lock_schema(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-schema.lock");
    let path = PathBuf::from(name);
    let file = private(OpenOptions::new().create(true).truncate(false)).open(&path).map_err(|e| unusable(&path, &e))?;
    retry(|| match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy),
        Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
    })?;
    Ok(file)
}

/// Tries again while others hold the lock, for as long as we wait for anything.
fn retry(mut attempt: impl FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
    let attempts = BUSY_TIMEOUT.as_millis() / RETRY.as_millis();
    for _ in 1..attempts {
        match attempt() {
            Err(StoreError::Busy) => sleep(RETRY),
            other => return other,
        }
    }
    attempt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_migration_is_the_version_known() {
        let runner = migrations::migrations::runner();
        let newest = runner.get_migrations().iter().map(refinery::Migration::version).max();
        let newest = newest.and_then(|version| u32::try_from(version).ok());
        assert_eq!(newest, Some(KNOWN_VERSION));
    }
}
