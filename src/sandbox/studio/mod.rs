//! Design Studio: components, folders and e-mails with their translations, versions and links (behaviour.md
//! section 10). Ids are UUIDs, lists are paged by number, and errors are worded without a reference.

pub(super) mod checks;
pub(super) mod emails;
pub(super) mod languages;
pub(super) mod nodes;
pub(super) mod publishing;
mod seeds;
pub(super) mod versions;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::{emails::Email, nodes::Node};
use super::{placement::Placement, reply::Reply, request::Call, world::World};

/// All of it, by id. Lists sort by creation, so the order of the ids does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Studio {
    pub(super) folders: BTreeMap<String, Node>,
    pub(super) components: BTreeMap<String, Node>,
    pub(super) emails: BTreeMap<String, Email>,
    last_sequence: u64,
}

impl Studio {
    fn next_sequence(&mut self) -> u64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// Whether `folder` is `ancestor` or lies somewhere inside.
    fn is_within(&self, folder: Option<&str>, ancestor: &str) -> bool {
        let mut folder = folder.map(str::to_owned);
        while let Some(id) = folder {
            if id == ancestor {
                return true;
            }
            folder = self.folders.get(&id).and_then(|folder| folder.parent.clone());
        }
        false
    }
}

/// An error of these endpoints.
pub(super) fn error(status: u16, detail: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"detail": detail, "status": status.to_string()}]}))
}

fn missing() -> Reply {
    error(404, "resource not found")
}

fn body(call: &Call) -> Result<Map<String, Value>, Reply> {
    call.object().ok_or_else(|| error(400, "invalid request body"))
}

/// A name that is given: a text of 1 to 170 characters.
fn name(body: &Map<String, Value>) -> Result<Option<String>, Reply> {
    match body.get("name") {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() && name.chars().count() <= 170 => Ok(Some(name.clone())),
        Some(_) => Err(error(400, "missing or invalid name")),
    }
}

/// The folder a body names: left out, the root (null), or one that exists.
fn parent(world: &World, body: &Map<String, Value>) -> Result<Placement<String>, Reply> {
    match body.get("parent_folder_id") {
        None => Ok(Placement::Kept),
        Some(Value::Null) => Ok(Placement::In(None)),
        Some(Value::String(id)) if world.studio.folders.contains_key(id) => Ok(Placement::In(Some(id.clone()))),
        Some(Value::String(id)) if !id.is_empty() => Err(missing()),
        Some(_) => Err(error(400, "invalid parent_folder_id")),
    }
}

/// An object that is given, such as the content of an e-mail.
fn object(body: &Map<String, Value>, key: &str) -> Result<Map<String, Value>, Reply> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(error(400, &format!("invalid {key}"))),
    }
}
