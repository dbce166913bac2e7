//! `tools`: what an agent can be offered.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output;

const SHOW_EXAMPLES: &str = "\
Examples:
  customerio-mcp tools show send_transactional
  customerio-mcp tools show send_transactional --json | jq .inputSchema";

/// Commands of `tools`. They need neither configuration nor credentials.
#[derive(Debug, Clone, Subcommand)]
pub enum ToolsCommand {
    /// List tools with their effect and toolset
    List(ListArgs),
    /// Show one tool as a client sees it
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Print the tools as the Markdown table of the README
    Table,
}

/// Flags of `tools list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only these toolsets, by comma; `core` is what is listed by default
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub toolsets: Vec<String>,
    /// Print the answer of tools/list as JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tools show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The tool's name
    pub name: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Runs one of the commands.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_command: ToolsCommand) -> ExitCode {
    output::failed("tools is not built yet")
}
