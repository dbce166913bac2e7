//! `identity`: how people are identified in a workspace.

use std::process::ExitCode;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};

use serde_json::{Value, json};

use super::{
    ConfigArgs,
    config::{in_short, kind_name},
    confirm::confirmed,
    layout,
    output::{self, HEADING},
};
use crate::{
    config::{Config, WorkspaceConfig},
    guard::{
        Guards,
        declare::DeclaredStrategy,
        identity::strategy::{IdForm, IdentityStrategy, Primary},
    },
    server::open::{
        OpenError, OpenState, StateFound, find_state, guards, open_existing_state, open_state, system_clock,
    },
};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp identity declare --primary id --id-form uuid \\
      --source 'users.uuid in the shop database'
  customerio-mcp identity declare --primary email --source 'the newsletter form' \\
      --email-domain @shop.example

Forms of an id:
  any                 anything but an e-mail address
  uuid                lower case, with hyphens
  ulid                upper case
  integer             digits without a leading zero
  email               for workspaces whose ids are addresses
  prefix:<text>       a fixed beginning, such as prefix:cust_
  regex:<pattern>     a pattern that matches the whole id";

const CHANGE_EXAMPLES: &str = "\
Examples:
  customerio-mcp identity change --primary id --id-form prefix:cust_ \\
      --source 'column id of the shop'

It shows what changes and asks; --yes answers. `identity declare --help` lists
the forms of an id.";

/// Commands of `identity`.
#[derive(Debug, Clone, Subcommand)]
pub enum IdentityCommand {
    /// Show the declared strategy, who declared it and when
    Show(ShowArgs),
    /// Declare the strategy of a workspace that has none
    #[command(after_help = EXAMPLES)]
    Declare(StrategyArgs),
    /// Replace the declared strategy; ids of people who exist are not touched
    #[command(after_help = CHANGE_EXAMPLES)]
    Change(ChangeArgs),
}

