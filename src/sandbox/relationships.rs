//! Relationships between people and objects (behaviour.md section 3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    activities::Entry,
    attributes::{self, Attributes, text_of},
    identifiers::Identifier,
    objects::{ObjectKey, ObjectName, set_all},
    people::PersonKey,
    world::World,
};

/// So many objects of a type are reachable in Liquid.
const MAX_IN_LIQUID: usize = 10;

/// One relationship.
#[derive(Debug, Clone)]
pub(super) struct Relationship {
    /// Its place in the order of creation.
    pub(super) sequence: u64,
    pub(super) attributes: Attributes,
}

/// All of them, by the two they join.
#[derive(Debug, Clone, Default)]
pub(super) struct Relationships {
    last: u64,
    by_ends: BTreeMap<(PersonKey, ObjectKey), Relationship>,
}

impl Relationships {
    /// The objects of a person, oldest relationship first.
    pub(super) fn of_person(&self, person: PersonKey) -> Vec<(ObjectKey, &Relationship)> {
        let range = (person, ObjectKey::MIN)..=(person, ObjectKey::MAX);
        let mut all: Vec<_> = self.by_ends.range(range).map(|((_, object), one)| (*object, one)).collect();
        all.sort_by_key(|(_, one)| one.sequence);
        all
    }

    /// The people of an object, oldest relationship first.
    pub(super) fn of_object(&self, object: ObjectKey) -> Vec<(PersonKey, &Relationship)> {
        let of_this = self.by_ends.iter().filter(|((_, other), _)| *other == object);
        let mut all: Vec<_> = of_this.map(|((person, _), one)| (*person, one)).collect();
        all.sort_by_key(|(_, one)| one.sequence);
        all
    }

    pub(super) fn people_of(&self, object: ObjectKey) -> Vec<PersonKey> {
        self.of_object(object).into_iter().map(|(person, _)| person).collect()
    }

    /// Takes a deleted person's away.
    pub(super) fn forget(&mut self, person: PersonKey) {
        self.by_ends.retain(|(have, _), _| *have != person);
    }

    /// Gives a merged person's to the one who stays, whose own win.
    pub(super) fn hand_over(&mut self, from: PersonKey, to: PersonKey) {
        let (moving, staying) = std::mem::take(&mut self.by_ends).into_iter().partition(|((have, _), _)| *have == from);
        self.by_ends = staying;
        let moving: BTreeMap<_, _> = moving;
        for ((_, object), relationship) in moving {
            self.by_ends.entry((to, object)).or_insert(relationship);
        }
    }
}

/// What a call does to relationships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Delete,
}

