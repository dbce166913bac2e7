//! `sends`: calls that must not happen twice and of which nobody knows yet whether they happened once.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    ConfigArgs,
    audit::When,
    confirm::confirmed,
    layout,
    output::{self, counted},
};
use crate::{
    catalog::Effect,
    config::Config,
    guard::Guards,
    server::open::{guards, open_existing_state, system_clock},
    state::{CallOutcome, CallState, RecordedCall, WhichCalls},
    tools::answer::mask_text,
};

const LIST_EXAMPLES: &str = "\
Examples:
  customerio-mcp sends list
  customerio-mcp sends list --since 2h --json

A call of unknown fate is looked for while a server runs. Seen, it is committed;
not seen twice, a minute apart, a send is probably not sent, and anything else is
released. What cannot be looked for waits for `sends settle`, or for a day.";

const SETTLE_EXAMPLES: &str = "\
Examples:
  customerio-mcp sends settle 5f0c2a9b7d3e1c84a6b0f2d1 --as sent
  customerio-mcp sends settle 5f0c2a9b7d3e1c84a6b0f2d1 --as not-sent

Look in Customer.io first. `sent` keeps the call from being made again under its
key for a day; `not-sent` gives its budget back and lets the same call be made
again. It asks; --yes answers.";

/// Commands of `sends`.
#[derive(Debug, Clone, Subcommand)]
pub enum SendsCommand {
    /// List calls that are not settled, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Say what became of a call that nobody could find out
    #[command(after_help = SETTLE_EXAMPLES)]
    Settle(SettleArgs),
}

/// Flags of `sends list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// All since then, settled ones too: an age such as 30m, 2h or 7d, a day, or ISO 8601 with offset
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// The most calls to list
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Flags of `sends settle`.
#[derive(Debug, Clone, Args)]
pub struct SettleArgs {
    /// The call, as `sends list` and the error name it
    #[arg(value_name = "CALL_ID")]
    pub call_id: String,
    /// What became of it
    #[arg(long = "as", value_name = "sent|not-sent", value_enum, hide_possible_values = true)]
    pub outcome: Settled,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Settled {
    /// It happened.
    Sent,
    /// It did not happen.
    NotSent,
}

impl SendsCommand {
    /// Which configuration the command works on.
    pub fn config_args(&self) -> &ConfigArgs {
        match self {
            Self::List(args) => &args.config,
            Self::Settle(args) => &args.config,
        }
    }
}

/// Runs one of the commands.
pub async fn run(command: SendsCommand, config: Config) -> ExitCode {
    let clock = system_clock();
    let guards = match open_existing_state(&config, &clock).await {
        Ok(state) => guards(config.workspace(), &state, clock, false),
        Err(error) => return output::not_opened(&error),
    };
    match command {
        SendsCommand::List(args) => list(&args, &guards).await,
        SendsCommand::Settle(args) => settle(&args, &guards).await,
    }
}

async fn list(args: &ListArgs, guards: &Guards) -> ExitCode {
    let calls = match args.since {
        None => WhichCalls::Unsettled,
        Some(since) => WhichCalls::Since(since.at_ms(guards.clock.now_ms())),
    };
    let calls = match guards.list_calls(calls, args.limit).await {
        Ok(calls) => calls,
        Err(error) => return output::failed(error.message),
    };
    if args.json {
        let line = |text: String, call| text + &line(call, guards).to_string() + "\n";
        return output::print(calls.iter().fold(String::new(), line));
    }
    output::print(listed(&calls, args, guards))
}

/// Where a call stands, in an operator's words.
fn standing(call: &RecordedCall) -> &'static str {
    let sends = call.effect == Effect::Send.as_str();
    match (call.state, call.absent_at_ms) {
        (CallState::InFlight, _) => "running",
        (CallState::Committed, _) if sends => "sent",
        (CallState::Committed, _) => "done",
        (CallState::Released, _) if sends => "not sent",
        (CallState::Released, _) => "not done",
        (CallState::Absent, _) | (CallState::Unknown, Some(_)) if sends => "probably not sent",
        (CallState::Absent, _) | (CallState::Unknown, Some(_)) => "probably not done",
        (CallState::Unknown, None) => "unknown",
    }
}

