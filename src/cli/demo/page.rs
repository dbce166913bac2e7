//! Text on a terminal of 80 columns.
//!
//! Much of what is shown was written by somebody else (an export, a template), so no control character passes through
//! here: it could move the cursor and make the page say something else.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use textwrap::{Options, WordSeparator, WordSplitter, core::display_width};

/// Columns of text on a terminal that nobody has widened.
const COLUMNS: usize = 80;

/// Holds words together that would be torn apart at the end of a line.
pub(super) const NO_BREAK_SPACE: &str = "\u{a0}";

/// Where the text of a step begins.
pub(super) const MARGIN: &str = "     ";

/// The most characters of an argument that are shown.
const ARGUMENT_CHARACTERS: usize = 60;
/// The most members of a list or an object that are shown.
const MEMBERS: usize = 5;

/// A call.
pub(super) const CALL: Style = AnsiColor::Cyan.on_default();
/// An answer.
pub(super) const ANSWER: Style = AnsiColor::Green.on_default();
/// A refusal.
pub(super) const REFUSAL: Style = AnsiColor::Yellow.on_default().bold();
/// What is beside the point.
pub(super) const ASIDE: Style = Style::new().dimmed();

/// A paragraph: the first line begins with `first`, the others with spaces as wide.
pub(super) fn paragraph(first: &str, text: &str, style: Style) -> String {
    let margin = " ".repeat(display_width(first));
    let options = whole_words(COLUMNS).initial_indent(first).subsequent_indent(&margin);
    let mut page = String::new();
    for (at, line) in textwrap::wrap(&clean(text), options).iter().enumerate() {
        let indent = if at == 0 { first } else { &margin };
        let text = line.strip_prefix(indent).unwrap_or(line).replace(NO_BREAK_SPACE, " ");
        // Writing to a string does not fail.
        let _ = writeln!(page, "{indent}{style}{text}{style:#}");
    }
    page
}

/// Lines break at spaces alone: identifiers and times are full of hyphens.
fn whole_words(columns: usize) -> Options<'static> {
    Options::new(columns).word_separator(WordSeparator::AsciiSpace).word_splitter(WordSplitter::NoHyphenation)
}

/// A marker in colour and the space up to the margin.
pub(super) fn marker(sign: &str, style: Style) -> String {
    format!("   {style}{sign}{style:#} ")
}

/// Lines in a frame, with a title in its upper edge.
pub(super) fn framed(title: &str, lines: &[String]) -> String {
    let inner = COLUMNS - MARGIN.len() - 4;
    let wrap = |text: &str, width| -> Vec<String> {
        textwrap::wrap(&clean(text), whole_words(width)).into_iter().map(Into::into).collect()
    };
    let lines: Vec<String> = lines.iter().flat_map(|line| wrap(line, inner)).collect();
    let title = wrap(title, inner - 2).into_iter().next().unwrap_or_default();
    let rule = |width: usize| "─".repeat(width);
    let mut page = format!("{MARGIN}┌ {title} {}┐\n", rule(inner - display_width(&title)));
    for line in lines {
        let _ = writeln!(page, "{MARGIN}│ {line}{} │", " ".repeat(inner.saturating_sub(display_width(&line))));
    }
    let _ = writeln!(page, "{MARGIN}└{}┘", rule(inner + 2));
    page
}

/// Arguments in short: enough to see what is asked.
pub(super) fn arguments(arguments: &Value) -> String {
    match arguments {
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}: {}", argument(value))).collect();
            pairs.join(", ")
        }
        other => argument(other),
    }
}

fn argument(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", some_of(items.iter().map(argument))),
        Value::Object(map) => {
            format!("{{{}}}", some_of(map.iter().map(|(name, value)| format!("{name}: {}", argument(value)))))
        }
        other => other.to_string(),
    }
}

/// Quoted only where the ends of the text would be in doubt.
fn quoted(text: &str) -> String {
    let short: String = match text.char_indices().nth(ARGUMENT_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at / 2]),
        None => text.to_owned(),
    };
    if text.is_empty() || text.contains([' ', ',']) { format!("\"{short}\"") } else { short }
}

fn some_of(items: impl ExactSizeIterator<Item = String>) -> String {
    let all = items.len();
    let mut shown: Vec<String> = items.take(MEMBERS).collect();
    if all > MEMBERS {
        shown.push(format!("… {all} in all"));
    }
    shown.join(", ")
}

/// HTML as the text a reader sees: enough for the messages of the sandbox.
pub(super) fn text_of_html(html: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tagged)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = tagged.split_once('>') else {
            rest = tagged;
            break;
        };
        if tag.starts_with("br") || matches!(tag, "/p" | "/li" | "/ul" | "/div") {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    let entities = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = entities.into_iter().fold(text, |text, (entity, character)| text.replace(entity, character));
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The text without control characters.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_wider_than_a_terminal_and_nothing_moves_its_cursor() {
        let long = format!("{} 陽菜 \u{1b}[2J {}", "word ".repeat(40), "x".repeat(200));
        let pages = [
            paragraph("  1. ", &long, Style::new()),
            framed(&long, std::slice::from_ref(&long)),
            framed("短い", &["陽菜".repeat(60)]),
        ];
        for page in pages {
            for line in page.lines() {
                assert!(display_width(line) <= 80, "{line}");
            }
            assert!(!page.contains("\u{1b}[2J"));
        }
    }

    #[test]
    fn arguments_are_short_and_unambiguous() {
        let shown =
            arguments(&json!({ "id": "cust_1 ", "data": { "total": 2 }, "of": ["a", "b", "c", "d", "e", "f"] }));
        assert_eq!(shown, "id: \"cust_1 \", data: {total: 2}, of: [a, b, c, d, e, … 6 in all]");
        assert!(arguments(&json!({ "plan_token": "A".repeat(80) })).len() < 60);
    }

    #[test]
    fn html_reads_as_text() {
        let lines = text_of_html("<p>Fern &amp; Fable,<br>&lt;3</p>\n<ul><li>a</li><li>b</li></ul>");
        assert_eq!(lines, ["Fern & Fable,", "<3", "a", "b"]);
    }
}
