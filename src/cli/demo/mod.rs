//! `demo`: a day's work of an agent, through a real MCP client, against the embedded sandbox.
//!
//! Nothing here is canned. The program starts itself as `serve --sandbox`, speaks MCP with that process over stdio,
//! and prints what it answers; where an answer is not what the text beside it says, the run ends there and fails.

mod child;
mod directory;
mod export;
mod page;
mod program;
mod proof;
mod snippet;
mod stage;
mod story;

use std::{fmt, path::PathBuf, process::ExitCode};

use clap::Args;

use self::{child::Child, directory::TemporaryDirectory, export::Export, stage::Stage};
use super::{interruption::Interruptions, output};
use crate::{config::Environment, server::open::system_clock};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp demo
  customerio-mcp demo --file people.csv
  customerio-mcp demo --json | jq -c 'select(.refused)'

It needs no account and no network: the work is done in an embedded sandbox,
whose data is removed at the end. Exit code 1 means that something did not
happen as it should.";

/// Flags of `demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Export to import, a CSV file with the columns `id` and `email` [default: examples/customers.csv, or the copy
    /// in the program]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// Why the demonstration ended before its end.
#[derive(Debug)]
enum Stopped {
    /// An answer, or the lack of one, is not what the text says.
    Unexpected { step: u32, what: String },
    /// Ctrl-C.
    Interrupted,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { step, what } => write!(f, "step {step} did not go as it should: {what}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Plays the demonstration.
pub async fn run(args: DemoArgs, env: &Environment) -> ExitCode {
    let export = match Export::read(args.file.as_deref()) {
        Ok(export) => export,
        Err(error) => return output::unusable(error),
    };
    match prepare(env) {
        Ok((directory, interruptions)) => play(&args, env, &export, &directory, interruptions).await,
        Err(error) => output::failed(format!("the demonstration cannot begin: {error}")),
    }
}

fn prepare(env: &Environment) -> std::io::Result<(TemporaryDirectory, Interruptions)> {
    // First of all: from here on an interruption must find its way through the clean-up.
    let interruptions = Interruptions::listen()?;
    Ok((TemporaryDirectory::create(&env.temporary_directory(), system_clock().as_ref())?, interruptions))
}

async fn play(
    args: &DemoArgs,
    env: &Environment,
    export: &Export,
    directory: &TemporaryDirectory,
    mut interruptions: Interruptions,
) -> ExitCode {
    let mut child = match Child::start(env, directory.path()).await {
        Ok(child) => child,
        Err(error) => return output::failed(format!("the server did not start: {error}")),
    };
    let mut stage = Stage::new(args.json);
    let played = tokio::select! {
        played = story::play(&mut stage, &child, export) => played,
        () = interruptions.next() => Err(Stopped::Interrupted),
    };
    child.stop().await;
    let ended = match played {
        Ok(()) => story::prove(&mut stage, env, directory.path()).await,
        Err(stopped) => Err(stopped),
    };
    match ended {
        Ok(()) => {
            stage.end(env.executable());
            ExitCode::SUCCESS
        }
        Err(stopped) => failed(&stopped, &child),
    }
}

fn failed(stopped: &Stopped, child: &Child) -> ExitCode {
    let log = child.log();
    match (stopped, log.is_empty()) {
        (Stopped::Interrupted, _) => output::failed("interrupted; the server is stopped and its data removed"),
        (_, true) => output::failed(stopped),
        (_, false) => output::failed(format!("{stopped}\nThe server's log ends with:\n{log}")),
    }
}
