//! Imports and their refused rows.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::state::{
    Begin, Import, ImportClaim, ImportRefusal, ImportState, ImportStep, OpenImport, OpenedImport, StoreError,
    ledger::IMPORTS_KEPT_MS,
    stored::{counted, stored},
};

/// The columns that [`import`] reads.
const IMPORT: &str = "handle, tool, state, progress, sealed, created_at_ms, updated_at_ms";

fn import(row: &Row<'_>) -> rusqlite::Result<Import> {
    Ok(Import {
        handle: row.get(0)?,
        tool: row.get(1)?,
        state: row.get(2)?,
        progress: row.get(3)?,
        sealed: row.get(4)?,
        created_at_ms: row.get(5)?,
        updated_at_ms: row.get(6)?,
    })
}

pub(super) fn open(connection: &Connection, open: &OpenImport) -> Result<OpenedImport, StoreError> {
    let found: Option<String> = connection
        .prepare_cached(
            "SELECT handle FROM imports WHERE workspace = ?1 AND principal = ?2 AND tool = ?3 AND arguments = ?4 \
             AND updated_at_ms >= iif(state = 3, ?5, ?6) ORDER BY updated_at_ms DESC LIMIT 1",
        )?
        .query_row(
            params![open.workspace, open.principal, open.tool, open.arguments, open.done_since_ms, open.alive_since_ms],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(handle) = found {
        let claim = ImportClaim {
            workspace: open.workspace.clone(),
            principal: open.principal.clone(),
            tool: open.tool.clone(),
            handle,
            holder: Some(open.holder.clone()),
            until_ms: open.until_ms,
            now_ms: open.now_ms,
        };
        if let Some(known) = self::claim(connection, &claim)? {
            return Ok(known);
        }
    }
    insert(connection, open)?;
    Ok(OpenedImport::New(Import {
        handle: open.handle.clone(),
        tool: open.tool.clone(),
        state: ImportState::Checking,
        progress: open.progress.clone(),
        sealed: open.sealed.clone(),
        created_at_ms: open.now_ms,
        updated_at_ms: open.now_ms,
    }))
}

fn insert(connection: &Connection, open: &OpenImport) -> Result<(), StoreError> {
    forget_old(connection, open.now_ms)?;
    connection
        .prepare_cached(
            "INSERT INTO imports (workspace, handle, principal, tool, arguments, state, progress, sealed, \
             created_at_ms, updated_at_ms, holder, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?8, ?9, ?10)",
        )?
        .execute(params![
            open.workspace,
            open.handle,
            open.principal,
            open.tool,
            open.arguments,
            open.progress,
            open.sealed,
            open.now_ms,
            open.holder,
            open.until_ms
        ])?;
    Ok(())
}

fn forget_old(connection: &Connection, now_ms: i64) -> Result<(), StoreError> {
    let before_ms = now_ms.saturating_sub(IMPORTS_KEPT_MS);
    for sql in [
        "DELETE FROM import_refusals WHERE (workspace, handle) IN \
         (SELECT workspace, handle FROM imports WHERE updated_at_ms < ?1)",
        "DELETE FROM imports WHERE updated_at_ms < ?1",
    ] {
        connection.prepare_cached(sql)?.execute([before_ms])?;
    }
    Ok(())
}

pub(super) fn claim(connection: &Connection, claim: &ImportClaim) -> Result<Option<OpenedImport>, StoreError> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {IMPORT}, holder, until_ms FROM imports \
             WHERE workspace = ?1 AND handle = ?2 AND principal = ?3 AND tool = ?4"
        ))?
        .query_row(params![claim.workspace, claim.handle, claim.principal, claim.tool], |row| {
            Ok((import(row)?, row.get::<_, Option<String>>(7)?, row.get::<_, i64>(8)?))
        })
        .optional()?;
    let Some((import, holder, until_ms)) = found else { return Ok(None) };
    let Some(caller) = claim.holder.as_ref().filter(|_| import.state != ImportState::Done) else {
        return Ok(Some(OpenedImport::Known(import)));
    };
    if holder.is_some_and(|holder| holder != *caller && until_ms > claim.now_ms) {
        return Ok(Some(OpenedImport::Busy { handle: import.handle, until_ms }));
    }
    connection
        .prepare_cached("UPDATE imports SET holder = ?3, until_ms = ?4 WHERE workspace = ?1 AND handle = ?2")?
        .execute(params![claim.workspace, claim.handle, caller, claim.until_ms])?;
    Ok(Some(OpenedImport::Known(import)))
}

