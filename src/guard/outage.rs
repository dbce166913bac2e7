//! Reading on while the state store does not answer.
//!
//! A call that changes nothing needs nothing from the store but the strategy that says what an identifier without a
//! type is, and leaves nothing there but its audit record. So it runs on what was last known, and what could not be
//! recorded is counted: as soon as the store answers again one record says how many calls are missing. The count is this
//! process's own; if it ends before, its log alone has them.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{Call, Guards, identity::strategy::IdentityStrategy, settle::Named};
use crate::{
    catalog::{Effect, Flag},
    clock::random_bytes,
    error::ToolError,
    state::{AuditEntry, AuditPhase, Digest, Lease, StoreError},
};

/// What one record calls those that could not be written, and who wrote it.
const UNRECORDED: &str = "unrecorded";

/// How long the lease is held by which the store is tried, in milliseconds.
const TRIED_FOR_MS: i64 = 1_000;

/// What this process knows without the store.
#[derive(Debug, Default)]
pub struct Outage {
    /// The identity strategy as it was last read.
    strategy: Mutex<Option<IdentityStrategy>>,
    /// Calls without an audit record.
    unrecorded: AtomicU64,
}

impl Guards {
    /// The strategy that holds, as a read needs it: the last known one while the store does not answer.
    pub(crate) async fn strategy_to_read_by(&self) -> Result<Option<IdentityStrategy>, ToolError> {
        let known = || self.outage.strategy.lock().unwrap_or_else(PoisonError::into_inner);
        match self.identity_strategy().await {
            Ok(strategy) => {
                known().clone_from(&strategy);
                Ok(strategy)
            }
            Err(error) => match known().clone() {
                Some(strategy) => Ok(Some(strategy)),
                None => Err(error.next("Try again in a moment, or say with `id_type` what the identifier is.")),
            },
        }
    }

    /// Refuses a read that takes many people's data away unless the store could record it at this moment. One that
    /// somebody had to approve uses that up in the store, and so needs it anyway.
    pub(crate) async fn check_recordable(&self, call: &Call<'_>) -> Result<(), ToolError> {
        if !call.flags.contains(&Flag::BulkPii) {
            return Ok(());
        }
        let (now_ms, holder) = (self.clock.now_ms(), call.call_id.clone());
        let name = Digest(random_bytes(self.clock.as_ref()));
        let lease = Lease { workspace: self.workspace.name.clone(), name, holder, until_ms: now_ms + TRIED_FOR_MS };
        self.store.acquire_lease(lease.clone(), now_ms).await?;
        Ok(self.store.release_lease(lease).await?)
    }

    /// Records a call that changed nothing, or counts it among those that could not be.
    pub(crate) async fn record(&self, audit: AuditEntry) {
        let tool = audit.tool.clone();
        if let Err(error) = self.store.append_audit(audit).await {
            self.outage.unrecorded.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, tool, "a call that changed nothing could not be recorded");
            return;
        }
        let missing = self.outage.unrecorded.swap(0, Ordering::Relaxed);
        if missing > 0
            && let Err(error) = self.record_missing(missing).await
        {
            self.outage.unrecorded.fetch_add(missing, Ordering::Relaxed);
            tracing::warn!(%error, missing, "calls that could not be recorded are still missing");
        }
    }

    async fn record_missing(&self, missing: u64) -> Result<(), StoreError> {
        let call_id = hex::encode(random_bytes::<12>(self.clock.as_ref()));
        let named = Named { call_id: &call_id, principal: UNRECORDED, tool: UNRECORDED, effect: Effect::Read.as_str() };
        let audit = self.entry(named, AuditPhase::Read, &format!("{missing} not recorded"));
        self.store.append_audit(audit).await
    }
}
