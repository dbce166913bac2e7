//! Declaring the identity strategy, once.

use serde_json::json;

use super::{Guards, identity::strategy::IdentityStrategy};
use crate::{
    error::{ErrorCode, ToolError},
    state::{Declaration, StoredStrategy, StrategyDeclaration},
};

impl Guards {
    /// The strategy that holds, if one is declared.
    pub async fn identity_strategy(&self) -> Result<Option<IdentityStrategy>, ToolError> {
        let stored = self.store.identity_strategy(self.workspace.name.clone()).await?;
        stored.map(|stored| read(&stored)).transpose()
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
