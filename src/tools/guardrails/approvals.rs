//! `list_approvals`: which of the caller's calls wait for a human, and what was decided.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{intent::Intent, show_time},
    state::{Approval, ApprovalState, WhichApprovals},
    tools::{context::CallContext, tool::Tool},
};

/// The most that are listed: more than may wait at once.
const MOST_LISTED: u32 = 50;

/// Lists approvals.
pub struct ListApprovals;

/// `list_approvals` takes no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// Answer of `list_approvals`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Oldest first. What has expired is not there.
    approvals: Vec<Line>,
}

/// A call that needs a human.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Line {
    approval_id: String,
    tool: String,
    effect: String,
    /// `approved`: make the same call again, once, before it expires.
    state: State,
    people: u64,
    requested_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum State {
    /// Nobody has decided.
    Pending,
    /// It may run once.
    Approved,
    /// It may not.
    Denied,
    /// It has run.
    Spent,
}

impl Tool for ListApprovals {
    const SPEC: Spec = Spec {
        name: "list_approvals",
        title: "List approvals",
        prose: include_str!("../../../tools/list_approvals.md"),
        toolset: Toolset::Guardrails,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[],
    };
    type Input = Input;
    type Output = Output;

    fn intent(_: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let own = WhichApprovals::Of(cx.caller.principal.clone());
        let approvals = cx.guards().list_approvals(own, MOST_LISTED).await?;
        Ok(Output { approvals: approvals.into_iter().map(line).collect() })
    }
}

fn line(approval: Approval) -> Line {
    Line {
        approval_id: approval.approval_id,
        tool: approval.tool,
        effect: approval.effect,
        state: match approval.state {
            ApprovalState::Pending => State::Pending,
            ApprovalState::Approved => State::Approved,
            ApprovalState::Denied => State::Denied,
            ApprovalState::Spent => State::Spent,
        },
        people: approval.people,
        requested_at: show_time(approval.requested_at_ms),
        expires_at: show_time(approval.expires_at_ms),
        decided_at: approval.decided_at_ms.map(show_time),
    }
}
