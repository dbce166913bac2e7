//! The one way from an MCP call to a handler: parse, admit, run, settle, shape. What it does, no tool has to remember.

use std::time::Duration;

use async_trait::async_trait;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    answer,
    context::{CallContext, Caller, Progress},
    directory::WorkspaceDirectory,
    look::{Looked, Looker, find},
    served::{Place, Served},
    tool::{Callable, Forwarded, Look, Prepared, Recovery, canonical, missing_credential},
    workspace::OpenWorkspace,
};
use crate::{
    api::{CallScope, Permit},
    catalog::{Effect, IDEMPOTENCY_KEY, PLAN_TOKEN, Retry},
    clock::{Clock, random_bytes},
    error::{ErrorCode, Fate, ToolError},
    guard::{
        Call, Halt, admit::Admitted, bulk::Attendant, fate::LookedInVain, intent::Intent, ledger::Replay, settle::Ended,
    },
    state::RecordedCall,
};

/// Runs one call of a tool in the workspace that its arguments name, if several are served.
pub async fn call_served(
    named: &dyn Callable,
    served: &Served,
    caller: &Caller,
    mut arguments: Map<String, Value>,
    cancel: CancellationToken,
) -> CallToolResult {
    match served.choose(&mut arguments) {
        Ok(workspace) => {
            let place = Place { workspace, is_one_of_several: served.are_several() };
            call_in(named, &place, caller, Ok(arguments), cancel).await
        }
        // Nobody can say whose it is: the default's audit has it.
        Err(error) => {
            let place = Place { workspace: served.default(), is_one_of_several: false };
            call_in(named, &place, caller, Err(error), cancel).await
        }
    }
}

/// Runs one call of a tool, from its arguments to the answer a client reads.
pub async fn call_tool(
    named: &dyn Callable,
    workspace: &OpenWorkspace,
    caller: &Caller,
    arguments: Map<String, Value>,
    cancel: CancellationToken,
) -> CallToolResult {
    call_in(named, &Place { workspace, is_one_of_several: false }, caller, Ok(arguments), cancel).await
}

async fn call_in(
    named: &dyn Callable,
    place: &Place<'_>,
    caller: &Caller,
    arguments: Result<Map<String, Value>, ToolError>,
    cancel: CancellationToken,
) -> CallToolResult {
    let started = Instant::now();
    let workspace = place.workspace;
    let scope = CallScope::new(started + workspace.timing.call, cancel);
    let forwarded = arguments.and_then(|arguments| named.forward(arguments, &caller.offer));
    // What runs others by their names is not known to guards, budgets and audit: they know what is run.
    let (other, arguments) = match forwarded {
        Ok(Forwarded::Own(arguments)) => (None, Ok(arguments)),
        Ok(Forwarded::To(tool, mut arguments)) => (Some(tool), place.settle_inner(&mut arguments).map(|()| arguments)),
        Err(error) => (None, Err(error)),
    };
    let tool = other.as_deref().unwrap_or(named);
    let spec = tool.spec();
    let route = Route { tool, workspace, caller, scope, started };
    let result = route.run(arguments).await;
    let duration_ms = route.elapsed_ms();
    match result {
        Ok(answer) => {
            tracing::debug!(tool = spec.name, duration_ms, outcome = "ok", "call");
            answer::success(place.say(answer), workspace.pii)
        }
        Err(error) => {
            tracing::debug!(tool = spec.name, duration_ms, outcome = error.code.as_str(), "call");
            answer::failure(&place.say_of(error), workspace.pii)
        }
    }
}

struct Route<'a> {
    tool: &'a dyn Callable,
    workspace: &'a OpenWorkspace,
    caller: &'a Caller,
    scope: CallScope,
    started: Instant,
}

