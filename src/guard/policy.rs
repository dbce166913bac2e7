//! What a workspace's operator allows, and how much of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::{Effect, Flag};

/// Whether real people are behind a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceKind {
    /// A real workspace. Everything that is not provably a sandbox is live.
    Live,
    /// The embedded sandbox, or one on loopback that answers as such.
    Sandbox,
}

/// What happens to a call before it may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It runs.
    Allow,
    /// It first answers with a plan, and runs when called again with the plan's token.
    Preview,
    /// It first needs a human.
    Approve,
    /// It never runs.
    Deny,
}

impl Decision {
    /// The decision's name in configuration and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Preview => "preview",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// The operator's policy. What is not set follows from the kind of workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Calls that change nothing. Default: allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Decision>,
    /// Calls that change what reaches nobody. Default: allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Decision>,
    /// Calls that may make automations send. Default: allow, and approve for what subscribes somebody; in a sandbox
    /// allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Decision>,
    /// Calls that send to people. Default: allow to allowed recipients, else approve; in a sandbox allow for one
    /// person, preview for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<Decision>,
    /// Calls that remove, merge or suppress. Default: approve; in a sandbox preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<Decision>,
    /// Calls that hand out personal data of many, or all data of one. Default: approve; in a sandbox allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_pii: Option<Decision>,
    /// Calls that change content in use. Default: preview; in a sandbox allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_in_use: Option<Decision>,
    /// Decisions for single tools by name; they win over the rest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, Decision>,
}

/// Who decides about a call that needs a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// The person at the client, where it can ask them, or an operator.
    Client,
    /// An operator alone, on a terminal.
    Operator,
}

/// Who decides about calls that need a human, and how operators prove who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// Whether the person at the client may decide, or operators alone. Default: client, and operator where there are
    /// operator keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Approver>,
    /// Names of operators, each with the SHA-256 of their key, as `approvals new-key` prints it. With any, deciding on a
    /// terminal takes a key, and the audit trail names its operator.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub operator_keys: BTreeMap<String, String>,
}

impl Approvals {
    /// Who decides.
    pub fn approver(&self) -> Approver {
        let by_default = if self.operator_keys.is_empty() { Approver::Client } else { Approver::Operator };
        self.by.unwrap_or(by_default)
    }
}

/// How far a call reaches, as far as the policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Every recipient is on the operator's list.
    pub recipients_allowed: bool,
    /// More than one person may be reached.
    pub several_people: bool,
    /// Something in the arguments asks for a human whatever the recipient: an inline body, an attachment.
    pub escalated: bool,
}

impl Policy {
    /// What happens to a call of this tool, effect and reach in a workspace of this kind.
    pub fn decide(&self, kind: WorkspaceKind, tool: &str, effect: Effect, flags: &[Flag], reach: Reach) -> Decision {
        if let Some(decision) = self.tools.get(tool) {
            return *decision;
        }
        let by_flag = flags.iter().filter_map(|flag| self.for_flag(kind, *flag)).max();
        self.for_effect(kind, effect, reach).max(by_flag.unwrap_or(Decision::Allow))
    }

    /// Whether the operator asks for a plan before calls of this tool.
    pub fn asks_preview(&self, tool: &str, effect: Effect) -> bool {
        let by_effect = match effect {
            Effect::Read => self.read,
            Effect::Write => self.write,
            Effect::Trigger => self.trigger,
            Effect::Send => self.send,
            Effect::Delete => self.delete,
        };
        self.tools.get(tool).copied().or(by_effect) == Some(Decision::Preview)
    }

    fn for_effect(&self, kind: WorkspaceKind, effect: Effect, reach: Reach) -> Decision {
        let sandbox = kind == WorkspaceKind::Sandbox;
        match effect {
            Effect::Read => self.read.unwrap_or(Decision::Allow),
            Effect::Write => self.write.unwrap_or(Decision::Allow),
            Effect::Trigger => match self.trigger {
                // Who asks for plans did not mean to ask for less where a human is needed.
                None | Some(Decision::Preview) if reach.escalated && !sandbox => Decision::Approve,
                decision => decision.unwrap_or(Decision::Allow),
            },
            Effect::Delete => self.delete.unwrap_or(if sandbox { Decision::Preview } else { Decision::Approve }),
            Effect::Send => self.send.unwrap_or(match (sandbox, reach) {
                (true, Reach { several_people: true, .. }) => Decision::Preview,
                (true, _) | (false, Reach { recipients_allowed: true, escalated: false, .. }) => Decision::Allow,
                (false, _) => Decision::Approve,
            }),
        }
    }

