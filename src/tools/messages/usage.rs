//! What uses a snippet: looked up in everything the App API lets read, within bounds that are told.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{
        UpstreamErrorKind,
        templates::Snippet,
        usage::{Owner, OwnerKind},
    },
    error::ToolError,
    liquid,
    tools::context::CallContext,
};

/// The most messages whose contents are read for one call: each is a request, and the limit is the workspace's.
const READ_AT_MOST: usize = 100;
/// The most pages of one list.
const PAGES: usize = 10;

/// What the App API shows no contents of.
const NEVER_LOOKED_AT: [&str; 2] =
    ["Design Studio e-mails and components that are not published", "layouts, and messages made outside this API"];

/// What uses a snippet, by name and id.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct UsedBy {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    campaigns: Vec<Named>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    templates: Vec<Named>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broadcasts: Vec<Named>,
    /// Not sent yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    newsletters: Vec<Named>,
    /// Other snippets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    snippets: Vec<String>,
}

/// What has contents.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Named {
    id: i64,
    name: String,
}

/// What a look has shown.
pub(super) struct Usage {
    pub(super) used_by: UsedBy,
    pub(super) not_looked_at: Vec<String>,
    /// Something that could have been looked at was not: nobody can say that nothing uses it.
    pub(super) is_cut_short: bool,
}

impl UsedBy {
    pub(super) fn is_nobody(&self) -> bool {
        self.snippets.is_empty()
            && [&self.campaigns, &self.templates, &self.broadcasts, &self.newsletters]
                .iter()
                .all(|list| list.is_empty())
    }

    fn of(&mut self, kind: OwnerKind) -> &mut Vec<Named> {
        match kind {
            OwnerKind::Template => &mut self.templates,
            OwnerKind::Campaign => &mut self.campaigns,
            OwnerKind::Broadcast => &mut self.broadcasts,
            OwnerKind::Newsletter => &mut self.newsletters,
        }
    }
}

/// What uses the snippet of this name.
pub(super) async fn of_snippet(cx: &CallContext<'_>, name: &str, all: &[Snippet]) -> Result<Usage, ToolError> {
    let mut usage = Usage { used_by: UsedBy::default(), not_looked_at: Vec::new(), is_cut_short: false };
    let others = all.iter().filter(|snippet| snippet.name != name && uses(&snippet.value, name));
    usage.used_by.snippets = others.map(|snippet| snippet.name.clone()).collect();
    let mut read = 0;
    for kind in OwnerKind::ALL {
        let Some(owners) = owners(cx, kind).await? else {
            usage.not_looked_at.push(format!("{}: Customer.io does not show them to this key", called(kind)));
            continue;
        };
        let mut skipped = 0;
        for owner in owners {
            if read == READ_AT_MOST {
                skipped += 1;
                continue;
            }
            read += 1;
            if is_used(cx, kind, owner.id, name).await? {
                usage.used_by.of(kind).push(Named { id: owner.id, name: owner.name });
            }
        }
        if skipped > 0 {
            usage.is_cut_short = true;
            usage.not_looked_at.push(format!("{skipped} {}: one call reads {READ_AT_MOST} messages", called(kind)));
        }
    }
    usage.not_looked_at.extend(NEVER_LOOKED_AT.map(str::to_owned));
    Ok(usage)
}

const fn called(kind: OwnerKind) -> &'static str {
    match kind {
        OwnerKind::Template => "templates",
        OwnerKind::Campaign => "campaigns",
        OwnerKind::Broadcast => "broadcasts",
        OwnerKind::Newsletter => "newsletters",
    }
}

/// All of one kind that can still say something; `None` where the workspace or the key has none of it.
async fn owners(cx: &CallContext<'_>, kind: OwnerKind) -> Result<Option<Vec<Owner>>, ToolError> {
    let (mut owners, mut start) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let page = match cx.api().content_owners(&cx.scope, kind, start.as_deref()).await {
            Ok(page) => page,
            Err(error) if matches!(error.kind, UpstreamErrorKind::NotFound | UpstreamErrorKind::Forbidden) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        owners.extend(page.items.into_iter().filter(|owner| kind != OwnerKind::Newsletter || owner.sent_at.is_none()));
        start = page.next.filter(|next| !next.is_empty());
        if start.is_none() {
            break;
        }
    }
    Ok(Some(owners))
}

async fn is_used(cx: &CallContext<'_>, kind: OwnerKind, id: i64, name: &str) -> Result<bool, ToolError> {
    let mut start = None::<String>;
    for _ in 0..PAGES {
        let page = cx.api().contents_of(&cx.scope, kind, id, start.as_deref()).await?;
        if page.items.iter().flat_map(serde_json::Map::values).any(|value| is_in(value, name)) {
            return Ok(true);
        }
        start = page.next.filter(|next| !next.is_empty());
        if start.is_none() {
            break;
        }
    }
    Ok(false)
}

fn is_in(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.contains("snippets") && uses(text, name),
        Value::Array(items) => items.iter().any(|item| is_in(item, name)),
        Value::Object(map) => map.values().any(|item| is_in(item, name)),
        _ => false,
    }
}

/// Whether a text puts in the snippet. One that names it by a variable may, and so does; one that cannot be parsed is
/// read as it stands.
fn uses(text: &str, name: &str) -> bool {
    match liquid::variables(text) {
        Ok(variables) => variables.iter().any(|variable| {
            variable.namespace == "snippets" && super::variables::snippet_of(variable).is_none_or(|used| used == name)
        }),
        Err(_) => {
            ["snippets.", "snippets['", "snippets[\""].iter().any(|before| text.contains(&format!("{before}{name}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_found_however_it_is_named() {
        for text in [
            "{{ snippets.footer }}",
            "{{snippets['footer']}}",
            "{{ snippets[\"footer\"] | strip }}",
            "{% if snippets.footer != blank %}x{% endif %}",
            "{% assign x = snippets.footer %}{{ x }}",
            "{{ snippets[customer.footer] }}",
            "{{ snippets.footer }} {% broken",
        ] {
            assert!(uses(text, "footer"), "{text}");
        }
        for text in ["{{ snippets.footers }}", "{{ snippets.foot }}", "snippets.footer", "{{ customer.footer }}", ""] {
            assert!(!uses(text, "footer"), "{text}");
        }
    }
}
