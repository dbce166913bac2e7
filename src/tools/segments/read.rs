//! `list_segments` and `get_segment`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::segments::Segment,
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::intent::Intent,
    tools::{context::CallContext, customer::Customer, directory::known, paging, tool::Tool, upstream::of_segment},
};

/// Lists segments.
pub struct ListSegments;

/// Gets one segment.
pub struct GetSegment;

/// Arguments of `list_segments`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    /// Part of a name, in any case.
    #[schemars(length(max = 100))]
    name: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 20))]
    cursor: Option<String>,
}

/// Answer of `list_segments`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListOutput {
    segments: Vec<SegmentLine>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A segment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SegmentLine {
    segment_id: i64,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    /// `manual`: filled by calls. `dynamic`: by conditions, read-only here.
    #[serde(rename = "type")]
    kind: String,
    /// `finished`, or still being built.
    state: String,
}

impl From<Segment> for SegmentLine {
    fn from(segment: Segment) -> Self {
        Self {
            segment_id: segment.id,
            name: segment.name,
            description: segment.description,
            kind: segment.kind,
            state: segment.state,
        }
    }
}

/// Arguments of `get_segment`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetInput {
    #[schemars(range(min = 1))]
    segment_id: i64,
    /// Show this many members; default none.
    #[schemars(range(min = 0, max = 100))]
    members: Option<u32>,
    /// Where members go on, from the last answer.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// Answer of `get_segment`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GetOutput {
    segment: SegmentLine,
    /// How many people are in it.
    customers: i64,
    used_by: UsedBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Customer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// What uses a segment, by id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct UsedBy {
    campaigns: Vec<i64>,
    newsletters: Vec<i64>,
}

impl Tool for ListSegments {
    const SPEC: Spec = Spec {
        name: "list_segments",
        title: "List segments",
        prose: include_str!("../../../tools/list_segments.md"),
        toolset: Toolset::Segments,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = ListInput;
    type Output = ListOutput;

    fn intent(input: &ListInput) -> Result<Intent, ToolError> {
        paging::start_after(input.cursor.as_deref()).map(|_| Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: ListInput) -> Result<ListOutput, ToolError> {
        let after = paging::start_after(input.cursor.as_deref())?;
        let wanted = input.name.unwrap_or_default().to_lowercase();
        let mut segments = cx.api().list_segments(&cx.scope).await?;
        segments.retain(|segment| segment.name.to_lowercase().contains(&wanted));
        let (segments, cursor) = paging::page(segments, after, input.limit, |segment| segment.id);
        Ok(ListOutput { segments: segments.into_iter().map(Into::into).collect(), cursor })
    }
}

impl Tool for GetSegment {
    const SPEC: Spec = Spec {
        name: "get_segment",
        title: "Get a segment",
        prose: include_str!("../../../tools/get_segment.md"),
        toolset: Toolset::Segments,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = GetInput;
    type Output = GetOutput;

    fn intent(_: &GetInput) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: GetInput) -> Result<GetOutput, ToolError> {
        let segment = cx.api().segment(&cx.scope, input.segment_id).await.map_err(of_segment)?;
        let customers = cx.api().segment_count(&cx.scope, input.segment_id).await?;
        let used_by = used_by(cx, input.segment_id).await?;
        let (mut members, mut cursor) = (None, None);
        if let Some(limit) = input.members.filter(|limit| *limit > 0) {
            let start = input.cursor.as_deref();
            let page = cx.api().segment_members(&cx.scope, input.segment_id, start, Some(limit)).await?;
            members = Some(page.items.into_iter().map(|person| known(person).into()).collect());
            cursor = page.next.filter(|next| !next.is_empty());
        }
        Ok(GetOutput { segment: segment.into(), customers, used_by, members, cursor })
    }
}

pub(super) async fn used_by(cx: &CallContext<'_>, segment_id: i64) -> Result<UsedBy, ToolError> {
    let used = cx.api().segment_used_by(&cx.scope, segment_id).await?;
    let newsletters = used.sent_newsletters.into_iter().chain(used.draft_newsletters).collect();
    Ok(UsedBy { campaigns: used.campaigns, newsletters })
}

impl UsedBy {
    pub(super) fn is_nobody(&self) -> bool {
        self.campaigns.is_empty() && self.newsletters.is_empty()
    }
}
