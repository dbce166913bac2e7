//! The running product, for tests: the real handler behind a real MCP client, over a pipe in memory, against the
//! sandbox over HTTP. Time stands still until a test moves it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use customerio_mcp::{
    api::{Api, ApiConfig, AppKey, BaseUrls, RetryTiming, TrackCredentials},
    clock::{AdjustableClock, Clock, SharedClock},
    config::{Config, Environment, LoadOptions, Purpose, StateConfig, WorkspaceConfig},
    guard::{policy::WorkspaceKind, secret::Secret},
    sandbox::{Fixture, RunningSandbox},
    server::{
        handler::Handler,
        lines::LineTransport,
        open::{OpenState, open_state, open_workspace, sandbox_workspace, start_sandbox},
    },
    state::{
        Decided, Store, WhichApprovals,
        exports::Exports,
        postgres::{Address, PostgresStore},
        sqlite::{Location, SqliteStore},
    },
    tools::{
        self,
        answer::OwnSecrets,
        offer::{Choice, Offer},
        served::Served,
        sweep::{Swept, sweep},
        workspace::{OpenWorkspace, Timing},
    },
};
use jiff::Timestamp;
use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, JsonObject, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, RunningService},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{answers, human::Human, kept};

/// When every test begins.
pub(crate) const BEGIN: &str = "2026-03-02T09:05:00Z";

/// A change of the workspace's configuration.
type Configure = Box<dyn FnOnce(&mut WorkspaceConfig) + Send>;

/// Something between the guards and their store.
type Over = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + Send>;

/// How a product under test is set up.
pub(crate) struct Setup {
    fixture: Fixture,
    kind: WorkspaceKind,
    configure: Vec<Configure>,
    choice: Choice,
    data: Option<PathBuf>,
    database: Option<Address>,
    retry: Option<RetryTiming>,
    slice: Option<Duration>,
    over: Option<Over>,
    human: Human,
    era: ClientLifecycleMode,
    beside: Vec<(&'static str, Setup)>,
}

impl Setup {
    /// The shop, in a sandbox workspace, with every tool listed.
    pub(crate) fn shop() -> Self {
        Self {
            fixture: Fixture::shop(),
            kind: WorkspaceKind::Sandbox,
            configure: Vec::new(),
            choice: Choice { toolsets: vec!["all".to_owned()], ..Choice::default() },
            data: None,
            database: None,
            retry: None,
            slice: None,
            over: None,
            human: Human::default(),
            era: ClientLifecycleMode::Initialize,
            beside: Vec::new(),
        }
    }

    /// The same people behind a workspace that counts as live.
    pub(crate) fn live() -> Self {
        Self { kind: WorkspaceKind::Live, ..Self::shop() }
    }

    pub(crate) fn with_fixture(self, fixture: Fixture) -> Self {
        Self { fixture, ..self }
    }

    /// Changes the workspace's configuration.
    pub(crate) fn with(mut self, configure: impl FnOnce(&mut WorkspaceConfig) + Send + 'static) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Declares in the configuration that people are identified by ids such as `cust_0001`.
    pub(crate) fn with_ids(self) -> Self {
        self.with(|config| config.identity = Some(serde_json::from_value(by_shop_ids()).unwrap()))
    }

    pub(crate) fn choosing(self, choice: Choice) -> Self {
        Self { choice, ..self }
    }

    /// Keeps the state in a directory, where commands find it.
    pub(crate) fn in_directory(self, data: &Path) -> Self {
        Self { data: Some(data.to_owned()), ..self }
    }

    /// Keeps the state in a database.
    pub(crate) fn in_database(self, address: Address) -> Self {
        Self { database: Some(address), ..self }
    }

    /// Repeats requests in another rhythm; for a sandbox workspace.
    pub(crate) fn repeating(self, retry: RetryTiming) -> Self {
        Self { retry: Some(retry), ..self }
    }

    /// Lets long work go on only for so long within a call.
    pub(crate) fn slicing(self, slice: Duration) -> Self {
        Self { slice: Some(slice), ..self }
    }

    /// Puts something between the guards and their store.
    pub(crate) fn over<S: Store + 'static>(self, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<S> + Send + 'static) -> Self {
        Self { over: Some(Box::new(move |store| wrap(store))), ..self }
    }

