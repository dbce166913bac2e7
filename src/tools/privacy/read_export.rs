//! Reads an export by its id: for whoever opens its address. It is no tool that is listed, since what it reads was made
//! for a person, and goes by the same route all the same.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::{Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::Intent,
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        served::Policies,
        tool::{Callable, Crafted, Tool},
    },
};

/// What the audit calls it.
pub const NAME: &str = "read_export";

/// Reads an export.
pub struct ReadExport;

/// Which export.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(length(min = 1, max = 100))]
    export_id: String,
}

/// The export.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    export_id: String,
    document: Untrusted<Value>,
}

/// The reader, ready to be called.
pub fn tool() -> Arc<dyn Callable> {
    Arc::new(Crafted::<ReadExport>::under(&Policies::default()))
}

impl Tool for ReadExport {
    const SPEC: Spec = Spec {
        name: NAME,
        title: "Read an export",
        prose: "An export by its id.",
        toolset: Toolset::Privacy,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        // That it may be read was decided when it was made.
        flags: &[],
        needs: &[],
    };
    type Input = Input;
    type Output = Output;

    fn intent(_: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let (workspace, now_ms) = (&cx.guards().workspace.name, cx.guards().clock.now_ms());
        let found = cx.workspace.exports.read(workspace, &input.export_id, now_ms).await.map_err(|error| {
            tracing::error!(%error, "an export could not be read");
            ToolError::new(ErrorCode::StateUnavailable, "The document could not be read.")
        })?;
        let export = found.ok_or_else(|| {
            ToolError::new(ErrorCode::NotFound, "There is no such export, or it has expired.")
                .at("export_id")
                .next("export_customer_data makes one, which stays for a day.")
        })?;
        Ok(Output { export_id: export.export_id, document: untrusted(export.document) })
    }
}
