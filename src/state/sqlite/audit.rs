//! Audit records: appending, listing and pruning. `verify.rs` proves them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::transaction::Epilogue;
use crate::state::{
    AuditEntry, AuditQuery, AuditRecord, StoreError,
    chain::{Anchor, AnchorKind, Anchored, ChainHasher, Walk},
    stored::{counted, stored},
};

/// The most records of one page, whatever is asked for.
const LARGEST_PAGE: u32 = 1_000;

/// The columns [`record`] reads, in its order.
pub(super) const COLUMNS: &str = "row, writer, sequence, at_ms, workspace, call_id, principal, tool, effect, phase, \
                                  subject, decision, approved_by, upstream_status, duration_ms, hash";

/// Appends to the chains of one database.
#[derive(Debug)]
pub(super) struct Auditor {
    pub(super) hasher: ChainHasher,
    pub(super) writer: String,
    /// The heads of this transaction's chains, by workspace: written once for all records of it.
    heads: Mutex<Vec<(String, Anchor)>>,
}

impl Epilogue for Auditor {
    fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        for (workspace, head) in std::mem::take(&mut *self.heads()) {
            self.write_anchor(connection, AnchorKind::Head, &workspace, &self.writer, &head)?;
        }
        Ok(())
    }

    fn forget(&self) {
        self.heads().clear();
    }
}

impl Auditor {
    pub(super) fn new(hasher: ChainHasher, writer: String) -> Self {
        Self { hasher, writer, heads: Mutex::default() }
    }

    fn heads(&self) -> MutexGuard<'_, Vec<(String, Anchor)>> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends `entry` to the chain of its workspace. A head that was tampered with is not built upon: that would make
    /// whatever was done to the chain look genuine.
    pub(super) fn append(&self, connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut heads = self.heads();
        let known = heads.iter().position(|(workspace, _)| *workspace == entry.workspace);
        let last = match known {
            Some(at) => heads[at].1,
            None => self.stored_head(connection, &entry.workspace)?,
        };
        let sequence = last.sequence.saturating_add(1);
        let hash = self.hasher.record(&last.hash, &self.writer, sequence, entry);
        let next = Anchor { sequence, hash };
        insert(connection, &self.writer, &next, entry)?;
        match known {
            Some(at) => heads[at].1 = next,
            None => heads.push((entry.workspace.clone(), next)),
        }
        Ok(())
    }

    fn stored_head(&self, connection: &Connection, workspace: &str) -> Result<Anchor, StoreError> {
        match read_anchor(connection, &self.hasher, AnchorKind::Head, workspace, &self.writer)? {
            Anchored::Absent => Ok(Anchor::START),
            Anchored::Genuine(anchor) => Ok(anchor),
            Anchored::Forged => Err(StoreError::Database("the head of the audit chain is forged".to_owned())),
        }
    }

    pub(super) fn write_anchor(
        &self,
        connection: &Connection,
        kind: AnchorKind,
        workspace: &str,
        writer: &str,
        anchor: &Anchor,
    ) -> Result<(), StoreError> {
        let sql = match kind {
            AnchorKind::Head => {
                "INSERT INTO audit_heads (workspace, writer, sequence, hash, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, mac = excluded.mac"
            }
            AnchorKind::Checkpoint => {
                "INSERT OR REPLACE INTO audit_checkpoints (workspace, writer, sequence, hash, mac) \
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
        };
        let mac = self.hasher.anchor(kind, workspace, writer, anchor);
        connection.prepare_cached(sql)?.execute(params![
            workspace,
            writer,
            stored(anchor.sequence),
            anchor.hash,
            mac
        ])?;
        Ok(())
    }

    /// Cuts every chain of the workspace before `before_ms`. What is cut is proven first: pruning must not be a way to
    /// be rid of the traces of tampering.
    pub(super) fn prune(&self, connection: &Connection, workspace: &str, before_ms: i64) -> Result<u64, StoreError> {
        writers(connection, workspace)?
            .iter()
            .map(|writer| self.prune_chain(connection, workspace, writer, before_ms))
            .sum()
    }

    fn prune_chain(
        &self,
        connection: &Connection,
        workspace: &str,
        writer: &str,
        before_ms: i64,
    ) -> Result<u64, StoreError> {
        let broken = || StoreError::Database("the audit chain does not hold; nothing was pruned".to_owned());
        let start = match read_anchor(connection, &self.hasher, AnchorKind::Checkpoint, workspace, writer)? {
            Anchored::Absent => Anchor::START,
            Anchored::Genuine(anchor) => anchor,
            Anchored::Forged => return Err(broken()),
        };
        let mut walk = Walk::new(&self.hasher, start);
        let mut statement = connection.prepare_cached(&chain_sql())?;
        let mut rows = statement.query(params![workspace, writer, stored(start.sequence)])?;
        while let Some(row) = rows.next()? {
            let record = record(row)?;
            if record.entry.at_ms >= before_ms {
                break;
            }
            walk.step(record).map_err(|_| broken())?;
        }
        if walk.proven() > 0 {
            self.cut(connection, workspace, writer, &walk.last())?;
        }
        Ok(walk.proven())
    }

    fn cut(&self, connection: &Connection, workspace: &str, writer: &str, until: &Anchor) -> Result<(), StoreError> {
        self.write_anchor(connection, AnchorKind::Checkpoint, workspace, writer, until)?;
        connection
            .prepare_cached("DELETE FROM audit WHERE workspace = ?1 AND writer = ?2 AND sequence <= ?3")?
            .execute(params![workspace, writer, stored(until.sequence)])?;
        Ok(())
    }
}

fn insert(connection: &Connection, writer: &str, place: &Anchor, entry: &AuditEntry) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (writer, sequence, at_ms, workspace, call_id, principal, tool, effect, phase, subject, \
             decision, approved_by, upstream_status, duration_ms, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            writer,
            stored(place.sequence),
            entry.at_ms,
            entry.workspace,
            entry.call_id,
            entry.principal,
            entry.tool,
            entry.effect,
            entry.phase,
            entry.subject,
            entry.decision,
            entry.approved_by,
            entry.upstream_status,
            entry.duration_ms.map(stored),
            place.hash
        ])?;
    Ok(())
}

