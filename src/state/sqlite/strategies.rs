//! Declared identity strategies.

use rusqlite::{Connection, OptionalExtension, params};

use crate::state::{Declaration, StoreError, StoredStrategy, StrategyDeclaration};

pub(super) fn find(connection: &Connection, workspace: &str) -> Result<Option<StoredStrategy>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT document, declared_by, declared_at_ms FROM identity_strategies WHERE workspace = ?1")?;
    let found = statement.query_row([workspace], |row| {
        Ok(StoredStrategy { document: row.get(0)?, declared_by: row.get(1)?, declared_at_ms: row.get(2)? })
    });
    Ok(found.optional()?)
}

pub(super) fn declare(connection: &Connection, declaration: &StrategyDeclaration) -> Result<Declaration, StoreError> {
    if !declaration.replace
        && let Some(declared) = find(connection, &declaration.workspace)?
    {
        return Ok(Declaration::AlreadyDeclared(declared));
    }
    let strategy = &declaration.strategy;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO identity_strategies (workspace, document, declared_by, declared_at_ms) \
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![declaration.workspace, strategy.document, strategy.declared_by, strategy.declared_at_ms])?;
    Ok(Declaration::Declared)
}
