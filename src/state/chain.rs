//! The arithmetic of audit chains, the same over any database.
//!
//! Each record's hash is an HMAC over the hash before it and every field, so nobody without the key can write a record
//! that fits. A chain's newest record stands in a *head* and the last one cut by pruning in a *checkpoint*; both carry a
//! MAC of their own, or whoever shortens a chain would simply write a head that fits. A chain put back together with the
//! head it had once is shown by the ledger, whose calls are missing on it. What nothing here can show is a whole database
//! put back to an earlier copy of itself: that takes a witness elsewhere.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{AuditEntry, AuditPhase, AuditRecord, ChainFault, ChainKey, Digest, StoreError};

/// What the first record of a chain follows.
pub(super) const GENESIS: Digest = Digest([0; 32]);

/// How far around a record that does not fit we look for the place it was taken from.
pub(super) const REORDER_SEARCH_RECORDS: u32 = 32;

/// Which of the two kinds of anchor a MAC is for: one never passes for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnchorKind {
    Head,
    Checkpoint,
}

/// The sequence number and hash of a chain's newest record, or of the last one cut from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) sequence: u64,
    pub(super) hash: Digest,
}

impl Anchor {
    /// Where a chain begins when nothing was cut.
    pub(super) const START: Self = Self { sequence: 0, hash: GENESIS };
}

/// Computes and checks hashes of chains under one key.
#[derive(Clone)]
pub(super) struct ChainHasher {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for ChainHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainHasher([redacted])")
    }
}

impl ChainHasher {
    pub(super) fn new(key: &ChainKey) -> Result<Self, StoreError> {
        let keyed = Hmac::new_from_slice(&key.0).map_err(|_| StoreError::Database("unusable chain key".to_owned()))?;
        Ok(Self { keyed })
    }

    /// The hash of the record `sequence` of `writer`, following `previous`.
    pub(super) fn record(&self, previous: &Digest, writer: &str, sequence: u64, entry: &AuditEntry) -> Digest {
        let mut fields = Fields::new(&self.keyed, "record");
        fields.bytes(&previous.0);
        fields.text(writer);
        fields.number(sequence);
        fields.entry(entry);
        fields.finish()
    }

    /// The MAC of a head or checkpoint.
    pub(super) fn anchor(&self, kind: AnchorKind, workspace: &str, writer: &str, anchor: &Anchor) -> Digest {
        let mut fields = Fields::new(
            &self.keyed,
            match kind {
                AnchorKind::Head => "head",
                AnchorKind::Checkpoint => "checkpoint",
            },
        );
        fields.text(workspace);
        fields.text(writer);
        fields.number(anchor.sequence);
        fields.bytes(&anchor.hash.0);
        fields.finish()
    }

    /// What a seal over an export begins with.
    pub(super) fn export(&self) -> Hmac<Sha256> {
        Fields::new(&self.keyed, "export").0
    }

    /// A writer's name that follows from where its database is: nothing random, and different for each file.
    pub(super) fn writer_at(&self, place: &[u8]) -> String {
        let mut fields = Fields::new(&self.keyed, "writer");
        fields.bytes(place);
        hex::encode(&fields.finish().0[..8])
    }

    /// What tells one key from another and nothing else.
    pub(super) fn fingerprint(&self) -> String {
        hex::encode(Fields::new(&self.keyed, "fingerprint").finish().0)
    }

    fn fits(&self, previous: &Digest, sequence: u64, record: &AuditRecord) -> bool {
        self.record(previous, &record.writer, sequence, &record.entry) == record.hash
    }
}

/// An encoding in which no two different lists of fields are the same bytes: every field carries its length or kind.
struct Fields(Hmac<Sha256>);

impl Fields {
    fn new(keyed: &Hmac<Sha256>, domain: &str) -> Self {
        let mut fields = Self(keyed.clone());
        fields.text("customerio-mcp audit 1");
        fields.text(domain);
        fields
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn entry(&mut self, entry: &AuditEntry) {
        self.0.update(&entry.at_ms.to_be_bytes());
        for text in [&entry.workspace, &entry.call_id, &entry.principal, &entry.tool, &entry.effect] {
            self.text(text);
        }
        self.number(u64::from(phase_number(entry.phase)));
        self.optional(entry.subject, |fields, subject| fields.bytes(&subject.0));
        self.text(&entry.decision);
        self.optional(entry.approved_by.as_deref(), Self::text);
        self.optional(entry.upstream_status, |fields, status| fields.number(u64::from(status)));
        self.optional(entry.duration_ms, Self::number);
    }

    fn finish(self) -> Digest {
        Digest(self.0.finalize().into_bytes().into())
    }
}

/// The number a phase is stored and hashed as.
pub(super) fn phase_number(phase: AuditPhase) -> u8 {
    match phase {
        AuditPhase::Decision => 0,
        AuditPhase::Outcome => 1,
        AuditPhase::Read => 2,
        AuditPhase::Refusal => 3,
        AuditPhase::Answer => 4,
    }
}

/// The phase stored as a number.
pub(super) fn phase_of_number(number: u8) -> Option<AuditPhase> {
    [AuditPhase::Decision, AuditPhase::Outcome, AuditPhase::Read, AuditPhase::Refusal, AuditPhase::Answer]
        .into_iter()
        .find(|phase| phase_number(*phase) == number)
}

/// A head or checkpoint as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchored {
    Absent,
    Genuine(Anchor),
    Forged,
}

