//! The MCP handler: one for both eras of the protocol.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, DiscoverResult, Implementation, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use tokio_util::task::TaskTracker;

use crate::{
    guard::Origin,
    tools::{
        context::{Caller, Era, Progress},
        offer::Offer,
        route,
        workspace::OpenWorkspace,
    },
};

/// How long a client may keep the list of tools, in milliseconds: it changes only with the process.
const LIST_FOR_MS: u64 = 60 * 60 * 1_000;

/// The principal of everybody who speaks over stdio.
pub const LOCAL_PRINCIPAL: &str = "local";

/// Answers MCP requests for one workspace.
#[derive(Clone)]
pub struct Handler {
    offer: Arc<Offer>,
    workspace: Arc<OpenWorkspace>,
    running: TaskTracker,
}

impl Handler {
    /// A handler that offers tools on a workspace.
    pub fn new(offer: Arc<Offer>, workspace: Arc<OpenWorkspace>) -> Self {
        Self { offer, workspace, running: TaskTracker::new() }
    }

    /// Waits until no call is running.
    pub async fn calls_ended(&self) {
        self.running.close();
        self.running.wait().await;
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        let modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        Caller {
            principal: LOCAL_PRINCIPAL.to_owned(),
            origin: Origin::Client,
            era: if modern { Era::Modern } else { Era::Legacy },
            capabilities: context.client_capabilities(),
            progress: Progress::new(context.peer.clone(), context.meta.get_progress_token()),
            offer: Arc::clone(&self.offer),
        }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server =
            Implementation::new("customerio-mcp", env!("CARGO_PKG_VERSION")).with_title("Customer.io, with guardrails");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(server)
            .with_instructions(include_str!("instructions.md").trim_end())
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(LIST_FOR_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.offer.definitions())
            .with_ttl_ms(LIST_FOR_MS)
            .with_cache_scope(CacheScope::Private))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.offer.tool(name).map(|tool| tool.definition().clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = self.offer.tool(&request.name).ok_or_else(|| {
            let names = self.offer.names().join(", ");
            ErrorData::invalid_params(
                format!("There is no such tool here. Nothing was changed. Listed: {names}."),
                None,
            )
        })?;
        let _running = self.running.token();
        let caller = self.caller(&context);
        let arguments = request.arguments.unwrap_or_default();
        // Boxed, because the SDK moves what it spawns several times, and a call's state is large.
        let result = Box::pin(route::call_tool(tool.as_ref(), &self.workspace, &caller, arguments, context.ct)).await;
        Ok(CallToolResponse::Complete(result))
    }
}
