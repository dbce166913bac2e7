//! Objects: what is not a person but people belong to, by type (behaviour.md section 3).

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    activities::Entry,
    attributes::{self, Attribute, Attributes, MAX_ATTRIBUTES, removes, text_of},
    identifiers::MAX_IDENTIFIER_BYTES,
    world::World,
};

/// All attributes of one object, or of one relationship, in bytes of UTF-8.
const MAX_TOTAL_BYTES: usize = 100 * 1024;
/// Names an object's attributes cannot have.
const RESERVED: [&str; 5] = ["cio_object_id", "object_id", "objectId", "relationship", "_relationship"];

/// An object's place in the order of creation; never used again after a deletion.
pub(super) type ObjectKey = u64;

/// A kind of object. Made in the vendor's interface alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectType {
    /// A number from 1, as text.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) singular_name: String,
    /// What Liquid calls them, as in `objects.<slug>[0].name`.
    pub(super) slug: String,
    pub(super) singular_slug: String,
    #[serde(default)]
    icon: String,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
}

fn yes() -> bool {
    true
}

impl ObjectType {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "singular_name": self.singular_name,
            "slug": self.slug,
            "singular_slug": self.singular_slug,
            "icon": self.icon,
            "enabled": self.enabled,
        })
    }
}

/// How a call names an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ObjectName {
    /// Its type and its id there.
    Pair { type_id: String, object_id: String },
    /// What the platform calls it, for ever.
    CioObjectId(String),
}

impl ObjectName {
    /// Reads `{object_type_id, object_id}` or `{cio_object_id}`.
    pub(super) fn from_object(object: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| match object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ (Value::String(_) | Value::Number(_))) => match text_of(value) {
                text if text.is_empty() => Err(format!("{key} cannot be an empty string")),
                text if text.len() > MAX_IDENTIFIER_BYTES => {
                    Err(format!("{key} cannot be longer than {MAX_IDENTIFIER_BYTES} bytes"))
                }
                text => Ok(Some(text)),
            },
            Some(_) => Err(format!("{key} must be a string value")),
        };
        match (text("object_type_id")?, text("object_id")?, text("cio_object_id")?) {
            (Some(type_id), Some(object_id), None) => Ok(Self::Pair { type_id, object_id }),
            (None, None, Some(cio_object_id)) => Ok(Self::CioObjectId(cio_object_id)),
            _ => Err("either object_type_id and object_id, or cio_object_id alone, is required".to_owned()),
        }
    }
}

/// One object.
#[expect(clippy::struct_field_names, reason = "`id` alone would not say which of the two")]
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) key: ObjectKey,
    pub(super) type_id: String,
    pub(super) object_id: String,
    pub(super) cio_object_id: String,
    pub(super) attributes: Attributes,
}

impl Object {
    /// An attribute as text; the identifiers count among them.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match name {
            "object_id" => Some(self.object_id.clone()),
            "cio_object_id" => Some(self.cio_object_id.clone()),
            _ => self.attributes.get(name).map(|attribute| text_of(&attribute.value)),
        }
    }

    /// `{object_id, cio_object_id}`, the way every App answer names an object.
    pub(super) fn identifiers(&self) -> Value {
        json!({"object_id": self.object_id, "cio_object_id": self.cio_object_id})
    }
}

/// All objects, in the order they were created.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    last_key: ObjectKey,
    by_key: BTreeMap<ObjectKey, Object>,
    by_name: HashMap<ObjectName, ObjectKey>,
}

impl Objects {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.by_key.values()
    }

    pub(super) fn get(&self, key: ObjectKey) -> Option<&Object> {
        self.by_key.get(&key)
    }

    pub(super) fn find(&self, name: &ObjectName) -> Option<ObjectKey> {
        self.by_name.get(name).copied()
    }

    fn create(&mut self, type_id: &str, object_id: &str, prefix: &str) -> ObjectKey {
        self.last_key += 1;
        let key = self.last_key;
        let cio_object_id = format!("ob{prefix}{key:06x}");
        let (type_id, object_id) = (type_id.to_owned(), object_id.to_owned());
        self.by_name.insert(ObjectName::CioObjectId(cio_object_id.clone()), key);
        self.by_name.insert(ObjectName::Pair { type_id: type_id.clone(), object_id: object_id.clone() }, key);
        self.by_key.insert(key, Object { key, type_id, object_id, cio_object_id, attributes: Attributes::new() });
        key
    }

    fn remove(&mut self, key: ObjectKey) -> Option<Object> {
        self.by_name.retain(|_, named| *named != key);
        self.by_key.remove(&key)
    }
}

