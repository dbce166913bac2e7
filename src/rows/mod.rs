//! Rows of a file, read one after another and never all at once: CSV with a header, JSON Lines, or a list.
//!
//! A row that cannot be read is a row with a fault, told by its number, and reading goes on; only what hides the rows
//! behind it (a header that names nothing, a quote that never ends) ends the reading.

mod csv;
mod json_lines;

use std::{
    io::{Read, Seek},
    sync::Arc,
};

use serde_json::{Map, Value};

/// The longest row: four times what Customer.io takes, so that what is too long is told as a row and not as a file.
pub const MAX_ROW_BYTES: usize = 128 * 1_024;

/// What can be read from a place on.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header, then one row a record. Cells are typed: `true` and `false`, and numbers as JSON writes them (`42` and
    /// `1.5`, but not `007`, `+49` or `1e5`); all else is text, and an empty cell is left out. Who needs a number as text
    /// uses JSON Lines, which says its types itself.
    Csv,
    /// A JSON object a line; blank lines do not count.
    JsonLines,
}

/// A place between two rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Rows before it.
    pub rows: u64,
    /// Where it is, in bytes of the file or rows of the list.
    pub offset: u64,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where the next one begins; the number of this one, from 1, is the rows before that place.
    pub end: Position,
    /// What it holds.
    pub fields: Result<Map<String, Value>, RowFault>,
}

/// Why a row cannot be read. Its text is ours and repeats nothing of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// What is wrong.
    pub reason: String,
    /// Nothing behind it can be read either.
    pub is_last: bool,
}

impl RowFault {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_last: false }
    }
}

/// Rows from some place on.
pub struct Rows(Reading);

enum Reading {
    Csv(csv::CsvRows),
    JsonLines(json_lines::JsonLines),
    List { list: Arc<Vec<Map<String, Value>>>, at: usize },
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}

impl Rows {
    /// Reads a source from a place on that an earlier reading has come to. Cells of `texts` are text whatever they hold.
    pub fn of(source: Box<dyn Source>, format: Format, texts: &[&str], from: Position) -> Result<Self, RowFault> {
        Ok(Self(match format {
            Format::Csv => Reading::Csv(csv::CsvRows::open(source, texts, from)?),
            Format::JsonLines => Reading::JsonLines(json_lines::JsonLines::open(source, from)?),
        }))
    }

    /// Reads a list from a place on.
    pub fn of_list(list: Arc<Vec<Map<String, Value>>>, from: Position) -> Self {
        Self(Reading::List { list, at: usize::try_from(from.rows).unwrap_or(usize::MAX) })
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        match &mut self.0 {
            Reading::Csv(rows) => rows.next(),
            Reading::JsonLines(rows) => rows.next(),
            Reading::List { list, at } => {
                let fields = list.get(*at)?.clone();
                *at += 1;
                Some(Row { end: Position { rows: *at as u64, offset: *at as u64 }, fields: Ok(fields) })
            }
        }
    }
}

fn unreadable(error: &std::io::Error) -> RowFault {
    RowFault { reason: format!("the file cannot be read any further ({})", error.kind()), is_last: true }
}