    /// Puts a person at the client, who can be asked.
    pub(crate) fn with_human(self, human: &Human) -> Self {
        Self { human: human.clone(), ..self }
    }

    /// Speaks the newer era of the protocol.
    pub(crate) fn modern(self) -> Self {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        Self { era: ClientLifecycleMode::Discover { preferred_versions }, ..self }
    }

    /// Serves another workspace besides, which has a sandbox of its own.
    pub(crate) fn beside(mut self, name: &'static str, other: Self) -> Self {
        self.beside.push((name, other));
        self
    }

    /// Opens the workspace that is set up, over a sandbox.
    async fn open(
        self,
        base: &WorkspaceConfig,
        sandbox: &RunningSandbox,
        state: &OpenState,
        shared: SharedClock,
    ) -> Arc<OpenWorkspace> {
        let mut config = sandbox_workspace(base, sandbox);
        config.kind = self.kind;
        for configure in self.configure {
            configure(&mut config);
        }
        let workspace = open_workspace(&config, state, Arc::clone(&shared), self.choice.read_only).await.unwrap();
        let quick = quick();
        let slice = self.slice.unwrap_or(quick.slice);
        let mut workspace = workspace.with_timing(Timing { slice, ..quick });
        if let Some(retry) = self.retry {
            workspace.api = Api::new(ApiConfig { retry, ..api_config(sandbox, shared) }).unwrap();
        }
        Arc::new(workspace)
    }

    pub(crate) async fn start(self) -> Product {
        // All that is opened on the way is large.
        Box::pin(self.opened()).await
    }

