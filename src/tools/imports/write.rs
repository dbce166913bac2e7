//! Writes the rows of an import in batches, several at a time, and writes down where the last acknowledged one ended.
//!
//! Batches are answered in any order and noted in theirs: what is noted is always everything up to a row. A process that
//! is killed has at most [`IN_FLIGHT`] batches that were sent and not noted, and whoever goes on sends them again. That
//! is harmless: a person is written the same once more, and an event's id is made of the handle, its row and the moment
//! the import was opened, so that Customer.io ignores the second.

use std::time::Duration;

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    api::{
        Retry,
        batch::{BatchBody, BatchRefusal, EventItem, PersonItem, Pushed},
        events::{EventKind, event_id},
        people::PersonPath,
    },
    error::{ErrorCode, Fate, ToolError},
    guard::{
        bulk::{self, CustomerRow, EventRow, Import, Kind, RowContent, RowsToWrite, erased_row, rejected_row},
        identity::identifier::{CustomerRef, IdType},
    },
    rows::Position,
    state::{ImportRefusal, ImportState},
    tools::{context::CallContext, directory::path},
};

/// Batches on their way at once.
const IN_FLIGHT: usize = 4;
/// Batches put together ahead.
const AHEAD: usize = 2;
/// How often whoever waits hears of it, and the import is kept to the call while no batch is answered.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// The most rows refused on the way that are kept one by one.
const MOST_KEPT: u64 = 2 * bulk::MOST_REFUSED;

/// What a call has written.
pub(super) struct Written {
    pub(super) import: Import,
    /// What ended the call early.
    pub(super) stopped: Option<ToolError>,
}

/// Rows on their way together.
struct Batch {
    body: BatchBody,
    /// The number of each item's row.
    rows: Vec<u64>,
    /// Whom each item names.
    people: Vec<Vec<CustomerRef>>,
    end: Position,
}

/// A batch that was answered.
struct Answered {
    end: Position,
    accepted: u64,
    refusals: Vec<ImportRefusal>,
}

/// Writes until every row is settled, the time for one call is over, nobody waits any more, or something goes wrong.
pub(super) async fn write(cx: &CallContext<'_>, import: Import) -> Result<Written, ToolError> {
    let rows = cx.guards().rows_to_write(&import).await?;
    let (batches, filler) = fill(cx, &import, rows);
    let was_out = import.progress.may_be_out;
    let mut writer = Writer {
        cx,
        batches,
        import,
        was_out,
        filled: false,
        sent: 0,
        answered: 0,
        turned_away: false,
        told_at: Instant::now(),
    };
    writer.import.progress.may_be_out = true;
    writer.note(Vec::new()).await?;
    let outcome = writer.run(filler).await;
    writer.end(outcome).await
}

struct Writer<'a, 'c> {
    cx: &'a CallContext<'c>,
    batches: mpsc::Receiver<Batch>,
    import: Import,
    /// Every row is in a batch that was taken.
    filled: bool,
    /// Rows behind may have been sent by an earlier call that did not live to see an answer.
    was_out: bool,
    /// Batches this call has sent.
    sent: usize,
    /// Batches of this call that were answered.
    answered: usize,
    /// The first of them, which goes alone, came to nothing.
    turned_away: bool,
    told_at: Instant,
}

