//! The import a call works on: opened, found again, or gone on with by its handle.

use serde_json::json;

use super::{
    Bulk, BulkSource, Import, InlineRows, Kind,
    file::{changed, hash_of, look},
    progress::{Loaded, Progress, Told},
};
use crate::{
    clock::random_bytes,
    error::{ErrorCode, ToolError},
    guard::{Call, Guards, identity::strategy::IdentityStrategy},
    rows::Format,
    state::{ImportClaim, ImportState, OpenImport, OpenedImport},
};

/// For how long a call keeps an import to itself without a sign of life, in milliseconds. Short: whoever is killed
/// cannot give it back.
pub(super) const HELD_FOR_MS: i64 = 5_000;
/// For how long a checked import may begin to write, in milliseconds: as long as a plan holds.
const CHECKED_FOR_MS: i64 = 10 * 60 * 1_000;
/// For how long the same call is a repeat of an import that is done, in milliseconds; as for any call that is derived
/// from its arguments.
const REPEATED_FOR_MS: i64 = 10 * 60 * 1_000;
/// For how long an import can be gone on with, in milliseconds: what was checked longer ago says little.
const ALIVE_FOR_MS: i64 = 24 * 60 * 60 * 1_000;
/// For how long Customer.io surely ignores an event it was sent before, in milliseconds. Twelve hours are reported.
const DEDUPED_FOR_MS: i64 = 11 * 60 * 60 * 1_000;

impl Guards {
    /// Finds the import of a call, or opens it, and keeps it to the call.
    pub(super) async fn find_import(
        &self,
        call: &Call<'_>,
        bulk: &Bulk,
        strategy: &IdentityStrategy,
    ) -> Result<Import, ToolError> {
        match &bulk.source {
            BulkSource::File { file, format } => {
                let id_type = bulk.id_type.unwrap_or_else(|| strategy.primary.id_type());
                let (loaded, content, size) = self.load_file(file, *format).await?;
                let told = Told { kind: bulk.kind, file: Some(file.clone()), format: format.map(name_of), id_type };
                self.open(call, told, loaded, content, size).await
            }
            BulkSource::Rows(rows) => {
                let id_type = bulk.id_type.unwrap_or_else(|| strategy.primary.id_type());
                let told = Told { kind: bulk.kind, file: None, format: None, id_type };
                let (loaded, content) = (Loaded::Rows(InlineRows::clone(rows)), self.keyed(&hash_of(rows)));
                self.open(call, told, loaded, content, rows.len() as u64).await
            }
            BulkSource::Handle { handle, rows } => self.resume(call, bulk.kind, handle, rows.as_ref()).await,
            BulkSource::Report { handle } => {
                let claim = ImportClaim { holder: None, ..self.claim_of(call, handle) };
                let import = self.claimed(claim, bulk.kind).await?.0;
                Ok(Import { is_report: true, ..import })
            }
        }
    }

    async fn load_file(&self, file: &str, format: Option<Format>) -> Result<(Loaded, String, u64), ToolError> {
        let allowed = self.allowed_file(file, format)?;
        let path = allowed.path.clone();
        let looked = tokio::task::spawn_blocking(move || look(&path)).await;
        let (content, size, stamp) = looked.map_err(|_| changed())??;
        Ok((Loaded::File { path: allowed.path, format: allowed.format, stamp }, self.keyed(&content), size))
    }

    /// What content is kept by: whoever reads the store alone must not be able to try out what was in a short file.
    fn keyed(&self, content: &str) -> String {
        hex::encode(self.keys.digest("import content", &[content.as_bytes()]).0)
    }

    async fn open(
        &self,
        call: &Call<'_>,
        told: Told,
        loaded: Loaded,
        content: String,
        size: u64,
    ) -> Result<Import, ToolError> {
        let now_ms = self.clock.now_ms();
        // The same rows under other words (`./file`, a default said aloud, `skip_refused`) are the same import: as
        // another one they would be written twice.
        let parts = [call.tool.as_bytes(), told.id_type.as_str().as_bytes(), content.as_bytes()];
        let progress = Progress { content: content.clone(), size, ..Progress::default() };
        let open = OpenImport {
            workspace: self.workspace.name.clone(),
            principal: call.principal.to_owned(),
            tool: call.tool.to_owned(),
            arguments: self.keys.digest("import", &parts),
            handle: format!("imp_{}", hex::encode(random_bytes::<8>(self.clock.as_ref()))),
            progress: json!(progress).to_string(),
            sealed: self.seal_json("import", &json!(told)),
            holder: call.call_id.clone(),
            until_ms: now_ms + HELD_FOR_MS,
            now_ms,
            alive_since_ms: now_ms - ALIVE_FOR_MS,
            done_since_ms: now_ms - REPEATED_FOR_MS,
        };
        let (mut import, _) = self.opened(self.store.open_import(open).await?, told.kind)?;
        import.is_repeated = import.state == ImportState::Done;
        import.loaded = Some(loaded);
        self.check_fresh(call, &mut import).await?;
        Ok(import)
    }

