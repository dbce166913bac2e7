//! The one way from an MCP call to a handler: parse, admit, run, settle, shape. What it does, no tool has to remember.

use std::time::Duration;

use async_trait::async_trait;
use rmcp::model::{CallToolResponse, InputRequiredResult};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    answer,
    asking::{self, Asking, Repeated, Said, undecided},
    context::{CallContext, Caller, Progress},
    directory::WorkspaceDirectory,
    fates::{nothing_left, outcome_unknown, unknown_fate, with_fate},
    look::{Looked, Looker, find},
    served::{Place, Served},
    tool::{Callable, Forwarded, Look, Prepared, Recovery, canonical, missing_credential},
    workspace::OpenWorkspace,
};
use crate::{
    api::{CallScope, Permit},
    catalog::{Effect, IDEMPOTENCY_KEY, PLAN_TOKEN},
    clock::{Clock, random_bytes},
    error::{ErrorCode, Fate, ToolError},
    guard::{
        Call, Halt,
        admit::Admitted,
        approval::{CLIENT, denied_by_human},
        bulk::Attendant,
        fate::LookedInVain,
        intent::Intent,
        ledger::Replay,
        policy::Approver,
        settle::Ended,
        shown::refuse_shown,
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
) -> CallToolResponse {
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
) -> CallToolResponse {
    call_in(named, &Place { workspace, is_one_of_several: false }, caller, Ok(arguments), cancel).await
}

async fn call_in(
    named: &dyn Callable,
    place: &Place<'_>,
    caller: &Caller,
    arguments: Result<Map<String, Value>, ToolError>,
    cancel: CancellationToken,
) -> CallToolResponse {
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
            answer::success(place.say(answer), &workspace.view, spec.toolset).into()
        }
        Err(Unanswered::Asks(question)) => {
            tracing::debug!(tool = spec.name, duration_ms, outcome = "asks", "call");
            (*question).into()
        }
        Err(Unanswered::Failed(error)) => {
            tracing::debug!(tool = spec.name, duration_ms, outcome = error.code.as_str(), "call");
            answer::failure(&place.say_of(error), &workspace.view).into()
        }
    }
}

/// Why a call has no answer yet.
enum Unanswered {
    /// It failed, or was refused.
    Failed(ToolError),
    /// The person at the client is asked, and the client makes the call again.
    Asks(Box<InputRequiredResult>),
}

