//! The rows of an import on their way: how far it has come, what may leave, and what each event is known by.

use std::collections::HashSet;

use serde_json::json;

use super::{
    Import, Kind, Progress,
    file::changed,
    judge::erased_person,
    opening::HELD_FOR_MS,
    row::{CustomerRow, RowContent},
};
use crate::{
    error::{ErrorCode, ToolError},
    guard::{
        Guards,
        identity::identifier::{CustomerRef, IdType},
        secret::Keys,
    },
    rows::{Position, Rows},
    state::{Digest, ImportRefusal, ImportState, ImportStep},
};

/// The most bytes of an answer of Customer.io's that the report keeps.
const KEPT_REASON_CHARS: usize = 300;
/// How many refused rows are read at once.
const REFUSED_AT_ONCE: u32 = 1_000;

impl Guards {
    /// Refused rows of an import behind a row.
    pub async fn import_refusals(
        &self,
        handle: &str,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<ImportRefusal>, ToolError> {
        let workspace = self.workspace.name.clone();
        Ok(self.store.import_refusals(workspace, handle.to_owned(), after_row, limit).await?)
    }

    /// Records how far an import has come, and keeps it to the call.
    pub async fn note_import(
        &self,
        call_id: &str,
        import: &Import,
        refusals: Vec<ImportRefusal>,
    ) -> Result<(), ToolError> {
        self.advance(call_id, import, refusals, false).await
    }

    /// Has an import begin anew, as if no row had been read.
    pub(super) async fn restart_import(&self, call_id: &str, import: &mut Import) -> Result<(), ToolError> {
        let Progress { content, size, .. } = std::mem::take(&mut import.progress);
        import.progress = Progress { content, size, ..Progress::default() };
        import.state = ImportState::Checking;
        self.advance(call_id, import, Vec::new(), true).await
    }

    async fn advance(
        &self,
        call_id: &str,
        import: &Import,
        refusals: Vec<ImportRefusal>,
        anew: bool,
    ) -> Result<(), ToolError> {
        let now_ms = self.clock.now_ms();
        let step = ImportStep {
            workspace: self.workspace.name.clone(),
            handle: import.handle.clone(),
            holder: call_id.to_owned(),
            until_ms: now_ms + HELD_FOR_MS,
            now_ms,
            state: import.state,
            progress: json!(import.progress).to_string(),
            refusals,
            anew,
        };
        if self.store.advance_import(step).await? {
            return Ok(());
        }
        Err(ToolError::new(ErrorCode::CallInProgress, "Another call has taken the import over.").after_seconds(1))
    }

    /// The rows of an import that were neither refused nor written.
    pub async fn rows_to_write(&self, import: &Import) -> Result<RowsToWrite, ToolError> {
        let mut refused = HashSet::new();
        let mut after = import.progress.written.rows;
        loop {
            let page = self.import_refusals(&import.handle, after, REFUSED_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            after = last.row;
            refused.extend(page.iter().map(|refusal| refusal.row));
        }
        let loaded = import.loaded.as_ref().ok_or_else(changed)?;
        let rows = loaded.open(import.kind.texts(), import.progress.written)?;
        Ok(RowsToWrite { rows, refused, kind: import.kind, id_type: import.id_type })
    }

    /// The rows of a batch that must not leave: their people were erased since they were checked.
    pub async fn erased_since(&self, rows: &[Vec<CustomerRef>]) -> Result<Vec<bool>, ToolError> {
        self.erased_rows(rows.iter().cloned()).await
    }

    /// What the ids of an import's events are made of.
    pub fn event_entropy(&self, handle: &str) -> EventEntropy {
        EventEntropy { keys: self.keys.clone(), handle: handle.to_owned() }
    }
}

/// Makes the random part of the id of a row's event: the same whenever the row is sent, and no other row's.
#[derive(Debug, Clone)]
pub struct EventEntropy {
    keys: Keys,
    handle: String,
}

impl EventEntropy {
    /// That of a row.
    pub fn of_row(&self, row: u64) -> [u8; 10] {
        let Digest(bytes) = self.keys.digest("event id", &[self.handle.as_bytes(), &row.to_be_bytes()]);
        bytes.first_chunk().copied().unwrap_or_default()
    }
}

/// Rows that may be written, read one after another.
#[derive(Debug)]
pub struct RowsToWrite {
    rows: Rows,
    refused: HashSet<u64>,
    kind: Kind,
    id_type: IdType,
}

impl Iterator for RowsToWrite {
    /// Where the row ends, and what it says; `None` if it was refused.
    type Item = (Position, Option<RowContent>);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        let content = match row.fields {
            Ok(fields) if !self.refused.contains(&row.end.rows) => self.kind.read(fields, self.id_type).ok(),
            _ => None,
        };
        Some((row.end, content))
    }
}

/// A row whose person was erased since it was checked.
pub fn erased_row(row: u64) -> ImportRefusal {
    erased_person().of_row(row)
}

/// A row that Customer.io refused.
pub fn rejected_row(row: u64, field: Option<String>, reason: &str) -> ImportRefusal {
    let reason = reason.chars().take(KEPT_REASON_CHARS).collect();
    ImportRefusal { row, field, code: ErrorCode::UpstreamRejected.as_str().to_owned(), reason }
}

impl CustomerRow {
    /// The identifier a row is written by: the one that never changes if it is given, else the id, else the address.
    pub fn named_by(&self) -> Option<CustomerRef> {
        let mut refs = self.given.refs();
        let place = refs.iter().position(|one| one.id_type == IdType::CioId).unwrap_or(0);
        (place < refs.len()).then(|| refs.swap_remove(place))
    }
}
