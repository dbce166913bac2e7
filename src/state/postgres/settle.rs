//! Settling a call, by its answer or by looks in vain.

use futures_util::future::BoxFuture;
use tokio_postgres::Row;

use super::{
    audit::Append,
    budgets,
    columns::{Attempt, get},
    core::Core,
    imports, test_profiles,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{
    Absence, AbsenceOutcome, CallOutcome, CallState, Settle, StoreError,
    ledger::{UNKNOWN_HOLDS_KEY_MS, effective_state, settled_state},
};

/// A ledger row, ours until the transaction ends.
const OPEN: &str = "SELECT row, principal, state, lease_until_ms, absent_at_ms, charges, key IS NOT NULL, \
    EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row) \
    FROM calls WHERE workspace = $1 AND call_id = $2 FOR UPDATE";

/// The key of a released call is free again, and what looking for a call needs goes when its fate is known. Whoever was
/// told to repeat a call later may do so for a day after it was found out to have happened. Nothing sealed is written
/// about somebody who was erased.
const UPDATE: &str = "UPDATE calls SET state = $2, answer = CASE WHEN erased OR $4::boolean THEN NULL ELSE $3::bytea END, \
    key = CASE WHEN $4 THEN NULL ELSE key END, recovery = CASE WHEN $5::boolean THEN recovery END, \
    charges = CASE WHEN $4 THEN NULL ELSE charges END, \
    key_expires_at_ms = CASE WHEN key_expires_at_ms < $6::bigint THEN $6::bigint ELSE key_expires_at_ms END WHERE row = $1";

const LOOKED: &str = "UPDATE calls SET looked_at_ms = $3 WHERE workspace = $1 AND call_id = $2";

/// A ledger row as settling needs it.
struct Open {
    row: i64,
    principal: String,
    /// As it is stored.
    state: CallState,
    lease_until_ms: i64,
    absent_at_ms: Option<i64>,
    charges: Option<String>,
    has_key: bool,
    makes_test_profile: bool,
}

impl Open {
    fn read(row: &Row) -> Attempt<Self> {
        Ok(Self {
            row: get(row, 0)?,
            principal: get(row, 1)?,
            state: get(row, 2)?,
            lease_until_ms: get(row, 3)?,
            absent_at_ms: get(row, 4)?,
            charges: get(row, 5)?,
            has_key: get(row, 6)?,
            makes_test_profile: get(row, 7)?,
        })
    }

    /// It is, or was thought to be, known no more: its lease had lapsed, or it said so.
    fn seen_at(&self, now_ms: i64) -> CallState {
        effective_state(self.state, self.lease_until_ms, now_ms)
    }
}

/// A call that made no test profile and keeps what it charged is settled beside all others; its row is lock enough.
/// What gives something back to the ledger, or takes it again, waits for its turn.
pub(super) async fn settle(core: &Core, settle: &Settle) -> Attempt<bool> {
    let gives_back = settle.outcome == CallOutcome::Released || settle.test_profile_identifiers.is_some();
    if !gives_back && let Some(settled) = settle_under(core, settle, &[]).await? {
        return Ok(settled);
    }
    let settled = settle_under(core, settle, &[Lock::Ledger(&settle.workspace)]).await?;
    Ok(settled.unwrap_or_default())
}

/// `None` if it takes the ledger's lock, which was not taken.
async fn settle_under(core: &Core, settle: &Settle, locks: &[Lock<'_>]) -> Attempt<Option<bool>> {
    let client = core.client().await?;
    let mut pen = core.writers.pen(&client, &core.hasher, &settle.audit.workspace).await?;
    let append = Append::prepare(&client).await?;
    let [open, update, unstart] = prepare(&client, [OPEN, UPDATE, imports::UNSTART]).await?;
    let Settle { workspace, call_id, now_ms, answer, .. } = settle;
    let transaction = Transaction::on(client);
    let (begun, found) = tokio::join!(
        biased;
        transaction.begin(locks),
        async { transaction.find(&open, &[workspace, call_id]).await },
    );
    begun?;
    let Some(found) = found? else {
        transaction.rollback().await?;
        return Err(StoreError::Database("a call was settled that never began".to_owned()).into());
    };
    let call = Open::read(&found)?;
    let Some(to) = settled_state(call.state, settle.outcome) else {
        transaction.rollback().await?;
        return Ok(Some(false));
    };
    if locks.is_empty() && (call.makes_test_profile || call.state == CallState::Absent) {
        transaction.rollback().await?;
        return Ok(None);
    }
    let released = to == CallState::Released;
    if released {
        if call.state != CallState::Absent {
            budgets::refund(&transaction, workspace, &call.principal, call.charges.as_deref()).await?;
        }
        test_profiles::release(&transaction, call.row).await?;
    } else if call.state == CallState::Absent {
        budgets::charge_again(&transaction, workspace, &call.principal, call.charges.as_deref()).await?;
    }
    let held_until_ms = match call.seen_at(*now_ms) {
        CallState::InFlight => 0,
        _ => now_ms.saturating_add(UNKNOWN_HOLDS_KEY_MS),
    };
    let stays_unknown = to == CallState::Unknown;
    let mut changes: Vec<BoxFuture<'_, Attempt<()>>> = vec![Box::pin(async {
        transaction
            .execute(&update, &[&call.row, &to, answer, &released, &stays_unknown, &held_until_ms])
            .await
            .map(drop)
    })];
    if released {
        changes.push(Box::pin(async { transaction.execute(&unstart, &[workspace, call_id]).await.map(drop) }));
    }
    if call.makes_test_profile && !released {
        // The profile is asked about in the state that its call has come to.
        for change in changes.drain(..) {
            change.await?;
        }
        if let Some((subjects, sealed)) = &settle.test_profile_identifiers {
            test_profiles::identify(&transaction, workspace, call.row, subjects, sealed).await?;
        }
        if to == CallState::Committed {
            test_profiles::commit(&transaction, workspace, call.row).await?;
        }
    }
    changes.push(append.change(transaction.client()?, &core.hasher, &mut pen, &settle.audit)?);
    transaction.commit_with(changes).await?;
    pen.committed();
    Ok(Some(true))
}

