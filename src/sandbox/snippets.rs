//! Snippets: named pieces of template (behaviour.md section 10).

use serde_json::{Map, Value, json};

use super::{
    newsletters::Newsletter,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::liquid;

/// The vendor's limits, in bytes of UTF-8.
const MAX_SNIPPET_BYTES: usize = 16 * 1024;
const MAX_WORKSPACE_BYTES: usize = 5 * 1024 * 1024;

/// One snippet; its name is its key.
#[derive(Debug, Clone)]
pub(super) struct Snippet {
    pub(super) value: String,
    /// Unix seconds.
    pub(super) updated_at: i64,
}

impl Snippet {
    fn shown(&self, name: &str) -> Value {
        json!({"name": name, "value": self.value, "updated_at": self.updated_at})
    }
}

/// `GET /v1/snippets`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let snippets: Vec<_> = world.snippets.iter().map(|(name, snippet)| snippet.shown(name)).collect();
    Ok(Reply::ok(&json!({"snippets": snippets})))
}

/// `POST /v1/snippets`: a new one.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let (name, value) = given(world, &world.object(call)?)?;
    if world.snippets.contains_key(&name) {
        return Err(world.app_error(400, &format!("snippet '{name}' already exists")));
    }
    save(world, name, value)
}

/// `PUT /v1/snippets`: updates the one of that name, or makes it. A name is a key, so it cannot change.
pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let (name, value) = given(world, &world.object(call)?)?;
    save(world, name, value)
}

/// `DELETE /v1/snippets/{snippet_name}`.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let name = call.param("snippet_name");
    if !world.snippets.contains_key(name) {
        return Err(world.not_found());
    }
    if world.names_snippet(name) {
        return Err(world.app_error(400, &format!("snippet '{name}' is in use")));
    }
    world.snippets.remove(name);
    Ok(Reply::no_content())
}

fn given(world: &World, body: &Map<String, Value>) -> Result<(String, String), Reply> {
    let text = |key: &str| {
        body.get(key).and_then(Value::as_str).ok_or_else(|| world.app_error(400, &format!("{key} is required")))
    };
    let (name, value) = (text("name")?, text("value")?);
    if name.trim().is_empty() {
        return Err(world.app_error(400, "name cannot be blank"));
    }
    if value.len() > MAX_SNIPPET_BYTES {
        return Err(world.app_error(400, &format!("a snippet cannot be larger than {MAX_SNIPPET_BYTES} bytes")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn save(world: &mut World, name: String, value: String) -> Answer {
    let others = world.snippets.iter().filter(|(other, _)| **other != name);
    let bytes: usize = others.map(|(_, snippet)| snippet.value.len()).sum();
    if bytes + value.len() > MAX_WORKSPACE_BYTES {
        let error = format!("the snippets of a workspace cannot be larger than {MAX_WORKSPACE_BYTES} bytes");
        return Err(world.app_error(400, &error));
    }
    let snippet = Snippet { value, updated_at: world.now() };
    let shown = snippet.shown(&name);
    world.snippets.insert(name, snippet);
    Ok(Reply::ok(&json!({"snippet": shown})))
}

impl World {
    /// Whether a message, or another snippet, puts in the snippet of that name.
    fn names_snippet(&self, name: &str) -> bool {
        let transactional = self.transactional.values().flat_map(|message| &message.contents);
        let of_campaigns = self.campaigns.values().flat_map(|campaign| &campaign.actions);
        let of_broadcasts = self.broadcasts.values().flat_map(|broadcast| &broadcast.actions);
        let actions = of_campaigns.chain(of_broadcasts).flat_map(|action| &action.contents);
        // What was sent is rendered already.
        let drafts = self.newsletters.values().filter(|newsletter| !newsletter.is_sent());
        let contents = transactional.chain(actions).chain(drafts.flat_map(Newsletter::contents));
        let templates = contents.flat_map(|content| [&content.subject, &content.preheader, &content.body]);
        let others = self.snippets.iter().filter(|(other, _)| *other != name).map(|(_, snippet)| &snippet.value);
        templates.chain(others).any(|template| reads(template, name))
    }
}

/// A template that cannot be parsed cannot be sent either, so it uses nothing.
fn reads(template: &str, name: &str) -> bool {
    let variables = liquid::variables(template).unwrap_or_default();
    let (dotted, bracketed) = (format!("snippets.{name}"), format!("snippets[\"{name}\"]"));
    variables.iter().any(|variable| variable.path == dotted || variable.path == bracketed)
}
