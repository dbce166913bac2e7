//! What a call does to the world, declared once per tool: everything else follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The one effect of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing, also where Customer.io uses POST.
    Read,
    /// Changes data or content that reaches nobody.
    Write,
    /// May make automations send: people, events, segments, subscription, content in use.
    Trigger,
    /// Sends, schedules or publishes to people.
    Send,
    /// Removes, merges or suppresses.
    Delete,
}

impl Effect {
    /// All effects, from harmless to grave.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Trigger, Self::Send, Self::Delete];

    /// The effect's name in configuration, audit and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Trigger => "trigger",
            Self::Send => "send",
            Self::Delete => "delete",
        }
    }

    /// Whether a call of this effect changes anything.
    pub const fn mutates(self) -> bool {
        !matches!(self, Self::Read)
    }

    /// The budget such a call is charged to.
    pub const fn budget(self) -> Option<&'static str> {
        match self {
            Self::Read => None,
            Self::Write => Some("writes"),
            Self::Trigger => Some("triggers"),
            Self::Send => Some("sends"),
            Self::Delete => Some("deletes"),
        }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a request whose fate is unknown may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Always: repeating it changes nothing more (PUT, DELETE, membership).
    Natural,
    /// Always, because Track ignores a repeated event id.
    Ulid,
    /// Never: the ledger remembers the call and answers a repeat with the first answer.
    Ledger,
}

/// What else a tool does that the guards must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Hands out personal data of many, or all data of one.
    BulkPii,
    /// Makes Customer.io call an address.
    Egress,
    /// Spends credits.
    Spends,
    /// Acts on many at once.
    Bulk,
    /// Changes content that automations use right now.
    ContentInUse,
    /// Sets a rule that the guards go by from then on.
    Governs,
    /// A human agrees first where the operator has said nothing.
    ApproveByDefault,
    /// It is not done where the operator has said nothing.
    DenyByDefault,
}

impl Flag {
    /// The flag's name in configuration and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BulkPii => "bulk_pii",
            Self::Egress => "egress",
            Self::Spends => "spends",
            Self::Bulk => "bulk",
            Self::ContentInUse => "content_in_use",
            Self::Governs => "governs",
            Self::ApproveByDefault => "approve_by_default",
            Self::DenyByDefault => "deny_by_default",
        }
    }
}
