//! The ledger of test profiles.
//!
//! Each reservation is a row, for a call that is released must take back its own and nobody else's. Rows that share an
//! identifier share a *place*, and it is places that the quota counts. Whoever changes any of it holds the ledger's lock.

use std::collections::BTreeMap;

use tokio_postgres::{Row, types::ToSql};

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{
    Begin, BeginOutcome, CallState, Digest, TestProfile, TestProfileReservation,
    ledger::{effective_state, merge},
    stored::counted,
};

/// The place of whoever has one of these identifiers, null if nobody has.
pub(super) const PLACE: &str = "SELECT min(place) FROM test_profiles WHERE row IN \
    (SELECT profile_row FROM test_profile_subjects WHERE workspace = $1 AND subject = ANY($2))";

/// How many places are taken, and when the next one expires.
pub(super) const PLACES: &str = "SELECT count(DISTINCT place), min(expires_at_ms) FILTER (WHERE expires_at_ms > $2) \
    FROM test_profiles WHERE workspace = $1";

/// Reserves the place the person has, else one of their own.
pub(super) const RESERVE: &str = "INSERT INTO test_profiles (workspace, call_row, place, sealed_identifiers, run_id, \
    created_at_ms, expires_at_ms) SELECT $1, currval('calls_row'), coalesce((SELECT min(place) FROM test_profiles \
    WHERE row IN (SELECT profile_row FROM test_profile_subjects WHERE workspace = $1 AND subject = ANY($2))), \
    nextval('test_profile_places')), $3, $4, $5, $6";

pub(super) const RESERVE_SUBJECTS: &str = "INSERT INTO test_profile_subjects (workspace, subject, profile_row) \
    SELECT DISTINCT $1, subject, currval('test_profiles_row') FROM unnest($2::bytea[]) AS subject";

const ADD_SUBJECTS: &str = "INSERT INTO test_profile_subjects (workspace, subject, profile_row) \
    SELECT DISTINCT $1, subject, $3::bigint FROM unnest($2::bytea[]) AS subject ON CONFLICT DO NOTHING";

const DELETE_SUBJECTS: &str = "DELETE FROM test_profile_subjects WHERE profile_row = ANY($1)";
const DELETE: &str = "DELETE FROM test_profiles WHERE row = ANY($1)";

/// The parameters of [`RESERVE`].
pub(super) fn reserve_parameters<'a>(
    begin: &'a Begin,
    reservation: &'a TestProfileReservation,
) -> [&'a (dyn ToSql + Sync); 6] {
    [
        &begin.workspace,
        &reservation.subjects,
        &reservation.sealed_identifiers,
        &reservation.run_id,
        &begin.now_ms,
        &reservation.expires_at_ms,
    ]
}

/// `None` if there is a place for the reservation, given what [`PLACE`] and [`PLACES`] have found.
pub(super) fn check(begin: &Begin, place: Option<&Row>, places: Option<&Row>) -> Attempt<Option<BeginOutcome>> {
    let (Some(reservation), Some(place), Some(places)) = (&begin.test_profile, place, places) else { return Ok(None) };
    if get::<Option<i64>>(place, 0)?.is_some() {
        return Ok(None);
    }
    let active = counted(get(places, 0)?).saturating_add(reservation.unledgered);
    if active < reservation.active_limit {
        return Ok(None);
    }
    let (limit, frees_at_ms) = (reservation.active_limit, get(places, 1)?);
    Ok(Some(BeginOutcome::TestProfilesFull { active, limit, frees_at_ms }))
}

/// The row and place that a call reserved, if it made a test profile.
async fn reserved_by(transaction: &Transaction, call_row: i64) -> Attempt<Option<(i64, i64)>> {
    let [statement] =
        prepare(transaction.client()?, ["SELECT row, place FROM test_profiles WHERE call_row = $1"]).await?;
    let found = transaction.find(&statement, &[&call_row]).await?;
    found.map(|row| Ok((get(&row, 0)?, get(&row, 1)?))).transpose()
}

/// Writes down the identifiers as they turned out.
pub(super) async fn identify(
    transaction: &Transaction,
    workspace: &str,
    call_row: i64,
    subjects: &[Digest],
    sealed: &[u8],
) -> Attempt<()> {
    let Some((row, place)) = reserved_by(transaction, call_row).await? else { return Ok(()) };
    let [delete, place_of, add, seal, join] = prepare(
        transaction.client()?,
        [
            DELETE_SUBJECTS,
            PLACE,
            ADD_SUBJECTS,
            "UPDATE test_profiles SET sealed_identifiers = $2 WHERE row = $1",
            "UPDATE test_profiles SET place = $3 WHERE workspace = $1 AND place = $2",
        ],
    )
    .await?;
    transaction.execute(&delete, &[&[row].as_slice()]).await?;
    // They may show that this is somebody who has a place already.
    let found = transaction.find(&place_of, &[&workspace, &subjects]).await?;
    let shared = found.map(|row| get::<Option<i64>>(&row, 0)).transpose()?.flatten().unwrap_or(place);
    transaction.execute(&add, &[&workspace, &subjects, &row]).await?;
    transaction.execute(&seal, &[&row, &sealed]).await?;
    transaction.execute(&join, &[&workspace, &place, &shared]).await?;
    Ok(())
}