impl Anchored {
    /// The record it stands for, if it is to be believed.
    pub(super) fn genuine(&self) -> Option<&Anchor> {
        if let Self::Genuine(anchor) = self { Some(anchor) } else { None }
    }
}

/// What is wrong with a record numbered from before the chain's start, where nothing should be left.
pub(super) fn stray(writer: &str, sequence: u64) -> ChainFault {
    match sequence {
        0 => fault(writer, 0, "forged: a record that was never written"),
        cut => fault(writer, cut, "forged: records up to here were cut by pruning"),
    }
}

/// What is wrong with chains that say nothing of so many calls on the ledger.
pub(super) fn unrecorded(writer: &str, head: &Anchored, calls: u64) -> ChainFault {
    let next = head.genuine().map_or(1, |head| head.sequence.saturating_add(1));
    let calls = if calls == 1 { "a call".to_owned() } else { format!("{calls} calls") };
    fault(writer, next, &format!("removed: the ledger holds {calls} of which no record is left"))
}

/// A walk along one chain from its checkpoint to its head.
pub(super) struct Walk<'a> {
    hasher: &'a ChainHasher,
    last: Anchor,
    last_row: i64,
    proven: u64,
}

/// What stopped a walk.
pub(super) enum Stop {
    /// The record does not fit; [`diagnose`] says in which way.
    Mismatch(Box<AuditRecord>),
    Fault(ChainFault),
}

impl<'a> Walk<'a> {
    pub(super) fn new(hasher: &'a ChainHasher, start: Anchor) -> Self {
        Self { hasher, last: start, last_row: i64::MIN, proven: 0 }
    }

    /// Records that held so far.
    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    /// The last record that held.
    pub(super) fn last(&self) -> Anchor {
        self.last
    }

    /// Proves the next record, in order of sequence numbers.
    pub(super) fn step(&mut self, record: AuditRecord) -> Result<(), Stop> {
        let expected = self.last.sequence.saturating_add(1);
        if record.sequence > expected {
            return Err(Stop::Fault(missing(&record.writer, expected, record.sequence)));
        }
        if record.sequence < expected {
            return Err(Stop::Fault(fault(&record.writer, record.sequence, "forged: there are two of this number")));
        }
        if !self.hasher.fits(&self.last.hash, expected, &record) {
            return Err(Stop::Mismatch(Box::new(record)));
        }
        if record.row <= self.last_row {
            return Err(Stop::Fault(fault(&record.writer, expected, "reordered: it is listed before its predecessor")));
        }
        self.last = Anchor { sequence: expected, hash: record.hash };
        self.last_row = record.row;
        self.proven += 1;
        Ok(())
    }

    /// Compares where the walk ended with where the head says the chain ends.
    fn finish(&self, writer: &str, head: &Anchor) -> Option<ChainFault> {
        if self.last.sequence < head.sequence {
            let expected = self.last.sequence.saturating_add(1);
            return Some(missing(writer, expected, head.sequence.saturating_add(1)));
        }
        if self.last.sequence > head.sequence {
            let beyond = head.sequence.saturating_add(1);
            return Some(fault(writer, beyond, "forged: the chain goes on beyond its head"));
        }
        (self.last.hash != head.hash).then(|| fault(writer, head.sequence, "forged: the head names another record"))
    }

    /// What is wrong at the end of a walk that nothing stopped, if anything is.
    pub(super) fn meets(&self, writer: &str, head: &Anchored) -> Option<ChainFault> {
        let next = self.last.sequence.saturating_add(1);
        let so_perhaps_more = |what: &str| Some(fault(writer, next, &format!("{what}, so there may have been more")));
        match head {
            Anchored::Genuine(anchor) => self.finish(writer, anchor),
            Anchored::Forged => so_perhaps_more("forged: the head of the chain"),
            Anchored::Absent => so_perhaps_more("removed: the head of the chain is missing"),
        }
    }

