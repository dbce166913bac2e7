//! What the commands print: results to stdout, complaints to stderr, colours only where a terminal shows them.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};

use crate::server::open::OpenError;

/// Something failed.
pub const FAILED: u8 = 1;

/// The command line or the configuration cannot be used.
pub const UNUSABLE: u8 = 2;

/// Headings.
pub const HEADING: Style = Style::new().bold();

/// What stands in the way.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();

/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default();

/// What is neither well nor wrong.
pub const PLAIN: Style = Style::new().dimmed();

/// Writes a result. A reader that has gone away (`| head`) is no failure.
pub fn print(text: impl Display) -> ExitCode {
    let mut stdout = anstream::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::SUCCESS,
    }
}

/// Says why a command failed.
pub fn failed(message: impl Display) -> ExitCode {
    complain(message);
    ExitCode::from(FAILED)
}

/// Says what is wrong with the command line or the configuration.
pub fn unusable(message: impl Display) -> ExitCode {
    complain(message);
    ExitCode::from(UNUSABLE)
}

/// Says why there is nothing to work on.
pub fn not_opened(error: &OpenError) -> ExitCode {
    match error {
        OpenError::Configuration(_) | OpenError::InMemory => unusable(error),
        _ => failed(error),
    }
}

/// "1 record", "2 records".
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Says something that is no result, such as a question.
pub fn say(message: impl Display) {
    // Nobody is left to tell if stderr is gone as well.
    drop(write!(anstream::stderr().lock(), "{message}"));
}

fn complain(message: impl Display) {
    // Nobody is left to tell if stderr is gone as well.
    drop(writeln!(anstream::stderr().lock(), "{ERROR}error:{ERROR:#} {message}"));
}
