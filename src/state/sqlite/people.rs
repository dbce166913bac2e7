//! Remembered people.

use rusqlite::{Connection, OptionalExtension, params};

use super::erasures::has_tombstone;
use crate::state::{CachedPerson, Digest, StoreError};

pub(super) fn find(
    connection: &Connection,
    workspace: &str,
    keys: &[Digest],
    now_ms: i64,
) -> Result<Vec<Option<CachedPerson>>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT person, sealed, expires_at_ms FROM cached_people \
         WHERE workspace = ?1 AND key = ?2 AND expires_at_ms > ?3",
    )?;
    keys.iter()
        .map(|key| {
            let found = statement.query_row(params![workspace, key, now_ms], |row| {
                Ok(CachedPerson { key: *key, person: row.get(0)?, sealed: row.get(1)?, expires_at_ms: row.get(2)? })
            });
            Ok(found.optional()?)
        })
        .collect()
}

/// Erased people are passed over: a look-up that began before the erasure must not bring them back into the store.
pub(super) fn remember(connection: &Connection, workspace: &str, people: &[CachedPerson]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO cached_people (workspace, key, person, sealed, expires_at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for person in people {
        if has_tombstone(connection, workspace, &person.key)? || has_tombstone(connection, workspace, &person.person)? {
            continue;
        }
        statement.execute(params![workspace, person.key, person.person, person.sealed, person.expires_at_ms])?;
    }
    Ok(())
}

pub(super) fn forget(connection: &Connection, workspace: &str, keys: &[Digest]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM cached_people WHERE workspace = ?1 \
         AND person IN (SELECT person FROM cached_people WHERE workspace = ?1 AND key = ?2)",
    )?;
    for key in keys {
        statement.execute(params![workspace, key])?;
    }
    Ok(())
}
