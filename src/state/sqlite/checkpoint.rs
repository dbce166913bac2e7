//! Moving the write-ahead log into the database, away from the committers.
//!
//! SQLite's automatic checkpoint runs inside whichever commit crosses its threshold and stalls it for milliseconds. Here
//! a thread with a connection of its own does it when nobody has committed for a moment. Under load that never pauses
//! the log is moved in passing once it is large, and cut, at the cost of one short stall, once it is larger still.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use crate::state::StoreError;

/// Without a commit for this long the store counts as idle.
const IDLE: Duration = Duration::from_millis(100);

/// A log of this size is moved although commits go on.
const LARGE_LOG_BYTES: u64 = 4 << 20;

/// A log of this size is cut, which makes committers wait.
const LARGEST_LOG_BYTES: u64 = 16 << 20;

/// Tells the checkpointer of commits. It is woken for the first after a checkpoint only.
#[derive(Debug, Clone)]
pub(super) struct Nudge {
    activity: Arc<Activity>,
    wake: mpsc::SyncSender<()>,
}

#[derive(Debug, Default)]
struct Activity {
    commits: AtomicU64,
    awake: AtomicBool,
}

impl Nudge {
    pub(super) fn committed(&self) {
        self.activity.commits.fetch_add(1, Ordering::AcqRel);
        if !self.activity.awake.swap(true, Ordering::AcqRel) {
            // A full channel means that it is being woken already.
            let _ = self.wake.try_send(());
        }
    }
}

/// The checkpointing thread; it ends when the last [`Nudge`] is gone.
#[derive(Debug)]
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, database: &Path) -> Result<(Self, Nudge), StoreError> {
        let activity = Arc::new(Activity::default());
        let (wake, woken) = mpsc::sync_channel(1);
        let log = Log { connection, path: log_path(database), activity: Arc::clone(&activity) };
        let thread = std::thread::Builder::new()
            .name("state-checkpoint".to_owned())
            .spawn(move || log.serve(&woken))
            .map_err(|error| StoreError::Database(format!("no thread for checkpoints: {error}")))?;
        Ok((Self { thread: Some(thread) }, Nudge { activity, wake }))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Log {
    connection: Connection,
    path: PathBuf,
    activity: Arc<Activity>,
}

impl Log {
    fn serve(&self, woken: &mpsc::Receiver<()>) {
        let mut seen = 0;
        while woken.recv().is_ok() {
            while let Err(mpsc::RecvTimeoutError::Timeout) = woken.recv_timeout(IDLE) {
                let commits = self.activity.commits.load(Ordering::Acquire);
                if commits == seen {
                    self.rest();
                    break;
                }
                seen = commits;
                self.bound();
            }
        }
    }

    /// Moves the whole log and goes to sleep; a commit from here on wakes us again.
    fn rest(&self) {
        self.activity.awake.store(false, Ordering::Release);
        self.checkpoint("PASSIVE");
    }

    fn bound(&self) {
        if self.bytes() > LARGE_LOG_BYTES {
            self.checkpoint("PASSIVE");
        }
        if self.bytes() > LARGEST_LOG_BYTES {
            self.checkpoint("TRUNCATE");
        }
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn checkpoint(&self, mode: &str) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        if let Err(error) = self.connection.query_row(&sql, [], |_| Ok(())) {
            // Nothing is lost: the log only stays as long as it is until the next turn.
            tracing::warn!(%error, mode, "the state store's log could not be checkpointed");
        }
    }
}

fn log_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_is_cut_while_commits_go_on() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("state.db");
        let writer = Connection::open(&database).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)")
            .unwrap();
        let log = Log {
            connection: Connection::open(&database).unwrap(),
            path: log_path(&database),
            activity: Arc::default(),
        };
        let write = |bytes: u64| {
            writer.execute("INSERT INTO filler VALUES (zeroblob(?1))", [i64::try_from(bytes).unwrap()]).unwrap();
        };

        write(LARGE_LOG_BYTES / 2);
        log.bound();
        assert!(log.bytes() > LARGE_LOG_BYTES / 2, "a small log is left alone");

        write(LARGEST_LOG_BYTES);
        log.bound();
        assert_eq!(log.bytes(), 0);
    }
}
