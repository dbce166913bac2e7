//! What became of calls whose fate nobody knew: a look for their effect tells.
//!
//! A call whose request got no clear answer, or whose process ended, counts as if it had happened until a look shows
//! more. Its effect seen, it is committed. Not seen twice, a minute apart and after it must have ended, it gives back
//! what it reserved; for a send that is no proof, so its key stays held and another attempt is somebody's decision.

use serde_json::Value;

use super::{Guards, directory::KnownPerson};
use crate::{
    catalog::Effect,
    error::ToolError,
    state::{Absence, AbsenceOutcome, AuditPhase, CallOutcome, CallState, Lease, RecordedCall, Settle, WhichCalls},
};

/// How long after its beginning a call may be said to be absent at the earliest, in milliseconds.
const ABSENT_AFTER_MS: i64 = 60 * 1_000;
/// How long after it must have ended, so that another attempt falls into no window in which the first is looked for.
const ABSENT_AFTER_END_MS: i64 = 3 * 1_000;
/// How far apart the two looks are that settle a call, in milliseconds.
const LOOKS_APART_MS: i64 = 60 * 1_000;

/// How long a sweep keeps others from sweeping the same workspace, in milliseconds.
const SWEEP_FOR_MS: i64 = 60 * 1_000;

/// The most calls among which rivals are looked for.
const RIVALS_AMONG: u32 = 1_000;

/// What a look in vain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedInVain {
    /// It says nothing yet: the call may still be on its way.
    TooEarly,
    /// The call has probably not happened; it takes a second look to settle it.
    Once,
    /// It was the second look: what the call reserved is given back.
    Twice,
    /// Somebody else has settled the call meanwhile.
    ForNothing,
}

impl Guards {
    /// Takes the sweeping of this workspace for itself, or keeps it, unless another process has it.
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

    /// Calls of unknown fate whose effect can be looked for, those looked for longest ago first.
    pub async fn calls_to_look_for(&self, limit: u32) -> Result<Vec<RecordedCall>, ToolError> {
        let not_since_ms = self.clock.now_ms() - LOOKS_APART_MS;
        self.list_calls(WhichCalls::ToLookFor { not_since_ms }, limit).await
    }

    /// What a call left for looking for its effect.
    pub fn facts_of(&self, call: &RecordedCall) -> Option<Value> {
        self.open_json("recovery", call.recovery.as_deref()?)
    }

    /// How many other calls of a tool may have left just the effect that is looked for: they are not settled, ran at
    /// some time between `from_ms` and `to_ms` (Unix milliseconds), and left facts that are `alike`. `None` if that cannot
    /// be said: one of them still runs, and may take its own in a moment, or there are too many calls to go through.
    pub async fn rivals(
        &self,
        call_id: &str,
        tool: &str,
        (from_ms, to_ms): (i64, i64),
        alike: impl Fn(&Value) -> bool,
    ) -> Result<Option<usize>, ToolError> {
        let mut rivals = self.list_calls(WhichCalls::Unsettled, RIVALS_AMONG).await?;
        if rivals.len() >= RIVALS_AMONG as usize {
            return Ok(None);
        }
        rivals.retain(|other| {
            let then = other.began_at_ms <= to_ms && other.lease_until_ms >= from_ms;
            let may_be_alike = || self.facts_of(other).is_some_and(|facts| alike(&facts));
            other.call_id != call_id && other.tool == tool && then && may_be_alike()
        });
        let all_ended = rivals.iter().all(|rival| rival.state != CallState::InFlight);
        Ok(all_ended.then_some(rivals.len()))
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
        let settle = self.settlement(call, finder, CallOutcome::Committed);
        let test_profile_identifiers = person.map(|person| {
            let identifiers = person.identifiers();
            (self.digests(&identifiers.refs()), self.seal_identifiers(&identifiers))
        });
        self.store.settle(Settle { answer, test_profile_identifiers, ..settle }).await?;
        Ok(())
    }

    /// Records that a call of unknown fate was looked for in vain.
    pub async fn looked_in_vain(&self, call: &RecordedCall, finder: &str) -> Result<LookedInVain, ToolError> {
        let now_ms = self.clock.now_ms();
        let ended_ms = (call.lease_until_ms + ABSENT_AFTER_END_MS).max(call.began_at_ms + ABSENT_AFTER_MS);
        if now_ms < ended_ms {
            return Ok(LookedInVain::TooEarly);
        }
        if call.state == CallState::Absent {
            return Ok(LookedInVain::Twice);
        }
        let keeps_key = call.effect == Effect::Send.as_str();
        let decision = if keeps_key { "absent" } else { "released" };
        let absence = Absence {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            now_ms,
            apart_ms: LOOKS_APART_MS,
            keeps_key,
            audit: self.entry(call.named_by(finder), AuditPhase::Outcome, decision),
        };
        Ok(match self.store.note_absence(absence).await? {
            AbsenceOutcome::Noted { .. } => LookedInVain::Once,
            AbsenceOutcome::Settled => LookedInVain::Twice,
            AbsenceOutcome::NotUnknown => LookedInVain::ForNothing,
        })
    }

    /// Records that a look for a call told nothing, so that others are looked for before it is again.
    pub async fn looked_without_result(&self, call: &RecordedCall) -> Result<(), ToolError> {
        let (workspace, call_id) = (self.workspace.name.clone(), call.call_id.clone());
        Ok(self.store.note_look(workspace, call_id, self.clock.now_ms()).await?)
    }

    pub(super) fn settlement(&self, call: &RecordedCall, finder: &str, outcome: CallOutcome) -> Settle {
        let decision = match outcome {
            CallOutcome::Committed => "committed",
            CallOutcome::Released => "released",
            CallOutcome::Unknown => "unknown",
        };
        Settle {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            now_ms: self.clock.now_ms(),
            outcome,
            answer: None,
            test_profile_identifiers: None,
            audit: self.entry(call.named_by(finder), AuditPhase::Outcome, decision),
        }
    }
}
