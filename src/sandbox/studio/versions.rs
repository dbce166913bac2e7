//! Versions: named checkpoints of an e-mail's draft.

use serde_json::{Value, json};

use super::{
    body,
    emails::{Draft, Email, find, find_mut},
    error, missing,
};
use crate::sandbox::{
    ids,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const MAX_NAME_CHARACTERS: usize = 100;

/// One checkpoint.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Version {
    id: String,
    name: String,
    description: String,
    created: i64,
    on_publish: bool,
    draft: Draft,
}

impl Version {
    fn shown(&self) -> Value {
        json!({"id": self.id, "name": self.name, "description": self.description, "created": self.created,
            "created_on_publish": self.on_publish, "feedback": false})
    }
}

impl Email {
    /// Keeps the draft as a version, unless the last one is the same. Returns its place and whether it is new.
    pub(super) fn save(
        &mut self,
        id: String,
        name: &str,
        description: &str,
        now: i64,
        on_publish: bool,
    ) -> (usize, bool) {
        if self.versions.last().is_some_and(|last| last.draft == self.draft) {
            return (self.versions.len() - 1, false);
        }
        let (name, description, draft) = (name.to_owned(), description.to_owned(), self.draft.clone());
        self.versions.push(Version { id, name, description, created: now, on_publish, draft });
        (self.versions.len() - 1, true)
    }

    /// The id of a version in its place.
    pub(super) fn version_id(&self, place: usize) -> &str {
        self.versions.get(place).map_or("", |version| &version.id)
    }
}

fn version<'a>(email: &'a Email, call: &Call) -> Result<&'a Version, Reply> {
    email.versions.iter().find(|version| version.id == call.param("version_id")).ok_or_else(missing)
}

/// `GET /v1/design_studio/emails/{id}/versions`, newest first.
pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Answer {
    let time = |key: &str| match call.query(key).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| error(400, "invalid query parameter")),
    };
    let (start, end) = (time("start_date")?, time("end_date")?);
    if end.is_some() && start.is_none() {
        return Err(error(400, "end_date requires start_date"));
    }
    let versions = find(world, call)?.versions.iter().rev();
    let wanted = versions
        .filter(|version| start.is_none_or(|start| version.created >= start))
        .filter(|version| end.is_none_or(|end| version.created <= end));
    Ok(Reply::ok(&json!({"versions": wanted.map(Version::shown).collect::<Vec<_>>()})))
}

/// `POST /v1/design_studio/emails/{id}/versions`.
pub(in crate::sandbox) fn save(world: &mut World, call: &Call) -> Answer {
    find(world, call)?;
    let body = body(call)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = text("name");
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(error(400, "missing or invalid name"));
    }
    let (now, id) = (world.now(), ids::uuid(&*world.clock));
    let email = find_mut(world, call)?;
    let (place, created) = email.save(id, name, text("description"), now, false);
    let shown = email.versions.get(place).map(Version::shown);
    Ok(Reply::ok(&json!({"created": created, "version": shown})))
}

/// `GET /v1/design_studio/emails/{id}/versions/{version_id}`.
pub(in crate::sandbox) fn get(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let version = version(email, call)?;
    let node = json!({
        "node_id": email.node.id,
        "node_type": "EMAIL",
        "name": email.node.name,
        "content": version.draft.text("html"),
        "subject": version.draft.text("subject"),
        "preheader_text": version.draft.text("preheader_text"),
        "envelope": version.draft.envelope,
    });
    Ok(Reply::ok(&json!({"version": version.shown(), "node": node, "dependencies": []})))
}

/// `DELETE /v1/design_studio/emails/{id}/versions/{version_id}`.
pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = version(find(world, call)?, call)?.id.clone();
    find_mut(world, call)?.versions.retain(|version| version.id != id);
    Ok(Reply::no_content())
}

/// `POST /v1/design_studio/emails/{id}/versions/{version_id}/restore`: the draft alone; a linked message waits for a
/// publish.
pub(in crate::sandbox) fn restore(world: &mut World, call: &Call) -> Answer {
    let version = version(find(world, call)?, call)?.clone();
    let now = world.now();
    let email = find_mut(world, call)?;
    email.draft = version.draft;
    email.node.updated = now;
    let id = &email.node.id;
    Ok(Reply::ok(&json!({"node_id": id, "restored_node_ids": [id], "version_id": version.id})))
}
