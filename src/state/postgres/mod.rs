//! The store of a fleet: one PostgreSQL database, shared by any number of processes on any number of machines.
//!
//! What is decided, and what the tables hold, is what it is over SQLite; one test suite runs over both. `transaction.rs`
//! says how decisions of several machines keep out of each other's way, `writers.rs` how their audit records do.

mod address;
mod approvals;
mod audit;
mod budgets;
mod calls;
mod columns;
mod core;
mod erasures;
mod imports;
mod leases;
mod listing;
mod open;
mod password_file;
mod people;
mod settle;
mod strategies;
mod test_profiles;
mod tidy;
mod tls;
mod transaction;
mod verify;
mod writers;

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use async_trait::async_trait;

pub use self::address::Address;
use self::{
    core::{Core, answered, answered_at_length},
    writers::Writers,
};
use super::{
    Absence, AbsenceOutcome, Approval, ApprovalDecision, ApprovalQuery, AskApproval, AskedApproval, AuditEntry,
    AuditQuery, AuditRecord, Begin, BeginOutcome, CachedPerson, CallQuery, ChainKey, ChainReport, Charge, Decided,
    Declaration, Digest, Erasure, ImportClaim, ImportRefusal, ImportStep, Lease, ListedErasure, OpenImport,
    OpenedImport, RecordedCall, Settle, Store, StoreError, StoredStrategy, StrategyDeclaration, TestProfile, Tombstone,
    Usage, chain::ChainHasher,
};
use crate::clock::SharedClock;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    core: Arc<Core>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore([redacted])")
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version, as it words it.
    pub version: String,
    /// The schema's version; 0 before the first start.
    pub schema: u32,
    /// Its time, in Unix milliseconds.
    pub now_ms: i64,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
}

impl PostgresStore {
    /// Connects to the database, making its tables or bringing them up to date as needed. Any number of processes may
    /// do so at once.
    ///
    /// Audit chains are hashed with `chain_key`: a database that was written with another one is refused. `clock` gives
    /// the randomness of pauses between attempts.
    pub async fn connect(address: &Address, chain_key: ChainKey, clock: SharedClock) -> Result<Self, StoreError> {
        let hasher = ChainHasher::new(&chain_key)?;
        let pool = open::open(address, &hasher).await?;
        let core = Core {
            pool,
            hasher,
            writers: Writers::default(),
            clock,
            silent_since: Mutex::default(),
            begun: AtomicU64::new(0),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Asks a server about itself and changes nothing.
    pub async fn ask(address: &Address) -> Result<Server, StoreError> {
        let client = open::connect(address).await?;
        let row = client
            .query_one(
                "SELECT current_setting('server_version'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
                 coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE)",
                &[],
            )
            .await?;
        let schema = open::schema_version(&client).await?;
        Ok(Server { version: row.try_get(0)?, schema, now_ms: row.try_get(1)?, encrypted: row.try_get(2)? })
    }
}

/// Asks the module of a noun, on a task of its own, as often as it takes.
macro_rules! ask {
    ($store:ident, $($asked:ident)::+($($given:expr),*)) => {
        ask!(answered, $store, $($asked)::+($($given),*))
    };
    ($how:ident, $store:ident, $($asked:ident)::+($($given:expr),*)) => {{
        let core = Arc::clone(&$store.core);
        $how(async move { core.retried(|| $($asked)::+(&core, $($given),*)).await }).await
    }};
}

#[async_trait]
impl Store for PostgresStore {
    async fn identity_strategy(&self, workspace: String) -> Result<Option<StoredStrategy>, StoreError> {
        ask!(self, strategies::find(&workspace))
    }

    async fn declare_identity_strategy(&self, declaration: StrategyDeclaration) -> Result<Declaration, StoreError> {
        ask!(self, strategies::declare(&declaration))
    }

    async fn cached_people(
        &self,
        workspace: String,
        keys: Vec<Digest>,
        now_ms: i64,
    ) -> Result<Vec<Option<CachedPerson>>, StoreError> {
        ask!(self, people::find(&workspace, &keys, now_ms))
    }

    async fn remember_people(&self, workspace: String, people: Vec<CachedPerson>) -> Result<(), StoreError> {
        ask!(self, people::remember(&workspace, &people))
    }

    async fn forget_people(&self, workspace: String, keys: Vec<Digest>) -> Result<(), StoreError> {
        ask!(self, people::forget(&workspace, &keys))
    }

    async fn acquire_lease(&self, lease: Lease, now_ms: i64) -> Result<bool, StoreError> {
        ask!(self, leases::acquire(&lease, now_ms))
    }

