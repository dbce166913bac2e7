//! How an admitted call ends: the ledger row, the audit records, and what was remembered of the person.

use serde_json::Value;

use super::{
    Call, Guards, Halt,
    admit::Admitted,
    directory::KnownPerson,
    identity::{Identified, identifier::CustomerRef},
    ledger::Replay,
};
use crate::{
    error::{ErrorCode, Fate, ToolError},
    state::{AuditEntry, AuditPhase, CallOutcome, Digest, ImportState, RecordedCall, Settle, StoreError},
};

/// How a call ended, as far as the ledger and the audit care.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The answer, or the error.
    pub result: Result<&'a Value, &'a ToolError>,
    /// The person as they now are, where the call wrote one.
    pub person: Option<&'a KnownPerson>,
    /// HTTP status of the last upstream answer.
    pub upstream_status: Option<u16>,
    /// How long the call took, in milliseconds.
    pub duration_ms: u64,
}

impl Ended<'_> {
    fn outcome(&self) -> CallOutcome {
        match self.result {
            Ok(_) => CallOutcome::Committed,
            Err(error) if error.fate == Fate::Partly => CallOutcome::Committed,
            Err(error) if error.fate == Fate::Unknown => CallOutcome::Unknown,
            Err(_) => CallOutcome::Released,
        }
    }

    fn decision(&self) -> &'static str {
        match (self.outcome(), self.result) {
            (CallOutcome::Unknown, _) => "unknown",
            (_, Err(error)) => error.code.as_str(),
            (CallOutcome::Released, Ok(_)) => "released",
            (CallOutcome::Committed, Ok(_)) => "committed",
        }
    }
}

/// How the audit names a call, or an operator's command, and who made it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) call_id: &'a str,
    pub(super) principal: &'a str,
    pub(super) tool: &'a str,
    pub(super) effect: &'a str,
}

impl RecordedCall {
    /// The call, with whoever found out what became of it.
    pub(super) fn named_by<'a>(&'a self, finder: &'a str) -> Named<'a> {
        Named { call_id: &self.call_id, principal: finder, tool: &self.tool, effect: &self.effect }
    }
}

impl Guards {
    /// Records how an admitted call ended and gives back what it held.
    pub async fn settle(&self, call: &Call<'_>, admitted: &Admitted, ended: &Ended<'_>) {
        let phase = match (admitted.begun, &admitted.import) {
            (true, _) => AuditPhase::Outcome,
            (false, Some(_)) => AuditPhase::Answer,
            (false, None) => AuditPhase::Read,
        };
        self.note_end(call, ended.result.map(drop));
        let mut audit = self.audit_entry(call, &admitted.people, phase, ended.decision());
        if !admitted.begun && ended.result.is_ok() {
            let decision = match &admitted.import {
                None => "read",
                Some(import) if import.state == ImportState::Checking => "checking",
                Some(_) => "report",
            };
            decision.clone_into(&mut audit.decision);
        }
        audit.approved_by.clone_from(&admitted.approved_by);
        audit.upstream_status = ended.upstream_status;
        audit.duration_ms = Some(ended.duration_ms);
        let settled = if admitted.begun {
            self.forget(&admitted.people, ended.person).await;
            self.store.settle(self.settle_request(call, admitted, ended, audit)).await.map(drop)
        } else {
            self.record(audit).await;
            Ok(())
        };
        if let Err(error) = settled {
            // The lease lapses and the call counts as of unknown fate: nothing is done twice.
            tracing::error!(%error, tool = call.tool, "a call could not be settled");
        }
        self.release(call).await;
    }

    fn settle_request(&self, call: &Call<'_>, admitted: &Admitted, ended: &Ended<'_>, audit: AuditEntry) -> Settle {
        let answer = ended.result.ok().filter(|_| self.call_key(call).is_some());
        let test_profile = ended.person.filter(|_| admitted.test_expires_at_ms.is_some()).map(|person| {
            let identifiers = person.identifiers();
            (self.digests(&identifiers.refs()), self.seal_identifiers(&identifiers))
        });
        Settle {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            now_ms: self.clock.now_ms(),
            outcome: ended.outcome(),
            answer: answer.map(|answer| self.seal_json("answer", answer)),
            test_profile_identifiers: test_profile,
            audit,
        }
    }

