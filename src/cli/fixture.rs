//! `sandbox fixture`: the file that says what a sandbox holds at the start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::output;
use crate::sandbox::Fixture;

const CHECK_EXAMPLES: &str = "\
Examples:
  customerio-mcp sandbox fixture check shop.toml

It says what the file holds. Exit code 2 means that it cannot be used; everything
wrong with it is printed, each with its line.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  customerio-mcp sandbox fixture schema > fixture.schema.json

An editor that knows TOML takes it from a first line such as
  #:schema ./fixture.schema.json";

const EXAMPLE_EXAMPLES: &str = "\
Examples:
  customerio-mcp sandbox fixture example > mine.toml
  customerio-mcp sandbox fixture example --shop > shop.toml
  customerio-mcp sandbox --fixture mine.toml";

/// Commands of `sandbox fixture`.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum FixtureCommand {
    /// Check a file and say what it holds
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the JSON schema of the file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print a small file with comments, to begin your own from
    #[command(after_help = EXAMPLE_EXAMPLES)]
    Example {
        /// The content that a sandbox has unless it is given one: a small flower shop
        #[arg(long)]
        shop: bool,
    },
}

/// Runs one of the commands.
pub(super) fn run(command: &FixtureCommand) -> ExitCode {
    match command {
        FixtureCommand::Check { file } => match read(file) {
            Ok(fixture) => output::print(report(file, &fixture)),
            Err(message) => output::unusable(message),
        },
        FixtureCommand::Schema => output::print(format!("{:#}\n", Fixture::schema())),
        FixtureCommand::Example { shop: true } => output::print(Fixture::shop_toml()),
        FixtureCommand::Example { shop: false } => output::print(Fixture::example_toml()),
    }
}

/// The fixture of a file, or everything that is wrong with it.
pub(super) fn read(file: &Path) -> Result<Fixture, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Fixture::from_toml(&text).map_err(|error| {
        let told = error.in_file(file).to_string();
        if error.count() > 1 { format!("{told}\n\n{} errors", error.count()) } else { told }
    })
}

fn report(file: &Path, fixture: &Fixture) -> String {
    let contents = fixture.contents();
    let rows =
        contents.iter().map(|(count, one, many)| format!("{count:>6} {}\n", if *count == 1 { one } else { many }));
    let rows: String = rows.collect();
    let rows = if rows.is_empty() { "  nothing\n".to_owned() } else { rows };
    format!("{} holds\n{rows}", file.display())
}
