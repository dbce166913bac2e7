//! `erasures`: who was erased, as far as that may be known, and letting somebody come back.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    ConfigArgs,
    confirm::confirmed,
    layout,
    output::{self, counted},
};
use crate::{
    config::Config,
    guard::Guards,
    server::open::{guards, open_existing_state, system_clock},
    state::{ErasureState, ListedErasure},
};

const LIST_EXAMPLES: &str = "\
Examples:
  customerio-mcp erasures list
  customerio-mcp erasures list --json      with the receipts

No record says who was erased: a receipt holds a keyed hash of the person.";

const LIFT_EXAMPLES: &str = "\
Examples:
  customerio-mcp erasures lift era_5f0c2a9b7d3e1c84

Only when the person has come back of their own will. Customer.io still suppresses
their identifiers until they are unsuppressed there. It asks; --yes answers.";

/// Commands of `erasures`.
#[derive(Debug, Clone, Subcommand)]
pub enum ErasuresCommand {
    /// List erasures, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Let a person who was erased be created again
    #[command(after_help = LIFT_EXAMPLES)]
    Lift(LiftArgs),
}

/// Flags of `erasures list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Flags of `erasures lift`.
#[derive(Debug, Clone, Args)]
pub struct LiftArgs {
    /// The erasure, as `erasures list` and its receipt name it
    #[arg(value_name = "ERASURE_ID")]
    pub erasure_id: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

impl ErasuresCommand {
    /// Which configuration the command works on.
    pub fn config_args(&self) -> &ConfigArgs {
        match self {
            Self::List(args) => &args.config,
            Self::Lift(args) => &args.config,
        }
    }
}

/// Runs one of the commands.
pub async fn run(command: ErasuresCommand, config: Config) -> ExitCode {
    let clock = system_clock();
    let guards = match open_existing_state(&config, &clock).await {
        Ok(state) => guards(config.workspace(), &state, clock, false),
        Err(error) => return output::not_opened(&error),
    };
    let erasures = match guards.list_erasures().await {
        Ok(erasures) => erasures,
        Err(error) => return output::failed(error.message),
    };
    match command {
        ErasuresCommand::List(args) => list(&args, &erasures, &guards.workspace.name),
        ErasuresCommand::Lift(args) => lift(&args, &erasures, &guards).await,
    }
}

fn standing(listed: &ListedErasure) -> &'static str {
    match (listed.erasure.state, listed.tombstones) {
        (ErasureState::Pending, _) => "pending",
        (ErasureState::Completed, 0) => "lifted",
        (ErasureState::Completed, _) => "erased",
    }
}

fn list(args: &ListArgs, erasures: &[ListedErasure], workspace: &str) -> ExitCode {
    if args.json {
        return output::print(erasures.iter().fold(String::new(), |text, one| text + &line(one).to_string() + "\n"));
    }
    if erasures.is_empty() {
        return output::print(format!("Nobody was erased. (workspace {workspace})\n"));
    }
    let row = |listed: &ListedErasure| {
        let erasure = &listed.erasure;
        let completed = erasure.completed_at_ms.map(layout::moment).unwrap_or_default();
        vec![
            erasure.erasure_id.clone(),
            standing(listed).to_owned(),
            layout::moment(erasure.requested_at_ms),
            completed,
        ]
    };
    let rows: Vec<_> = erasures.iter().map(row).collect();
    let table = layout::table(&["ERASURE", "STATE", "REQUESTED", "VERIFIED"], &rows);
    output::print(format!("{table}\n{} (workspace {workspace}).\n", counted(erasures.len() as u64, "erasure")))
}

fn line(listed: &ListedErasure) -> Value {
    let erasure = &listed.erasure;
    let receipt = erasure.receipt.as_deref().and_then(|receipt| serde_json::from_str::<Value>(receipt).ok());
    json!({
        "erasure_id": erasure.erasure_id,
        "state": standing(listed),
        "requested_at": layout::timestamp(erasure.requested_at_ms).to_string(),
        "completed_at": erasure.completed_at_ms.map(|at_ms| layout::timestamp(at_ms).to_string()),
        "receipt": receipt,
    })
}

async fn lift(args: &LiftArgs, erasures: &[ListedErasure], guards: &Guards) -> ExitCode {
    let workspace = &guards.workspace.name;
    let Some(listed) = erasures.iter().find(|listed| listed.erasure.erasure_id == args.erasure_id) else {
        let none = format!(
            "workspace `{workspace}` has no erasure {}; `erasures list` shows those there are",
            args.erasure_id
        );
        return output::unusable(none);
    };
    match standing(listed) {
        "pending" => {
            return output::failed(
                "the erasure is not complete: make the same erase_customer call again first. Nothing was changed",
            );
        }
        "lifted" => return output::print("The erasure is lifted already. Nothing was changed.\n"),
        _ => {}
    }
    if !args.yes
        && let Err(code) = confirmed("the erasure's id", &args.erasure_id, "let the person come back")
    {
        return code;
    }
    match guards.lift_erasure(&args.erasure_id).await {
        Ok(false) => output::print("The erasure is lifted already. Nothing was changed.\n"),
        Ok(true) => {
            output::print(format!("Lifted: the person of {} may be created again in {workspace}.\n", args.erasure_id))
        }
        Err(error) => output::failed(error.message),
    }
}
