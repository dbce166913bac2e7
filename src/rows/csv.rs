//! CSV: RFC 4180 with a header, whatever ends its lines.

use std::{
    io::{self, Read, SeekFrom},
    str,
};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use serde_json::{Map, Number, Value};

use super::{MAX_ROW_BYTES, Position, Row, RowFault, Source, unreadable};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1_024;
/// The longest number that is one: all its digits survive as a 64-bit float or integer.
const MAX_NUMBER_BYTES: usize = 15;

pub(super) struct CsvRows {
    reader: Reader<Bounded>,
    columns: Vec<Column>,
    record: ByteRecord,
    /// Where the reader began.
    base: u64,
    rows: u64,
    ended: bool,
}

struct Column {
    name: String,
    /// Its cells are text whatever they hold.
    is_text: bool,
}

impl CsvRows {
    pub(super) fn open(source: Box<dyn Source>, texts: &[&str], from: Position) -> Result<Self, RowFault> {
        let mut reader = reader(at(source, 0)?);
        let mut record = ByteRecord::new();
        let is_there = reader.read_byte_record(&mut record).map_err(|error| fault(&error))?;
        if !is_there {
            return Err(header("the file is empty: the first line of a CSV file names its columns"));
        }
        let columns = columns(&record, texts)?;
        let base = if from.offset == 0 { 0 } else { from.offset };
        if from.offset > 0 {
            reader = self::reader(at(reader.into_inner().source, from.offset)?);
        }
        Ok(Self { reader, columns, record, base, rows: from.rows, ended: false })
    }

    pub(super) fn next(&mut self) -> Option<Row> {
        if self.ended {
            return None;
        }
        self.reader.get_mut().left = MAX_ROW_BYTES + BUFFER_BYTES;
        let read = self.reader.read_byte_record(&mut self.record);
        if matches!(read, Ok(false)) {
            return None;
        }
        self.rows += 1;
        let end = Position { rows: self.rows, offset: self.base + self.reader.position().byte() };
        let fields = match read {
            Ok(_) => self.fields(),
            Err(error) => {
                self.ended = true;
                Err(fault(&error))
            }
        };
        Some(Row { end, fields })
    }

    fn fields(&self) -> Result<Map<String, Value>, RowFault> {
        let (cells, columns) = (self.record.len(), self.columns.len());
        if cells != columns {
            return Err(RowFault::new(format!("it has {cells} cells, and the header names {columns} columns")));
        }
        if self.record.as_slice().len() > MAX_ROW_BYTES {
            return Err(too_long());
        }
        let mut fields = Map::with_capacity(columns);
        for (column, cell) in self.columns.iter().zip(&self.record) {
            if cell.is_empty() {
                continue;
            }
            let cell = str::from_utf8(cell).map_err(|_| RowFault::new("it is not UTF-8"))?;
            let value = if column.is_text { Value::from(cell) } else { typed(cell) };
            fields.insert(column.name.clone(), value);
        }
        Ok(fields)
    }
}

fn columns(header_row: &ByteRecord, texts: &[&str]) -> Result<Vec<Column>, RowFault> {
    let mut columns: Vec<Column> = Vec::with_capacity(header_row.len());
    for (place, cell) in (1..).zip(header_row) {
        let name = str::from_utf8(cell).map_err(|_| header("the header is not UTF-8"))?.trim();
        if name.is_empty() {
            return Err(header(format!("column {place} of the header has no name")));
        }
        if columns.iter().any(|column| column.name == name) {
            return Err(header(format!("column {place} of the header has the name of an earlier one")));
        }
        columns.push(Column { name: name.to_owned(), is_text: texts.contains(&name) });
    }
    Ok(columns)
}

fn header(reason: impl Into<String>) -> RowFault {
    RowFault { reason: reason.into(), is_last: true }
}

/// A cell as its text looks. What is not written as JSON would write it (`007`, `+1`, `1.50`) means something else than
/// a number: a code, a telephone, a price to be shown.
fn typed(cell: &str) -> Value {
    match cell {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let may_be = cell.len() <= MAX_NUMBER_BYTES && cell.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'.'));
    let number = if may_be { cell.parse::<Number>().ok() } else { None };
    match number {
        Some(number) if number.to_string() == cell => Value::Number(number),
        _ => Value::from(cell),
    }
}

fn reader(source: Bounded) -> Reader<Bounded> {
    ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(source)
}

fn at(mut source: Box<dyn Source>, offset: u64) -> Result<Bounded, RowFault> {
    source.seek(SeekFrom::Start(offset)).map_err(|error| unreadable(&error))?;
    Ok(Bounded { source, left: MAX_ROW_BYTES + BUFFER_BYTES })
}

