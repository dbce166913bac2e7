//! `advance_clock`, `inject_fault` and `reset_sandbox`: what can be done to a sandbox and to nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{context::CallContext, directory::known, tool::Tool};
use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{intent::Intent, policy::WorkspaceKind, values::UnixTime},
};

/// Moves the clock of a sandbox.
pub struct AdvanceClock;

/// Makes requests to a sandbox go wrong.
pub struct InjectFault;

/// Puts a sandbox back to its beginning.
pub struct ResetSandbox;

/// Arguments of `advance_clock`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockInput {
    #[schemars(range(min = 1, max = 31_536_000))]
    seconds: Option<i64>,
    /// Instead of `seconds`: a later time.
    to: Option<UnixTime>,
}

/// Answer of `advance_clock`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ClockOutput {
    before: String,
    now: String,
}

/// Arguments of `inject_fault`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultInput {
    kind: Kind,
    /// Customer.io's operation id, such as `sendEmail`. Default: any.
    operation: Option<String>,
    /// `*` stands for anything.
    path: Option<String>,
    times: Option<u64>,
    /// For `slow`.
    #[schemars(range(min = 0, max = 60_000))]
    delay_ms: Option<u64>,
}

/// How requests go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Kind {
    /// The limit is reached.
    #[serde(rename = "429")]
    RateLimited,
    /// A server error, and nothing happened.
    #[serde(rename = "500_before")]
    ErrorBefore,
    /// It happened, and then a server error.
    #[serde(rename = "500_after")]
    ErrorAfter,
    /// The answer waits.
    #[serde(rename = "slow")]
    Slow,
    /// The connection closes, and nothing happened.
    #[serde(rename = "drop_before")]
    DropBefore,
    /// It happened, and the connection closes.
    #[serde(rename = "drop_after")]
    DropAfter,
    /// Reads show what was before.
    #[serde(rename = "stale_read")]
    StaleRead,
    /// As if the workspace were in the other region.
    #[serde(rename = "wrong_region")]
    WrongRegion,
    /// No fault: takes all of them back.
    #[serde(rename = "clear")]
    Clear,
}

/// Answer of `inject_fault`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FaultOutput {
    /// All that wait for their requests.
    waiting: Vec<Map<String, Value>>,
}

/// Arguments of `reset_sandbox`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetInput {
    /// The same number gives the same ids.
    seed: Option<u64>,
}

/// Answer of `reset_sandbox`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ResetOutput {
    /// How many of each there are now.
    counts: Map<String, Value>,
    note: &'static str,
}

const WHAT_STAYS: &str =
    "The guardrails keep their own memory: audit, budgets, the ledger of test profiles, and erasures.";
/// The most pages of people that are forgotten by name before a reset, of 1,000 each.
const PAGES: usize = 20;

/// The door before the door: without a sandbox these tools are not offered, and were they called they would not run.
fn only_in_a_sandbox(cx: &CallContext<'_>) -> Result<(), ToolError> {
    match cx.guards().workspace.kind {
        WorkspaceKind::Sandbox if cx.api().is_sandbox() => Ok(()),
        _ => Err(ToolError::new(ErrorCode::Denied, "This works in a sandbox alone. Nothing was changed.")),
    }
}

const NEEDS: &[Credential] = &[Credential::Sandbox, Credential::Track];

impl Tool for AdvanceClock {
    const SPEC: Spec = Spec {
        name: "advance_clock",
        title: "Move the sandbox's clock",
        prose: include_str!("../../tools/advance_clock.md"),
        toolset: Toolset::Sandbox,
        core: false,
        effect: Effect::Write,
        retry: Retry::Natural,
        flags: &[],
        needs: NEEDS,
    };
    type Input = ClockInput;
    type Output = ClockOutput;

    fn intent(input: &ClockInput) -> Result<Intent, ToolError> {
        match (input.seconds, input.to) {
            (Some(_), Some(_)) => Err(ToolError::invalid("to", "Give `seconds` or `to`, not both.")),
            (None, None) => Err(ToolError::invalid("seconds", "Give `seconds`, or a later time as `to`.")),
            _ => Ok(Intent::nobody().on("the sandbox's clock")),
        }
    }

    async fn call(cx: &CallContext<'_>, input: ClockInput) -> Result<ClockOutput, ToolError> {
        only_in_a_sandbox(cx)?;
        let before = cx.api().sandbox_clock(&cx.scope).await?;
        let to = input.to.map(UnixTime::seconds).or(input.seconds.map(|seconds| before.unix + seconds));
        let to = to.filter(|to| *to > before.unix).ok_or_else(|| {
            ToolError::invalid("to", format!("It is {} already, and time goes on. Nothing was changed.", before.now))
                .next("Give a later time; reset_sandbox begins again.")
        })?;
        let now = cx.api().set_sandbox_clock(cx.permit()?, &cx.scope, to).await?;
        Ok(ClockOutput { before: before.now, now: now.now })
    }
}