impl Change {
    /// `add_relationships` or `delete_relationships`.
    pub(super) fn from_action(action: &str) -> Option<Self> {
        match action {
            "add_relationships" => Some(Self::Add),
            "delete_relationships" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// The other end of a relationship, with what is to be set on it.
#[derive(Debug, Clone)]
pub(super) struct Tie<T> {
    pub(super) other: T,
    pub(super) attributes: Map<String, Value>,
}

impl<T> Tie<T> {
    /// Reads `cio_relationships`: an array of `{identifiers, relationship_attributes}`.
    pub(super) fn parse_all(
        list: &Value,
        parse: impl Fn(&Map<String, Value>) -> Result<T, String>,
    ) -> Result<Vec<Self>, String> {
        let list = list.as_array().ok_or("cio_relationships must be an array")?;
        list.iter()
            .map(|tie| {
                let identifiers = tie.get("identifiers").and_then(Value::as_object);
                let other = parse(identifiers.ok_or("cio_relationships: identifiers is required")?)?;
                let attributes = match tie.get("relationship_attributes") {
                    None | Some(Value::Null) => Map::new(),
                    Some(Value::Object(attributes)) => attributes.clone(),
                    Some(_) => return Err("relationship_attributes must be an object".to_owned()),
                };
                attributes::check_sizes(&attributes)?;
                Ok(Self { other, attributes })
            })
            .collect()
    }
}

impl World {
    /// Reads a list of objects to relate to, whose types must exist.
    pub(super) fn ties_to_objects(&self, list: &Value) -> Result<Vec<Tie<ObjectName>>, String> {
        let ties = Tie::parse_all(list, ObjectName::from_object)?;
        for tie in &ties {
            self.check_object_type(&tie.other)?;
        }
        Ok(ties)
    }

    /// Changes what a person is related to. An object that is to be added and does not exist is created bare.
    pub(super) fn change_objects_of(&mut self, person: PersonKey, change: Change, ties: &[Tie<ObjectName>]) {
        for tie in ties {
            match change {
                Change::Add => {
                    if let Some(object) = self.identify_object(&tie.other, &Map::new(), None) {
                        self.relate(person, object, &tie.attributes);
                    }
                }
                Change::Delete => {
                    if let Some(object) = self.objects.find(&tie.other) {
                        self.unrelate(person, object);
                    }
                }
            }
        }
    }

    /// Changes who is related to an object. A person who is to be added and does not exist is created bare.
    pub(super) fn change_people_of(&mut self, object: ObjectKey, change: Change, ties: &[Tie<Identifier>]) {
        for tie in ties {
            match change {
                Change::Add => {
                    if let Some(person) = self.find_or_create(&tie.other) {
                        self.relate(person, object, &tie.attributes);
                    }
                }
                Change::Delete => {
                    if let Some(person) = self.people.find(&tie.other) {
                        self.unrelate(person, object);
                    }
                }
            }
        }
    }

    /// Relates the two, or sets attributes of the relationship they have.
    pub(super) fn relate(&mut self, person: PersonKey, object: ObjectKey, attributes: &Map<String, Value>) {
        let now = self.now();
        let next = self.relationships.last + 1;
        let fresh = Relationship { sequence: next, attributes: Attributes::new() };
        let relationship = self.relationships.by_ends.entry((person, object)).or_insert(fresh);
        let outcome = set_all(&mut relationship.attributes, attributes, now);
        if relationship.sequence == next {
            self.relationships.last = next;
            self.record_tie(person, object, "add_relationship");
        }
        for (verb, data) in [("attribute_change", outcome.changed), ("failed_attribute_change", outcome.failed)] {
            if !data.is_empty() {
                self.record_relationship(person, object, verb, data);
            }
        }
    }

    pub(super) fn unrelate(&mut self, person: PersonKey, object: ObjectKey) {
        if self.relationships.by_ends.remove(&(person, object)).is_some() {
            self.record_tie(person, object, "delete_relationship");
        }
    }

    /// One line in the log of either end.
    fn record_tie(&mut self, person: PersonKey, object: ObjectKey, verb: &str) {
        let Some(other) = self.objects.get(object) else { return };
        let data = json!({
            "object_type_id": other.type_id,
            "object_id": other.object_id,
            "cio_object_id": other.cio_object_id,
        });
        self.record_for(person, verb, data);
        let whose = self.people.get(person).map(super::people::Person::identifiers).unwrap_or_default();
        self.record_object(object, verb, Map::from_iter([("customer_identifiers".to_owned(), whose)]));
    }

    /// `_r:<type>:<verb>`, in the log of the person.
    fn record_relationship(&mut self, person: PersonKey, object: ObjectKey, verb: &str, data: Map<String, Value>) {
        let (Some(whose), Some(object)) = (self.people.get(person), self.objects.get(object)) else { return };
        let entry = Entry {
            kind: format!("_r:{}:{verb}", object.type_id),
            data: Value::Object(data),
            object: Some(object.identifiers()),
            ..Entry::default()
        };
        let identifiers = whose.identifiers();
        self.record_entry(Some(person), identifiers, entry);
    }

    /// What Liquid reads as `objects`: by the slug of their type, newest relationship first.
    pub(super) fn objects_namespace(&self, person: Option<PersonKey>) -> Value {
        let related = person.map(|key| self.relationships.of_person(key)).unwrap_or_default();
        let of_type = |type_id: &str| -> Vec<Value> {
            let related = related.iter().rev().filter_map(|(key, one)| Some((self.objects.get(*key)?, one)));
            let related = related.filter(|(object, _)| object.type_id == type_id).take(MAX_IN_LIQUID);
            related
                .map(|(object, one)| {
                    let mut shown = readable(&object.attributes);
                    shown.insert("object_id".to_owned(), json!(object.object_id));
                    shown.insert("cio_object_id".to_owned(), json!(object.cio_object_id));
                    shown.insert("relationship".to_owned(), Value::Object(readable(&one.attributes)));
                    Value::Object(shown)
                })
                .collect()
        };
        let types = self.object_types.iter().filter(|kind| kind.enabled);
        types.map(|kind| (kind.slug.clone(), json!(of_type(&kind.id)))).collect::<Map<_, _>>().into()
    }
}

/// Attributes as a template reads them: text, but lists and objects as they are.
pub(super) fn readable(attributes: &Attributes) -> Map<String, Value> {
    let value = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => value.clone(),
        scalar => json!(text_of(scalar)),
    };
    attributes.iter().map(|(name, attribute)| (name.clone(), value(&attribute.value))).collect()
}