pub(super) async fn note_look(core: &Core, workspace: &str, call_id: &str, now_ms: i64) -> Attempt<()> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [LOOKED]).await?;
    client.execute(&statement, &[&workspace, &call_id, &now_ms]).await?;
    Ok(())
}

pub(super) async fn note_absence(core: &Core, absence: &Absence) -> Attempt<AbsenceOutcome> {
    let client = core.client().await?;
    let mut pen = core.writers.pen(&client, &core.hasher, &absence.audit.workspace).await?;
    let append = Append::prepare(&client).await?;
    let [open, looked, absent] =
        prepare(&client, [OPEN, LOOKED, "UPDATE calls SET absent_at_ms = $2 WHERE row = $1"]).await?;
    let Absence { workspace, call_id, now_ms, .. } = absence;
    let transaction = Transaction::on(client);
    let locks = [Lock::Ledger(workspace)];
    let (begun, found) = tokio::join!(
        biased;
        transaction.begin(&locks),
        async { transaction.find(&open, &[workspace, call_id]).await },
    );
    begun?;
    let call = found?.map(|row| Open::read(&row)).transpose()?;
    let Some(call) = call.filter(|call| call.seen_at(*now_ms) == CallState::Unknown) else {
        transaction.rollback().await?;
        return Ok(AbsenceOutcome::NotUnknown);
    };
    transaction.execute(&looked, &[workspace, call_id, now_ms]).await?;
    let first_at_ms = call.absent_at_ms.unwrap_or(*now_ms);
    if call.absent_at_ms.is_none() || *now_ms < first_at_ms.saturating_add(absence.apart_ms) {
        transaction.execute(&absent, &[&call.row, &first_at_ms]).await?;
        transaction.commit().await?;
        return Ok(AbsenceOutcome::Noted { first_at_ms });
    }
    give_back(&transaction, absence, &call).await?;
    let record = append.change(transaction.client()?, &core.hasher, &mut pen, &absence.audit)?;
    transaction.commit_with(vec![record]).await?;
    pen.committed();
    Ok(AbsenceOutcome::Settled)
}

async fn give_back(transaction: &Transaction, absence: &Absence, call: &Open) -> Attempt<()> {
    let holds_key = absence.keeps_key && call.has_key;
    let to = if holds_key { CallState::Absent } else { CallState::Released };
    // What a call without a key had charged cannot come back; see `budgets::charge_again`.
    let [update] = prepare(
        transaction.client()?,
        ["UPDATE calls SET state = $2, key = CASE WHEN $3::boolean THEN key END, recovery = CASE WHEN $3 THEN recovery END, \
          charges = CASE WHEN $3 THEN charges END WHERE row = $1"],
    )
    .await?;
    transaction.execute(&update, &[&call.row, &to, &holds_key]).await?;
    budgets::refund(transaction, &absence.workspace, &call.principal, call.charges.as_deref()).await?;
    test_profiles::release(transaction, call.row).await
}
