//! What the instances of the server share: one method per atomic decision of the guards.
//!
//! A [`Store`] takes owned arguments and the caller's `now`, decides in one transaction, and hands none out. It knows
//! neither HTTP nor MCP nor whom a row is about: people appear as keyed digests, and what must be read back later
//! (test identifiers, first answers) arrives sealed by the guards.

mod approval;
mod audit;
mod call;
mod chain;
mod digest;
mod erasure;
mod export;
pub mod exports;
mod identity;
mod import;
mod ledger;
pub mod postgres;
mod sealed;
pub mod sqlite;
mod stored;
mod windows;

use async_trait::async_trait;

pub use self::{
    approval::{
        Approval, ApprovalDecision, ApprovalQuery, ApprovalState, AskApproval, AskedApproval, Decided, WhichApprovals,
    },
    audit::{AuditEntry, AuditPhase, AuditQuery, AuditRecord, ChainFault, ChainKey, ChainReport},
    call::{
        Absence, AbsenceOutcome, Begin, BeginOutcome, CallKey, CallOutcome, CallQuery, CallState, Charge, Exhausted,
        Limit, PlanUse, RecordedCall, Settle, TestProfile, TestProfileReservation, Usage, WhichCalls,
    },
    digest::Digest,
    erasure::{Erasure, ErasureState, ListedErasure, Tombstone},
    export::{AuditProof, Seal},
    identity::{CachedPerson, Declaration, Lease, StoredStrategy, StrategyDeclaration},
    import::{Import, ImportClaim, ImportRefusal, ImportState, ImportStep, ImportUse, OpenImport, OpenedImport},
};

/// Why the store could not decide. Nothing was written, unless it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error; the text names no data.
    #[error("the state store failed: {0}")]
    Database(String),
    /// Another process held the database longer than we wait.
    #[error("the state store is busy")]
    Busy,
    /// The database does not answer, or lets nobody in. What was asked for may have been written all the same, as far
    /// as one can know; the text names no data.
    #[error("the state database does not serve us: {0}")]
    Unavailable(String),
    /// The store was written with another secret of ours.
    #[error(
        "the state was written with another secret: give every instance that shares it the same CUSTOMERIO_MCP_SECRET"
    )]
    OtherSecret,
    /// The store was written by a newer version of the program.
    #[error("the state store has schema version {found}, this program knows up to {known}")]
    TooNew {
        /// Version found in the store.
        found: u32,
        /// Newest version this program knows.
        known: u32,
    },
}

