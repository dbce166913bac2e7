//! What an operator's commands find and decide, and what they leave on the audit chain.

use super::{Guards, settle::Named};
use crate::{
    catalog::Effect,
    clock::random_bytes,
    error::ToolError,
    state::{AuditPhase, CallOutcome, CallQuery, RecordedCall, WhichCalls},
};

/// Who acts when the command line does.
pub const OPERATOR: &str = "operator";

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
        let prune = async { Ok(self.store.prune_audit(self.workspace.name.clone(), before_ms).await?) };
        self.commanded("audit prune", Effect::Delete, prune).await
    }

    /// Does what an operator commands, between its decision and its outcome on the audit chain.
    pub(crate) async fn commanded<T>(
        &self,
        command: &str,
        effect: Effect,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let call_id = hex::encode(random_bytes::<12>(self.clock.as_ref()));
        let named = Named { call_id: &call_id, principal: OPERATOR, tool: command, effect: effect.as_str() };
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
