//! A sweep: what calls have left behind that nobody comes back for.
//!
//! Calls of unknown fate are looked for, places of test profiles that are gone are given back, and test profiles that
//! have expired are removed, by the tool that removes them and through the same door. Any process may sweep; one at a
//! time does.

use std::{sync::Arc, time::Duration};

use rmcp::model::CallToolResponse;
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use super::{
    context::Caller,
    directory::WorkspaceDirectory,
    look::{Looked, Looker},
    test_customers::{DeleteTestCustomers, SHOWS_WITHIN_MS, find},
    tool::{Callable, Tool, has_credentials},
    workspace::OpenWorkspace,
};
use crate::{
    api::CallScope,
    error::ToolError,
    guard::{directory::Directory as _, fate::LookedInVain},
    state::CallState,
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

/// Sweeps a workspace once, and stops where `stop` fires. Does nothing while another process sweeps.
pub async fn sweep(
    workspace: &OpenWorkspace,
    tools: &[Arc<dyn Callable>],
    stop: &CancellationToken,
) -> Result<Swept, ToolError> {
    let mut swept = Swept::default();
    if !workspace.guards.begin_sweep().await? {
        return Ok(swept);
    }
    let sweep = Sweep { workspace, tools, stop, caller: Caller::sweeper() };
    // One that fails keeps none of the others from being done.
    let done = [
        sweep.settle_calls(&mut swept).await,
        sweep.free_places(&mut swept).await,
        sweep.remove_expired(&mut swept).await,
        sweep.remove_exports().await,
        workspace.guards.end_sweep().await,
    ];
    done.into_iter().collect::<Result<(), _>>().map(|()| swept)
}

struct Sweep<'a> {
    workspace: &'a OpenWorkspace,
    tools: &'a [Arc<dyn Callable>],
    stop: &'a CancellationToken,
    caller: Caller,
}

impl Sweep<'_> {
    fn scope(&self) -> CallScope {
        CallScope { cancel: self.stop.clone(), ..CallScope::within(LOOK_WITHIN) }
    }

    /// Whether anybody can be looked for, and there is time.
    fn can_look(&self) -> bool {
        self.workspace.api.has_app() && !self.stop.is_cancelled()
    }

    async fn settle_calls(&self, swept: &mut Swept) -> Result<(), ToolError> {
        let guards = &self.workspace.guards;
        let calls = if self.can_look() { guards.calls_to_look_for(CALLS_AT_ONCE).await? } else { Vec::new() };
        for call in calls {
            let tool = self.tools.iter().find(|tool| tool.spec().name == call.tool);
            let Some(tool) = tool.filter(|_| self.can_look()) else { continue };
            if !guards.begin_sweep().await? {
                break;
            }
            let (workspace, scope) = (self.workspace, &self.scope());
            let looker = Looker { tool: tool.as_ref(), workspace, caller: &self.caller, scope };
            match looker.look_for(&call, Duration::ZERO).await? {
                Looked::Found(_) => swept.committed += 1,
                Looked::InVain(LookedInVain::Twice) => swept.released += 1,
                Looked::InVain(_) | Looked::Unclear => swept.unknown += 1,
            }
        }
        Ok(())
    }

    /// A test profile may be gone without its ledger knowing: removed in Customer.io, or by a call that did not live to
    /// write it down.
    async fn free_places(&self, swept: &mut Swept) -> Result<(), ToolError> {
        let guards = &self.workspace.guards;
        if !self.can_look() {
            return Ok(());
        }
        let shown_by_ms = guards.clock.now_ms() - SHOWS_WITHIN_MS;
        let mut profiles = guards.ledger_test_profiles(false).await?;
        profiles
            .retain(|known| known.profile.state == CallState::Committed && known.profile.created_at_ms <= shown_by_ms);
        if profiles.is_empty() {
            return Ok(());
        }
        let scope = self.scope();
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

    /// Removes documents about people that have been kept long enough.
    async fn remove_exports(&self) -> Result<(), ToolError> {
        if let Err(error) = self.workspace.exports.remove_expired(self.workspace.guards.clock.now_ms()).await {
            tracing::warn!(%error, "expired exports were left");
        }
        Ok(())
    }

    /// Removes what has expired, unless the operator keeps that to themselves.
    async fn remove_expired(&self, swept: &mut Swept) -> Result<(), ToolError> {
        let spec = DeleteTestCustomers::SPEC;
        let guards = &self.workspace.guards;
        let Some(tool) = self.tools.iter().find(|tool| tool.spec().name == spec.name) else { return Ok(()) };
        let may = guards.may_remove_expired(spec.name) && has_credentials(&spec, &self.workspace.api);
        if !may || self.stop.is_cancelled() || !guards.has_expired_to_try().await? {
            return Ok(());
        }
        let (workspace, caller, stop) = (self.workspace, &self.caller, self.stop.clone());
        let result = super::route::call_tool(tool.as_ref(), workspace, caller, Map::new(), stop).await;
        swept.expired_removed = matches!(result, CallToolResponse::Complete(result) if result.is_error != Some(true));
        Ok(())
    }
}
