//! A caller's transaction on its way through a lane.

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::state::StoreError;

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

/// A caller's work and where its answer goes.
pub(super) struct Job {
    pub(super) pace: Pace,
    pub(super) task: Box<dyn Task>,
}

impl Job {
    pub(super) fn new<T, F>(pace: Pace, work: F, answer: oneshot::Sender<Result<T, StoreError>>) -> Self
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        Self { pace, task: Box::new(Asked { work, result: None, answer }) }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// A task is answered exactly once, after the commit. What it wrote in a run before the last was undone.
pub(super) trait Task: Send {
    /// Whether it went well; what it wrote is undone otherwise.
    fn work(&mut self, connection: &Connection) -> bool;

    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asked<T, F> {
    work: F,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task for Asked<T, F>
where
    T: Send,
    F: Fn(&Connection) -> Result<T, StoreError> + Send,
{
    fn work(&mut self, connection: &Connection) -> bool {
        let result = (self.work)(connection);
        let went_well = result.is_ok();
        self.result = Some(result);
        went_well
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        let result = committed.and_then(|()| result.unwrap_or_else(|| Err(ended())));
        // A caller that went away is no reason to undo what it asked for.
        drop(answer.send(result));
    }
}

/// Tells every caller what became of the transaction that its job was part of.
pub(super) fn answer_all(batch: Vec<Job>, result: &Result<(), StoreError>) {
    for job in batch {
        job.task.answer(result.clone());
    }
}

/// What is said when nobody is left to do a job.
pub(super) fn ended() -> StoreError {
    StoreError::Database("the thread of the state store has ended".to_owned())
}
