//! `sandbox`: a local Customer.io for any program that talks to it.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{
    LogArgs, fixture,
    interruption::Interruptions,
    output::{self, HEADING},
};
use crate::{
    clock::{AdjustableClock, SystemClock},
    sandbox::{Fixture, Keys, RunningSandbox, SandboxConfig, StartError, Store, start},
};

const EXAMPLES: &str = "\
Examples:
  customerio-mcp sandbox
      listens on 127.0.0.1:8585 and makes credentials
  customerio-mcp sandbox --listen 127.0.0.1:0 --fixture shop.toml --seed 7
      a free port, content of your own, the same ids on every run
  customerio-mcp sandbox fixture example > shop.toml
      a file to begin your own content from
  customerio-mcp sandbox --data ./sandbox
      kept in a directory, and going on from there the next time
  customerio-mcp sandbox --seed 7 --at 2026-03-01T12:00:00Z
      a clock that stands, so that the same calls get the same bytes
  customerio-mcp sandbox --seed 7 &
  eval \"$(customerio-mcp sandbox --seed 7 --print-env)\"
      point this shell at it

It answers on the vendor's paths. Nothing it is told leaves this machine, and
without --data it forgets everything when it stops.";

/// Flags of `sandbox`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    #[command(subcommand)]
    command: Option<SandboxCommand>,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8585")]
    pub listen: SocketAddr,
    /// Track API: site id to accept [default: one is made]
    #[arg(long, value_name = "TEXT")]
    pub site_id: Option<String>,
    /// Track API: key to accept [default: one is made]
    #[arg(long, value_name = "TEXT")]
    pub tracking_key: Option<String>,
    /// App API: key to accept [default: one is made]
    #[arg(long, value_name = "TEXT")]
    pub app_key: Option<String>,
    /// Pipelines API: write key to accept [default: one is made]
    #[arg(long, value_name = "TEXT")]
    pub cdp_key: Option<String>,
    /// Content of the workspace, a TOML file [default: a small flower shop]
    #[arg(long, value_name = "FILE")]
    pub fixture: Option<PathBuf>,
    /// Make the same ids and keys on every run with the same number
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Let the clock stand at this time, ISO 8601 with an offset, until it is moved [default: it goes with the machine's]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Keep everything in this directory, and go on with what is in it
    #[arg(long, value_name = "DIR", conflicts_with = "print_env")]
    pub data: Option<PathBuf>,
    /// Enforce the vendor's rate limits
    #[arg(long)]
    pub strict_limits: bool,
    /// Print the environment that points customerio-mcp at such a sandbox, and test suites at the messages in it, and
    /// end
    #[arg(long)]
    pub print_env: bool,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Commands of `sandbox`. Without one it runs.
#[derive(Debug, Clone, Subcommand)]
enum SandboxCommand {
    /// Check a fixture file, print its schema, or an example to begin from
    #[command(subcommand)]
    Fixture(fixture::FixtureCommand),
}

impl SandboxArgs {
    /// Keys that are not given are those of the directory, or made: from a seed of their own, so that giving some does
    /// not change the ids of the content.
    fn keys(&self, stored: Option<Keys>) -> Keys {
        let made = stored.unwrap_or_else(|| match self.seed {
            Some(seed) => Keys::random(&AdjustableClock::running().with_seed(seed)),
            None => Keys::random(&SystemClock),
        });
        let given = |given: &Option<String>, made: String| given.clone().unwrap_or(made);
        Keys {
            site_id: given(&self.site_id, made.site_id),
            tracking_api_key: given(&self.tracking_key, made.tracking_api_key),
            app_api_key: given(&self.app_key, made.app_api_key),
            cdp_write_key: given(&self.cdp_key, made.cdp_write_key),
        }
    }

    fn clock(&self) -> Arc<AdjustableClock> {
        let clock = self.at.map_or_else(AdjustableClock::running, AdjustableClock::stopped_at);
        Arc::new(match self.seed {
            Some(seed) => clock.with_seed(seed),
            None => clock,
        })
    }

    fn content(&self) -> Result<Fixture, String> {
        let Some(path) = &self.fixture else { return Ok(Fixture::shop()) };
        fixture::read(path)
    }

    /// The directory, if one is given, with the fixture it began with.
    fn stored(&self) -> Result<(Option<Store>, Option<Fixture>), String> {
        let Some(path) = &self.data else { return Ok((None, None)) };
        let said = |error: &dyn std::fmt::Display| format!("--data {}: {error}", path.display());
        let store = Store::open(path).map_err(|error| said(&error))?;
        let Some(chronicle) = store.chronicle().map_err(|error| said(&error))? else { return Ok((Some(store), None)) };
        if let Some(seed) = self.seed.filter(|seed| *seed != chronicle.seed) {
            return Err(said(&format!(
                "began with --seed {}, not {seed}: leave --seed out, or use another directory",
                chronicle.seed
            )));
        }
        let fixture = Fixture::from_toml(&chronicle.fixture).map_err(|error| said(&error))?;
        if self.fixture.is_some() && self.content()? != fixture {
            return Err(said(&"began with another fixture: leave --fixture out, or use another directory"));
        }
        Ok((Some(store), Some(fixture)))
    }

    /// Whether another run with these flags would have the same address and keys.
    fn is_repeatable(&self) -> bool {
        let keys = [&self.site_id, &self.tracking_key, &self.app_key, &self.cdp_key];
        self.listen.port() != 0 && (self.seed.is_some() || keys.into_iter().all(Option::is_some))
    }
}

/// Listens until it is interrupted, or does what a command of it says.
pub async fn run(args: SandboxArgs) -> ExitCode {
    if let Some(SandboxCommand::Fixture(command)) = &args.command {
        return fixture::run(command);
    }
    if args.print_env && !args.is_repeatable() {
        return output::unusable(
            "--print-env only prints, so it must know what the sandbox was told: give --listen a port, and either \
             all four keys or the same --seed",
        );
    }
    let (store, stored) = match args.stored() {
        Ok(stored) => stored,
        Err(message) => return output::unusable(message),
    };
    let fixture = match stored.map_or_else(|| args.content(), Ok) {
        Ok(fixture) => fixture,
        Err(message) => return output::unusable(message),
    };
    let keys = match store.as_ref().map(Store::keys).transpose() {
        Ok(keys) => args.keys(keys.flatten()),
        Err(error) => return output::unusable(format!("--data: {error}")),
    };
    if args.print_env {
        let url = format!("http://{}", args.listen);
        return output::print(environment(&keys, &url) + &test_environment(&keys, &url, &fixture));
    }
    let config =
        SandboxConfig { listen: args.listen, keys, fixture, clock: args.clock(), strict_limits: args.strict_limits };
    match start(config, store).await {
        Ok(sandbox) => serve(sandbox, args.data.as_deref()).await,
        Err(StartError::Listen(error)) => output::failed(format!("cannot listen on {}: {error}", args.listen)),
        Err(error @ StartError::Store(_)) => output::failed(error.to_string()),
    }
}

async fn serve(sandbox: RunningSandbox, data: Option<&Path>) -> ExitCode {
    let interruptions = Interruptions::listen();
    let printed = output::print(greeting(sandbox.keys(), &sandbox.base_url(), data));
    if printed != ExitCode::SUCCESS {
        return printed;
    }
    let ended = match interruptions {
        Ok(mut interruptions) => {
            interruptions.next().await;
            ExitCode::SUCCESS
        }
        Err(error) => output::failed(format!("cannot wait for an interruption: {error}")),
    };
    sandbox.shutdown().await;
    ended
}

fn greeting(keys: &Keys, url: &str, data: Option<&Path>) -> String {
    let mut text = format!("{HEADING}A local Customer.io listens on {url}{HEADING:#}\n\n");
    for (name, value) in [
        ("site id", &keys.site_id),
        ("tracking API key", &keys.tracking_api_key),
        ("app API key", &keys.app_api_key),
        ("CDP write key", &keys.cdp_write_key),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<18}{value}");
    }
    text.push_str("\nFor customerio-mcp, and for SDKs that take their URL from you:\n\n");
    for line in environment(keys, url).lines() {
        let _ = writeln!(text, "  {line}");
    }
    let _ = write!(
        text,
        "\nFor an official SDK, give it these keys and {url} as its host.\nClock, faults, reactions and requests: \
         {url}/_sandbox\n\n{}\nStop it with Ctrl-C.\n",
        match data {
            Some(path) => format!("Kept in {}, it goes on from there the next time.", path.display()),
            None => "It forgets everything when it stops; --data DIR keeps it.".to_owned(),
        }
    );
    text
}

