//! `get_guardrails`: what this server allows here, and how much of it is left.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{
        identity::strategy::IdentityStrategy,
        intent::Intent,
        policy::{Decision, Pii, Reach, WorkspaceKind},
        privacy::Privacy,
    },
    state::Usage,
    tools::{context::CallContext, tool::Tool},
};

/// Shows the guardrails.
pub struct GetGuardrails;

/// `get_guardrails` takes no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// Answer of `get_guardrails`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    workspace: String,
    kind: WorkspaceKind,
    region: String,
    /// The others that are served, each with guardrails of its own: ask with `workspace`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_workspaces: Vec<String>,
    /// Nothing that changes anything runs.
    read_only: bool,
    /// Absent until it is declared: nobody can be created or changed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_strategy: Option<IdentityStrategy>,
    /// What happens to a call, by effect.
    policy: BTreeMap<&'static str, Decision>,
    /// Decisions for single tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tools: BTreeMap<String, Decision>,
    budgets: Vec<BudgetLine>,
    /// What is charged.
    budgets_count: &'static str,
    test_profiles: TestProfileLine,
    recipients: RecipientLines,
    personal_data: Pii,
    /// Empty: what is always masked is masked, and the rest is shown.
    #[serde(skip_serializing_if = "AttributeLines::is_empty")]
    attributes: AttributeLines,
}

/// A budget: of the workspace, over all its callers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct BudgetLine {
    budget: String,
    per: &'static str,
    limit: u64,
    used: u64,
    /// The most that each caller may use of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    your_limit: Option<u64>,
    /// What the caller has used of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    your_used: Option<u64>,
}

/// The quota of test profiles.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct TestProfileLine {
    active: usize,
    active_limit: u64,
    per_day_limit: u64,
    expire_after_hours: u32,
}

/// Whom messages may go to without a human.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RecipientLines {
    live: Vec<String>,
    test: Vec<String>,
}

/// Which attributes answers show, by patterns of their names.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct AttributeLines {
    /// Besides phone numbers, addresses, birthdays, identity and bank numbers, passwords, tokens and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    masked: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown: Vec<String>,
}

impl AttributeLines {
    fn is_empty(&self) -> bool {
        self.masked.is_empty() && self.hidden.is_empty() && self.shown.is_empty()
    }

    fn of(privacy: &Privacy) -> Self {
        let Privacy { mask, hide, show } = privacy.clone();
        Self { masked: mask, hidden: hide, shown: show }
    }
}

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What a call is charged, as far as it can be known.
const COUNTED: &str = "A send, broadcast or newsletter counts its audience; a person, event or membership changed counts \
                       one each, whatever messages automations make of it: that cannot be known beforehand.";

impl Tool for GetGuardrails {
    const SPEC: Spec = Spec {
        name: "get_guardrails",
        title: "Get the guardrails",
        prose: include_str!("../../../tools/get_guardrails.md"),
        toolset: Toolset::Guardrails,
        core: true,
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
        let guards = cx.guards();
        Ok(Output {
            workspace: guards.workspace.name.clone(),
            kind: guards.workspace.kind,
            region: guards.workspace.region.clone(),
            other_workspaces: others(cx),
            read_only: guards.read_only,
            identity_strategy: guards.identity_strategy().await?,
            policy: policy(cx),
            tools: guards.policy.tools.clone(),
            budgets: budgets(cx).await?,
            budgets_count: COUNTED,
            test_profiles: TestProfileLine {
                active: guards.ledger_test_profiles(false).await?.len(),
                active_limit: guards.test_profiles.active,
                per_day_limit: guards.test_profiles.per_day,
                expire_after_hours: guards.test_profiles.expires_after_hours,
            },
            recipients: RecipientLines { live: guards.recipients.live.clone(), test: guards.recipients.test.clone() },
            personal_data: cx.workspace.view.pii,
            attributes: AttributeLines::of(&cx.workspace.view.privacy),
        })
    }
}

fn others(cx: &CallContext<'_>) -> Vec<String> {
    let this = &cx.guards().workspace.name;
    cx.caller.offer.workspaces().iter().filter(|name| *name != this).cloned().collect()
}

/// What happens to a call of each effect. Sends differ by whether the operator listed the recipient.
fn policy(cx: &CallContext<'_>) -> BTreeMap<&'static str, Decision> {
    let guards = cx.guards();
    let decide = |effect, recipients_allowed| {
        let reach = Reach { recipients_allowed, several_people: false, escalated: false };
        guards.policy.decide(guards.workspace.kind, "", effect, &[], reach)
    };
    let mut policy: BTreeMap<_, _> =
        Effect::ALL.iter().map(|effect| (effect.as_str(), decide(*effect, true))).collect();
    policy.insert("send_to_unlisted", decide(Effect::Send, false));
    policy
}

async fn budgets(cx: &CallContext<'_>) -> Result<Vec<BudgetLine>, ToolError> {
    let used = cx.guards().budget_usage(&cx.caller.principal).await?;
    let (all, own): (Vec<Usage>, Vec<Usage>) = used.into_iter().partition(|usage| usage.shared);
    let line = |all: Usage| {
        let own = own.iter().find(|own| own.budget == all.budget && own.window_ms == all.window_ms);
        // A caller who is alone is not told everything twice.
        let own = own.filter(|own| (own.max, own.used) != (all.max, all.used));
        BudgetLine {
            your_limit: own.map(|own| own.max),
            your_used: own.map(|own| own.used),
            budget: all.budget,
            per: if all.window_ms <= HOUR_MS { "hour" } else { "day" },
            limit: all.max,
            used: all.used,
        }
    };
    Ok(all.into_iter().map(line).collect())
}
