//! `approvals approve` and `approvals deny`: a human's word, given on a terminal.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    process::ExitCode,
};

use clap::Args;

use super::{
    super::{ConfigArgs, layout, output},
    find, key, show, standing,
};
use crate::{
    guard::{Guards, approval::people_to_type, command::OPERATOR},
    state::{Approval, Decided},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  customerio-mcp approvals approve apr_5f0c2a9b7d3e
  customerio-mcp approvals deny apr_5f0c2a9b7d3e

It shows the call first, and asks on this terminal: for the number of people it
reaches, and for your key where operator keys are configured. The call is not made
now: the agent makes it again, within an hour, and it runs once if it reaches nobody
else by then. Until it has, `deny` takes an approval back.";

/// Flags of `approvals approve` and `approvals deny`.
#[derive(Debug, Clone, Args)]
pub struct DecideArgs {
    /// The call, as `approvals list` and the error name it
    #[arg(value_name = "APPROVAL_ID")]
    pub approval_id: String,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub(super) async fn run(args: &DecideArgs, guards: &Guards, approve: bool) -> ExitCode {
    let approval = match find(&args.approval_id, guards).await {
        Ok(approval) => approval,
        Err(code) => return code,
    };
    if !approval.state.may_be_decided(approve) {
        return decided_before(&approval);
    }
    if !io::stdin().is_terminal() {
        return output::unusable("a human decides, on a terminal: run this on one. Nothing was decided");
    }
    output::say(show::shown(&approval, guards));
    let by = match operator(guards) {
        Ok(by) => by,
        Err(code) => return code,
    };
    if approve && let Err(code) = confirmed(&approval, guards) {
        return code;
    }
    let named = (approval.tool.as_str(), approval.effect.as_str());
    match guards.decide_approval(&approval.approval_id, named, &by, approve).await {
        Ok(Decided::Now(approval)) if approve => {
            let until = layout::time_of_day(approval.expires_at_ms);
            output::print(format!("Approved. The agent may make the call again, once, until {until} UTC.\n"))
        }
        Ok(Decided::Now(_)) => output::print("Denied. The agent is told so if it makes the call again.\n"),
        Ok(Decided::Before(approval)) => decided_before(&approval),
        Ok(Decided::Unknown) => output::failed("it has expired meanwhile; nothing was decided"),
        Err(error) => output::failed(error.message),
    }
}

fn decided_before(approval: &Approval) -> ExitCode {
    output::failed(format!("it is decided already: {}; nothing was changed", standing(approval.state)))
}

/// Who decides: whoever has the terminal, or whose key is typed.
fn operator(guards: &Guards) -> Result<String, ExitCode> {
    let keys = &guards.approvals.operator_keys;
    if keys.is_empty() {
        return Ok(OPERATOR.to_owned());
    }
    let typed = rpassword::prompt_password("Your operator key: ")
        .map_err(|error| output::failed(format!("the key cannot be read: {error}; nothing was decided")))?;
    let name = key::owner(keys, &typed);
    name.map(|name| format!("{OPERATOR} {name}"))
        .ok_or_else(|| output::failed("that is nobody's key; nothing was decided"))
}

/// What nobody types by accident: how many people the call reaches, where that says something.
fn confirmed(approval: &Approval, guards: &Guards) -> Result<(), ExitCode> {
    let people = guards.shown_of(approval).and_then(|(plan, _)| people_to_type(approval.people, &plan));
    let (question, expected) = match people {
        Some(people) => ("Type how many people it reaches, to approve it: ", people.to_string()),
        None => ("Type `approve` to approve it: ", "approve".to_owned()),
    };
    output::say(question);
    let mut typed = String::new();
    match io::stdin().lock().read_line(&mut typed) {
        Ok(_) if typed.trim() == expected => Ok(()),
        Ok(_) => Err(output::failed("that is something else; nothing was decided")),
        Err(error) => Err(output::failed(format!("the answer cannot be read: {error}; nothing was decided"))),
    }
}