impl Route<'_> {
    async fn run(&self, arguments: Result<Map<String, Value>, ToolError>) -> Result<Value, ToolError> {
        let (arguments, refused) = match arguments {
            Ok(arguments) => (arguments, None),
            Err(error) => (Map::new(), Some(error)),
        };
        // Of a call that is refused before that, the arguments are not known.
        let canonical_arguments = if refused.is_some() { String::new() } else { canonical(&arguments) };
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
        let (plan_token, idempotency_key) = (text(PLAN_TOKEN), text(IDEMPOTENCY_KEY));
        let directory = WorkspaceDirectory { api: &self.workspace.api, scope: &self.scope };
        let waiting = Waiting { scope: &self.scope, progress: &self.caller.progress, until: self.slice_end() };
        let spec = self.tool.spec();
        let mut call = Call {
            call_id: call_id(self.workspace.guards.clock.as_ref()),
            principal: &self.caller.principal,
            origin: self.caller.origin,
            tool: spec.name,
            effect: spec.effect,
            retry: spec.retry,
            flags: spec.flags,
            canonical_arguments: &canonical_arguments,
            plan_token: plan_token.as_deref(),
            idempotency_key: idempotency_key.as_deref(),
            follows: None,
            intent: Intent::nobody(),
            directory: &directory,
            attendant: &waiting,
            time_left_ms: i64::try_from(self.workspace.timing.call.as_millis()).unwrap_or(i64::MAX),
        };
        let refused = refused
            .or_else(|| self.workspace.guards.refuse_repeated(&call).err())
            .or_else(|| missing_credential(spec, &self.workspace.api))
            .or_else(|| idempotency_key.as_deref().and_then(empty_key));
        let prepared = refused.map_or_else(|| self.tool.prepare(Value::Object(arguments)), Err);
        let Prepared { intent, run } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return self.halted(&call, Halt::Refused(error)).await,
        };
        call.intent = intent;
        let mut admission = self.workspace.guards.admit(&call).await;
        if let Err(Halt::Repeat(Replay::Unsettled(first))) = &admission {
            match self.look_again(&call, first).await {
                Err(error) => admission = Err(Halt::Refused(error)),
                Ok(Again::Found(answer)) => return Ok(answer),
                Ok(Again::Unknown) => {}
                Ok(Again::Absent) => {
                    // Only a send still holds its key.
                    call.follows = Some(first.call_id.clone()).filter(|_| call.effect == Effect::Send);
                    admission = self.workspace.guards.admit(&call).await;
                }
            }
        }
        match admission {
            Err(halt) => self.halted(&call, halt).await,
            Ok(admitted) => self.admitted(&call, admitted, run).await,
        }
    }

    /// Runs what was admitted, and settles it whatever happens.
    async fn admitted(&self, call: &Call<'_>, admitted: Admitted, run: super::tool::Run) -> Result<Value, ToolError> {
        let permit = admitted.is_begun().then(Permit::granted_by_admit);
        let cx = CallContext::new(self.caller, self.workspace, admitted, self.scope.clone(), permit)
            .working_until(self.slice_end());
        let began_at_ms = self.workspace.guards.clock.now_ms();
        let mut result = run(&cx).await.map_err(|error| {
            let error = if cx.may_have_changed() { error } else { nothing_left(error) };
            with_fate(error, call.effect)
        });
        if let Err(error) = &result
            && error.fate == Fate::Unknown
        {
            result = match self.look_now(call, &cx, began_at_ms).await {
                Some(found) => Ok(found),
                None => Err(unknown_fate(call, &cx.admitted.call_id, error.clone())),
            };
        }
        self.settle(call, &cx, &result).await;
        result
    }

    async fn settle(&self, call: &Call<'_>, cx: &CallContext<'_>, result: &Result<Value, ToolError>) {
        let written = cx.written();
        let ended = Ended {
            result: result.as_ref(),
            person: written.as_ref(),
            upstream_status: result.as_ref().err().and_then(|error| error.upstream_status),
            duration_ms: self.elapsed_ms(),
        };
        self.workspace.guards.settle(call, &cx.admitted, &ended).await;
    }

    /// Records a call that ended before it ran, and answers it.
    async fn halted(&self, call: &Call<'_>, halt: Halt) -> Result<Value, ToolError> {
        self.workspace.guards.record_halt(call, &halt, self.elapsed_ms()).await;
        match halt {
            Halt::Refused(error) if error.fate == Fate::Unknown => Err(with_fate(nothing_left(error), call.effect)),
            Halt::Refused(error) => Err(error),
            Halt::Repeat(Replay::Answered { call_id, mut answer }) => {
                if let Value::Object(map) = &mut answer {
                    map.insert("duplicate_of".into(), json!(call_id));
                }
                Ok(answer)
            }
            Halt::Repeat(Replay::Unsettled(first)) => Err(outcome_unknown(&first.call_id)),
        }
    }

    /// Looks for the effect of this call, whose request brought no clear answer.
    async fn look_now(&self, call: &Call<'_>, cx: &CallContext<'_>, began_at_ms: i64) -> Option<Value> {
        let facts = call.recovery_facts(&cx.admitted.people)?;
        let recovery = Recovery { facts, began_at_ms, ended_by_ms: self.workspace.guards.clock.now_ms() };
        match find(self.tool, cx, &recovery, self.workspace.timing.look_up).await {
            Ok(Look::Found(answer)) => Some(answer),
            _ => None,
        }
    }

    /// Looks once more for the effect of the same call made before, and repeats nothing.
    async fn look_again(&self, call: &Call<'_>, first: &RecordedCall) -> Result<Again, ToolError> {
        let guards = &self.workspace.guards;
        // What ended long ago does not appear while we wait.
        let is_over = guards.clock.now_ms() > first.lease_until_ms;
        let patience = if is_over { Duration::ZERO } else { self.workspace.timing.look_up };
        let looker = Looker { tool: self.tool, workspace: self.workspace, caller: self.caller, scope: &self.scope };
        match looker.look_for(first, patience).await {
            Err(error) if error.code != ErrorCode::RateLimited => Err(error),
            Err(_) | Ok(Looked::Unclear) => Ok(Again::Unknown),
            Ok(Looked::InVain(times)) => Ok(match (times, call.effect) {
                (LookedInVain::Twice, _) | (LookedInVain::Once, Effect::Send) => Again::Absent,
                _ => Again::Unknown,
            }),
            Ok(Looked::Found(mut found)) => {
                let replay = Replay::Answered { call_id: first.call_id.clone(), answer: Value::Null };
                guards.record_halt(call, &Halt::Repeat(replay), self.elapsed_ms()).await;
                if let Value::Object(map) = &mut found {
                    map.insert("duplicate_of".into(), json!(first.call_id));
                }
                Ok(Again::Found(found))
            }
        }
    }

    /// When long work stops and leaves a handle.
    fn slice_end(&self) -> Instant {
        self.started + self.workspace.timing.slice
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The client, as the guards see who waits.
struct Waiting<'a> {
    scope: &'a CallScope,
    progress: &'a Progress,
    until: Instant,
}

