//! Calls that wait for a human.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{audit::Auditor, erasures};
use crate::state::{
    Approval, ApprovalDecision, ApprovalQuery, ApprovalState, AskApproval, AskedApproval, Begin, Decided, Digest,
    StoreError, WhichApprovals,
    ledger::SPENT_LISTED_MS,
    stored::{counted, stored},
};

/// The columns that [`approval`] reads.
const APPROVAL: &str = "approval_id, principal, tool, effect, call, people, audience, sealed, state, requested_at_ms, \
                        expires_at_ms, decided_by, decided_at_ms";

fn approval(row: &Row<'_>) -> rusqlite::Result<Approval> {
    Ok(Approval {
        approval_id: row.get(0)?,
        principal: row.get(1)?,
        tool: row.get(2)?,
        effect: row.get(3)?,
        call: row.get(4)?,
        people: counted(row.get(5)?),
        audience: row.get(6)?,
        sealed: row.get(7)?,
        state: row.get(8)?,
        requested_at_ms: row.get(9)?,
        expires_at_ms: row.get(10)?,
        decided_by: row.get(11)?,
        decided_at_ms: row.get(12)?,
    })
}

/// What a call has already stays, unless it would reach others now: then nobody has decided about that.
pub(super) fn ask(connection: &Connection, ask: &AskApproval) -> Result<AskedApproval, StoreError> {
    let AskApproval { workspace, approval, subjects, not_erased, most_pending, now_ms } = ask;
    if let Some(tombstone) = erasures::tombstones(connection, workspace, not_erased)?.into_iter().next() {
        return Ok(AskedApproval::Erased(tombstone));
    }
    if let Some(standing) = of_call(connection, workspace, &approval.call)? {
        if standing.stands_for(approval, *now_ms) {
            return Ok(AskedApproval::Standing(Box::new(standing)));
        }
        delete(connection, workspace, &standing.approval_id)?;
    }
    let waiting: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM approvals WHERE workspace = ?1 AND principal = ?2 AND state = 0 \
             AND expires_at_ms > ?3",
        )?
        .query_row(params![workspace, approval.principal, now_ms], |row| row.get(0))?;
    if counted(waiting) >= *most_pending {
        return Ok(AskedApproval::TooMany);
    }
    insert(connection, workspace, approval)?;
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO approval_subjects (workspace, subject, approval_id) VALUES (?1, ?2, ?3)",
    )?;
    for subject in subjects {
        statement.execute(params![workspace, subject, approval.approval_id])?;
    }
    Ok(AskedApproval::Standing(Box::new(approval.clone())))
}

fn insert(connection: &Connection, workspace: &str, approval: &Approval) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO approvals (workspace, {APPROVAL}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        ))?
        .execute(params![
            workspace,
            approval.approval_id,
            approval.principal,
            approval.tool,
            approval.effect,
            approval.call,
            stored(approval.people),
            approval.audience,
            approval.sealed,
            approval.state,
            approval.requested_at_ms,
            approval.expires_at_ms,
            approval.decided_by,
            approval.decided_at_ms
        ])?;
    Ok(())
}

fn of_call(connection: &Connection, workspace: &str, call: &Digest) -> Result<Option<Approval>, StoreError> {
    let sql = format!("SELECT {APPROVAL} FROM approvals WHERE workspace = ?1 AND call = ?2 AND state < 3");
    Ok(connection.prepare_cached(&sql)?.query_row(params![workspace, call], approval).optional()?)
}

fn of_id(connection: &Connection, workspace: &str, approval_id: &str) -> Result<Option<Approval>, StoreError> {
    let sql = format!("SELECT {APPROVAL} FROM approvals WHERE workspace = ?1 AND approval_id = ?2");
    Ok(connection.prepare_cached(&sql)?.query_row(params![workspace, approval_id], approval).optional()?)
}

