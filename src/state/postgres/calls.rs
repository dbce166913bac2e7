//! The ledger of calls: beginning them and finding them again. `settle.rs` ends them.

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use tokio_postgres::Row;

use super::{
    approvals,
    audit::Append,
    budgets::{self, Asked, Entries},
    columns::{Attempt, get},
    core::Core,
    erasures, imports, test_profiles, tidy,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{
    Begin, BeginOutcome, CallState, Digest, RecordedCall,
    ledger::{CALLS_BETWEEN, UNKNOWN_HOLDS_KEY_MS, UNSETTLED, effective_state, is_followed},
    windows,
};

/// The columns that [`recorded`] reads.
pub(super) const RECORDED: &str = "call_id, principal, tool, effect, state, arguments, answer, recovery, began_at_ms, \
                                   lease_until_ms, absent_at_ms";

const FREE_KEY: &str =
    "UPDATE calls SET key = NULL, recovery = NULL WHERE workspace = $1 AND principal = $2 AND key = $3";

const INSERT: &str = "INSERT INTO calls (workspace, call_id, principal, tool, effect, key, arguments, \
    key_expires_at_ms, state, recovery, began_at_ms, lease_until_ms, charges) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// The row just inserted, in the statements that follow in the same transaction.
const ADD_SUBJECTS: &str = "INSERT INTO call_subjects (workspace, subject, call_row) \
    SELECT DISTINCT $1, subject, currval('calls_row') FROM unnest($2::bytea[]) AS subject";

const SPEND_PLAN: &str = "INSERT INTO spent_plans (workspace, token, expires_at_ms) VALUES ($1, $2, $3)";

fn find_sql() -> String {
    format!(
        "SELECT {RECORDED} FROM calls WHERE workspace = $1 AND principal = $2 AND key = $3 \
         AND (key_expires_at_ms > $4 OR ({UNSETTLED} AND began_at_ms > $5))"
    )
}

pub(super) async fn find(
    core: &Core,
    workspace: &str,
    principal: &str,
    key: &Digest,
    now_ms: i64,
) -> Attempt<Option<RecordedCall>> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [&find_sql()]).await?;
    let unknown_since_ms = now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS);
    let row = client.query_opt(&statement, &[&workspace, &principal, key, &now_ms, &unknown_since_ms]).await?;
    row.map(|row| recorded(&row, now_ms)).transpose()
}

pub(super) fn recorded(row: &Row, now_ms: i64) -> Attempt<RecordedCall> {
    let lease_until_ms = get(row, 9)?;
    Ok(RecordedCall {
        call_id: get(row, 0)?,
        principal: get(row, 1)?,
        tool: get(row, 2)?,
        effect: get(row, 3)?,
        state: effective_state(get(row, 4)?, lease_until_ms, now_ms),
        arguments: get(row, 5)?,
        answer: get(row, 6)?,
        recovery: get(row, 7)?,
        began_at_ms: get(row, 8)?,
        lease_until_ms,
        absent_at_ms: get(row, 10)?,
    })
}

/// Every check comes before the first write: whatever is not `Begun` leaves no trace.
pub(super) async fn begin(core: &Core, begin: &Begin) -> Attempt<BeginOutcome> {
    let client = core.client().await?;
    let mut pen = core.writers.pen(&client, &core.hasher, &begin.audit.workspace).await?;
    let append = Append::prepare(&client).await?;
    let transaction = Transaction::on(client);
    if let Some(outcome) = refusal(&transaction, begin).await? {
        transaction.rollback().await?;
        return Ok(outcome);
    }
    let entries = Entries::of(begin);
    let kept = windows::kept(begin);
    let changes = changes(&transaction, begin, &entries, kept.as_ref()).await?;
    let record = append.change(transaction.client()?, &core.hasher, &mut pen, &begin.audit)?;
    transaction.commit_with(changes.into_iter().chain([record]).collect()).await?;
    pen.committed();
    let number = core.begun.fetch_add(1, Ordering::Relaxed) + 1;
    if number.is_multiple_of(CALLS_BETWEEN.unsigned_abs()) {
        // The call has begun: nobody waits for this, and it takes nobody's time to answer.
        tokio::spawn(tidy::tidy(transaction, begin.workspace.clone(), begin.now_ms));
    }
    Ok(BeginOutcome::Begun)
}

