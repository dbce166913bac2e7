//! One connection and the thread that serves it.
//!
//! A commit costs far more than the statements in it, and a hop to a thread more than both, so there are three ways in.
//! A lone caller runs its transaction where it is. Where one thread runs all callers, their jobs are gathered until it
//! has nothing else to do, and committed there as one transaction. When the connection is taken, callers queue and the
//! lane's thread commits all that wait as one. One that fails undoes nobody else's work, and nobody is answered before
//! the commit. A worker of the runtime thus never waits for a lock, another process or the disk.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
    task::yield_now,
};

use super::{
    job::{Job, Pace, answer_all, ended},
    transaction::{Access, Transactions},
};
use crate::state::StoreError;

/// The most jobs in one transaction, which bounds how long the first of them waits for its answer.
const LARGEST_BATCH: usize = 256;

/// A connection, its thread and their queue.
#[derive(Debug)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    connection: Mutex<Connection>,
    /// The way to the lane's thread, until the lane is dropped.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: AtomicUsize,
    /// Jobs that the runtime's only thread will commit when the callers that are ready have all asked.
    gathered: Mutex<Vec<Job>>,
    transactions: Transactions,
}

impl Lane {
    pub(super) fn start(connection: Connection, transactions: Transactions) -> Result<Self, StoreError> {
        connection.busy_timeout(transactions.access.inline_timeout())?;
        let (jobs, queue) = mpsc::channel();
        let shared = Arc::new(Shared {
            connection: Mutex::new(connection),
            jobs: Mutex::new(Some(jobs)),
            waiting: AtomicUsize::new(0),
            gathered: Mutex::default(),
            transactions,
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("state-store".to_owned())
            .spawn(move || served.serve(&queue))
            .map_err(|error| StoreError::Database(format!("no thread for the state store: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Runs `work` in a transaction and answers once it is committed.
    pub(super) async fn run<T, F>(&self, pace: Pace, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let gathers = !self.shared.must_hop(pace) && runs_on_one_thread();
        let work = if gathers {
            work
        } else {
            match self.shared.try_inline(pace, work) {
                Ok(result) => return result,
                Err(work) => work,
            }
        };
        let (answer, answered) = oneshot::channel();
        let job = Job::new(pace, work, answer);
        if gathers {
            Shared::gather(&self.shared, job);
        } else {
            self.shared.enqueue(job);
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Whether all callers share this thread: there is nobody then who could be asking at the same time.
fn runs_on_one_thread() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

impl Drop for Lane {
    /// Waits until what was asked for is committed.
    fn drop(&mut self) {
        for job in self.shared.take_gathered() {
            self.shared.enqueue(job);
        }
        drop(self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
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
        F: Fn(&Connection) -> Result<T, StoreError>,
    {
        if self.must_hop(pace) || self.waiting.load(Ordering::Acquire) > 0 {
            return Err(work);
        }
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(work),
        };
        match self.transactions.begin(&connection) {
            Ok(()) => Ok(self.transactions.end(&connection, work(&connection))),
            Err(StoreError::Busy) => Err(work),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Whether a job may take longer than a worker of the runtime has.
    fn must_hop(&self, pace: Pace) -> bool {
        self.transactions.nudge.is_some() && pace != Pace::Quick
    }

    /// Leaves a job to the lane's thread. One that it cannot take any more is dropped, and its caller told so.
    fn enqueue(&self, job: Job) {
        if let Some(jobs) = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            self.waiting.fetch_add(1, Ordering::AcqRel);
            drop(jobs.send(job));
        }
    }

    /// Puts a job with those of other callers. The first of them has it committed behind every caller that is ready now.
    fn gather(shared: &Arc<Self>, job: Job) {
        let mut gathered = shared.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push(job);
        if gathered.len() == 1 {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                shared.gathered_all().await;
                shared.commit_gathered();
            });
        }
    }

    /// Waits for as long as each look at what else is ready brings more to commit: a page is written once for all who
    /// change it. Reading costs too little to wait for company.
    async fn gathered_all(&self) {
        let count = || self.gathered.lock().unwrap_or_else(PoisonError::into_inner).len();
        let mut seen = 0;
        while self.transactions.access == Access::Write && (seen + 1..LARGEST_BATCH).contains(&count()) {
            seen = count();
            yield_now().await;
        }
    }

    fn take_gathered(&self) -> Vec<Job> {
        std::mem::take(&mut self.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits what was gathered, or leaves it to the lane's thread if that would mean waiting.
    fn commit_gathered(&self) {
        let mut batch = self.take_gathered();
        if batch.len() <= LARGEST_BATCH
            && self.waiting.load(Ordering::Acquire) == 0
            && let Ok(connection) = self.connection.try_lock()
        {
            let result = self.transactions.commit(&connection, &mut batch);
            drop(connection);
            if result != Err(StoreError::Busy) {
                answer_all(batch, &result);
                return;
            }
        }
        for job in batch {
            self.enqueue(job);
        }
    }

    fn serve(&self, queue: &mpsc::Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let connection = self.lock();
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(LARGEST_BATCH - 1));
            self.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
            let result = self.transactions.commit_batch(&connection, &mut batch);
            // Whoever is answered finds the connection free again.
            drop(connection);
            answer_all(batch, &result);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::state::sqlite::{
        checkpoint::{Checkpointer, Nudge},
        transaction::execute,
    };

    fn writing(connection: Connection, nudge: Option<Nudge>) -> Lane {
        Lane::start(connection, Transactions { access: Access::Write, nudge, epilogue: None }).unwrap()
    }

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
        let lane = writing(connection, Some(nudge));
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
        let lane = writing(Connection::open_in_memory().unwrap(), None);
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

    /// Three callers of one thread, the second of whom fails after it wrote.
    #[tokio::test]
    async fn what_is_committed_together_stands_and_falls_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lane.db");
        let witness = Connection::open(&path).unwrap();
        witness.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE kept (row INTEGER)").unwrap();
        let lane = writing(Connection::open(&path).unwrap(), None);
        let insert = |row: i64, fails: bool| {
            lane.run(Pace::Quick, move |connection| {
                connection.execute("INSERT INTO kept VALUES (?1)", [row])?;
                let others = connection.query_row("SELECT count(*) FROM kept", [], |row| row.get::<_, i64>(0))?;
                if fails { Err(StoreError::Database("as asked".to_owned())) } else { Ok(others) }
            })
        };
        let rows =
            || witness.query_row("SELECT group_concat(row) FROM kept", [], |row| row.get::<_, String>(0)).unwrap();
        let (first, second, third) = tokio::join!(insert(1, false), insert(2, true), insert(3, false));
        assert_eq!((first, third), (Ok(1), Ok(2)));
        assert_eq!(second, Err(StoreError::Database("as asked".to_owned())));
        assert_eq!(rows(), "1,3");
        assert!(insert(4, true).await.is_err());
        assert_eq!((insert(5, false).await, rows()), (Ok(3), "1,3,5".to_owned()));
    }

    #[tokio::test]
    async fn callers_of_one_thread_share_a_commit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lane.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE kept (bytes BLOB)").unwrap();
        let log_bytes = || std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
        let lane = writing(connection, None);
        let insert = || lane.run(Pace::Quick, |connection| execute(connection, "INSERT INTO kept VALUES (x'00')"));
        insert().await.unwrap();
        let before = log_bytes();
        for ended in futures_util::future::join_all((0..8).map(|_| insert())).await {
            ended.unwrap();
        }
        let together = log_bytes() - before;
        insert().await.unwrap();
        assert_eq!(together, log_bytes() - before - together, "eight commits would have written the page eight times");
    }
}
