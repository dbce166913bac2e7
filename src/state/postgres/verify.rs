//! Proving the audit chains of a workspace.

use super::{
    audit::{STRIDE, chain_sql, read_anchor, record, writers},
    columns::{Attempt, get},
    core::Core,
    transaction::{Transaction, prepare},
};
use crate::state::{
    AuditRecord, ChainFault, ChainReport,
    chain::{
        Anchor, AnchorKind, Anchored, ChainHasher, REORDER_SEARCH_RECORDS, Stop, Walk, diagnose, fault, stray,
        unrecorded,
    },
    stored::{counted, stored},
};

/// Named where the ledger shows that a chain is gone and nothing shows whose it was.
const NOBODY: &str = "unknown";

/// Looks at all chains as they are at one moment, and holds up nobody.
pub(super) async fn verify(core: &Core, workspace: &str) -> Attempt<ChainReport> {
    let transaction = Transaction::on(core.client().await?);
    transaction.begin_snapshot().await?;
    transaction.allow_long().await?;
    let mut report = ChainReport { chains: 0, records: 0, pruned: 0, faults: Vec::new() };
    let writers = writers(&transaction, workspace).await?;
    let chain = |writer| Chain { transaction: &transaction, hasher: &core.hasher, workspace, writer };
    for writer in &writers {
        report.chains += 1;
        let fault = chain(writer).prove(&mut report).await?;
        report.faults.extend(fault);
    }
    if report.faults.is_empty() {
        let first = writers.first().map_or(NOBODY, String::as_str);
        let fault = chain(first).compare_with_ledger(report.pruned > 0).await?;
        report.faults.extend(fault);
    }
    transaction.rollback().await?;
    Ok(report)
}

struct Chain<'a> {
    transaction: &'a Transaction,
    hasher: &'a ChainHasher,
    workspace: &'a str,
    writer: &'a str,
}

impl Chain<'_> {
    /// The first place where the chain does not hold, if any; what holds is added to `report`.
    async fn prove(&self, report: &mut ChainReport) -> Attempt<Option<ChainFault>> {
        let start = match self.anchor(AnchorKind::Checkpoint).await? {
            Anchored::Absent => Anchor::START,
            Anchored::Genuine(anchor) => anchor,
            Anchored::Forged => return Ok(Some(fault(self.writer, 0, "forged: the checkpoint left by pruning"))),
        };
        report.pruned += start.sequence;
        let head = self.anchor(AnchorKind::Head).await?;
        let mut walk = Walk::new(self.hasher, start);
        let broken = match self.walk(&mut walk, &head).await? {
            None => self.find_stray(start).await?,
            broken => broken,
        };
        report.records += walk.proven();
        Ok(broken.or_else(|| walk.meets(self.writer, &head)))
    }

    async fn anchor(&self, kind: AnchorKind) -> Attempt<Anchored> {
        read_anchor(self.transaction, self.hasher, kind, self.workspace, self.writer).await
    }

    async fn walk(&self, walk: &mut Walk<'_>, head: &Anchored) -> Attempt<Option<ChainFault>> {
        let [chain] = prepare(self.transaction.client()?, [&chain_sql()]).await?;
        loop {
            let after = stored(walk.last().sequence);
            let rows = self.transaction.query(&chain, &[&self.workspace, &self.writer, &after, &STRIDE]).await?;
            for row in &rows {
                let Ok(record) = record(row) else { return Ok(Some(walk.unreadable(self.writer))) };
                match walk.step(record) {
                    Ok(()) => {}
                    Err(Stop::Fault(fault)) => return Ok(Some(fault)),
                    Err(Stop::Mismatch(record)) => return self.diagnose(walk, &record, head).await.map(Some),
                }
            }
            if rows.is_empty() {
                return Ok(None);
            }
        }
    }

    async fn diagnose(&self, walk: &Walk<'_>, record: &AuditRecord, head: &Anchored) -> Attempt<ChainFault> {
        let following = self.following(record.sequence).await?;
        Ok(diagnose(self.hasher, &walk.last(), record, &following, head.genuine()))
    }

    /// The records after `sequence`, up to the first that cannot be read.
    async fn following(&self, sequence: u64) -> Attempt<Vec<AuditRecord>> {
        let [chain] = prepare(self.transaction.client()?, [&chain_sql()]).await?;
        let (after, limit) = (stored(sequence), i64::from(REORDER_SEARCH_RECORDS));
        let rows = self.transaction.query(&chain, &[&self.workspace, &self.writer, &after, &limit]).await?;
        Ok(rows.iter().map_while(|row| record(row).ok()).collect())
    }

    /// A record numbered from before the chain's start, where nothing should be left.
    async fn find_stray(&self, start: Anchor) -> Attempt<Option<ChainFault>> {
        let [statement] = prepare(
            self.transaction.client()?,
            ["SELECT max(sequence) FROM audit WHERE workspace = $1 AND writer = $2 AND sequence <= $3"],
        )
        .await?;
        let sequence = stored(start.sequence);
        let found = self.transaction.find(&statement, &[&self.workspace, &self.writer, &sequence]).await?;
        let found: Option<i64> = found.map(|row| get(&row, 0)).transpose()?.flatten();
        Ok(found.map(|sequence| stray(self.writer, counted(sequence))))
    }

    /// Every call on the ledger has left a decision. If none is to be found, a chain was put back to what it was
    /// before, together with its head, or taken away as a whole: in itself it looks sound.
    async fn compare_with_ledger(&self, pruned: bool) -> Attempt<Option<ChainFault>> {
        // Pruning cuts all chains at one moment: whatever was cut is older than what each of them begins with now.
        let since_ms = if pruned { self.oldest_at_ms().await?.unwrap_or(i64::MAX) } else { i64::MIN };
        let [statement] = prepare(
            self.transaction.client()?,
            ["SELECT count(*) FROM calls WHERE workspace = $1 AND began_at_ms >= $2 AND NOT EXISTS \
              (SELECT 1 FROM audit WHERE audit.workspace = $1 AND audit.call_id = calls.call_id)"],
        )
        .await?;
        let found = self.transaction.find(&statement, &[&self.workspace, &since_ms]).await?;
        let calls: i64 = found.map(|row| get(&row, 0)).transpose()?.unwrap_or_default();
        if calls == 0 {
            return Ok(None);
        }
        Ok(Some(unrecorded(self.writer, &self.anchor(AnchorKind::Head).await?, counted(calls))))
    }

    /// The earliest moment that any chain of the workspace begins with, in Unix milliseconds.
    async fn oldest_at_ms(&self) -> Attempt<Option<i64>> {
        let [statement] = prepare(
            self.transaction.client()?,
            ["SELECT min(at_ms) FROM \
              (SELECT DISTINCT ON (writer) at_ms FROM audit WHERE workspace = $1 ORDER BY writer, sequence) AS first"],
        )
        .await?;
        let found = self.transaction.find(&statement, &[&self.workspace]).await?;
        Ok(found.map(|row| get(&row, 0)).transpose()?.flatten())
    }
}
