//! The ledger of calls that change something, with what they reserve.

use super::{AuditEntry, Digest, ImportUse, Tombstone, sealed::debug_unsealed};

/// Where a recorded call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// Begun, not settled, lease running.
    InFlight,
    /// It happened.
    Committed,
    /// It is proven not to have happened; what it reserved was given back.
    Released,
    /// Whether it happened is not known. It counts as if it had.
    Unknown,
    /// Its effect was looked for twice in vain. It counts as if it had not happened, and what it reserved was given
    /// back; but that is no proof, so its key is held: another attempt is somebody's decision.
    Absent,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// It happened.
    Committed,
    /// It is proven not to have happened.
    Released,
    /// Not known.
    Unknown,
}

/// The idempotency key of a call.
#[derive(Debug, Clone)]
pub struct CallKey {
    /// Digest of the key itself, given or derived.
    pub key: Digest,
    /// Digest of the canonical arguments: the same key with others is refused.
    pub arguments: Digest,
    /// Unix milliseconds after which the key is free again.
    pub expires_at_ms: i64,
}

/// A plan token that this call spends.
#[derive(Debug, Clone)]
pub struct PlanUse {
    /// Digest of the token.
    pub token: Digest,
    /// Unix milliseconds after which the token is void anyway and its row can go.
    pub expires_at_ms: i64,
}

/// An amount charged to one budget.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The budget's name, such as `sends` or `new_profiles`.
    pub budget: String,
    /// How much this call takes.
    pub amount: u64,
    /// The rolling windows it must fit in.
    pub limits: Vec<Limit>,
    /// Whether it goes to the account that all callers of the workspace share, rather than to the caller's own.
    pub shared: bool,
}

impl Charge {
    /// The principal under whose name the charge is kept. Nobody's is empty, so that is the workspace's.
    pub(super) fn account<'a>(&self, principal: &'a str) -> &'a str {
        account_of(principal, self.shared)
    }
}

/// The principal under whose name a charge is kept.
pub(super) const fn account_of(principal: &str, shared: bool) -> &str {
    if shared { "" } else { principal }
}

/// The most that may be charged within a rolling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Length of the window in milliseconds.
    pub window_ms: i64,
    /// The most within it.
    pub max: u64,
}

/// What is charged to one budget within one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The budget's name.
    pub budget: String,
    /// Whether all callers of the workspace share it.
    pub shared: bool,
    /// Length of the window in milliseconds.
    pub window_ms: i64,
    /// The most within it.
    pub max: u64,
    /// Charged so far.
    pub used: u64,
}

/// A reserved place for one test profile.
#[derive(Clone)]
pub struct TestProfileReservation {
    /// Digests of the person's identifiers.
    pub subjects: Vec<Digest>,
    /// The identifiers themselves, sealed, to delete the person by later.
    pub sealed_identifiers: Vec<u8>,
    /// The run the profile belongs to.
    pub run_id: String,
    /// When the profile expires, in Unix milliseconds.
    pub expires_at_ms: i64,
    /// The most test profiles at once.
    pub active_limit: u64,
    /// Tagged people the ledger does not know; they count too.
    pub unledgered: u64,
}

debug_unsealed!(TestProfileReservation { subjects, run_id, expires_at_ms, active_limit, unledgered } sealed { sealed_identifiers });

/// A test profile on the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct TestProfile {
    /// Digests of the person's identifiers.
    pub subjects: Vec<Digest>,
    /// The identifiers, sealed.
    pub sealed_identifiers: Vec<u8>,
    /// The run the profile belongs to.
    pub run_id: String,
    /// The call that made it.
    pub call_id: String,
    /// Every call that reserved a place for this person, that one included.
    pub calls: Vec<String>,
    /// Those of them whose request is not under way any more: they happened, or their leases have lapsed.
    pub ended_calls: Vec<String>,
    /// When it was last reserved, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When it expires, in Unix milliseconds.
    pub expires_at_ms: i64,
    /// Where the call that made it stands.
    pub state: CallState,
}

debug_unsealed!(TestProfile { subjects, run_id, call_id, calls, ended_calls, created_at_ms, expires_at_ms, state } sealed { sealed_identifiers });

/// Everything a call needs before its first request may leave.
#[derive(Clone)]
pub struct Begin {
    /// Unique id of the call.
    pub call_id: String,
    /// The workspace it acts on.
    pub workspace: String,
    /// Who calls.
    pub principal: String,
    /// The tool, or the inner operation of a `run_*_operation`.
    pub tool: String,
    /// The tool's effect.
    pub effect: String,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// When the call's fate becomes unknown unless it is settled, in Unix milliseconds.
    pub lease_until_ms: i64,
    /// Its idempotency key, where the operation is not to be repeated.
    pub key: Option<CallKey>,
    /// The call that held the key and was looked for in vain: this one is another attempt, and takes the key over.
    pub follows: Option<String>,
    /// The plan token it spends.
    pub plan: Option<PlanUse>,
    /// The approval it uses, by its id.
    pub approval: Option<String>,
    /// Calls of this effect that are approved and have not run are void: what they were approved for may be another thing.
    pub voids_approved: Option<String>,
    /// What it charges.
    pub charges: Vec<Charge>,
    /// The test profile it makes.
    pub test_profile: Option<TestProfileReservation>,
    /// Digests of the people it concerns, so that erasing them finds the row.
    pub subjects: Vec<Digest>,
    /// Digests that no tombstone may stand on: whom the call would bring back or write to.
    pub not_erased: Vec<Digest>,
    /// What settling by look-up needs, sealed.
    pub recovery: Option<Vec<u8>>,
    /// The import it works on.
    pub import: Option<ImportUse>,
    /// The audit decision.
    pub audit: AuditEntry,
}

