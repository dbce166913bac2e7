//! A sandbox on disk: what it was told, in SQLite, so that it can be told again (see `schema.sql`).
//!
//! A call is written before it is handled. What was answered is therefore there after the process was killed; a call
//! whose answer was lost may or may not be, as with any server. Two things are not kept: the log of requests, and the
//! count of Pipelines calls with a wrong key.

mod chronicles;
mod entries;

use std::{fs::DirBuilder, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

pub use chronicles::Chronicle;

use super::Keys;

/// The file within the directory.
const FILE: &str = "sandbox.sqlite3";
/// What `schema.sql` describes. Another number is another program's.
const FORMAT: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// An open directory, for this process alone.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// Why a directory cannot be used, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be made.
    #[error("cannot be made: {0}")]
    Directory(#[from] std::io::Error),
    /// Another sandbox has it.
    #[error("is in use by another sandbox")]
    InUse,
    /// A later program wrote it.
    #[error("has format {0}, and this program knows {FORMAT}: use the program that wrote it, or another directory")]
    Format(i64),
    /// SQLite's own words.
    #[error("{0}")]
    Database(rusqlite::Error),
    /// A fixture or a call in it makes no sense to this program.
    #[error("cannot be read back: {0}")]
    Content(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Database(error),
        }
    }
}

impl Store {
    /// Opens a directory, which is made if it is missing, and then for its owner alone: what a sandbox is told may be
    /// real.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        let connection = Connection::open(directory.join(FILE))?;
        connection.busy_timeout(Duration::ZERO)?;
        // Held until the process ends, as two sandboxes cannot live one life. A process that is killed loses nothing; a
        // machine that loses power may lose the last moments, which is no loss in a sandbox.
        connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
             PRAGMA foreign_keys = ON; BEGIN EXCLUSIVE; COMMIT;",
        )?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match format {
            FORMAT => {}
            0 => connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;"))?,
            other => return Err(StoreError::Format(other)),
        }
        Ok(Self { connection })
    }

    /// The credentials it was last started with.
    pub fn keys(&self) -> Result<Option<Keys>, StoreError> {
        let read = "SELECT site_id, tracking_api_key, app_api_key, cdp_write_key FROM sandbox";
        let keys = self.connection.query_row(read, [], |row| {
            Ok(Keys {
                site_id: row.get(0)?,
                tracking_api_key: row.get(1)?,
                app_api_key: row.get(2)?,
                cdp_write_key: row.get(3)?,
            })
        });
        Ok(keys.optional()?)
    }

    /// Keeps the credentials for the next start.
    pub(super) fn set_keys(&self, keys: &Keys) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT OR REPLACE INTO sandbox VALUES (1, ?1, ?2, ?3, ?4)",
            params![keys.site_id, keys.tracking_api_key, keys.app_api_key, keys.cdp_write_key],
        )?;
        Ok(())
    }
}
