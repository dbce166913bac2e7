//! Devices of people, for push messages (behaviour.md section 3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    attributes::text_of,
    identifiers::Identifier,
    identify::unix_seconds,
    people::PersonKey,
    profiles::{path_identifier, track_object},
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// One device; its attributes are strings.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) token: String,
    pub(super) platform: String,
    /// Unix seconds.
    pub(super) last_used: i64,
    attributes: BTreeMap<String, String>,
}

impl Device {
    /// Reads a device; `token_key` is what its token is called: `id` in v1, `token` in v2. The error names the field.
    pub(super) fn parse(device: &Map<String, Value>, token_key: &str, now: i64) -> Result<Self, (String, String)> {
        let text = |key: &str| device.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let invalid = |key: &str, what: &str| Err((format!("device.{key}"), format!("device {key} {what}")));
        let Some(token) = text(token_key) else { return invalid(token_key, "must be present") };
        let Some(platform @ ("ios" | "android")) = text("platform") else {
            return invalid("platform", "must be ios or android");
        };
        let attributes = match device.get("attributes") {
            Some(Value::Object(attributes)) => {
                attributes.iter().map(|(name, value)| (name.clone(), text_of(value))).collect()
            }
            None | Some(Value::Null) => BTreeMap::new(),
            Some(_) => return invalid("attributes", "must be an object"),
        };
        let last_used = device.get("last_used").and_then(unix_seconds).unwrap_or(now);
        Ok(Self { token: token.to_owned(), platform: platform.to_owned(), last_used, attributes })
    }

    /// The device as the App API shows it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.token,
            "last_used": self.last_used,
            "platform": self.platform,
            "attributes": self.attributes,
        })
    }
}

impl World {
    /// Adds a device or renews it. A token belongs to one person: it leaves whoever had it.
    pub(super) fn add_device(&mut self, named: &Identifier, device: Device) {
        let Some(key) = self.find_or_create(named) else { return };
        let elsewhere: Vec<PersonKey> = self.people.iter().map(|person| person.key).filter(|k| *k != key).collect();
        for other in elsewhere {
            if let Some(person) = self.people.get_mut(other) {
                person.devices.retain(|have| have.token != device.token);
            }
        }
        let data = device.shown();
        if let Some(person) = self.people.get_mut(key) {
            person.devices.retain(|have| have.token != device.token);
            person.devices.push(device);
        }
        self.record_for(key, "device_change", data);
    }

    pub(super) fn delete_device(&mut self, named: &Identifier, token: &str) {
        let Some(key) = self.people.find(named) else { return };
        let Some(person) = self.people.get_mut(key) else { return };
        let before = person.devices.len();
        person.devices.retain(|device| device.token != token);
        if person.devices.len() != before {
            self.record_for(key, "device_change", json!({"id": token, "deleted": true}));
        }
    }
}

/// `PUT /api/v1/customers/{identifier}/devices`.
pub(super) fn add(world: &mut World, call: &Call) -> Answer {
    let named = path_identifier(call).map_err(Reply::meta_errors)?;
    let body = track_object(call).map_err(Reply::meta_errors)?;
    let Some(Value::Object(device)) = body.get("device") else {
        return Err(Reply::meta_errors("device must be an object"));
    };
    let device = Device::parse(device, "id", world.now()).map_err(|(_, error)| Reply::meta_errors(error))?;
    world.add_device(&named, device);
    Ok(Reply::accepted())
}

/// `DELETE /api/v1/customers/{identifier}/devices/{device_id}`: 200 also for what does not exist.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    world.delete_device(&path_identifier(call).map_err(Reply::meta_errors)?, call.param("device_id"));
    Ok(Reply::accepted())
}
