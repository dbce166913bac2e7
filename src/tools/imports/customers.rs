//! `import_customers`: create or update many people.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Output, go_on,
    source::{FileFormat, Given, Rows},
};
use crate::{
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::ToolError,
    guard::{bulk::Kind, intent::Intent},
    tools::{context::CallContext, tool::Tool},
};

/// Creates or updates many people.
pub struct ImportCustomers;

/// Arguments of `import_customers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Path below a directory the operator allows.
    file: Option<String>,
    format: Option<FileFormat>,
    /// Instead of `file`.
    rows: Option<Rows>,
    /// Goes on with an import.
    handle: Option<String>,
    /// With `handle`: only lists refused rows; "0" begins.
    cursor: Option<String>,
    /// Write the rest when rows are refused.
    #[serde(default)]
    skip_refused: bool,
}

impl Tool for ImportCustomers {
    const SPEC: Spec = Spec {
        name: "import_customers",
        title: "Import customers",
        prose: include_str!("../../../tools/import_customers.md"),
        toolset: Toolset::People,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[Flag::Bulk],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Given {
            kind: Kind::Customers,
            file: input.file.as_deref(),
            format: input.format,
            rows: input.rows.as_ref(),
            id_type: None,
            handle: input.handle.as_deref(),
            cursor: input.cursor.as_deref(),
            skip_refused: input.skip_refused,
        }
        .intent()
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        go_on(cx, input.cursor.as_deref()).await
    }
}
