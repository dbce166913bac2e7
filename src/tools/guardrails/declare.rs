//! `declare_identity_strategy`: what identifies a customer, said once before anybody is written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    catalog::{Effect, Flag, Retry, Spec, Toolset},
    error::ToolError,
    guard::{identity::strategy::IdentityStrategy, intent::Intent},
    tools::{context::CallContext, tool::Tool},
};

/// Declares the identity strategy.
pub struct DeclareIdentityStrategy;

/// Answer of `declare_identity_strategy`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The strategy that holds from now on.
    declared: IdentityStrategy,
}

impl Tool for DeclareIdentityStrategy {
    const SPEC: Spec = Spec {
        name: "declare_identity_strategy",
        title: "Declare the identity strategy",
        prose: include_str!("../../../tools/declare_identity_strategy.md"),
        toolset: Toolset::Guardrails,
        core: true,
        effect: Effect::Write,
        retry: Retry::Natural,
        flags: &[Flag::Governs],
        needs: &[],
    };
    type Input = IdentityStrategy;
    type Output = Output;

    fn intent(input: &IdentityStrategy) -> Result<Intent, ToolError> {
        if let Some((field, message)) = input.faults().into_iter().next() {
            return Err(ToolError::invalid(field, format!("`{field}` {message}. Nothing was changed.")));
        }
        Ok(Intent::nobody().on("the identity strategy"))
    }

    async fn call(cx: &CallContext<'_>, input: IdentityStrategy) -> Result<Output, ToolError> {
        cx.guards().declare(&input, &cx.caller.principal, false).await?;
        Ok(Output { declared: input })
    }
}
