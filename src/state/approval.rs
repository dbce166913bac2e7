//! Calls that wait for a human's decision, and what was decided.

use super::{AuditEntry, Digest, Tombstone, sealed::debug_unsealed};

/// Where a call that needs a human stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Pending,
    /// It may run, once.
    Approved,
    /// It may not.
    Denied,
    /// It was approved, and a call has used that.
    Spent,
}

impl ApprovalState {
    /// Whether a call that stands so may be decided about: nobody has yet, or a yes is taken back that no call has used.
    pub fn may_be_decided(self, approve: bool) -> bool {
        self == Self::Pending || (!approve && self == Self::Approved)
    }
}

/// A call that needs a human's decision, or has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    /// What it is decided by.
    pub approval_id: String,
    /// Who called.
    pub principal: String,
    /// The tool.
    pub tool: String,
    /// The tool's effect.
    pub effect: String,
    /// Digest of the call: principal, tool and arguments.
    pub call: Digest,
    /// How many people the call was to reach when it was asked for.
    pub people: u64,
    /// Digest of who they were.
    pub audience: Digest,
    /// What a human is shown, sealed. `None` once nobody needs it any more.
    pub sealed: Option<Vec<u8>>,
    /// Where it stands.
    pub state: ApprovalState,
    /// When it was asked for, in Unix milliseconds.
    pub requested_at_ms: i64,
    /// When what stands is void, in Unix milliseconds.
    pub expires_at_ms: i64,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When, in Unix milliseconds.
    pub decided_at_ms: Option<i64>,
}

debug_unsealed!(Approval { approval_id, principal, tool, effect, call, people, audience, state, requested_at_ms, expires_at_ms, decided_by, decided_at_ms } sealed { sealed });

impl Approval {
    /// Whether a standing one is about what `next` is put for: the same people, and not void yet.
    pub(super) fn stands_for(&self, next: &Self, now_ms: i64) -> bool {
        self.people == next.people && self.audience == next.audience && self.expires_at_ms > now_ms
    }

    /// The same, decided.
    pub(super) fn decided(self, decision: &ApprovalDecision) -> Self {
        Self {
            state: decision.state(),
            decided_by: Some(decision.decided_by.clone()),
            decided_at_ms: Some(decision.now_ms),
            expires_at_ms: decision.expires_at_ms,
            ..self
        }
    }
}

/// A call to be put before a human.
#[derive(Debug, Clone)]
pub struct AskApproval {
    /// The workspace.
    pub workspace: String,
    /// The call, pending.
    pub approval: Approval,
    /// Digests of the people it concerns, so that erasing them finds it.
    pub subjects: Vec<Digest>,
    /// Digests that no tombstone may stand on.
    pub not_erased: Vec<Digest>,
    /// The most calls of one principal that may wait.
    pub most_pending: u64,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
}

/// What became of putting a call before a human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedApproval {
    /// It stands: the one that was put, or the one that the same call with the same audience has already.
    Standing(Box<Approval>),
    /// As many calls of the principal wait as may.
    TooMany,
    /// One of the people was erased, perhaps a moment ago.
    Erased(Tombstone),
}

/// Which approvals to list. Expired ones are not there.
#[derive(Debug, Clone)]
pub struct ApprovalQuery {
    /// The workspace.
    pub workspace: String,
    /// Which of them.
    pub approvals: WhichApprovals,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// The most of them.
    pub limit: u32,
}

/// Which approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichApprovals {
    /// Every one, oldest first.
    All,
    /// Those that nobody has decided, oldest first.
    Pending,
    /// Those of a principal, oldest first.
    Of(String),
    /// The one with this id.
    Id(String),
    /// The one of this call that is not spent.
    Call(Digest),
}

/// A human's decision.
#[derive(Debug, Clone)]
pub struct ApprovalDecision {
    /// The workspace.
    pub workspace: String,
    /// What it is about.
    pub approval_id: String,
    /// Whether the call may run.
    pub approve: bool,
    /// Who decides.
    pub decided_by: String,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// How long the decision holds, in Unix milliseconds.
    pub expires_at_ms: i64,
    /// The audit record of the decision.
    pub audit: AuditEntry,
}

impl ApprovalDecision {
    /// Where it leaves a call.
    pub(super) const fn state(&self) -> ApprovalState {
        if self.approve { ApprovalState::Approved } else { ApprovalState::Denied }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It stands.
    Now(Approval),
    /// Somebody has decided before; nothing was recorded.
    Before(Approval),
    /// There is none with this id, or it has expired.
    Unknown,
}
