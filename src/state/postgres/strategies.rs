//! Declared identity strategies.

use deadpool_postgres::Client;

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::prepare,
};
use crate::state::{Declaration, StoreError, StoredStrategy, StrategyDeclaration};

pub(super) async fn find(core: &Core, workspace: &str) -> Attempt<Option<StoredStrategy>> {
    found(&core.client().await?, workspace).await
}

async fn found(client: &Client, workspace: &str) -> Attempt<Option<StoredStrategy>> {
    let [statement] =
        prepare(client, ["SELECT document, declared_by, declared_at_ms FROM identity_strategies WHERE workspace = $1"])
            .await?;
    let row = client.query_opt(&statement, &[&workspace]).await?;
    row.map(|row| {
        Ok(StoredStrategy { document: get(&row, 0)?, declared_by: get(&row, 1)?, declared_at_ms: get(&row, 2)? })
    })
    .transpose()
}

/// One statement, so of several who declare at once one is the first.
pub(super) async fn declare(core: &Core, declaration: &StrategyDeclaration) -> Attempt<Declaration> {
    let client = core.client().await?;
    let [statement] = prepare(
        &client,
        ["INSERT INTO identity_strategies (workspace, document, declared_by, declared_at_ms) VALUES ($1, $2, $3, $4) \
          ON CONFLICT (workspace) DO UPDATE SET document = excluded.document, declared_by = excluded.declared_by, \
          declared_at_ms = excluded.declared_at_ms WHERE $5"],
    )
    .await?;
    let StrategyDeclaration { workspace, strategy, replace } = declaration;
    let StoredStrategy { document, declared_by, declared_at_ms } = strategy;
    if client.execute(&statement, &[workspace, document, declared_by, declared_at_ms, replace]).await? > 0 {
        return Ok(Declaration::Declared);
    }
    let declared = found(&client, workspace).await?;
    let declared = declared.ok_or_else(|| StoreError::Database("a declared strategy has gone".to_owned()))?;
    Ok(Declaration::AlreadyDeclared(declared))
}
