//! Reading objects and relationships through the App API (behaviour.md sections 3 and 5).

use serde_json::{Map, Value, json};

use super::{
    attributes::{Attributes, text_of},
    object_filter::ObjectFilter,
    objects::{Object, ObjectName, ObjectType},
    page::Page,
    profiles,
    relationships::Relationship,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// `GET /v1/object_types`.
pub(super) fn types(world: &mut World, _call: &Call) -> Answer {
    let types: Vec<_> = world.object_types.iter().map(ObjectType::shown).collect();
    Ok(Reply::ok(&json!({"types": types})))
}

/// `POST /v1/objects`.
pub(super) fn search(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let body = call.object().unwrap_or_default();
    let type_id = body.get("object_type_id").map(text_of).filter(|id| !id.is_empty());
    let type_id = type_id.ok_or_else(|| world.app_error(400, "object_type_id is required"))?;
    let filter = body.get("filter").ok_or_else(|| world.app_error(400, "filter is required"))?;
    let filter = ObjectFilter::parse(filter, &type_id).map_err(|error| world.app_error(400, &error))?;
    let matching = world.objects.iter().filter(|object| object.type_id == type_id && filter.matches(object));
    let (objects, next) = page.cut_ascending(matching.map(|object| (object.key, object)));
    let identifiers: Vec<_> = objects.iter().map(|object| object.identifiers()).collect();
    let ids: Vec<_> = objects.iter().map(|object| &object.object_id).collect();
    Ok(Reply::ok(&json!({"identifiers": identifiers, "ids": ids, "next": next})))
}

/// `GET /v1/objects/{object_type_id}/{object_id}/attributes`.
pub(super) fn attributes(world: &mut World, call: &Call) -> Answer {
    let object = named(world, call)?;
    let (mut attributes, timestamps) = shown(&object.attributes);
    if let Value::Object(identifiers) = object.identifiers() {
        attributes.extend(identifiers);
    }
    Ok(Reply::ok(&json!({"object": {
        "identifiers": object.identifiers(),
        "object_type_id": object.type_id,
        "attributes": attributes,
        "timestamps": timestamps,
    }})))
}

/// `GET /v1/objects/{object_type_id}/{object_id}/relationships`. The vendor's schema forgets that `id` and `email`
/// of a person may be null, and its prose remembers.
pub(super) fn relationships(world: &mut World, call: &Call) -> Answer {
    let object = named(world, call)?;
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let related = world.relationships.of_object(object.key).into_iter();
    let rows = related.filter_map(|(person, one)| {
        let identifiers = world.people.get(person)?.identifiers();
        Some((one.sequence, tie(world, &object.type_id, &identifiers, one)))
    });
    let (rows, next) = page.cut_ascending(rows);
    Ok(Reply::ok(&json!({"cio_relationships": rows, "next": next})))
}

/// `GET /v1/customers/{customer_id}/relationships`.
pub(super) fn of_person(world: &mut World, call: &Call) -> Answer {
    let person = profiles::named(world, call)?.key;
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let related = world.relationships.of_person(person).into_iter();
    let rows = related.filter_map(|(object, one)| {
        let object = world.objects.get(object)?;
        Some((one.sequence, tie(world, &object.type_id, &object.identifiers(), one)))
    });
    let (rows, next) = page.cut_ascending(rows);
    Ok(Reply::ok(&json!({"cio_relationships": rows, "next": next})))
}

fn named<'a>(world: &'a World, call: &Call) -> Result<&'a Object, Reply> {
    let (type_id, text) = (call.param("object_type_id").to_owned(), call.param("object_id").to_owned());
    let name = match call.query("id_type").unwrap_or_default() {
        "" | "object_id" => ObjectName::Pair { type_id: type_id.clone(), object_id: text },
        "cio_object_id" => ObjectName::CioObjectId(text),
        _ => return Err(world.app_error(400, "id_type must be one of object_id, cio_object_id")),
    };
    let found = world.objects.find(&name).and_then(|key| world.objects.get(key));
    found.filter(|object| object.type_id == type_id).ok_or_else(|| world.not_found())
}

fn tie(world: &World, type_id: &str, other: &Value, relationship: &Relationship) -> Value {
    let (attributes, timestamps) = shown(&relationship.attributes);
    json!({
        "object_type_id": type_id,
        "object_type_disabled": world.object_type(type_id).is_some_and(|kind| !kind.enabled),
        "identifiers": other,
        "attributes": attributes,
        "timestamps": timestamps,
    })
}

/// Attributes as text, and when each was set.
fn shown(attributes: &Attributes) -> (Map<String, Value>, Map<String, Value>) {
    let values = attributes.iter().map(|(name, one)| (name.clone(), json!(text_of(&one.value)))).collect();
    let times = attributes.iter().map(|(name, one)| (name.clone(), json!(one.updated_at))).collect();
    (values, times)
}
