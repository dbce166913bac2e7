//! The embedded store: one SQLite file, or memory, shared by threads and processes.
//!
//! One connection writes and, for a file, another reads; `lane.rs` says how callers share them. A commit survives the end
//! of the process at once (write-ahead log, `synchronous = NORMAL`). A loss of power may undo the last commits, and of
//! those that would matter (a call with an idempotency key, a spent plan, erasures, a declared strategy) none is answered
//! before the log is synced.

mod absence;
mod approvals;
mod audit;
mod budgets;
mod calls;
mod checkpoint;
mod columns;
mod erasures;
mod imports;
mod job;
mod lane;
mod leases;
mod listing;
mod open;
mod people;
mod strategies;
mod test_profiles;
mod tidy;
mod transaction;
mod verify;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use rusqlite::Connection;

use self::{
    audit::Auditor,
    budgets::Account,
    checkpoint::Checkpointer,
    job::Pace,
    lane::Lane,
    transaction::{Access, Epilogue, Transactions},
};
use super::{
    Absence, AbsenceOutcome, Approval, ApprovalDecision, ApprovalQuery, AskApproval, AskedApproval, AuditEntry,
    AuditQuery, AuditRecord, Begin, BeginOutcome, CachedPerson, CallQuery, ChainKey, ChainReport, Charge, Decided,
    Declaration, Digest, Erasure, ImportClaim, ImportRefusal, ImportStep, Lease, ListedErasure, OpenImport,
    OpenedImport, RecordedCall, Settle, Store, StoreError, StoredStrategy, StrategyDeclaration, TestProfile, Tombstone,
    Usage, chain::ChainHasher,
};

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory, for as long as the store lives and for it alone.
    Memory,
    /// In a file, created with its directory if missing (modes 0600 and 0700).
    File(PathBuf),
}

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the lanes finish their queues, then the checkpointer hears that nobody is left.
    writer: Lane,
    /// `None` in memory, where a second connection would be a second database.
    reader: Option<Lane>,
    location: Location,
    auditor: Arc<Auditor>,
    _checkpointer: Option<Checkpointer>,
}

impl SqliteStore {
    /// Opens the store, creating it or bringing its schema up to date as needed. Several processes may do so at once.
    ///
    /// Audit chains are hashed with `chain_key`: a store must be opened with the same key every time. Blocks while
    /// another process migrates the same file, at most about five seconds.
    #[expect(clippy::needless_pass_by_value, reason = "a key is handed over, not lent")]
    pub fn open(location: Location, chain_key: ChainKey) -> Result<Self, StoreError> {
        let hasher = ChainHasher::new(&chain_key)?;
        let connection = open::open(&location)?;
        let writer = open::writer_name(&connection, &location, &hasher)?;
        let auditor = Arc::new(Auditor::new(hasher, writer));
        let lane = |access, nudge| {
            let heads = Arc::clone(&auditor) as Arc<dyn Epilogue>;
            Transactions { access, nudge, epilogue: Some(heads).filter(|_| access == Access::Write) }
        };
        match &location {
            Location::Memory => {
                let writer = Lane::start(connection, lane(Access::Write, None))?;
                Ok(Self { writer, reader: None, location, auditor, _checkpointer: None })
            }
            Location::File(path) => {
                let (checkpointer, nudge) = Checkpointer::start(open::connect(path)?, path)?;
                let reader = Lane::start(open::connect_to_read(path)?, lane(Access::Read, Some(nudge.clone())))?;
                let writer = Lane::start(connection, lane(Access::Write, Some(nudge)))?;
                Ok(Self { writer, reader: Some(reader), location, auditor, _checkpointer: Some(checkpointer) })
            }
        }
    }

    async fn write<T, F>(&self, pace: Pace, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.run(pace, work).await
    }

    async fn read<T, F>(&self, pace: Pace, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.reader.as_ref().unwrap_or(&self.writer).run(pace, work).await
    }
}

