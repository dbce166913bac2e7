//! `track_events`: record many events.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Output, go_on,
    source::{FileFormat, Given, Rows},
};
use crate::{
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::ToolError,
    guard::{bulk::Kind, identity::identifier::IdType, intent::Intent},
    tools::{context::CallContext, tool::Tool},
};

/// Records many events.
pub struct TrackEvents;

/// Arguments of `track_events`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Path below a directory the operator allows.
    file: Option<String>,
    format: Option<FileFormat>,
    /// Instead of `file`.
    rows: Option<Rows>,
    /// What `customer` holds. Default: the strategy's primary.
    id_type: Option<IdType>,
    /// Goes on with an import.
    handle: Option<String>,
    /// With `handle`: only lists refused rows; "0" begins.
    cursor: Option<String>,
    /// Write the rest when rows are refused.
    #[serde(default)]
    skip_refused: bool,
}

impl Tool for TrackEvents {
    const SPEC: Spec = Spec {
        name: "track_events",
        title: "Track many events",
        prose: include_str!("../../../tools/track_events.md"),
        toolset: Toolset::Events,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Ulid,
        flags: &[Flag::Bulk],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Given {
            kind: Kind::Events,
            file: input.file.as_deref(),
            format: input.format,
            rows: input.rows.as_ref(),
            id_type: input.id_type,
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
