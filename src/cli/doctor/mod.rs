//! `doctor`: what works, what does not, and what to do about it.

mod access;
mod check;
mod local;
mod shared;

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use serde_json::json;

use self::{access::Access, check::Check};
use super::{ConfigArgs, output};
use crate::{
    clock::AdjustableClock,
    config::{Config, Environment, WorkspaceConfig},
    guard::policy::WorkspaceKind,
    sandbox::Fixture,
    server::open::{OpenError, sandbox_workspace, start_sandbox, system_clock},
};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp doctor
  customerio-mcp doctor --workspace staging --json
  customerio-mcp doctor --sandbox

It asks for little and changes nothing. Exit code 1 means that something does not work.";

/// Flags of `doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Print one JSON object for each check instead of text
    #[arg(long)]
    pub json: bool,
    /// Check the embedded sandbox instead of Customer.io
    #[arg(long)]
    pub sandbox: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Runs every check.
pub async fn run(args: DoctorArgs, config: Config, env: &Environment) -> ExitCode {
    if let Err(error) = config.check_policy_tools(crate::tools::names) {
        return output::unusable(error);
    }
    match examine(&args, &config, env).await {
        Ok(checks) => report(&checks, args.json),
        Err(error) => output::not_opened(&error),
    }
}

async fn examine(args: &DoctorArgs, config: &Config, env: &Environment) -> Result<Vec<Check>, OpenError> {
    let mut clock = system_clock();
    let mut workspace = config.workspace().clone();
    let mut embedded = None;
    if args.sandbox {
        let adjustable = Arc::new(AdjustableClock::running());
        let sandbox = start_sandbox(Arc::clone(&adjustable), Fixture::shop()).await?;
        workspace = sandbox_workspace(&workspace, &sandbox);
        clock = adjustable;
        embedded = Some(sandbox);
    }
    let access = Access::new(&workspace, clock.clone())?;
    let state = local::state(config, &clock).await;
    let mut checks = local::configuration(config);
    checks.extend(state.checks.iter().cloned());
    checks.extend(imitation(&workspace, &access, embedded.is_some()).await);
    checks.extend(access.checks().await);
    checks.push(local::identity(&workspace, &state, &clock).await);
    checks.extend(local::guardrails(&workspace));
    checks.extend(local::proxies(env));
    if let Some(sandbox) = embedded {
        sandbox.shutdown().await;
    }
    Ok(checks)
}

/// A workspace that calls itself a sandbox must be one.
async fn imitation(workspace: &WorkspaceConfig, access: &Access<'_>, embedded: bool) -> Option<Check> {
    if workspace.kind != WorkspaceKind::Sandbox {
        return None;
    }
    Some(match (embedded, access.answers_as_sandbox().await) {
        (true, Ok(true)) => Check::ok("sandbox", "embedded; no account, no network"),
        (false, Ok(true)) => Check::ok("sandbox", "a sandbox answers"),
        (_, Ok(false)) => Check::failed("sandbox", "something else than a sandbox answers at track_url")
            .next("Start one with `customerio-mcp sandbox --listen ADDR`, or remove `kind = \"sandbox\"`."),
        (_, Err(error)) => Check::failed("sandbox", format!("no sandbox answers at track_url: {}", error.message))
            .next("Start one with `customerio-mcp sandbox --listen ADDR`."),
    })
}

fn report(checks: &[Check], json: bool) -> ExitCode {
    let failed = checks.iter().filter(|check| check.has_failed()).count();
    let mut text = String::new();
    for check in checks {
        text.push_str(&if json { json!(check).to_string() + "\n" } else { check.to_text() });
    }
    if !json {
        let verdict = match failed {
            0 => "\nAll is well.\n".to_owned(),
            1 => "\nOne thing does not work.\n".to_owned(),
            several => format!("\n{several} things do not work.\n"),
        };
        text.push_str(&verdict);
    }
    let printed = output::print(text);
    if failed == 0 { printed } else { ExitCode::from(output::FAILED) }
}
