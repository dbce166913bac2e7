//! Imports and their refused rows.

use tokio_postgres::{Row, types::ToSql};

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{
    Import, ImportClaim, ImportRefusal, ImportState, ImportStep, ImportUse, OpenImport, OpenedImport,
    ledger::IMPORTS_KEPT_MS,
    stored::{counted, stored},
};

/// The columns that [`import`] reads.
const IMPORT: &str = "handle, tool, state, progress, sealed, created_at_ms, updated_at_ms";

/// Whether the call that begins still has its import, at the stage it saw. Nobody takes it before the call has begun.
pub(super) const READY: &str = "SELECT 1 FROM imports WHERE workspace = $1 AND handle = $2 AND holder = $3 \
    AND state = $4 FOR UPDATE";

/// Lets an import write that the same transaction has charged.
pub(super) const START: &str = "UPDATE imports SET state = 2, started_by = $3 WHERE workspace = $1 AND handle = $2";

/// An import whose charges were given back must be charged anew before anything of it may leave.
pub(super) const UNSTART: &str =
    "UPDATE imports SET state = 1, started_by = NULL WHERE workspace = $1 AND started_by = $2 AND state = 2";

const FORGET_OLD: [&str; 2] = [
    "DELETE FROM import_refusals WHERE (workspace, handle) IN \
     (SELECT workspace, handle FROM imports WHERE updated_at_ms < $1)",
    "DELETE FROM imports WHERE updated_at_ms < $1",
];

/// The stage at which a call sees its import.
pub(super) fn expected(import: &ImportUse) -> ImportState {
    if import.starts { ImportState::Checked } else { ImportState::Writing }
}

fn import(row: &Row) -> Attempt<Import> {
    Ok(Import {
        handle: get(row, 0)?,
        tool: get(row, 1)?,
        state: get(row, 2)?,
        progress: get(row, 3)?,
        sealed: get(row, 4)?,
        created_at_ms: get(row, 5)?,
        updated_at_ms: get(row, 6)?,
    })
}

pub(super) async fn open(core: &Core, open: &OpenImport) -> Attempt<OpenedImport> {
    let transaction = Transaction::on(core.client().await?);
    let [find, forget_refusals, forget, insert] = prepare(
        transaction.client()?,
        [
            "SELECT handle FROM imports WHERE workspace = $1 AND principal = $2 AND tool = $3 AND arguments = $4 \
             AND updated_at_ms >= CASE WHEN state = 3 THEN $5::bigint ELSE $6::bigint END \
             ORDER BY updated_at_ms DESC LIMIT 1",
            FORGET_OLD[0],
            FORGET_OLD[1],
            "INSERT INTO imports (workspace, handle, principal, tool, arguments, state, progress, sealed, \
             created_at_ms, updated_at_ms, holder, until_ms) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $8, $9, $10)",
        ],
    )
    .await?;
    let OpenImport { workspace, principal, tool, arguments, handle, progress, sealed, holder, .. } = open;
    transaction.begin(&[Lock::Imports(workspace)]).await?;
    let found = transaction
        .find(&find, &[workspace, principal, tool, arguments, &open.done_since_ms, &open.alive_since_ms])
        .await?;
    if let Some(row) = found {
        let claim = ImportClaim {
            workspace: workspace.clone(),
            principal: principal.clone(),
            tool: tool.clone(),
            handle: get(&row, 0)?,
            holder: Some(holder.clone()),
            until_ms: open.until_ms,
            now_ms: open.now_ms,
        };
        if let Some(known) = claim_in(&transaction, &claim).await? {
            transaction.commit().await?;
            return Ok(known);
        }
    }
    let before_ms = open.now_ms.saturating_sub(IMPORTS_KEPT_MS);
    transaction.execute(&forget_refusals, &[&before_ms]).await?;
    transaction.execute(&forget, &[&before_ms]).await?;
    transaction
        .execute(
            &insert,
            &[workspace, handle, principal, tool, arguments, progress, sealed, &open.now_ms, holder, &open.until_ms],
        )
        .await?;
    transaction.commit().await?;
    Ok(OpenedImport::New(Import {
        handle: handle.clone(),
        tool: tool.clone(),
        state: ImportState::Checking,
        progress: progress.clone(),
        sealed: sealed.clone(),
        created_at_ms: open.now_ms,
        updated_at_ms: open.now_ms,
    }))
}

pub(super) async fn claim(core: &Core, claim: &ImportClaim) -> Attempt<Option<OpenedImport>> {
    let transaction = Transaction::on(core.client().await?);
    transaction.begin(&[]).await?;
    let claimed = claim_in(&transaction, claim).await?;
    transaction.commit().await?;
    Ok(claimed)
}

