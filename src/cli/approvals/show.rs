//! `approvals show`: what a human has to know before they decide.

use std::{fmt::Write as _, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{
        ConfigArgs, layout,
        output::{self, HEADING},
    },
    find, line, standing,
};
use crate::{
    guard::{Guards, approval::plan_lines},
    state::Approval,
    tools::answer::hidden_shown,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  customerio-mcp approvals show apr_5f0c2a9b7d3e
  customerio-mcp approvals show apr_5f0c2a9b7d3e --json

The arguments are an agent's, which may have been led by a text that a customer
wrote: read them as such. They are shown in clear.";

/// Columns that the names of lines take.
const NAMES: usize = 11;

/// Flags of `approvals show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The call, as `approvals list` and the error name it
    #[arg(value_name = "APPROVAL_ID")]
    pub approval_id: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub(super) async fn run(args: &ShowArgs, guards: &Guards) -> ExitCode {
    let approval = match find(&args.approval_id, guards).await {
        Ok(approval) => approval,
        Err(code) => return code,
    };
    if args.json {
        let mut shown = line(&approval);
        if let Some((plan, arguments)) = guards.shown_of(&approval) {
            shown["plan"] = plan;
            shown["arguments"] = serde_json::from_str(&arguments).unwrap_or(Value::String(arguments));
        }
        return output::print(format!("{shown:#}\n"));
    }
    output::print(shown(&approval, guards))
}

/// A call in words.
pub(super) fn shown(approval: &Approval, guards: &Guards) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| layout::row(&mut text, name, &printable(value), NAMES);
    let workspace = &guards.workspace;
    let (kind, region) = (json!(workspace.kind), &workspace.region);
    row("Call", &format!("{} ({}) of {}", approval.tool, approval.effect, approval.principal));
    row("Workspace", &format!("{} ({}, {region})", workspace.name, kind.as_str().unwrap_or_default()));
    row("State", &state(approval));
    row("Requested", &layout::moment(approval.requested_at_ms));
    row("Expires", &layout::moment(approval.expires_at_ms));
    let told = guards.shown_of(approval);
    if let Some((plan, _)) = &told {
        for line in plan_lines(plan) {
            match line.split_once(": ") {
                Some((name, value)) if name.len() < NAMES => row(name, value),
                _ => row("", &line),
            }
        }
    }
    match told {
        Some((_, arguments)) => {
            let _ = writeln!(text, "{HEADING}Arguments{HEADING:#}");
            let pretty = serde_json::from_str::<Value>(&arguments).map_or(arguments, |value| format!("{value:#}"));
            text.push_str(&printable_lines(&pretty));
        }
        None => layout::paragraph(&mut text, "What it was to do is not kept any more."),
    }
    text
}

fn state(approval: &Approval) -> String {
    match (&approval.decided_by, approval.decided_at_ms) {
        (Some(by), Some(at_ms)) => format!("{}, by {by} at {}", standing(approval.state), layout::moment(at_ms)),
        _ => standing(approval.state).to_owned(),
    }
}

/// What is hidden goes with the call, and must be seen by whoever decides.
fn printable(text: &str) -> String {
    output::on_one_line(&hidden_shown(text))
}

fn printable_lines(text: &str) -> String {
    text.lines().fold(String::new(), |lines, line| lines + "  " + &printable(line) + "\n")
}
