//! Imports: thousands of people or events in one call, and the calls that go on where it stopped.

mod customers;
mod events;
mod source;
mod write;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::{customers::ImportCustomers, events::TrackEvents};
use super::context::CallContext;
use crate::{
    error::{ErrorCode, ToolError},
    guard::bulk::Import,
    state::{ImportRefusal, ImportState},
};

/// How many refused rows an answer shows.
const SHOWN_ROWS: u32 = 25;

/// Answer of both bulk tools.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: Progressed,
    /// Names the import.
    handle: String,
    /// Rows in all; absent while they are still checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_total: Option<u64>,
    /// Rows checked so far, while nothing is written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_checked: Option<u64>,
    /// Rows settled so far: accepted, or refused.
    rows_done: u64,
    /// Rows Customer.io has accepted; they are processed later and not read back.
    rows_accepted: u64,
    /// Rows refused, here or by Customer.io.
    rows_refused: u64,
    /// Some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedRow>,
    /// Lists more of them, with `handle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Why the work stopped early.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    /// What to do now.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<String>,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Progressed {
    /// Every row is settled.
    Accepted,
    /// There is more to do: call again with the handle.
    InProgress,
}

/// A row that was not written.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct RefusedRow {
    /// Its number: 1 is the first after a header.
    row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    error: String,
    reason: String,
}

impl From<ImportRefusal> for RefusedRow {
    fn from(refusal: ImportRefusal) -> Self {
        Self { row: refusal.row, field: refusal.field, error: refusal.code, reason: refusal.reason }
    }
}

/// Does what the guards have let through: writes, or says how far the import is.
async fn go_on(cx: &CallContext<'_>, cursor: Option<&str>) -> Result<Output, ToolError> {
    let import = cx.admitted.import.as_ref().ok_or_else(|| {
        ToolError::new(ErrorCode::Internal, "The tool expected an import that its intent does not name.")
    })?;
    let after = source::after(cursor)?;
    if !cx.admitted.is_begun() {
        return report(cx, import, after).await;
    }
    let written = write::write(cx, import.clone()).await?;
    // Rows may have left, so what is wrong from here on is no proof that none has.
    let answer = report(cx, &written.import, after).await.map_err(ToolError::partly_happened)?;
    let Some(stopped) = written.stopped else { return Ok(answer) };
    Ok(Output { because: Some(stopped.message), retry_after_seconds: stopped.retry_after_seconds, ..answer })
}

/// How far an import is, with the refused rows behind a row.
async fn report(cx: &CallContext<'_>, import: &Import, after: u64) -> Result<Output, ToolError> {
    let mut refused = cx.guards().import_refusals(&import.handle, after, SHOWN_ROWS + 1).await?;
    let more = refused.len() > SHOWN_ROWS as usize;
    refused.truncate(SHOWN_ROWS as usize);
    let cursor = refused.last().filter(|_| more).map(|last| last.row.to_string());
    let progress = &import.progress;
    let is_checked = import.state != ImportState::Checking;
    let is_done = import.state == ImportState::Done;
    let writes = matches!(import.state, ImportState::Writing | ImportState::Done);
    Ok(Output {
        result: if is_done { Progressed::Accepted } else { Progressed::InProgress },
        handle: import.handle.clone(),
        rows_total: is_checked.then_some(progress.checked.rows),
        rows_checked: (!writes).then_some(progress.checked.rows),
        rows_done: import.rows_done(),
        rows_accepted: progress.accepted,
        rows_refused: progress.refused,
        refused: refused.into_iter().map(RefusedRow::from).collect(),
        cursor,
        because: None,
        retry_after_seconds: None,
        next_step: next_step(import),
    })
}

fn next_step(import: &Import) -> Option<String> {
    if import.is_repeated {
        let told = "The same call was made a moment ago, and this is what came of it; nothing was written twice.";
        return Some(told.to_owned());
    }
    (import.state != ImportState::Done).then(|| format!("Call again with `handle` \"{}\" to go on.", import.handle))
}