/// Takes the ledger of the workspace, asks every question in the same breath, and judges the answers in order.
async fn refusal(transaction: &Transaction, begin: &Begin) -> Attempt<Option<BeginOutcome>> {
    let find = find_sql();
    let [tombstones, first, import, plan, approval, counted, place, places] = prepare(
        transaction.client()?,
        [
            erasures::TOMBSTONES,
            &find,
            imports::READY,
            "SELECT 1 FROM spent_plans WHERE workspace = $1 AND token = $2",
            approvals::READY,
            budgets::COUNTED,
            test_profiles::PLACE,
            test_profiles::PLACES,
        ],
    )
    .await?;
    let Begin { workspace, principal, now_ms, .. } = begin;
    let asked = Asked::about(principal, &begin.charges, *now_ms);
    let unknown_since_ms = now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS);
    let locks = [Lock::Ledger(workspace)];
    // Each is sent as it is first looked at, which `biased` makes the order they stand in.
    let (locked, tombstones, first, import, plan, approval, counted, place, places) = tokio::join!(
        biased;
        transaction.begin(&locks),
        async {
            if begin.not_erased.is_empty() {
                return Ok(Vec::new());
            }
            transaction.query(&tombstones, &[workspace, &begin.not_erased]).await
        },
        async {
            let Some(key) = &begin.key else { return Ok(None) };
            transaction.find(&first, &[workspace, principal, &key.key, now_ms, &unknown_since_ms]).await
        },
        async {
            let Some(used) = &begin.import else { return Attempt::Ok(true) };
            let state = imports::expected(used);
            let found = transaction.find(&import, &[workspace, &used.handle, &begin.call_id, &state]).await?;
            Ok(found.is_some())
        },
        async {
            let Some(used) = &begin.plan else { return Attempt::Ok(false) };
            Ok(transaction.find(&plan, &[workspace, &used.token]).await?.is_some())
        },
        async {
            let Some(used) = &begin.approval else { return Attempt::Ok(true) };
            Ok(transaction.find(&approval, &[workspace, used, now_ms]).await?.is_some())
        },
        async {
            if asked.budgets.is_empty() {
                return Ok(Vec::new());
            }
            let Asked { accounts, budgets, widths_ms, after_ms } = &asked;
            transaction.query(&counted, &[workspace, accounts, budgets, widths_ms, after_ms]).await
        },
        async {
            let Some(reservation) = &begin.test_profile else { return Ok(None) };
            transaction.find(&place, &[workspace, &reservation.subjects]).await
        },
        async {
            match &begin.test_profile {
                Some(_) => transaction.find(&places, &[workspace, now_ms]).await,
                None => Ok(None),
            }
        },
    );
    locked?;
    if let Some(row) = tombstones?.first() {
        return Ok(Some(BeginOutcome::Erased(erasures::tombstone(row)?)));
    }
    let first = first?.map(|row| recorded(&row, *now_ms)).transpose()?;
    if let (Some(first), Some(key)) = (first.filter(|first| !is_followed(begin, first)), &begin.key) {
        let is_same = first.arguments == Some(key.arguments);
        return Ok(Some(if is_same { BeginOutcome::Replayed(first) } else { BeginOutcome::KeyReused }));
    }
    if !import? {
        return Ok(Some(BeginOutcome::ImportTaken));
    }
    if plan? {
        return Ok(Some(BeginOutcome::PlanSpent));
    }
    if !approval? {
        return Ok(Some(BeginOutcome::ApprovalSpent));
    }
    if !budgets::fit(begin, &counted?)? {
        return Ok(budgets::exhausted(transaction, begin).await?.map(BeginOutcome::Exhausted));
    }
    test_profiles::check(begin, place?.as_ref(), places?.as_ref())
}

