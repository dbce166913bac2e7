//! Track v2 entities of type object (behaviour.md section 4).

use serde_json::{Map, Value};

use super::{
    anonymous::ANONYMOUS_ID,
    attributes::{self, text_of},
    entity::Refusal,
    identifiers::{Identifier, MAX_IDENTIFIER_BYTES},
    identify::unix_seconds,
    objects::ObjectName,
    relationships::{Change, Tie},
    world::World,
};

/// Applies one action, or refuses it and changes nothing.
pub(super) fn apply(world: &mut World, item: &Map<String, Value>, action: &str) -> Result<(), Refusal> {
    match action {
        "identify" => {
            let (name, attributes) = (name(world, item)?, attributes(item)?);
            let ties = people(item)?.unwrap_or_default();
            if let Some(object) = world.identify_object(&name, &attributes, timestamp(item)) {
                world.change_people_of(object, Change::Add, &ties);
            }
        }
        "identify_anonymous" => {
            let (name, attributes) = (name(world, item)?, attributes(item)?);
            let list = item.get("cio_relationships").filter(|list| !list.is_null());
            let ties = list.map(|list| Tie::parse_all(list, anonymous_id)).transpose();
            let ties = ties.map_err(|error| Refusal::invalid("cio_relationships", error))?.unwrap_or_default();
            if let Some(object) = world.identify_object(&name, &attributes, timestamp(item)) {
                for tie in ties {
                    world.relate_anonymous(&tie.other, object, tie.attributes);
                }
            }
        }
        "delete" => {
            if let Some(object) = world.objects.find(&name(world, item)?) {
                world.delete_object(object);
            }
        }
        _ => {
            let change = Change::from_action(action).ok_or_else(|| Refusal::action(action, "object"))?;
            let name = name(world, item)?;
            let ties = people(item)?.ok_or_else(|| Refusal::required("cio_relationships"))?;
            let object = match change {
                Change::Add => world.identify_object(&name, &Map::new(), None),
                Change::Delete => world.objects.find(&name),
            };
            if let Some(object) = object {
                world.change_people_of(object, change, &ties);
            }
        }
    }
    Ok(())
}

fn name(world: &World, item: &Map<String, Value>) -> Result<ObjectName, Refusal> {
    let invalid = |message: String| Refusal::invalid("identifiers", message);
    match item.get("identifiers") {
        None | Some(Value::Null) => Err(Refusal::required("identifiers")),
        Some(Value::Object(object)) => {
            let name = ObjectName::from_object(object).map_err(invalid)?;
            world.check_object_type(&name).map_err(invalid)?;
            Ok(name)
        }
        Some(_) => Err(invalid("identifiers must be an object".to_owned())),
    }
}

fn attributes(item: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let attributes = match item.get("attributes") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(attributes)) => attributes.clone(),
        Some(_) => return Err(Refusal::invalid("attributes", "attributes must be an object")),
    };
    attributes::check_sizes(&attributes).map_err(|message| Refusal::invalid("attributes", message))?;
    Ok(attributes)
}

fn people(item: &Map<String, Value>) -> Result<Option<Vec<Tie<Identifier>>>, Refusal> {
    let list = item.get("cio_relationships").filter(|list| !list.is_null());
    let ties = list.map(|list| Tie::parse_all(list, Identifier::from_object)).transpose();
    ties.map_err(|error| Refusal::invalid("cio_relationships", error))
}

fn anonymous_id(identifiers: &Map<String, Value>) -> Result<String, String> {
    let text = identifiers.get(ANONYMOUS_ID).map(text_of).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() <= MAX_IDENTIFIER_BYTES => Ok(text),
        Some(_) => Err(format!("anonymous_id cannot be longer than {MAX_IDENTIFIER_BYTES} bytes")),
        None => Err("anonymous_id is required".to_owned()),
    }
}

fn timestamp(item: &Map<String, Value>) -> Option<i64> {
    item.get("timestamp").and_then(unix_seconds)
}