debug_unsealed!(Begin { call_id, workspace, principal, tool, effect, now_ms, lease_until_ms, key, follows, plan, approval, voids_approved, charges, test_profile, subjects, not_erased, import, audit } sealed { recovery });

/// Whether the call may go on.
#[derive(Debug, Clone)]
pub enum BeginOutcome {
    /// It may, and everything is reserved.
    Begun,
    /// One of the people was erased, perhaps a moment ago.
    Erased(Tombstone),
    /// The key is known: this is the first call. Nothing was reserved.
    Replayed(RecordedCall),
    /// The key was used with other arguments.
    KeyReused,
    /// The plan token was spent before.
    PlanSpent,
    /// The approval was used before, or has expired.
    ApprovalSpent,
    /// A budget does not hold the charge.
    Exhausted(Exhausted),
    /// Another call has taken the import meanwhile.
    ImportTaken,
    /// No place for another test profile.
    TestProfilesFull {
        /// How many count now, the unledgered included.
        active: u64,
        /// The most at once.
        limit: u64,
        /// When the next one expires, in Unix milliseconds.
        frees_at_ms: Option<i64>,
    },
}

/// The budget that stood in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    /// Its name.
    pub budget: String,
    /// Whether all callers of the workspace share it.
    pub shared: bool,
    /// The window that is full, in milliseconds.
    pub window_ms: i64,
    /// The most within it.
    pub max: u64,
    /// Charged already.
    pub used: u64,
    /// When enough has left the window, in Unix milliseconds; `None` when the charge is larger than the limit.
    pub frees_at_ms: Option<i64>,
}

/// A call on the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// Its id.
    pub call_id: String,
    /// Who called.
    pub principal: String,
    /// The tool.
    pub tool: String,
    /// The tool's effect.
    pub effect: String,
    /// Where it stands.
    pub state: CallState,
    /// Digest of its arguments, where it has a key.
    pub arguments: Option<Digest>,
    /// Its answer, sealed, once there is one.
    pub answer: Option<Vec<u8>>,
    /// What settling by look-up needs, sealed.
    pub recovery: Option<Vec<u8>>,
    /// When it began, in Unix milliseconds.
    pub began_at_ms: i64,
    /// When its lease ends or ended, in Unix milliseconds.
    pub lease_until_ms: i64,
    /// When its effect was first looked for in vain after it must have ended, in Unix milliseconds.
    pub absent_at_ms: Option<i64>,
}

debug_unsealed!(RecordedCall { call_id, principal, tool, effect, state, arguments, began_at_ms, lease_until_ms, absent_at_ms } sealed { answer, recovery });

/// Which calls of the ledger to list. Only those whose effect can be looked for or whose key is held.
#[derive(Debug, Clone)]
pub struct CallQuery {
    /// The workspace.
    pub workspace: String,
    /// Which of them.
    pub calls: WhichCalls,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// The most calls.
    pub limit: u32,
}

/// Which calls of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichCalls {
    /// Those whose fate nobody knows and a look may tell, those looked for longest ago first.
    ToLookFor {
        /// Leaves out those looked for since then, in Unix milliseconds.
        not_since_ms: i64,
    },
    /// Those that are not settled for good, oldest first: in flight, of unknown fate, or looked for in vain, and begun
    /// within a day or holding a place of a test profile.
    Unsettled,
    /// Everything begun since a moment in Unix milliseconds, oldest first.
    Since(i64),
    /// The one with this id.
    Id(String),
}

/// A look for the effect of a call of unknown fate, after it must have ended, that showed nothing.
#[derive(Debug, Clone)]
pub struct Absence {
    /// The call.
    pub call_id: String,
    /// Its workspace.
    pub workspace: String,
    /// When it was looked for, in Unix milliseconds.
    pub now_ms: i64,
    /// How long after the first such look a second one settles the call, in milliseconds.
    pub apart_ms: i64,
    /// Whether the key stays held.
    pub keeps_key: bool,
    /// The audit outcome, should this look settle it.
    pub audit: AuditEntry,
}

/// What a look in vain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsenceOutcome {
    /// The call's fate is still unknown, and was first looked for in vain then, in Unix milliseconds.
    Noted {
        /// When that was.
        first_at_ms: i64,
    },
    /// It was the second look: what the call reserved is given back.
    Settled,
    /// The call was not of unknown fate; nothing was recorded.
    NotUnknown,
}

/// How a begun call ended.
#[derive(Clone)]
pub struct Settle {
    /// The call.
    pub call_id: String,
    /// Its workspace.
    pub workspace: String,
    /// The caller's now, in Unix milliseconds.
    pub now_ms: i64,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The answer to give to a repeat, sealed.
    pub answer: Option<Vec<u8>>,
    /// The test profile's identifiers as they now are, where the call made one and they became known.
    pub test_profile_identifiers: Option<(Vec<Digest>, Vec<u8>)>,
    /// The audit outcome.
    pub audit: AuditEntry,
}

debug_unsealed!(Settle { call_id, workspace, now_ms, outcome, audit } sealed { answer, test_profile_identifiers });
