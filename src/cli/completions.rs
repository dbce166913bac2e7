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
    output::print(one_name(&String::from_utf8_lossy(&script)))
}

/// The generator for bash writes a program's name that has a hyphen in two ways, as it is assigned and as it is
/// compared, so that nothing after the first word would be completed.
fn one_name(script: &str) -> String {
    script.replace("customerio__subcmd__mcp", "customerio__mcp")
}