#[async_trait]
impl Attendant for Waiting<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.scope.cancel.is_cancelled()
    }

    async fn progress(&self, done: u64, total: u64, message: &str) {
        self.progress.report_counts(done, total, message).await;
    }
}

/// What became of the same call made before.
enum Again {
    /// It happened; this is its answer.
    Found(Value),
    /// It was looked for in vain, long enough after it must have ended.
    Absent,
    /// Nobody knows yet.
    Unknown,
}

/// An empty key would be everybody's.
fn empty_key(key: &str) -> Option<ToolError> {
    key.is_empty().then(|| {
        ToolError::invalid(IDEMPOTENCY_KEY, format!("`{IDEMPOTENCY_KEY}` is empty. Nothing was changed."))
            .next("Give 1 to 100 characters that are this call's own, or leave it out.")
    })
}

/// A new call's id: the time, then randomness. Calls of one moment lie side by side in the ledger's index and are
/// written with one page of it; scattered, each would cost a page of its own.
fn call_id(clock: &dyn Clock) -> String {
    let mut id = [0; 12];
    let (time, random) = id.split_at_mut(6);
    time.copy_from_slice(&clock.now_ms().to_be_bytes()[2..]);
    random.copy_from_slice(&random_bytes::<6>(clock));
    hex::encode(id)
}

/// Nothing that changes anything was sent: a look-up that failed leaves no doubt about that.
fn nothing_left(error: ToolError) -> ToolError {
    match error.fate {
        Fate::Unknown => ToolError { fate: Fate::NothingHappened, ..error },
        Fate::NothingHappened | Fate::Partly => error,
    }
}

/// A failed change says what has become of it; a failed read has changed nothing and needs not say so.
fn with_fate(mut error: ToolError, effect: Effect) -> ToolError {
    if !effect.mutates() {
        error.fate = Fate::NothingHappened;
    } else if error.fate == Fate::Unknown {
        error.message.push_str(" It may have happened all the same.");
    } else if error.fate == Fate::NothingHappened && !error.message.contains("othing was") {
        error.message.push_str(" Nothing was changed.");
    }
    error
}

/// What is said of a call that may have happened.
fn unknown_fate(call: &Call<'_>, call_id: &str, error: ToolError) -> ToolError {
    match call.retry {
        Retry::Ledger if call.intent.recovery.is_none() => ToolError {
            upstream_status: error.upstream_status,
            ..outcome_unknown(call_id)
        }
        .next(format!(
            "This cannot be looked up by itself: list what there is, and tell the user. An operator who knows says so \
                 with `customerio-mcp sends settle {call_id}`."
        )),
        Retry::Ledger => ToolError { upstream_status: error.upstream_status, ..outcome_unknown(call_id) },
        // The id that makes a repeated request harmless was this call's: another call is another event.
        Retry::Ulid => error.next(format!(
            "Look for it with get_customer and `detail: \"full\"` before another {} call, which would record it again.",
            call.tool
        )),
        Retry::Natural => ToolError { repeatable: true, ..error }
            .next(format!("Repeat the same {} call: doing it twice changes nothing more.", call.tool)),
    }
}

fn outcome_unknown(call_id: &str) -> ToolError {
    ToolError::new(
        ErrorCode::OutcomeUnknown,
        "The request left, no clear answer came back, and its effect is not to be seen yet: it may have happened.",
    )
    .of_unknown_fate()
    .with(json!({ "call_id": call_id }))
    .next("Repeat the very same call in a minute: it looks again and never does it twice.")
}
