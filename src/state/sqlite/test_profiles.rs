//! The ledger of test profiles.
//!
//! Each reservation is a row, for a call that is released must take back its own and nobody else's. Rows that share an
//! identifier share a *place*, and it is places that the quota counts.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::state::{
    Begin, BeginOutcome, CallState, Digest, StoreError, TestProfile, TestProfileReservation,
    ledger::{effective_state, merge},
};

/// `None` if there is a place for the reservation.
pub(super) fn check(connection: &Connection, begin: &Begin) -> Result<Option<BeginOutcome>, StoreError> {
    let Some(reservation) = &begin.test_profile else { return Ok(None) };
    if place_of(connection, &begin.workspace, &reservation.subjects)?.is_some() {
        return Ok(None);
    }
    let active = places(connection, &begin.workspace)?.saturating_add(reservation.unledgered);
    if active < reservation.active_limit {
        return Ok(None);
    }
    let frees_at_ms = connection
        .prepare_cached("SELECT min(expires_at_ms) FROM test_profiles WHERE workspace = ?1 AND expires_at_ms > ?2")?
        .query_row(params![begin.workspace, begin.now_ms], |row| row.get(0))?;
    Ok(Some(BeginOutcome::TestProfilesFull { active, limit: reservation.active_limit, frees_at_ms }))
}

fn places(connection: &Connection, workspace: &str) -> Result<u64, StoreError> {
    let count: i64 = connection
        .prepare_cached("SELECT count(DISTINCT place) FROM test_profiles WHERE workspace = ?1")?
        .query_row([workspace], |row| row.get(0))?;
    Ok(crate::state::stored::counted(count))
}

fn place_of(connection: &Connection, workspace: &str, subjects: &[Digest]) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT min(place) FROM test_profiles \
         WHERE row IN (SELECT profile_row FROM test_profile_subjects WHERE workspace = ?1 AND subject = ?2)",
    )?;
    let mut place: Option<i64> = None;
    for subject in subjects {
        let found: Option<i64> = statement.query_row(params![workspace, subject], |row| row.get(0))?;
        place = place.into_iter().chain(found).min();
    }
    Ok(place)
}

pub(super) fn reserve(
    connection: &Connection,
    begin: &Begin,
    reservation: &TestProfileReservation,
    call_row: i64,
) -> Result<(), StoreError> {
    let place = place_of(connection, &begin.workspace, &reservation.subjects)?;
    connection
        .prepare_cached(
            "INSERT INTO test_profiles (workspace, call_row, place, sealed_identifiers, run_id, created_at_ms, \
             expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            begin.workspace,
            call_row,
            place.unwrap_or_default(),
            reservation.sealed_identifiers,
            reservation.run_id,
            begin.now_ms,
            reservation.expires_at_ms
        ])?;
    let row = connection.last_insert_rowid();
    if place.is_none() {
        connection.prepare_cached("UPDATE test_profiles SET place = row WHERE row = ?1")?.execute([row])?;
    }
    add_subjects(connection, &begin.workspace, row, &reservation.subjects)
}

fn add_subjects(connection: &Connection, workspace: &str, row: i64, subjects: &[Digest]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO test_profile_subjects (workspace, subject, profile_row) VALUES (?1, ?2, ?3)",
    )?;
    for subject in subjects {
        statement.execute(params![workspace, subject, row])?;
    }
    Ok(())
}

