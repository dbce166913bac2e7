//! Named leases.

use rusqlite::{Connection, OptionalExtension, params};

use crate::state::{Digest, Lease, StoreError};

pub(super) fn acquire(connection: &Connection, lease: &Lease, now_ms: i64) -> Result<bool, StoreError> {
    let taken = connection
        .prepare_cached(
            "INSERT INTO leases (workspace, name, holder, until_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (workspace, name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
             WHERE leases.holder = excluded.holder OR leases.until_ms <= ?5",
        )?
        .execute(params![lease.workspace, lease.name, lease.holder, lease.until_ms, now_ms])?;
    Ok(taken > 0)
}

pub(super) fn holder(
    connection: &Connection,
    workspace: &str,
    name: &Digest,
    now_ms: i64,
) -> Result<Option<String>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT holder FROM leases WHERE workspace = ?1 AND name = ?2 AND until_ms > ?3")?;
    Ok(statement.query_row(params![workspace, name, now_ms], |row| row.get(0)).optional()?)
}

pub(super) fn release(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM leases WHERE workspace = ?1 AND name = ?2 AND holder = ?3")?
        .execute(params![lease.workspace, lease.name, lease.holder])?;
    Ok(())
}
