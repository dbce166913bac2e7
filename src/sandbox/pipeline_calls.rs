//! What a Pipelines call does once it is through the door: the workspace is the pipeline's destination.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    anonymous::ANONYMOUS_ID,
    attributes::{self, text_of},
    delivery_metrics::Report,
    devices::Device,
    events::Event,
    identifiers::{Identifier, MAX_IDENTIFIER_BYTES},
    identify::Upsert,
    objects::ObjectName,
    world::World,
};
use crate::clock::Clock;

/// Why a call was dropped.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is not what the description asks for: strict mode answers 400.
    Invalid(String),
    /// The workspace has no place for it.
    Undelivered(String),
}

impl Problem {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    pub(super) fn text(&self) -> &str {
        let (Self::Invalid(why) | Self::Undelivered(why)) = self;
        why
    }
}

/// What all calls have.
struct Common<'a> {
    call: &'a Map<String, Value>,
    user: Option<Identifier>,
    anonymous_id: Option<String>,
    /// Unix seconds.
    at: Option<i64>,
}

/// Applies one call.
pub(super) fn apply(world: &mut World, kind: &str, call: &Map<String, Value>) -> Result<(), Problem> {
    let user = identifier(call, "userId")?.map(|id| Identifier::from_shape(&id));
    let common = Common { call, user, anonymous_id: identifier(call, "anonymousId")?, at: timestamp(call)? };
    let goes_elsewhere = is_switched_off(call.get("integrations"));
    match kind {
        _ if goes_elsewhere => Ok(()),
        "identify" => identify(world, &common),
        "track" => track(world, &common),
        "page" | "screen" => view(world, &common, kind),
        "group" => group(world, &common),
        "alias" => alias(world, &common),
        _ => Err(Problem::invalid("type must be one of identify, track, page, screen, group, alias")),
    }
}

/// An identifier: text, or a number taken for the text that spells it.
fn identifier(call: &Map<String, Value>, key: &str) -> Result<Option<String>, Problem> {
    match call.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ (Value::String(_) | Value::Number(_))) => match text_of(value) {
            text if text.len() > MAX_IDENTIFIER_BYTES => {
                Err(Problem::invalid(format!("{key} cannot be longer than {MAX_IDENTIFIER_BYTES} bytes")))
            }
            text => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        },
        Some(_) => Err(Problem::invalid(format!("{key} must be a string"))),
    }
}

fn timestamp(call: &Map<String, Value>) -> Result<Option<i64>, Problem> {
    match call.get("timestamp") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => iso_seconds(value).map(Some).ok_or_else(|| Problem::invalid("timestamp must be ISO 8601")),
    }
}

fn iso_seconds(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Whether `integrations` keeps a call from the workspace.
fn is_switched_off(integrations: Option<&Value>) -> bool {
    let chosen = |name: &str| integrations.and_then(|all| all.get(name)).and_then(Value::as_bool);
    chosen("Customer.io").or_else(|| chosen("All")) == Some(false)
}

fn object<'a>(call: &'a Map<String, Value>, key: &str) -> Result<Option<&'a Map<String, Value>>, Problem> {
    match call.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Problem::invalid(format!("{key} must be an object"))),
    }
}

fn given(object: Option<&Map<String, Value>>, key: &str) -> Option<String> {
    object?.get(key).map(text_of).filter(|text| !text.trim().is_empty())
}

impl Common<'_> {
    fn somebody(&self) -> Result<(), Problem> {
        match (&self.user, &self.anonymous_id) {
            (None, None) => Err(Problem::invalid("userId or anonymousId is required")),
            _ => Ok(()),
        }
    }

    fn user(&self) -> Result<&Identifier, Problem> {
        self.user.as_ref().ok_or_else(|| Problem::invalid("userId is required"))
    }
}

