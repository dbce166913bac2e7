//! Merging two people into one (behaviour.md section 3).

use serde_json::{Map, Value, json};

use super::{
    attributes::removes,
    identifiers::Identifier,
    profiles::track_object,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// How far back the secondary's events come along.
const EVENT_HISTORY_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Reads `{"primary":{…},"secondary":{…}}`. The error names the field.
pub(super) fn parse(body: &Map<String, Value>) -> Result<(Identifier, Identifier), (&'static str, String)> {
    let side = |field: &'static str| match body.get(field) {
        Some(Value::Object(object)) => {
            Identifier::from_object(object).map_err(|error| (field, format!("{field}: {error}")))
        }
        _ => Err((field, format!("{field} must be an object with one identifier"))),
    };
    let primary = side("primary")?;
    Ok((primary, side("secondary")?))
}

impl World {
    /// Copies what the primary lacks and deletes the secondary. Nothing happens unless both exist and differ.
    pub(super) fn merge(&mut self, primary: &Identifier, secondary: &Identifier) {
        let (Some(to), Some(from)) = (self.people.find(primary), self.people.find(secondary)) else { return };
        if to == from {
            return;
        }
        for segment in self.segments.values_mut() {
            segment.hand_over(from, to);
        }
        self.activities.move_events(from, to, self.now() - EVENT_HISTORY_SECONDS);
        self.deliveries.hand_over(from, to);
        self.anonymous.hand_over(from, to);
        self.relationships.hand_over(from, to);
        self.optouts.hand_over(from, to);
        let Some(gone) = self.people.remove(from) else { return };
        self.activities.remember_identifiers(from, &gone.identifiers());
        let now = self.now();
        let lacks = |world: &Self, name: &str| {
            world.people.get(to).and_then(|person| person.text(name)).is_none_or(|text| text.is_empty())
        };
        for (kind, value) in [("id", gone.id()), ("email", gone.email())] {
            let identifier = value.and_then(|value| Identifier::from_id_type(value, Some(kind)));
            if let Some(identifier) = identifier.filter(|_| lacks(self, kind)) {
                self.people.set_identifier(to, &identifier, now);
            }
        }
        for (name, attribute) in &gone.attributes {
            let is_identifier = matches!(name.as_str(), "id" | "email" | "cio_id");
            if !is_identifier
                && !removes(&attribute.value)
                && lacks(self, name)
                && let Some(person) = self.people.get_mut(to)
            {
                person.attributes.insert(name.clone(), attribute.clone());
            }
        }
        if let Some(person) = self.people.get_mut(to) {
            person.devices.extend(gone.devices.iter().cloned());
        }
        self.record_for(to, "profile_merge", json!({"secondary": gone.identifiers()}));
    }
}

/// `POST /api/v1/merge_customers`.
pub(super) fn merge(world: &mut World, call: &Call) -> Answer {
    let body = track_object(call).map_err(|error| Reply::meta_error(400, &error))?;
    let (primary, secondary) = parse(&body).map_err(|(_, error)| Reply::meta_error(400, &error))?;
    world.merge(&primary, &secondary);
    Ok(Reply::accepted())
}
