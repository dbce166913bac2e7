//! Deleting what no decision will ask for again, a little with every few calls.

use rusqlite::{Connection, params};

use super::approvals;
use crate::state::{
    StoreError,
    ledger::{CALLS_BETWEEN, CALLS_KEPT_MS, ROWS_AT_ONCE, SPENT_PLANS_KEPT_MS, UNKNOWN_HOLDS_KEY_MS, UNSETTLED},
};

/// Tidies up if it is the turn of the ledger row `call_row`.
pub(super) fn tidy(connection: &Connection, workspace: &str, call_row: i64, now_ms: i64) -> Result<(), StoreError> {
    if call_row % CALLS_BETWEEN != 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "DELETE FROM spent_plans WHERE (workspace, token) IN \
             (SELECT workspace, token FROM spent_plans WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2)",
        )?
        .execute(params![now_ms.saturating_sub(SPENT_PLANS_KEPT_MS), ROWS_AT_ONCE])?;
    for sql in [
        "DELETE FROM leases WHERE (workspace, name) IN \
         (SELECT workspace, name FROM leases WHERE until_ms <= ?1 ORDER BY until_ms LIMIT ?2)",
        "DELETE FROM cached_people WHERE (workspace, key) IN \
         (SELECT workspace, key FROM cached_people WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2)",
    ] {
        connection.prepare_cached(sql)?.execute(params![now_ms, ROWS_AT_ONCE])?;
    }
    approvals::tidy(connection, now_ms, ROWS_AT_ONCE)?;
    forget_how_to_look(connection, workspace, now_ms)?;
    forget_calls(connection, now_ms)
}

/// What looking for a call needs names people. It goes when nobody will look any more.
fn forget_how_to_look(connection: &Connection, workspace: &str, now_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "UPDATE calls SET recovery = NULL WHERE row IN (SELECT row FROM calls WHERE workspace = ?1 \
             AND {UNSETTLED} AND began_at_ms <= ?2 AND recovery IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row) LIMIT ?3)"
        ))?
        .execute(params![workspace, now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS), ROWS_AT_ONCE])?;
    Ok(())
}

fn forget_calls(connection: &Connection, now_ms: i64) -> Result<(), StoreError> {
    let rows: Vec<i64> = connection
        .prepare_cached(
            "SELECT row FROM calls WHERE began_at_ms < ?1 \
             AND (key IS NULL OR key_expires_at_ms <= ?2) \
             AND NOT EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row) ORDER BY began_at_ms LIMIT ?3",
        )?
        .query_map(params![now_ms.saturating_sub(CALLS_KEPT_MS), now_ms, ROWS_AT_ONCE], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for row in rows {
        for sql in ["DELETE FROM call_subjects WHERE call_row = ?1", "DELETE FROM calls WHERE row = ?1"] {
            connection.prepare_cached(sql)?.execute([row])?;
        }
    }
    Ok(())
}
