//! Transactions on one connection: one job or many in each, and what is written once for all of them.

use std::{sync::Arc, time::Duration};

use rusqlite::Connection;

use super::{
    checkpoint::Nudge,
    job::{Job, Pace},
};
use crate::state::StoreError;

/// How long the thread waits for another process that holds the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a lane's transactions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// They take the write lock at once, so that none fails half-way because another process wrote meanwhile.
    Write,
    /// They read one snapshot and hold up nobody.
    Read,
}

impl Access {
    /// How long a caller that runs its transaction inline waits for another process. Readers have nobody to wait for but
    /// the moment in which a log is started anew.
    pub(super) fn inline_timeout(self) -> Duration {
        match self {
            Self::Write => Duration::ZERO,
            Self::Read => Duration::from_millis(50),
        }
    }
}

/// What jobs leave to be written once for all that share a transaction.
pub(super) trait Epilogue: std::fmt::Debug + Send + Sync {
    /// Writes what was left since the last time.
    fn write(&self, connection: &Connection) -> Result<(), StoreError>;

    /// Forgets it: what it belongs to was undone.
    fn forget(&self);
}

/// How the transactions of a lane begin and end.
#[derive(Debug)]
pub(super) struct Transactions {
    pub(super) access: Access,
    /// Told of every commit; `None` in memory, where there is no disk to wait for either.
    pub(super) nudge: Option<Nudge>,
    pub(super) epilogue: Option<Arc<dyn Epilogue>>,
}

impl Transactions {
    /// The same, waiting for other processes, and for the disk if any job asks for that.
    pub(super) fn commit_batch(&self, connection: &Connection, batch: &mut [Job]) -> Result<(), StoreError> {
        let durable = self.nudge.is_some() && batch.iter().any(|job| job.pace == Pace::Durable);
        self.waiting_for_others(connection, || synced(connection, durable, || self.commit(connection, batch)))
    }

    /// Runs and commits a batch. Savepoints cost as much as the work, and hardly ever does a job fail: only if one does is
    /// everything undone and run again with them.
    pub(super) fn commit(&self, connection: &Connection, batch: &mut [Job]) -> Result<(), StoreError> {
        self.begin(connection)?;
        if batch.iter_mut().all(|job| job.task.work(connection)) {
            return self.end(connection, Ok(()));
        }
        if !connection.is_autocommit() {
            execute(connection, "ROLLBACK")?;
        }
        if let [_] = batch {
            return Ok(());
        }
        self.begin(connection)?;
        let ran = self.run_all(connection, batch);
        self.end(connection, ran)
    }

    pub(super) fn begin(&self, connection: &Connection) -> Result<(), StoreError> {
        self.forget_epilogue();
        if !connection.is_autocommit() {
            // Left open by a job that panicked.
            execute(connection, "ROLLBACK")?;
        }
        match self.access {
            Access::Write => execute(connection, "BEGIN IMMEDIATE"),
            Access::Read => execute(connection, "BEGIN DEFERRED"),
        }
    }

    /// Commits what went well, and undoes the rest.
    pub(super) fn end<T>(&self, connection: &Connection, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let committed = result.and_then(|value| {
            self.write_epilogue(connection)?;
            execute(connection, "COMMIT").map(|()| value)
        });
        if committed.is_err() && !connection.is_autocommit() {
            execute(connection, "ROLLBACK")?;
        }
        if let Some(nudge) = self.nudge.as_ref().filter(|_| self.access == Access::Write) {
            nudge.committed();
        }
        committed
    }

    fn waiting_for_others<T>(
        &self,
        connection: &Connection,
        run: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let result = run();
        connection.busy_timeout(self.access.inline_timeout())?;
        result
    }

    /// Runs each job in a savepoint of its own.
    fn run_all(&self, connection: &Connection, batch: &mut [Job]) -> Result<(), StoreError> {
        for job in batch {
            execute(connection, "SAVEPOINT job")?;
            if job.task.work(connection) {
                self.write_epilogue(connection)?;
            } else {
                self.forget_epilogue();
                execute(connection, "ROLLBACK TO job")?;
            }
            execute(connection, "RELEASE job")?;
        }
        Ok(())
    }

    fn write_epilogue(&self, connection: &Connection) -> Result<(), StoreError> {
        self.epilogue.as_ref().map_or(Ok(()), |epilogue| epilogue.write(connection))
    }

    fn forget_epilogue(&self) {
        if let Some(epilogue) = &self.epilogue {
            epilogue.forget();
        }
    }
}

/// Syncs the log on commit if `durable`: the commits of others that lie before it in the log are then safe as well.
fn synced<T>(
    connection: &Connection,
    durable: bool,
    run: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if !durable {
        return run();
    }
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let result = run();
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    result
}

pub(super) fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