    fn for_flag(&self, kind: WorkspaceKind, flag: Flag) -> Option<Decision> {
        let sandbox = kind == WorkspaceKind::Sandbox;
        match flag {
            Flag::BulkPii => self.bulk_pii.or(Some(if sandbox { Decision::Allow } else { Decision::Approve })),
            Flag::ContentInUse => {
                self.content_in_use.or(Some(if sandbox { Decision::Allow } else { Decision::Preview }))
            }
            Flag::Governs | Flag::ApproveByDefault => Some(if sandbox { Decision::Allow } else { Decision::Approve }),
            Flag::DenyByDefault => Some(if sandbox { Decision::Allow } else { Decision::Deny }),
            Flag::Egress | Flag::Spends | Flag::Bulk => None,
        }
    }
}

/// The most that may be done per rolling hour and day, for the workspace and caller together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    /// People sent to per hour.
    pub sends_per_hour: u64,
    /// People sent to per day.
    pub sends_per_day: u64,
    /// People, events and memberships changed per hour: each may make automations send.
    pub triggers_per_hour: u64,
    /// People, events and memberships changed per day.
    pub triggers_per_day: u64,
    /// Changes that reach nobody per hour.
    pub writes_per_hour: u64,
    /// Changes that reach nobody per day.
    pub writes_per_day: u64,
    /// Removals, merges and suppressions per hour.
    pub deletes_per_hour: u64,
    /// Removals, merges and suppressions per day.
    pub deletes_per_day: u64,
    /// New live profiles per day.
    pub new_profiles_per_day: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            sends_per_hour: 100,
            sends_per_day: 500,
            triggers_per_hour: 20_000,
            triggers_per_day: 100_000,
            writes_per_hour: 500,
            writes_per_day: 2_000,
            deletes_per_hour: 50,
            deletes_per_day: 200,
            new_profiles_per_day: 100,
        }
    }
}

/// Limits on test profiles, and what an identity looks like that must be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestProfiles {
    /// The most test profiles at once.
    pub active: u64,
    /// The most new test profiles per day.
    pub per_day: u64,
    /// Hours until a test profile expires.
    pub expires_after_hours: u32,
    /// Top-level domains of test e-mail addresses, without the dot.
    pub top_level_domains: Vec<String>,
    /// Domains of test e-mail addresses. In a sandbox `example.com`, `example.net` and `example.org` count as live.
    pub domains: Vec<String>,
    /// Local parts, and tags after `+`, of test e-mail addresses; compared exactly.
    pub local_parts: Vec<String>,
    /// Beginnings of test ids.
    pub id_prefixes: Vec<String>,
}

impl Default for TestProfiles {
    fn default() -> Self {
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        Self {
            active: 25,
            per_day: 50,
            expires_after_hours: 24,
            top_level_domains: owned(&["test", "example", "invalid", "localhost"]),
            domains: owned(&["example.com", "example.net", "example.org"]),
            local_parts: owned(&["test", "qa"]),
            id_prefixes: owned(&["test-", "test_"]),
        }
    }
}

/// Whom messages may go to without a human: addresses, or domains written as `@shop.example`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Recipients {
    /// For people that are not test profiles. Empty: nobody is pre-approved.
    pub live: Vec<String>,
    /// The only sinks that messages to test profiles may go to. Empty: none.
    pub test: Vec<String>,
    /// Addresses that may be blind-copied. Empty: none.
    pub bcc: Vec<String>,
    /// Senders that may override a template's own. Empty: none.
    pub from: Vec<String>,
}

/// How much personal data answers show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pii {
    /// E-mail addresses, phone numbers and configured attributes are masked.
    #[default]
    Masked,
    /// Everything is shown.
    Full,
}