impl From<ToolError> for Unanswered {
    fn from(error: ToolError) -> Self {
        Self::Failed(error)
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
    async fn run(&self, arguments: Result<Map<String, Value>, ToolError>) -> Result<Value, Unanswered> {
        let (arguments, refused) = match arguments {
            Ok(arguments) => (arguments, None),
            Err(error) => (Map::new(), Some(error)),
        };
        // Of a call that is refused before that, the arguments are not known.
        let canonical_arguments = if refused.is_some() { String::new() } else { canonical(&arguments) };
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
        let (plan_token, idempotency_key) = (text(PLAN_TOKEN), text(IDEMPOTENCY_KEY));
        let (directory, attendant) = (self.directory(), self.attendant());
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
            attendant: &attendant,
            time_left_ms: i64::try_from(self.workspace.timing.call.as_millis()).unwrap_or(i64::MAX),
        };
        let refused = refused
            .or_else(|| self.workspace.guards.refuse_repeated(&call).err())
            .or_else(|| missing_credential(spec, &self.workspace.api))
            .or_else(|| idempotency_key.as_deref().and_then(empty_key));
        // Said after whatever else is wrong with the arguments.
        let whole = refuse_shown(&arguments);
        let prepared = refused.map_or_else(|| self.tool.prepare(Value::Object(arguments)), Err);
        let prepared = prepared.and_then(|prepared| whole.map(|()| prepared));
        let Prepared { intent, run } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.refused(&call, error).await.into()),
        };
        call.intent = intent;
        let heard = match &self.caller.asking {
            Asking::Answer(Some(repeated)) => Some(self.hear(&call, repeated).await?),
            _ => None,
        };
        let pending = match self.admit(&mut call).await {
            Ok(admission) => return Ok(self.answered(&call, admission, run).await?),
            Err(Halt::Waits(pending)) => *pending,
            Err(halt) => return Ok(self.ended(&call, halt).await?),
        };
        match (&self.caller.asking, heard) {
            (Asking::Session(peer), _) if pending.asks_client => {
                self.record(&call, &Halt::Waits(Box::new(pending.clone()))).await;
                match asking::ask(peer, &pending, &self.caller.progress, &self.scope.cancel).await {
                    Said::Yes => self.decide(&call, &pending.approval_id, true).await?,
                    Said::No => {
                        self.decide(&call, &pending.approval_id, false).await?;
                        return Err(self.refused(&call, denied_by_human(call.tool)).await.into());
                    }
                    said => return Err(undecided(pending, said).into()),
                }
                // However long somebody has thought about it, the call has its whole time.
                let renewed = Route { scope: self.renewed_scope(), started: Instant::now(), ..*self };
                let (directory, attendant) = (renewed.directory(), renewed.attendant());
                let mut call = Call { directory: &directory, attendant: &attendant, ..call };
                match renewed.admit(&mut call).await {
                    Ok(admission) => Ok(renewed.answered(&call, admission, run).await?),
                    Err(halt) => Ok(renewed.ended(&call, halt).await?),
                }
            }
            (Asking::Answer(_), None | Some(Said::Yes)) if pending.asks_client => {
                let state = self.workspace.guards.request_state(&call, &pending);
                let question = asking::question(&pending, state);
                let halt = Halt::Waits(Box::new(pending));
                match question {
                    Some(question) => {
                        self.record(&call, &halt).await;
                        Err(Unanswered::Asks(Box::new(question)))
                    }
                    None => Ok(self.ended(&call, halt).await?),
                }
            }
            (_, Some(said)) => Err(self.refused(&call, undecided(pending, said)).await.into()),
            (_, None) => Ok(self.ended(&call, Halt::Waits(Box::new(pending))).await?),
        }
    }

    /// Admits the call, and looks for the effect of the same call made before if nobody knows what became of that.
    async fn admit(&self, call: &mut Call<'_>) -> Result<Admission, Halt> {
        let guards = &self.workspace.guards;
        let halt = match guards.admit(call).await {
            Ok(admitted) => return Ok(Admission::Runs(Box::new(admitted))),
            Err(halt) => halt,
        };
        let Halt::Repeat(Replay::Unsettled(first)) = &halt else { return Err(halt) };
        match self.look_again(call, first).await? {
            Again::Found(answer) => Ok(Admission::Found(answer)),
            Again::Unknown => Err(halt),
            Again::Absent => {
                // Only a send still holds its key.
                call.follows = Some(first.call_id.clone()).filter(|_| call.effect == Effect::Send);
                guards.admit(call).await.map(|admitted| Admission::Runs(Box::new(admitted)))
            }
        }
    }

    async fn answered(&self, call: &Call<'_>, admission: Admission, run: super::tool::Run) -> Result<Value, ToolError> {
        match admission {
            Admission::Runs(admitted) => self.admitted(call, *admitted, run).await,
            Admission::Found(answer) => Ok(answer),
        }
    }

    /// Takes in what the person at the client has said, where the call is made again with that.
    async fn hear(&self, call: &Call<'_>, repeated: &Repeated) -> Result<Said, ToolError> {
        let resumed = match self.workspace.guards.resumed(call, &repeated.request_state) {
            // What was asked before operators alone came to decide is nobody's to answer here any more.
            Ok(_) if self.workspace.guards.approvals.approver() == Approver::Operator => return Ok(Said::Nothing),
            Ok(resumed) => resumed,
            Err(error) => return Err(self.refused(call, error).await),
        };
        let said = repeated.said(resumed.people);
        match said {
            Said::Yes => self.decide(call, &resumed.approval_id, true).await?,
            Said::No => {
                self.decide(call, &resumed.approval_id, false).await?;
                return Err(self.refused(call, denied_by_human(call.tool)).await);
            }
            Said::WrongNumber | Said::Nothing => {}
        }
        Ok(said)
    }

    /// Records what the person at the client has decided. If somebody has decided before, that stands, and admission
    /// shows it.
    async fn decide(&self, call: &Call<'_>, approval_id: &str, approve: bool) -> Result<(), ToolError> {
        let named = (call.tool, call.effect.as_str());
        self.workspace.guards.decide_approval(approval_id, named, CLIENT, approve).await.map(drop)
    }

    fn directory(&self) -> WorkspaceDirectory<'_> {
        WorkspaceDirectory { api: &self.workspace.api, scope: &self.scope }
    }

    fn attendant(&self) -> Waiting<'_> {
        Waiting { scope: &self.scope, progress: &self.caller.progress, until: self.slice_end() }
    }

    fn renewed_scope(&self) -> CallScope {
        CallScope::new(Instant::now() + self.workspace.timing.call, self.scope.cancel.clone())
    }

    /// Runs what was admitted, and settles it whatever happens.
    async fn admitted(&self, call: &Call<'_>, admitted: Admitted, run: super::tool::Run) -> Result<Value, ToolError> {
        let permit = (admitted.is_begun() && call.effect.mutates()).then(Permit::granted_by_admit);
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

    async fn record(&self, call: &Call<'_>, halt: &Halt) {
        self.workspace.guards.record_halt(call, halt, self.elapsed_ms()).await;
    }

    /// Records a call that is refused, and says why.
    async fn refused(&self, call: &Call<'_>, error: ToolError) -> ToolError {
        self.record(call, &Halt::Refused(error.clone())).await;
        match error.fate {
            Fate::Unknown => with_fate(nothing_left(error), call.effect),
            Fate::NothingHappened | Fate::Partly => error,
        }
    }

    /// Records a call that ended before it ran, and answers it: the repeat of one that is known has an answer.
    async fn ended(&self, call: &Call<'_>, halt: Halt) -> Result<Value, ToolError> {
        if !matches!(halt, Halt::Refused(_)) {
            self.record(call, &halt).await;
        }
        match halt {
            Halt::Refused(error) => Err(self.refused(call, error).await),
            Halt::Waits(pending) => Err(pending.error),
            Halt::Repeat(Replay::Unsettled(first)) => Err(outcome_unknown(&first.call_id)),
            Halt::Repeat(Replay::Answered { call_id, mut answer }) => {
                if let Value::Object(map) = &mut answer {
                    map.insert("duplicate_of".into(), json!(call_id));
                }
                Ok(answer)
            }
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

/// What is to be done with a call.
enum Admission {
    /// Run it.
    Runs(Box<Admitted>),
    /// Nothing: it has happened, and this is its answer.
    Found(Value),
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
