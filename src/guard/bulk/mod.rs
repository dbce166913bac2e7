//! Imports: calls that write thousands of people or events, through the same door as a single one.
//!
//! Every row is read and held to the rules of the single-row tools before the first may leave. What was checked is known
//! by its hash, and nothing else is written under its name. Budgets are charged once, for every row and every new
//! profile, in the transaction that lets the import write; an import larger than a budget is refused whole, because half
//! of one is nobody's wish, and an operator who wants it raises the budget for the day.
//!
//! A call works for some time and leaves a handle; the next goes on where the last acknowledged batch ended. A row that
//! was sent and not acknowledged is sent again: a person is written the same once more, and an event carries an id made
//! of handle and row number, by which Customer.io ignores the second.
//!
//! What is not promised: a person whom another system makes or deletes between check and write is written all the same.
//! Erasures are looked at again before each batch.

mod admit;
mod check;
mod file;
mod judge;
mod opening;
mod progress;
mod row;
mod twins;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::identity::identifier::IdType;
use crate::rows::Format;

pub use self::{
    progress::{Import, Progress},
    row::{CustomerRow, EventKind, EventRow, RowContent},
    writing::{EventEntropy, RowsToWrite, erased_row, rejected_row},
};

/// The most rows a call may hold itself.
pub const MAX_INLINE_ROWS: usize = 1_000;

/// The most rows of an import that may be refused: more is a file of another kind, not one with mistakes.
pub const MOST_REFUSED: u64 = 10_000;

/// A call that writes rows.
#[derive(Debug, Clone)]
pub struct Bulk {
    /// What the rows are.
    pub kind: Kind,
    /// Where they come from.
    pub source: BulkSource,
    /// The kind of identifier that names people; the strategy's primary if not given.
    pub id_type: Option<IdType>,
    /// Write the rest when some rows are refused.
    pub skip_refused: bool,
}

/// What rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// People to create or update.
    Customers,
    /// Events of people.
    Events,
}

/// Rows that came with the call.
pub type InlineRows = Arc<Vec<Map<String, Value>>>;

/// Where rows come from.
#[derive(Debug, Clone)]
pub enum BulkSource {
    /// A file below a directory the operator allows.
    File {
        /// Its path, as given.
        file: String,
        /// Its format, if its name does not say it.
        format: Option<Format>,
    },
    /// The call itself.
    Rows(InlineRows),
    /// An import that was begun before.
    Handle {
        /// Its handle.
        handle: String,
        /// The same rows again, if they came with the call: they are not kept.
        rows: Option<InlineRows>,
    },
    /// Only a look at an import.
    Report {
        /// Its handle.
        handle: String,
    },
}

/// Who waits for a call.
#[async_trait]
pub trait Attendant: Send + Sync {
    /// Whether to stop and leave a handle: the time for one call is over, or nobody waits any more.
    fn is_over(&self) -> bool;

    /// Tells how far the call is.
    async fn progress(&self, done: u64, total: u64, message: &str);
}
