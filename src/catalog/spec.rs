//! What is declared of a tool, once; annotations, schemas, policy and budgets follow from it.

use rmcp::model::ToolAnnotations;
use serde::Deserialize;

use super::{Effect, Flag, Retry};

/// Tools that are offered together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Toolset {
    /// What the guards allow and remember.
    Guardrails,
    /// People.
    #[default]
    People,
    /// Events.
    Events,
    /// Segments.
    Segments,
    /// Templates, transactional messages, deliveries.
    Messages,
    /// Access, erasure, deletion.
    Privacy,
    /// Campaigns, broadcasts, newsletters.
    Campaigns,
    /// A/B tests.
    Experiments,
    /// Snippets, collections, files. Declared operations alone, as all below.
    Content,
    /// Design Studio.
    Design,
    /// Senders, webhooks, suppression lists, exports.
    Workspace,
    /// Finding and running what is not listed.
    Operations,
    /// The sandbox's own: its clock, its faults.
    Sandbox,
}

impl Toolset {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Guardrails,
        Self::People,
        Self::Events,
        Self::Segments,
        Self::Messages,
        Self::Campaigns,
        Self::Experiments,
        Self::Privacy,
        Self::Content,
        Self::Design,
        Self::Workspace,
        Self::Operations,
        Self::Sandbox,
    ];

    /// The toolset's name on the command line and in documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guardrails => "guardrails",
            Self::People => "people",
            Self::Events => "events",
            Self::Segments => "segments",
            Self::Messages => "messages",
            Self::Privacy => "privacy",
            Self::Campaigns => "campaigns",
            Self::Experiments => "experiments",
            Self::Content => "content",
            Self::Design => "design",
            Self::Workspace => "workspace",
            Self::Operations => "operations",
            Self::Sandbox => "sandbox",
        }
    }
}

/// A credential a tool cannot do without. A tool whose credential is missing is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Site id and key of the Track API.
    Track,
    /// Key of the App API.
    App,
    /// Write key of a Pipelines source.
    Pipelines,
    /// No credential, but a sandbox.
    Sandbox,
}

/// What a tool is.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name: `verb_noun`, never changed once released.
    pub name: &'static str,
    /// Its title for people.
    pub title: &'static str,
    /// The prose the model reads, from `tools/<name>.md`.
    pub prose: &'static str,
    /// The toolset it belongs to.
    pub toolset: Toolset,
    /// Whether it is listed without being asked for.
    pub core: bool,
    /// Its one effect.
    pub effect: Effect,
    /// When a request of unknown fate may be repeated.
    pub retry: Retry,
    /// What else it does.
    pub flags: &'static [Flag],
    /// What it cannot do without.
    pub needs: &'static [Credential],
}

impl Spec {
    /// The prose without the line end of its file.
    pub fn description(&self) -> &'static str {
        self.prose.trim_end()
    }

    /// The four hints clients decide by.
    pub fn annotations(&self) -> ToolAnnotations {
        ToolAnnotations::from_raw(
            Some(self.title.to_owned()),
            Some(!self.effect.mutates()),
            Some(matches!(self.effect, Effect::Delete | Effect::Send)),
            Some(!self.effect.mutates() || self.retry != Retry::Ledger),
            Some(!self.needs.is_empty()),
        )
    }

    /// Whether a call may first answer with a plan, and so takes `plan_token`.
    pub fn takes_plan_token(&self) -> bool {
        matches!(self.effect, Effect::Send | Effect::Delete)
            || self.flags.iter().any(|flag| matches!(flag, Flag::BulkPii | Flag::ContentInUse))
    }

    /// Whether a call is remembered under a key, and so takes `idempotency_key`.
    pub fn takes_idempotency_key(&self) -> bool {
        self.effect.mutates() && self.retry == Retry::Ledger
    }
}