impl Writer<'_, '_> {
    async fn run(&mut self, filler: JoinHandle<Result<(), ToolError>>) -> Result<(), ToolError> {
        let cx = self.cx;
        let mut in_flight: FuturesOrdered<BoxFuture<'_, Result<Answered, ToolError>>> = FuturesOrdered::new();
        let mut tick = interval(TOLD_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.tell().await;
        loop {
            // Every call sends something, or a hurried caller would never come to an end.
            // The first goes alone: if it is turned away, nothing has happened, and that can be said.
            let most = if self.answered == 0 { 1 } else { IN_FLIGHT };
            let may_send = !self.filled && in_flight.len() < most && !(self.sent > 0 && self.is_over());
            if !may_send && in_flight.is_empty() {
                break;
            }
            tokio::select! {
                Some(answered) = in_flight.next(), if !in_flight.is_empty() => match answered {
                    Ok(answered) => self.answered(answered).await?,
                    Err(error) => {
                        self.turned_away = self.answered == 0 && error.fate == Fate::NothingHappened;
                        return Err(error);
                    }
                },
                batch = self.batches.recv(), if may_send => match batch {
                    Some(batch) => {
                        self.sent += 1;
                        let kind = self.import.kind;
                        in_flight.push_back(Box::pin(send(cx, kind, batch)));
                    }
                    None => self.filled = true,
                },
                _ = tick.tick() => self.note(Vec::new()).await?,
            }
        }
        if !self.filled {
            self.batches.close();
            return Ok(());
        }
        filler.await.map_err(|_| ToolError::new(ErrorCode::Internal, "The rows could not be read to their end."))?
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.cx.slice_end || self.cx.scope.cancel.is_cancelled()
    }

    async fn answered(&mut self, answered: Answered) -> Result<(), ToolError> {
        self.answered += 1;
        let progress = &mut self.import.progress;
        progress.written = answered.end;
        progress.accepted += answered.accepted;
        let mut refusals = answered.refusals;
        if progress.refused > MOST_KEPT {
            refusals.clear();
        }
        progress.refused += refusals.len() as u64;
        self.note(refusals).await?;
        if self.told_at.elapsed() >= TOLD_EVERY {
            self.tell().await;
        }
        Ok(())
    }

    async fn note(&self, refusals: Vec<ImportRefusal>) -> Result<(), ToolError> {
        self.cx.guards().note_import(&self.cx.admitted.call_id, &self.import, refusals).await
    }

    async fn tell(&mut self) {
        self.told_at = Instant::now();
        let progress = &self.import.progress;
        let (written, total) = (progress.written.rows, progress.checked.rows);
        let message = format!("{}: {written} of {total} rows written", self.import.handle);
        let done = progress.size + progress.written.offset;
        self.cx.caller.progress.report_counts(done, 2 * progress.size, &message).await;
    }

    /// Notes how the call ended. An error is one only if nothing of this call can have happened.
    async fn end(mut self, outcome: Result<(), ToolError>) -> Result<Written, ToolError> {
        let nothing = outcome.is_err() && (self.sent == 0 || self.turned_away);
        // An earlier call's batches are known to be in when as many of this one's are.
        let earlier = self.was_out && self.answered < IN_FLIGHT;
        self.import.progress.may_be_out = earlier || (outcome.is_err() && !nothing);
        if outcome.is_ok() && self.filled {
            self.import.state = ImportState::Done;
            self.import.progress.written = self.import.progress.checked;
            self.import.progress.may_be_out = false;
        }
        if let Err(error) = self.note(Vec::new()).await {
            return Err(if nothing { error } else { unnoted(error, &self.import.handle) });
        }
        self.tell().await;
        match outcome {
            Ok(()) => Ok(Written { import: self.import, stopped: None }),
            Err(error) if nothing => {
                let next = error.next_step.clone().unwrap_or_default();
                let next = format!("{next} `handle` \"{}\" goes on with the import.", self.import.handle);
                Err(error.next(next.trim_start()))
            }
            Err(error) => Ok(Written { import: self.import, stopped: Some(error) }),
        }
    }
}

/// An error that hides how far the import has come: rows have left, so it must not read, or count, as if none had.
fn unnoted(error: ToolError, handle: &str) -> ToolError {
    let message = format!("{} Rows were sent, and how far is not written down.", error.message);
    let next = format!("`handle` \"{handle}\" goes on with the import: no row is written twice.");
    ToolError { message, repeatable: true, ..error }.partly_happened().next(next)
}

/// Sends one batch, without whoever was erased since the rows were checked.
async fn send(cx: &CallContext<'_>, kind: Kind, batch: Batch) -> Result<Answered, ToolError> {
    let erased = cx.guards().erased_since(&batch.people).await?;
    let mut refusals: Vec<_> =
        batch.rows.iter().zip(&erased).filter(|(_, erased)| **erased).map(|(row, _)| erased_row(*row)).collect();
    let (body, rows) = if refusals.is_empty() {
        (batch.body, batch.rows)
    } else {
        let left = batch.rows.iter().zip(&erased).filter(|(_, erased)| !**erased).map(|(row, _)| *row).collect();
        (batch.body.without(&erased), left)
    };
    let retry = match kind {
        Kind::Customers => Retry::Natural,
        Kind::Events => Retry::Ulid,
    };
    let refused = cx.api().send_batch(cx.permit()?, &cx.scope, body, retry).await?;
    let accepted = rows.len().saturating_sub(refused.len()) as u64;
    refusals.extend(refused.into_iter().filter_map(|refusal| rejected(&rows, refusal)));
    Ok(Answered { end: batch.end, accepted, refusals })
}

fn rejected(rows: &[u64], refusal: BatchRefusal) -> Option<ImportRefusal> {
    let row = *rows.get(refusal.batch_index)?;
    let why = refusal.message.or(refusal.reason).unwrap_or_else(|| "no reason given".to_owned());
    Some(rejected_row(row, refusal.field, &format!("Customer.io refused it: {why}")))
}

/// Puts batches together on a thread that may block.
fn fill(
    cx: &CallContext<'_>,
    import: &Import,
    rows: RowsToWrite,
) -> (mpsc::Receiver<Batch>, JoinHandle<Result<(), ToolError>>) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (import, entropy) = (import.clone(), cx.guards().event_entropy(&import.handle));
    let filler = tokio::task::spawn_blocking(move || {
        let mut batch = Batch::new();
        for (end, content) in rows {
            if let Some(content) = content {
                let item = Item { content, row: end.rows, created_at_ms: import.created_at_ms };
                if batch.push(&item, &entropy)? == Pushed::Full {
                    let full = std::mem::replace(&mut batch, Batch::new());
                    if !import.is_unchanged() {
                        return Err(Import::changed());
                    }
                    if sender.blocking_send(full).is_err() {
                        return Ok(());
                    }
                    batch.push(&item, &entropy)?;
                }
            }
            batch.end = end;
        }
        if !import.is_unchanged() {
            return Err(Import::changed());
        }
        if !batch.rows.is_empty() {
            // Nobody takes it when the call has ended: whoever goes on will.
            drop(sender.blocking_send(batch));
        }
        Ok(())
    });
    (receiver, filler)
}

