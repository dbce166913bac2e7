//! Text laid out for a terminal that nobody has widened.

use jiff::Timestamp;
use textwrap::{WordSeparator, WordSplitter};

use super::output::HEADING;

/// Columns of text.
pub(super) const COLUMNS: usize = 80;

/// Spaces between the columns of a table.
pub(super) const GUTTER: usize = 2;

/// Holds an item of a list together while lines are broken.
const NO_BREAK_SPACE: &str = "\u{a0}";

/// Text whose words are not torn apart at the end of a line.
pub(super) fn unbroken(text: &str) -> String {
    text.replace(' ', NO_BREAK_SPACE)
}

/// A name, and a value beside it that keeps to its side when it takes several lines.
pub(super) fn row(text: &mut String, name: &str, value: &str, indent: usize) {
    let width = textwrap::core::display_width(name);
    let first = format!("{name}{}", " ".repeat(indent.saturating_sub(width)));
    hang(text, &first, value, indent);
}

/// `value` after `first`, its further lines indented.
pub(super) fn hang(text: &mut String, first: &str, value: &str, indent: usize) {
    let margin = " ".repeat(indent);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(&margin)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace);
    text.push_str(&textwrap::fill(value, options).replace(NO_BREAK_SPACE, " "));
    text.push('\n');
}

/// A paragraph.
pub(super) fn paragraph(text: &mut String, value: &str) {
    hang(text, "", value, 0);
}

/// Rows under headings, each column as wide as its widest cell.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([heading.len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join(&" ".repeat(GUTTER)).trim_end().to_owned()
    };
    let mut text = format!("{HEADING}{}{HEADING:#}\n", line(&mut headings.iter().copied()));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
        text.push('\n');
    }
    text
}

/// What does not fit into `width` characters ends in an ellipsis.
pub(super) fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A moment in Unix milliseconds, to the second.
pub(super) fn moment(at_ms: i64) -> String {
    format!("{} {} UTC", day(at_ms), time_of_day(at_ms))
}

/// The day of a moment in Unix milliseconds, in UTC.
pub(super) fn day(at_ms: i64) -> String {
    timestamp(at_ms).strftime("%Y-%m-%d").to_string()
}

/// The time of day of a moment in Unix milliseconds, in UTC.
pub(super) fn time_of_day(at_ms: i64) -> String {
    timestamp(at_ms).strftime("%H:%M:%S").to_string()
}

/// A moment in Unix milliseconds as ISO 8601.
pub(super) fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [vec!["a".to_owned(), "wide one".to_owned(), "é".to_owned()], vec!["longer".to_owned()]];
        let text = anstream::adapter::strip_str(&table(&["X", "Y", "Z"], &rows)).to_string();
        assert_eq!(text, "X       Y         Z\na       wide one  é\nlonger\n");
    }

    #[test]
    fn what_is_cut_shows_it() {
        assert_eq!(clipped("local", 5), "local");
        assert_eq!(clipped("locale", 5), "loca…");
    }
}