fn fault(error: &csv::Error) -> RowFault {
    match error.kind() {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => too_long().last(),
        ErrorKind::Io(error) => unreadable(error),
        _ => header("the file is not CSV from here on"),
    }
}

fn too_long() -> RowFault {
    RowFault::new(format!("it is longer than {MAX_ROW_BYTES} bytes, or a quote in it is left open"))
}

impl RowFault {
    fn last(self) -> Self {
        Self { is_last: true, ..self }
    }
}

/// A source that gives out only so much for one row: a quote that is never closed must not be read into memory.
struct Bounded {
    source: Box<dyn Source>,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = buffer.len().min(self.left);
        let read = self.source.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
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
        Rows::of(Box::new(Cursor::new(text.into())), Format::Csv, &["id"], from).unwrap().collect()
    }

    fn refused(text: &str) -> String {
        Rows::of(Box::new(Cursor::new(text.to_owned())), Format::Csv, &[], Position::default()).unwrap_err().reason
    }

    fn reasons(rows: &[Row]) -> Vec<(u64, Option<&str>)> {
        let reason = |row: &Row| row.end.rows;
        rows.iter().map(|row| (reason(row), row.fields.as_ref().err().map(|fault| fault.reason.as_str()))).collect()
    }

    #[test]
    fn cells_are_what_they_look_like_and_empty_ones_are_left_out() {
        let text = "\u{feff}id,a,b,c,d,e\r\n7,42,1.5,true,,x y\r\n8,007,+49,1e5,1.50,-3\r\n";
        let fields: Vec<_> = rows(text, Position::default()).into_iter().map(|row| row.fields.unwrap()).collect();
        assert_eq!(
            Value::from(fields),
            json!([
                { "id": "7", "a": 42, "b": 1.5, "c": true, "e": "x y" },
                { "id": "8", "a": "007", "b": "+49", "c": "1e5", "d": "1.50", "e": -3 },
            ])
        );
    }

    #[test]
    fn a_bad_row_is_told_by_its_number_and_the_next_is_read() {
        let long = "z".repeat(MAX_ROW_BYTES);
        let text = [b"id,a\n1,x\n2\n3,\xff\n\n4,y\n".as_slice(), b"5,\"", long.as_bytes(), b"\"\n6,w\n"];
        let read = rows(text.concat(), Position::default());
        assert_eq!(
            reasons(&read),
            [
                (1, None),
                (2, Some("it has 1 cells, and the header names 2 columns")),
                (3, Some("it is not UTF-8")),
                (4, None),
                (5, Some("it is longer than 131072 bytes, or a quote in it is left open")),
                (6, None),
            ]
        );
    }

    #[test]
    fn a_quote_left_open_ends_the_reading_in_bounded_memory() {
        let text = format!("id,a\n1,x\n2,\"{}", "y\n".repeat(1_000_000));
        let read = rows(text, Position::default());
        assert_eq!(read.len(), 2);
        assert!(read[1].fields.as_ref().unwrap_err().is_last);
    }

    #[test]
    fn a_header_must_name_every_column_once() {
        assert_eq!(refused(""), "the file is empty: the first line of a CSV file names its columns");
        assert_eq!(refused("id,,b\n"), "column 2 of the header has no name");
        assert_eq!(refused("id,b,id\n"), "column 3 of the header has the name of an earlier one");
    }

    proptest! {
        /// Whatever is in the cells, and however lines end, what was written is read; and from the end of any row on the
        /// same rows follow as when reading from the beginning.
        #[test]
        fn what_was_written_is_read_from_any_row_on(
            cells in prop::collection::vec(prop::collection::vec("[a-z,\"\n\r é漢]{1,8}", 3), 0..20),
            crlf: bool, bom: bool, blank in 0..3_usize,
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            writer.write_record(["x", "y", "z"]).unwrap();
            for row in &cells {
                writer.write_record(row).unwrap();
            }
            let mut text = if bom { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
            text.extend(writer.into_inner().unwrap());
            text.extend("\n".repeat(blank).bytes());
            let all = rows(text.clone(), Position::default());
            let read: Vec<Vec<String>> = all.iter().map(|row| {
                let fields = row.fields.as_ref().unwrap();
                ["x", "y", "z"].map(|name| fields[name].as_str().unwrap().to_owned()).to_vec()
            }).collect();
            prop_assert_eq!(&read, &cells);
            for (at, row) in all.iter().enumerate() {
                prop_assert_eq!(rows(text.clone(), row.end), all[at + 1..].to_vec());
            }
        }
    }
}