/// What must not be forgotten even if power is lost: that a thing was sent which cannot be unsent, that a plan is spent,
/// that an import has begun.
fn pace_of(begin: &Begin) -> Pace {
    if begin.key.is_some() || begin.plan.is_some() || begin.approval.is_some() || begin.import.is_some() {
        Pace::Durable
    } else {
        Pace::Quick
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn identity_strategy(&self, workspace: String) -> Result<Option<StoredStrategy>, StoreError> {
        self.read(Pace::Quick, move |connection| strategies::find(connection, &workspace)).await
    }

    async fn declare_identity_strategy(&self, declaration: StrategyDeclaration) -> Result<Declaration, StoreError> {
        self.write(Pace::Durable, move |connection| strategies::declare(connection, &declaration)).await
    }

    async fn cached_people(
        &self,
        workspace: String,
        keys: Vec<Digest>,
        now_ms: i64,
    ) -> Result<Vec<Option<CachedPerson>>, StoreError> {
        self.read(Pace::Quick, move |connection| people::find(connection, &workspace, &keys, now_ms)).await
    }

    async fn remember_people(&self, workspace: String, people: Vec<CachedPerson>) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| people::remember(connection, &workspace, &people)).await
    }

    async fn forget_people(&self, workspace: String, keys: Vec<Digest>) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| people::forget(connection, &workspace, &keys)).await
    }

    async fn acquire_lease(&self, lease: Lease, now_ms: i64) -> Result<bool, StoreError> {
        self.write(Pace::Quick, move |connection| leases::acquire(connection, &lease, now_ms)).await
    }

    async fn lease_holder(&self, workspace: String, name: Digest, now_ms: i64) -> Result<Option<String>, StoreError> {
        self.read(Pace::Quick, move |connection| leases::holder(connection, &workspace, &name, now_ms)).await
    }

    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| leases::release(connection, &lease)).await
    }

    async fn find_call(
        &self,
        workspace: String,
        principal: String,
        key: Digest,
        now_ms: i64,
    ) -> Result<Option<RecordedCall>, StoreError> {
        self.read(Pace::Quick, move |connection| calls::find(connection, &workspace, &principal, &key, now_ms)).await
    }

    async fn begin(&self, begin: Begin) -> Result<BeginOutcome, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(pace_of(&begin), move |connection| calls::begin(connection, &auditor, &begin)).await
    }

    async fn settle(&self, settle: Settle) -> Result<bool, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(Pace::Quick, move |connection| calls::settle(connection, &auditor, &settle)).await
    }

    async fn list_calls(&self, query: CallQuery) -> Result<Vec<RecordedCall>, StoreError> {
        self.read(Pace::Quick, move |connection| listing::list(connection, &query)).await
    }

    async fn note_look(&self, workspace: String, call_id: String, now_ms: i64) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| absence::note_look(connection, &workspace, &call_id, now_ms)).await
    }

    async fn note_absence(&self, absence: Absence) -> Result<AbsenceOutcome, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(Pace::Quick, move |connection| absence::note(connection, &auditor, &absence)).await
    }

    async fn usage(
        &self,
        workspace: String,
        principal: String,
        charges: Vec<Charge>,
        now_ms: i64,
    ) -> Result<Vec<Usage>, StoreError> {
        self.read(Pace::Quick, move |connection| {
            let account = Account { workspace: &workspace, principal: &principal };
            budgets::usage(connection, account, &charges, now_ms)
        })
        .await
    }

    async fn test_profiles(&self, workspace: String, now_ms: i64) -> Result<Vec<TestProfile>, StoreError> {
        self.read(Pace::Quick, move |connection| test_profiles::list(connection, &workspace, now_ms)).await
    }

    async fn remove_test_profiles(&self, workspace: String, calls: Vec<String>) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| test_profiles::remove(connection, &workspace, &calls)).await
    }

    async fn tombstones(&self, workspace: String, subjects: Vec<Digest>) -> Result<Vec<Tombstone>, StoreError> {
        self.read(Pace::Quick, move |connection| erasures::tombstones(connection, &workspace, &subjects)).await
    }

    async fn record_erasure(&self, erasure: Erasure) -> Result<(), StoreError> {
        self.write(Pace::Durable, move |connection| erasures::record(connection, &erasure)).await
    }

    async fn find_erasure(&self, workspace: String, subjects: Vec<Digest>) -> Result<Option<Erasure>, StoreError> {
        self.read(Pace::Quick, move |connection| erasures::find(connection, &workspace, &subjects)).await
    }

    async fn list_erasures(&self, workspace: String) -> Result<Vec<ListedErasure>, StoreError> {
        self.read(Pace::Long, move |connection| erasures::list(connection, &workspace)).await
    }

    async fn lift_tombstones(&self, workspace: String, erasure_id: String) -> Result<bool, StoreError> {
        self.write(Pace::Durable, move |connection| erasures::lift(connection, &workspace, &erasure_id)).await
    }

    async fn open_import(&self, open: OpenImport) -> Result<OpenedImport, StoreError> {
        self.write(Pace::Quick, move |connection| imports::open(connection, &open)).await
    }

    async fn claim_import(&self, claim: ImportClaim) -> Result<Option<OpenedImport>, StoreError> {
        self.write(Pace::Quick, move |connection| imports::claim(connection, &claim)).await
    }

    async fn advance_import(&self, step: ImportStep) -> Result<bool, StoreError> {
        self.write(Pace::Quick, move |connection| imports::advance(connection, &step)).await
    }

    async fn release_import(&self, workspace: String, holder: String) -> Result<(), StoreError> {
        self.write(Pace::Quick, move |connection| imports::release(connection, &workspace, &holder)).await
    }

    async fn import_refusals(
        &self,
        workspace: String,
        handle: String,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<ImportRefusal>, StoreError> {
        self.read(Pace::Quick, move |connection| imports::refusals(connection, &workspace, &handle, after_row, limit))
            .await
    }

    async fn has_tombstones(&self, workspace: String) -> Result<bool, StoreError> {
        self.read(Pace::Quick, move |connection| erasures::has_any(connection, &workspace)).await
    }

    async fn ask_approval(&self, ask: AskApproval) -> Result<AskedApproval, StoreError> {
        self.write(Pace::Quick, move |connection| approvals::ask(connection, &ask)).await
    }

    async fn list_approvals(&self, query: ApprovalQuery) -> Result<Vec<Approval>, StoreError> {
        self.read(Pace::Quick, move |connection| approvals::list(connection, &query)).await
    }

    async fn decide_approval(&self, decision: ApprovalDecision) -> Result<Decided, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(Pace::Durable, move |connection| approvals::decide(connection, &auditor, &decision)).await
    }

    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(Pace::Quick, move |connection| auditor.append(connection, &entry)).await
    }

    async fn list_audit(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(Pace::Long, move |connection| audit::list(connection, &query)).await
    }

    async fn verify_audit(&self, workspace: String) -> Result<ChainReport, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        match self.location.clone() {
            Location::Memory => {
                // On the one connection there is, heads of records of the same transaction may still be to come.
                let verify = move |connection: &Connection| {
                    auditor.write(connection)?;
                    verify::verify(connection, &auditor, &workspace)
                };
                self.read(Pace::Long, verify).await
            }
            Location::File(path) => {
                // A walk over everything gets a connection of its own, so that no other reader waits for it.
                let walk = tokio::task::spawn_blocking(move || {
                    verify::verify(&open::connect_to_snapshot(&path)?, &auditor, &workspace)
                });
                walk.await.map_err(|error| StoreError::Database(format!("the chains were not walked: {error}")))?
            }
        }
    }

    async fn prune_audit(&self, workspace: String, before_ms: i64) -> Result<u64, StoreError> {
        let auditor = Arc::clone(&self.auditor);
        self.write(Pace::Durable, move |connection| auditor.prune(connection, &workspace, before_ms)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{AuditPhase, CallKey, PlanUse};

    fn begin(key: Option<CallKey>, plan: Option<PlanUse>) -> Begin {
        let audit = AuditEntry {
            at_ms: 0,
            workspace: "shop".to_owned(),
            call_id: "call".to_owned(),
            principal: "local".to_owned(),
            tool: "send_transactional".to_owned(),
            effect: "send".to_owned(),
            phase: AuditPhase::Decision,
            subject: None,
            decision: "admitted".to_owned(),
            approved_by: None,
            upstream_status: None,
            duration_ms: None,
        };
        Begin {
            call_id: audit.call_id.clone(),
            workspace: audit.workspace.clone(),
            principal: audit.principal.clone(),
            tool: audit.tool.clone(),
            effect: audit.effect.clone(),
            now_ms: 0,
            lease_until_ms: 1,
            key,
            follows: None,
            plan,
            approval: None,
            voids_approved: None,
            charges: Vec::new(),
            test_profile: None,
            subjects: Vec::new(),
            not_erased: Vec::new(),
            recovery: None,
            import: None,
            audit,
        }
    }

    #[test]
    fn a_call_that_must_not_happen_twice_is_on_disk_before_it_begins() {
        let digest = Digest([0; 32]);
        let key = Some(CallKey { key: digest, arguments: digest, expires_at_ms: 1 });
        let plan = Some(PlanUse { token: digest, expires_at_ms: 1 });
        assert_eq!(pace_of(&begin(None, None)), Pace::Quick);
        assert_eq!(pace_of(&begin(key, None)), Pace::Durable);
        assert_eq!(pace_of(&begin(None, plan)), Pace::Durable);
    }
}
