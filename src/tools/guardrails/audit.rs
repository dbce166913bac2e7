//! `list_audit`: what was done and refused here, without personal data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{identity::identifier::IdType, intent::Intent, values::UnixTime},
    state::{AuditPhase, AuditQuery, AuditRecord, Digest},
    tools::{
        context::CallContext,
        directory::{known, path},
        operations::EffectName,
        tool::Tool,
    },
};

/// Lists the audit trail.
pub struct ListAudit;

/// Arguments of `list_audit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(length(max = 64))]
    tool: Option<String>,
    effect: Option<EffectName>,
    /// Such as `committed` or an error code.
    #[schemars(length(max = 64))]
    decision: Option<String>,
    phase: Option<Phase>,
    #[schemars(length(max = 200))]
    principal: Option<String>,
    /// About this person.
    customer: Option<String>,
    id_type: Option<IdType>,
    #[schemars(length(max = 64))]
    call_id: Option<String>,
    /// ISO 8601 with offset, or Unix seconds.
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 20))]
    cursor: Option<String>,
}

/// A moment of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Phase {
    /// Admitted, about to run.
    Decision,
    /// Ended.
    Outcome,
    /// Changed nothing.
    Read,
    /// Refused.
    Refusal,
    /// Answered with a plan or a first answer.
    Answer,
}

/// Answer of `list_audit`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Newest first.
    records: Vec<Record>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// An audit record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Record {
    at: String,
    tool: String,
    effect: String,
    phase: Phase,
    /// `committed`, `unknown`, or an error code.
    decision: String,
    principal: String,
    call_id: String,
    /// Keyed digest of the one person concerned: the same person, the same digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

const DEFAULT_LIMIT: u32 = 20;

impl Tool for ListAudit {
    const SPEC: Spec = Spec {
        name: "list_audit",
        title: "List the audit trail",
        prose: include_str!("../../../tools/list_audit.md"),
        toolset: Toolset::Guardrails,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        before_row(input.cursor.as_deref())?;
        Ok(match &input.customer {
            // Those who are gone have a record all the same.
            Some(customer) => Intent::one_maybe_gone(customer, input.id_type),
            None => Intent::nobody(),
        })
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
        let subjects = if input.customer.is_some() { meant(cx).await? } else { Vec::new() };
        let query = AuditQuery {
            workspace: cx.guards().workspace.name.clone(),
            tool: input.tool,
            effect: input.effect.map(|effect| effect.effect().as_str().to_owned()),
            decision: input.decision,
            principal: input.principal,
            subjects,
            call_id: input.call_id,
            until_ms: input.until.map(|until| until.seconds() * 1_000),
            phase: input.phase.map(Into::into),
            since_ms: input.since.map(|since| since.seconds() * 1_000),
            before_row: before_row(input.cursor.as_deref())?,
            limit,
            ..AuditQuery::default()
        };
        let records = cx.guards().store.list_audit(query).await?;
        let full_page = records.len() == limit as usize;
        let cursor = records.last().filter(|_| full_page).map(|last| last.row.to_string());
        Ok(Output { records: records.into_iter().map(line).collect(), cursor })
    }
}

/// Whatever records may name the person by: what was given, and all that is known of them.
async fn meant(cx: &CallContext<'_>) -> Result<Vec<Digest>, ToolError> {
    let given = &cx.subject()?.given;
    let mut refs = vec![given.clone()];
    if cx.api().has_app()
        && let Some(person) = cx.api().person(&cx.scope, &path(given)).await?
    {
        refs.extend(known(person.identifiers).refs());
    }
    Ok(cx.guards().digests(&refs))
}

fn before_row(cursor: Option<&str>) -> Result<Option<i64>, ToolError> {
    let invalid = |_| {
        ToolError::invalid("cursor", "`cursor` is not one of this tool's.").next("Leave it out to begin at the newest.")
    };
    cursor.map(|cursor| cursor.parse().map_err(invalid)).transpose()
}

fn line(record: AuditRecord) -> Record {
    let entry = record.entry;
    Record {
        at: jiff::Timestamp::from_millisecond(entry.at_ms)
            .map_or_else(|_| entry.at_ms.to_string(), |at| at.to_string()),
        tool: entry.tool,
        effect: entry.effect,
        phase: entry.phase.into(),
        decision: entry.decision,
        principal: entry.principal,
        call_id: entry.call_id,
        subject: entry.subject.map(|subject| subject.to_string()),
        approved_by: entry.approved_by,
        duration_ms: entry.duration_ms,
    }
}

impl From<Phase> for AuditPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Decision => Self::Decision,
            Phase::Outcome => Self::Outcome,
            Phase::Read => Self::Read,
            Phase::Refusal => Self::Refusal,
            Phase::Answer => Self::Answer,
        }
    }
}

impl From<AuditPhase> for Phase {
    fn from(phase: AuditPhase) -> Self {
        match phase {
            AuditPhase::Decision => Self::Decision,
            AuditPhase::Outcome => Self::Outcome,
            AuditPhase::Read => Self::Read,
            AuditPhase::Refusal => Self::Refusal,
            AuditPhase::Answer => Self::Answer,
        }
    }
}
