//! `config`: what the configuration amounts to, and what it may hold.

use std::{fmt::Write as _, process::ExitCode};

use clap::Subcommand;

use super::{
    ConfigArgs, layout, markdown,
    output::{self, HEADING},
};
use crate::{
    catalog::{Effect, Flag},
    config::{Config, ConfigError, Environment, Purpose, StateConfig, VARIABLES, WorkspaceConfig, schema},
    guard::{
        identity::strategy::IdentityStrategy,
        policy::{Budgets, CallerBudgets, Decision, Pii, Reach, WorkspaceKind},
        privacy::Privacy,
    },
};

const CHECK_EXAMPLES: &str = "\
Examples:
  customerio-mcp config check
  customerio-mcp config check --config examples/customerio-mcp.toml

It reads files and environment, calls nobody and writes nothing. Secrets are never shown.
Exit code 2 means that the configuration cannot be used; each reason is printed
with its place.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  customerio-mcp config schema > customerio-mcp.schema.json

An editor that knows TOML takes it from a first line such as
  #:schema ./customerio-mcp.schema.json";

/// Commands of `config`.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON schema of the configuration file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Check the configuration and say what it amounts to
    #[command(after_help = CHECK_EXAMPLES)]
    Check(ConfigArgs),
    /// List the environment variables
    Variables,
    /// Print the keys of the configuration file as the Markdown table of the README
    Table,
}

/// Runs one of the commands.
pub fn run(command: &ConfigCommand, env: &Environment) -> Result<ExitCode, ConfigError> {
    Ok(match command {
        ConfigCommand::Schema => output::print(format!("{:#}\n", schema())),
        ConfigCommand::Check(args) => output::print(report(&args.load(env, Purpose::Connect)?)),
        ConfigCommand::Variables => output::print(variables()),
        ConfigCommand::Table => output::print(markdown::settings_table(&schema())),
    })
}

fn variables() -> String {
    VARIABLES.iter().fold(String::new(), |mut text, (name, meaning)| {
        layout::row(&mut text, name, meaning, 29);
        text
    })
}

fn report(config: &Config) -> String {
    let mut text = String::new();
    let state = match &config.state {
        StateConfig::Memory => "in memory".to_owned(),
        StateConfig::Sqlite { directory } => format!("SQLite in {}", directory.display()),
        StateConfig::Postgres { directory: Some(directory), .. } => {
            format!("PostgreSQL at CUSTOMERIO_MCP_STATE_URL; exports in {}", directory.display())
        }
        StateConfig::Postgres { .. } => "PostgreSQL at CUSTOMERIO_MCP_STATE_URL; exports in memory".to_owned(),
    };
    row(&mut text, "configuration", &config.source.to_string());
    row(&mut text, "state", &state);
    row(&mut text, "own secret", own_secret(config));
    for note in &config.notes {
        row(&mut text, "note", note);
    }
    for workspace in config.workspaces.values() {
        let default = if workspace.name == config.default_workspace { ", default" } else { "" };
        let kind = kind_name(workspace.kind);
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{HEADING}{}{HEADING:#} ({kind}{default})", workspace.name);
        describe(&mut text, workspace);
    }
    text
}

fn own_secret(config: &Config) -> &'static str {
    match (config.own_secret_is_given(), &config.state) {
        (true, _) => "from the environment",
        (false, StateConfig::Memory) => "made for each run",
        (false, StateConfig::Sqlite { .. } | StateConfig::Postgres { .. }) => "kept with the state, made on first use",
    }
}

fn describe(text: &mut String, workspace: &WorkspaceConfig) {
    let urls = [("Track", &workspace.track_url), ("App", &workspace.app_url), ("Pipelines", &workspace.cdp_url)];
    row(text, "region", workspace.region.as_str());
    row(text, "credentials", &listed(workspace.apis().into_iter().map(str::to_owned)));
    for (api, url) in urls {
        if let Some(url) = url {
            row(text, "other host", &format!("{api} at {url}"));
        }
    }
    row(text, "identity", &identity(workspace));
    row(text, "policy", &unbroken(policy(workspace)));
    if !workspace.policy.tools.is_empty() {
        let tools = workspace.policy.tools.iter().map(|(tool, decision)| format!("{tool} {}", decision.as_str()));
        row(text, "single tools", &listed(tools));
    }
    row(text, "budgets", &unbroken(budgets(workspace.budgets)));
    if workspace.budgets.caller != CallerBudgets::default() {
        row(text, "of each caller", &unbroken(budgets(workspace.budgets.of_each_caller())));
    }
    row(text, "test profiles", &test_profiles(workspace));
    row(text, "recipients", &listed(recipients(workspace)));
    row(text, "may be called", &listed(workspace.egress_hosts.iter().cloned()));
    row(text, "linked to", &listed(workspace.link_hosts.iter().cloned()));
    if let Some(days) = workspace.audit_keep_days {
        row(text, "audit", &format!("kept for {days} days"));
    }
    row(text, "personal data", &privacy(workspace));
}