/// What an update did, by attribute, in the shape the activity log shows.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) changed: Map<String, Value>,
    pub(super) failed: Map<String, Value>,
}

/// Sets attributes of an object or a relationship within the vendor's limits. `at` orders updates.
pub(super) fn set_all(kept: &mut Attributes, given: &Map<String, Value>, at: i64) -> Outcome {
    let mut outcome = Outcome::default();
    for (name, value) in given.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
        let bytes = |(name, attribute): (&String, &Attribute)| name.len() + text_of(&attribute.value).len();
        let others: usize = kept.iter().filter(|(have, _)| *have != name).map(bytes).sum();
        let is_new = !kept.contains_key(name.split('.').next().unwrap_or(name));
        let overflows =
            others + name.len() + text_of(value).len() > MAX_TOTAL_BYTES || (is_new && kept.len() >= MAX_ATTRIBUTES);
        if overflows && !removes(value) {
            outcome.failed.insert(name.clone(), json!({"from": "", "to": text_of(value)}));
        } else if let Some((from, to)) = attributes::set(kept, name, value, at) {
            outcome.changed.insert(name.clone(), json!({"from": from, "to": to}));
        }
    }
    outcome
}

impl World {
    pub(super) fn object_type(&self, id: &str) -> Option<&ObjectType> {
        self.object_types.iter().find(|kind| kind.id == id)
    }

    /// Refuses a type nobody made: an object needs one before it can be.
    pub(super) fn check_object_type(&self, name: &ObjectName) -> Result<(), String> {
        match name {
            ObjectName::Pair { type_id, .. } if self.object_type(type_id).is_none() => {
                Err(format!("object type '{type_id}' does not exist"))
            }
            ObjectName::Pair { .. } | ObjectName::CioObjectId(_) => Ok(()),
        }
    }

    /// Creates or updates an object. An unknown `cio_object_id` or type names nothing.
    pub(super) fn identify_object(
        &mut self,
        name: &ObjectName,
        attributes: &Map<String, Value>,
        at: Option<i64>,
    ) -> Option<ObjectKey> {
        let key = match (self.objects.find(name), name) {
            (Some(key), _) => key,
            (None, ObjectName::Pair { type_id, object_id }) if self.object_type(type_id).is_some() => {
                let key = self.objects.create(type_id, object_id, self.people.cio_prefix());
                self.record_object(key, "create", Map::new());
                key
            }
            (None, _) => return None,
        };
        let at = at.unwrap_or_else(|| self.now());
        let outcome = set_all(&mut self.objects.by_key.get_mut(&key)?.attributes, attributes, at);
        self.record_object_outcome(key, outcome);
        Some(key)
    }

    fn record_object_outcome(&mut self, key: ObjectKey, outcome: Outcome) {
        for (verb, data) in [("attribute_change", outcome.changed), ("failed_attribute_change", outcome.failed)] {
            if !data.is_empty() {
                self.record_object(key, verb, data);
            }
        }
    }

    /// Writes to the log about an object: `_o:<type>:<verb>`.
    pub(super) fn record_object(&mut self, key: ObjectKey, verb: &str, data: Map<String, Value>) {
        let Some(object) = self.objects.get(key) else { return };
        let entry = Entry {
            kind: format!("_o:{}:{verb}", object.type_id),
            data: Value::Object(data),
            object: Some(object.identifiers()),
            ..Entry::default()
        };
        self.record_entry(None, Value::Null, entry);
    }

    /// Deletes an object and its relationships; its id is free for another one.
    pub(super) fn delete_object(&mut self, key: ObjectKey) {
        for person in self.relationships.people_of(key) {
            self.unrelate(person, key);
        }
        self.record_object(key, "delete", Map::new());
        self.objects.remove(key);
    }
}
