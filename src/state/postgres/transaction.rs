//! Transactions, and the locks that make them wait for each other.
//!
//! They are `READ COMMITTED`: whatever two stores must not decide at the same time is decided under a lock that the
//! transaction takes with its very first message, and every statement after it sees what the holder before has left.
//! `SERIALIZABLE` would find the same conflicts, but only by letting all but one of the callers fail after they had
//! done their work, and callers of one workspace always meet: they all add to the same few buckets.
//!
//! What costs time is going to the database and back. The first message therefore carries the lock and every question,
//! the second every change and the commit: a call begins in two round trips, and the lock is held for one of them.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use deadpool_postgres::Client;
use futures_util::future::{BoxFuture, FutureExt as _, MaybeDone, join, join_all, maybe_done};
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Row, Statement, types::ToSql};

use super::columns::Attempt;
use crate::state::StoreError;

/// The parameters of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What transactions wait for. Taken in the order they stand in here, so that no two wait for each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock<'a> {
    /// Whatever decides on the ledger of a workspace: calls, budgets, places of test profiles.
    Ledger(&'a str),
    /// Whoever writes down something about people, beside others who do.
    People(&'a str),
    /// Whoever erases people, alone.
    Erasing(&'a str),
    /// Opening an import.
    Imports(&'a str),
    /// Cutting the audit chains.
    Pruning(&'a str),
}

impl Lock<'_> {
    fn statement(self) -> String {
        let (kind, workspace, shared) = match self {
            Self::Ledger(workspace) => ("ledger", workspace, ""),
            Self::People(workspace) => ("people", workspace, "_shared"),
            Self::Erasing(workspace) => ("people", workspace, ""),
            Self::Imports(workspace) => ("imports", workspace, ""),
            Self::Pruning(workspace) => ("pruning", workspace, ""),
        };
        format!("; SELECT pg_advisory_xact_lock{shared}({})", lock_number(kind, workspace))
    }
}

/// The database knows locks by number. Two that share one would only wait for each other.
pub(super) fn lock_number(kind: &str, workspace: &str) -> i64 {
    let hash = Sha256::new().chain_update(format!("customerio-mcp {kind} ")).chain_update(workspace).finalize();
    i64::from_be_bytes(std::array::from_fn(|at| hash[at]))
}

/// A transaction on a connection of its own. Dropped before its end it takes the connection with it, for nobody knows
/// then what the server has done.
pub(super) struct Transaction {
    client: Option<Client>,
    ended: AtomicBool,
}

impl Transaction {
    pub(super) fn on(client: Client) -> Self {
        Self { client: Some(client), ended: AtomicBool::new(false) }
    }

    pub(super) fn client(&self) -> Attempt<&Client> {
        // Only dropping takes it away.
        Ok(self.client.as_ref().ok_or_else(|| StoreError::Unavailable("the connection is gone".to_owned()))?)
    }

    /// Begins, and waits for the locks.
    pub(super) async fn begin(&self, locks: &[Lock<'_>]) -> Attempt<()> {
        self.begin_as("READ COMMITTED", locks).await
    }

    /// Begins to read the database as it is now.
    pub(super) async fn begin_snapshot(&self) -> Attempt<()> {
        self.begin_as("REPEATABLE READ READ ONLY", &[]).await
    }

    async fn begin_as(&self, isolation: &str, locks: &[Lock<'_>]) -> Attempt<()> {
        let locks: String = locks.iter().map(|lock| lock.statement()).collect();
        Ok(self.client()?.batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}{locks}")).await?)
    }

    /// The rows that a statement returns; asked in the same breath as others it takes no time of its own.
    pub(super) async fn query(&self, statement: &Statement, parameters: Parameters<'_>) -> Attempt<Vec<Row>> {
        Ok(self.client()?.query(statement, parameters).await?)
    }

    /// The only row, if there is one.
    pub(super) async fn find(&self, statement: &Statement, parameters: Parameters<'_>) -> Attempt<Option<Row>> {
        Ok(self.client()?.query_opt(statement, parameters).await?)
    }

    /// How many rows a statement has changed.
    pub(super) async fn execute(&self, statement: &Statement, parameters: Parameters<'_>) -> Attempt<u64> {
        Ok(self.client()?.execute(statement, parameters).await?)
    }

    /// Sends the last changes and the commit together. If the server refuses one it makes the commit a rollback; what
    /// could not even be sent must keep the commit back.
    pub(super) async fn commit_with(&self, changes: Vec<BoxFuture<'_, Attempt<()>>>) -> Attempt<()> {
        let mut changes: Vec<_> = changes.into_iter().map(maybe_done).collect();
        // The first look at a change is what sends it.
        let sent = poll_fn(|context| {
            let sent = changes.iter_mut().all(|change| {
                let looked_at = change.poll_unpin(context);
                looked_at.is_pending() || !matches!(change, MaybeDone::Done(Err(_)))
            });
            Poll::Ready(sent)
        })
        .await;
        let end = self.end(if sent { "COMMIT" } else { "ROLLBACK" });
        let (_, ended) = join(join_all(changes.iter_mut()), end).await;
        for change in &mut changes {
            Pin::new(change).take_output().unwrap_or(Ok(()))?;
        }
        ended
    }

    pub(super) async fn commit(&self) -> Attempt<()> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(&self) -> Attempt<()> {
        self.end("ROLLBACK").await
    }

    /// Gives the statements of this transaction the time that looking at everything takes.
    pub(super) async fn allow_long(&self) -> Attempt<()> {
        Ok(self.client()?.batch_execute("SET LOCAL statement_timeout = '60s'").await?)
    }

    async fn end(&self, how: &str) -> Attempt<()> {
        self.client()?.batch_execute(how).await?;
        self.ended.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.ended.load(Ordering::Acquire)
        {
            // Out of the pool, and closed: the server rolls back, unless it was told to commit and has done so.
            drop(Client::take(client));
        }
    }
}

/// Prepares statements, in one round trip those that this connection has not prepared before.
pub(super) async fn prepare<const N: usize>(client: &Client, sql: [&str; N]) -> Attempt<[Statement; N]> {
    let prepared = join_all(sql.iter().map(|sql| client.prepare_cached(sql))).await;
    let prepared = prepared.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(prepared.try_into().map_err(|_| StoreError::Database("a statement was not prepared".to_owned()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workspace_and_kind_of_lock_has_a_number_of_its_own() {
        let locks = [Lock::Ledger("a"), Lock::Ledger("b"), Lock::Erasing("a"), Lock::Imports("a"), Lock::Pruning("a")];
        let numbers: std::collections::HashSet<String> = locks.iter().map(|lock| lock.statement()).collect();
        assert_eq!(numbers.len(), locks.len());
        let number = |lock: Lock<'_>| lock.statement().rsplit_once('(').unwrap().1.to_owned();
        assert_eq!(number(Lock::People("a")), number(Lock::Erasing("a")));
    }
}
