//! The server as a child process, and the MCP client that speaks with it over stdio.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation},
    service::RunningService,
    transport::TokioChildProcess,
};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::ChildStderr,
    time::timeout,
};

use super::program;
use crate::config::Environment;

/// What the server is started with; the data directory follows.
pub(super) const ARGUMENTS: [&str; 4] = ["serve", "--sandbox", "--toolsets", "core,guardrails"];

/// Longer than any call may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Lines of the server's log that are kept.
const LOG_LINES: usize = 20;

type Log = Arc<Mutex<VecDeque<String>>>;

/// A running server with a client connected to it.
pub(super) struct Child {
    client: RunningService<RoleClient, ClientConfig>,
    log: Log,
}

/// What the server said of itself.
pub(super) struct Greeting {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) protocol: String,
    pub(super) tools: usize,
}

impl Child {
    /// Starts this program as a server on a data directory and connects to it.
    pub(super) async fn start(env: &Environment, data: &Path) -> io::Result<Self> {
        let mut command = program::command(env, &ARGUMENTS, data)?;
        // Ctrl-C on the terminal is for us; the server ends when we hang up.
        #[cfg(unix)]
        command.process_group(0);
        let (process, stderr) = TokioChildProcess::builder(command).stderr(Stdio::piped()).spawn()?;
        let log = Log::default();
        if let Some(stderr) = stderr {
            tokio::spawn(keep(stderr, Arc::clone(&log)));
        }
        let connecting = timeout(START_WITHIN, client_config().serve(process)).await;
        let connected = connecting.map_err(|_| io::Error::other("it did not greet within 30 s"))?;
        let client = connected.map_err(|error| io::Error::other(format!("{error}\n{}", read(&log))))?;
        Ok(Self { client, log })
    }

    /// What the server said of itself, and how many tools it lists.
    pub(super) async fn greeting(&self) -> Result<Greeting, String> {
        let info = self.client.peer_info().ok_or("it said nothing of itself")?;
        let tools = self.client.list_all_tools().await.map_err(|error| error.to_string())?;
        let (name, version) =
            info.server_info.as_ref().map(|server| (server.name.clone(), server.version.clone())).unwrap_or_default();
        Ok(Greeting { name, version, protocol: info.protocol_version.to_string(), tools: tools.len() })
    }

    /// Calls a tool; a refusal is an answer too.
    pub(super) async fn call(&self, tool: &'static str, arguments: Map<String, Value>) -> Result<Value, String> {
        let mut request = CallToolRequestParams::new(tool);
        request.arguments = Some(arguments);
        let answered = timeout(ANSWER_WITHIN, self.client.call_tool(request)).await;
        let result = answered
            .map_err(|_| format!("{tool} gave no answer within {} s", ANSWER_WITHIN.as_secs()))?
            .map_err(|error| format!("{tool} failed: {error}"))?;
        let text = result.content.first().and_then(|block| block.as_text());
        let text = text.ok_or_else(|| format!("{tool} answered without content"))?;
        let content: Value =
            serde_json::from_str(&text.text).map_err(|error| format!("{tool} did not answer with JSON: {error}"))?;
        let is_error = result.is_error == Some(true);
        if is_error == content.get("error").is_some() {
            Ok(content)
        } else {
            Err(format!("{tool} does not say whether it failed: {content}"))
        }
    }

    /// Hangs up, and waits until the server has ended. One that does not is killed.
    pub(super) async fn stop(&mut self) {
        if let Err(error) = self.client.close_with_timeout(STOP_WITHIN).await {
            tracing::warn!(%error, "the server did not end");
        }
    }

    /// The last lines of the server's log.
    pub(super) fn log(&self) -> String {
        read(&self.log)
    }
}

fn client_config() -> ClientConfig {
    let itself = Implementation::new("customerio-mcp-demo", env!("CARGO_PKG_VERSION"));
    ClientConfig::new(ClientCapabilities::default(), itself)
}

async fn keep(stderr: ChildStderr, log: Log) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut kept = log.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LOG_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

fn read(log: &Log) -> String {
    let kept = log.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}
