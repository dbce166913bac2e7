//! The activity log: everything that happened to people, kept without end (behaviour.md section 6).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    identifiers::Identifier,
    ids,
    page::Page,
    people::{Person, PersonKey},
    profiles,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// One entry of the log.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    sequence: u64,
    id: String,
    /// `None` when the identifier named nobody.
    pub(super) person: Option<PersonKey>,
    /// Who it was when it happened.
    identifiers: Value,
    kind: String,
    /// The name of an event, the URL of a page.
    name: Option<String>,
    /// Unix seconds.
    pub(super) timestamp: i64,
    data: Value,
    delivery_id: Option<String>,
    delivery_type: Option<&'static str>,
    /// The identifiers of the object it is about, if it is about one.
    object: Option<Value>,
}

/// The log, in order of arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct Activities {
    list: Vec<Activity>,
    /// The last identifiers of people who are gone.
    departed: HashMap<PersonKey, Value>,
}

/// An entry about to be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) name: Option<String>,
    /// Unix seconds; `None` is now.
    pub(super) timestamp: Option<i64>,
    pub(super) data: Value,
    pub(super) delivery_id: Option<String>,
    pub(super) delivery_type: Option<&'static str>,
    pub(super) object: Option<Value>,
}

impl Activities {
    /// Keeps the identifiers a person had when they were deleted.
    pub(super) fn remember_identifiers(&mut self, key: PersonKey, identifiers: &Value) {
        self.departed.insert(key, identifiers.clone());
    }

    /// How many entries are of one of `kinds`.
    pub(super) fn count(&self, kinds: &[&str]) -> usize {
        self.list.iter().filter(|activity| kinds.contains(&activity.kind.as_str())).count()
    }

    /// Moves the events of `from` since `since` (Unix seconds) to `to`.
    pub(super) fn move_events(&mut self, from: PersonKey, to: PersonKey, since: i64) {
        for activity in &mut self.list {
            if activity.person == Some(from) && activity.timestamp >= since && activity.is_event() {
                activity.person = Some(to);
            }
        }
    }
}

impl Activity {
    fn is_event(&self) -> bool {
        matches!(self.kind.as_str(), "event" | "page" | "screen")
    }

    fn shown(&self, world: &World) -> Value {
        let identifiers = self
            .person
            .and_then(|key| world.people.get(key).map(Person::identifiers))
            .or_else(|| world.activities.departed.get(&self.person?).cloned())
            .unwrap_or_else(|| self.identifiers.clone());
        let mut shown = json!({
            "id": self.id,
            "type": self.kind,
            "timestamp": self.timestamp,
            "data": self.data,
        });
        // What happened to an object alone is no customer's.
        if !identifiers.is_null() {
            shown["customer_id"] = identifiers["id"].clone();
            shown["customer_identifiers"] = identifiers;
        }
        if let Some(object) = &self.object {
            shown["object_identifiers"] = object.clone();
        }
        for (key, value) in [
            ("name", self.name.as_deref()),
            ("delivery_id", self.delivery_id.as_deref()),
            ("delivery_type", self.delivery_type),
        ] {
            if let Some(value) = value {
                shown[key] = json!(value);
            }
        }
        shown
    }
}

/// The identifiers of an activity that is nobody's. A `cio_id` is always text.
pub(super) fn nobody() -> Value {
    json!({"id": null, "email": null, "cio_id": ""})
}

impl World {
    /// Writes to the log about a person who exists.
    pub(super) fn record_entry(&mut self, person: Option<PersonKey>, identifiers: Value, entry: Entry) {
        let sequence = self.activities.list.len() as u64 + 1;
        let activity = Activity {
            sequence,
            id: ids::ulid(&*self.clock),
            person,
            identifiers,
            kind: entry.kind,
            name: entry.name,
            timestamp: entry.timestamp.unwrap_or_else(|| self.now()),
            data: entry.data,
            delivery_id: entry.delivery_id,
            delivery_type: entry.delivery_type,
            object: entry.object,
        };
        self.activities.list.push(activity);
    }

    pub(super) fn record(&mut self, person: &Person, kind: &str, data: Value) {
        let entry = Entry { kind: kind.to_owned(), data, ..Entry::default() };
        self.record_entry(Some(person.key), person.identifiers(), entry);
    }

    pub(super) fn record_for(&mut self, key: PersonKey, kind: &str, data: Value) {
        if let Some(person) = self.people.get(key).cloned() {
            self.record(&person, kind, data);
        }
    }

    /// Writes to the log about an identifier that names nobody.
    pub(super) fn record_unknown(&mut self, named: &Identifier, kind: &str, data: Value) {
        let mut identifiers = nobody();
        identifiers[named.kind()] = json!(named.value());
        self.record_entry(None, identifiers, Entry { kind: kind.to_owned(), data, ..Entry::default() });
    }

    /// Newest first, by when it happened and then by arrival.
    fn activities_page(&self, call: &Call, wanted: impl Fn(&Activity) -> bool) -> Answer {
        let page = Page::from_call(call, self, DEFAULT_LIMIT, MAX_LIMIT)?;
        let (kind, name) = (given(call, "type"), given(call, "name"));
        let mut rows: Vec<_> = self
            .activities
            .list
            .iter()
            .filter(|activity| kind.is_none_or(|kind| activity.kind == kind))
            .filter(|activity| name.is_none_or(|name| activity.name.as_deref() == Some(name)))
            .filter(|activity| wanted(activity))
            .collect();
        rows.sort_by_key(|activity| std::cmp::Reverse((activity.timestamp, activity.sequence)));
        let (rows, next) = page.cut(rows.into_iter().map(|activity| (activity.sequence, activity)));
        let rows: Vec<_> = rows.into_iter().map(|activity| activity.shown(self)).collect();
        Ok(Reply::ok(&json!({"activities": rows, "next": next})))
    }
}

fn given<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.query(name).filter(|text| !text.is_empty())
}

/// `GET /v1/activities`: everybody's, or those of `customer_id`; deleted people's too with `deleted=true`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let with_deleted = call.query("deleted") == Some("true");
    let named = match given(call, "customer_id") {
        None => None,
        Some(text) => Some(
            Identifier::from_id_type(text, call.query("id_type")).ok_or_else(|| world.app_error(400, "bad id_type"))?,
        ),
    };
    let world = &*world;
    world.activities_page(call, |activity| {
        let departed = activity.person.filter(|key| world.people.get(*key).is_none());
        if departed.is_some() && !with_deleted {
            return false;
        }
        named.as_ref().is_none_or(|named| {
            let past = departed.and_then(|key| world.activities.departed.get(&key)).unwrap_or(&activity.identifiers);
            let matches_past = past[named.kind()].as_str().is_some_and(|text| same_identifier(named, text));
            match activity.person {
                Some(key) if departed.is_none() => world.people.find(named) == Some(key),
                _ => matches_past,
            }
        })
    })
}

fn same_identifier(named: &Identifier, text: &str) -> bool {
    match named {
        Identifier::Email(email) => email.to_lowercase() == text.to_lowercase(),
        Identifier::Id(value) | Identifier::CioId(value) => value == text,
    }
}

/// `GET /v1/customers/{customer_id}/activities`.
pub(super) fn of_person(world: &mut World, call: &Call) -> Answer {
    let key = profiles::named(world, call)?.key;
    world.activities_page(call, |activity| activity.person == Some(key))
}
