//! Logging: to stderr, because stdout belongs to the protocol.
//!
//! Events of ours carry codes, counts and durations, never arguments, personal data or secrets. That is kept where
//! events are written; nothing here could take such data out again.

use clap::ValueEnum;
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

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
    let to_stderr = fmt().with_env_filter(filter).with_writer(io::stderr);
    let begun = match format {
        LogFormat::Text => to_stderr.with_ansi(io::stderr().is_terminal() && !no_color).try_init(),
        LogFormat::Json => to_stderr.json().flatten_event(true).try_init(),
    };
    begun.map_err(|_| TelemetryError::Begun)
}