async fn claim_in(transaction: &Transaction, claim: &ImportClaim) -> Attempt<Option<OpenedImport>> {
    let sql = format!(
        "SELECT {IMPORT}, holder, until_ms FROM imports \
         WHERE workspace = $1 AND handle = $2 AND principal = $3 AND tool = $4 FOR UPDATE"
    );
    let [find, take] = prepare(
        transaction.client()?,
        [&sql, "UPDATE imports SET holder = $3, until_ms = $4 WHERE workspace = $1 AND handle = $2"],
    )
    .await?;
    let ImportClaim { workspace, principal, tool, handle, .. } = claim;
    let Some(row) = transaction.find(&find, &[workspace, handle, principal, tool]).await? else { return Ok(None) };
    let import = import(&row)?;
    let (holder, until_ms): (Option<String>, i64) = (get(&row, 7)?, get(&row, 8)?);
    let Some(caller) = claim.holder.as_ref().filter(|_| import.state != ImportState::Done) else {
        return Ok(Some(OpenedImport::Known(import)));
    };
    if holder.is_some_and(|holder| holder != *caller && until_ms > claim.now_ms) {
        return Ok(Some(OpenedImport::Busy { handle: import.handle, until_ms }));
    }
    transaction.execute(&take, &[workspace, handle, caller, &claim.until_ms]).await?;
    Ok(Some(OpenedImport::Known(import)))
}

pub(super) async fn advance(core: &Core, step: &ImportStep) -> Attempt<bool> {
    let transaction = Transaction::on(core.client().await?);
    let [advance, forget, refuse] = prepare(
        transaction.client()?,
        [
            "UPDATE imports SET state = $4, progress = $5, updated_at_ms = $6, until_ms = $7 \
             WHERE workspace = $1 AND handle = $2 AND holder = $3",
            "DELETE FROM import_refusals WHERE workspace = $1 AND handle = $2",
            "INSERT INTO import_refusals (workspace, handle, row, field, code, reason) \
             SELECT $1, $2, refusal.* FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS refusal \
             ON CONFLICT DO NOTHING",
        ],
    )
    .await?;
    let ImportStep { workspace, handle, holder, state, progress, now_ms, until_ms, refusals, .. } = step;
    let (begun, advanced) = tokio::join!(
        biased;
        transaction.begin(&[]),
        async {
            let parameters: [&(dyn ToSql + Sync); 7] =
                [workspace, handle, holder, state, progress, now_ms, until_ms];
            transaction.execute(&advance, &parameters).await
        },
    );
    begun?;
    if advanced? == 0 {
        transaction.rollback().await?;
        return Ok(false);
    }
    if step.anew {
        transaction.execute(&forget, &[workspace, handle]).await?;
    }
    if !refusals.is_empty() {
        let rows: Vec<i64> = refusals.iter().map(|refusal| stored(refusal.row)).collect();
        let fields: Vec<Option<String>> = refusals.iter().map(|refusal| refusal.field.as_deref().map(text)).collect();
        let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
        let reasons: Vec<String> = refusals.iter().map(|refusal| text(&refusal.reason)).collect();
        transaction.execute(&refuse, &[workspace, handle, &rows, &fields, &codes, &reasons]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Text of the database holds no NUL, which a file's header may.
fn text(given: &str) -> String {
    given.replace('\0', "\u{fffd}")
}

pub(super) async fn release(core: &Core, workspace: &str, holder: &str) -> Attempt<()> {
    let client = core.client().await?;
    let [statement] =
        prepare(&client, ["UPDATE imports SET holder = NULL, until_ms = 0 WHERE workspace = $1 AND holder = $2"])
            .await?;
    client.execute(&statement, &[&workspace, &holder]).await?;
    Ok(())
}

pub(super) async fn refusals(
    core: &Core,
    workspace: &str,
    handle: &str,
    after_row: u64,
    limit: u32,
) -> Attempt<Vec<ImportRefusal>> {
    let client = core.client().await?;
    let [statement] = prepare(
        &client,
        ["SELECT row, field, code, reason FROM import_refusals \
          WHERE workspace = $1 AND handle = $2 AND row > $3 ORDER BY row LIMIT $4"],
    )
    .await?;
    let refusal = |row: &Row| {
        Ok(ImportRefusal { row: counted(get(row, 0)?), field: get(row, 1)?, code: get(row, 2)?, reason: get(row, 3)? })
    };
    let rows = client.query(&statement, &[&workspace, &handle, &stored(after_row), &i64::from(limit)]).await?;
    rows.iter().map(refusal).collect()
}