    async fn opened(mut self) -> Product {
        kept::begin();
        let clock = Arc::new(AdjustableClock::stopped_at(BEGIN.parse::<Timestamp>().unwrap()).with_seed(7));
        let sandbox = start_sandbox(Arc::clone(&clock), self.fixture.clone()).await.unwrap();
        kept::secrets(&sandbox);
        let shared: SharedClock = clock.clone();
        let configured = embedded_config(self.data.take());
        let mut state = match &configured.state {
            StateConfig::Memory => memory_state(shared.as_ref()),
            _ => open_state(&configured, &shared).await.unwrap(),
        };
        if let Some(address) = self.database.take() {
            let store = PostgresStore::connect(&address, state.secret.chain_key(), Arc::clone(&shared)).await;
            state.store = Arc::new(store.unwrap());
        }
        if let Some(wrap) = self.over.take() {
            state.store = wrap(state.store);
        }
        let (human, era) = (self.human.clone(), self.era.clone());
        let (choice, beside) = (self.choice.clone(), std::mem::take(&mut self.beside));
        let workspace = self.open(configured.workspace(), &sandbox, &state, Arc::clone(&shared)).await;
        let (mut others, mut sandboxes) = (Vec::new(), Vec::new());
        for (name, setup) in beside {
            let base = WorkspaceConfig { name: name.to_owned(), ..configured.workspace().clone() };
            let sandbox = start_sandbox(Arc::clone(&clock), setup.fixture.clone()).await.unwrap();
            others.push(setup.open(&base, &sandbox, &state, Arc::clone(&shared)).await);
            sandboxes.push((name, sandbox));
        }
        let served = Served::new(Arc::clone(&workspace), others);
        let policies = served.policies();
        let offer = Offer::new(tools::under(&policies), &policies, &choice, &served.apis()).unwrap();
        let handler = Handler::new(Arc::new(offer), served);
        let client = connect(handler.clone(), human, era).await;
        Product { client, sandbox, sandboxes, clock, state, workspace, handler, http: plain_http() }
    }
}

/// A client of a handler.
async fn connect(handler: Handler, human: Human, era: ClientLifecycleMode) -> RunningService<RoleClient, Human> {
    let (client_end, server_end) = tokio::io::duplex(1 << 20);
    let (read, write) = tokio::io::split(server_end);
    tokio::spawn(async move {
        if let Ok(running) = handler.serve(LineTransport::new(read, write)).await {
            drop(running.waiting().await);
        }
    });
    human.serve_with_lifecycle(client_end, era).await.unwrap()
}

fn by_shop_ids() -> Value {
    json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table of the shop" })
}

/// Waits as short as the logic allows.
fn quick() -> Timing {
    Timing {
        read_back: vec![Duration::from_millis(10); 3],
        gone_twice_apart: Duration::from_millis(10),
        call: Duration::from_secs(20),
        slice: Duration::from_secs(16),
        look_up: Duration::from_millis(700),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at the sandbox behind the product's back")]
fn plain_http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The way to the sandbox, as a sandbox workspace has it.
fn api_config(sandbox: &RunningSandbox, clock: SharedClock) -> ApiConfig {
    let (keys, url) = (sandbox.keys(), sandbox.base_url());
    ApiConfig {
        track: Some(TrackCredentials::new(&keys.site_id, &keys.tracking_api_key).unwrap()),
        app: Some(AppKey::new(&keys.app_api_key).unwrap()),
        urls: BaseUrls { track_url: Some(url.clone()), app_url: Some(url.clone()), cdp_url: Some(url) },
        paced: false,
        ..ApiConfig::new(clock)
    }
}

fn memory_state(clock: &dyn Clock) -> OpenState {
    let secret = Secret::random(clock);
    let location = kept::state().map_or(Location::Memory, Location::File);
    let store = SqliteStore::open(location, secret.chain_key()).unwrap();
    OpenState { store: Arc::new(store), secret, exports: Exports::in_memory(), own: OwnSecrets::default() }
}

fn embedded_config(data: Option<PathBuf>) -> Config {
    let nowhere = Environment::new(Vec::<(String, String)>::new(), std::env::temp_dir().join("no-configuration-here"));
    let options = LoadOptions { purpose: Purpose::EmbeddedSandbox, data, ..LoadOptions::default() };
    Config::load(&nowhere, &options).unwrap()
}

/// The running product.
pub(crate) struct Product {
    pub(crate) client: RunningService<RoleClient, Human>,
    pub(crate) sandbox: RunningSandbox,
    pub(crate) clock: Arc<AdjustableClock>,
    pub(crate) state: OpenState,
    sandboxes: Vec<(&'static str, RunningSandbox)>,
    workspace: Arc<OpenWorkspace>,
    handler: Handler,
    http: reqwest::Client,
}

impl Product {
    /// Calls a tool and returns what it said, error or not.
    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> Value {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        self.call_object(tool, arguments).await
    }

    /// Another client, which speaks for somebody else.
    pub(crate) async fn caller(&self, principal: &str) -> RunningService<RoleClient, Human> {
        let handler = self.handler.clone().speaking_for(principal);
        connect(handler, Human::default(), ClientLifecycleMode::Initialize).await
    }

    /// Calls a tool as that client.
    pub(crate) async fn call_as(
        &self,
        client: &RunningService<RoleClient, Human>,
        tool: &'static str,
        arguments: Value,
    ) -> Value {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        Self::call_by(client, tool, arguments).await
    }

    async fn call_object(&self, tool: &'static str, arguments: JsonObject) -> Value {
        Self::call_by(&self.client, tool, arguments).await
    }

    async fn call_by(client: &RunningService<RoleClient, Human>, tool: &'static str, arguments: JsonObject) -> Value {
        let mut request = CallToolRequestParams::new(tool);
        request.arguments = Some(arguments);
        let result = client.call_tool(request).await.unwrap();
        let answer: Value = serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap();
        let failed = result.is_error == Some(true);
        assert_eq!(failed, answer.get("error").is_some(), "{answer}");
        // Clients hold whatever is structured to the output schema, and a failure does not fit it.
        assert_eq!(result.structured_content, (!failed).then(|| answer.clone()), "{tool}");
        answers::hold_to_contract(tool, &answer);
        answer
    }

    /// Calls a tool that must succeed.
    pub(crate) async fn ok(&self, tool: &'static str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments).await;
        assert!(answer.get("error").is_none(), "{tool}: {answer}");
        answer
    }

    /// Calls a tool that must be refused, and returns the error.
    pub(crate) async fn refused(&self, tool: &'static str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments).await;
        assert!(answer.get("error").is_some(), "{tool}: {answer}");
        answer
    }

    /// Calls a tool, and again with the token of its plan.
    pub(crate) async fn planned(&self, tool: &'static str, arguments: Value) -> Value {
        let plan = self.refused(tool, arguments.clone()).await;
        assert_eq!(plan["error"], "preview_required", "{plan}");
        let mut arguments = arguments;
        arguments["plan_token"] = plan["details"]["plan_token"].clone();
        self.ok(tool, arguments).await
    }

    /// Sweeps once, as a serving process does now and then.
    pub(crate) async fn sweep(&self) -> Swept {
        sweep(&self.workspace, &tools::under(&self.workspace.guards.policy), &CancellationToken::new()).await.unwrap()
    }

    /// Decides about a call that waits, as an operator does.
    pub(crate) async fn decide(&self, approval_id: &str, approve: bool) {
        let guards = &self.workspace.guards;
        let found = guards.list_approvals(WhichApprovals::Id(approval_id.to_owned()), 1).await.unwrap().remove(0);
        let named = (found.tool.as_str(), found.effect.as_str());
        let decided = guards.decide_approval(approval_id, named, "operator", approve).await.unwrap();
        assert!(matches!(decided, Decided::Now(_)), "{decided:?}");
    }

    /// The arguments that an operator is shown of a call that waits.
    pub(crate) async fn shown_of(&self, approval_id: &str) -> String {
        let guards = &self.workspace.guards;
        let found = guards.list_approvals(WhichApprovals::Id(approval_id.to_owned()), 1).await.unwrap().remove(0);
        guards.shown_of(&found).unwrap().1
    }

    /// Declares that people are identified by ids such as `cust_0001`.
    pub(crate) async fn declare_ids(&self) {
        self.ok("declare_identity_strategy", by_shop_ids()).await;
    }

    /// What the sandbox itself counts.
    pub(crate) async fn counts(&self) -> Value {
        self.control("GET", "counts", None).await
    }

    /// What the sandbox behind another workspace counts.
    pub(crate) async fn counts_beside(&self, name: &str) -> Value {
        let (_, sandbox) = self.sandboxes.iter().find(|(known, _)| *known == name).unwrap();
        self.control_at(sandbox, "GET", "counts", None).await
    }

    /// The requests the sandbox has seen.
    pub(crate) async fn requests(&self) -> Value {
        self.control("GET", "requests", None).await
    }

    /// Orders a fault.
    pub(crate) async fn fault(&self, fault: Value) {
        self.control("POST", "faults", Some(fault)).await;
    }

    pub(crate) async fn control(&self, method: &str, what: &str, body: Option<Value>) -> Value {
        self.control_at(&self.sandbox, method, what, body).await
    }

    async fn control_at(&self, sandbox: &RunningSandbox, method: &str, what: &str, body: Option<Value>) -> Value {
        let url = format!("{}/_sandbox/{what}", sandbox.base_url());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{what}: {}", response.status());
        response.json().await.unwrap_or(Value::Null)
    }

    /// Speaks to the sandbox's Track API behind the product's back.
    pub(crate) async fn track(&self, method: &str, path: &str, body: Value) {
        let keys = self.sandbox.keys();
        let url = format!("{}/api/v1/{path}", self.sandbox.base_url());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = request.basic_auth(&keys.site_id, Some(&keys.tracking_api_key)).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Reads from the sandbox's App API behind the product's back.
    pub(crate) async fn app(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.sandbox.base_url());
        let response = self.http.get(url).bearer_auth(&self.sandbox.keys().app_api_key).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// A change by the sandbox's App API behind the product's back.
    pub(crate) fn put(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.put(url).bearer_auth(&self.sandbox.keys().app_api_key)
    }

    /// Posts to the sandbox's App API behind the product's back.
    pub(crate) async fn app_post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.sandbox.base_url());
        let request = self.http.post(url).bearer_auth(&self.sandbox.keys().app_api_key).json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }
}