fn identify(world: &mut World, common: &Common) -> Result<(), Problem> {
    let mut traits = object(common.call, "traits")?.cloned().unwrap_or_default();
    let email = given(Some(&traits), "email").map(Identifier::Email);
    if email.is_none() {
        common.somebody()?;
    }
    if let Some(created) = traits.shift_remove("createdAt") {
        let seconds = iso_seconds(&created).map_or(created, |seconds| json!(seconds));
        traits.insert("created_at".to_owned(), seconds);
    }
    attributes::check(&traits).map_err(Problem::invalid)?;
    // Traits of nobody in particular have no profile to go to.
    let Some(named) = common.user.clone().or(email) else { return Ok(()) };
    if let Some(anonymous_id) = &common.anonymous_id {
        traits.insert(ANONYMOUS_ID.to_owned(), json!(anonymous_id));
    }
    let mut upsert = Upsert::new(named, traits, true);
    upsert.at = common.at;
    world.upsert(&upsert);
    Ok(())
}

fn track(world: &mut World, common: &Common) -> Result<(), Problem> {
    let name = given(Some(common.call), "event").ok_or_else(|| Problem::invalid("event is required"))?;
    let properties = object(common.call, "properties")?;
    let device = object(common.call, "context")?.and_then(|context| context.get("device")).and_then(Value::as_object);
    match name.as_str() {
        "User Deleted" => {
            if let Some(key) = world.people.find(common.user()?) {
                world.delete_person(key);
            }
            Ok(())
        }
        "User Suppressed" => {
            world.suppress(common.user()?);
            Ok(())
        }
        "User Unsuppressed" => {
            world.unsuppress(common.user()?);
            Ok(())
        }
        "Device Created or Updated" => {
            let user = common.user()?.clone();
            let device = parse_device(device, properties, common.at.unwrap_or_else(|| world.now()))?;
            world.add_device(&user, device);
            Ok(())
        }
        "Device Deleted" => {
            let token = given(device, "token").ok_or_else(|| Problem::invalid("context.device.token is required"))?;
            world.delete_device(common.user()?, &token);
            Ok(())
        }
        "Relationship Deleted" => {
            let user = common.user()?;
            let found = (world.people.find(user), world.objects.find(&named_object(properties)?));
            if let (Some(person), Some(object)) = found {
                world.unrelate(person, object);
            }
            Ok(())
        }
        "Object Deleted" => {
            if let Some(object) = world.objects.find(&named_object(properties)?) {
                world.delete_object(object);
            }
            Ok(())
        }
        "Report Delivery Event" => report(world, properties, common.at),
        // Content in an app is nothing the workspace keeps.
        "Report Content Event" => Ok(()),
        _ => {
            if given(Some(common.call), "groupId").is_none() {
                common.somebody()?;
            }
            record(world, common, "event", &name, properties)
        }
    }
}

fn parse_device(
    device: Option<&Map<String, Value>>,
    properties: Option<&Map<String, Value>>,
    at: i64,
) -> Result<Device, Problem> {
    let device = device.ok_or_else(|| Problem::invalid("context.device is required"))?;
    let own = ["token", "type", "id"];
    let others = device.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let attributes: Map<_, _> =
        others.chain(properties.into_iter().flatten()).map(|(name, value)| (name.clone(), value.clone())).collect();
    let parsed = json!({
        "token": given(Some(device), "token"),
        "platform": given(Some(device), "type").map(|kind| kind.to_lowercase()),
        "last_used": at,
        "attributes": attributes,
    });
    let parsed = parsed.as_object().cloned().unwrap_or_default();
    Device::parse(&parsed, "token", at).map_err(|(_, why)| Problem::invalid(why))
}

fn named_object(properties: Option<&Map<String, Value>>) -> Result<ObjectName, Problem> {
    let object_id = given(properties, "objectId").ok_or_else(|| Problem::invalid("properties.objectId is required"))?;
    Ok(ObjectName::Pair { type_id: given(properties, "objectTypeId").unwrap_or_else(|| "1".to_owned()), object_id })
}

