//! `doctor`: what works, what does not, and what to do about it.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, output};
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  customerio-mcp doctor
  customerio-mcp doctor --workspace staging --json
  customerio-mcp doctor --sandbox

It reads and changes nothing. Exit code 1 means that something does not work.";

/// Flags of `doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Check the embedded sandbox instead of Customer.io
    #[arg(long)]
    pub sandbox: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Runs every check.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_args: DoctorArgs, _config: Config) -> ExitCode {
    output::failed("doctor is not built yet")
}
