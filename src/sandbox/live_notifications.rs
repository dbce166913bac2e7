//! Live notifications: one that stays on a phone's lock screen and is updated until it ends (behaviour.md section 7).
//!
//! What a phone shows is not imitated. What the API tells of one is: that it began, on which device, that it ended or
//! expired, or why it never showed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    identifiers::Identifier,
    ids,
    people::Person,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::clock::Clock;

/// From accepted to shown, in milliseconds.
const SHOWN_AFTER_MS: i64 = 1000;
const LONGEST_SECONDS: i64 = 6 * 60 * 60;
const PLATFORMS: [&str; 2] = ["ios", "android"];

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct LiveNotification {
    notification_type: String,
    /// Empty when there is no device.
    platform: String,
    content_state: Value,
    attributes: Value,
    /// Why it never showed.
    failure: Option<&'static str>,
    started_ms: i64,
    /// Unix seconds.
    ended_at: Option<i64>,
    expires_at: i64,
    last: Operation,
}

/// What was done to it last.
#[derive(Debug, Clone)]
struct Operation {
    id: String,
    name: &'static str,
    at_ms: i64,
}

/// All of them, by instance id.
pub(super) type LiveNotifications = BTreeMap<String, LiveNotification>;

impl LiveNotification {
    fn state(&self, now: i64) -> &'static str {
        match (self.failure, self.ended_at) {
            (Some(_), _) => "failed",
            (None, Some(_)) => "ended",
            (None, None) if now >= self.expires_at => "expired",
            (None, None) => "active",
        }
    }

    fn shown(&self, instance_id: &str, now_ms: i64) -> Value {
        let is_shown = now_ms >= self.last.at_ms + SHOWN_AFTER_MS;
        let status = match (self.failure, is_shown) {
            (Some(_), _) => "undeliverable",
            (None, true) => "sent",
            (None, false) => "queued",
        };
        let mut shown = json!({
            "instance_id": instance_id,
            "notification_type": self.notification_type,
            "state": self.state(now_ms / 1000),
            "started_at": self.started_ms / 1000,
            "expires_at": self.expires_at,
            "last_delivery": {
                "id": self.last.id,
                "created_at": self.last.at_ms / 1000,
                "operation": self.last.name,
                "source": "api",
                "status": status,
            },
        });
        if !self.platform.is_empty() {
            shown["platform"] = json!(self.platform);
        }
        if let Some(at) = self.ended_at {
            shown["ended_at"] = json!(at);
        }
        if let Some(failure) = self.failure {
            shown["failure_reason"] = json!(failure);
        }
        shown
    }
}

impl World {
    fn live_notification_body(&self, call: &Call) -> Result<Map<String, Value>, Reply> {
        if !self.workspace.live_notifications {
            return Err(self.app_error(404, "live notifications are not enabled for this workspace"));
        }
        let body = self.object(call)?;
        match alert_fault(&body) {
            Some(fault) => Err(self.app_error(400, fault)),
            None => Ok(body),
        }
    }

    fn operation(&self, name: &'static str) -> Operation {
        Operation { id: ids::delivery_id(&*self.clock), name, at_ms: self.clock.now_ms() }
    }

    /// The one a body names, if it still goes on.
    fn going_on(&mut self, body: &Map<String, Value>) -> Result<(String, &mut LiveNotification), Reply> {
        let id = text(body, "instance_id").ok_or_else(|| self.app_error(400, "instance_id is required"))?;
        if !ids::is_ulid(&id) {
            return Err(self.app_error(400, "instance_id must be a ULID"));
        }
        let now = self.now();
        match self.live_notifications.get(&id).map(|one| one.state(now)) {
            None => return Err(self.not_found()),
            Some("active") => {}
            Some(state) => return Err(self.app_error(400, &format!("the live notification has {state}"))),
        }
        let missing = self.not_found();
        Ok((id.clone(), self.live_notifications.get_mut(&id).ok_or(missing)?))
    }
}

fn text(body: &Map<String, Value>, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn object(body: &Map<String, Value>, key: &str) -> Result<Option<Value>, String> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Object(_)) => Ok(Some(value.clone())),
        Some(_) => Err(format!("{key} must be an object")),
    }
}

/// An alert has a title and a body.
fn alert_fault(body: &Map<String, Value>) -> Option<&'static str> {
    let payload = body.get("push_payload").filter(|payload| !payload.is_null())?;
    if !payload.is_object() {
        return Some("push_payload must be an object");
    }
    let alert = payload.get("alert").filter(|alert| !alert.is_null())?;
    let is_whole = ["title", "body"].iter().all(|key| alert[*key].is_string());
    (!is_whole).then_some("push_payload.alert takes a title and a body")
}

