//! Identity strategy, remembered people and write leases.

use super::{Digest, sealed::debug_unsealed};

/// A declared identity strategy, as the guards wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStrategy {
    /// The strategy as JSON; its type belongs to the guards.
    pub document: String,
    /// Who declared it: a principal, `configuration` or `operator`.
    pub declared_by: String,
    /// When, in Unix milliseconds.
    pub declared_at_ms: i64,
}

/// A request to declare a strategy.
#[derive(Debug, Clone)]
pub struct StrategyDeclaration {
    /// The workspace it holds for.
    pub workspace: String,
    /// The strategy.
    pub strategy: StoredStrategy,
    /// Replace a strategy that is there. Only an operator's command does.
    pub replace: bool,
}

/// What became of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// It now holds.
    Declared,
    /// There was one already; nothing changed.
    AlreadyDeclared(StoredStrategy),
}

/// A person remembered under one digest of one identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct CachedPerson {
    /// Digest of the identifier and its kind.
    pub key: Digest,
    /// Digest of the person (their `cio_id`), the same under every identifier of theirs.
    pub person: Digest,
    /// The person's identifiers, sealed.
    pub sealed: Vec<u8>,
    /// Unix milliseconds after which the entry is not used.
    pub expires_at_ms: i64,
}

debug_unsealed!(CachedPerson { key, person, expires_at_ms } sealed { sealed });

/// A lease that serialises writes to one identifier across threads, processes and replicas.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The workspace.
    pub workspace: String,
    /// Digest of what is leased.
    pub name: Digest,
    /// Who holds it: a call's id.
    pub holder: String,
    /// Unix milliseconds after which anybody may take it.
    pub until_ms: i64,
}
