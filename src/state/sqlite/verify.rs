//! Proving the audit chains of a workspace.

use rusqlite::{Connection, params};

use super::audit::{Auditor, chain_sql, is_unreadable, read_anchor, record, writers};
use crate::state::{
    AuditRecord, ChainFault, ChainReport, StoreError,
    chain::{
        Anchor, AnchorKind, Anchored, ChainHasher, REORDER_SEARCH_RECORDS, Stop, Walk, diagnose, fault, stray,
        unrecorded,
    },
    stored::{counted, stored},
};

pub(super) fn verify(connection: &Connection, auditor: &Auditor, workspace: &str) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport { chains: 0, records: 0, pruned: 0, faults: Vec::new() };
    let writers = writers(connection, workspace)?;
    let chain = |writer| Chain { connection, hasher: &auditor.hasher, workspace, writer };
    for writer in &writers {
        report.chains += 1;
        let fault = chain(writer).prove(&mut report)?;
        report.faults.extend(fault);
    }
    if report.faults.is_empty() {
        let fault = chain(&auditor.writer).compare_with_ledger(report.pruned > 0)?;
        report.faults.extend(fault);
    }
    Ok(report)
}

struct Chain<'a> {
    connection: &'a Connection,
    hasher: &'a ChainHasher,
    workspace: &'a str,
    writer: &'a str,
}

impl Chain<'_> {
    /// The first place where the chain does not hold, if any; what holds is added to `report`.
    fn prove(&self, report: &mut ChainReport) -> Result<Option<ChainFault>, StoreError> {
        let start = match self.anchor(AnchorKind::Checkpoint)? {
            Anchored::Absent => Anchor::START,
            Anchored::Genuine(anchor) => anchor,
            Anchored::Forged => return Ok(Some(fault(self.writer, 0, "forged: the checkpoint left by pruning"))),
        };
        report.pruned += start.sequence;
        let head = self.anchor(AnchorKind::Head)?;
        let mut walk = Walk::new(self.hasher, start);
        let broken = match self.walk(&mut walk, &head)? {
            None => self.find_stray(start)?,
            broken => broken,
        };
        report.records += walk.proven();
        Ok(broken.or_else(|| walk.meets(self.writer, &head)))
    }

    fn anchor(&self, kind: AnchorKind) -> Result<Anchored, StoreError> {
        read_anchor(self.connection, self.hasher, kind, self.workspace, self.writer)
    }

    fn walk(&self, walk: &mut Walk<'_>, head: &Anchored) -> Result<Option<ChainFault>, StoreError> {
        let mut statement = self.connection.prepare_cached(&chain_sql())?;
        let mut rows = statement.query(params![self.workspace, self.writer, stored(walk.last().sequence)])?;
        while let Some(row) = rows.next()? {
            let record = match record(row) {
                Ok(record) => record,
                Err(error) if is_unreadable(&error) => return Ok(Some(walk.unreadable(self.writer))),
                Err(error) => return Err(error.into()),
            };
            match walk.step(record) {
                Ok(()) => {}
                Err(Stop::Fault(fault)) => return Ok(Some(fault)),
                Err(Stop::Mismatch(record)) => return self.diagnose(walk, &record, head).map(Some),
            }
        }
        Ok(None)
    }

    fn diagnose(&self, walk: &Walk<'_>, record: &AuditRecord, head: &Anchored) -> Result<ChainFault, StoreError> {
        let following = self.following(record.sequence)?;
        Ok(diagnose(self.hasher, &walk.last(), record, &following, head.genuine()))
    }

    /// The records after `sequence`, up to the first that cannot be read.
    fn following(&self, sequence: u64) -> Result<Vec<AuditRecord>, StoreError> {
        let sql = format!("{} LIMIT {REORDER_SEARCH_RECORDS}", chain_sql());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![self.workspace, self.writer, stored(sequence)], record)?;
        Ok(rows.map_while(Result::ok).collect())
    }

    /// A record numbered from before the chain's start, where nothing should be left.
    fn find_stray(&self, start: Anchor) -> Result<Option<ChainFault>, StoreError> {
        let found: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(sequence) FROM audit WHERE workspace = ?1 AND writer = ?2 AND sequence <= ?3")?
            .query_row(params![self.workspace, self.writer, stored(start.sequence)], |row| row.get(0))?;
        Ok(found.map(|sequence| stray(self.writer, counted(sequence))))
    }

    /// Every call on the ledger has left a decision. If none is to be found, the chain was put back to what it was
    /// before, together with its head, or taken away as a whole: in itself it looks sound.
    fn compare_with_ledger(&self, pruned: bool) -> Result<Option<ChainFault>, StoreError> {
        // Pruning cuts all chains at one moment: whatever was cut is older than what each of them begins with now.
        let since_ms = if pruned { self.oldest_at_ms()?.unwrap_or(i64::MAX) } else { i64::MIN };
        let calls: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM calls WHERE workspace = ?1 AND began_at_ms >= ?2 \
                 AND call_id NOT IN (SELECT call_id FROM audit WHERE workspace = ?1)",
            )?
            .query_row(params![self.workspace, since_ms], |row| row.get(0))?;
        if calls == 0 {
            return Ok(None);
        }
        Ok(Some(unrecorded(self.writer, &self.anchor(AnchorKind::Head)?, counted(calls))))
    }

    /// The earliest moment that any chain of the workspace begins with, in Unix milliseconds.
    fn oldest_at_ms(&self) -> Result<Option<i64>, StoreError> {
        // Beside a minimum SQLite shows the other columns of the same row.
        let sql =
            "SELECT min(at_ms) FROM (SELECT at_ms, min(sequence) FROM audit WHERE workspace = ?1 GROUP BY writer)";
        Ok(self.connection.prepare_cached(sql)?.query_row([self.workspace], |row| row.get(0))?)
    }
}