/// Flags of `identity show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// A strategy as flags.
#[derive(Debug, Clone, Args)]
pub struct StrategyArgs {
    /// The identifier every person has
    #[arg(long, value_parser = PossibleValuesParser::new(["id", "email"]).map(|text| primary_named(&text)))]
    pub primary: Primary,
    /// The form every id has
    #[arg(long, value_name = "FORM", default_value = "any", value_parser = |text: &str| IdForm::try_from(text.to_owned()))]
    pub id_form: IdForm,
    /// Where ids come from, in one sentence
    #[arg(long, value_name = "SENTENCE")]
    pub source: String,
    /// The only domains that `email` may have, such as @shop.example; repeatable
    #[arg(long = "email-domain", value_name = "@DOMAIN")]
    pub email_domains: Vec<String>,
    /// Events of visitors not yet identified are used
    #[arg(long)]
    pub anonymous_ids: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Flags of `identity change`.
#[derive(Debug, Clone, Args)]
pub struct ChangeArgs {
    /// The new strategy.
    #[command(flatten)]
    pub strategy: StrategyArgs,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

impl StrategyArgs {
    /// The strategy these flags describe.
    pub fn strategy(&self) -> IdentityStrategy {
        IdentityStrategy {
            primary: self.primary,
            id_form: self.id_form.clone(),
            source: self.source.clone(),
            email_domains: self.email_domains.clone(),
            anonymous_ids: self.anonymous_ids,
        }
    }
}

fn primary_named(text: &str) -> Primary {
    if text == "email" { Primary::Email } else { Primary::Id }
}

impl IdentityCommand {
    /// Which configuration the command works on.
    pub fn config_args(&self) -> &ConfigArgs {
        match self {
            Self::Show(args) => &args.config,
            Self::Declare(args) => &args.config,
            Self::Change(args) => &args.strategy.config,
        }
    }
}

/// Runs one of the commands.
pub async fn run(command: IdentityCommand, config: Config) -> ExitCode {
    match command {
        IdentityCommand::Show(args) => show(&args, &config).await,
        IdentityCommand::Declare(args) => declare(&args, &config).await,
        IdentityCommand::Change(args) => change(&args, &config).await,
    }
}

/// Who declared a strategy in the configuration file, as the state names it too.
const CONFIGURATION: &str = "configuration";

async fn show(args: &ShowArgs, config: &Config) -> ExitCode {
    let stored = match open_existing_state(config, &system_clock()).await {
        Ok(state) => match opened(config, &state).declared_strategy().await {
            Ok(stored) => stored,
            Err(error) => return output::failed(error.message),
        },
        Err(OpenError::NoState(_) | OpenError::NoSharedState) => None,
        Err(OpenError::InMemory) if config.workspace().identity.is_some() => None,
        Err(error) => return output::not_opened(&error),
    };
    let workspace = config.workspace();
    if args.json {
        return output::print(format!("{}\n", as_json(workspace, stored.as_ref())));
    }
    output::print(as_text(config, stored.as_ref()))
}

/// The file's strategy wins at every start, whatever was declared before.
fn holds<'a>(
    workspace: &'a WorkspaceConfig,
    stored: Option<&'a DeclaredStrategy>,
) -> Option<(&'a IdentityStrategy, &'a str, Option<i64>)> {
    match (&workspace.identity, stored) {
        (Some(strategy), Some(stored)) if stored.strategy == *strategy => {
            Some((strategy, CONFIGURATION, Some(stored.at_ms)))
        }
        (Some(strategy), _) => Some((strategy, CONFIGURATION, None)),
        (None, Some(stored)) => Some((&stored.strategy, &stored.by, Some(stored.at_ms))),
        (None, None) => None,
    }
}

fn as_json(workspace: &WorkspaceConfig, stored: Option<&DeclaredStrategy>) -> Value {
    let holds = holds(workspace, stored);
    json!({
        "workspace": workspace.name,
        "identity_strategy": holds.map(|(strategy, ..)| strategy),
        "declared_by": holds.map(|(_, by, _)| by),
        "declared_at": holds.and_then(|(_, _, at_ms)| at_ms).map(|at_ms| layout::timestamp(at_ms).to_string()),
    })
}

fn as_text(config: &Config, stored: Option<&DeclaredStrategy>) -> String {
    let workspace = config.workspace();
    let mut text = String::new();
    let mut row = |name: &str, value: &str| layout::row(&mut text, name, value, 11);
    row("workspace", &format!("{} ({})", workspace.name, kind_name(workspace.kind)));
    let Some((strategy, by, at_ms)) = holds(workspace, stored) else {
        row("identity", "not declared: nobody can be created or changed until it is");
        row("", "customerio-mcp identity declare --help");
        return text;
    };
    for (name, value) in in_rows(strategy) {
        row(name, &value);
    }
    let source = match by {
        CONFIGURATION => format!("in {}", config.source),
        by => format!("by {by}"),
    };
    let since = at_ms.map(|at_ms| format!(", {}", layout::moment(at_ms))).unwrap_or_default();
    row("declared", &format!("{source}{since}"));
    if let Some(stored) = stored.filter(|stored| stored.strategy != *strategy) {
        let was = format!("at the next start it replaces what the state holds: {}", in_short(&stored.strategy));
        row("note", &was);
    }
    text
}

fn in_rows(strategy: &IdentityStrategy) -> [(&'static str, String); 5] {
    let domains = if strategy.email_domains.is_empty() {
        "any address".to_owned()
    } else {
        format!("only addresses of {}", strategy.email_domains.join(", "))
    };
    let anonymous = if strategy.anonymous_ids { "used" } else { "not used" };
    [
        ("primary", strategy.primary.id_type().to_string()),
        ("id form", strategy.id_form.to_string()),
        ("source", strategy.source.clone()),
        ("e-mail", domains),
        ("anonymous", anonymous.to_owned()),
    ]
}

async fn declare(args: &StrategyArgs, config: &Config) -> ExitCode {
    let strategy = args.strategy();
    let guards = match ready(config, &strategy).await {
        Ok(guards) => guards,
        Err(code) => return code,
    };
    match guards.declared_strategy().await {
        Err(error) => output::failed(error.message),
        Ok(Some(standing)) if standing.strategy == strategy => unchanged(&standing),
        Ok(Some(standing)) => output::failed(format!(
            "another identity strategy is declared for `{}`: {} (by {}, {}). Nothing was changed. People were written \
             by it; `identity change` replaces it",
            config.workspace().name,
            in_short(&standing.strategy),
            standing.by,
            layout::moment(standing.at_ms)
        )),
        Ok(None) => settle(&guards, &strategy, "identity declare", false).await,
    }
}

async fn change(args: &ChangeArgs, config: &Config) -> ExitCode {
    let strategy = args.strategy.strategy();
    let guards = match ready(config, &strategy).await {
        Ok(guards) => guards,
        Err(code) => return code,
    };
    let standing = match guards.declared_strategy().await {
        Err(error) => return output::failed(error.message),
        Ok(Some(standing)) if standing.strategy == strategy => return unchanged(&standing),
        Ok(standing) => standing,
    };
    if let Some(standing) = &standing {
        output::say(consequences(&config.workspace().name, standing, &strategy));
        if !args.yes
            && let Err(code) = confirmed("the workspace's name", &config.workspace().name, "change it")
        {
            return code;
        }
    }
    settle(&guards, &strategy, "identity change", true).await
}

/// Checks what was asked and opens the state, or says why not.
async fn ready(config: &Config, strategy: &IdentityStrategy) -> Result<Guards, ExitCode> {
    let faults = strategy.faults();
    if !faults.is_empty() {
        let flag = |field: &str| if field == "email_domains" { "--email-domain" } else { "--source" };
        let lines: Vec<String> = faults.iter().map(|(field, message)| format!("{} {message}", flag(field))).collect();
        return Err(output::unusable(lines.join("\n")));
    }
    if config.workspace().identity.is_some() {
        return Err(output::unusable(format!(
            "{} declares the identity strategy of `{}`, and it wins at every start: change it there",
            config.source,
            config.workspace().name
        )));
    }
    let state = match find_state(config) {
        // Declaring may be the first thing that is done.
        StateFound::Nothing(_) | StateFound::Shared => open_state(config, &system_clock()).await,
        _ => open_existing_state(config, &system_clock()).await,
    };
    state.map(|state| opened(config, &state)).map_err(|error| output::not_opened(&error))
}

fn opened(config: &Config, state: &OpenState) -> Guards {
    guards(config.workspace(), state, system_clock(), false)
}

async fn settle(guards: &Guards, strategy: &IdentityStrategy, command: &str, replace: bool) -> ExitCode {
    match guards.declare_by_command(strategy, command, replace).await {
        Ok(()) => output::print(format!("Declared for {}: {}.\n", guards.workspace.name, in_short(strategy))),
        Err(error) => output::failed(error.message),
    }
}

fn unchanged(standing: &DeclaredStrategy) -> ExitCode {
    let at = layout::moment(standing.at_ms);
    output::print(format!("This strategy is declared already (by {}, {at}). Nothing was changed.\n", standing.by))
}

fn consequences(workspace: &str, standing: &DeclaredStrategy, strategy: &IdentityStrategy) -> String {
    let mut text = format!("{HEADING}The identity strategy of {workspace} changes.{HEADING:#}\n\n");
    layout::row(&mut text, "  from", &in_short(&standing.strategy), 8);
    layout::row(&mut text, "", &format!("(declared by {}, {})", standing.by, layout::moment(standing.at_ms)), 8);
    layout::row(&mut text, "  to", &in_short(strategy), 8);
    text.push('\n');
    layout::paragraph(
        &mut text,
        "People who exist keep the identifiers they have. From now on whoever is created must fit the new strategy, and \
         an id of another form is refused in a write; people who do not fit it are reached by their cio_id. Connected \
         agents are held to it from their next call. The same person written under both strategies becomes two people.",
    );
    text.push('\n');
    text
}
