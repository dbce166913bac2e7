//! The product as it is shipped, with its guards, its state on disk and its audit.

use std::{collections::HashMap, fs, io, net::SocketAddr, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::child::printed;

/// Most records `audit list` shows at once.
const LISTED: usize = 1_000;

/// Whose workspace it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests leave at once.
    Sandbox,
    /// Requests keep to Customer.io's limit of 1,000 a second.
    Live,
}

/// A configuration and a data directory of their own.
pub(crate) struct Workspace {
    directory: TempDir,
    config: PathBuf,
}

impl Workspace {
    pub(crate) fn new(kind: Kind, upstream: SocketAddr) -> io::Result<Self> {
        // Beside the build: what the system calls temporary may be memory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let config = directory.path().join("customerio-mcp.toml");
        let kind = match kind {
            Kind::Sandbox => "sandbox",
            Kind::Live => "live",
        };
        fs::write(
            &config,
            format!(
                "[workspaces.bench]\nkind = \"{kind}\"\nsite_id = \"site\"\ntracking_api_key_env = \"BENCH_TRACK\"\n\
                 app_api_key_env = \"BENCH_APP\"\ntrack_url = \"http://{upstream}\"\napp_url = \"http://{upstream}\"\n\
                 [workspaces.bench.identity]\nprimary = \"id\"\nid_form = \"any\"\nsource = \"the bench\"\n\
                 [workspaces.bench.budgets]\ntriggers_per_hour = 1000000000\ntriggers_per_day = 1000000000\n"
            ),
        )?;
        Ok(Self { directory, config })
    }

    /// The product with these arguments, on this workspace and on nothing else of this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"));
        command.env_clear().env("BENCH_TRACK", "track-key-of-the-bench").env("BENCH_APP", "app-key-of-the-bench");
        command
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .arg("--data")
            .arg(self.directory.path().join("state"));
        // The log is written as it is to a client, who keeps it in a file.
        command.stderr(self.log().map_or_else(|_| std::process::Stdio::null(), Into::into));
        command
    }

    fn log(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new().append(true).create(true).open(self.directory.path().join("log"))
    }

    /// Checks that each of `calls` calls, and nothing else, left a decision and its outcome on a chain that holds.
    pub(crate) async fn prove(&self, calls: u64) -> Result<(), Box<dyn std::error::Error>> {
        let proof = printed(self.command(&["audit", "verify", "--json"])).await?;
        let records = proof.first().map(|proof| &proof["records"]).and_then(Value::as_u64);
        if records != Some(2 * calls) {
            return Err(format!("{calls} calls left {records:?} audit records").into());
        }
        let listed = printed(self.command(&["audit", "list", "--json", "--limit", &LISTED.to_string()])).await?;
        let mut phases: HashMap<&str, Vec<&str>> = HashMap::new();
        for record in &listed {
            let text = |name: &str| record[name].as_str().unwrap_or_default();
            phases.entry(text("call_id")).or_default().push(text("phase"));
        }
        // The oldest calls listed may be cut in two.
        let whole = phases.values().filter(|phases| phases.len() == 2).all(|phases| phases == &["outcome", "decision"]);
        let cut = phases.values().filter(|phases| phases.len() != 2).count();
        if !whole || cut > 128 || listed.len() < LISTED.min(usize::try_from(2 * calls)?) {
            return Err(format!("the newest {} audit records are not pairs", listed.len()).into());
        }
        Ok(())
    }
}