fn environment(keys: &Keys, url: &str) -> String {
    exported([
        ("CUSTOMERIO_SITE_ID".to_owned(), keys.site_id.clone()),
        ("CUSTOMERIO_TRACKING_API_KEY".to_owned(), keys.tracking_api_key.clone()),
        ("CUSTOMERIO_APP_API_KEY".to_owned(), keys.app_api_key.clone()),
        ("CUSTOMERIO_CDP_WRITE_KEY".to_owned(), keys.cdp_write_key.clone()),
        ("CUSTOMERIO_TRACK_URL".to_owned(), url.to_owned()),
        ("CUSTOMERIO_APP_URL".to_owned(), url.to_owned()),
        ("CUSTOMERIO_CDP_URL".to_owned(), url.to_owned()),
    ])
}

/// The same under short names, and an id of each kind of message: what a test suite wants to know.
fn test_environment(keys: &Keys, url: &str, fixture: &Fixture) -> String {
    let access = [
        ("BASE", url),
        ("SITE_ID", &keys.site_id),
        ("TRACK_KEY", &keys.tracking_api_key),
        ("APP_KEY", &keys.app_api_key),
        ("CDP_KEY", &keys.cdp_write_key),
    ];
    let access = access.map(|(name, value)| (name, value.to_owned()));
    let ids = fixture.first_ids().into_iter().map(|(name, id)| (name, id.to_string()));
    exported(access.into_iter().chain(ids).map(|(name, value)| (format!("CIO_{name}"), value)))
}

fn exported(variables: impl IntoIterator<Item = (String, String)>) -> String {
    variables.into_iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "export {name}={}", quoted(&value));
        text
    })
}

/// A word that a POSIX shell reads back as it is.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        assert_eq!(quoted("abc-1"), "abc-1");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b$(c)"), "'a b$(c)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
