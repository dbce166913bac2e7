//! `demo`: a day's work through a real MCP client.

use std::process::ExitCode;

use clap::Args;

use super::output;

const EXAMPLES: &str = "\
Examples:
  customerio-mcp demo
  customerio-mcp demo --json | jq -c 'select(.refused)'";

/// Flags of `demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// Plays the demonstration.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_args: DemoArgs) -> ExitCode {
    output::failed("demo is not built yet")
}
