//! Snippets: named pieces of template (behaviour.md section 10).

use serde_json::json;

use super::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// One snippet; its name is its key.
#[derive(Debug, Clone)]
pub(super) struct Snippet {
    pub(super) value: String,
    /// Unix seconds.
    pub(super) updated_at: i64,
}

/// `GET /v1/snippets`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let snippets: Vec<_> = world
        .snippets
        .iter()
        .map(|(name, snippet)| json!({"name": name, "value": snippet.value, "updated_at": snippet.updated_at}))
        .collect();
    Ok(Reply::ok(&json!({"snippets": snippets})))
}
