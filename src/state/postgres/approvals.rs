//! Calls that wait for a human. Whoever asks, decides or uses a decision holds the ledger's lock.

use tokio_postgres::{Row, types::ToSql};

use super::{
    audit::Append,
    columns::{Attempt, get},
    core::Core,
    erasures,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{
    Approval, ApprovalDecision, ApprovalQuery, ApprovalState, AskApproval, AskedApproval, Decided, Digest,
    WhichApprovals,
    ledger::SPENT_LISTED_MS,
    stored::{counted, stored},
};

/// The columns that [`approval`] reads.
const APPROVAL: &str = "approval_id, principal, tool, effect, call, people, audience, sealed, state, requested_at_ms, \
                        expires_at_ms, decided_by, decided_at_ms";

/// Whether the approval that a call uses is there to be used.
pub(super) const READY: &str = "SELECT 1 FROM approvals WHERE workspace = $1 AND approval_id = $2 AND state = 1 \
    AND expires_at_ms > $3";

/// Ends what was approved and has not run, of the effect that a beginning call voids.
pub(super) const VOID: &str =
    "UPDATE approvals SET expires_at_ms = $3 WHERE workspace = $1 AND effect = $2 AND state = 1";

pub(super) const SPEND: &str = "UPDATE approvals SET state = 3, sealed = NULL, expires_at_ms = $3 \
    WHERE workspace = $1 AND approval_id = $2";

/// Deletes whatever waits, or is decided, about some people.
pub(super) const FORGET: &str = "WITH about AS (SELECT approval_id FROM approval_subjects \
    WHERE workspace = $1 AND subject = ANY($2)), \
    subjects AS (DELETE FROM approval_subjects WHERE workspace = $1 AND approval_id IN (SELECT approval_id FROM about)) \
    DELETE FROM approvals WHERE workspace = $1 AND approval_id IN (SELECT approval_id FROM about)";

/// Deletes some that have expired.
pub(super) const TIDY: &str = "WITH old AS (SELECT workspace, approval_id FROM approvals WHERE expires_at_ms <= $1 \
    ORDER BY expires_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED), \
    subjects AS (DELETE FROM approval_subjects WHERE (workspace, approval_id) IN (SELECT * FROM old)) \
    DELETE FROM approvals WHERE (workspace, approval_id) IN (SELECT * FROM old)";

const DELETE: &str = "WITH subjects AS (DELETE FROM approval_subjects WHERE workspace = $1 AND approval_id = $2) \
    DELETE FROM approvals WHERE workspace = $1 AND approval_id = $2";

/// When a spent approval is listed no more, in Unix milliseconds.
pub(super) fn spent_until_ms(now_ms: i64) -> i64 {
    now_ms.saturating_add(SPENT_LISTED_MS)
}

fn approval(row: &Row) -> Attempt<Approval> {
    Ok(Approval {
        approval_id: get(row, 0)?,
        principal: get(row, 1)?,
        tool: get(row, 2)?,
        effect: get(row, 3)?,
        call: get(row, 4)?,
        people: counted(get(row, 5)?),
        audience: get(row, 6)?,
        sealed: get(row, 7)?,
        state: get(row, 8)?,
        requested_at_ms: get(row, 9)?,
        expires_at_ms: get(row, 10)?,
        decided_by: get(row, 11)?,
        decided_at_ms: get(row, 12)?,
    })
}

/// What a call has already stays, unless it would reach others now: then nobody has decided about that.
pub(super) async fn ask(core: &Core, ask: &AskApproval) -> Attempt<AskedApproval> {
    let AskApproval { workspace, approval, subjects, not_erased, most_pending, now_ms } = ask;
    let transaction = Transaction::on(core.client().await?);
    transaction.begin(&[Lock::Ledger(workspace)]).await?;
    let [tombstones] = prepare(transaction.client()?, [erasures::TOMBSTONES]).await?;
    if let Some(row) = transaction.query(&tombstones, &[workspace, not_erased]).await?.first() {
        let tombstone = erasures::tombstone(row)?;
        transaction.rollback().await?;
        return Ok(AskedApproval::Erased(tombstone));
    }
    if let Some(standing) = of_call(&transaction, workspace, &approval.call).await? {
        if standing.stands_for(approval, *now_ms) {
            transaction.rollback().await?;
            return Ok(AskedApproval::Standing(Box::new(standing)));
        }
        let [delete] = prepare(transaction.client()?, [DELETE]).await?;
        transaction.execute(&delete, &[workspace, &standing.approval_id]).await?;
    }
    let [waiting] = prepare(
        transaction.client()?,
        ["SELECT count(*) FROM approvals WHERE workspace = $1 AND principal = $2 AND state = 0 AND expires_at_ms > $3"],
    )
    .await?;
    let found = transaction.find(&waiting, &[workspace, &approval.principal, now_ms]).await?;
    let waiting: i64 = found.map(|row| get(&row, 0)).transpose()?.unwrap_or_default();
    if counted(waiting) >= *most_pending {
        // What it had is void all the same.
        transaction.commit().await?;
        return Ok(AskedApproval::TooMany);
    }
    insert(&transaction, workspace, approval, subjects).await?;
    transaction.commit().await?;
    Ok(AskedApproval::Standing(Box::new(approval.clone())))
}

async fn insert(transaction: &Transaction, workspace: &str, approval: &Approval, subjects: &[Digest]) -> Attempt<()> {
    let sql = format!(
        "INSERT INTO approvals (workspace, {APPROVAL}) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    );
    let add = "INSERT INTO approval_subjects (workspace, subject, approval_id) \
               SELECT DISTINCT $1, subject, $3 FROM unnest($2::bytea[]) AS subject";
    let [insert, add] = prepare(transaction.client()?, [&sql, add]).await?;
    let parameters: [&(dyn ToSql + Sync); 14] = [
        &workspace,
        &approval.approval_id,
        &approval.principal,
        &approval.tool,
        &approval.effect,
        &approval.call,
        &stored(approval.people),
        &approval.audience,
        &approval.sealed,
        &approval.state,
        &approval.requested_at_ms,
        &approval.expires_at_ms,
        &approval.decided_by,
        &approval.decided_at_ms,
    ];
    transaction.execute(&insert, &parameters).await?;
    transaction.execute(&add, &[&workspace, &subjects, &approval.approval_id]).await?;
    Ok(())
}

async fn of_call(transaction: &Transaction, workspace: &str, call: &Digest) -> Attempt<Option<Approval>> {
    let sql = format!("SELECT {APPROVAL} FROM approvals WHERE workspace = $1 AND call = $2 AND state < 3");
    let [statement] = prepare(transaction.client()?, [&sql]).await?;
    transaction.find(&statement, &[&workspace, call]).await?.map(|row| approval(&row)).transpose()
}

pub(super) async fn list(core: &Core, query: &ApprovalQuery) -> Attempt<Vec<Approval>> {
    let ApprovalQuery { workspace, approvals, now_ms, limit } = query;
    let (condition, given): (&str, &(dyn ToSql + Sync)) = match approvals {
        WhichApprovals::All => ("$4::bigint IS NULL", &None::<i64>),
        WhichApprovals::Pending => ("state = $4", &ApprovalState::Pending),
        WhichApprovals::Of(principal) => ("principal = $4", principal),
        WhichApprovals::Id(approval_id) => ("approval_id = $4", approval_id),
        WhichApprovals::Call(call) => ("call = $4 AND state < 3", call),
    };
    let sql = format!(
        "SELECT {APPROVAL} FROM approvals WHERE workspace = $1 AND expires_at_ms > $2 AND {condition} \
         ORDER BY requested_at_ms, approval_id LIMIT $3"
    );
    let client = core.client().await?;
    let [statement] = prepare(&client, [&sql]).await?;
    let rows = client.query(&statement, &[workspace, now_ms, &i64::from(*limit), given]).await?;
    rows.iter().map(approval).collect()
}

pub(super) async fn decide(core: &Core, decision: &ApprovalDecision) -> Attempt<Decided> {
    let client = core.client().await?;
    let mut pen = core.writers.pen(&client, &core.hasher, &decision.audit.workspace).await?;
    let append = Append::prepare(&client).await?;
    // Held, so that nobody tidies it away meanwhile.
    let sql = format!("SELECT {APPROVAL} FROM approvals WHERE workspace = $1 AND approval_id = $2 FOR UPDATE");
    let update = "UPDATE approvals SET state = $3, decided_by = $4, decided_at_ms = $5, expires_at_ms = $6 \
                  WHERE workspace = $1 AND approval_id = $2";
    let [find, update] = prepare(&client, [&sql, update]).await?;
    let ApprovalDecision { workspace, approval_id, decided_by, now_ms, expires_at_ms, .. } = decision;
    let transaction = Transaction::on(client);
    transaction.begin(&[Lock::Ledger(workspace)]).await?;
    let found = transaction.find(&find, &[workspace, approval_id]).await?.map(|row| approval(&row)).transpose()?;
    let Some(standing) = found.filter(|approval| approval.expires_at_ms > *now_ms) else {
        transaction.rollback().await?;
        return Ok(Decided::Unknown);
    };
    if !standing.state.may_be_decided(decision.approve) {
        transaction.rollback().await?;
        return Ok(Decided::Before(standing));
    }
    let state = decision.state();
    let record = append.change(transaction.client()?, &core.hasher, &mut pen, &decision.audit)?;
    let decided = Box::pin(async {
        let parameters: [&(dyn ToSql + Sync); 6] = [workspace, approval_id, &state, decided_by, now_ms, expires_at_ms];
        transaction.execute(&update, &parameters).await.map(drop)
    });
    transaction.commit_with(vec![decided, record]).await?;
    pen.committed();
    Ok(Decided::Now(standing.decided(decision)))
}