/// The row and place that a call reserved, if it made a test profile.
fn reserved_by(connection: &Connection, call_row: i64) -> Result<Option<(i64, i64)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT row, place FROM test_profiles WHERE call_row = ?1")?;
    Ok(statement.query_row([call_row], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Writes down the identifiers as they turned out.
pub(super) fn identify(
    connection: &Connection,
    workspace: &str,
    call_row: i64,
    subjects: &[Digest],
    sealed: &[u8],
) -> Result<(), StoreError> {
    let Some((row, place)) = reserved_by(connection, call_row)? else { return Ok(()) };
    delete_subjects(connection, row)?;
    // They may show that this is somebody who has a place already.
    let shared = place_of(connection, workspace, subjects)?.unwrap_or(place);
    add_subjects(connection, workspace, row, subjects)?;
    connection
        .prepare_cached("UPDATE test_profiles SET sealed_identifiers = ?2 WHERE row = ?1")?
        .execute(params![row, sealed])?;
    connection
        .prepare_cached("UPDATE test_profiles SET place = ?3 WHERE workspace = ?1 AND place = ?2")?
        .execute(params![workspace, place, shared])?;
    Ok(())
}

/// Lets the row of a committed call stand for earlier committed ones about the same person.
pub(super) fn commit(connection: &Connection, call_row: i64) -> Result<(), StoreError> {
    let Some((row, place)) = reserved_by(connection, call_row)? else { return Ok(()) };
    let superseded: Vec<i64> = connection
        .prepare_cached(
            "SELECT test_profiles.row FROM test_profiles JOIN calls ON calls.row = call_row \
             WHERE test_profiles.workspace = (SELECT workspace FROM test_profiles WHERE row = ?1) \
             AND place = ?2 AND test_profiles.row <> ?1 AND state = ?3",
        )?
        .query_map(params![row, place, CallState::Committed], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for old in superseded {
        connection
            .prepare_cached("UPDATE OR IGNORE test_profile_subjects SET profile_row = ?2 WHERE profile_row = ?1")?
            .execute([old, row])?;
        delete_row(connection, old)?;
    }
    Ok(())
}

/// Gives back the place a released call had reserved.
pub(super) fn release(connection: &Connection, call_row: i64) -> Result<(), StoreError> {
    match reserved_by(connection, call_row)? {
        Some((row, _)) => delete_row(connection, row),
        None => Ok(()),
    }
}

pub(super) fn remove(connection: &Connection, workspace: &str, calls: &[String]) -> Result<(), StoreError> {
    for call in calls {
        let reserved: Option<i64> = connection
            .prepare_cached(
                "SELECT test_profiles.row FROM test_profiles JOIN calls ON calls.row = call_row \
                 WHERE calls.workspace = ?1 AND call_id = ?2",
            )?
            .query_row(params![workspace, call], |row| row.get(0))
            .optional()?;
        if let Some(row) = reserved {
            delete_row(connection, row)?;
        }
    }
    Ok(())
}

/// Removes whatever is held about erased people, whom nobody makes again.
pub(super) fn forget(connection: &Connection, workspace: &str, subjects: &[Digest]) -> Result<(), StoreError> {
    for subject in subjects {
        let rows: Vec<i64> = connection
            .prepare_cached("SELECT profile_row FROM test_profile_subjects WHERE workspace = ?1 AND subject = ?2")?
            .query_map(params![workspace, subject], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for row in rows {
            delete_row(connection, row)?;
        }
    }
    Ok(())
}

fn delete_row(connection: &Connection, row: i64) -> Result<(), StoreError> {
    delete_subjects(connection, row)?;
    connection.prepare_cached("DELETE FROM test_profiles WHERE row = ?1")?.execute([row])?;
    Ok(())
}

fn delete_subjects(connection: &Connection, row: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM test_profile_subjects WHERE profile_row = ?1")?.execute([row])?;
    Ok(())
}

/// One profile for each place, oldest first.
pub(super) fn list(connection: &Connection, workspace: &str, now_ms: i64) -> Result<Vec<TestProfile>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT place, test_profiles.row, sealed_identifiers, run_id, call_id, created_at_ms, expires_at_ms, state, \
         lease_until_ms FROM test_profiles JOIN calls ON calls.row = call_row \
         WHERE test_profiles.workspace = ?1 ORDER BY place, test_profiles.row",
    )?;
    let mut rows = statement.query([workspace])?;
    let mut profiles: BTreeMap<i64, TestProfile> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let call_id: String = row.get(4)?;
        let (stored, lease_until_ms) = (row.get(7)?, row.get(8)?);
        let has_ended = stored == CallState::Committed || lease_until_ms <= now_ms;
        let profile = TestProfile {
            subjects: subjects(connection, row.get(1)?)?,
            sealed_identifiers: row.get(2)?,
            run_id: row.get(3)?,
            calls: vec![call_id.clone()],
            ended_calls: has_ended.then(|| call_id.clone()).into_iter().collect(),
            call_id,
            created_at_ms: row.get(5)?,
            expires_at_ms: row.get(6)?,
            state: effective_state(stored, lease_until_ms, now_ms),
        };
        let place = row.get(0)?;
        let merged = match profiles.remove(&place) {
            Some(earlier) => merge(earlier, profile),
            None => profile,
        };
        profiles.insert(place, merged);
    }
    Ok(profiles.into_values().collect())
}

fn subjects(connection: &Connection, row: i64) -> Result<Vec<Digest>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT subject FROM test_profile_subjects WHERE profile_row = ?1 ORDER BY subject")?;
    let rows = statement.query_map([row], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
