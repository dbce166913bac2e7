//! Whether an import may write: found or opened, checked whole, planned where the policy asks, charged once.

use serde_json::json;

use super::{Bulk, Import, Kind, progress::Progress};
use crate::{
    error::{ErrorCode, ToolError},
    guard::{
        Call, Guards, Halt,
        admit::Admitted,
        approval::Consent,
        audience::{Count, Size},
        identity::{Identified, strategy_required},
        recipients::Reached,
    },
    state::{Digest, ImportRefusal, ImportState, ImportUse},
};

/// How many refused rows an error names.
const NAMED_ROWS: u32 = 20;

impl Guards {
    /// Lets a call work on its import: check it, write it, or say what became of it.
    pub(crate) async fn admit_bulk(&self, call: &Call<'_>, bulk: &Bulk) -> Result<Admitted, Halt> {
        let strategy = self.identity_strategy().await?.ok_or_else(strategy_required)?;
        let mut import = self.find_import(call, bulk, &strategy).await?;
        let admitted = |import| Admitted { call_id: call.call_id.clone(), import: Some(import), ..Admitted::default() };
        if import.is_report || import.state == ImportState::Done {
            return Ok(admitted(import));
        }
        if import.state == ImportState::Checking && !self.check_rows(call, &mut import, &strategy).await? {
            return Ok(admitted(import));
        }
        if import.state == ImportState::Writing {
            self.check_allowed_still(call)?;
            return self.begin_import(call, import, false, &Consent::NotNeeded).await;
        }
        self.refuse_rows(&import, bulk.skip_refused).await?;
        let identified = Identified { creates: import.progress.creates, ..Identified::default() };
        let audience = audience(&import);
        let consent = self.approve(call, &identified, &audience, Reached { allowed: true, several: false }).await?;
        self.begin_import(call, import, true, &consent).await
    }

    async fn begin_import(
        &self,
        call: &Call<'_>,
        import: Import,
        starts: bool,
        consent: &Consent,
    ) -> Result<Admitted, Halt> {
        let using = ImportUse { handle: import.handle.clone(), starts };
        let people = Identified { creates: import.progress.creates, ..Identified::default() };
        let admitted = self.begin_bulk(call, people, &audience(&import), consent, using).await?;
        Ok(Admitted { import: Some(Import { state: ImportState::Writing, ..import }), ..admitted })
    }

    /// Nothing is written while a row is refused, unless the caller has said to leave those out.
    async fn refuse_rows(&self, import: &Import, skip_refused: bool) -> Result<(), ToolError> {
        let Progress { good, refused, checked, .. } = &import.progress;
        if *good > 0 && (*refused == 0 || skip_refused) {
            return Ok(());
        }
        if checked.rows == 0 {
            return Err(ToolError::invalid("file", "There are no rows. Nothing was changed.")
                .next("Give a file, or `rows`, with at least one row."));
        }
        let first = self.import_refusals(&import.handle, 0, NAMED_ROWS).await?;
        let rows: Vec<_> = first.iter().map(shown).collect();
        let next = if *good == 0 {
            "Mend the rows and call again.".to_owned()
        } else {
            format!(
                "Mend the rows and call again, or leave them out: `handle` \"{}\" with `skip_refused: true`. With `handle` \
                 and `cursor: \"0\"` all of them are listed.",
                import.handle
            )
        };
        Err(ToolError::new(
            ErrorCode::InvalidArgument,
            format!("{refused} of {} rows are refused, so none was written. Nothing was changed.", checked.rows),
        )
        .at("rows")
        .with(json!({ "handle": import.handle, "rows_refused": refused, "rows_total": checked.rows, "refused": rows }))
        .next(next))
    }
}

fn shown(refusal: &ImportRefusal) -> serde_json::Value {
    let ImportRefusal { row, field, code, reason } = refusal;
    let mut shown = json!({ "row": row, "error": code, "reason": reason });
    if let Some(field) = field {
        shown["field"] = json!(field);
    }
    shown
}

/// Every row is a person, or an event that may make something be sent to one. The plan is bound to the very rows.
fn audience(import: &Import) -> Size {
    let mut set = [0; 32];
    if hex::decode_to_slice(&import.progress.content, &mut set).is_err() {
        set = [0; 32];
    }
    let count = if import.kind == Kind::Customers { Count::Exact } else { Count::AtMost };
    Size { set: Digest(set), is_bound: true, ..Size::new(import.progress.good, count) }
}
