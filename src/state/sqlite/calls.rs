//! The ledger of calls: beginning and settling them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    approvals,
    audit::Auditor,
    budgets::{self, Account},
    erasures, imports, test_profiles, tidy,
};
use crate::state::{
    Begin, BeginOutcome, CallKey, CallState, Digest, RecordedCall, Settle, StoreError,
    ledger::{UNKNOWN_HOLDS_KEY_MS, UNSETTLED, effective_state, is_followed, settled_state},
    windows,
};

/// The columns that [`recorded`] reads.
pub(super) const RECORDED: &str = "call_id, principal, tool, effect, state, arguments, answer, recovery, began_at_ms, \
                                   lease_until_ms, absent_at_ms";

pub(super) fn find(
    connection: &Connection,
    workspace: &str,
    principal: &str,
    key: &Digest,
    now_ms: i64,
) -> Result<Option<RecordedCall>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RECORDED} FROM calls WHERE workspace = ?1 AND principal = ?2 AND key = ?3 \
         AND (key_expires_at_ms > ?4 OR ({UNSETTLED} AND began_at_ms > ?5))"
    ))?;
    let unknown_since_ms = now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS);
    let found =
        statement.query_row(params![workspace, principal, key, now_ms, unknown_since_ms], |row| recorded(row, now_ms));
    Ok(found.optional()?)
}

pub(super) fn recorded(row: &Row<'_>, now_ms: i64) -> rusqlite::Result<RecordedCall> {
    let lease_until_ms = row.get(9)?;
    Ok(RecordedCall {
        call_id: row.get(0)?,
        principal: row.get(1)?,
        tool: row.get(2)?,
        effect: row.get(3)?,
        state: effective_state(row.get(4)?, lease_until_ms, now_ms),
        arguments: row.get(5)?,
        answer: row.get(6)?,
        recovery: row.get(7)?,
        began_at_ms: row.get(8)?,
        lease_until_ms,
        absent_at_ms: row.get(10)?,
    })
}

/// Every check comes before the first write: whatever is not `Begun` leaves no trace.
pub(super) fn begin(connection: &Connection, auditor: &Auditor, begin: &Begin) -> Result<BeginOutcome, StoreError> {
    if let Some(tombstone) = erasures::tombstones(connection, &begin.workspace, &begin.not_erased)?.into_iter().next() {
        return Ok(BeginOutcome::Erased(tombstone));
    }
    if let Some(outcome) = replay(connection, begin)? {
        return Ok(outcome);
    }
    if !imports::is_ready(connection, begin)? {
        return Ok(BeginOutcome::ImportTaken);
    }
    if is_plan_spent(connection, begin)? {
        return Ok(BeginOutcome::PlanSpent);
    }
    if !approvals::is_ready(connection, begin)? {
        return Ok(BeginOutcome::ApprovalSpent);
    }
    if let Some(exhausted) = budgets::check(connection, begin)? {
        return Ok(BeginOutcome::Exhausted(exhausted));
    }
    if let Some(full) = test_profiles::check(connection, begin)? {
        return Ok(full);
    }
    write(connection, auditor, begin)?;
    Ok(BeginOutcome::Begun)
}

fn replay(connection: &Connection, begin: &Begin) -> Result<Option<BeginOutcome>, StoreError> {
    let Some(CallKey { key, arguments, .. }) = &begin.key else { return Ok(None) };
    let first = find(connection, &begin.workspace, &begin.principal, key, begin.now_ms)?;
    Ok(first.filter(|first| !is_followed(begin, first)).map(|first| {
        if first.arguments == Some(*arguments) { BeginOutcome::Replayed(first) } else { BeginOutcome::KeyReused }
    }))
}

fn is_plan_spent(connection: &Connection, begin: &Begin) -> Result<bool, StoreError> {
    let Some(plan) = &begin.plan else { return Ok(false) };
    Ok(connection
        .prepare_cached("SELECT 1 FROM spent_plans WHERE workspace = ?1 AND token = ?2")?
        .exists(params![begin.workspace, plan.token])?)
}

fn write(connection: &Connection, auditor: &Auditor, begin: &Begin) -> Result<(), StoreError> {
    let row = insert(connection, begin)?;
    tidy::tidy(connection, &begin.workspace, row, begin.now_ms)?;
    add_subjects(connection, begin, row)?;
    budgets::charge(connection, begin)?;
    imports::start(connection, begin)?;
    if let Some(reservation) = &begin.test_profile {
        test_profiles::reserve(connection, begin, reservation, row)?;
    }
    if let Some(plan) = &begin.plan {
        connection
            .prepare_cached("INSERT INTO spent_plans (workspace, token, expires_at_ms) VALUES (?1, ?2, ?3)")?
            .execute(params![begin.workspace, plan.token, plan.expires_at_ms])?;
    }
    approvals::spend(connection, begin)?;
    approvals::void(connection, begin)?;
    auditor.append(connection, &begin.audit)
}