    async fn resume(
        &self,
        call: &Call<'_>,
        kind: Kind,
        handle: &str,
        rows: Option<&InlineRows>,
    ) -> Result<Import, ToolError> {
        let (mut import, told) = self.claimed(self.claim_of(call, handle), kind).await?;
        if import.state == ImportState::Done {
            return Ok(import);
        }
        let (loaded, content) = match (&told.file, rows) {
            (None, Some(rows)) => (Loaded::Rows(InlineRows::clone(rows)), self.keyed(&hash_of(rows))),
            (None, None) => return Err(rows_again()),
            (Some(file), _) => {
                let (loaded, content, _) =
                    self.load_file(file, told.format.as_deref().and_then(format_of_name)).await?;
                (loaded, content)
            }
        };
        if content != import.progress.content {
            let (written, rows) = (import.progress.written.rows, if told.file.is_some() { "file" } else { "rows" });
            return Err(changed().at(rows).next(format!(
                "Rows up to {written} are settled. Put the rows back as they were, or import those behind row {written} as \
                 a new import."
            )));
        }
        import.loaded = Some(loaded);
        self.check_fresh(call, &mut import).await?;
        Ok(import)
    }

    fn claim_of(&self, call: &Call<'_>, handle: &str) -> ImportClaim {
        let now_ms = self.clock.now_ms();
        ImportClaim {
            workspace: self.workspace.name.clone(),
            principal: call.principal.to_owned(),
            tool: call.tool.to_owned(),
            handle: handle.to_owned(),
            holder: Some(call.call_id.clone()),
            until_ms: now_ms + HELD_FOR_MS,
            now_ms,
        }
    }

    async fn claimed(&self, claim: ImportClaim, kind: Kind) -> Result<(Import, Told), ToolError> {
        match self.store.claim_import(claim).await? {
            Some(opened) => self.opened(opened, kind),
            None => Err(ToolError::new(
                ErrorCode::NotFound,
                "There is no import of this tool with this `handle`. Nothing was changed.",
            )
            .at("handle")
            .next("Handles come from this tool's answers. The very same call as the first finds its import too.")),
        }
    }

    fn opened(&self, opened: OpenedImport, kind: Kind) -> Result<(Import, Told), ToolError> {
        let found = match opened {
            OpenedImport::New(import) | OpenedImport::Known(import) => import,
            OpenedImport::Busy { handle, until_ms } => {
                let left_ms = u64::try_from(until_ms - self.clock.now_ms()).unwrap_or(0);
                return Err(ToolError::new(
                    ErrorCode::CallInProgress,
                    "Another call works on this import right now. Nothing was changed by this one.",
                )
                .at("handle")
                .with(json!({ "handle": handle }))
                .after_seconds(left_ms.div_ceil(1_000).max(1))
                .next("Wait for the other call's answer; if it was stopped, call again a little later."));
            }
        };
        let told = self.open_json("import", &found.sealed).and_then(|told| serde_json::from_value::<Told>(told).ok());
        let (Some(told), Ok(progress)) = (told, serde_json::from_str(&found.progress)) else {
            return Err(ToolError::new(ErrorCode::Internal, "The import cannot be read. Nothing was changed."));
        };
        let import = Import {
            handle: found.handle,
            kind,
            state: found.state,
            progress,
            created_at_ms: found.created_at_ms,
            is_report: false,
            is_repeated: false,
            id_type: told.id_type,
            loaded: None,
            updated_at_ms: found.updated_at_ms,
        };
        Ok((import, told))
    }

    /// Has rows checked again that were checked too long ago, and refuses to go on where that is not enough.
    async fn check_fresh(&self, call: &Call<'_>, import: &mut Import) -> Result<(), ToolError> {
        let age_ms = self.clock.now_ms() - import.updated_at_ms;
        let is_stale = match import.state {
            ImportState::Checking | ImportState::Checked => age_ms > CHECKED_FOR_MS,
            ImportState::Writing => age_ms > ALIVE_FOR_MS,
            ImportState::Done => false,
        };
        if import.state == ImportState::Writing {
            let unsure = import.kind == Kind::Events && import.progress.may_be_out && age_ms > DEDUPED_FOR_MS;
            return if is_stale || unsure { Err(left_too_long(import, unsure)) } else { Ok(()) };
        }
        if is_stale {
            self.restart_import(&call.call_id, import).await?;
        }
        Ok(())
    }
}

fn name_of(format: Format) -> String {
    match format {
        Format::Csv => "csv",
        Format::JsonLines => "json_lines",
    }
    .to_owned()
}

fn format_of_name(name: &str) -> Option<Format> {
    match name {
        "csv" => Some(Format::Csv),
        "json_lines" => Some(Format::JsonLines),
        _ => None,
    }
}

fn rows_again() -> ToolError {
    ToolError::invalid("rows", "The rows of this import came with the call and are not kept. Nothing was changed.")
        .next("Give the same `rows` again beside `handle`.")
}

fn left_too_long(import: &Import, unsure: bool) -> ToolError {
    let written = import.progress.written.rows;
    let message = if unsure {
        format!(
            "The import was left more than eleven hours ago. Rows up to {written} are settled; of those right behind some \
             may have been recorded without an answer, and Customer.io would now record them again. Nothing was changed."
        )
    } else {
        format!(
            "The import was left more than a day ago, and what its rows were checked against may have changed. Rows up to \
             {written} are settled. Nothing was changed."
        )
    };
    let next = format!("Import the rows behind row {written} as a new import, with the user's consent.");
    ToolError::new(if unsure { ErrorCode::OutcomeUnknown } else { ErrorCode::Conflict }, message)
        .at("handle")
        .next(next)
}
