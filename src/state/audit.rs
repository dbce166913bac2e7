//! Audit records and the keyed hash chain they form.

use super::Digest;

/// The key that audit chains are hashed with: without it no record can be forged.
#[derive(Clone)]
pub struct ChainKey(pub [u8; 32]);

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainKey([redacted])")
    }
}

/// Which moment of a call a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditPhase {
    /// A mutating call was admitted and is about to run.
    Decision,
    /// A mutating call ended.
    Outcome,
    /// A call that changes nothing ran.
    Read,
    /// A call was refused; nothing ran.
    Refusal,
    /// A call was answered with a plan, a pending approval or the first answer of a repeat; nothing ran.
    Answer,
}

impl AuditPhase {
    /// All phases, in the order a call can come to them.
    pub const ALL: [Self; 5] = [Self::Decision, Self::Outcome, Self::Read, Self::Refusal, Self::Answer];

    /// The phase's name on the command line and in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Read => "read",
            Self::Refusal => "refusal",
            Self::Answer => "answer",
        }
    }
}

/// What is written about a call: never arguments, never personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The workspace.
    pub workspace: String,
    /// The call.
    pub call_id: String,
    /// Who called.
    pub principal: String,
    /// The tool, or the operator's command.
    pub tool: String,
    /// The tool's effect.
    pub effect: String,
    /// Which moment of the call.
    pub phase: AuditPhase,
    /// Keyed digest of the person concerned, where there is exactly one.
    pub subject: Option<Digest>,
    /// What was decided or how it ended: `admitted`, `committed`, `unknown`, or an error code.
    pub decision: String,
    /// Who approved it, where somebody had to.
    pub approved_by: Option<String>,
    /// HTTP status of the last upstream answer.
    pub upstream_status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// A record on its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Row id in the store, newest highest: the cursor of a listing.
    pub row: i64,
    /// The writer whose chain it is on.
    pub writer: String,
    /// Its place on that chain, from 1.
    pub sequence: u64,
    /// What it says.
    pub entry: AuditEntry,
    /// Its hash, over the one before it.
    pub hash: Digest,
}

/// Which records to list.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// The workspace.
    pub workspace: String,
    /// Only this tool.
    pub tool: Option<String>,
    /// Only this effect.
    pub effect: Option<String>,
    /// Only this decision.
    pub decision: Option<String>,
    /// Only this phase.
    pub phase: Option<AuditPhase>,
    /// Only calls of this caller.
    pub principal: Option<String>,
    /// Only people with one of these digests; none is everybody.
    pub subjects: Vec<Digest>,
    /// Only this call.
    pub call_id: Option<String>,
    /// Not before, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Only before, in Unix milliseconds.
    pub until_ms: Option<i64>,
    /// Those after this row id, oldest first, instead of newest first.
    pub after_row: Option<i64>,
    /// Continue after this row id, as the last page's oldest record gave it.
    pub before_row: Option<i64>,
    /// The most records.
    pub limit: u32,
}

impl AuditQuery {
    /// Whether what a record says is asked for, wherever it stands.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let is = |asked: &Option<String>, value: &str| asked.as_deref().is_none_or(|asked| asked == value);
        entry.workspace == self.workspace
            && is(&self.tool, &entry.tool)
            && is(&self.effect, &entry.effect)
            && is(&self.decision, &entry.decision)
            && self.phase.is_none_or(|phase| phase == entry.phase)
            && is(&self.principal, &entry.principal)
            && (self.subjects.is_empty() || entry.subject.is_some_and(|subject| self.subjects.contains(&subject)))
            && is(&self.call_id, &entry.call_id)
            && self.since_ms.is_none_or(|since_ms| entry.at_ms >= since_ms)
            && self.until_ms.is_none_or(|until_ms| entry.at_ms < until_ms)
    }
}

/// What `verify_audit` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Chains walked.
    pub chains: u64,
    /// Records proven.
    pub records: u64,
    /// Records cut by pruning, as the checkpoints say.
    pub pruned: u64,
    /// What is wrong; empty when all is well.
    pub faults: Vec<ChainFault>,
}

/// A place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFault {
    /// The chain's writer.
    pub writer: String,
    /// The first record that does not fit; 0 for what stands before the first.
    pub sequence: u64,
    /// What is wrong with it: altered, removed, reordered or forged.
    pub reason: String,
}
