//! What the commands print: results to stdout, complaints to stderr, colours only where a terminal shows them.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};

use crate::{server::open::OpenError, tools::answer::without_hidden};

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
    match write!(stdout, "{}", visible(&text.to_string())).and_then(|()| stdout.flush()) {
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
    drop(write!(anstream::stderr().lock(), "{}", visible(&message.to_string())));
}

fn complain(message: impl Display) {
    // Nobody is left to tell if stderr is gone as well.
    drop(writeln!(anstream::stderr().lock(), "{ERROR}error:{ERROR:#} {}", without_hidden(&message.to_string())));
}

/// Styles of our own, as a terminal is told them.
const STYLES: [&str; 7] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"];

/// A text whose only commands to a terminal are styles of ours: what others wrote may be in it.
fn visible(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut shown = without_hidden(pieces.next().unwrap_or_default());
    for piece in pieces {
        let style = STYLES.iter().map(|style| &style[1..]).find(|style| piece.starts_with(style));
        if style.is_some() {
            shown.push('\u{1b}');
        }
        shown.push_str(&without_hidden(piece));
    }
    // Back to the beginning of a line, one text could cover another.
    shown.replace('\r', "")
}

/// What others wrote, on one line.
pub fn on_one_line(text: &str) -> String {
    without_hidden(text).replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_styles_of_ours_alone() {
        let text = format!("{HEADING}A{HEADING:#} {GOOD}ok{GOOD:#} {ERROR}no{ERROR:#} {PLAIN}x{PLAIN:#}\n");
        assert_eq!(visible(&text), text);
        let hostile = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{9b}31md\u{1b}[8mhidden\u{202E}e\u{1b}[1me\r\n";
        assert_eq!(visible(hostile), "a[2Jb]0;titlec31md[8mhiddene\u{1b}[1me\n");
        assert_eq!(on_one_line("a\nb\u{1b}[1mc"), "a b[1mc");
    }
}
