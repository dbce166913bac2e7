//! Track v2: one entity, or a batch of them (behaviour.md sections 2 to 4).

use serde_json::{Map, Value, json};

use super::{
    attributes,
    delivery_metrics::Report,
    devices::Device,
    entity_object,
    events::Event,
    identifiers::Identifier,
    identify::{Upsert, unix_seconds},
    merge,
    objects::ObjectName,
    relationships::{Change, Tie},
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// The vendor's limits on a body, in bytes.
const MAX_ENTITY_BYTES: usize = 32 * 1024;
const MAX_BATCH_BYTES: usize = 500 * 1024;

/// Why an entity is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    reason: &'static str,
    field: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn required(field: &str) -> Self {
        Self { reason: "required", field: field.to_owned(), message: format!("{field} is required") }
    }

    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self { reason: "invalid", field: field.to_owned(), message: message.into() }
    }

    pub(super) fn action(action: &str, kind: &str) -> Self {
        Self::invalid("action", format!("action '{action}' is not valid for {kind}"))
    }

    fn shown(&self) -> Value {
        json!({"reason": self.reason, "field": self.field, "message": self.message})
    }
}

/// `POST /api/v2/entity`.
pub(super) fn entity(world: &mut World, call: &Call) -> Answer {
    if call.body.len() > MAX_ENTITY_BYTES {
        return Err(whole(&Refusal::invalid("body", format!("body cannot be larger than {MAX_ENTITY_BYTES} bytes"))));
    }
    let body = call.json().map_err(|_| whole(&Refusal::invalid("body", "body is not valid JSON")))?;
    apply(world, &body).map_err(|refusal| whole(&refusal))?;
    Ok(Reply::accepted())
}

/// `POST /api/v2/batch`: what is valid is applied, what is not is told with its index (207).
pub(super) fn batch(world: &mut World, call: &Call) -> Answer {
    if call.body.len() > MAX_BATCH_BYTES {
        return Err(whole(&Refusal::invalid("body", format!("body cannot be larger than {MAX_BATCH_BYTES} bytes"))));
    }
    let body = call.object().ok_or_else(|| whole(&Refusal::invalid("body", "body is not a JSON object")))?;
    let items = match body.get("batch") {
        None => return Err(whole(&Refusal::required("batch"))),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(_) => return Err(whole(&Refusal::invalid("batch", "batch must be an array of at least one object"))),
    };
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let applied = if item.to_string().len() > MAX_ENTITY_BYTES {
            Err(Refusal::invalid("body", format!("an item cannot be larger than {MAX_ENTITY_BYTES} bytes")))
        } else {
            apply(world, item)
        };
        if let Err(refusal) = applied {
            let mut error = json!({"batch_index": index});
            if let (Value::Object(error), Value::Object(shown)) = (&mut error, refusal.shown()) {
                error.extend(shown);
            }
            errors.push(error);
        }
    }
    Ok(if errors.is_empty() { Reply::accepted() } else { Reply::entity_errors(207, &errors) })
}

fn whole(refusal: &Refusal) -> Reply {
    Reply::entity_errors(400, &[refusal.shown()])
}

fn apply(world: &mut World, item: &Value) -> Result<(), Refusal> {
    let item = item.as_object().ok_or_else(|| Refusal::invalid("body", "an entity must be an object"))?;
    let text = |key: &str| item.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = text("type").ok_or_else(|| Refusal::required("type"))?;
    let action = text("action").ok_or_else(|| Refusal::required("action"))?;
    match kind {
        "person" => apply_to_person(world, item, action),
        "object" => entity_object::apply(world, item, action),
        "delivery" if action == "event" => report(world, item),
        "delivery" => Err(Refusal::action(action, kind)),
        _ => Err(Refusal::invalid("type", "type must be one of person, object, delivery")),
    }
}

