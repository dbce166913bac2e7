//! Declaring the identity strategy, once.

use serde_json::json;

use super::{Guards, command::OPERATOR, identity::strategy::IdentityStrategy};
use crate::{
    catalog::Effect,
    error::{ErrorCode, ToolError},
    state::{Declaration, StoredStrategy, StrategyDeclaration},
};

/// A strategy that holds, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStrategy {
    /// The strategy.
    pub strategy: IdentityStrategy,
    /// Who declared it: a principal, `configuration` or `operator`.
    pub by: String,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
}

impl Guards {
    /// The strategy that holds, if one is declared.
    pub async fn identity_strategy(&self) -> Result<Option<IdentityStrategy>, ToolError> {
        Ok(self.declared_strategy().await?.map(|declared| declared.strategy))
    }

    /// The strategy that holds, with who declared it and when.
    pub async fn declared_strategy(&self) -> Result<Option<DeclaredStrategy>, ToolError> {
        let stored = self.store.identity_strategy(self.workspace.name.clone()).await?;
        let read = |stored: StoredStrategy| {
            let strategy = read(&stored)?;
            Ok(DeclaredStrategy { strategy, by: stored.declared_by, at_ms: stored.declared_at_ms })
        };
        stored.map(read).transpose()
    }

    /// Declares the strategy at an operator's command, which leaves its decision and outcome on the audit chain.
    pub async fn declare_by_command(
        &self,
        strategy: &IdentityStrategy,
        command: &str,
        replace: bool,
    ) -> Result<(), ToolError> {
        self.commanded(command, Effect::Write, self.declare(strategy, OPERATOR, replace)).await
    }

    /// Declares the strategy. The same one again is no error; another one is refused unless an operator replaces it.
    pub async fn declare(&self, strategy: &IdentityStrategy, by: &str, replace: bool) -> Result<(), ToolError> {
        let declaration = StrategyDeclaration {
            workspace: self.workspace.name.clone(),
            strategy: StoredStrategy {
                document: json!(strategy).to_string(),
                declared_by: by.to_owned(),
                declared_at_ms: self.clock.now_ms(),
            },
            replace,
        };
        match self.store.declare_identity_strategy(declaration).await? {
            Declaration::Declared => Ok(()),
            Declaration::AlreadyDeclared(stored) => {
                let standing = read(&stored)?;
                if standing == *strategy {
                    return Ok(());
                }
                Err(ToolError::new(
                    ErrorCode::IdentityStrategyDeclared,
                    "Another identity strategy is declared for this workspace, and people were written by it. Nothing \
                     was changed.",
                )
                .with(json!({ "declared": standing }))
                .next("Work with the declared one. Changing it is the operator's decision."))
            }
        }
    }
}

fn read(stored: &StoredStrategy) -> Result<IdentityStrategy, ToolError> {
    serde_json::from_str(&stored.document).map_err(|error| {
        tracing::error!(%error, "the stored identity strategy cannot be read");
        ToolError::new(ErrorCode::StateUnavailable, "The stored identity strategy cannot be read.")
            .next("Tell the operator to look at the server's log.")
    })
}
