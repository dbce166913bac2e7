//! Completions: ids by the beginning of an id or by part of a name, for whoever fills in a prompt or an address.

use std::{collections::HashMap, sync::Mutex};

use rmcp::model::{CompletionInfo, Reference};
use serde_json::{Map, Value};

use super::{prompts, resources::KINDS};
use crate::catalog::WORKSPACE;

/// How long what was listed is good enough to complete from, in milliseconds: a client asks at every key.
const FRESH_FOR_MS: i64 = 30_000;

/// Something that can be named.
#[derive(Debug, Clone)]
pub(super) struct Named {
    id: String,
    name: String,
}

impl Named {
    /// What has no name but its id.
    pub(super) fn itself(id: &str) -> Self {
        Self { id: id.to_owned(), name: String::new() }
    }
}

/// A workspace and an argument.
type Asked = (String, &'static str);

/// What was listed last, and when in Unix milliseconds, by what was asked.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<HashMap<Asked, (i64, Vec<Named>)>>);

/// Where the values of an argument are listed.
pub(super) struct Source {
    /// The argument.
    pub(super) argument: &'static str,
    /// The tool that lists them.
    pub(super) tool: &'static str,
    /// What it is asked.
    kind: Option<&'static str>,
    list: &'static str,
    id: &'static str,
}

const SOURCES: &[Source] = &[
    Source { argument: "segment_id", tool: "list_segments", kind: None, list: "segments", id: "segment_id" },
    Source { argument: "template_id", tool: "list_templates", kind: None, list: "templates", id: "template" },
    Source {
        argument: "campaign_id",
        tool: "list_campaigns",
        kind: Some("campaign"),
        list: "campaigns",
        id: "campaign_id",
    },
    Source {
        argument: "newsletter_id",
        tool: "list_campaigns",
        kind: Some("newsletter"),
        list: "campaigns",
        id: "newsletter_id",
    },
];

/// Where the values of what is being filled in are listed, if they can be.
pub(super) fn source(reference: &Reference, argument: &str) -> Option<&'static Source> {
    let exists = match reference {
        Reference::Prompt(prompt) => prompts::takes(&prompt.name, argument),
        Reference::Resource(_) => KINDS.iter().any(|kind| kind.variable == argument),
        _ => false,
    };
    SOURCES.iter().find(|source| exists && source.argument == argument)
}

/// Whether what is being filled in is the workspace of an address.
pub(super) fn is_workspace(reference: &Reference, argument: &str) -> bool {
    matches!(reference, Reference::Resource(_)) && argument == WORKSPACE
}

impl Source {
    /// What the tool that lists is asked.
    pub(super) fn arguments(&self) -> Map<String, Value> {
        let kind = self.kind.map(|kind| ("kind".to_owned(), kind.into()));
        kind.into_iter().chain([("limit".to_owned(), 100.into())]).collect()
    }

    /// What an answer lists.
    pub(super) fn named(&self, answer: &Value) -> Vec<Named> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let rows = answer[self.list].as_array().into_iter().flatten();
        rows.map(|row| Named { id: text(&row[self.id]), name: text(&row["name"]) }).collect()
    }
}

impl Listed {
    /// What was listed for an argument a moment ago.
    pub(super) fn fresh(&self, workspace: &str, source: &Source, now_ms: i64) -> Option<Vec<Named>> {
        let listed = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (at_ms, named) = listed.get(&(workspace.to_owned(), source.argument))?;
        (0..FRESH_FOR_MS).contains(&(now_ms - at_ms)).then(|| named.clone())
    }

    /// Remembers what was listed.
    pub(super) fn keep(&self, workspace: &str, source: &Source, now_ms: i64, named: &[Named]) {
        let mut listed = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        listed.insert((workspace.to_owned(), source.argument), (now_ms, named.to_vec()));
    }
}

/// The ids that begin with what was typed, then those whose names hold it.
pub(super) fn complete(named: &[Named], typed: &str) -> CompletionInfo {
    let typed = typed.to_lowercase();
    let (by_id, others): (Vec<&Named>, Vec<&Named>) = named.iter().partition(|one| one.id.starts_with(&typed));
    let by_name = others.into_iter().filter(|one| one.name.to_lowercase().contains(&typed));
    let values: Vec<String> = by_id.into_iter().chain(by_name).map(|one| one.id.clone()).collect();
    let total = values.len();
    let shown: Vec<String> = values.into_iter().take(CompletionInfo::MAX_VALUES).collect();
    let has_more = total > shown.len();
    let mut info = CompletionInfo::with_all_values(shown).unwrap_or_default();
    info.total = u32::try_from(total).ok();
    info.has_more = Some(has_more);
    info
}