/// Everything that beginning writes, but for the audit record.
async fn changes<'a>(
    transaction: &'a Transaction,
    begin: &'a Begin,
    entries: &'a Entries,
    kept: Option<&'a String>,
) -> Attempt<Vec<BoxFuture<'a, Attempt<()>>>> {
    let Begin { workspace, principal, .. } = begin;
    let [free_key, insert, add_subjects, charge, start, reserve, reserve_subjects, spend, use_up, void] = prepare(
        transaction.client()?,
        [
            FREE_KEY,
            INSERT,
            ADD_SUBJECTS,
            budgets::CHARGE,
            imports::START,
            test_profiles::RESERVE,
            test_profiles::RESERVE_SUBJECTS,
            SPEND_PLAN,
            approvals::SPEND,
            approvals::VOID,
        ],
    )
    .await?;
    let mut changes: Vec<BoxFuture<'a, Attempt<()>>> = Vec::new();
    let key = begin.key.as_ref();
    if let Some(key) = key {
        // Only an expired row, or the one that this call follows, can still hold the key here.
        changes.push(Box::pin(async move {
            transaction.execute(&free_key, &[workspace, principal, &key.key]).await.map(drop)
        }));
    }
    changes.push(Box::pin(async move {
        let (key, arguments, expires_at_ms) =
            (key.map(|key| key.key), key.map(|key| key.arguments), key.map(|key| key.expires_at_ms));
        let Begin { call_id, tool, effect, recovery, now_ms, lease_until_ms, .. } = begin;
        transaction
            .execute(
                &insert,
                &[
                    workspace,
                    call_id,
                    principal,
                    tool,
                    effect,
                    &key,
                    &arguments,
                    &expires_at_ms,
                    &CallState::InFlight,
                    recovery,
                    now_ms,
                    lease_until_ms,
                    &kept,
                ],
            )
            .await
            .map(drop)
    }));
    if !begin.subjects.is_empty() {
        changes.push(Box::pin(async move {
            transaction.execute(&add_subjects, &[workspace, &begin.subjects]).await.map(drop)
        }));
    }
    if !entries.is_empty() {
        changes.push(Box::pin(async move {
            let accounts = entries.accounts(principal);
            let Entries { budgets, widths_ms, buckets_ms, amounts, .. } = entries;
            transaction
                .execute(&charge, &[workspace, &accounts, budgets, widths_ms, buckets_ms, amounts])
                .await
                .map(drop)
        }));
    }
    if let Some(import) = begin.import.as_ref().filter(|import| import.starts) {
        changes.push(Box::pin(async move {
            transaction.execute(&start, &[workspace, &import.handle, &begin.call_id]).await.map(drop)
        }));
    }
    if let Some(reservation) = &begin.test_profile {
        changes.push(Box::pin(async move {
            let parameters = test_profiles::reserve_parameters(begin, reservation);
            transaction.execute(&reserve, &parameters).await.map(drop)
        }));
        changes.push(Box::pin(async move {
            transaction.execute(&reserve_subjects, &[workspace, &reservation.subjects]).await.map(drop)
        }));
    }
    if let Some(plan) = &begin.plan {
        changes.push(Box::pin(async move {
            transaction.execute(&spend, &[workspace, &plan.token, &plan.expires_at_ms]).await.map(drop)
        }));
    }
    if let Some(approval_id) = &begin.approval {
        changes.push(Box::pin(async move {
            let until_ms = approvals::spent_until_ms(begin.now_ms);
            transaction.execute(&use_up, &[workspace, approval_id, &until_ms]).await.map(drop)
        }));
    }
    if let Some(effect) = &begin.voids_approved {
        changes.push(Box::pin(async move {
            transaction.execute(&void, &[workspace, effect, &begin.now_ms]).await.map(drop)
        }));
    }
    Ok(changes)
}