    /// What is wrong with a next record that cannot be read.
    pub(super) fn unreadable(&self, writer: &str) -> ChainFault {
        fault(writer, self.last.sequence.saturating_add(1), "altered: it holds what was never written")
    }
}

/// Says in which way `record` does not fit after `previous`, given the records that follow it and the chain's head.
pub(super) fn diagnose(
    hasher: &ChainHasher,
    previous: &Anchor,
    record: &AuditRecord,
    following: &[AuditRecord],
    head: Option<&Anchor>,
) -> ChainFault {
    let reason = if is_reordered(hasher, previous, record, following) {
        "reordered: it belongs elsewhere on the chain"
    } else if is_continued(hasher, record, following, head) {
        "altered: its fields are not those it was written with"
    } else {
        "forged: its hash was not made with the key"
    };
    fault(&record.writer, record.sequence, reason)
}

/// A moved record still fits under the sequence number and predecessor it was written with.
fn is_reordered(hasher: &ChainHasher, previous: &Anchor, record: &AuditRecord, following: &[AuditRecord]) -> bool {
    let predecessors = || following.iter().map(|other| other.hash).chain([previous.hash]);
    following.iter().any(|other| predecessors().any(|before| hasher.fits(&before, other.sequence, record)))
}

/// A hash that the next record or the head builds on is genuine, so it is the fields that changed.
fn is_continued(hasher: &ChainHasher, record: &AuditRecord, following: &[AuditRecord], head: Option<&Anchor>) -> bool {
    following.first().is_some_and(|next| hasher.fits(&record.hash, next.sequence, next))
        || head.is_some_and(|head| head.sequence == record.sequence && head.hash == record.hash)
}

/// A fault at one record.
pub(super) fn fault(writer: &str, sequence: u64, reason: &str) -> ChainFault {
    ChainFault { writer: writer.to_owned(), sequence, reason: reason.to_owned() }
}

fn missing(writer: &str, from: u64, until: u64) -> ChainFault {
    match until.saturating_sub(1) {
        last if last > from => fault(writer, from, &format!("removed: it and all up to record {last} are missing")),
        _ => fault(writer, from, "removed: it is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            at_ms: 1,
            workspace: "shop".to_owned(),
            call_id: "c".to_owned(),
            principal: "local".to_owned(),
            tool: "track_event".to_owned(),
            effect: "trigger".to_owned(),
            phase: AuditPhase::Decision,
            subject: None,
            decision: "admitted".to_owned(),
            approved_by: None,
            upstream_status: None,
            duration_ms: None,
        }
    }

    #[test]
    fn every_field_changes_the_hash() {
        let hasher = ChainHasher::new(&ChainKey([7; 32])).unwrap();
        let hash = |entry: &AuditEntry| hasher.record(&GENESIS, "w", 1, entry);
        let changes: [fn(&mut AuditEntry); 13] = [
            |e| e.at_ms = -1,
            |e| e.workspace = "shop2".to_owned(),
            |e| e.call_id = "d".to_owned(),
            |e| e.principal = "other".to_owned(),
            |e| e.tool = "send".to_owned(),
            |e| e.effect = "send".to_owned(),
            |e| e.phase = AuditPhase::Read,
            |e| e.subject = Some(GENESIS),
            |e| e.decision = "denied".to_owned(),
            |e| e.approved_by = Some(String::new()),
            |e| e.upstream_status = Some(0),
            |e| e.duration_ms = Some(0),
            // The same letters cut at another place are another record.
            |e| {
                e.principal = "localt".to_owned();
                e.tool = "rack_event".to_owned();
            },
        ];
        let mut seen = std::collections::HashSet::from([
            hash(&entry()),
            hasher.record(&GENESIS, "w", 2, &entry()),
            hasher.record(&GENESIS, "v", 1, &entry()),
            hasher.record(&Digest([1; 32]), "w", 1, &entry()),
            ChainHasher::new(&ChainKey([8; 32])).unwrap().record(&GENESIS, "w", 1, &entry()),
        ]);
        assert_eq!(seen.len(), 5);
        for change in changes {
            let mut other = entry();
            change(&mut other);
            assert!(seen.insert(hash(&other)), "{other:?}");
        }
    }

    #[test]
    fn phases_survive_storage() {
        for number in 0..5 {
            assert_eq!(phase_of_number(number).map(phase_number), Some(number));
        }
        assert_eq!(phase_of_number(5), None);
    }
}
