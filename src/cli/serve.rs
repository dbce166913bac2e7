//! `serve`: MCP over stdio.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use rmcp::{ServiceExt as _, service::ServerInitializeError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{LogArgs, interruption::Interruptions, output};
use crate::{
    clock::{AdjustableClock, SharedClock},
    config::{Config, ConfigError, Environment, LoadOptions, Purpose, WorkspaceConfig},
    sandbox::{Fixture, RunningSandbox},
    server::{
        handler::Handler,
        lines::LineTransport,
        open::{OpenError, check_sandbox, open_state, open_workspace, sandbox_workspace, start_sandbox, system_clock},
        standard_streams, sweeper,
    },
    tools::{
        offer::{Choice, Offer},
        served::Served,
        tool::Callable,
    },
};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp serve --sandbox
      everything against an embedded Customer.io; nothing leaves this machine
  CUSTOMERIO_APP_API_KEY=... customerio-mcp serve --read-only
      look, and change nothing
  customerio-mcp serve --workspace prod --toolsets people,segments --exclude-tools delete_segment
  customerio-mcp serve --workspace prod,staging
      both, each with its own guardrails; a call that names none acts on prod

Which tools are listed:
  --toolsets and --tools choose, --exclude-tools takes away, --read-only wins over all.
  A client that knows the name of a tool that is not listed can call it all the
  same, under the same guardrails; what is excluded it cannot.";

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Serve an embedded sandbox instead of Customer.io: no account, no network
    #[arg(long)]
    pub sandbox: bool,
    /// Toolsets to list, by comma; `core` is the default, `all` is everything
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub toolsets: Vec<String>,
    /// Single tools to list besides, by comma
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tools: Vec<String>,
    /// Tools never to offer, by comma
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub exclude_tools: Vec<String>,
    /// Offer only tools that change nothing
    #[arg(long)]
    pub read_only: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ServedConfigArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where configuration and state are, and which of the configured workspaces are served.
#[derive(Debug, Clone, Default, Args)]
pub struct ServedConfigArgs {
    /// Configuration file; else `CUSTOMERIO_MCP_CONFIG` names it, else ./customerio-mcp.toml is read if it exists
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Configured workspaces to serve, by comma; the first is used where a call names none. Else the file's default
    /// workspace alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub workspace: Vec<String>,
    /// Directory of the embedded state; else `CUSTOMERIO_MCP_DATA` names it, else the user's data directory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl ServedConfigArgs {
    /// The configuration these arguments choose.
    pub fn load(&self, env: &Environment, purpose: Purpose) -> Result<Config, ConfigError> {
        let Self { config, workspace, data } = self.clone();
        let mut picked = workspace.into_iter();
        let (workspace, other_workspaces) = (picked.next(), picked.collect());
        Config::load(env, &LoadOptions { config, data, workspace, other_workspaces, purpose })
    }

    /// The workspaces of the configuration that are served, the default first; one that is named twice is served once.
    fn served<'a>(&self, config: &'a Config) -> Vec<&'a WorkspaceConfig> {
        let mut served = vec![config.workspace()];
        for name in &self.workspace {
            let known = config.workspaces.get(name);
            served.extend(known.filter(|_| served.iter().all(|one| one.name != *name)));
        }
        served
    }
}

/// Serves until the client hangs up or the process is told to stop.
pub async fn run(args: ServeArgs, config: Config) -> ExitCode {
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    match open(&args, &config).await {
        Ok(open) => serve(open).await,
        Err(error) => output::unusable(error),
    }
}

/// What is served, with the embedded sandbox that must live as long.
struct Open {
    handler: Handler,
    served: Served,
    tools: Vec<Arc<dyn Callable>>,
    _sandbox: Option<RunningSandbox>,
}

async fn open(args: &ServeArgs, config: &Config) -> Result<Open, OpenError> {
    config.check_policy_tools(crate::tools::names).map_err(|error| OpenError::Configuration(error.to_string()))?;
    let (sandbox, served) =
        if args.sandbox { embedded(args, config).await? } else { (None, configured(args, config).await?) };
    let tools = crate::tools::under(served.policies());
    let choice = Choice {
        toolsets: args.toolsets.clone(),
        tools: args.tools.clone(),
        exclude_tools: args.exclude_tools.clone(),
        read_only: args.read_only,
    };
    let offer = Offer::new(tools.clone(), served.policies(), &choice, &served.apis());
    let offer = offer.map_err(OpenError::Configuration)?;
    for workspace in served.iter() {
        tracing::info!(
            workspace = workspace.guards.workspace.name,
            kind = ?workspace.guards.workspace.kind,
            tools = offer.names().len(),
            "serving over stdio"
        );
    }
    // What the operator excludes is not for the sweeper either.
    let tools =
        tools.into_iter().filter(|tool| !args.exclude_tools.iter().any(|name| name == tool.spec().name)).collect();
    let handler = Handler::new(Arc::new(offer), served.clone());
    Ok(Open { handler, served, tools, _sandbox: sandbox })
}

