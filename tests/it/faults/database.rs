//! A database that is gone from a moment on: before it has done what it is asked for, or before it can say so.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use customerio_mcp::state::{
    Absence, AbsenceOutcome, Approval, ApprovalDecision, ApprovalQuery, AskApproval, AskedApproval, AuditEntry,
    AuditQuery, AuditRecord, Begin, BeginOutcome, CachedPerson, CallQuery, ChainReport, Charge, Decided, Declaration,
    Digest, Erasure, ImportClaim, ImportRefusal, ImportStep, Lease, ListedErasure, OpenImport, OpenedImport,
    RecordedCall, Settle, Store, StoreError, StoredStrategy, StrategyDeclaration, TestProfile, Tombstone, Usage,
};

/// When the database goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// Nothing of the step is done.
    Before,
    /// The step is done, and its answer is lost.
    After,
}

/// A store that serves so many steps, and then none until it is back.
#[derive(Debug)]
pub(super) struct Fragile {
    store: Arc<dyn Store>,
    goes: Goes,
    /// Names of the steps since it was armed.
    steps: Mutex<Vec<&'static str>>,
    serves: Mutex<Option<usize>>,
    is_gone: AtomicBool,
}

impl Fragile {
    pub(super) fn new(store: Arc<dyn Store>, goes: Goes) -> Self {
        Self { store, goes, steps: Mutex::default(), serves: Mutex::default(), is_gone: AtomicBool::new(false) }
    }

    /// Lets it serve `steps` more.
    pub(super) fn arm(&self, steps: usize) {
        self.steps.lock().unwrap().clear();
        *self.serves.lock().unwrap() = Some(steps);
    }

    /// Whether it went, and at which step.
    pub(super) fn went_at(&self) -> Option<&'static str> {
        let served = (*self.serves.lock().unwrap())?;
        self.steps.lock().unwrap().get(served).copied()
    }

    pub(super) fn comes_back(&self) {
        *self.serves.lock().unwrap() = None;
        self.is_gone.store(false, Ordering::SeqCst);
    }

    async fn step<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let number = {
            let mut steps = self.steps.lock().unwrap();
            steps.push(name);
            steps.len()
        };
        let goes_now = self.serves.lock().unwrap().is_some_and(|serves| number > serves);
        let gone = || Err(StoreError::Unavailable("it is gone".to_owned()));
        if self.is_gone.load(Ordering::SeqCst) || (goes_now && self.goes == Goes::Before) {
            self.is_gone.store(true, Ordering::SeqCst);
            return gone();
        }
        let done = work.await;
        if goes_now {
            self.is_gone.store(true, Ordering::SeqCst);
            return gone();
        }
        done
    }
}

macro_rules! each_step {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Fragile {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.step(stringify!($name), self.store.$name($($argument),*)).await
            })*
        }
    };
}

each_step! {
    identity_strategy(workspace: String) -> Option<StoredStrategy>;
    declare_identity_strategy(declaration: StrategyDeclaration) -> Declaration;
    cached_people(workspace: String, keys: Vec<Digest>, now_ms: i64) -> Vec<Option<CachedPerson>>;
    remember_people(workspace: String, people: Vec<CachedPerson>) -> ();
    forget_people(workspace: String, keys: Vec<Digest>) -> ();
    acquire_lease(lease: Lease, now_ms: i64) -> bool;
    lease_holder(workspace: String, name: Digest, now_ms: i64) -> Option<String>;
    release_lease(lease: Lease) -> ();
    find_call(workspace: String, principal: String, key: Digest, now_ms: i64) -> Option<RecordedCall>;
    begin(begin: Begin) -> BeginOutcome;
    settle(settle: Settle) -> bool;
    list_calls(query: CallQuery) -> Vec<RecordedCall>;
    note_look(workspace: String, call_id: String, now_ms: i64) -> ();
    note_absence(absence: Absence) -> AbsenceOutcome;
    usage(workspace: String, principal: String, charges: Vec<Charge>, now_ms: i64) -> Vec<Usage>;
    test_profiles(workspace: String, now_ms: i64) -> Vec<TestProfile>;
    remove_test_profiles(workspace: String, calls: Vec<String>) -> ();
    tombstones(workspace: String, subjects: Vec<Digest>) -> Vec<Tombstone>;
    record_erasure(erasure: Erasure) -> ();
    find_erasure(workspace: String, subjects: Vec<Digest>) -> Option<Erasure>;
    list_erasures(workspace: String) -> Vec<ListedErasure>;
    lift_tombstones(workspace: String, erasure_id: String) -> bool;
    open_import(open: OpenImport) -> OpenedImport;
    claim_import(claim: ImportClaim) -> Option<OpenedImport>;
    advance_import(step: ImportStep) -> bool;
    release_import(workspace: String, holder: String) -> ();
    import_refusals(workspace: String, handle: String, after_row: u64, limit: u32) -> Vec<ImportRefusal>;
    has_tombstones(workspace: String) -> bool;
    ask_approval(ask: AskApproval) -> AskedApproval;
    list_approvals(query: ApprovalQuery) -> Vec<Approval>;
    decide_approval(decision: ApprovalDecision) -> Decided;
    append_audit(entry: AuditEntry) -> ();
    list_audit(query: AuditQuery) -> Vec<AuditRecord>;
    verify_audit(workspace: String) -> ChainReport;
    prune_audit(workspace: String, before_ms: i64) -> u64;
}
