//! Reading people through the App API, and identifying, suppressing and deleting them through Track v1.

use serde_json::{Map, Value, json};

use super::{
    attributes::{self, PREFERENCES, text_of},
    filter::Filter,
    identifiers::{Identifier, MAX_IDENTIFIER_BYTES},
    identify::Upsert,
    objects::ObjectName,
    page::Page,
    people::Person,
    relationships::{Change, Tie},
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;
/// `POST /v1/customers/attributes` takes this many ids at most.
const MAX_IDS: usize = 100;

/// The identifier in a Track v1 path. Which envelope a refusal wears is the caller's to know.
pub(super) fn path_identifier(call: &Call) -> Result<Identifier, String> {
    let text = call.param("identifier");
    if text.len() > MAX_IDENTIFIER_BYTES {
        return Err(format!("id attribute cannot be longer than {MAX_IDENTIFIER_BYTES} bytes"));
    }
    Ok(Identifier::from_shape(text))
}

/// The body of a Track v1 call, which must be an object.
pub(super) fn track_object(call: &Call) -> Result<Map<String, Value>, String> {
    call.object().ok_or_else(|| "malformed JSON: the body must be an object".to_owned())
}

/// `PUT /api/v1/customers/{identifier}`.
pub(super) fn identify(world: &mut World, call: &Call) -> Answer {
    let refuse = |error: String| Reply::meta_error(400, &error);
    let named = path_identifier(call).map_err(refuse)?;
    let mut attributes = track_object(call).map_err(refuse)?;
    let (change, ties) = match attributes.shift_remove("cio_relationships") {
        Some(given) if !given.is_null() => relationships(world, &given).map_err(refuse)?,
        _ => (Change::Add, Vec::new()),
    };
    attributes::check(&attributes).map_err(refuse)?;
    if let Some(person) = world.upsert(&Upsert::new(named, attributes, true)) {
        world.change_objects_of(person, change, &ties);
    }
    Ok(Reply::accepted())
}

/// `cio_relationships` of a v1 identify: an object with an action, where v2 has an array.
fn relationships(world: &World, given: &Value) -> Result<(Change, Vec<Tie<ObjectName>>), String> {
    let action = given.get("action").and_then(Value::as_str).and_then(Change::from_action);
    let list = given.get("relationships").filter(|_| given.is_object());
    let (Some(action), Some(list)) = (action, list) else {
        return Err("cio_relationships must be an object with action and relationships".to_owned());
    };
    Ok((action, world.ties_to_objects(list)?))
}

/// `DELETE /api/v1/customers/{identifier}`: 200 also for nobody.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    if let Some(key) = world.people.find(&path_identifier(call).map_err(Reply::meta_errors)?) {
        world.delete_person(key);
    }
    Ok(Reply::accepted())
}

/// The person an App path names, by `id_type`.
pub(super) fn named<'a>(world: &'a World, call: &Call) -> Result<&'a Person, Reply> {
    let identifier = Identifier::from_id_type(call.param("customer_id"), call.query("id_type"))
        .ok_or_else(|| world.app_error(400, "id_type must be one of id, email, cio_id"))?;
    let key = world.people.find(&identifier).ok_or_else(|| world.not_found())?;
    world.people.get(key).ok_or_else(|| world.not_found())
}

/// `GET /v1/customers?email=`.
pub(super) fn by_email(world: &mut World, call: &Call) -> Answer {
    let email = call.query("email").ok_or_else(|| world.app_error(400, "email is required"))?.to_owned();
    let found = world.people.find(&Identifier::Email(email)).and_then(|key| world.people.get(key));
    let results: Vec<_> = found.into_iter().map(Person::identifiers).collect();
    Ok(Reply::ok(&json!({"results": results})))
}

/// `POST /v1/customers {"filter": …}`.
pub(super) fn search(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let body = call.object().unwrap_or_default();
    let filter = body.get("filter").ok_or_else(|| world.app_error(400, "filter is required"))?;
    let filter = Filter::parse(filter).map_err(|error| world.app_error(400, &error))?;
    let matching = world.people.iter().filter(|person| filter.matches(world, person));
    let (people, next) = page.cut_ascending(matching.map(|person| (person.key, person)));
    Ok(Reply::ok(&listed(&people, &next)))
}

