//! The export: a CSV file of people, read as leniently as is honest.
//!
//! Values are tidied where that cannot change whom a line is about (spaces around names, dates as Unix seconds).
//! Identifiers are passed on exactly as they stand: judging them is the guardrails' work, and the point of the show.

use std::{fmt, fs, io, path::Path};

use csv::{ReaderBuilder, StringRecord};
use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Map, Value, json};

/// Where the example lies in the repository.
const EXAMPLE: &str = "examples/customers.csv";

/// The example as it was when the program was built.
const COPY: &str = include_str!("../../../examples/customers.csv");

/// An export, read.
#[derive(Debug)]
pub(super) struct Export {
    /// Where it was read from.
    pub(super) source: String,
    /// Its lines after the header, in order.
    pub(super) lines: Vec<Line>,
}

/// A line of the export.
#[derive(Debug)]
pub(super) enum Line {
    /// A person.
    Person(Person),
    /// Nothing that can be sent.
    Broken {
        /// Its number in the file, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
}

/// A person as the export has them.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// The line's number in the file, from 1.
    pub(super) number: usize,
    /// As it stands in the file, empty where there is none.
    pub(super) id: String,
    /// As it stands in the file, empty where there is none.
    pub(super) email: String,
    /// The other columns.
    pub(super) attributes: Map<String, Value>,
}

/// Why the export cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    /// The file.
    #[error("{path} cannot be read: {error}")]
    File { path: String, error: io::Error },
    /// Its first line.
    #[error("{source_name} has no column `{column}`: the first line must name the columns")]
    Column { source_name: String, column: &'static str },
    /// Nobody in it.
    #[error("{0} holds nobody")]
    Empty(String),
}

impl Export {
    /// Reads the file named, else the example, else the copy of it in the program.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, ExportError> {
        let from_disk = |path: &Path| fs::read_to_string(path).map(|text| (path.display().to_string(), text));
        let (source, text) = match file {
            Some(path) => {
                from_disk(path).map_err(|error| ExportError::File { path: path.display().to_string(), error })?
            }
            None => from_disk(Path::new(EXAMPLE))
                .unwrap_or_else(|_| (format!("the program's own copy of {EXAMPLE}"), COPY.to_owned())),
        };
        Self::parse(source, &text)
    }

    fn parse(source: String, text: &str) -> Result<Self, ExportError> {
        let text = text.trim_start_matches('\u{feff}');
        // A line with a column too many or too few is to be reported, not to end the reading.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().cloned().unwrap_or_default();
        let column = |name: &'static str| {
            let found = header.iter().position(|column| column.trim() == name);
            found.ok_or_else(|| ExportError::Column { source_name: source.clone(), column: name })
        };
        let columns = Columns { id: column("id")?, email: column("email")?, header: header.clone() };
        let lines: Vec<Line> = reader.records().map(|record| columns.line(text, record)).collect();
        if lines.is_empty() {
            return Err(ExportError::Empty(source));
        }
        Ok(Self { source, lines })
    }

    /// The people, without the broken lines.
    pub(super) fn people(&self) -> impl Iterator<Item = &Person> {
        self.lines.iter().filter_map(|line| match line {
            Line::Person(person) => Some(person),
            Line::Broken { .. } => None,
        })
    }

    /// What more than half of the ids begin with, up to the first `_`, and how many do.
    pub(super) fn id_prefix(&self) -> Option<(String, usize)> {
        let prefixes = || self.people().filter_map(|person| person.id.split_once('_')).map(|(prefix, _)| prefix);
        let counted = prefixes().map(|prefix| (prefixes().filter(|other| *other == prefix).count(), prefix));
        let (count, prefix) = counted.max_by_key(|(count, _)| *count)?;
        (count * 2 > self.people().count()).then(|| (format!("{prefix}_"), count))
    }
}

/// Which column is what.
struct Columns {
    header: StringRecord,
    id: usize,
    email: usize,
}

