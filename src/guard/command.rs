//! What an operator's commands find and decide, and what they leave on the audit chain.

use super::{Guards, SWEEPER, settle::Named};
use crate::{
    catalog::Effect,
    clock::random_bytes,
    error::ToolError,
    state::{AuditPhase, AuditQuery, CallOutcome, CallQuery, RecordedCall, WhichCalls},
};

/// Who acts when the command line does.
pub const OPERATOR: &str = "operator";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Guards {
    /// Calls of the ledger whose effect can be looked for or whose key is held.
    pub async fn list_calls(&self, calls: WhichCalls, limit: u32) -> Result<Vec<RecordedCall>, ToolError> {
        let query = CallQuery { workspace: self.workspace.name.clone(), calls, now_ms: self.clock.now_ms(), limit };
        Ok(self.store.list_calls(query).await?)
    }

    /// Settles a call at an operator's command, which knows better than any look. `false` if it was settled meanwhile.
    pub async fn settle_by_command(&self, call: &RecordedCall, outcome: CallOutcome) -> Result<bool, ToolError> {
        Ok(self.store.settle(self.settlement(call, OPERATOR, outcome)).await?)
    }

    /// Deletes what the audit trail holds from before a moment, in Unix milliseconds, at an operator's command. Answers
    /// how many records went.
    pub async fn prune_audit(&self, before_ms: i64) -> Result<u64, ToolError> {
        self.prune_audit_as(OPERATOR, before_ms).await
    }

    async fn prune_audit_as(&self, principal: &str, before_ms: i64) -> Result<u64, ToolError> {
        let prune = async { Ok(self.store.prune_audit(self.workspace.name.clone(), before_ms).await?) };
        self.commanded_by(principal, "audit prune", Effect::Delete, prune).await
    }

    /// Removes records of the audit that are older than the operator keeps them, once a day at the most, and proves what
    /// is left. Answers how many went; `None` if none was due.
    pub(crate) async fn keep_audit(&self) -> Result<Option<u64>, ToolError> {
        let Some(kept_for_ms) = self.audit_kept_for_ms else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let mut pruned = self.audit_pruned.lock().await;
        if pruned.is_some_and(|at_ms| (0..DAY_MS).contains(&(now_ms - at_ms))) {
            return Ok(None);
        }
        let workspace = || self.workspace.name.clone();
        let oldest =
            AuditQuery { workspace: workspace(), after_row: Some(i64::MIN), limit: 1, ..AuditQuery::default() };
        let oldest = self.store.list_audit(oldest).await?;
        let before_ms = now_ms - kept_for_ms;
        // A day more, or each day's first sweep would write two records to remove a few.
        if oldest.first().is_none_or(|record| record.entry.at_ms >= before_ms - DAY_MS) {
            return Ok(None);
        }
        // Of a chain that does not hold nothing is removed, and it is not tried again at every sweep.
        *pruned = Some(now_ms);
        let removed = self.prune_audit_as(SWEEPER, before_ms).await?;
        let report = self.store.verify_audit(workspace()).await?;
        match report.faults.first() {
            None => tracing::info!(removed, left = report.records, "old records of the audit are removed"),
            Some(fault) => {
                tracing::error!(
                    removed,
                    writer = fault.writer,
                    sequence = fault.sequence,
                    "the audit chain does not hold"
                );
            }
        }
        Ok(Some(removed))
    }

    /// Does what an operator commands, between its decision and its outcome on the audit chain.
    pub(crate) async fn commanded<T>(
        &self,
        command: &str,
        effect: Effect,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        self.commanded_by(OPERATOR, command, effect, work).await
    }

    async fn commanded_by<T>(
        &self,
        principal: &str,
        command: &str,
        effect: Effect,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let call_id = hex::encode(random_bytes::<12>(self.clock.as_ref()));
        let named = Named { call_id: &call_id, principal, tool: command, effect: effect.as_str() };
        self.store.append_audit(self.entry(named, AuditPhase::Decision, "admitted")).await?;
        let done = work.await;
        let decision = done.as_ref().map_or_else(|error| error.code.as_str(), |_| "committed");
        if let Err(error) = self.store.append_audit(self.entry(named, AuditPhase::Outcome, decision)).await {
            // What was done is done: it must not read as if it were not.
            tracing::error!(%error, command, "the outcome of a command could not be recorded");
        }
        done
    }
}