/// Lets the row of a committed call stand for earlier committed ones about the same person.
pub(super) async fn commit(transaction: &Transaction, workspace: &str, call_row: i64) -> Attempt<()> {
    let Some((row, place)) = reserved_by(transaction, call_row).await? else { return Ok(()) };
    let [superseded, inherit] = prepare(
        transaction.client()?,
        [
            "SELECT test_profiles.row FROM test_profiles JOIN calls ON calls.row = call_row \
             WHERE test_profiles.workspace = $1 AND place = $2 AND test_profiles.row <> $3 AND state = $4",
            "INSERT INTO test_profile_subjects (workspace, subject, profile_row) \
             SELECT workspace, subject, $2 FROM test_profile_subjects WHERE profile_row = ANY($1) \
             ON CONFLICT DO NOTHING",
        ],
    )
    .await?;
    let rows = transaction.query(&superseded, &[&workspace, &place, &row, &CallState::Committed]).await?;
    let old: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Attempt<_>>()?;
    if old.is_empty() {
        return Ok(());
    }
    transaction.execute(&inherit, &[&old, &row]).await?;
    delete(transaction, &old).await
}

/// Gives back the place a released call had reserved.
pub(super) async fn release(transaction: &Transaction, call_row: i64) -> Attempt<()> {
    match reserved_by(transaction, call_row).await? {
        Some((row, _)) => delete(transaction, &[row]).await,
        None => Ok(()),
    }
}

pub(super) async fn remove(core: &Core, workspace: &str, calls: &[String]) -> Attempt<()> {
    let transaction = Transaction::on(core.client().await?);
    transaction.begin(&[Lock::Ledger(workspace)]).await?;
    let reserved = "SELECT test_profiles.row FROM test_profiles JOIN calls ON calls.row = call_row \
                    WHERE calls.workspace = $1 AND call_id = ANY($2)";
    delete_found(&transaction, reserved, &[&workspace, &calls]).await?;
    transaction.commit().await
}

/// Removes whatever is held about erased people, whom nobody makes again.
pub(super) async fn forget(transaction: &Transaction, workspace: &str, subjects: &[Digest]) -> Attempt<()> {
    let theirs = "SELECT DISTINCT profile_row FROM test_profile_subjects WHERE workspace = $1 AND subject = ANY($2)";
    delete_found(transaction, theirs, &[&workspace, &subjects]).await
}

async fn delete_found(transaction: &Transaction, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Attempt<()> {
    let [statement] = prepare(transaction.client()?, [sql]).await?;
    let rows = transaction.query(&statement, parameters).await?;
    let rows: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Attempt<_>>()?;
    delete(transaction, &rows).await
}

async fn delete(transaction: &Transaction, rows: &[i64]) -> Attempt<()> {
    let [subjects, profiles] = prepare(transaction.client()?, [DELETE_SUBJECTS, DELETE]).await?;
    transaction.execute(&subjects, &[&rows]).await?;
    transaction.execute(&profiles, &[&rows]).await?;
    Ok(())
}

/// One profile for each place, oldest first.
pub(super) async fn list(core: &Core, workspace: &str, now_ms: i64) -> Attempt<Vec<TestProfile>> {
    let client = core.client().await?;
    let [statement] = prepare(
        &client,
        ["SELECT place, sealed_identifiers, run_id, call_id, created_at_ms, expires_at_ms, state, lease_until_ms, \
          ARRAY(SELECT subject FROM test_profile_subjects WHERE profile_row = test_profiles.row ORDER BY subject) \
          FROM test_profiles JOIN calls ON calls.row = call_row \
          WHERE test_profiles.workspace = $1 ORDER BY place, test_profiles.row"],
    )
    .await?;
    let mut profiles: BTreeMap<i64, TestProfile> = BTreeMap::new();
    for row in client.query(&statement, &[&workspace]).await? {
        let call_id: String = get(&row, 3)?;
        let (stored, lease_until_ms) = (get(&row, 6)?, get(&row, 7)?);
        let has_ended = stored == CallState::Committed || lease_until_ms <= now_ms;
        let profile = TestProfile {
            subjects: get(&row, 8)?,
            sealed_identifiers: get(&row, 1)?,
            run_id: get(&row, 2)?,
            calls: vec![call_id.clone()],
            ended_calls: has_ended.then(|| call_id.clone()).into_iter().collect(),
            call_id,
            created_at_ms: get(&row, 4)?,
            expires_at_ms: get(&row, 5)?,
            state: effective_state(stored, lease_until_ms, now_ms),
        };
        let place = get(&row, 0)?;
        let merged = match profiles.remove(&place) {
            Some(earlier) => merge(earlier, profile),
            None => profile,
        };
        profiles.insert(place, merged);
    }
    Ok(profiles.into_values().collect())
}
