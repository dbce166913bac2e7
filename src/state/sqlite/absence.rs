//! Calls of unknown fate: finding them, and noting that a look for their effect showed nothing.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{
    audit::Auditor,
    budgets::{self, Account},
    calls::{RECORDED, UNKNOWN_HOLDS_KEY_MS, effective_state, recorded},
    test_profiles,
};
use crate::state::{Absence, AbsenceOutcome, CallQuery, CallState, RecordedCall, StoreError, WhichCalls};

/// A call without a key or a way to look for it is nobody's to settle.
const CAN_BE_SETTLED: &str = "(key IS NOT NULL OR recovery IS NOT NULL)";

pub(super) fn list_calls(connection: &Connection, query: &CallQuery) -> Result<Vec<RecordedCall>, StoreError> {
    let CallQuery { workspace, calls, now_ms, limit } = query;
    let mut values: Vec<&dyn ToSql> = vec![workspace, limit];
    let which = match calls {
        WhichCalls::Unknown { not_looked_for_since_ms } => {
            values.extend([now_ms as &dyn ToSql, not_looked_for_since_ms]);
            // The first condition is the index's own, to the letter.
            format!(
                "state IN (0, 3, 4) AND state <> 4 AND lease_until_ms <= ?3 AND recovery IS NOT NULL \
                 AND (absent_at_ms IS NULL OR absent_at_ms <= ?4) \
                 AND (began_at_ms > ?3 - {UNKNOWN_HOLDS_KEY_MS} \
                 OR EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row))"
            )
        }
        WhichCalls::Unsettled => format!("state IN (0, 3, 4) AND {CAN_BE_SETTLED}"),
        WhichCalls::Since(since_ms) => {
            values.push(since_ms);
            format!("began_at_ms >= ?3 AND {CAN_BE_SETTLED}")
        }
        WhichCalls::Id(call_id) => {
            values.push(call_id);
            "call_id = ?3".to_owned()
        }
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RECORDED} FROM calls WHERE workspace = ?1 AND {which} ORDER BY began_at_ms, row LIMIT ?2"
    ))?;
    let rows = statement.query_map(values.as_slice(), |row| recorded(row, *now_ms))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A row as noting an absence needs it.
struct Looked {
    row: i64,
    principal: String,
    state: CallState,
    absent_at_ms: Option<i64>,
}

pub(super) fn note(
    connection: &Connection,
    auditor: &Auditor,
    absence: &Absence,
) -> Result<AbsenceOutcome, StoreError> {
    let Some(call) = looked(connection, absence)?.filter(|call| call.state == CallState::Unknown) else {
        return Ok(AbsenceOutcome::NotUnknown);
    };
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
