//! Erasures and tombstones.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{approvals, test_profiles};
use crate::state::{Digest, Erasure, ErasureState, ListedErasure, StoreError, Tombstone, stored::counted};

pub(super) fn has_tombstone(connection: &Connection, workspace: &str, subject: &Digest) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM tombstones WHERE workspace = ?1 AND subject = ?2")?
        .exists(params![workspace, subject])?)
}

pub(super) fn has_any(connection: &Connection, workspace: &str) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM tombstones WHERE workspace = ?1 LIMIT 1")?.exists([workspace])?)
}

pub(super) fn tombstones(
    connection: &Connection,
    workspace: &str,
    subjects: &[Digest],
) -> Result<Vec<Tombstone>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT erasure_id, erased_at_ms FROM tombstones WHERE workspace = ?1 AND subject = ?2 \
         ORDER BY erased_at_ms, erasure_id",
    )?;
    let mut found = Vec::new();
    for subject in subjects {
        let rows = statement.query_map(params![workspace, subject], |row| {
            Ok(Tombstone { subject: *subject, erasure_id: row.get(0)?, erased_at_ms: row.get(1)? })
        })?;
        for tombstone in rows {
            found.push(tombstone?);
        }
    }
    Ok(found)
}

/// A completed erasure stays completed, whatever a straggling call reports afterwards.
pub(super) fn record(connection: &Connection, erasure: &Erasure) -> Result<(), StoreError> {
    let completed = erasure.state == ErasureState::Completed;
    let sealed = erasure.sealed_identifiers.as_ref().filter(|_| !completed);
    connection
        .prepare_cached(
            "INSERT INTO erasures (workspace, erasure_id, state, requested_at_ms, completed_at_ms, \
             sealed_identifiers, receipt) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (workspace, erasure_id) DO UPDATE SET state = excluded.state, \
             completed_at_ms = excluded.completed_at_ms, sealed_identifiers = excluded.sealed_identifiers, \
             receipt = excluded.receipt WHERE erasures.state = 0 OR excluded.state = 1",
        )?
        .execute(params![
            erasure.workspace,
            erasure.erasure_id,
            erasure.state,
            erasure.requested_at_ms,
            erasure.completed_at_ms,
            sealed,
            erasure.receipt
        ])?;
    add_subjects(connection, erasure)?;
    if completed { forget(connection, erasure) } else { Ok(()) }
}

