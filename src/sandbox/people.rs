//! People and the indexes that find them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{
    attributes::{Attribute, Attributes, is_true, text_of},
    devices::Device,
    identifiers::Identifier,
    world::World,
};
use crate::clock::{Clock, random_bytes};

/// A person's place in the order of creation; never used again after a deletion.
pub(super) type PersonKey = u64;

/// One profile. Its identifiers are attributes like any other; `People` alone changes them, to keep its indexes true.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) key: PersonKey,
    pub(super) cio_id: String,
    pub(super) attributes: Attributes,
    pub(super) devices: Vec<Device>,
}

impl Person {
    /// An attribute as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.attributes.get(name).map(|attribute| text_of(&attribute.value))
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.attributes.get("id")?.value.as_str()
    }

    pub(super) fn email(&self) -> Option<&str> {
        self.attributes.get("email")?.value.as_str()
    }

    /// Whether the person has opted out of messages altogether.
    pub(super) fn is_unsubscribed(&self) -> bool {
        self.attributes.get("unsubscribed").is_some_and(|attribute| is_true(&attribute.value))
    }

    /// `{id|null, email|null, cio_id}`, the way every App answer names a person.
    pub(super) fn identifiers(&self) -> Value {
        json!({"id": self.id(), "email": self.email(), "cio_id": self.cio_id})
    }
}

/// All people, in the order they were created.
#[derive(Debug, Clone)]
pub(super) struct People {
    /// The first four digits of every `cio_id`: those of one workspace differ from those of another.
    cio_prefix: String,
    last_key: PersonKey,
    by_key: BTreeMap<PersonKey, Person>,
    by_id: HashMap<String, PersonKey>,
    by_email: HashMap<String, PersonKey>,
    by_cio_id: HashMap<String, PersonKey>,
}

impl People {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self {
            cio_prefix: hex::encode(random_bytes::<2>(clock)),
            last_key: 0,
            by_key: BTreeMap::new(),
            by_id: HashMap::new(),
            by_email: HashMap::new(),
            by_cio_id: HashMap::new(),
        }
    }

    /// What every `cio_id` of this workspace begins with.
    pub(super) fn cio_prefix(&self) -> &str {
        &self.cio_prefix
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.by_key.values()
    }

    pub(super) fn get(&self, key: PersonKey) -> Option<&Person> {
        self.by_key.get(&key)
    }

    /// For attributes and devices; identifiers go through [`Self::set_identifier`].
    pub(super) fn get_mut(&mut self, key: PersonKey) -> Option<&mut Person> {
        self.by_key.get_mut(&key)
    }

    /// Who an identifier names.
    pub(super) fn find(&self, identifier: &Identifier) -> Option<PersonKey> {
        match identifier {
            Identifier::Id(id) => self.by_id.get(id),
            Identifier::Email(email) => self.by_email.get(&email.to_lowercase()),
            Identifier::CioId(cio_id) => self.by_cio_id.get(cio_id),
        }
        .copied()
    }

    /// A new person with nothing but a `cio_id`.
    pub(super) fn create(&mut self, now: i64) -> PersonKey {
        self.last_key += 1;
        let key = self.last_key;
        let cio_id = format!("{}{key:08x}", self.cio_prefix);
        self.by_cio_id.insert(cio_id.clone(), key);
        let mut attributes = Attributes::new();
        attributes.insert("cio_id".to_owned(), Attribute { value: json!(cio_id), updated_at: now });
        self.by_key.insert(key, Person { key, cio_id, attributes, devices: Vec::new() });
        key
    }

    /// Sets or replaces an id or e-mail that nobody else has. A `cio_id` is never set.
    pub(super) fn set_identifier(&mut self, key: PersonKey, identifier: &Identifier, now: i64) {
        let index = match identifier {
            Identifier::Id(_) => &mut self.by_id,
            Identifier::Email(_) => &mut self.by_email,
            Identifier::CioId(_) => return,
        };
        let Some(person) = self.by_key.get_mut(&key) else { return };
        let attribute = Attribute { value: json!(identifier.value()), updated_at: now };
        if let Some(old) = person.attributes.insert(identifier.kind().to_owned(), attribute) {
            index.remove(&index_key(identifier, &text_of(&old.value)));
        }
        index.insert(index_key(identifier, identifier.value()), key);
    }

    /// Takes a person away and frees their identifiers.
    pub(super) fn remove(&mut self, key: PersonKey) -> Option<Person> {
        let person = self.by_key.remove(&key)?;
        if let Some(id) = person.id() {
            self.by_id.remove(id);
        }
        if let Some(email) = person.email() {
            self.by_email.remove(&email.to_lowercase());
        }
        self.by_cio_id.remove(&person.cio_id);
        Some(person)
    }
}

fn index_key(identifier: &Identifier, value: &str) -> String {
    match identifier {
        Identifier::Email(_) => value.to_lowercase(),
        Identifier::Id(_) | Identifier::CioId(_) => value.to_owned(),
    }
}

impl World {
    /// Deletes a person with all their data; their activities stay, marked as those of a deleted person.
    pub(super) fn delete_person(&mut self, key: PersonKey) {
        let Some(person) = self.people.get(key).cloned() else { return };
        self.record(&person, "profile_delete", json!({}));
        self.activities.remember_identifiers(key, &person.identifiers());
        self.deliveries.remember_identifiers(key, &person);
        self.optouts.forget(key);
        for segment in self.segments.values_mut() {
            segment.forget(key);
        }
        self.relationships.forget(key);
        self.people.remove(key);
    }
}