/// The embedded sandbox, whose clock the guards share.
async fn embedded(args: &ServeArgs, config: &Config) -> Result<(Option<RunningSandbox>, Served), OpenError> {
    let clock = Arc::new(AdjustableClock::running());
    let sandbox = start_sandbox(Arc::clone(&clock), Fixture::shop()).await?;
    let clock: SharedClock = clock;
    let state = open_state(config, &clock).await?;
    let workspace = sandbox_workspace(config.workspace(), &sandbox);
    let workspace = open_workspace(&workspace, &state, clock, args.read_only).await?;
    Ok((Some(sandbox), Arc::new(workspace).into()))
}

async fn configured(args: &ServeArgs, config: &Config) -> Result<Served, OpenError> {
    let clock = system_clock();
    let state = open_state(config, &clock).await?;
    let mut others = Vec::new();
    for workspace in args.config.served(config) {
        let workspace = open_workspace(workspace, &state, Arc::clone(&clock), args.read_only).await?;
        check_sandbox(&workspace).await?;
        others.push(Arc::new(workspace));
    }
    // The configuration has a default workspace, always.
    let default = others.remove(0);
    Ok(Served::new(default, others))
}

/// How long running calls may take once the process is told to stop: most of what a supervisor grants.
const ENDS_WITHIN: Duration = Duration::from_secs(25);

/// How long what was cancelled may take to write down how it ended, and what was answered to be read.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

async fn serve(open: Open) -> ExitCode {
    let mut interruptions = match Interruptions::listen() {
        Ok(interruptions) => interruptions,
        Err(error) => return output::failed(format!("cannot wait for an interruption: {error}")),
    };
    let (read, write) = standard_streams::open();
    let no_more = CancellationToken::new();
    let transport = LineTransport::new(read, write).until(no_more.clone());
    let begun = tokio::select! {
        begun = open.handler.clone().serve(transport) => begun,
        () = interruptions.next() => return ExitCode::SUCCESS,
    };
    let running = match begun {
        Ok(running) => running,
        // A client that hangs up before it says anything has not failed, and neither have we.
        Err(ServerInitializeError::ConnectionClosed(_)) => return ExitCode::SUCCESS,
        // The error prints the client's message, which may hold anything: it is not shown.
        Err(_) => return output::failed("the client did not begin as the protocol says, with `initialize`"),
    };
    let handler = open.handler.clone();
    let stop = running.cancellation_token();
    let sweeping = TaskTracker::new();
    for workspace in open.served.iter() {
        sweeping.spawn(sweeper::run(Arc::clone(workspace), open.tools.clone(), no_more.clone()));
    }
    sweeping.close();
    let ended = running.waiting();
    tokio::pin!(ended);
    let hung_up = tokio::select! {
        ended = &mut ended => Some(ended),
        () = interruptions.next() => None,
    };
    no_more.cancel();
    let wind_down = async {
        if hung_up.is_none() {
            let running = handler.calls_ended();
            if tokio::time::timeout(ENDS_WITHIN, running).await.is_err() {
                tracing::warn!("calls still running are cancelled");
            }
            stop.cancel();
        }
        tokio::time::timeout(SETTLES_WITHIN, async {
            let ended = match hung_up {
                Some(ended) => ended,
                None => ended.await,
            };
            handler.calls_ended().await;
            sweeping.wait().await;
            ended
        })
        .await
    };
    tokio::select! {
        ended = wind_down => match ended {
            Ok(Ok(_)) => ExitCode::SUCCESS,
            Ok(Err(error)) => output::failed(format!("serving ended: {error}")),
            Err(_) => output::failed("a call or the client did not end in time; what became of calls is looked for later"),
        },
        () = interruptions.next() => {
            output::failed("told to stop twice, so at once; what became of running calls is looked for later")
        }
    }
}
