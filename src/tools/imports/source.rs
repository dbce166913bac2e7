//! Where the rows of a call come from, out of its arguments.

use std::{borrow::Cow, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::ToolError,
    guard::{
        bulk::{Bulk, BulkSource, InlineRows, Kind, MAX_INLINE_ROWS},
        identity::identifier::IdType,
        intent::Intent,
    },
    rows::Format,
};

/// Rows written into a call.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Rows(Vec<Map<String, Value>>);

impl JsonSchema for Rows {
    fn schema_name() -> Cow<'static, str> {
        "Rows".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "items": { "type": "object" }, "minItems": 1, "maxItems": MAX_INLINE_ROWS,
        })
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum FileFormat {
    Csv,
    JsonLines,
}

/// Arguments that both bulk tools have.
pub(super) struct Given<'a> {
    pub(super) kind: Kind,
    pub(super) file: Option<&'a str>,
    pub(super) format: Option<FileFormat>,
    pub(super) rows: Option<&'a Rows>,
    pub(super) id_type: Option<IdType>,
    pub(super) handle: Option<&'a str>,
    pub(super) cursor: Option<&'a str>,
    pub(super) skip_refused: bool,
}

impl Given<'_> {
    /// What the call would write.
    pub(super) fn intent(self) -> Result<Intent, ToolError> {
        let target = match (self.file, self.handle) {
            (Some(file), _) => format!("rows of the file {file}"),
            (None, Some(handle)) => format!("import {handle}"),
            (None, None) => "rows of the call".to_owned(),
        };
        let bulk =
            Bulk { kind: self.kind, source: self.source()?, id_type: self.id_type, skip_refused: self.skip_refused };
        Ok(Intent { bulk: Some(bulk), ..Intent::nobody() }.on(target))
    }

    fn source(&self) -> Result<BulkSource, ToolError> {
        let rows: Option<InlineRows> = self.rows.map(|rows| Arc::new(rows.0.clone()));
        after(self.cursor)?;
        if self.handle.is_none() && self.cursor.is_some() {
            return Err(wrong("cursor", "`cursor` lists rows of an import", "Give its `handle` too."));
        }
        if self.format.is_some() && self.file.is_none() {
            return Err(wrong("format", "`format` belongs to a `file`", "Leave it out, or give the `file`."));
        }
        match (self.handle, self.file, rows) {
            (None, Some(file), None) => {
                let format = self.format.map(|format| match format {
                    FileFormat::Csv => Format::Csv,
                    FileFormat::JsonLines => Format::JsonLines,
                });
                Ok(BulkSource::File { file: file.to_owned(), format })
            }
            (None, None, Some(rows)) => Ok(BulkSource::Rows(rows)),
            (None, Some(_), Some(_)) => Err(wrong("rows", "`file` and `rows` exclude each other", "Give one of them.")),
            (None, None, None) => Err(wrong(
                "file",
                "The call has no rows",
                "Give `file`, or up to 1,000 `rows`, or the `handle` of an import to go on with.",
            )),
            (Some(_), Some(_), _) => {
                Err(wrong("file", "The import of `handle` has its file already", "Leave `file` out."))
            }
            (Some(_), _, _) if self.id_type.is_some() => {
                Err(wrong("id_type", "The import of `handle` has its `id_type` already", "Leave `id_type` out."))
            }
            (Some(handle), None, _) if self.cursor.is_some() => Ok(BulkSource::Report { handle: handle.to_owned() }),
            (Some(handle), None, rows) => Ok(BulkSource::Handle { handle: handle.to_owned(), rows }),
        }
    }
}

/// The row that a list of refused rows goes on after.
pub(super) fn after(cursor: Option<&str>) -> Result<u64, ToolError> {
    cursor.map_or(Ok(0), |cursor| {
        cursor.parse().map_err(|_| {
            ToolError::invalid("cursor", "`cursor` is not one of this tool's. Nothing was changed.")
                .next("Take it from the last answer, or \"0\" to begin with.")
        })
    })
}

fn wrong(field: &str, what: &str, next: &str) -> ToolError {
    ToolError::invalid(field, format!("{what}. Nothing was changed.")).next(next)
}
