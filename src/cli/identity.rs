//! `identity`: how people are identified in a workspace.

use std::process::ExitCode;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};

use super::{ConfigArgs, output};
use crate::{
    config::Config,
    guard::identity::strategy::{IdForm, IdentityStrategy, Primary},
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

/// Commands of `identity`.
#[derive(Debug, Clone, Subcommand)]
pub enum IdentityCommand {
    /// Show the declared strategy, who declared it and when
    Show(ShowArgs),
    /// Declare the strategy of a workspace that has none
    #[command(after_help = EXAMPLES)]
    Declare(StrategyArgs),
    /// Replace the declared strategy; ids of people who exist are not touched
    #[command(after_help = EXAMPLES)]
    Change(StrategyArgs),
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
            Self::Declare(args) | Self::Change(args) => &args.config,
        }
    }
}

/// Runs one of the commands.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_command: IdentityCommand, _config: Config) -> ExitCode {
    output::failed("identity is not built yet")
}
