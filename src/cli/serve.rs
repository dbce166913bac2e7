//! `serve`: MCP over stdio.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, LogArgs, output};
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  customerio-mcp serve --sandbox
      everything against an embedded Customer.io; nothing leaves this machine
  CUSTOMERIO_APP_API_KEY=... customerio-mcp serve --read-only
      look, and change nothing
  customerio-mcp serve --workspace prod --toolsets people,segments --exclude-tools delete_segment

Which tools are listed:
  --toolsets and --tools choose, --exclude-tools takes away, --read-only wins over all.
  What is not listed stays reachable through find_operations, under the same
  guardrails.";

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
    pub config: ConfigArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Serves until the client hangs up.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_args: ServeArgs, _config: Config) -> ExitCode {
    output::failed("serve is not built yet")
}
