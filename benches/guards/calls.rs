//! The calls that are measured.

use std::{error::Error, net::SocketAddr, sync::Arc};

use customerio_mcp::{
    api::{
        Api, ApiConfig, BaseUrls, CallScope, Permit, TrackCredentials,
        events::{Event, EventKind, new_event_id},
        people::PersonPath,
    },
    clock::{SharedClock, SystemClock},
    config::{Config, Environment, LoadOptions},
    guard::Origin,
    server::open::{OpenState, open_state, open_workspace},
    tools::{
        self,
        asking::Asking,
        context::{Caller, Progress},
        route::call_tool,
        tool::Callable,
        workspace::OpenWorkspace,
    },
};
use rmcp::model::CallToolResponse;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "1b8f0c5d7e2a49b3c6d1f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9";

/// A way to track an event.
pub(crate) struct Calls {
    tool: Arc<dyn Callable>,
    way: Way,
}

enum Way {
    Bare { api: Box<Api>, clock: SharedClock },
    Guarded { workspace: Box<OpenWorkspace>, state: OpenState, caller: Box<Caller>, _directory: TempDir },
}

impl Calls {
    /// Without guards.
    pub(crate) fn bare(upstream: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let clock: SharedClock = Arc::new(SystemClock);
        let config = ApiConfig {
            track: Some(TrackCredentials::new("site", "track-key-of-the-bench")?),
            urls: BaseUrls { track_url: Some(format!("http://{upstream}")), ..BaseUrls::default() },
            paced: false,
            ..ApiConfig::new(Arc::clone(&clock))
        };
        Ok(Self { tool: track_event()?, way: Way::Bare { api: Box::new(Api::new(config)?), clock } })
    }

    /// By the one route, the state in PostgreSQL or in a file.
    pub(crate) async fn guarded(upstream: SocketAddr, postgres: Option<&str>) -> Result<Self, Box<dyn Error>> {
        // Beside the build: what the system calls temporary may be memory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let file = directory.path().join("customerio-mcp.toml");
        std::fs::write(
            &file,
            format!(
                "[workspaces.bench]\nkind = \"sandbox\"\nsite_id = \"site\"\ntracking_api_key_env = \"BENCH_TRACK\"\n\
                 app_api_key_env = \"BENCH_APP\"\ntrack_url = \"http://{upstream}\"\napp_url = \"http://{upstream}\"\n\
                 [workspaces.bench.identity]\nprimary = \"id\"\nid_form = \"any\"\nsource = \"the bench\"\n\
                 [workspaces.bench.budgets]\ntriggers_per_hour = 1000000000\ntriggers_per_day = 1000000000\n"
            ),
        )?;
        let mut variables = vec![
            ("BENCH_TRACK", "track-key-of-the-bench"),
            ("BENCH_APP", "app-key-of-the-bench"),
            ("CUSTOMERIO_MCP_SECRET", SECRET),
        ];
        variables.extend(postgres.map(|url| ("CUSTOMERIO_MCP_STATE_URL", url)));
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let env = Environment::new(variables.collect::<Vec<_>>(), directory.path());
        let data = postgres.is_none().then(|| directory.path().join("state"));
        let config = Config::load(&env, &LoadOptions { config: Some(file), data, ..LoadOptions::default() })?;
        let clock: SharedClock = Arc::new(SystemClock);
        let state = open_state(&config, &clock).await?;
        let workspace = open_workspace(config.workspace(), &state, clock, false).await?;
        let caller = Caller {
            principal: "local".to_owned(),
            origin: Origin::Client,
            asking: Asking::Nobody,
            progress: Progress::default(),
            offer: Arc::default(),
        };
        let (workspace, caller) = (Box::new(workspace), Box::new(caller));
        Ok(Self { tool: track_event()?, way: Way::Guarded { workspace, state, caller, _directory: directory } })
    }

    /// Makes one call.
    pub(crate) async fn make(&self) -> Result<(), String> {
        match &self.way {
            Way::Bare { api, clock } => self.make_bare(api, clock).await,
            Way::Guarded { workspace, caller, .. } => {
                let cancel = CancellationToken::new();
                match call_tool(self.tool.as_ref(), workspace, caller, arguments(), cancel).await {
                    CallToolResponse::Complete(result) if result.is_error != Some(true) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }
        }
    }

    async fn make_bare(&self, api: &Api, clock: &SharedClock) -> Result<(), String> {
        let arguments = arguments();
        let data = arguments["data"].as_object().cloned().unwrap_or_default();
        drop(self.tool.prepare(Value::Object(arguments)).map_err(|error| error.to_string())?);
        let event = Event {
            name: "viewed".to_owned(),
            kind: EventKind::Event,
            data,
            timestamp: None,
            id: new_event_id(clock.as_ref()),
        };
        let scope = CallScope::within(std::time::Duration::from_secs(50));
        let (permit, path) = (Permit::granted_by_admit(), PersonPath::Id("cust_1".to_owned()));
        api.track_event(&permit, &scope, &path, &event).await.map_err(|error| error.message)?;
        drop(json!({ "result": "accepted", "event_id": event.id }).to_string());
        Ok(())
    }

    /// Checks that each call, and nothing else, left a decision and its outcome on a chain that holds.
    pub(crate) async fn prove(&self, calls: u64) -> Result<(), Box<dyn Error>> {
        let Way::Guarded { state, .. } = &self.way else { return Ok(()) };
        let report = state.store.verify_audit("bench".to_owned()).await?;
        if report.records != 2 * calls || !report.faults.is_empty() {
            return Err(format!("{calls} calls left {report:?}").into());
        }
        Ok(())
    }
}

fn arguments() -> Map<String, Value> {
    let arguments = json!({ "customer": "cust_1", "name": "viewed", "data": { "sku": "A-1", "price": 12.5 } });
    arguments.as_object().cloned().unwrap_or_default()
}

fn track_event() -> Result<Arc<dyn Callable>, Box<dyn Error>> {
    let tool = tools::all().into_iter().find(|tool| tool.spec().name == "track_event");
    tool.ok_or_else(|| "there is no track_event".into())
}