/// Shared state. Every method is one atomic decision; all times are Unix milliseconds.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The declared identity strategy of a workspace.
    async fn identity_strategy(&self, workspace: String) -> Result<Option<StoredStrategy>, StoreError>;

    /// Declares the strategy if there is none yet, or replaces it when the declaration says so (an operator's command).
    async fn declare_identity_strategy(&self, declaration: StrategyDeclaration) -> Result<Declaration, StoreError>;

    /// What is remembered of the people behind these digests, in the order asked; expired entries are `None`.
    async fn cached_people(
        &self,
        workspace: String,
        keys: Vec<Digest>,
        now_ms: i64,
    ) -> Result<Vec<Option<CachedPerson>>, StoreError>;

    /// Remembers resolved people until their expiry.
    async fn remember_people(&self, workspace: String, people: Vec<CachedPerson>) -> Result<(), StoreError>;

    /// Drops whatever is remembered under these digests, and under other digests of the same people.
    async fn forget_people(&self, workspace: String, keys: Vec<Digest>) -> Result<(), StoreError>;

    /// Takes a named lease unless another holder has it; the same holder may take it again.
    async fn acquire_lease(&self, lease: Lease, now_ms: i64) -> Result<bool, StoreError>;

    /// Who holds a lease now.
    async fn lease_holder(&self, workspace: String, name: Digest, now_ms: i64) -> Result<Option<String>, StoreError>;

    /// Gives a lease back; one that is not held is no error.
    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError>;

    /// The call recorded under an idempotency key that has not expired, which it does not for a day while the call's
    /// fate is unknown or it was looked for in vain. A lapsed lease reads as [`CallState::Unknown`].
    async fn find_call(
        &self,
        workspace: String,
        principal: String,
        key: Digest,
        now_ms: i64,
    ) -> Result<Option<RecordedCall>, StoreError>;

    /// Consumes the plan, reserves quota and budgets, inserts the ledger row and appends the audit decision, or does
    /// none of it and says why not.
    async fn begin(&self, begin: Begin) -> Result<BeginOutcome, StoreError>;

    /// Records how a begun call ended, gives back what a released one had reserved, and appends the audit outcome. `false`
    /// if the call was settled before; nothing is recorded then.
    async fn settle(&self, settle: Settle) -> Result<bool, StoreError>;

    /// Calls of the ledger whose effect can be looked for or whose key is held.
    async fn list_calls(&self, query: CallQuery) -> Result<Vec<RecordedCall>, StoreError>;

    /// Records that a call was looked for, and the look told nothing.
    async fn note_look(&self, workspace: String, call_id: String, now_ms: i64) -> Result<(), StoreError>;

    /// Records that a call of unknown fate was looked for in vain; the second such look, far enough from the first,
    /// gives back what it reserved and appends the audit outcome.
    async fn note_absence(&self, absence: Absence) -> Result<AbsenceOutcome, StoreError>;

    /// What has been charged to the given budgets within each of their windows.
    async fn usage(
        &self,
        workspace: String,
        principal: String,
        charges: Vec<Charge>,
        now_ms: i64,
    ) -> Result<Vec<Usage>, StoreError>;

    /// The test profiles that count against the quota: reserved, made, or of unknown fate.
    async fn test_profiles(&self, workspace: String, now_ms: i64) -> Result<Vec<TestProfile>, StoreError>;

    /// Takes off the ledger what these calls reserved for test profiles that are known to be gone. Another call may be
    /// making the same person anew: its place is its own.
    async fn remove_test_profiles(&self, workspace: String, calls: Vec<String>) -> Result<(), StoreError>;

    /// The tombstones that stand on any of these digests.
    async fn tombstones(&self, workspace: String, subjects: Vec<Digest>) -> Result<Vec<Tombstone>, StoreError>;

    /// Records where an erasure stands; the first record puts the tombstones up, and the one that completes it deletes
    /// every other row about its subjects.
    async fn record_erasure(&self, erasure: Erasure) -> Result<(), StoreError>;

    /// The erasure that any of these digests belongs to.
    async fn find_erasure(&self, workspace: String, subjects: Vec<Digest>) -> Result<Option<Erasure>, StoreError>;

    /// The erasures of a workspace, newest first.
    async fn list_erasures(&self, workspace: String) -> Result<Vec<ListedErasure>, StoreError>;

    /// Takes the tombstones of an erasure down: an operator's command. `false` when there are none.
    async fn lift_tombstones(&self, workspace: String, erasure_id: String) -> Result<bool, StoreError>;

    /// Finds the import that the same call has begun before, or records a new one, and takes it for the caller.
    async fn open_import(&self, open: OpenImport) -> Result<OpenedImport, StoreError>;

    /// Takes a principal's import for the caller unless another call has it. `None` if there is none with this handle.
    async fn claim_import(&self, claim: ImportClaim) -> Result<Option<OpenedImport>, StoreError>;

    /// Records how far an import has come and keeps it taken; `false` if the caller does not have it any more, and nothing
    /// is recorded then.
    async fn advance_import(&self, step: ImportStep) -> Result<bool, StoreError>;

    /// Gives back whatever import a call has taken.
    async fn release_import(&self, workspace: String, holder: String) -> Result<(), StoreError>;

    /// Refused rows of an import behind a row, by their numbers.
    async fn import_refusals(
        &self,
        workspace: String,
        handle: String,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<ImportRefusal>, StoreError>;

    /// Whether any tombstone stands in a workspace: who asks for thousands of people asks this first.
    async fn has_tombstones(&self, workspace: String) -> Result<bool, StoreError>;

    /// Puts a call before a human, unless it is there already.
    async fn ask_approval(&self, ask: AskApproval) -> Result<AskedApproval, StoreError>;

    /// Calls that need a human's decision or have one.
    async fn list_approvals(&self, query: ApprovalQuery) -> Result<Vec<Approval>, StoreError>;

    /// Records what a human has decided, and appends the audit record; or does neither and says why not.
    async fn decide_approval(&self, decision: ApprovalDecision) -> Result<Decided, StoreError>;

    /// Appends an audit record for a call that leaves only one: a read, a plan or a refusal.
    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// Audit records, newest first, or oldest first where the query says after which.
    async fn list_audit(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Walks every chain of a workspace and proves it, or names what is wrong and where.
    async fn verify_audit(&self, workspace: String) -> Result<ChainReport, StoreError>;

    /// Cuts the chains of a workspace before a time, leaving checkpoints, and returns how many records went.
    async fn prune_audit(&self, workspace: String, before_ms: i64) -> Result<u64, StoreError>;
}
