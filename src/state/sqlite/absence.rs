//! What looks for the effect of a call have shown, short of the effect itself.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    audit::Auditor,
    budgets::{self, Account},
    test_profiles,
};
use crate::state::{Absence, AbsenceOutcome, CallState, StoreError, ledger::effective_state};

/// A row as noting an absence needs it.
struct Looked {
    row: i64,
    principal: String,
    state: CallState,
    absent_at_ms: Option<i64>,
}

pub(super) fn note_look(
    connection: &Connection,
    workspace: &str,
    call_id: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE calls SET looked_at_ms = ?3 WHERE workspace = ?1 AND call_id = ?2")?
        .execute(params![workspace, call_id, now_ms])?;
    Ok(())
}

pub(super) fn note(
    connection: &Connection,
    auditor: &Auditor,
    absence: &Absence,
) -> Result<AbsenceOutcome, StoreError> {
    let Some(call) = looked(connection, absence)?.filter(|call| call.state == CallState::Unknown) else {
        return Ok(AbsenceOutcome::NotUnknown);
    };
    note_look(connection, &absence.workspace, &absence.call_id, absence.now_ms)?;
    let Some(first_at_ms) = call.absent_at_ms else {
        connection
            .prepare_cached("UPDATE calls SET absent_at_ms = ?2 WHERE row = ?1")?
            .execute(params![call.row, absence.now_ms])?;
        return Ok(AbsenceOutcome::Noted { first_at_ms: absence.now_ms });
    };
    if absence.now_ms < first_at_ms.saturating_add(absence.apart_ms) {
        return Ok(AbsenceOutcome::Noted { first_at_ms });
    }
    settle(connection, absence, &call)?;
    auditor.append(connection, &absence.audit)?;
    Ok(AbsenceOutcome::Settled)
}

fn looked(connection: &Connection, absence: &Absence) -> Result<Option<Looked>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT row, principal, state, lease_until_ms, absent_at_ms FROM calls WHERE workspace = ?1 AND call_id = ?2",
    )?;
    let looked = statement.query_row(params![absence.workspace, absence.call_id], |row| {
        Ok(Looked {
            row: row.get(0)?,
            principal: row.get(1)?,
            state: effective_state(row.get(2)?, row.get(3)?, absence.now_ms),
            absent_at_ms: row.get(4)?,
        })
    });
    Ok(looked.optional()?)
}

fn settle(connection: &Connection, absence: &Absence, call: &Looked) -> Result<(), StoreError> {
    let holds_key = absence.keeps_key
        && connection.prepare_cached("SELECT 1 FROM calls WHERE row = ?1 AND key IS NOT NULL")?.exists([call.row])?;
    let to = if holds_key { CallState::Absent } else { CallState::Released };
    connection
        .prepare_cached(
            "UPDATE calls SET state = ?2, key = iif(?3, key, NULL), recovery = iif(?3, recovery, NULL) WHERE row = ?1",
        )?
        .execute(params![call.row, to, holds_key])?;
    budgets::refund(connection, Account { workspace: &absence.workspace, principal: &call.principal }, call.row)?;
    if !holds_key {
        // What a call without a key had charged cannot come back; see `budgets::charge_again`.
        budgets::forget(connection, call.row)?;
    }
    test_profiles::release(connection, call.row)
}
