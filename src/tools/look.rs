//! Looking for the effect of a call that got no clear answer.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    context::{CallContext, Caller},
    tool::{Callable, Look, Recovery},
    workspace::OpenWorkspace,
};
use crate::{
    api::CallScope,
    error::{ErrorCode, ToolError},
    guard::{admit::Admitted, fate::LookedInVain},
    state::RecordedCall,
};

/// How long after the first look the second comes; each further one comes twice as long after the one before.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What a look for a recorded call has come to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Looked {
    /// It happened, and this is its answer. It is recorded.
    Found(Value),
    /// It is not to be seen.
    InVain(LookedInVain),
    /// The look told nothing.
    Unclear,
}

/// Who looks, for whom, and how long that may take.
pub(super) struct Looker<'a> {
    pub(super) tool: &'a dyn Callable,
    pub(super) workspace: &'a OpenWorkspace,
    pub(super) caller: &'a Caller,
    pub(super) scope: &'a CallScope,
}

impl Looker<'_> {
    /// Looks for the effect of a recorded call until it shows or patience ends, and records what the look has shown.
    ///
    /// An error means that looking should stop: a store that does not answer, or the vendor's limit, which is callers' too.
    pub(super) async fn look_for(&self, call: &RecordedCall, patience: Duration) -> Result<Looked, ToolError> {
        let guards = &self.workspace.guards;
        let Some(facts) = guards.facts_of(call) else { return Ok(Looked::Unclear) };
        let recovery = Recovery { facts, began_at_ms: call.began_at_ms, ended_by_ms: call.lease_until_ms };
        let admitted = Admitted { call_id: call.call_id.clone(), ..Admitted::default() };
        let cx = CallContext::new(self.caller, self.workspace, admitted, self.scope.clone(), None);
        match find(self.tool, &cx, &recovery, patience).await {
            Ok(Look::Found(answer)) => {
                guards.found(call, &self.caller.principal, &answer, cx.written().as_ref()).await?;
                Ok(Looked::Found(answer))
            }
            Ok(Look::Absent) => Ok(Looked::InVain(guards.looked_in_vain(call, &self.caller.principal).await?)),
            Err(error) if error.code == ErrorCode::RateLimited => Err(error),
            Ok(Look::Unclear) | Err(_) => {
                guards.looked_without_result(call).await?;
                Ok(Looked::Unclear)
            }
        }
    }
}

/// Looks for an effect until it shows or patience ends, and answers what the last look has shown.
pub(super) async fn find(
    tool: &dyn Callable,
    cx: &CallContext<'_>,
    recovery: &Recovery,
    patience: Duration,
) -> Result<Look<Value>, ToolError> {
    let give_up = Instant::now() + patience;
    let mut wait = BETWEEN_LOOKS;
    loop {
        let look = tool.look_up(cx, recovery).await;
        if let Err(error) = &look {
            tracing::debug!(code = error.code.as_str(), "a look for the effect of a call failed");
        }
        let is_last = Instant::now() + wait >= give_up || cx.scope.cancel.is_cancelled();
        if matches!(look, Ok(Look::Found(_))) || is_last {
            return look;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}