impl Tool for InjectFault {
    const SPEC: Spec = Spec {
        name: "inject_fault",
        title: "Make requests to the sandbox go wrong",
        prose: include_str!("../../tools/inject_fault.md"),
        toolset: Toolset::Sandbox,
        core: false,
        effect: Effect::Write,
        retry: Retry::Natural,
        flags: &[],
        needs: NEEDS,
    };
    type Input = FaultInput;
    type Output = FaultOutput;

    fn intent(input: &FaultInput) -> Result<Intent, ToolError> {
        let scoped = [
            ("operation", input.operation.is_some()),
            ("path", input.path.is_some()),
            ("times", input.times.is_some()),
        ];
        if let Some((field, _)) = scoped.iter().find(|(_, given)| *given && input.kind == Kind::Clear) {
            return Err(ToolError::invalid(
                *field,
                format!("`{field}` does not go with `clear`, which takes all faults back."),
            ));
        }
        if input.delay_ms.is_some() != (input.kind == Kind::Slow) {
            return Err(ToolError::invalid("delay_ms", "`delay_ms` goes with the kind `slow`, which needs it."));
        }
        Ok(Intent::nobody().on("faults of the sandbox"))
    }

    async fn call(cx: &CallContext<'_>, input: FaultInput) -> Result<FaultOutput, ToolError> {
        only_in_a_sandbox(cx)?;
        if input.kind == Kind::Clear {
            cx.api().clear_faults(cx.permit()?, &cx.scope).await?;
        } else {
            cx.api().order_fault(cx.permit()?, &cx.scope, &input.order()).await?;
        }
        let is_there = |(name, value): (String, Value)| (!value.is_null()).then_some((name, value));
        let waiting = cx.api().waiting_faults(&cx.scope).await?.into_iter().filter_map(|fault| match fault {
            Value::Object(map) => Some(map.into_iter().filter_map(is_there).collect()),
            _ => None,
        });
        Ok(FaultOutput { waiting: waiting.collect() })
    }
}

impl FaultInput {
    fn order(&self) -> Map<String, Value> {
        let given = [
            ("kind", Some(json!(self.kind))),
            ("operation", self.operation.clone().map(Value::from)),
            ("path", self.path.clone().map(Value::from)),
            ("times", self.times.map(Value::from)),
            ("delay_ms", self.delay_ms.map(Value::from)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Tool for ResetSandbox {
    const SPEC: Spec = Spec {
        name: "reset_sandbox",
        title: "Reset the sandbox",
        prose: include_str!("../../tools/reset_sandbox.md"),
        toolset: Toolset::Sandbox,
        core: false,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[],
        needs: NEEDS,
    };
    type Input = ResetInput;
    type Output = ResetOutput;

    fn intent(_: &ResetInput) -> Result<Intent, ToolError> {
        Ok(Intent::nobody().on("everything in the sandbox: it begins again with its fixture"))
    }

    async fn call(cx: &CallContext<'_>, input: ResetInput) -> Result<ResetOutput, ToolError> {
        only_in_a_sandbox(cx)?;
        // Whoever is remembered has another `cio_id` afterwards, and a write to the old one would be lost in silence.
        let remembered = everybody(cx).await?;
        let counts = cx.api().reset_sandbox(cx.permit()?, &cx.scope, input.seed).await?;
        cx.workspace.forget_segments();
        for person in remembered {
            cx.forget(&person.refs()).await;
        }
        Ok(ResetOutput { counts, note: WHAT_STAYS })
    }
}

async fn everybody(cx: &CallContext<'_>) -> Result<Vec<crate::guard::directory::KnownPerson>, ToolError> {
    let (mut people, mut start) = (Vec::new(), None::<String>);
    if !cx.api().has_app() {
        return Ok(people);
    }
    let has = |field: &str| json!({ "attribute": { "field": field, "operator": "exists" } });
    for _ in 0..PAGES {
        let filter = json!({ "or": [has("id"), has("email")] });
        let page = cx.api().search_people(&cx.scope, filter, start.as_deref(), Some(1_000)).await?;
        people.extend(page.items.into_iter().map(known));
        start = page.next.filter(|next| !next.is_empty());
        if start.is_none() {
            break;
        }
    }
    Ok(people)
}
