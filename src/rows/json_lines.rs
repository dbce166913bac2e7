//! JSON Lines: an object a line.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use serde_json::{Map, Value};

use super::{MAX_ROW_BYTES, Position, Row, RowFault, Source, unreadable};

const BUFFER_BYTES: usize = 64 * 1_024;
const BOM: &[u8] = "\u{feff}".as_bytes();

pub(super) struct JsonLines {
    source: BufReader<Box<dyn Source>>,
    line: Vec<u8>,
    at: Position,
    ended: bool,
}

impl JsonLines {
    pub(super) fn open(source: Box<dyn Source>, from: Position) -> Result<Self, RowFault> {
        let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
        source.seek(SeekFrom::Start(from.offset)).map_err(|error| unreadable(&error))?;
        Ok(Self { source, line: Vec::new(), at: from, ended: false })
    }

    pub(super) fn next(&mut self) -> Option<Row> {
        while !self.ended {
            let is_first = self.at.offset == 0;
            let read = self.read_line();
            let line = self.line.strip_prefix(BOM).filter(|_| is_first).unwrap_or(&self.line).trim_ascii();
            let fields = match read {
                Err(fault) => Err(fault),
                Ok(()) if line.is_empty() => continue,
                Ok(()) => object(line),
            };
            self.at.rows += 1;
            return Some(Row { end: self.at, fields });
        }
        None
    }

    /// Reads one line, or past one that is too long.
    fn read_line(&mut self) -> Result<(), RowFault> {
        self.line.clear();
        let mut is_long = false;
        loop {
            let within = (MAX_ROW_BYTES + 1 - self.line.len()) as u64;
            let read = self.source.by_ref().take(within).read_until(b'\n', &mut self.line).map_err(|error| {
                self.ended = true;
                unreadable(&error)
            })?;
            self.at.offset += read as u64;
            self.ended = read == 0;
            let is_whole = self.ended || self.line.ends_with(b"\n");
            if !is_whole && self.line.len() > MAX_ROW_BYTES {
                is_long = true;
                self.line.clear();
            } else if is_whole || read == 0 {
                break;
            } else {
                // The end of the file, without a line end.
                self.ended = true;
                break;
            }
        }
        if is_long { Err(RowFault::new(format!("it is longer than {MAX_ROW_BYTES} bytes"))) } else { Ok(()) }
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, RowFault> {
    let text = std::str::from_utf8(line).map_err(|_| RowFault::new("it is not UTF-8"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(RowFault::new("it is no JSON object")),
        Err(error) => Err(RowFault::new(format!("it is not valid JSON (column {})", error.column()))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rows::{Format, Rows};

    fn rows(text: impl Into<Vec<u8>>, from: Position) -> Vec<Row> {
        Rows::of(Box::new(Cursor::new(text.into())), Format::JsonLines, &[], from).unwrap().collect()
    }

    #[test]
    fn blank_lines_do_not_count_and_a_bad_line_is_told_by_its_number() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(3 * MAX_ROW_BYTES));
        let text = [
            "\u{feff}{\"a\":1}\r\n\n  \n{\"a\":\n[1]\n".as_bytes(),
            b"{\"a\":\"\xff\"}\n",
            long.as_bytes(),
            b"\n{\"a\":\"007\"}",
        ];
        let read = rows(text.concat(), Position::default());
        let told: Vec<_> = read
            .iter()
            .map(|row| match &row.fields {
                Ok(fields) => json!([row.end.rows, fields]),
                Err(fault) => json!([row.end.rows, fault.reason]),
            })
            .collect();
        assert_eq!(
            Value::from(told),
            json!([
                [1, { "a": 1 }],
                [2, "it is not valid JSON (column 5)"],
                [3, "it is no JSON object"],
                [4, "it is not UTF-8"],
                [5, "it is longer than 131072 bytes"],
                [6, { "a": "007" }],
            ])
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_from_any_row_on(
            values in prop::collection::vec("\\PC{0,20}", 0..20), blank in prop::collection::vec(0..3_usize, 20), crlf: bool,
            ends: bool,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = String::new();
            for (value, blank) in values.iter().zip(blank) {
                text += &[json!({ "v": value }).to_string().as_str(), end, &end.repeat(blank)].concat();
            }
            let text = if ends { text.as_str() } else { text.trim_end_matches(['\r', '\n']) };
            let all = rows(text, Position::default());
            let read: Vec<_> = all.iter().map(|row| row.fields.as_ref().unwrap()["v"].as_str().unwrap()).collect();
            prop_assert_eq!(read, values.iter().map(String::as_str).collect::<Vec<_>>());
            for (at, row) in all.iter().enumerate() {
                prop_assert_eq!(rows(text, row.end), all[at + 1..].to_vec());
            }
        }
    }
}