fn report(world: &mut World, properties: Option<&Map<String, Value>>, at: Option<i64>) -> Result<(), Problem> {
    let required = |key: &str| given(properties, key).ok_or_else(|| Problem::invalid(format!("{key} is required")));
    let delivery_id = required("deliveryId")?;
    let metric = Report::metric(&required("metric")?).ok_or_else(|| Problem::invalid("metric is not a metric"))?;
    world.report(&Report {
        delivery_id,
        metric,
        at,
        reason: given(properties, "reason"),
        href: given(properties, "href"),
        recipient: given(properties, "recipient"),
    });
    Ok(())
}

/// A page or a screen. Without a name a page is called by its address.
fn view(world: &mut World, common: &Common, kind: &str) -> Result<(), Problem> {
    common.somebody()?;
    let properties = object(common.call, "properties")?;
    let name = given(Some(common.call), "name").or_else(|| given(properties, "name"));
    let name = name.or_else(|| given(properties, "url")).unwrap_or_else(|| kind.to_owned());
    record(world, common, kind, &name, properties)
}

/// An event of a person or of an anonymous id; a `messageId` seen before is ignored.
fn record(
    world: &mut World,
    common: &Common,
    kind: &str,
    name: &str,
    properties: Option<&Map<String, Value>>,
) -> Result<(), Problem> {
    let body = json!({"name": name, "data": properties, "timestamp": common.at});
    let body = body.as_object().cloned().unwrap_or_default();
    let event = Event::parse(&body, kind, "data").map_err(|(_, why)| Problem::invalid(why))?;
    let now_ms = world.clock.now_ms();
    if let Some(id) = given(Some(common.call), "messageId")
        && !world.seen_events.is_new(&format!("message {id}"), now_ms)
    {
        return Ok(());
    }
    match (&common.user, &common.anonymous_id) {
        (Some(user), _) => world.track(user, event),
        (None, Some(anonymous_id)) => world.track_anonymous(Some(anonymous_id), event),
        (None, None) => return Err(Problem::Undelivered("an event of a group alone is nobody's".to_owned())),
    }
    Ok(())
}

/// A group is an object; whoever calls is related to it.
fn group(world: &mut World, common: &Common) -> Result<(), Problem> {
    common.somebody()?;
    let object_id = identifier(common.call, "groupId")?.ok_or_else(|| Problem::invalid("groupId is required"))?;
    let mut traits = object(common.call, "traits")?.cloned().unwrap_or_default();
    let relationship = object(&traits, "relationshipAttributes")?.cloned().unwrap_or_default();
    traits.shift_remove("relationshipAttributes");
    let in_traits = ["object_type_id", "objectTypeId"].map(|key| traits.shift_remove(key));
    let given_type = in_traits.into_iter().flatten().map(|value| text_of(&value)).find(|id| !id.is_empty());
    let type_id = given_type.or_else(|| given(Some(common.call), "objectTypeId")).unwrap_or_else(|| "1".to_owned());
    for given in [&traits, &relationship] {
        attributes::check_sizes(given).map_err(Problem::invalid)?;
    }
    let name = ObjectName::Pair { type_id, object_id };
    world.check_object_type(&name).map_err(Problem::Undelivered)?;
    let Some(object) = world.identify_object(&name, &traits, common.at) else { return Ok(()) };
    match (&common.user, &common.anonymous_id) {
        (Some(user), _) => {
            if let Some(person) = world.find_or_create(user) {
                world.relate(person, object, &relationship);
            }
        }
        (None, Some(anonymous_id)) => world.relate_anonymous(anonymous_id, object, relationship),
        (None, None) => {}
    }
    Ok(())
}

/// Makes a previous identity part of the user's: a person is merged, an anonymous id is given to the user.
fn alias(world: &mut World, common: &Common) -> Result<(), Problem> {
    let user = common.user()?;
    let previous = identifier(common.call, "previousId")?.ok_or_else(|| Problem::invalid("previousId is required"))?;
    let secondary = Identifier::from_shape(&previous);
    if world.people.find(&secondary).is_some() {
        world.merge(user, &secondary);
    } else if let Some(key) = world.people.find(user)
        && !world.anonymous.is_of_another(&previous, key)
    {
        world.adopt(key, &previous);
    }
    Ok(())
}
