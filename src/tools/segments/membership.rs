//! `add_to_segment` and `remove_from_segment`: who is in a manual segment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::people::IdType as ApiIdType,
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        identity::identifier::IdType,
        intent::{Absent, GivenCustomer, Intent},
    },
    tools::{context::CallContext, tool::Tool, verify::WriteResult},
};

/// Puts people into a manual segment.
pub struct AddToSegment;

/// Takes people out of a manual segment.
pub struct RemoveFromSegment;

/// Arguments of both tools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    segment_id: i64,
    #[schemars(length(min = 1, max = 100))]
    customers: Vec<String>,
    /// Of all of them. Default: the strategy's primary.
    id_type: Option<IdType>,
}

/// Answer of both tools.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `accepted`: Customer.io works it off in a moment; `get_segment` shows the count.
    result: WriteResult,
    segment_id: i64,
    /// How many people the call was for.
    customers: usize,
}

impl Input {
    fn intent(&self) -> Intent {
        let customers = self.customers.iter().enumerate().map(|(at, value)| GivenCustomer {
            value: value.clone(),
            id_type: self.id_type,
            field: format!("customers[{at}]"),
        });
        Intent::named(customers.collect(), Absent::Refuse).on(format!("segment {}", self.segment_id))
    }
}

impl Tool for AddToSegment {
    const SPEC: Spec = Spec {
        name: "add_to_segment",
        title: "Add customers to a segment",
        prose: include_str!("../../../tools/add_to_segment.md"),
        toolset: Toolset::Segments,
        core: true,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Ok(input.intent())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let (people, id_type) = members(cx, &input).await?;
        cx.api().add_people(cx.permit()?, &cx.scope, input.segment_id, &people, id_type).await?;
        Ok(accepted(&input))
    }
}

impl Tool for RemoveFromSegment {
    const SPEC: Spec = Spec {
        name: "remove_from_segment",
        title: "Remove customers from a segment",
        prose: include_str!("../../../tools/remove_from_segment.md"),
        toolset: Toolset::Segments,
        core: true,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Ok(input.intent())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let (people, id_type) = members(cx, &input).await?;
        cx.api().remove_people(cx.permit()?, &cx.scope, input.segment_id, &people, id_type).await?;
        Ok(accepted(&input))
    }
}

/// The people to write: by `cio_id` where they were resolved, since Track drops what it does not know in silence.
async fn members(cx: &CallContext<'_>, input: &Input) -> Result<(Vec<String>, ApiIdType), ToolError> {
    if cx.api().has_app() && !cx.workspace.is_manual_segment(&cx.scope, input.segment_id).await? {
        return Err(not_manual(input.segment_id));
    }
    let subjects = &cx.admitted.people.subjects;
    let by_cio_id: Option<Vec<String>> =
        subjects.iter().map(|subject| subject.person.as_ref().map(|person| person.cio_id.clone())).collect();
    if let Some(people) = by_cio_id {
        return Ok((people, ApiIdType::CioId));
    }
    let id_type = match subjects.first().map(|subject| subject.given.id_type) {
        Some(IdType::Email) => ApiIdType::Email,
        Some(IdType::CioId) => ApiIdType::CioId,
        _ => ApiIdType::Id,
    };
    Ok((subjects.iter().map(|subject| subject.given.value.clone()).collect(), id_type))
}

fn accepted(input: &Input) -> Output {
    Output { result: WriteResult::Accepted, segment_id: input.segment_id, customers: input.customers.len() }
}

pub(super) fn not_manual(segment_id: i64) -> ToolError {
    ToolError::new(
        ErrorCode::Conflict,
        format!("Segment {segment_id} is data-driven: its conditions decide, and they are changed in Customer.io. Nothing was changed."),
    )
    .at("segment_id")
    .next("Use a manual segment; list_segments shows the type, create_segment makes one.")
}
