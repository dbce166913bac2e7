//! The data index: what attributes and events mean (behaviour.md section 10). It can be written and never read, so
//! the control endpoint alone shows what is kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    ids,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const MAX_ENTRIES: usize = 100;
const MAX_DESCRIPTION_CHARACTERS: usize = 255;

/// Descriptions by name. An attribute's name is qualified by what it belongs to, if that is not a person.
#[derive(Debug, Clone, Default)]
pub(super) struct DataIndex {
    attributes: BTreeMap<String, String>,
    events: BTreeMap<String, String>,
}

impl DataIndex {
    /// All of it, for the control endpoint.
    pub(super) fn shown(&self) -> Value {
        json!({"attributes": self.attributes, "events": self.events})
    }
}

/// `POST /v1/data_index/attributes`.
pub(super) fn attributes(world: &mut World, call: &Call) -> Answer {
    let entries = entries(world, call, "attributes", "attribute")?;
    for (place, entry) in entries.iter().enumerate() {
        // A workspace of the sandbox is on no Premium plan.
        if entry.get("privacy_level").is_some_and(|level| !level.is_null()) {
            let detail = "Privacy level updates are not available. Please contact support to enable this feature.";
            let pointer = format!("/data/attributes/attributes[{place}].privacy_level");
            return Err(unprocessable(world, detail, &pointer));
        }
    }
    for entry in &entries {
        let owner = ["object_type_id", "is_relationship", "event_name"];
        let owner: Vec<_> = owner.iter().filter_map(|key| Some(format!("{key}={}:", entry.get(*key)?))).collect();
        let (name, description) = described(entry);
        world.data_index.attributes.insert(format!("{}{name}", owner.concat()), description);
    }
    Ok(Reply::no_content())
}

/// `POST /v1/data_index/events`.
pub(super) fn events(world: &mut World, call: &Call) -> Answer {
    for entry in entries(world, call, "events", "event")? {
        let (name, description) = described(&entry);
        world.data_index.events.insert(name, description);
    }
    Ok(Reply::no_content())
}

fn described(entry: &Map<String, Value>) -> (String, String) {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("name"), text("description"))
}

/// The entries of a request, all of them valid.
fn entries(world: &World, call: &Call, plural: &str, singular: &str) -> Result<Vec<Map<String, Value>>, Reply> {
    let invalid = || world.app_error(400, "Invalid request format");
    let body = call.object().ok_or_else(invalid)?;
    let list = match body.get(plural) {
        None | Some(Value::Null) => &Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(invalid()),
    };
    let pointer = format!("/data/attributes/{plural}");
    if list.is_empty() {
        return Err(unprocessable(world, &format!("At least one {singular} is required"), &pointer));
    }
    if list.len() > MAX_ENTRIES {
        let detail = format!("Can not update more than {MAX_ENTRIES} {plural} at once");
        return Err(unprocessable(world, &detail, &pointer));
    }
    let mut entries = Vec::new();
    for (place, entry) in list.iter().enumerate() {
        let entry = entry.as_object().ok_or_else(invalid)?;
        let name = match entry.get("name") {
            Some(Value::String(name)) => name,
            None | Some(Value::Null) => "",
            Some(_) => return Err(invalid()),
        };
        if name.is_empty() {
            return Err(unprocessable(world, "name is required", &format!("{pointer}[{place}].name")));
        }
        match entry.get("description") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.chars().count() <= MAX_DESCRIPTION_CHARACTERS => {}
            Some(Value::String(_)) => {
                let detail = format!("description cannot be longer than {MAX_DESCRIPTION_CHARACTERS} characters");
                return Err(unprocessable(world, &detail, &format!("{pointer}[{place}].description")));
            }
            Some(_) => return Err(invalid()),
        }
        entries.push(entry.clone());
    }
    Ok(entries)
}

/// 422 with a pointer to what is wrong.
fn unprocessable(world: &World, detail: &str, pointer: &str) -> Reply {
    let detail = format!("{detail} (reference {})", ids::reference(&*world.clock));
    Reply::json(422, &json!({"errors": [{"detail": detail, "status": "422", "source": {"pointer": pointer}}]}))
}