impl Columns {
    fn line(&self, text: &str, record: Result<StringRecord, csv::Error>) -> Line {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let number = error.position().map_or(0, |position| line_number(text, position.byte()));
                return Line::Broken { number, why: error.to_string() };
            }
        };
        let number = record.position().map_or(0, |position| line_number(text, position.byte()));
        self.person(number, &record).map_or_else(|why| Line::Broken { number, why }, Line::Person)
    }

    fn person(&self, number: usize, record: &StringRecord) -> Result<Person, String> {
        if record.len() != self.header.len() {
            return Err(format!("The line has {} columns, and the header names {}", record.len(), self.header.len()));
        }
        let mut attributes = Map::new();
        for (at, (name, text)) in self.header.iter().zip(record).enumerate() {
            let (name, text) = (name.trim(), text.trim());
            if at != self.id && at != self.email && !text.is_empty() {
                attributes.insert(name.to_owned(), value(name, text)?);
            }
        }
        let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
        Ok(Person { number, id: field(self.id), email: field(self.email), attributes })
    }
}

/// Customer.io reads times as Unix seconds, and compares numbers only if they are numbers.
fn value(name: &str, text: &str) -> Result<Value, String> {
    match whole_number(text) {
        Some(number) => Ok(json!(number)),
        None if name.ends_with("_at") => unix_seconds(text)
            .map(|seconds| json!(seconds))
            .ok_or_else(|| format!("The column `{name}` holds no date that can be read")),
        None => Ok(json!(text)),
    }
}

/// A number that reads the same when it is written again: an article number 0042 is none.
fn whole_number(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// A date with a time and an offset, or a day in UTC.
fn unix_seconds(text: &str) -> Option<i64> {
    let of_day = |day: civil::Date| TimeZone::UTC.to_timestamp(day.to_datetime(civil::Time::midnight())).ok();
    let moment = text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(of_day));
    moment.map(Timestamp::as_second)
}

/// The line that a record begins on; its position is that of the line end or the blank lines before it.
fn line_number(text: &str, byte: u64) -> usize {
    let bytes = text.as_bytes();
    let from = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
    let begin = from + bytes[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes[..begin].split(|byte| *byte == b'\n').count()
}

impl fmt::Display for Person {
    /// The identifier as it stands, so that stray spaces show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.id.is_empty(), self.id.trim() == self.id) {
            (true, _) => f.write_str(&self.email),
            (false, true) => f.write_str(&self.id),
            (false, false) => write!(f, "\"{}\"", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Export {
        Export::parse("a test".to_owned(), text).unwrap()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        for end in ["\n", "\r\n"] {
            let text = ["id,email,name", "a_1,,\"x", "y\"", "", "a_2,,z", "a_3,,z,z", "a_4,,z"].join(end);
            let numbers: Vec<_> = parse(&text)
                .lines
                .iter()
                .map(|line| match line {
                    Line::Person(person) => (person.number, true),
                    Line::Broken { number, .. } => (*number, false),
                })
                .collect();
            assert_eq!(numbers, [(2, true), (5, true), (6, false), (7, true)], "{end:?}");
        }
    }

    #[test]
    fn values_are_tidied_and_identifiers_are_not() {
        let export = parse(
            "\u{feff}id,email,city,zip,orders,signed_up_at\nu_1 , A@b.c ,\" Paris, FR \",0042,7,2024-01-02T01:00:00+01:00\n\
             u_2,,,,,2024-01-02\nu_3,,,,,1704153600000\nu_4,,,,,soon\n",
        );
        let people: Vec<_> = export.people().collect();
        assert_eq!((people[0].id.as_str(), people[0].email.as_str()), ("u_1 ", " A@b.c "));
        let expected = json!({ "city": "Paris, FR", "zip": "0042", "orders": 7, "signed_up_at": 1_704_153_600 });
        assert_eq!(Value::Object(people[0].attributes.clone()), expected);
        assert_eq!(people[1].attributes["signed_up_at"], 1_704_153_600);
        assert_eq!(people[2].attributes["signed_up_at"], 1_704_153_600_000_i64);
        assert!(matches!(&export.lines[3], Line::Broken { number: 5, why } if why.contains("signed_up_at")));
        assert_eq!(export.id_prefix(), Some(("u_".to_owned(), 3)));
    }

    #[test]
    fn the_copy_in_the_program_can_be_read() {
        assert!(parse(COPY).people().count() > 40);
        assert!(Export::parse(String::new(), "name\nx\n").is_err());
        assert!(Export::parse(String::new(), "id,email\n").is_err());
    }
}