/// `{"identifiers":[…],"ids":[…],"next":…}`; `ids` has "" for people without an id.
pub(super) fn listed(people: &[&Person], next: &str) -> Value {
    let identifiers: Vec<_> = people.iter().map(|person| person.identifiers()).collect();
    let ids: Vec<_> = people.iter().map(|person| person.id().unwrap_or_default()).collect();
    json!({"identifiers": identifiers, "ids": ids, "next": next})
}

/// `GET /v1/customers/{customer_id}/attributes`.
pub(super) fn attributes(world: &mut World, call: &Call) -> Answer {
    let person = named(world, call)?;
    Ok(Reply::ok(&json!({"customer": shown(world, person)})))
}

/// `POST /v1/customers/attributes`: up to 100 people; those who do not exist are left out.
pub(super) fn attributes_of_many(world: &mut World, call: &Call) -> Answer {
    let body = call.object().unwrap_or_default();
    let ids = body.get("ids").and_then(Value::as_array).ok_or_else(|| world.app_error(400, "ids is required"))?;
    if ids.is_empty() || ids.len() > MAX_IDS {
        return Err(world.app_error(400, &format!("ids must hold 1 to {MAX_IDS} entries")));
    }
    let id_type = call.query("id_type").or_else(|| body.get("id_type").and_then(Value::as_str));
    if Identifier::from_id_type("", id_type).is_none() {
        return Err(world.app_error(400, "id_type must be one of id, email, cio_id"));
    }
    let customers: Vec<_> = ids
        .iter()
        .filter_map(|id| Identifier::from_id_type(&text_of(id), id_type))
        .filter_map(|identifier| world.people.get(world.people.find(&identifier)?))
        .map(|person| json!({"customer": shown(world, person)}))
        .collect();
    Ok(Reply::ok(&json!({"customers": customers})))
}

/// `GET /v1/customers/{customer_id}/segments`. Here the vendor writes segment ids as strings.
pub(super) fn segments(world: &mut World, call: &Call) -> Answer {
    let person = named(world, call)?;
    let segments: Vec<_> = world
        .segments
        .values()
        .filter(|segment| world.is_member(segment, person))
        .map(|segment| json!({"id": segment.id.to_string(), "name": segment.name, "description": segment.description}))
        .collect();
    Ok(Reply::ok(&json!({"segments": segments})))
}

/// A person as the App API shows one: every attribute as text.
fn shown(world: &World, person: &Person) -> Value {
    let mut attributes = Map::new();
    let mut timestamps = Map::new();
    for (name, attribute) in &person.attributes {
        attributes.insert(name.clone(), json!(text_of(&attribute.value)));
        timestamps.insert(name.clone(), json!(attribute.updated_at));
    }
    if let Some(preferences) = person.attributes.get(PREFERENCES) {
        let computed = format!("_{PREFERENCES}_computed");
        attributes.insert(computed.clone(), json!(world.computed_preferences(&preferences.value).to_string()));
        timestamps.insert(computed, json!(0));
    }
    let devices: Vec<_> = person.devices.iter().map(super::devices::Device::shown).collect();
    json!({
        "id": person.id(),
        "identifiers": person.identifiers(),
        "attributes": attributes,
        "timestamps": timestamps,
        "unsubscribed": person.is_unsubscribed(),
        "devices": devices,
    })
}

impl World {
    /// Preferences with the topics left out filled in from their defaults.
    fn computed_preferences(&self, preferences: &Value) -> Value {
        let mut topics = Map::new();
        for topic in &self.topics {
            let name = topic.identifier();
            let chosen = preferences["topics"].get(&name).cloned();
            topics.insert(name, chosen.unwrap_or_else(|| json!(topic.subscribed_by_default)));
        }
        let mut computed = preferences.clone();
        if let Value::Object(computed) = &mut computed {
            computed.insert("topics".to_owned(), Value::Object(topics));
        }
        computed
    }
}
