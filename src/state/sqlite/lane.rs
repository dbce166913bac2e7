//! One connection and the thread that serves it.
//!
//! A commit costs far more than the statements in it, and a hop to a thread more than both, so there are two ways in. A
//! lone caller runs its transaction where it is. When the connection is taken, callers queue and the thread commits all
//! that wait as one transaction, each in a savepoint of its own: one that fails undoes nobody else's work, and nobody is
//! answered before the commit. A worker of the runtime thus never waits for a lock, another process or the disk.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::Nudge;
use crate::state::StoreError;

/// How long the thread waits for another process that holds the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The most jobs in one transaction, which bounds how long the first of them waits for its answer.
const LARGEST_BATCH: usize = 256;

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
    fn inline_timeout(self) -> Duration {
        match self {
            Self::Write => Duration::ZERO,
            Self::Read => Duration::from_millis(50),
        }
    }
}

/// How a job wants to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A few statements; survives the end of the process.
    Quick,
    /// Too long for a worker of the runtime.
    Long,
    /// Must survive a loss of power before it is answered.
    Durable,
}

/// A connection, its thread and their queue.
#[derive(Debug)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    connection: Mutex<Connection>,
    waiting: AtomicUsize,
    access: Access,
    /// Told of every commit; `None` in memory, where there is no disk to wait for either.
    nudge: Option<Nudge>,
}

/// A caller's work and where its answer goes.
struct Job {
    pace: Pace,
    task: Box<dyn Task>,
}

/// A task runs at most once and is answered exactly once, after the commit.
trait Task: Send {
    /// Whether it went well; what it wrote is undone otherwise.
    fn work(&mut self, connection: &Connection) -> bool;

    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asked<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn work(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        let result = committed.and_then(|()| result.unwrap_or_else(|| Err(ended())));
        // A caller that went away is no reason to undo what it asked for.
        drop(answer.send(result));
    }
}

impl Lane {
    pub(super) fn start(connection: Connection, access: Access, nudge: Option<Nudge>) -> Result<Self, StoreError> {
        connection.busy_timeout(access.inline_timeout())?;
        let shared =
            Arc::new(Shared { connection: Mutex::new(connection), waiting: AtomicUsize::new(0), access, nudge });
        let (jobs, queue) = mpsc::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("state-store".to_owned())
            .spawn(move || served.serve(&queue))
            .map_err(|error| StoreError::Database(format!("no thread for the state store: {error}")))?;
        Ok(Self { shared, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in a transaction and answers once it is committed.
    pub(super) async fn run<T, F>(&self, pace: Pace, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let work = match self.shared.try_inline(pace, work) {
            Ok(result) => return result,
            Err(work) => work,
        };
        let (answer, answered) = oneshot::channel();
        self.enqueue(pace, work, answer)?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    fn enqueue<T, F>(
        &self,
        pace: Pace,
        work: F,
        answer: oneshot::Sender<Result<T, StoreError>>,
    ) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let task = Box::new(Asked { work: Some(work), result: None, answer });
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        jobs.send(Job { pace, task }).map_err(|_| ended())
    }
}

impl Drop for Lane {
    /// Waits until what was asked for is committed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread's own panic was reported where it happened.
            drop(thread.join());
        }
    }
}

impl Shared {
    /// Runs `work` here and now, or gives it back if that would mean waiting.
    fn try_inline<T, F>(&self, pace: Pace, work: F) -> Result<Result<T, StoreError>, F>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError>,
    {
        let must_hop = self.nudge.is_some() && pace != Pace::Quick;
        if must_hop || self.waiting.load(Ordering::Acquire) > 0 {
            return Err(work);
        }
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(work),
        };
        match self.begin(&connection) {
            Ok(()) => Ok(self.end(&connection, work(&connection))),
            Err(StoreError::Busy) => Err(work),
            Err(error) => Ok(Err(error)),
        }
    }

    fn serve(&self, queue: &mpsc::Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let connection = self.lock();
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(LARGEST_BATCH - 1));
            self.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
            let result = self.commit_batch(&connection, &mut batch);
            // Whoever is answered finds the connection free again.
            drop(connection);
            for job in batch {
                job.task.answer(result.clone());
            }
        }
    }

    fn commit_batch(&self, connection: &Connection, batch: &mut [Job]) -> Result<(), StoreError> {
        let durable = self.nudge.is_some() && batch.iter().any(|job| job.pace == Pace::Durable);
        self.waiting_for_others(connection, || {
            synced(connection, durable, || {
                self.begin(connection)?;
                let ran = run_all(connection, batch);
                self.end(connection, ran)
            })
        })
    }

    fn begin(&self, connection: &Connection) -> Result<(), StoreError> {
        if !connection.is_autocommit() {
            // Left open by a job that panicked.
            execute(connection, "ROLLBACK")?;
        }
        match self.access {
            Access::Write => execute(connection, "BEGIN IMMEDIATE"),
            Access::Read => execute(connection, "BEGIN DEFERRED"),
        }
    }

    fn end<T>(&self, connection: &Connection, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let committed = result.and_then(|value| execute(connection, "COMMIT").map(|()| value));
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

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs each job in a savepoint of its own.
fn run_all(connection: &Connection, batch: &mut [Job]) -> Result<(), StoreError> {
    for job in batch {
        execute(connection, "SAVEPOINT job")?;
        if !job.task.work(connection) {
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
    }
    Ok(())
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

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn ended() -> StoreError {
    StoreError::Database("the thread of the state store has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::state::sqlite::checkpoint::Checkpointer;

    fn synchronous(connection: &Connection) -> Result<i64, StoreError> {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    }

    async fn ran_on_thread(lane: &Lane, pace: Pace) -> bool {
        let caller = std::thread::current().id();
        lane.run(pace, move |_| Ok(std::thread::current().id() != caller)).await.unwrap()
    }

    #[tokio::test]
    async fn only_what_must_survive_a_loss_of_power_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lane.db");
        let open = || Connection::open(&path).unwrap();
        let connection = open();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL").unwrap();
        let (_checkpointer, nudge) = Checkpointer::start(open(), &path).unwrap();
        let lane = Lane::start(connection, Access::Write, Some(nudge)).unwrap();
        let (normal, full) = (1, 2);
        for (pace, expected) in [(Pace::Quick, normal), (Pace::Durable, full), (Pace::Long, normal)] {
            assert_eq!(lane.run(pace, synchronous).await.unwrap(), expected, "{pace:?}");
        }
        assert!(!ran_on_thread(&lane, Pace::Quick).await, "a lone caller does not hop");
        assert!(ran_on_thread(&lane, Pace::Long).await);
        assert!(ran_on_thread(&lane, Pace::Durable).await);
        drop(lane);
    }

    #[tokio::test]
    async fn what_was_asked_for_is_committed_although_nobody_waits_for_it_any_more() {
        let lane = Lane::start(Connection::open_in_memory().unwrap(), Access::Write, None).unwrap();
        lane.run(Pace::Quick, |connection| execute(connection, "CREATE TABLE kept (row INTEGER)")).await.unwrap();
        {
            let taken = lane.shared.lock();
            let insert = lane.run(Pace::Quick, |connection| execute(connection, "INSERT INTO kept VALUES (1)"));
            assert!(insert.now_or_never().is_none(), "it waits, and is given up");
            drop(taken);
        }
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM kept", [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(lane.run(Pace::Quick, count).await.unwrap(), 1);
    }
}