/// Puts a tombstone up for each identifier that is new to the erasure: one that an operator took down stays down.
fn add_subjects(connection: &Connection, erasure: &Erasure) -> Result<(), StoreError> {
    let mut subject_row = connection.prepare_cached(
        "INSERT OR IGNORE INTO erasure_subjects (workspace, subject, erasure_id) VALUES (?1, ?2, ?3)",
    )?;
    let mut tombstone_row = connection.prepare_cached(
        "INSERT OR IGNORE INTO tombstones (workspace, subject, erasure_id, erased_at_ms) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let Erasure { workspace, erasure_id, requested_at_ms, .. } = erasure;
    for subject in &erasure.subjects {
        if subject_row.execute(params![workspace, subject, erasure_id])? > 0 {
            tombstone_row.execute(params![workspace, subject, erasure_id, requested_at_ms])?;
        }
    }
    Ok(())
}

/// Deletes what else is kept about every identifier the erasure has ever named. Ledger rows stay, because they count,
/// but lose what was sealed in them.
fn forget(connection: &Connection, erasure: &Erasure) -> Result<(), StoreError> {
    let Erasure { workspace, erasure_id, .. } = erasure;
    let subjects = subjects(connection, workspace, erasure_id)?;
    for subject in &subjects {
        connection
            .prepare_cached(
                "DELETE FROM cached_people WHERE workspace = ?1 AND (key = ?2 OR person = ?2 \
                 OR person IN (SELECT person FROM cached_people WHERE workspace = ?1 AND key = ?2))",
            )?
            .execute(params![workspace, subject])?;
        connection
            .prepare_cached(
                "UPDATE calls SET answer = NULL, recovery = NULL, erased = 1 \
                 WHERE row IN (SELECT call_row FROM call_subjects WHERE workspace = ?1 AND subject = ?2)",
            )?
            .execute(params![workspace, subject])?;
    }
    // Other identifiers named by the same calls belong to whoever they belong to; only the erased ones go.
    let mut statement = connection.prepare_cached("DELETE FROM call_subjects WHERE workspace = ?1 AND subject = ?2")?;
    for subject in &subjects {
        statement.execute(params![workspace, subject])?;
    }
    approvals::forget(connection, workspace, &subjects)?;
    test_profiles::forget(connection, workspace, &subjects)
}

fn subjects(connection: &Connection, workspace: &str, erasure_id: &str) -> Result<Vec<Digest>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT subject FROM erasure_subjects WHERE workspace = ?1 AND erasure_id = ?2 ORDER BY subject",
    )?;
    let rows = statement.query_map(params![workspace, erasure_id], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The pending erasure of any of these people if there is one, else the newest.
pub(super) fn find(
    connection: &Connection,
    workspace: &str,
    subjects: &[Digest],
) -> Result<Option<Erasure>, StoreError> {
    let mut best: Option<Erasure> = None;
    for subject in subjects {
        let Some(found) = find_one(connection, workspace, subject)? else { continue };
        let rank = |erasure: &Erasure| (erasure.state == ErasureState::Pending, erasure.requested_at_ms);
        if best.as_ref().is_none_or(|best| rank(&found) > rank(best)) {
            best = Some(found);
        }
    }
    if let Some(erasure) = &mut best {
        erasure.subjects = self::subjects(connection, workspace, &erasure.erasure_id)?;
    }
    Ok(best)
}

/// All erasures, newest first.
pub(super) fn list(connection: &Connection, workspace: &str) -> Result<Vec<ListedErasure>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT erasure_id, state, requested_at_ms, completed_at_ms, NULL, receipt, \
         (SELECT count(*) FROM tombstones WHERE tombstones.workspace = erasures.workspace \
         AND tombstones.erasure_id = erasures.erasure_id) \
         FROM erasures WHERE workspace = ?1 ORDER BY requested_at_ms DESC, erasure_id",
    )?;
    let listed = statement.query_map([workspace], |row| {
        Ok(ListedErasure { erasure: erasure(row, workspace)?, tombstones: counted(row.get(6)?) })
    })?;
    Ok(listed.collect::<Result<_, _>>()?)
}

/// An erasure without its subjects.
fn erasure(row: &Row<'_>, workspace: &str) -> rusqlite::Result<Erasure> {
    Ok(Erasure {
        erasure_id: row.get(0)?,
        workspace: workspace.to_owned(),
        subjects: Vec::new(),
        state: row.get(1)?,
        requested_at_ms: row.get(2)?,
        completed_at_ms: row.get(3)?,
        sealed_identifiers: row.get(4)?,
        receipt: row.get(5)?,
    })
}

fn find_one(connection: &Connection, workspace: &str, subject: &Digest) -> Result<Option<Erasure>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT erasure_id, state, requested_at_ms, completed_at_ms, sealed_identifiers, receipt FROM erasures \
         JOIN erasure_subjects USING (workspace, erasure_id) WHERE workspace = ?1 AND subject = ?2 \
         ORDER BY state, requested_at_ms DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![workspace, subject], |row| erasure(row, workspace)).optional()?)
}

pub(super) fn lift(connection: &Connection, workspace: &str, erasure_id: &str) -> Result<bool, StoreError> {
    let lifted = connection
        .prepare_cached("DELETE FROM tombstones WHERE workspace = ?1 AND erasure_id = ?2")?
        .execute(params![workspace, erasure_id])?;
    Ok(lifted > 0)
}