/// The person, by exactly one identifier. The internal id is called `internal` here, and a phone number is looked up
/// among the attributes.
fn addressee<'a>(world: &'a World, body: &Map<String, Value>) -> Result<Option<&'a Person>, String> {
    let rule = "identifiers takes exactly one of id, email, phone, internal";
    let identifiers = body.get("identifiers").and_then(Value::as_object).ok_or(rule)?;
    let [(kind, value)] = identifiers.iter().collect::<Vec<_>>()[..] else { return Err(rule.to_owned()) };
    let value = value.as_str().filter(|value| !value.is_empty()).ok_or(rule)?;
    let named = match kind.as_str() {
        "id" => Identifier::Id(value.to_owned()),
        "email" => Identifier::Email(value.to_owned()),
        "internal" => Identifier::CioId(value.strip_prefix("cio_").unwrap_or(value).to_owned()),
        "phone" => return Ok(world.people.iter().find(|person| person.text("phone").as_deref() == Some(value))),
        _ => return Err(rule.to_owned()),
    };
    Ok(world.people.find(&named).and_then(|key| world.people.get(key)))
}

/// The platform of the device it shows on, or why there is none.
fn device(person: Option<&Person>, body: &Map<String, Value>) -> Result<String, &'static str> {
    let person = person.ok_or("the person does not exist")?;
    let (platform, token) = (text(body, "platform"), text(body, "device_id"));
    let fits = person
        .devices
        .iter()
        .filter(|device| platform.as_ref().is_none_or(|platform| *platform == device.platform))
        .filter(|device| token.as_ref().is_none_or(|token| *token == device.token));
    let device = fits.max_by_key(|device| device.last_used).ok_or("the person has no such device")?;
    Ok(device.platform.clone())
}

fn parse(world: &World, body: &Map<String, Value>) -> Result<LiveNotification, String> {
    let notification_type = text(body, "notification_type").ok_or("notification_type is required")?;
    let attributes = object(body, "attributes")?.ok_or("attributes is required")?;
    let content_state = object(body, "content_state")?.ok_or("content_state is required")?;
    if text(body, "platform").is_some_and(|platform| !PLATFORMS.contains(&platform.as_str())) {
        return Err(format!("platform must be one of {}", PLATFORMS.join(", ")));
    }
    let now = world.now();
    let expires_at = match body.get("expiration") {
        None | Some(Value::Null) => now + LONGEST_SECONDS,
        Some(given) => match given.as_i64().ok_or("expiration must be Unix seconds")? {
            0 => now + LONGEST_SECONDS,
            at if at <= now || at > now + LONGEST_SECONDS => {
                return Err("expiration must be within 6 hours from now".to_owned());
            }
            at => at,
        },
    };
    let device = device(addressee(world, body)?, body);
    Ok(LiveNotification {
        notification_type,
        platform: device.clone().unwrap_or_default(),
        content_state,
        attributes,
        failure: device.err(),
        started_ms: world.clock.now_ms(),
        ended_at: None,
        expires_at,
        last: world.operation("start"),
    })
}

fn accepted(instance_id: &str) -> Answer {
    Ok(Reply::ok(&json!({"instance_id": instance_id})))
}

/// `POST /v1/live_notifications/start`.
pub(super) fn start(world: &mut World, call: &Call) -> Answer {
    let body = world.live_notification_body(call)?;
    let started = parse(world, &body).map_err(|fault| world.app_error(400, &fault))?;
    let id = ids::ulid(&*world.clock);
    world.live_notifications.insert(id.clone(), started);
    accepted(&id)
}

/// `POST /v1/live_notifications/update`: a whole new state, never a part of one.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let body = world.live_notification_body(call)?;
    let parts = (object(&body, "content_state"), object(&body, "attributes"));
    let (content_state, attributes) = match parts {
        (Ok(Some(content_state)), Ok(attributes)) => (content_state, attributes),
        (Ok(None), _) => return Err(world.app_error(400, "content_state is required")),
        (Err(fault), _) | (_, Err(fault)) => return Err(world.app_error(400, &fault)),
    };
    let last = world.operation("update");
    let (id, one) = world.going_on(&body)?;
    one.content_state = content_state;
    one.attributes = attributes.unwrap_or_else(|| one.attributes.take());
    one.last = last;
    accepted(&id)
}

/// `POST /v1/live_notifications/end`, with a last state if one is given.
pub(super) fn end(world: &mut World, call: &Call) -> Answer {
    let body = world.live_notification_body(call)?;
    let content_state = object(&body, "content_state").map_err(|fault| world.app_error(400, &fault))?;
    let (last, now) = (world.operation("end"), world.now());
    let (id, one) = world.going_on(&body)?;
    one.content_state = content_state.unwrap_or_else(|| one.content_state.take());
    one.ended_at = Some(now);
    one.last = last;
    accepted(&id)
}

/// `GET /v1/live_notifications/{instance_id}`: 404 until it was processed.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    let id = call.param("instance_id");
    if !ids::is_ulid(id) {
        return Err(world.app_error(400, "instance_id must be a ULID"));
    }
    let now_ms = world.clock.now_ms();
    let one = world.live_notifications.get(id).filter(|one| now_ms >= one.started_ms + SHOWN_AFTER_MS);
    let one = one.filter(|_| world.workspace.live_notifications).ok_or_else(|| world.not_found())?;
    Ok(Reply::ok(&one.shown(id, now_ms)))
}
