//! `audit`: what was done, by whom, and proof that the record is whole.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{ConfigArgs, output};
use crate::config::Config;

const LIST_EXAMPLES: &str = "\
Examples:
  customerio-mcp audit list
  customerio-mcp audit list --tool send_transactional --limit 100 --json

Records hold keyed hashes instead of people: no arguments, no personal data.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  customerio-mcp audit verify
  customerio-mcp audit verify --workspace prod --json

Exit code 1 means that a record was changed, removed or put in; the first such
place is named.";

/// Commands of `audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// List records, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Prove that no record was changed, removed or put in
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
}

/// Flags of `audit list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only calls of this tool
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// The most records to list
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Flags of `audit verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

impl AuditCommand {
    /// Which configuration the command works on.
    pub fn config_args(&self) -> &ConfigArgs {
        match self {
            Self::List(args) => &args.config,
            Self::Verify(args) => &args.config,
        }
    }
}

/// Runs one of the commands.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_command: AuditCommand, _config: Config) -> ExitCode {
    output::failed("audit is not built yet")
}