fn insert(connection: &Connection, begin: &Begin) -> Result<i64, StoreError> {
    let key = begin.key.as_ref();
    if let Some(key) = key {
        // Only an expired row, or the one that this call follows, can still hold the key here.
        connection
            .prepare_cached(
                "UPDATE calls SET key = NULL, recovery = NULL WHERE workspace = ?1 AND principal = ?2 AND key = ?3",
            )?
            .execute(params![begin.workspace, begin.principal, key.key])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO calls (workspace, call_id, principal, tool, effect, key, arguments, key_expires_at_ms, \
             state, recovery, began_at_ms, lease_until_ms, charges) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            begin.workspace,
            begin.call_id,
            begin.principal,
            begin.tool,
            begin.effect,
            key.map(|key| key.key),
            key.map(|key| key.arguments),
            key.map(|key| key.expires_at_ms),
            CallState::InFlight,
            begin.recovery,
            begin.now_ms,
            begin.lease_until_ms,
            windows::kept(begin)
        ])?;
    Ok(connection.last_insert_rowid())
}

fn add_subjects(connection: &Connection, begin: &Begin, row: i64) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO call_subjects (workspace, subject, call_row) VALUES (?1, ?2, ?3)")?;
    for subject in &begin.subjects {
        statement.execute(params![begin.workspace, subject, row])?;
    }
    Ok(())
}

/// A ledger row as settling needs it.
struct Open {
    row: i64,
    principal: String,
    /// As it is stored.
    state: CallState,
    /// It was thought to be known no more: its lease had lapsed, or it said so.
    was_unknown: bool,
    erased: bool,
}

pub(super) fn settle(connection: &Connection, auditor: &Auditor, settle: &Settle) -> Result<bool, StoreError> {
    let call = open_call(connection, settle)?;
    let Some(to) = settled_state(call.state, settle.outcome) else { return Ok(false) };
    update(connection, settle, &call, to)?;
    let account = Account { workspace: &settle.workspace, principal: &call.principal };
    if to == CallState::Released {
        if call.state != CallState::Absent {
            budgets::refund(connection, account, call.row)?;
        }
        budgets::forget(connection, call.row)?;
        test_profiles::release(connection, call.row)?;
        imports::unstart(connection, &settle.workspace, &settle.call_id)?;
    } else {
        if call.state == CallState::Absent {
            budgets::charge_again(connection, account, call.row)?;
        }
        identify(connection, settle, &call)?;
    }
    if to == CallState::Committed {
        test_profiles::commit(connection, call.row)?;
    }
    auditor.append(connection, &settle.audit)?;
    Ok(true)
}

fn open_call(connection: &Connection, settle: &Settle) -> Result<Open, StoreError> {
    connection
        .prepare_cached(
            "SELECT row, principal, state, lease_until_ms, erased FROM calls WHERE workspace = ?1 AND call_id = ?2",
        )?
        .query_row(params![settle.workspace, settle.call_id], |row| {
            let state = row.get(2)?;
            Ok(Open {
                row: row.get(0)?,
                principal: row.get(1)?,
                state,
                was_unknown: effective_state(state, row.get(3)?, settle.now_ms) != CallState::InFlight,
                erased: row.get(4)?,
            })
        })
        .optional()?
        .ok_or_else(|| StoreError::Database("a call was settled that never began".to_owned()))
}

/// The key of a released call is free again, and what looking for a call needs goes when its fate is known. Whoever was
/// told to repeat a call later may do so for a day after it was found out to have happened.
fn update(connection: &Connection, settle: &Settle, call: &Open, to: CallState) -> Result<(), StoreError> {
    let released = to == CallState::Released;
    let answer = settle.answer.as_ref().filter(|_| !released && !call.erased);
    let held_until_ms = if call.was_unknown { settle.now_ms.saturating_add(UNKNOWN_HOLDS_KEY_MS) } else { 0 };
    connection
        .prepare_cached(
            "UPDATE calls SET state = ?2, answer = ?3, key = iif(?4, NULL, key), \
             recovery = iif(?5, recovery, NULL), key_expires_at_ms = max(key_expires_at_ms, ?6) WHERE row = ?1",
        )?
        .execute(params![call.row, to, answer, released, to == CallState::Unknown, held_until_ms])?;
    Ok(())
}

fn identify(connection: &Connection, settle: &Settle, call: &Open) -> Result<(), StoreError> {
    match &settle.test_profile_identifiers {
        Some((subjects, sealed)) => test_profiles::identify(connection, &settle.workspace, call.row, subjects, sealed),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::sqlite::{Location, open};

    fn explained(sql: &str, column: usize) -> Vec<String> {
        let connection = open::open(&Location::Memory).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.raw_bind_parameter(1, 1).and_then(|()| {
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(row.get(column)?);
            }
            Ok(found)
        });
        rows.unwrap()
    }

    /// SQLite makes a table of its own for every list of more than two values, for every row written.
    #[test]
    fn writing_a_call_makes_no_tables_on_the_way() {
        for sql in ["EXPLAIN UPDATE calls SET state = 1 WHERE row = ?1", "EXPLAIN INSERT INTO calls (row) VALUES (?1)"]
        {
            let opcodes = explained(sql, 1);
            assert!(opcodes.iter().any(|opcode| opcode == "IdxInsert"), "{sql}: {opcodes:?}");
            assert!(!opcodes.iter().any(|opcode| opcode == "OpenEphemeral"), "{sql}: {opcodes:?}");
        }
    }

    #[test]
    fn unsettled_calls_are_found_by_their_index() {
        let sql = format!("EXPLAIN QUERY PLAN SELECT {RECORDED} FROM calls WHERE workspace = ?1 AND {UNSETTLED}");
        let plan = explained(&sql, 3);
        assert!(plan.iter().any(|step| step.contains("calls_unsettled")), "{plan:?}");
    }
}