    /// Records a call that ended before it ran.
    pub async fn record_halt(&self, call: &Call<'_>, halt: &Halt, duration_ms: u64) {
        let (phase, decision) = match halt {
            Halt::Refused(error) if error.code.is_a_plan() => (AuditPhase::Answer, error.code.as_str()),
            Halt::Waits(pending) => (AuditPhase::Answer, pending.error.code.as_str()),
            Halt::Refused(error) => (AuditPhase::Refusal, error.code.as_str()),
            Halt::Repeat(Replay::Answered { .. }) => (AuditPhase::Answer, "duplicate"),
            Halt::Repeat(Replay::Unsettled(_)) => (AuditPhase::Answer, "outcome_unknown"),
        };
        match halt {
            Halt::Refused(error) => self.note_end(call, Err(error)),
            Halt::Repeat(Replay::Answered { .. }) => self.note_end(call, Ok(())),
            Halt::Repeat(Replay::Unsettled(_)) | Halt::Waits(_) => {}
        }
        let mut audit = self.audit_entry(call, &Identified::default(), phase, decision);
        audit.duration_ms = Some(duration_ms);
        self.record(audit).await;
    }

    /// Drops what is remembered of the people a call has written.
    async fn forget(&self, people: &Identified, written: Option<&KnownPerson>) {
        if people.action.is_none() && !people.subjects.iter().any(|subject| subject.person.is_none()) {
            return;
        }
        let mut refs = people.refs();
        refs.extend(written.into_iter().flat_map(KnownPerson::refs));
        if let Err(error) = self.store.forget_people(self.workspace.name.clone(), self.digests(&refs)).await {
            tracing::warn!(%error, "remembered people were left to expire");
        }
    }

    /// Drops what is remembered of some identifiers: their person was removed.
    pub async fn forget_refs(&self, refs: &[CustomerRef]) -> Result<(), ToolError> {
        Ok(self.store.forget_people(self.workspace.name.clone(), self.digests(refs)).await?)
    }

    /// The keyed digest an identifier is known by in the store and the audit.
    pub fn subject_digest(&self, reference: &CustomerRef) -> Digest {
        self.keys.digest("subject", &[reference.digest_input().as_bytes()])
    }

    /// The keyed digests of some identifiers.
    pub fn digests(&self, refs: &[CustomerRef]) -> Vec<Digest> {
        refs.iter().map(|reference| self.subject_digest(reference)).collect()
    }

    pub(crate) fn audit_entry(
        &self,
        call: &Call<'_>,
        people: &Identified,
        phase: AuditPhase,
        decision: &str,
    ) -> AuditEntry {
        let effect = call.effect.as_str();
        let named = Named { call_id: &call.call_id, principal: call.principal, tool: call.tool, effect };
        AuditEntry { subject: self.audit_subject(people), ..self.entry(named, phase, decision) }
    }

    /// An audit record of a moment of a call.
    pub(super) fn entry(&self, named: Named<'_>, phase: AuditPhase, decision: &str) -> AuditEntry {
        AuditEntry {
            at_ms: self.clock.now_ms(),
            workspace: self.workspace.name.clone(),
            call_id: named.call_id.to_owned(),
            principal: named.principal.to_owned(),
            tool: named.tool.to_owned(),
            effect: named.effect.to_owned(),
            phase,
            subject: None,
            decision: decision.to_owned(),
            approved_by: None,
            upstream_status: None,
            duration_ms: None,
        }
    }

    /// The one person a record is about, by the identifier that stays the same.
    fn audit_subject(&self, people: &Identified) -> Option<Digest> {
        let reference = match (people.known().as_slice(), people.subjects.as_slice()) {
            ([person], _) => {
                Some(CustomerRef { id_type: super::identity::identifier::IdType::CioId, value: person.cio_id.clone() })
            }
            ([], [subject]) => Some(subject.given.clone()),
            ([], []) => people.given.refs().into_iter().next(),
            _ => None,
        };
        reference.map(|reference| self.subject_digest(&reference))
    }
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the state store failed");
        Self::new(
            ErrorCode::StateUnavailable,
            "The server's own state store did not answer, and without it nothing that changes anything may run.",
        )
        .next("Try again in a moment. If it stays so, tell the operator to look at the server's log.")
    }
}
