//! `approvals`: calls that wait for a human, and the human's word.

mod decide;
mod key;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub use self::{decide::DecideArgs, show::ShowArgs};
use super::{
    ConfigArgs, layout,
    output::{self, counted},
};
use crate::{
    config::Config,
    guard::Guards,
    server::open::{guards, open_existing_state, system_clock},
    state::{Approval, ApprovalState, WhichApprovals},
};

const LIST_EXAMPLES: &str = "\
Examples:
  customerio-mcp approvals list
  customerio-mcp approvals list --all --json

A call waits for a day. What is decided holds for an hour.";

/// Commands of `approvals`.
#[derive(Debug, Clone, Subcommand)]
pub enum ApprovalsCommand {
    /// List calls that wait for a decision, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Show what a call would do, to whom, and its arguments
    #[command(after_help = show::EXAMPLES)]
    Show(ShowArgs),
    /// Let a call run, once
    #[command(after_help = decide::EXAMPLES)]
    Approve(DecideArgs),
    /// Decide against a call
    #[command(after_help = decide::EXAMPLES)]
    Deny(DecideArgs),
    /// Make an operator's key, and the line of configuration that knows it
    #[command(after_help = key::EXAMPLES)]
    NewKey,
}

/// Flags of `approvals list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Those too that are decided
    #[arg(long)]
    pub all: bool,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The most that are listed.
const MOST_LISTED: u32 = 1_000;

impl ApprovalsCommand {
    /// Which configuration the command works on; `None` for one that needs none.
    pub fn config_args(&self) -> Option<&ConfigArgs> {
        match self {
            Self::List(args) => Some(&args.config),
            Self::Show(args) => Some(&args.config),
            Self::Approve(args) | Self::Deny(args) => Some(&args.config),
            Self::NewKey => None,
        }
    }
}

/// Runs one of the commands that work on the state.
pub async fn run(command: ApprovalsCommand, config: Config) -> ExitCode {
    let clock = system_clock();
    let guards = match open_existing_state(&config, &clock).await {
        Ok(state) => guards(config.workspace(), &state, clock, false),
        Err(error) => return output::not_opened(&error),
    };
    match command {
        ApprovalsCommand::List(args) => list(&args, &guards).await,
        ApprovalsCommand::Show(args) => show::run(&args, &guards).await,
        ApprovalsCommand::Approve(args) => decide::run(&args, &guards, true).await,
        ApprovalsCommand::Deny(args) => decide::run(&args, &guards, false).await,
        ApprovalsCommand::NewKey => new_key(),
    }
}

/// Makes a key. Nothing is kept.
pub fn new_key() -> ExitCode {
    key::new_key(system_clock().as_ref())
}

async fn list(args: &ListArgs, guards: &Guards) -> ExitCode {
    let which = if args.all { WhichApprovals::All } else { WhichApprovals::Pending };
    let approvals = match guards.list_approvals(which, MOST_LISTED).await {
        Ok(approvals) => approvals,
        Err(error) => return output::failed(error.message),
    };
    if args.json {
        return output::print(approvals.iter().fold(String::new(), |text, one| text + &line(one).to_string() + "\n"));
    }
    let workspace = &guards.workspace.name;
    if approvals.is_empty() {
        return output::print(format!("Nothing waits for a decision. (workspace {workspace})\n"));
    }
    let row = |approval: &Approval| {
        vec![
            approval.approval_id.clone(),
            standing(approval.state).to_owned(),
            layout::moment(approval.requested_at_ms),
            approval.people.to_string(),
            approval.tool.clone(),
        ]
    };
    let rows: Vec<_> = approvals.iter().map(row).collect();
    let table = layout::table(&["APPROVAL", "STATE", "REQUESTED", "PEOPLE", "TOOL"], &rows);
    let counted = counted(approvals.len() as u64, "call");
    output::print(format!("{table}\n{counted} (workspace {workspace}). `approvals show ID` says what one would do.\n"))
}

fn line(approval: &Approval) -> Value {
    json!({
        "approval_id": approval.approval_id,
        "state": standing(approval.state),
        "tool": approval.tool,
        "effect": approval.effect,
        "principal": approval.principal,
        "people": approval.people,
        "requested_at": layout::timestamp(approval.requested_at_ms).to_string(),
        "expires_at": layout::timestamp(approval.expires_at_ms).to_string(),
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at_ms.map(|at_ms| layout::timestamp(at_ms).to_string()),
    })
}

const fn standing(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Approved => "approved",
        ApprovalState::Denied => "denied",
        ApprovalState::Spent => "spent",
    }
}

/// The approval with this id.
async fn find(approval_id: &str, guards: &Guards) -> Result<Approval, ExitCode> {
    let found = guards.list_approvals(WhichApprovals::Id(approval_id.to_owned()), 1).await;
    let found = found.map_err(|error| output::failed(error.message))?;
    found.into_iter().next().ok_or_else(|| {
        output::unusable(format!(
            "workspace `{}` has no approval {approval_id}, or it has expired; `approvals list --all` shows those there are",
            guards.workspace.name
        ))
    })
}
