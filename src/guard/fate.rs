//! What became of calls whose fate nobody knew: a look for their effect tells, or an operator does.
//!
//! A call whose request got no clear answer, or whose process ended, counts as if it had happened until a look shows
//! more. Its effect seen, it is committed. Not seen twice, a minute apart and after it must have ended, it gives back
//! what it reserved; for a send that is no proof, so its key stays held and another attempt is somebody's decision.

use serde_json::Value;

use super::{Guards, command::OPERATOR, directory::KnownPerson};
use crate::{
    catalog::Effect,
    error::ToolError,
    state::{
        Absence, AbsenceOutcome, AuditEntry, AuditPhase, CallOutcome, CallQuery, CallState, Lease, RecordedCall,
        Settle, WhichCalls,
    },
};

/// How long after its beginning a call may be said to be absent at the earliest, in milliseconds.
const ABSENT_AFTER_MS: i64 = 60 * 1_000;
/// How far apart the two looks are that settle a call, in milliseconds.
const LOOKS_APART_MS: i64 = 60 * 1_000;

/// How long a sweep keeps others from sweeping the same workspace, in milliseconds.
const SWEEP_FOR_MS: i64 = 60 * 1_000;

/// What a look in vain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It says nothing yet: the call may still be on its way.
    TooEarly {
        /// From when on it would, in Unix milliseconds.
        until_ms: i64,
    },
    /// The call has probably not happened; it takes a second look to settle it.
    Probably {
        /// When that look counts, in Unix milliseconds.
        again_at_ms: i64,
    },
    /// It was the second look: what the call reserved is given back.
    Settled,
    /// Somebody else has settled the call meanwhile.
    Known,
}

impl Guards {
    /// Takes the sweeping of this workspace for itself, unless another process has it.
    pub async fn begin_sweep(&self) -> Result<bool, ToolError> {
        Ok(self.store.acquire_lease(self.sweep_lease(), self.clock.now_ms()).await?)
    }

    /// Leaves the next sweep to whoever comes.
    pub async fn end_sweep(&self) -> Result<(), ToolError> {
        Ok(self.store.release_lease(self.sweep_lease()).await?)
    }

    fn sweep_lease(&self) -> Lease {
        Lease {
            workspace: self.workspace.name.clone(),
            name: self.keys.digest("lease", &[b"sweep"]),
            holder: self.run_id.clone(),
            until_ms: self.clock.now_ms() + SWEEP_FOR_MS,
        }
    }

    /// Calls of unknown fate whose effect can be looked for, oldest first.
    pub async fn calls_of_unknown_fate(&self, limit: u32) -> Result<Vec<RecordedCall>, ToolError> {
        let not_looked_for_since_ms = self.clock.now_ms() - LOOKS_APART_MS;
        self.list_calls(WhichCalls::Unknown { not_looked_for_since_ms }, limit).await
    }

    /// Calls of the ledger whose effect can be looked for or whose key is held, oldest first.
    pub async fn list_calls(&self, calls: WhichCalls, limit: u32) -> Result<Vec<RecordedCall>, ToolError> {
        let query = CallQuery { workspace: self.workspace.name.clone(), calls, now_ms: self.clock.now_ms(), limit };
        Ok(self.store.list_calls(query).await?)
    }

    /// What a call left for looking for its effect.
    pub fn facts_of(&self, call: &RecordedCall) -> Option<Value> {
        self.open_json("recovery", call.recovery.as_deref()?)
    }

    /// Records that a call of unknown fate has happened, with the answer it should have given and the person it left.
    pub async fn found(
        &self,
        call: &RecordedCall,
        finder: &str,
        answer: &Value,
        person: Option<&KnownPerson>,
    ) -> Result<(), ToolError> {
        let answer = call.arguments.is_some().then(|| self.seal_json("answer", answer));
        let settle = self.settlement(call, finder, CallOutcome::Committed, "committed");
        let test_profile_identifiers = person.map(|person| {
            let identifiers = person.identifiers();
            (self.digests(&identifiers.refs()), self.seal_identifiers(&identifiers))
        });
        Ok(self.store.settle(Settle { answer, test_profile_identifiers, ..settle }).await?)
    }

    /// Records that a call of unknown fate was looked for in vain.
    pub async fn absent(&self, call: &RecordedCall, finder: &str) -> Result<Absent, ToolError> {
        let now_ms = self.clock.now_ms();
        let until_ms = call.lease_until_ms.max(call.began_at_ms + ABSENT_AFTER_MS);
        if now_ms < until_ms {
            return Ok(Absent::TooEarly { until_ms });
        }
        if call.state == CallState::Absent {
            return Ok(Absent::Settled);
        }
        let keeps_key = call.effect == Effect::Send.as_str();
        let absence = Absence {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            now_ms,
            apart_ms: LOOKS_APART_MS,
            keeps_key,
            audit: self.outcome_of(call, finder, if keeps_key { "absent" } else { "released" }),
        };
        Ok(match self.store.note_absence(absence).await? {
            AbsenceOutcome::Noted { first_at_ms } => Absent::Probably { again_at_ms: first_at_ms + LOOKS_APART_MS },
            AbsenceOutcome::Settled => Absent::Settled,
            AbsenceOutcome::NotUnknown => Absent::Known,
        })
    }

    /// Settles a call at an operator's command, which knows better than any look.
    pub async fn settle_by_command(&self, call: &RecordedCall, outcome: CallOutcome) -> Result<(), ToolError> {
        let decision = if outcome == CallOutcome::Committed { "committed" } else { "released" };
        Ok(self.store.settle(self.settlement(call, OPERATOR, outcome, decision)).await?)
    }

    fn settlement(&self, call: &RecordedCall, finder: &str, outcome: CallOutcome, decision: &str) -> Settle {
        Settle {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            now_ms: self.clock.now_ms(),
            outcome,
            answer: None,
            test_profile_identifiers: None,
            audit: self.outcome_of(call, finder, decision),
        }
    }

    /// The outcome of an earlier call, as whoever found it out records it.
    fn outcome_of(&self, call: &RecordedCall, finder: &str, decision: &str) -> AuditEntry {
        AuditEntry {
            at_ms: self.clock.now_ms(),
            workspace: self.workspace.name.clone(),
            call_id: call.call_id.clone(),
            principal: finder.to_owned(),
            tool: call.tool.clone(),
            effect: call.effect.clone(),
            phase: AuditPhase::Outcome,
            subject: None,
            decision: decision.to_owned(),
            approved_by: None,
            upstream_status: None,
            duration_ms: None,
        }
    }
}