pub(super) fn read_anchor(
    connection: &Connection,
    hasher: &ChainHasher,
    kind: AnchorKind,
    workspace: &str,
    writer: &str,
) -> Result<Anchored, StoreError> {
    let sql = match kind {
        AnchorKind::Head => "SELECT sequence, hash, mac FROM audit_heads WHERE workspace = ?1 AND writer = ?2",
        AnchorKind::Checkpoint => {
            "SELECT sequence, hash, mac FROM audit_checkpoints WHERE workspace = ?1 AND writer = ?2"
        }
    };
    let read = |row: &Row<'_>| {
        let anchor = Anchor { sequence: counted(row.get(0)?), hash: row.get(1)? };
        let genuine = hasher.anchor(kind, workspace, writer, &anchor) == row.get(2)?;
        Ok(if genuine { Anchored::Genuine(anchor) } else { Anchored::Forged })
    };
    match connection.prepare_cached(sql)?.query_row([workspace, writer], read).optional() {
        Ok(found) => Ok(found.unwrap_or(Anchored::Absent)),
        Err(error) if is_unreadable(&error) => Ok(Anchored::Forged),
        Err(error) => Err(error.into()),
    }
}

/// Whether a column holds what we never wrote, as opposed to the database failing.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

/// One chain after a sequence number, in order.
pub(super) fn chain_sql() -> String {
    format!("SELECT {COLUMNS} FROM audit WHERE workspace = ?1 AND writer = ?2 AND sequence > ?3 ORDER BY sequence")
}

/// Every writer that has left a record, a head or a checkpoint in the workspace.
pub(super) fn writers(connection: &Connection, workspace: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT writer FROM audit_heads WHERE workspace = ?1 UNION \
         SELECT writer FROM audit_checkpoints WHERE workspace = ?1 UNION \
         SELECT writer FROM audit WHERE workspace = ?1",
    )?;
    let rows = statement.query_map([workspace], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the columns of [`COLUMNS`].
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let entry = AuditEntry {
        at_ms: row.get(3)?,
        workspace: row.get(4)?,
        call_id: row.get(5)?,
        principal: row.get(6)?,
        tool: row.get(7)?,
        effect: row.get(8)?,
        phase: row.get(9)?,
        subject: row.get(10)?,
        decision: row.get(11)?,
        approved_by: row.get(12)?,
        upstream_status: row.get(13)?,
        duration_ms: duration_ms(row)?,
    };
    Ok(AuditRecord { row: row.get(0)?, writer: row.get(1)?, sequence: counted(row.get(2)?), entry, hash: row.get(15)? })
}

/// No duration is negative: read as another number, an altered one would pass for what was written.
fn duration_ms(row: &Row<'_>) -> rusqlite::Result<Option<u64>> {
    let stored: Option<i64> = row.get(14)?;
    stored.map(|ms| u64::try_from(ms).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(14, ms))).transpose()
}

pub(super) fn list(connection: &Connection, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
    let order = if query.after_row.is_some() { "ASC" } else { "DESC" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE workspace = ?1 AND (?2 IS NULL OR tool = ?2) \
         AND (?3 IS NULL OR effect = ?3) AND (?4 IS NULL OR decision = ?4) AND (?5 IS NULL OR phase = ?5) \
         AND (?6 IS NULL OR principal = ?6) \
         AND (?7 = '[]' OR hex(subject) IN (SELECT value FROM json_each(?7))) AND (?8 IS NULL OR call_id = ?8) \
         AND (?9 IS NULL OR at_ms >= ?9) AND (?10 IS NULL OR at_ms < ?10) AND (?11 IS NULL OR row > ?11) \
         AND (?12 IS NULL OR row < ?12) ORDER BY row {order} LIMIT ?13"
    ))?;
    let subjects: Vec<String> = query.subjects.iter().map(|subject| hex::encode_upper(subject.0)).collect();
    let rows = statement.query_map(
        params![
            query.workspace,
            query.tool,
            query.effect,
            query.decision,
            query.phase,
            query.principal,
            serde_json::json!(subjects).to_string(),
            query.call_id,
            query.since_ms,
            query.until_ms,
            query.after_row,
            query.before_row,
            query.limit.min(LARGEST_PAGE)
        ],
        record,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}