pub(super) fn advance(connection: &Connection, step: &ImportStep) -> Result<bool, StoreError> {
    let ImportStep { workspace, handle, .. } = step;
    let advanced = connection
        .prepare_cached(
            "UPDATE imports SET state = ?4, progress = ?5, updated_at_ms = ?6, until_ms = ?7 \
             WHERE workspace = ?1 AND handle = ?2 AND holder = ?3",
        )?
        .execute(params![workspace, handle, step.holder, step.state, step.progress, step.now_ms, step.until_ms])?;
    if advanced == 0 {
        return Ok(false);
    }
    if step.anew {
        connection
            .prepare_cached("DELETE FROM import_refusals WHERE workspace = ?1 AND handle = ?2")?
            .execute(params![workspace, handle])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO import_refusals (workspace, handle, row, field, code, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for refusal in &step.refusals {
        let ImportRefusal { row, field, code, reason } = refusal;
        insert.execute(params![workspace, handle, stored(*row), field, code, reason])?;
    }
    Ok(true)
}

pub(super) fn release(connection: &Connection, workspace: &str, holder: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE imports SET holder = NULL, until_ms = 0 WHERE workspace = ?1 AND holder = ?2")?
        .execute(params![workspace, holder])?;
    Ok(())
}

pub(super) fn refusals(
    connection: &Connection,
    workspace: &str,
    handle: &str,
    after_row: u64,
    limit: u32,
) -> Result<Vec<ImportRefusal>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT row, field, code, reason FROM import_refusals \
         WHERE workspace = ?1 AND handle = ?2 AND row > ?3 ORDER BY row LIMIT ?4",
    )?;
    let rows = statement.query_map(params![workspace, handle, stored(after_row), limit], |row| {
        Ok(ImportRefusal { row: counted(row.get(0)?), field: row.get(1)?, code: row.get(2)?, reason: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the call that begins still has its import, at the stage it saw.
pub(super) fn is_ready(connection: &Connection, begin: &Begin) -> Result<bool, StoreError> {
    let Some(import) = &begin.import else { return Ok(true) };
    let state = if import.starts { ImportState::Checked } else { ImportState::Writing };
    Ok(connection
        .prepare_cached("SELECT 1 FROM imports WHERE workspace = ?1 AND handle = ?2 AND holder = ?3 AND state = ?4")?
        .exists(params![begin.workspace, import.handle, begin.call_id, state])?)
}

/// Lets an import write that the same transaction has charged.
pub(super) fn start(connection: &Connection, begin: &Begin) -> Result<(), StoreError> {
    if let Some(import) = begin.import.as_ref().filter(|import| import.starts) {
        connection
            .prepare_cached("UPDATE imports SET state = ?3, started_by = ?4 WHERE workspace = ?1 AND handle = ?2")?
            .execute(params![begin.workspace, import.handle, ImportState::Writing, begin.call_id])?;
    }
    Ok(())
}

/// An import whose charges were given back must be charged anew before anything of it may leave.
pub(super) fn unstart(connection: &Connection, workspace: &str, call_id: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE imports SET state = ?3, started_by = NULL WHERE workspace = ?1 AND started_by = ?2 AND state = ?4",
        )?
        .execute(params![workspace, call_id, ImportState::Checked, ImportState::Writing])?;
    Ok(())
}
