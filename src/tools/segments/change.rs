//! `create_segment` and `delete_segment`: manual segments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::read::used_by;
use crate::{
    api::{UpstreamErrorKind, segments::Segment},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::{Audience, Intent},
    tools::{
        context::CallContext,
        tool::{Look, Recovery, Tool},
        upstream::of_segment,
        verify::WriteResult,
    },
};

/// Makes a manual segment.
pub struct CreateSegment;

/// Deletes a manual segment.
pub struct DeleteSegment;

/// Arguments of `create_segment`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInput {
    #[schemars(length(min = 1, max = 190))]
    name: String,
    #[schemars(length(max = 500))]
    description: Option<String>,
}

/// Answer of `create_segment`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreateOutput {
    result: WriteResult,
    segment_id: i64,
    name: String,
}

/// Arguments of `delete_segment`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteInput {
    #[schemars(range(min = 1))]
    segment_id: i64,
}

/// Answer of `delete_segment`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeleteOutput {
    result: WriteResult,
    segment_id: i64,
    /// Its name before it was deleted.
    name: String,
    /// How many people were in it; none of them was deleted.
    customers: i64,
}

impl Tool for CreateSegment {
    const SPEC: Spec = Spec {
        name: "create_segment",
        title: "Create a segment",
        prose: include_str!("../../../tools/create_segment.md"),
        toolset: Toolset::Segments,
        core: true,
        effect: Effect::Write,
        retry: Retry::Ledger,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = CreateInput;
    type Output = CreateOutput;

    fn intent(input: &CreateInput) -> Result<Intent, ToolError> {
        let name = &input.name;
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(ToolError::invalid("name", "`name` has white space at its ends or control characters."));
        }
        Ok(Intent { recovery: Some(json!({ "name": name })), ..Intent::nobody() })
    }

    async fn call(cx: &CallContext<'_>, input: CreateInput) -> Result<CreateOutput, ToolError> {
        if let Some(same) = named(cx, &input.name).await?.first() {
            return Err(ToolError::new(
                ErrorCode::Conflict,
                format!("Segment {} has this name already. Nothing was created.", same.id),
            )
            .at("name")
            .next("Use that segment, or choose another name."));
        }
        let segment =
            cx.api().create_segment(cx.permit()?, &cx.scope, &input.name, input.description.as_deref()).await?;
        Ok(created(segment))
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<CreateOutput>, ToolError> {
        let name = recovery.facts["name"].as_str().unwrap_or_default();
        // The name was free when the call began, so one that is there now is ours if it was made since.
        let since = recovery.began_at_ms / 1_000 - 1;
        let mut found = named(cx, name).await?;
        found.retain(|segment| segment.created_at.is_none_or(|at| at >= since));
        Ok(match <[Segment; 1]>::try_from(found) {
            Ok([segment]) => Look::Found(created(segment)),
            Err(found) if found.is_empty() => Look::Absent,
            Err(_) => Look::Unclear,
        })
    }
}

async fn named(cx: &CallContext<'_>, name: &str) -> Result<Vec<Segment>, ToolError> {
    let mut segments = cx.api().list_segments(&cx.scope).await?;
    segments.retain(|segment| segment.name == name);
    Ok(segments)
}

fn created(segment: Segment) -> CreateOutput {
    CreateOutput { result: WriteResult::Applied, segment_id: segment.id, name: segment.name }
}

impl Tool for DeleteSegment {
    const SPEC: Spec = Spec {
        name: "delete_segment",
        title: "Delete a segment",
        prose: include_str!("../../../tools/delete_segment.md"),
        toolset: Toolset::Segments,
        core: false,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = DeleteInput;
    type Output = DeleteOutput;

    fn intent(input: &DeleteInput) -> Result<Intent, ToolError> {
        let segment_id = u64::try_from(input.segment_id).unwrap_or_default();
        Ok(Intent::nobody().on(format!("segment {segment_id}")).reaching(Audience::Segment(segment_id)))
    }

    async fn call(cx: &CallContext<'_>, input: DeleteInput) -> Result<DeleteOutput, ToolError> {
        let segment_id = input.segment_id;
        let segment = cx.api().segment(&cx.scope, segment_id).await.map_err(of_segment)?;
        if !segment.is_manual() {
            return Err(super::membership::not_manual(segment_id));
        }
        let used_by = used_by(cx, segment_id).await?;
        if !used_by.is_nobody() {
            return Err(ToolError::new(ErrorCode::Conflict, "The segment is in use. Nothing was deleted.")
                .at("segment_id")
                .with(json!({ "used_by": used_by }))
                .next("Take it out of what uses it first, in Customer.io."));
        }
        let customers = cx.api().segment_count(&cx.scope, segment_id).await?;
        cx.api().delete_segment(cx.permit()?, &cx.scope, segment_id).await?;
        cx.workspace.forget_segment(segment_id);
        let result = match cx.api().segment(&cx.scope, segment_id).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound => WriteResult::Applied,
            _ => WriteResult::Accepted,
        };
        Ok(DeleteOutput { result, segment_id, name: segment.name, customers })
    }
}
