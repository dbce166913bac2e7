//! CSV: what exports write and imports read.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

/// Rows under a header, as a CSV file.
pub(super) fn write(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> Bytes {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = std::iter::once(header.to_vec()).chain(rows).try_for_each(|row| writer.write_record(row));
    if let Err(error) = written {
        tracing::error!(%error, "a row of the wrong length");
    }
    writer.into_inner().unwrap_or_default().into()
}

/// The header and the rows of a CSV file; rows may be shorter than the header. The error says where it ends to be one.
pub(super) fn read(file: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(file);
    let owned = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = owned(reader.headers().map_err(|error| error.to_string())?);
    let rows = reader.records().map(|record| record.map(|record| owned(&record))).collect::<Result<_, _>>();
    Ok((header, rows.map_err(|error| error.to_string())?))
}

/// The rows of a JSON list of objects or of a CSV file.
pub(super) fn objects(file: &[u8]) -> Result<Vec<Value>, String> {
    if let Ok(Value::Array(rows)) = serde_json::from_slice(file) {
        return Ok(rows);
    }
    let (header, rows) = read(file)?;
    let object = |row: Vec<String>| {
        let cells = header.iter().cloned().zip(row.into_iter().map(|cell| json!(cell)));
        Value::Object(cells.collect::<Map<_, _>>())
    };
    Ok(rows.into_iter().map(object).collect())
}
