//! Erasures and the tombstones they leave.

use super::{Digest, sealed::debug_unsealed};

/// Where an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureState {
    /// Begun; the same call resumes it.
    Pending,
    /// The person is read back as gone.
    Completed,
}

/// One person's erasure.
#[derive(Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Unique id, named by the receipt.
    pub erasure_id: String,
    /// The workspace.
    pub workspace: String,
    /// Digests of every identifier of the person.
    pub subjects: Vec<Digest>,
    /// Where it stands.
    pub state: ErasureState,
    /// When it was asked for, in Unix milliseconds.
    pub requested_at_ms: i64,
    /// When it was verified, in Unix milliseconds.
    pub completed_at_ms: Option<i64>,
    /// The identifiers, sealed: what a resumed call needs. `None` once completed.
    pub sealed_identifiers: Option<Vec<u8>>,
    /// The receipt as JSON, without personal data.
    pub receipt: Option<String>,
}

debug_unsealed!(Erasure { erasure_id, workspace, subjects, state, requested_at_ms, completed_at_ms, receipt } sealed { sealed_identifiers });

/// An erasure as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedErasure {
    /// The erasure, without what is sealed.
    pub erasure: Erasure,
    /// How many of its tombstones stand; none once they were lifted.
    pub tombstones: u64,
}

/// A mark that refuses to bring an erased person back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The digest it stands on.
    pub subject: Digest,
    /// The erasure that put it up.
    pub erasure_id: String,
    /// When, in Unix milliseconds.
    pub erased_at_ms: i64,
}
