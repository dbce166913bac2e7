//! Proof of audit records outside of the store: each by the hash before it, and a file of them as a whole by a seal.
//!
//! Whoever has our secret can prove with it that a record says what was written. That none is missing from a file, nobody
//! can tell from the records that are there: that is what the seal under all lines of it says.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{
    AuditRecord, ChainKey, Digest, StoreError,
    chain::{ChainHasher, GENESIS},
};

/// Proves records and seals files of them.
#[derive(Debug)]
pub struct AuditProof {
    hasher: ChainHasher,
}

impl AuditProof {
    /// Proves what was written under a key.
    pub fn new(key: &ChainKey) -> Result<Self, StoreError> {
        Ok(Self { hasher: ChainHasher::new(key)? })
    }

    /// What the first record of a chain follows.
    pub const fn genesis() -> Digest {
        GENESIS
    }

    /// Whether a record says what was written after the record with this hash.
    pub fn holds(&self, previous: &Digest, record: &AuditRecord) -> bool {
        self.hasher.record(previous, &record.writer, record.sequence, &record.entry) == record.hash
    }

    /// A seal over no line yet.
    pub fn seal(&self) -> Seal {
        Seal { over: self.hasher.export(), lines: 0 }
    }
}

/// A seal over the lines of a file.
pub struct Seal {
    over: Hmac<Sha256>,
    lines: u64,
}

impl Seal {
    /// Takes a line in, without its end.
    pub fn line(&mut self, line: &str) {
        self.over.update(&(line.len() as u64).to_be_bytes());
        self.over.update(line.as_bytes());
        self.lines += 1;
    }

    /// How many lines it is over.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The seal itself.
    pub fn finish(self) -> Digest {
        Digest(self.over.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("lines", &self.lines).finish_non_exhaustive()
    }
}