    async fn lease_holder(&self, workspace: String, name: Digest, now_ms: i64) -> Result<Option<String>, StoreError> {
        ask!(self, leases::holder(&workspace, &name, now_ms))
    }

    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        ask!(self, leases::release(&lease))
    }

    async fn find_call(
        &self,
        workspace: String,
        principal: String,
        key: Digest,
        now_ms: i64,
    ) -> Result<Option<RecordedCall>, StoreError> {
        ask!(self, calls::find(&workspace, &principal, &key, now_ms))
    }

    async fn begin(&self, begin: Begin) -> Result<BeginOutcome, StoreError> {
        ask!(self, calls::begin(&begin))
    }

    async fn settle(&self, settle: Settle) -> Result<bool, StoreError> {
        ask!(self, settle::settle(&settle))
    }

    async fn list_calls(&self, query: CallQuery) -> Result<Vec<RecordedCall>, StoreError> {
        ask!(self, listing::list(&query))
    }

    async fn note_look(&self, workspace: String, call_id: String, now_ms: i64) -> Result<(), StoreError> {
        ask!(self, settle::note_look(&workspace, &call_id, now_ms))
    }

    async fn note_absence(&self, absence: Absence) -> Result<AbsenceOutcome, StoreError> {
        ask!(self, settle::note_absence(&absence))
    }

    async fn usage(
        &self,
        workspace: String,
        principal: String,
        charges: Vec<Charge>,
        now_ms: i64,
    ) -> Result<Vec<Usage>, StoreError> {
        ask!(self, budgets::usage(&workspace, &principal, &charges, now_ms))
    }

    async fn test_profiles(&self, workspace: String, now_ms: i64) -> Result<Vec<TestProfile>, StoreError> {
        ask!(self, test_profiles::list(&workspace, now_ms))
    }

    async fn remove_test_profiles(&self, workspace: String, calls: Vec<String>) -> Result<(), StoreError> {
        ask!(self, test_profiles::remove(&workspace, &calls))
    }

    async fn tombstones(&self, workspace: String, subjects: Vec<Digest>) -> Result<Vec<Tombstone>, StoreError> {
        ask!(self, erasures::tombstones(&workspace, &subjects))
    }

    async fn record_erasure(&self, erasure: Erasure) -> Result<(), StoreError> {
        ask!(self, erasures::record(&erasure))
    }

    async fn find_erasure(&self, workspace: String, subjects: Vec<Digest>) -> Result<Option<Erasure>, StoreError> {
        ask!(self, erasures::find(&workspace, &subjects))
    }

    async fn list_erasures(&self, workspace: String) -> Result<Vec<ListedErasure>, StoreError> {
        ask!(self, erasures::list(&workspace))
    }

    async fn lift_tombstones(&self, workspace: String, erasure_id: String) -> Result<bool, StoreError> {
        ask!(self, erasures::lift(&workspace, &erasure_id))
    }

    async fn open_import(&self, open: OpenImport) -> Result<OpenedImport, StoreError> {
        ask!(self, imports::open(&open))
    }

    async fn claim_import(&self, claim: ImportClaim) -> Result<Option<OpenedImport>, StoreError> {
        ask!(self, imports::claim(&claim))
    }

    async fn advance_import(&self, step: ImportStep) -> Result<bool, StoreError> {
        ask!(self, imports::advance(&step))
    }

    async fn release_import(&self, workspace: String, holder: String) -> Result<(), StoreError> {
        ask!(self, imports::release(&workspace, &holder))
    }

    async fn import_refusals(
        &self,
        workspace: String,
        handle: String,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<ImportRefusal>, StoreError> {
        ask!(self, imports::refusals(&workspace, &handle, after_row, limit))
    }

    async fn has_tombstones(&self, workspace: String) -> Result<bool, StoreError> {
        ask!(self, erasures::has_any(&workspace))
    }

    async fn ask_approval(&self, ask: AskApproval) -> Result<AskedApproval, StoreError> {
        ask!(self, approvals::ask(&ask))
    }

    async fn list_approvals(&self, query: ApprovalQuery) -> Result<Vec<Approval>, StoreError> {
        ask!(self, approvals::list(&query))
    }

    async fn decide_approval(&self, decision: ApprovalDecision) -> Result<Decided, StoreError> {
        ask!(self, approvals::decide(&decision))
    }

    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        ask!(self, audit::append(&entry))
    }

    async fn list_audit(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        ask!(self, audit::list(&query))
    }

    async fn verify_audit(&self, workspace: String) -> Result<ChainReport, StoreError> {
        ask!(answered_at_length, self, verify::verify(&workspace))
    }

    async fn prune_audit(&self, workspace: String, before_ms: i64) -> Result<u64, StoreError> {
        ask!(answered_at_length, self, audit::prune(&workspace, before_ms))
    }
}