fn apply_to_person(world: &mut World, item: &Map<String, Value>, action: &str) -> Result<(), Refusal> {
    match action {
        "identify" => identify(world, item),
        "event" | "page" | "screen" => {
            let named = identifiers(item)?;
            let event = Event::parse(item, action, "attributes").map_err(|(field, message)| {
                if item.contains_key(field) { Refusal::invalid(field, message) } else { Refusal::required(field) }
            })?;
            world.track(&named, event);
            Ok(())
        }
        "delete" => {
            if let Some(key) = world.people.find(&identifiers(item)?) {
                world.delete_person(key);
            }
            Ok(())
        }
        "suppress" => {
            world.suppress(&identifiers(item)?);
            Ok(())
        }
        "unsuppress" => {
            world.unsuppress(&identifiers(item)?);
            Ok(())
        }
        "add_device" => {
            let named = identifiers(item)?;
            let device = Device::parse(device(item)?, "token", world.now())
                .map_err(|(field, message)| Refusal::invalid(&field, message))?;
            world.add_device(&named, device);
            Ok(())
        }
        "delete_device" => {
            let named = identifiers(item)?;
            let token = device(item)?.get("token").and_then(Value::as_str);
            let token = token.ok_or_else(|| Refusal::required("device.token"))?;
            world.delete_device(&named, token);
            Ok(())
        }
        "merge" => {
            let (primary, secondary) =
                merge::parse(item).map_err(|(field, message)| Refusal::invalid(field, message))?;
            world.merge(&primary, &secondary);
            Ok(())
        }
        _ => {
            let change = Change::from_action(action).ok_or_else(|| Refusal::action(action, "person"))?;
            let named = identifiers(item)?;
            let ties = objects(world, item)?.ok_or_else(|| Refusal::required("cio_relationships"))?;
            let person = match change {
                Change::Add => world.find_or_create(&named),
                Change::Delete => world.people.find(&named),
            };
            if let Some(person) = person {
                world.change_objects_of(person, change, &ties);
            }
            Ok(())
        }
    }
}

/// An event of a push delivery, told by the device.
fn report(world: &mut World, item: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |key: &str, inner: &str| {
        let text = item.get(key).and_then(|value| value.get(inner)).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let delivery_id = text("identifiers", "id").ok_or_else(|| Refusal::required("identifiers.id"))?;
    let name = item.get("name").and_then(Value::as_str).ok_or_else(|| Refusal::required("name"))?;
    let metric = Report::metric(name).filter(|metric| matches!(*metric, "opened" | "converted" | "delivered"));
    let metric = metric.ok_or_else(|| Refusal::invalid("name", "name must be one of opened, converted, delivered"))?;
    let token = text("attributes", "device_token").ok_or_else(|| Refusal::required("attributes.device_token"))?;
    let at = item.get("timestamp").and_then(unix_seconds);
    world.report(&Report { delivery_id, metric, at, recipient: Some(token), ..Report::default() });
    Ok(())
}

fn identify(world: &mut World, item: &Map<String, Value>) -> Result<(), Refusal> {
    let named = identifiers(item)?;
    let ties = objects(world, item)?.unwrap_or_default();
    let attributes = match item.get("attributes") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(attributes)) => attributes.clone(),
        Some(_) => return Err(Refusal::invalid("attributes", "attributes must be an object")),
    };
    attributes::check(&attributes).map_err(|message| Refusal::invalid("attributes", message))?;
    let mut upsert = Upsert::new(named, attributes, false);
    upsert.at = upsert.at.or_else(|| item.get("timestamp").and_then(unix_seconds));
    if let Some(person) = world.upsert(&upsert) {
        world.change_objects_of(person, Change::Add, &ties);
    }
    Ok(())
}

/// `cio_relationships` of a person: in v2 an array of objects.
fn objects(world: &World, item: &Map<String, Value>) -> Result<Option<Vec<Tie<ObjectName>>>, Refusal> {
    let list = item.get("cio_relationships").filter(|list| !list.is_null());
    let ties = list.map(|list| world.ties_to_objects(list)).transpose();
    ties.map_err(|error| Refusal::invalid("cio_relationships", error))
}

fn identifiers(item: &Map<String, Value>) -> Result<Identifier, Refusal> {
    match item.get("identifiers") {
        None | Some(Value::Null) => Err(Refusal::required("identifiers")),
        Some(Value::Object(object)) => {
            Identifier::from_object(object).map_err(|message| Refusal::invalid("identifiers", message))
        }
        Some(_) => Err(Refusal::invalid("identifiers", "identifiers must be an object")),
    }
}

fn device(item: &Map<String, Value>) -> Result<&Map<String, Value>, Refusal> {
    item.get("device").and_then(Value::as_object).ok_or_else(|| Refusal::required("device"))
}
