//! Checks rows, as long as the time for one call lasts.

use std::{collections::HashSet, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, interval_at},
};

use super::{
    Import, Kind, MOST_REFUSED,
    judge::{Judge, Judged},
    row::{Refused, RowContent},
    twins::Twins,
};
use crate::{
    error::{ErrorCode, ToolError},
    guard::{Call, Guards, identity::identifier::IdType, identity::strategy::IdentityStrategy},
    rows::{Position, RowFault, Rows},
    state::{ImportRefusal, ImportState},
};

/// How many rows are judged together: a handful of look-ups.
const TOGETHER: usize = 500;
/// How many such groups are read ahead.
const AHEAD: usize = 2;
/// How often it is written down how far the checking is.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// Rows that were read, with what is wrong with those that cannot be.
struct Group {
    rows: Vec<(u64, Result<RowContent, Refused>)>,
    end: Position,
    /// The rows behind cannot be read.
    broken: Option<(u64, RowFault)>,
}

impl Guards {
    /// Checks the rows of an import from where it was left, and says whether that was all of them.
    pub(super) async fn check_rows(
        &self,
        call: &Call<'_>,
        import: &mut Import,
        strategy: &IdentityStrategy,
    ) -> Result<bool, ToolError> {
        let (kind, id_type) = (import.kind, import.id_type);
        let mut judge = Judge { guards: self, call, strategy, kind, id_type, known: HashSet::new() };
        judge.check_id_type()?;
        let mut groups = read_ahead(import)?;
        let (mut refusals, mut noted_at, mut noted) = (Vec::new(), Instant::now(), import.clone());
        loop {
            let Some(group) = groups.recv().await else { break };
            if let Some((row, fault)) = group.broken {
                return Err(broken(row, &fault));
            }
            let judged = judge.group(group.rows, import, &mut refusals);
            if let Err(error) = self.keeping(call, &noted, judged).await {
                self.note_import(&call.call_id, import, std::mem::take(&mut refusals)).await?;
                return Err(goes_on(error, &import.handle));
            }
            import.progress.checked = group.end;
            if import.progress.refused > MOST_REFUSED {
                return Err(too_many(import));
            }
            if noted_at.elapsed() >= NOTED_EVERY {
                self.note_import(&call.call_id, import, std::mem::take(&mut refusals)).await?;
                tell(call, import).await;
                noted_at = Instant::now();
                noted = import.clone();
            }
            if call.attendant.is_over() && import.progress.checked.offset < import.progress.size {
                self.note_import(&call.call_id, import, refusals).await?;
                return Ok(false);
            }
        }
        if !import.is_unchanged() {
            return Err(Import::changed());
        }
        import.state = ImportState::Checked;
        self.note_import(&call.call_id, import, refusals).await?;
        Ok(true)
    }

    /// Does some work, and keeps the import to the call meanwhile, as far as it was noted: what is counted beyond has rows
    /// refused that are not written down yet.
    async fn keeping(
        &self,
        call: &Call<'_>,
        noted: &Import,
        work: impl Future<Output = Result<(), ToolError>>,
    ) -> Result<(), ToolError> {
        let mut tick = interval_at(Instant::now() + NOTED_EVERY, NOTED_EVERY);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = tick.tick() => self.note_import(&call.call_id, noted, Vec::new()).await?,
            }
        }
    }
}

impl Judge<'_> {
    /// Judges a group and counts what came of it; on an error nothing of it is counted.
    async fn group(
        &mut self,
        rows: Vec<(u64, Result<RowContent, Refused>)>,
        import: &mut Import,
        refusals: &mut Vec<ImportRefusal>,
    ) -> Result<(), ToolError> {
        let (mut numbers, mut contents, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (number, read) in rows {
            match read {
                Ok(content) => {
                    numbers.push(number);
                    contents.push(content);
                }
                Err(why) => refused.push(why.of_row(number)),
            }
        }
        for (number, judged) in numbers.into_iter().zip(self.judge(&contents).await?) {
            match judged {
                Judged::Good { creates } => {
                    import.progress.good += 1;
                    import.progress.creates += u64::from(creates);
                }
                Judged::Bad(why) => refused.push(why.of_row(number)),
            }
        }
        import.progress.refused += refused.len() as u64;
        refusals.extend(refused);
        Ok(())
    }
}

/// Reads rows on a thread that may block. People are read from the beginning, since rows may contradict earlier ones;
/// those checked before are not given out again.
fn read_ahead(import: &Import) -> Result<mpsc::Receiver<Group>, ToolError> {
    let (kind, id_type, checked) = (import.kind, import.id_type, import.progress.checked);
    let from = if kind == Kind::Customers { Position::default() } else { checked };
    let loaded = import.loaded.as_ref().ok_or_else(Import::changed)?;
    let rows = loaded.open(kind.texts(), from)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read(rows, kind, id_type, checked, &sender));
    Ok(receiver)
}

fn read(mut rows: Rows, kind: Kind, id_type: IdType, checked: Position, groups: &mpsc::Sender<Group>) {
    let mut twins = Twins::default();
    loop {
        let mut group = Group { rows: Vec::with_capacity(TOGETHER), end: checked, broken: None };
        for row in rows.by_ref() {
            let number = row.end.rows;
            if let Err(fault) = &row.fields
                && fault.is_last
            {
                group.broken = Some((number, fault.clone()));
                break;
            }
            let read = row.fields.map_err(Refused::from).and_then(|fields| kind.read(fields, id_type));
            let read = read.and_then(|content| {
                if let RowContent::Customer(row) = &content {
                    twins.check(&row.given)?;
                }
                Ok(content)
            });
            if number <= checked.rows {
                continue;
            }
            group.rows.push((number, read));
            group.end = row.end;
            if group.rows.len() == TOGETHER {
                break;
            }
        }
        let is_last = group.rows.len() < TOGETHER;
        let is_empty = group.rows.is_empty() && group.broken.is_none();
        // Nobody takes it when the call has ended: whoever goes on will.
        if (!is_empty && groups.blocking_send(group).is_err()) || is_last {
            return;
        }
    }
}

async fn tell(call: &Call<'_>, import: &Import) {
    let progress = &import.progress;
    let message = format!("{}: {} rows checked", import.handle, progress.checked.rows);
    call.attendant.progress(progress.checked.offset, 2 * progress.size, &message).await;
}

/// An error that has not lost what was checked before it.
fn goes_on(error: ToolError, handle: &str) -> ToolError {
    let next =
        format!("Call again with `handle` \"{handle}\" to go on checking. {}", error.next_step.unwrap_or_default());
    ToolError { next_step: Some(next.trim_end().to_owned()), ..error }
}

fn broken(row: u64, fault: &RowFault) -> ToolError {
    ToolError::new(
        ErrorCode::InvalidArgument,
        format!("Row {row} and whatever follows cannot be read: {}. Nothing was changed.", fault.reason),
    )
    .at("file")
    .next("Mend the file there and call again.")
}

fn too_many(import: &Import) -> ToolError {
    let Import { progress, .. } = import;
    ToolError::new(
        ErrorCode::InvalidArgument,
        format!(
            "{} of the first {} rows are refused, more than an import may leave out. Nothing was changed.",
            progress.refused, progress.checked.rows
        ),
    )
    .at("file")
    .next("Look at the first rows: the columns may have other names than the tool's, or the file be of another kind.")
}
