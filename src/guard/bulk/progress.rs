//! How far an import has come, and what it is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{InlineRows, Kind, file::Stamp};
use crate::{
    guard::identity::identifier::IdType,
    rows::{Format, Position},
    state::ImportState,
};

/// How far an import has come. Kept with it, so nothing in it names anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Keyed hash of the rows as they were first read.
    pub content: String,
    /// How much there is to read: bytes of the file, or rows of the list.
    pub size: u64,
    /// Where checking has come to; at the end, how many rows there are.
    pub checked: Position,
    /// Rows that may be written.
    pub good: u64,
    /// Rows refused, by us or by Customer.io.
    pub refused: u64,
    /// People who would be new.
    pub creates: u64,
    /// Everything before was sent and acknowledged.
    pub written: Position,
    /// Rows that Customer.io has accepted.
    pub accepted: u64,
    /// Rows behind that may have been sent without an acknowledgement.
    pub may_be_out: bool,
}

/// What reading the rows again needs. It is sealed: the name of a file may be a person's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) kind: Kind,
    /// The file as it was given; rows of the call are not kept.
    pub(super) file: Option<String>,
    pub(super) format: Option<String>,
    pub(super) id_type: IdType,
}

/// An import that a call works on.
#[derive(Debug, Clone)]
pub struct Import {
    /// What it is gone on with by.
    pub handle: String,
    /// What its rows are.
    pub kind: Kind,
    /// Where it stands.
    pub state: ImportState,
    /// How far it has come.
    pub progress: Progress,
    /// When it was opened, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When it last came further, in Unix milliseconds.
    pub(super) updated_at_ms: i64,
    /// The call only looks at it.
    pub is_report: bool,
    /// The same call was made before, and all of it is done.
    pub is_repeated: bool,
    /// The kind of identifier that names people in events.
    pub(super) id_type: IdType,
    /// Its rows; a report needs none.
    pub(super) loaded: Option<Loaded>,
}

/// Rows that can be read.
#[derive(Debug, Clone)]
pub(super) enum Loaded {
    File { path: PathBuf, format: Format, stamp: Stamp },
    Rows(InlineRows),
}

impl Import {
    /// Rows that are settled, written or refused.
    pub fn rows_done(&self) -> u64 {
        match self.state {
            ImportState::Checking | ImportState::Checked => 0,
            ImportState::Writing => self.progress.written.rows,
            ImportState::Done => self.progress.checked.rows,
        }
    }
}
