//! What an operator's commands leave on the audit chain.

use super::Guards;
use crate::{
    catalog::Effect,
    clock::random_bytes,
    error::ToolError,
    state::{AuditEntry, AuditPhase},
};

/// Who acts when the command line does.
pub const OPERATOR: &str = "operator";

impl Guards {
    /// Does what an operator commands, between its decision and its outcome on the audit chain.
    pub(crate) async fn commanded<T>(
        &self,
        command: &str,
        effect: Effect,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let call_id = hex::encode(random_bytes::<12>(self.clock.as_ref()));
        let record = |phase, decision: &str| AuditEntry {
            at_ms: self.clock.now_ms(),
            workspace: self.workspace.name.clone(),
            call_id: call_id.clone(),
            principal: OPERATOR.to_owned(),
            tool: command.to_owned(),
            effect: effect.to_string(),
            phase,
            subject: None,
            decision: decision.to_owned(),
            approved_by: None,
            upstream_status: None,
            duration_ms: None,
        };
        self.store.append_audit(record(AuditPhase::Decision, "admitted")).await?;
        let done = work.await;
        let decision = done.as_ref().map_or_else(|error| error.code.as_str(), |_| "committed");
        self.store.append_audit(record(AuditPhase::Outcome, decision)).await?;
        done
    }
}
