//! `completions`: scripts that teach a shell our commands.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, output};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp completions bash | sudo tee /etc/bash_completion.d/customerio-mcp
  customerio-mcp completions zsh > \"${fpath[1]}/_customerio-mcp\"
  customerio-mcp completions fish > ~/.config/fish/completions/customerio-mcp.fish";

/// Arguments of `completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "customerio-mcp", &mut script);
    output::print(String::from_utf8_lossy(&script))
}
