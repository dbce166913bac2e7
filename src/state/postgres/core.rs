//! What all requests to one database share: connections, chains, and how often to try.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use deadpool_postgres::{Client, HookError, Pool, PoolError, TimeoutType};
use tokio::time::Instant;

use super::{
    columns::{Attempt, Setback},
    writers::Writers,
};
use crate::{
    clock::{SharedClock, random_bytes},
    state::{StoreError, chain::ChainHasher},
};

/// How long to wait before each further attempt at what others were in the way of, in milliseconds.
const PAUSES_MS: [u64; 5] = [2, 8, 32, 128, 256];

/// How long a caller waits at most. Whoever is refused can be told so; whoever hangs cannot.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);

/// The same for what looks at everything there is.
const LONG_ANSWERED_WITHIN: Duration = Duration::from_mins(10);

/// How long a database that has not answered is left alone.
const SILENCE_BELIEVED: Duration = Duration::from_secs(2);

/// A database and what this process knows of it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) pool: Pool,
    pub(super) hasher: ChainHasher,
    pub(super) writers: Writers,
    pub(super) clock: SharedClock,
    /// When a connection was last waited for in vain.
    pub(super) silent_since: Mutex<Option<Instant>>,
    /// Calls begun by this store: every so many, one tidies up.
    pub(super) begun: AtomicU64,
}

impl Core {
    /// A connection for one request. Where connecting was waited for in vain a moment ago nobody else waits: a machine
    /// that is gone must cost callers one delay and not one each.
    pub(super) async fn client(&self) -> Attempt<Client> {
        if self.silence().is_some_and(|since| since.elapsed() < SILENCE_BELIEVED) {
            return Err(no_answer().into());
        }
        match self.pool.get().await {
            Ok(client) => Ok(client),
            Err(error) => {
                if matches!(error, PoolError::Timeout(TimeoutType::Create)) {
                    *self.silence() = Some(Instant::now());
                }
                Err(unserved(error).into())
            }
        }
    }

    fn silence(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes attempts until one is not in the way of others, with growing pauses of random length: two that met once
    /// must not meet again.
    pub(super) async fn retried<T, F>(&self, attempt: impl Fn() -> F + Send) -> Result<T, StoreError>
    where
        F: Future<Output = Attempt<T>> + Send,
    {
        for pause_ms in PAUSES_MS {
            match attempt().await {
                Err(Setback::Conflict | Setback::Moved) => tokio::time::sleep(self.jittered(pause_ms)).await,
                other => return Ok(other?),
            }
        }
        Ok(attempt().await?)
    }

    fn jittered(&self, pause_ms: u64) -> Duration {
        let [random] = random_bytes::<1>(self.clock.as_ref());
        Duration::from_micros(pause_ms * 500 + pause_ms * 500 * u64::from(random) / 255)
    }
}

fn no_answer() -> StoreError {
    StoreError::Unavailable("it did not answer in time".to_owned())
}

/// Why there is no connection.
pub(super) fn unserved(error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy,
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
        PoolError::Timeout(_) => no_answer(),
        _ => StoreError::Unavailable("no connection could be made".to_owned()),
    }
}

/// Does what was asked for on a task of its own: a caller that goes away is no reason to stop half-way.
pub(super) async fn answered<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    answered_within(ANSWERED_WITHIN, work).await
}

/// The same for what takes long.
pub(super) async fn answered_at_length<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    answered_within(LONG_ANSWERED_WITHIN, work).await
}

async fn answered_within<T, F>(within: Duration, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let work =
        tokio::spawn(async move { tokio::time::timeout(within, work).await.unwrap_or_else(|_| Err(no_answer())) });
    // What a panic says may hold anything.
    work.await.unwrap_or_else(|_| Err(StoreError::Database("a request was not finished".to_owned())))
}