pub(super) fn list(connection: &Connection, query: &ApprovalQuery) -> Result<Vec<Approval>, StoreError> {
    let ApprovalQuery { workspace, approvals, now_ms, limit } = query;
    let (condition, given): (&str, &dyn ToSql) = match approvals {
        WhichApprovals::All => ("?4 IS NULL", &None::<i64>),
        WhichApprovals::Pending => ("state = ?4", &ApprovalState::Pending),
        WhichApprovals::Of(principal) => ("principal = ?4", principal),
        WhichApprovals::Id(approval_id) => ("approval_id = ?4", approval_id),
        WhichApprovals::Call(call) => ("call = ?4 AND state < 3", call),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {APPROVAL} FROM approvals WHERE workspace = ?1 AND expires_at_ms > ?2 AND {condition} \
         ORDER BY requested_at_ms, approval_id LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![workspace, now_ms, limit, given], approval)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn decide(
    connection: &Connection,
    auditor: &Auditor,
    decision: &ApprovalDecision,
) -> Result<Decided, StoreError> {
    let found = of_id(connection, &decision.workspace, &decision.approval_id)?;
    let Some(standing) = found.filter(|approval| approval.expires_at_ms > decision.now_ms) else {
        return Ok(Decided::Unknown);
    };
    if !standing.state.may_be_decided(decision.approve) {
        return Ok(Decided::Before(standing));
    }
    connection
        .prepare_cached(
            "UPDATE approvals SET state = ?3, decided_by = ?4, decided_at_ms = ?5, expires_at_ms = ?6 \
             WHERE workspace = ?1 AND approval_id = ?2",
        )?
        .execute(params![
            decision.workspace,
            decision.approval_id,
            decision.state(),
            decision.decided_by,
            decision.now_ms,
            decision.expires_at_ms
        ])?;
    auditor.append(connection, &decision.audit)?;
    Ok(Decided::Now(standing.decided(decision)))
}

/// Whether the approval that a call uses, if it uses one, is there to be used.
pub(super) fn is_ready(connection: &Connection, begin: &Begin) -> Result<bool, StoreError> {
    let Some(approval_id) = &begin.approval else { return Ok(true) };
    let found = of_id(connection, &begin.workspace, approval_id)?;
    Ok(found.is_some_and(|approval| approval.state == ApprovalState::Approved && approval.expires_at_ms > begin.now_ms))
}

/// Ends what was approved and has not run, of the effect that a beginning call voids.
pub(super) fn void(connection: &Connection, begin: &Begin) -> Result<(), StoreError> {
    let Some(effect) = &begin.voids_approved else { return Ok(()) };
    connection
        .prepare_cached("UPDATE approvals SET expires_at_ms = ?3 WHERE workspace = ?1 AND effect = ?2 AND state = 1")?
        .execute(params![begin.workspace, effect, begin.now_ms])?;
    Ok(())
}

pub(super) fn spend(connection: &Connection, begin: &Begin) -> Result<(), StoreError> {
    let Some(approval_id) = &begin.approval else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE approvals SET state = ?3, sealed = NULL, expires_at_ms = ?4 \
             WHERE workspace = ?1 AND approval_id = ?2",
        )?
        .execute(params![
            begin.workspace,
            approval_id,
            ApprovalState::Spent,
            begin.now_ms.saturating_add(SPENT_LISTED_MS)
        ])?;
    Ok(())
}

/// Deletes whatever waits, or is decided, about a person.
pub(super) fn forget(connection: &Connection, workspace: &str, subjects: &[Digest]) -> Result<(), StoreError> {
    for subject in subjects {
        let about: Vec<String> = connection
            .prepare_cached("SELECT approval_id FROM approval_subjects WHERE workspace = ?1 AND subject = ?2")?
            .query_map(params![workspace, subject], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for approval_id in about {
            delete(connection, workspace, &approval_id)?;
        }
    }
    Ok(())
}

/// Deletes some that have expired.
pub(super) fn tidy(connection: &Connection, now_ms: i64, at_once: i64) -> Result<(), StoreError> {
    let expired: Vec<(String, String)> = connection
        .prepare_cached(
            "SELECT workspace, approval_id FROM approvals WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2",
        )?
        .query_map(params![now_ms, at_once], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    expired.iter().try_for_each(|(workspace, approval_id)| delete(connection, workspace, approval_id))
}

fn delete(connection: &Connection, workspace: &str, approval_id: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM approval_subjects WHERE workspace = ?1 AND approval_id = ?2",
        "DELETE FROM approvals WHERE workspace = ?1 AND approval_id = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![workspace, approval_id])?;
    }
    Ok(())
}
