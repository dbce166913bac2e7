//! The state of a site, opened in this process as a server opens it, at a time that can be moved ahead.

use std::{sync::Arc, time::Duration};

use customerio_mcp::{
    clock::{AdjustableClock, SharedClock},
    guard::Origin,
    server::{
        handler::LOCAL_PRINCIPAL,
        open::{OpenState, open_state, open_workspace},
    },
    state::{AuditQuery, AuditRecord, ChainReport},
    tools::{
        self,
        asking::Asking,
        context::{Caller, Progress},
        route::call_tool,
        sweep::{Swept, sweep},
        tool::Callable,
        workspace::OpenWorkspace,
    },
};
use rmcp::model::CallToolResponse;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::site::{Site, WORKSPACE};

pub(super) struct Later<'a> {
    site: &'a Site,
    clock: Arc<AdjustableClock>,
    state: OpenState,
    workspace: OpenWorkspace,
    tools: Vec<Arc<dyn Callable>>,
}

impl<'a> Later<'a> {
    pub(super) fn open(site: &'a Site) -> Self {
        let config = site.config();
        let clock = Arc::new(AdjustableClock::running());
        let shared: SharedClock = clock.clone();
        let state = site.wait_for(open_state(&config, &shared)).unwrap();
        let opening = open_workspace(config.workspace(), &state, clock.clone(), false);
        let workspace = site.wait_for(opening).unwrap();
        let tools = tools::under(&workspace.guards.policy);
        Self { site, clock, state, workspace, tools }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(super) fn sweep(&self) -> Swept {
        self.site.wait_for(sweep(&self.workspace, &self.tools, &CancellationToken::new())).unwrap()
    }

    /// How many places for test profiles the ledger says are taken.
    pub(super) fn places_taken(&self) -> u64 {
        self.site.wait_for(self.workspace.guards.ledger_test_profiles(false)).unwrap().len() as u64
    }

    /// How much of the hour's budget for sends is taken.
    pub(super) fn sends_used(&self) -> u64 {
        let usage = self.site.wait_for(self.workspace.guards.budget_usage(LOCAL_PRINCIPAL)).unwrap();
        usage.iter().find(|usage| usage.budget == "sends" && !usage.shared).unwrap().used
    }

    /// The content of the answer to a client's call.
    pub(super) fn call(&self, tool: &str, arguments: &Value) -> Value {
        let caller = Caller {
            principal: LOCAL_PRINCIPAL.to_owned(),
            origin: Origin::Client,
            asking: Asking::Nobody,
            progress: Progress::default(),
            offer: Arc::default(),
        };
        let tool = self.tools.iter().find(|known| known.spec().name == tool).unwrap();
        let arguments = arguments.as_object().unwrap().clone();
        let call = call_tool(tool.as_ref(), &self.workspace, &caller, arguments, CancellationToken::new());
        let CallToolResponse::Complete(result) = self.site.wait_for(call) else { panic!("nobody can be asked") };
        // A refusal is text alone.
        let text = &result.content[0].as_text().unwrap().text;
        result.structured_content.unwrap_or_else(|| serde_json::from_str(text).unwrap())
    }

    pub(super) fn audit_of(&self, call_id: &str) -> Vec<AuditRecord> {
        let call_id = Some(call_id.to_owned());
        let query = AuditQuery { workspace: WORKSPACE.to_owned(), call_id, limit: 100, ..AuditQuery::default() };
        self.site.wait_for(self.state.store.list_audit(query)).unwrap()
    }

    pub(super) fn verify_audit(&self) -> ChainReport {
        self.site.wait_for(self.state.store.verify_audit(WORKSPACE.to_owned())).unwrap()
    }
}