/// A row to be put into a batch.
struct Item {
    content: RowContent,
    row: u64,
    created_at_ms: i64,
}

impl Batch {
    fn new() -> Self {
        Self { body: BatchBody::default(), rows: Vec::new(), people: Vec::new(), end: Position::default() }
    }

    fn push(&mut self, item: &Item, entropy: &bulk::EventEntropy) -> Result<Pushed, ToolError> {
        let pushed = match &item.content {
            RowContent::Customer(row) => self.push_customer(row),
            RowContent::Event(row) => self.push_event(row, item, entropy),
        };
        let pushed = pushed.map_err(|_| ToolError::new(ErrorCode::Internal, "A row could not be written as JSON."))?;
        match pushed {
            Pushed::In => {
                self.rows.push(item.row);
                self.people.push(item.content.refs());
            }
            Pushed::Full => {}
            // Rows this large were refused when they were checked.
            Pushed::TooLarge => {
                return Err(ToolError::new(ErrorCode::Internal, "A row is larger than when it was checked."));
            }
        }
        Ok(pushed)
    }

    /// A person is named by one identifier; further ones are attributes to Customer.io.
    fn push_customer(&mut self, row: &CustomerRow) -> Result<Pushed, serde_json::Error> {
        let Some(named) = row.named_by() else { return Ok(Pushed::TooLarge) };
        let mut attributes = row.attributes.clone();
        for other in row.given.refs() {
            if other.id_type != named.id_type && other.id_type != IdType::CioId {
                attributes.insert(other.id_type.as_str().to_owned(), Value::from(other.value));
            }
        }
        self.body.push(&PersonItem::new(&path(&named), &attributes))
    }

    fn push_event(
        &mut self,
        row: &EventRow,
        item: &Item,
        entropy: &bulk::EventEntropy,
    ) -> Result<Pushed, serde_json::Error> {
        let id = row.id.clone().unwrap_or_else(|| event_id(item.created_at_ms, entropy.of_row(item.row)));
        let kind = match row.kind {
            bulk::EventKind::Event => EventKind::Event,
            bulk::EventKind::Page => EventKind::Page,
            bulk::EventKind::Screen => EventKind::Screen,
        };
        let person: PersonPath = path(&row.customer);
        self.body.push(&EventItem::new(&person, kind, &row.name, &id, row.timestamp, &row.data))
    }
}
