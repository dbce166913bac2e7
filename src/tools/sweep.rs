//! A sweep: what calls have left behind that nobody comes back for.
//!
//! Calls of unknown fate are looked for, places of test profiles that are gone are given back, and test profiles that
//! have expired are removed, by the tool that removes them and through the same door. Any process may sweep; one at a
//! time does.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    context::{CallContext, Caller},
    directory::WorkspaceDirectory,
    test_customers::{DeleteTestCustomers, SHOWS_WITHIN_MS, find},
    tool::{Callable, Look, Recovery, Tool, has_credentials},
    workspace::OpenWorkspace,
};
use crate::{
    api::CallScope,
    error::{ErrorCode, ToolError},
    guard::{SWEEPER, admit::Admitted, directory::Directory as _, fate::Absent, policy::Decision},
    state::{CallState, RecordedCall},
};

/// The most calls that one sweep looks for: look-ups are dear, and callers come first.
const CALLS_AT_ONCE: u32 = 100;

/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What a sweep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Calls of unknown fate that were found to have happened.
    pub committed: u64,
    /// Calls of unknown fate that were looked for twice in vain.
    pub released: u64,
    /// Calls whose fate is still unknown.
    pub unknown: u64,
    /// Places of test profiles given back because nobody has them any more.
    pub places_freed: u64,
    /// Whether expired test profiles were removed.
    pub expired_removed: bool,
}

/// Sweeps a workspace once. Does nothing while another process does.
pub async fn sweep(workspace: &OpenWorkspace, tools: &[Arc<dyn Callable>]) -> Result<Swept, ToolError> {
    let mut swept = Swept::default();
    if !workspace.guards.begin_sweep().await? {
        return Ok(swept);
    }
    let done = Sweep { workspace, tools }.run(&mut swept).await;
    workspace.guards.end_sweep().await?;
    done.map(|()| swept)
}

struct Sweep<'a> {
    workspace: &'a OpenWorkspace,
    tools: &'a [Arc<dyn Callable>],
}

impl Sweep<'_> {
    async fn run(&self, swept: &mut Swept) -> Result<(), ToolError> {
        // Nothing can be looked for without the App API.
        if self.workspace.api.has_app() {
            self.settle_calls(swept).await?;
            self.free_places(swept).await?;
        }
        swept.expired_removed = self.remove_expired().await?;
        Ok(())
    }

    async fn settle_calls(&self, swept: &mut Swept) -> Result<(), ToolError> {
        for call in self.workspace.guards.calls_of_unknown_fate(CALLS_AT_ONCE).await? {
            match self.settle_call(&call).await? {
                CallState::Committed => swept.committed += 1,
                CallState::Released | CallState::Absent => swept.released += 1,
                CallState::Unknown | CallState::InFlight => swept.unknown += 1,
            }
        }
        Ok(())
    }

    async fn settle_call(&self, call: &RecordedCall) -> Result<CallState, ToolError> {
        let guards = &self.workspace.guards;
        let tool = self.tools.iter().find(|tool| tool.spec().name == call.tool);
        let (Some(tool), Some(facts)) = (tool, guards.facts_of(call)) else { return Ok(CallState::Unknown) };
        let recovery = Recovery { facts, began_at_ms: call.began_at_ms, ended_by_ms: call.lease_until_ms };
        let caller = Caller::sweeper();
        let admitted = Admitted { call_id: call.call_id.clone(), ..Admitted::default() };
        let cx = CallContext::new(&caller, self.workspace, admitted, CallScope::within(LOOK_WITHIN), None);
        match tool.look_up(&cx, &recovery).await {
            Ok(Look::Found(answer)) => {
                guards.found(call, SWEEPER, &answer, cx.written().as_ref()).await?;
                Ok(CallState::Committed)
            }
            Ok(Look::Absent) => Ok(match guards.absent(call, SWEEPER).await? {
                Absent::Settled => CallState::Released,
                Absent::TooEarly { .. } | Absent::Probably { .. } | Absent::Known => CallState::Unknown,
            }),
            // The limit is the callers' too: the next sweep goes on.
            Err(error) if error.code == ErrorCode::RateLimited => Err(error),
            Ok(Look::Unclear) | Err(_) => Ok(CallState::Unknown),
        }
    }

    /// A test profile may be gone without its ledger knowing: removed in Customer.io, or by a call that did not live to
    /// write it down.
    async fn free_places(&self, swept: &mut Swept) -> Result<(), ToolError> {
        let guards = &self.workspace.guards;
        let shown_by_ms = guards.clock.now_ms() - SHOWS_WITHIN_MS;
        let mut profiles = guards.ledger_test_profiles(false).await?;
        profiles
            .retain(|known| known.profile.state == CallState::Committed && known.profile.created_at_ms <= shown_by_ms);
        if profiles.is_empty() {
            return Ok(());
        }
        let scope = CallScope::within(LOOK_WITHIN);
        let tagged = WorkspaceDirectory { api: &self.workspace.api, scope: &scope }.tagged_test_people().await?;
        for profile in profiles {
            let is_there = tagged.iter().any(|person| profile.is_of(&guards.digests(&person.refs())));
            if !is_there && find(&self.workspace.api, &scope, &profile.identifiers).await?.is_none() {
                guards.remove_test_profile(&profile).await?;
                swept.places_freed += 1;
            }
        }
        Ok(())
    }

    /// Removes what has expired, unless the operator lets nothing be deleted.
    async fn remove_expired(&self) -> Result<bool, ToolError> {
        let spec = DeleteTestCustomers::SPEC;
        let guards = &self.workspace.guards;
        let denied = guards.policy.delete == Some(Decision::Deny)
            || guards.policy.tools.get(spec.name) == Some(&Decision::Deny)
            || guards.read_only;
        let tool = self.tools.iter().find(|tool| tool.spec().name == spec.name);
        let Some(tool) = tool.filter(|_| !denied && has_credentials(&spec, &self.workspace.api)) else {
            return Ok(false);
        };
        if guards.ledger_test_profiles(true).await?.is_empty() {
            return Ok(false);
        }
        let caller = Caller::sweeper();
        let no_arguments: Map<String, Value> = Map::new();
        let cancel = CancellationToken::new();
        let result = super::route::call_tool(tool.as_ref(), self.workspace, &caller, no_arguments, cancel).await;
        Ok(result.is_error != Some(true))
    }
}
