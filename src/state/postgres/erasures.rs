//! Erasures and tombstones.

use tokio_postgres::Row;

use super::{
    approvals,
    columns::{Attempt, get},
    core::Core,
    test_profiles,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{Digest, Erasure, ErasureState, ListedErasure, Tombstone, stored::counted};

/// The tombstones on any of some digests, in the order asked.
pub(super) const TOMBSTONES: &str = "SELECT asked.subject, erasure_id, erased_at_ms \
    FROM unnest($2::bytea[]) WITH ORDINALITY AS asked (subject, place) JOIN tombstones USING (subject) \
    WHERE workspace = $1 ORDER BY place, erased_at_ms, erasure_id";

const RECORD: &str = "INSERT INTO erasures (workspace, erasure_id, state, requested_at_ms, completed_at_ms, \
    sealed_identifiers, receipt) VALUES ($1, $2, $3, $4, $5, $6, $7) \
    ON CONFLICT (workspace, erasure_id) DO UPDATE SET state = excluded.state, \
    completed_at_ms = excluded.completed_at_ms, sealed_identifiers = excluded.sealed_identifiers, \
    receipt = excluded.receipt WHERE erasures.state = 0 OR excluded.state = 1";

/// Puts a tombstone up for each identifier that is new to the erasure: one that an operator took down stays down.
const ADD_SUBJECTS: &str = "WITH added AS (INSERT INTO erasure_subjects (workspace, subject, erasure_id) \
    SELECT DISTINCT $1, subject, $2 FROM unnest($3::bytea[]) AS subject ON CONFLICT DO NOTHING RETURNING subject) \
    INSERT INTO tombstones (workspace, subject, erasure_id, erased_at_ms) SELECT $1, subject, $2, $4 FROM added \
    ON CONFLICT DO NOTHING";

const SUBJECTS: &str = "SELECT subject FROM erasure_subjects WHERE workspace = $1 AND erasure_id = $2 ORDER BY subject";

const FORGET_PEOPLE: &str = "DELETE FROM cached_people WHERE workspace = $1 AND (key = ANY($2) OR person = ANY($2) \
    OR person IN (SELECT person FROM cached_people WHERE workspace = $1 AND key = ANY($2)))";

/// Ledger rows stay, because they count, but lose what was sealed in them.
const FORGET_SEALED: &str = "UPDATE calls SET answer = NULL, recovery = NULL, erased = TRUE \
    WHERE row IN (SELECT call_row FROM call_subjects WHERE workspace = $1 AND subject = ANY($2))";

/// Other identifiers named by the same calls belong to whoever they belong to; only the erased ones go.
const FORGET_SUBJECTS: &str = "DELETE FROM call_subjects WHERE workspace = $1 AND subject = ANY($2)";

pub(super) fn tombstone(row: &Row) -> Attempt<Tombstone> {
    Ok(Tombstone { subject: get(row, 0)?, erasure_id: get(row, 1)?, erased_at_ms: get(row, 2)? })
}

pub(super) async fn tombstones(core: &Core, workspace: &str, subjects: &[Digest]) -> Attempt<Vec<Tombstone>> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [TOMBSTONES]).await?;
    client.query(&statement, &[&workspace, &subjects]).await?.iter().map(tombstone).collect()
}

pub(super) async fn has_any(core: &Core, workspace: &str) -> Attempt<bool> {
    let client = core.client().await?;
    let [statement] = prepare(&client, ["SELECT EXISTS (SELECT 1 FROM tombstones WHERE workspace = $1)"]).await?;
    get(&client.query_one(&statement, &[&workspace]).await?, 0)
}

/// A completed erasure stays completed, whatever a straggling call reports afterwards. Nobody begins a call or writes
/// down who somebody is meanwhile: they would miss the tombstones, and the erasure what they leave.
pub(super) async fn record(core: &Core, erasure: &Erasure) -> Attempt<()> {
    let completed = erasure.state == ErasureState::Completed;
    let sealed = erasure.sealed_identifiers.as_ref().filter(|_| !completed);
    let Erasure { workspace, erasure_id, subjects, state, requested_at_ms, completed_at_ms, receipt, .. } = erasure;
    let transaction = Transaction::on(core.client().await?);
    let [record, add] = prepare(transaction.client()?, [RECORD, ADD_SUBJECTS]).await?;
    transaction.begin(&[Lock::Ledger(workspace), Lock::Erasing(workspace)]).await?;
    transaction
        .execute(&record, &[workspace, erasure_id, state, requested_at_ms, completed_at_ms, &sealed, receipt])
        .await?;
    transaction.execute(&add, &[workspace, erasure_id, subjects, requested_at_ms]).await?;
    if completed {
        forget(&transaction, workspace, erasure_id).await?;
    }
    transaction.commit().await
}

