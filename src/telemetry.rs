//! Logging: to stderr, because stdout belongs to the protocol.
//!
//! Events of ours carry codes, counts and durations, never arguments, personal data or secrets. That is kept where
//! events are written; nothing here could take such data out again. Libraries keep no such rule and are held to their
//! complaints, whatever the operator asks for.

use clap::ValueEnum;
use std::io::{self, IsTerminal as _};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, ParseError, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// What is logged unless the operator says otherwise: our own doings, and only the complaints of libraries.
const DEFAULT_DIRECTIVES: &str = "warn,customerio_mcp=info";

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines to read.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `CUSTOMERIO_MCP_LOG` is not a list of directives.
    #[error("CUSTOMERIO_MCP_LOG is no list of log directives such as `warn,customerio_mcp=debug`: {0}")]
    Directives(#[from] ParseError),
    /// Something in this process logs already.
    #[error("logging has begun already")]
    Begun,
}

/// Begins logging for the whole process. Colours are used only on a terminal, and not if `no_color` is set.
pub fn begin(directives: Option<&str>, format: LogFormat, no_color: bool) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(directives.unwrap_or(DEFAULT_DIRECTIVES))?;
    let to_stderr = fmt::layer().with_writer(io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(to_stderr.with_ansi(io::stderr().is_terminal() && !no_color)),
        LogFormat::Json => Box::new(to_stderr.json().flatten_event(true)),
    };
    let filter = filter.and(filter_fn(carries_no_data));
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().map_err(|_| TelemetryError::Begun)
}

/// Whether an event or span is of a kind that cannot hold arguments, personal data or secrets.
///
/// Libraries do not keep our rule: below warnings, HTTP and TLS print headers and hosts, and the protocol's SDK prints
/// whole messages, at `warn` still the names and ids a client made up. No directive of an operator may bring those out.
fn carries_no_data(metadata: &Metadata<'_>) -> bool {
    let of_crate =
        |name: &str| metadata.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    if of_crate("customerio_mcp") {
        true
    } else if of_crate("rmcp") {
        *metadata.level() == Level::ERROR
    } else {
        *metadata.level() <= Level::WARN
    }
}
