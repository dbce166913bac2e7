//! `audit prune`: what is old goes, and what is left stays proven.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::When;
use crate::{
    cli::{
        ConfigArgs,
        confirm::confirmed,
        layout,
        output::{self, counted},
    },
    guard::Guards,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  customerio-mcp audit prune --before 365d
  customerio-mcp audit prune --before 2026-01-01 --yes

All is proven first, and nothing is deleted where the chain does not hold. The
hash of the last record that goes stays as a checkpoint, from which `audit verify`
proves the rest. It cannot be undone, so it asks; --yes answers.";

/// Flags of `audit prune`.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// Records older than this: an age such as 90d or 52w, a day, or ISO 8601 with offset
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub before: When,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub(super) async fn run(args: &PruneArgs, guards: &Guards) -> ExitCode {
    let now_ms = guards.clock.now_ms();
    let before_ms = args.before.at_ms(now_ms);
    if before_ms > now_ms {
        let (before, now) = (layout::moment(before_ms), layout::moment(now_ms));
        return output::unusable(format!("--before lies ahead ({before}, and it is {now}); nothing was deleted"));
    }
    if let Err(why) = proven(guards).await {
        return output::failed(format!("{why}; nothing was deleted"));
    }
    let workspace = &guards.workspace.name;
    if !args.yes
        && let Err(code) = confirmed("the workspace's name", workspace, "delete its old records")
    {
        return code;
    }
    let deleted = match guards.prune_audit(before_ms).await {
        Ok(deleted) => deleted,
        Err(error) => return output::failed(error.message),
    };
    let left = match proven(guards).await {
        Ok(left) => left,
        Err(why) => return output::failed(format!("{} deleted, and now {why}", counted(deleted, "record"))),
    };
    output::print(if args.json {
        let before = layout::timestamp(before_ms).to_string();
        format!("{}\n", json!({ "workspace": workspace, "before": before, "deleted": deleted, "left": left }))
    } else {
        format!(
            "Deleted {} of {workspace} from before {}. {left} are left and proven, this command's own two among them.\n",
            counted(deleted, "record"),
            layout::moment(before_ms)
        )
    })
}

/// How many records hold, if all do.
async fn proven(guards: &Guards) -> Result<u64, String> {
    let report = guards.store.verify_audit(guards.workspace.name.clone()).await.map_err(|error| error.to_string())?;
    if report.faults.is_empty() {
        return Ok(report.records);
    }
    Err("the chain does not hold: `audit verify` names the place".to_owned())
}