/// Deletes what else is kept about every identifier the erasure has ever named.
async fn forget(transaction: &Transaction, workspace: &str, erasure_id: &str) -> Attempt<()> {
    let client = transaction.client()?;
    let [named, people, sealed, of_calls, approvals] =
        prepare(client, [SUBJECTS, FORGET_PEOPLE, FORGET_SEALED, FORGET_SUBJECTS, approvals::FORGET]).await?;
    let rows = transaction.query(&named, &[&workspace, &erasure_id]).await?;
    let subjects: Vec<Digest> = rows.iter().map(|row| get(row, 0)).collect::<Attempt<_>>()?;
    for statement in [&people, &sealed, &of_calls, &approvals] {
        transaction.execute(statement, &[&workspace, &subjects]).await?;
    }
    test_profiles::forget(transaction, workspace, &subjects).await
}

/// The pending erasure of any of these people if there is one, else the newest.
pub(super) async fn find(core: &Core, workspace: &str, subjects: &[Digest]) -> Attempt<Option<Erasure>> {
    let client = core.client().await?;
    let [find, named] = prepare(
        &client,
        [
            "SELECT erasure_id, state, requested_at_ms, completed_at_ms, sealed_identifiers, receipt \
             FROM unnest($2::bytea[]) WITH ORDINALITY AS asked (subject, place) \
             JOIN erasure_subjects USING (subject) JOIN erasures USING (workspace, erasure_id) \
             WHERE workspace = $1 ORDER BY state, requested_at_ms DESC, place LIMIT 1",
            SUBJECTS,
        ],
    )
    .await?;
    let Some(row) = client.query_opt(&find, &[&workspace, &subjects]).await? else { return Ok(None) };
    let mut erasure = erasure(&row, workspace)?;
    let rows = client.query(&named, &[&workspace, &erasure.erasure_id]).await?;
    erasure.subjects = rows.iter().map(|row| get(row, 0)).collect::<Attempt<_>>()?;
    Ok(Some(erasure))
}

/// An erasure without its subjects.
fn erasure(row: &Row, workspace: &str) -> Attempt<Erasure> {
    Ok(Erasure {
        erasure_id: get(row, 0)?,
        workspace: workspace.to_owned(),
        subjects: Vec::new(),
        state: get(row, 1)?,
        requested_at_ms: get(row, 2)?,
        completed_at_ms: get(row, 3)?,
        sealed_identifiers: get(row, 4)?,
        receipt: get(row, 5)?,
    })
}

/// All erasures, newest first.
pub(super) async fn list(core: &Core, workspace: &str) -> Attempt<Vec<ListedErasure>> {
    let client = core.client().await?;
    let [statement] = prepare(
        &client,
        ["SELECT erasure_id, state, requested_at_ms, completed_at_ms, NULL::bytea, receipt, \
          (SELECT count(*) FROM tombstones WHERE tombstones.workspace = erasures.workspace \
          AND tombstones.erasure_id = erasures.erasure_id) \
          FROM erasures WHERE workspace = $1 ORDER BY requested_at_ms DESC, erasure_id"],
    )
    .await?;
    let listed = |row: &Row| Ok(ListedErasure { erasure: erasure(row, workspace)?, tombstones: counted(get(row, 6)?) });
    client.query(&statement, &[&workspace]).await?.iter().map(listed).collect()
}

pub(super) async fn lift(core: &Core, workspace: &str, erasure_id: &str) -> Attempt<bool> {
    let client = core.client().await?;
    let [statement] = prepare(&client, ["DELETE FROM tombstones WHERE workspace = $1 AND erasure_id = $2"]).await?;
    Ok(client.execute(&statement, &[&workspace, &erasure_id]).await? > 0)
}
