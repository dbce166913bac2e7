//! Imports: how far each has come, which of its rows were refused, and who works on it.

use super::{Digest, sealed::debug_unsealed};

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportState {
    /// Its rows are read and checked; nothing has left.
    Checking,
    /// Every row is checked; nothing has left and nothing is charged.
    Checked,
    /// It is charged, and rows may have left.
    Writing,
    /// Every row is settled.
    Done,
}

/// An import.
#[derive(Clone, PartialEq, Eq)]
pub struct Import {
    /// What its caller goes on with it by.
    pub handle: String,
    /// The tool.
    pub tool: String,
    /// Where it stands.
    pub state: ImportState,
    /// How far it has come, as JSON; its type belongs to the guards.
    pub progress: String,
    /// What reading its rows again needs, sealed.
    pub sealed: Vec<u8>,
    /// When it was opened, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When it last came further, in Unix milliseconds.
    pub updated_at_ms: i64,
}

debug_unsealed!(Import { handle, tool, state, progress, created_at_ms, updated_at_ms } sealed { sealed });

/// A call that may be the first of an import.
#[derive(Clone)]
pub struct OpenImport {
    /// The workspace.
    pub workspace: String,
    /// Who calls.
    pub principal: String,
    /// The tool.
    pub tool: String,
    /// Digest of the call's arguments: the same call again goes on with the same import.
    pub arguments: Digest,
    /// The handle of a new import.
    pub handle: String,
    /// Its progress.
    pub progress: String,
    /// What reading its rows again needs, sealed.
    pub sealed: Vec<u8>,
    /// Who takes it: a call's id.
    pub holder: String,
    /// Until when, in Unix milliseconds.
    pub until_ms: i64,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// Imports that came no further since then are not gone on with, in Unix milliseconds.
    pub alive_since_ms: i64,
    /// Imports that were done since then are answered again and not made anew, in Unix milliseconds.
    pub done_since_ms: i64,
}

debug_unsealed!(OpenImport { workspace, principal, tool, arguments, handle, progress, holder, until_ms, now_ms, alive_since_ms, done_since_ms } sealed { sealed });

/// A call that goes on with an import.
#[derive(Debug, Clone)]
pub struct ImportClaim {
    /// The workspace.
    pub workspace: String,
    /// Who calls.
    pub principal: String,
    /// The tool.
    pub tool: String,
    /// The import.
    pub handle: String,
    /// Who takes it: a call's id; `None` only looks.
    pub holder: Option<String>,
    /// Until when, in Unix milliseconds.
    pub until_ms: i64,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
}

/// What became of opening or claiming an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedImport {
    /// It is new, and the caller's.
    New(Import),
    /// It was begun before, and is the caller's now. One that is done is nobody's.
    Known(Import),
    /// Another call works on it.
    Busy {
        /// Its handle.
        handle: String,
        /// Until when at most, in Unix milliseconds.
        until_ms: i64,
    },
}

/// How far an import has come.
#[derive(Debug, Clone)]
pub struct ImportStep {
    /// The workspace.
    pub workspace: String,
    /// The import.
    pub handle: String,
    /// Who has it: a call's id.
    pub holder: String,
    /// Until when the caller keeps it, in Unix milliseconds.
    pub until_ms: i64,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// Where it stands now.
    pub state: ImportState,
    /// How far it has come, as JSON.
    pub progress: String,
    /// Rows refused since the step before.
    pub refusals: Vec<ImportRefusal>,
    /// Forgets the rows refused before: the import begins anew.
    pub anew: bool,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRefusal {
    /// Its number, from 1.
    pub row: u64,
    /// The field at fault.
    pub field: Option<String>,
    /// The error's code.
    pub code: String,
    /// Why, without personal data.
    pub reason: String,
}

/// The import that a beginning call works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportUse {
    /// The import, which the call has taken.
    pub handle: String,
    /// The call is the first to write: it is charged for all of it. Otherwise it was charged before.
    pub starts: bool,
}
