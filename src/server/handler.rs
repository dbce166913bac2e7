//! The MCP handler: one for both eras of the protocol.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
        DiscoverResult, GetPromptRequestParams, GetPromptResponse, Implementation, JsonObject, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use tokio_util::task::TaskTracker;

use crate::{
    catalog::WORKSPACE,
    guard::Origin,
    tools::{
        asking::{Asking, Repeated},
        context::{Caller, Progress},
        offer::Offer,
        route,
        served::Served,
        tool::Callable,
    },
};

use super::{
    completions::{self, Listed, Named, Source},
    prompts,
    resources::{self, Reader},
};

/// How long a client may keep the list of tools, in milliseconds: it changes only with the process.
const LIST_FOR_MS: u64 = 60 * 60 * 1_000;

/// The principal of everybody who speaks over stdio.
pub const LOCAL_PRINCIPAL: &str = "local";

/// Answers MCP requests for the workspaces served.
#[derive(Clone)]
pub struct Handler {
    offer: Arc<Offer>,
    served: Served,
    principal: Arc<str>,
    running: TaskTracker,
    listed: Arc<Listed>,
}

impl Handler {
    /// A handler that offers tools on a workspace, or on several.
    pub fn new(offer: Arc<Offer>, served: impl Into<Served>) -> Self {
        let served = served.into();
        Self { offer, served, principal: LOCAL_PRINCIPAL.into(), running: TaskTracker::new(), listed: Arc::default() }
    }

    /// The same, for calls of somebody else.
    #[must_use]
    pub fn speaking_for(self, principal: &str) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// Waits until no call is running.
    pub async fn calls_ended(&self) {
        self.running.close();
        self.running.wait().await;
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        Caller {
            principal: self.principal.as_ref().to_owned(),
            origin: Origin::Client,
            asking: Asking::Nobody,
            progress: Progress::new(context.peer.clone(), context.meta.get_progress_token()),
            offer: Arc::clone(&self.offer),
        }
    }

    async fn call(
        &self,
        tool: &dyn Callable,
        arguments: JsonObject,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let _running = self.running.token();
        // Boxed, because the SDK moves what it spawns several times, and a call's state is large.
        Box::pin(route::call_served(tool, &self.served, caller, arguments, context.ct.clone())).await
    }

    /// Calls a tool for an answer that is not a tool's: nobody is asked anything on the way.
    async fn read(
        &self,
        tool: &dyn Callable,
        arguments: JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Option<CallToolResult> {
        match self.call(tool, arguments, &self.caller(context), context).await {
            CallToolResponse::Complete(result) => Some(result),
            _ => None,
        }
    }

    /// What an argument can be completed to; nothing where it cannot be listed.
    async fn named(
        &self,
        source: &Source,
        workspace: Option<&str>,
        context: &RequestContext<RoleServer>,
    ) -> Vec<Named> {
        let workspace = match workspace.filter(|_| self.served.are_several()) {
            None => self.served.default(),
            Some(name) => match self.served.named(name) {
                Some(workspace) => workspace,
                None => return Vec::new(),
            },
        };
        let name = &workspace.guards.workspace.name;
        let now_ms = workspace.guards.clock.now_ms();
        if let Some(named) = self.listed.fresh(name, source, now_ms) {
            return named;
        }
        let Some(tool) = self.offer.tool(source.tool) else { return Vec::new() };
        let mut arguments = source.arguments();
        if self.served.are_several() {
            arguments.insert(WORKSPACE.to_owned(), name.clone().into());
        }
        let result = self.read(tool.as_ref(), arguments, context).await;
        // What failed may go better in a moment.
        let Some(answer) = result.and_then(|result| result.structured_content) else { return Vec::new() };
        let named = source.named(&answer);
        self.listed.keep(name, source, now_ms, &named);
        named
    }

    /// What a client tells the model of this server before any call.
    fn instructions(&self) -> String {
        let of_one = include_str!("instructions.md").trim_end();
        let names = self.served.names();
        let [default, others @ ..] = names.as_slice() else { return of_one.to_owned() };
        if others.is_empty() {
            return of_one.to_owned();
        }
        let text = of_one.replacen("one Customer.io workspace", "several Customer.io workspaces", 1);
        format!(
            "{text}\n\nWorkspaces: {default}, used where a call names none, and {}. Every tool takes `workspace`. Each has \
             guardrails, an identity strategy and budgets of its own; a plan or an idempotency key of one means nothing \
             in another. Ask the user which one is meant if that is not clear.",
            others.join(", ")
        )
    }
}

/// How the person at the client can be asked, which differs between the protocol's two eras. What a client did not
/// declare is not asked of it.
fn asking(context: &RequestContext<RoleServer>, repeated: Option<Repeated>) -> Asking {
    let declared = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    let has_forms = declared.is_some_and(|declared| declared.form.is_some() || declared.url.is_none());
    let is_modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    match (has_forms, is_modern) {
        (false, _) => Asking::Nobody,
        (true, true) => Asking::Answer(repeated),
        (true, false) => Asking::Session(context.peer.clone()),
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server =
            Implementation::new("customerio-mcp", env!("CARGO_PKG_VERSION")).with_title("Customer.io, with guardrails");
        ServerConfig::new(
            ServerCapabilities::builder()
                .enable_tools()
                .enable_resources()
                .enable_prompts()
                .enable_completions()
                .build(),
        )
        .with_server_info(server)
        .with_instructions(self.instructions())
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
        let arguments = request.arguments.unwrap_or_default();
        let repeated = request
            .request_state
            .map(|request_state| Repeated { request_state, responses: request.input_responses.unwrap_or_default() });
        let caller = Caller { asking: asking(&context, repeated), ..self.caller(&context) };
        Ok(self.call(tool.as_ref(), arguments, &caller, &context).await)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list(self.offer.workspaces()))
            .with_ttl_ms(LIST_FOR_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates(self.offer.workspaces()))
            .with_ttl_ms(LIST_FOR_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Reader { tool, arguments } = resources::reader(&request.uri, &self.offer)?;
        let result = self.read(tool.as_ref(), arguments, &context).await;
        let result = result.ok_or_else(|| ErrorData::internal_error("This cannot be read as a resource.", None))?;
        let contents = resources::contents(request.uri, &result)?;
        // What is read changes by the minute, and is a person's.
        Ok(ReadResourceResult::new(contents).with_ttl_ms(0).with_cache_scope(CacheScope::Private).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list())
            .with_ttl_ms(LIST_FOR_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(prompts::get(&request.name, request.arguments.as_ref(), &self.served.default().view)?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let given = request.context.as_ref().and_then(|context| context.arguments.as_ref());
        let workspace = given.and_then(|given| given.get(WORKSPACE)).map(String::as_str);
        let named = match completions::source(&request.r#ref, &request.argument.name) {
            Some(source) => self.named(source, workspace, &context).await,
            None if completions::is_workspace(&request.r#ref, &request.argument.name) => {
                self.offer.workspaces().iter().map(|name| Named::itself(name)).collect()
            }
            None => Vec::new(),
        };
        Ok(CompleteResult::new(completions::complete(&named, &request.argument.value)))
    }
}