/// What is known of a call, without saying whom it concerns.
fn about(call: &RecordedCall, guards: &Guards) -> Option<String> {
    let facts = guards.facts_of(call)?;
    let text = |name: &str| facts[name].as_str().map(output::on_one_line);
    let to = text("to").map(|to| format!("to {}", mask_text(&to)));
    let parts: Vec<_> = [text("template").map(|template| format!("template {template}")), to, text("name")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn line(call: &RecordedCall, guards: &Guards) -> Value {
    json!({
        "call_id": call.call_id,
        "tool": call.tool,
        "effect": call.effect,
        "state": standing(call),
        "principal": call.principal,
        "began_at": layout::timestamp(call.began_at_ms).to_string(),
        "looked_for_in_vain_at": call.absent_at_ms.map(|at_ms| layout::timestamp(at_ms).to_string()),
        "about": about(call, guards),
    })
}

fn listed(calls: &[RecordedCall], args: &ListArgs, guards: &Guards) -> String {
    let workspace = &guards.workspace.name;
    if calls.is_empty() {
        let none = if args.since.is_some() { "No such call since then." } else { "Every call is settled." };
        return format!("{none} (workspace {workspace})\n");
    }
    let row = |call: &RecordedCall| {
        let about = about(call, guards).unwrap_or_default();
        vec![
            call.call_id.clone(),
            layout::moment(call.began_at_ms),
            standing(call).to_owned(),
            call.tool.clone(),
            about,
        ]
    };
    let mut rows: Vec<Vec<String>> = calls.iter().map(row).collect();
    // Two lines to a call: what it was goes below, or no terminal would be wide enough.
    let mut text = String::new();
    for row in &mut rows {
        let about = row.pop().unwrap_or_default();
        let tool = row.pop().unwrap_or_default();
        text.push_str(&row.join("  "));
        text.push('\n');
        layout::hang(&mut text, "    ", format!("{tool} {about}").trim_end(), 4);
    }
    let more = if calls.len() >= args.limit as usize { "; --limit shows more" } else { "" };
    text + &format!("\n{} (workspace {workspace}){more}.\n", counted(calls.len() as u64, "call"))
}

async fn settle(args: &SettleArgs, guards: &Guards) -> ExitCode {
    let call = match guards.list_calls(WhichCalls::Id(args.call_id.clone()), 1).await {
        Ok(calls) => calls.into_iter().next(),
        Err(error) => return output::failed(error.message),
    };
    let workspace = &guards.workspace.name;
    let Some(call) = call else {
        let none = format!("workspace `{workspace}` has no call {}; `sends list` shows those there are", args.call_id);
        return output::unusable(none);
    };
    match call.state {
        CallState::Unknown | CallState::Absent => {}
        CallState::InFlight => {
            let until = layout::time_of_day(call.lease_until_ms);
            return output::failed(format!("the call may still be running, until {until} UTC; nothing was changed"));
        }
        CallState::Committed | CallState::Released => {
            return output::failed(format!("the call is settled already: {}; nothing was changed", standing(&call)));
        }
    }
    let (outcome, to, said) = match args.outcome {
        Settled::Sent => {
            (CallOutcome::Committed, "settle it as sent", "sent; the same call is not made again for a day")
        }
        Settled::NotSent => {
            (CallOutcome::Released, "let it be made again", "not sent; the same call may be made again")
        }
    };
    if !args.yes
        && let Err(code) = confirmed("the call's id", &call.call_id, to)
    {
        return code;
    }
    match guards.settle_by_command(&call, outcome).await {
        Ok(true) => output::print(format!("Settled {} of {workspace} as {said}.\n", call.tool)),
        Ok(false) => {
            output::failed("the call was settled meanwhile, `sends list --since 1d` shows how; nothing was changed")
        }
        Err(error) => output::failed(error.message),
    }
}