fn privacy(workspace: &WorkspaceConfig) -> String {
    let Privacy { mask, hide, show } = &workspace.privacy;
    let shown = if workspace.pii == Pii::Full { "shown in full" } else { "masked" };
    let lists = [("also masked", mask), ("never shown", hide), ("shown", show)];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    lists.fold(shown.to_owned(), |text, (name, list)| text + "; " + name + ": " + &list.join(" "))
}

fn identity(workspace: &WorkspaceConfig) -> String {
    match &workspace.identity {
        None => "not in the configuration; see identity show".to_owned(),
        Some(strategy) => in_short(strategy),
    }
}

/// An identity strategy in one line.
pub(super) fn in_short(strategy: &IdentityStrategy) -> String {
    let primary = strategy.primary.id_type();
    let domains = match strategy.email_domains.as_slice() {
        [] => String::new(),
        domains => format!(", addresses of {} only", domains.join(" ")),
    };
    format!("by {primary}, ids of form {}{domains}, from {}", strategy.id_form, strategy.source)
}

/// The decision of each effect and flag as it resolves for this kind of workspace.
pub(super) fn policy(workspace: &WorkspaceConfig) -> Vec<String> {
    let flagged = |flag| decide(workspace, Effect::Read, &[flag], ONE_ALLOWED).as_str();
    Effect::ALL
        .iter()
        .map(|effect| format!("{effect} {}", resolved(workspace, *effect)))
        .chain([Flag::BulkPii, Flag::ContentInUse].map(|flag| format!("{} {}", flag.as_str(), flagged(flag))))
        .collect()
}

const ONE_ALLOWED: Reach = Reach { recipients_allowed: true, several_people: false, escalated: false };

fn resolved(workspace: &WorkspaceConfig, effect: Effect) -> String {
    let least = decide(workspace, effect, &[], ONE_ALLOWED).as_str();
    let to_others = decide(workspace, effect, &[], Reach { recipients_allowed: false, ..ONE_ALLOWED }).as_str();
    let to_several = decide(workspace, effect, &[], Reach { several_people: true, ..ONE_ALLOWED }).as_str();
    match (least == to_others, least == to_several) {
        (true, true) => least.to_owned(),
        (true, false) => format!("{least} (to several {to_several})"),
        (false, _) => format!("{least} to listed recipients (else {to_others})"),
    }
}

fn decide(workspace: &WorkspaceConfig, effect: Effect, flags: &[Flag], reach: Reach) -> Decision {
    // No tool has an empty name, so decisions for single tools stay out of it.
    workspace.policy.decide(workspace.kind, "", effect, flags, reach)
}

fn budgets(budgets: Budgets) -> Vec<String> {
    vec![
        format!("sends {}/h {}/day", budgets.sends_per_hour, budgets.sends_per_day),
        format!("triggers {}/h {}/day", budgets.triggers_per_hour, budgets.triggers_per_day),
        format!("writes {}/h {}/day", budgets.writes_per_hour, budgets.writes_per_day),
        format!("deletes {}/h {}/day", budgets.deletes_per_hour, budgets.deletes_per_day),
        format!("new profiles {}/day", budgets.new_profiles_per_day),
    ]
}

fn test_profiles(workspace: &WorkspaceConfig) -> String {
    let tests = &workspace.test_profiles;
    format!("{} at once, {}/day, expire after {} h", tests.active, tests.per_day, tests.expires_after_hours)
}

fn recipients(workspace: &WorkspaceConfig) -> Vec<String> {
    let recipients = &workspace.recipients;
    [("live", &recipients.live), ("test", &recipients.test), ("bcc", &recipients.bcc), ("from", &recipients.from)]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name} {}", list.join(" ")))
        .collect()
}

pub(super) fn kind_name(kind: WorkspaceKind) -> &'static str {
    match kind {
        WorkspaceKind::Live => "live",
        WorkspaceKind::Sandbox => "sandbox",
    }
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// A list whose items are not torn apart at the end of a line.
pub(super) fn unbroken(items: Vec<String>) -> String {
    listed(items.into_iter().map(|item| layout::unbroken(&item)))
}

fn row(text: &mut String, name: &str, value: &str) {
    layout::row(text, name, value, 15);
}
