//! The command line: one file per command, and the way to each of them.

pub mod approvals;
pub mod audit;
pub mod completions;
pub mod config;
mod confirm;
pub mod demo;
pub mod doctor;
pub mod erasures;
mod fixture;
pub mod identity;
pub mod interruption;
mod layout;
pub mod markdown;
pub mod output;
pub mod sandbox;
mod schema_words;
pub mod sends;
pub mod serve;
pub mod tools;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, ConfigError, Environment, LoadOptions, Purpose},
    telemetry::{self, LogFormat},
};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp serve --sandbox  try it: no account, no network
  customerio-mcp demo             watch a day's work, guardrails included
  customerio-mcp doctor           check credentials, region and state
  customerio-mcp                  serve over stdio, as an MCP client starts it

Exit codes:
  0  done
  1  failed
  2  the command line or the configuration cannot be used";

/// Lets an AI agent operate Customer.io, with guardrails and an embedded sandbox.
///
/// Without a command it serves MCP over stdio, with the flags of `serve`.
#[derive(Debug, Parser)]
#[command(name = "customerio-mcp", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP over stdio.
    Serve(serve::ServeArgs),
    /// Run a local Customer.io for any program that talks to it.
    Sandbox(sandbox::SandboxArgs),
    /// Show a day's work of an agent against the embedded sandbox.
    Demo(demo::DemoArgs),
    /// Check credentials, region and state, and say what is missing.
    Doctor(doctor::DoctorArgs),
    /// Show, declare or change how people are identified in a workspace.
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    /// Decide about calls that wait for a human.
    #[command(subcommand)]
    Approvals(approvals::ApprovalsCommand),
    /// List calls of unknown fate, and say what became of them.
    #[command(subcommand)]
    Sends(sends::SendsCommand),
    /// List erasures, and let a person come back.
    #[command(subcommand)]
    Erasures(erasures::ErasuresCommand),
    /// Read and prove the record of what was done.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// List the tools an agent is offered, and their contracts.
    #[command(subcommand)]
    Tools(tools::ToolsCommand),
    /// Check the configuration, or print its schema.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
}

/// Where configuration and state are.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file; else `CUSTOMERIO_MCP_CONFIG` names it, else ./customerio-mcp.toml is read if it exists
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Configured workspace to use; else the file's default workspace
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Directory of the embedded state; else `CUSTOMERIO_MCP_DATA` names it, else the user's data directory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl ConfigArgs {
    /// The configuration these arguments choose.
    pub fn load(&self, env: &Environment, purpose: Purpose) -> Result<Config, ConfigError> {
        let Self { config, workspace, data } = self.clone();
        Config::load(env, &LoadOptions { config, data, workspace, purpose })
    }
}

/// How the program logs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LogArgs {
    /// Form of the log on stderr, text unless told otherwise; what is logged comes from `CUSTOMERIO_MCP_LOG`
    #[arg(
        long,
        value_name = "text|json",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub log_format: LogFormat,
}

/// Runs the command line of this process.
pub async fn run(env: Environment) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(output::UNUSABLE);
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::from(output::FAILED) };
        }
    };
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    if let Err(error) = telemetry::begin(env.log_directives().as_deref(), command.log_format(), env.no_color()) {
        return output::unusable(error);
    }
    command.run(&env).await.unwrap_or_else(output::unusable)
}

impl Command {
    fn log_format(&self) -> LogFormat {
        match self {
            Self::Serve(args) => args.log.log_format,
            Self::Sandbox(args) => args.log.log_format,
            _ => LogFormat::Text,
        }
    }

    /// Configuration is read here, so that a command starts with one that holds.
    async fn run(self, env: &Environment) -> Result<ExitCode, ConfigError> {
        Ok(match self {
            Self::Serve(args) => {
                let config = args.config.load(env, Purpose::of_serving(args.sandbox))?;
                serve::run(args, config).await
            }
            Self::Sandbox(args) => sandbox::run(args).await,
            Self::Demo(args) => demo::run(args, env).await,
            Self::Doctor(args) => {
                let config = args.config.load(env, Purpose::of_serving(args.sandbox))?;
                doctor::run(args, config, env).await
            }
            Self::Identity(command) => {
                let config = command.config_args().load(env, Purpose::Offline)?;
                identity::run(command, config).await
            }
            Self::Approvals(command) => match command.config_args() {
                None => approvals::new_key(),
                Some(args) => {
                    let config = args.load(env, Purpose::Offline)?;
                    approvals::run(command, config).await
                }
            },
            Self::Sends(command) => {
                let config = command.config_args().load(env, Purpose::Offline)?;
                sends::run(command, config).await
            }
            Self::Erasures(command) => {
                let config = command.config_args().load(env, Purpose::Offline)?;
                erasures::run(command, config).await
            }
            Self::Audit(command) => {
                let config = command.config_args().load(env, Purpose::Offline)?;
                audit::run(command, config).await
            }
            Self::Tools(command) => tools::run(&command),
            Self::Config(command) => config::run(&command, env)?,
            Self::Completions(args) => completions::run(&args),
        })
    }
}

impl Purpose {
    /// Serving the embedded sandbox, or Customer.io.
    const fn of_serving(sandbox: bool) -> Self {
        if sandbox { Self::EmbeddedSandbox } else { Self::Connect }
    }
}
