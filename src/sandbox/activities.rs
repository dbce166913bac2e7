//! The activity log: everything that happened to people, kept without end (behaviour.md section 6).
//!
//! Section 6 names types, `screen` and `profile_create` among them, that the description's older list has not.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

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

/// One entry of the log. There are many, so what they share they share in memory, and what is seldom read is text.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    /// A ULID.
    id: u128,
    /// `None` when the identifier named nobody.
    pub(super) person: Option<PersonKey>,
    /// What named nobody; those of a person are found by it.
    identifiers: Option<Box<Value>>,
    kind: Arc<str>,
    /// The name of an event, the URL of a page.
    name: Option<Arc<str>>,
    /// Unix seconds.
    pub(super) timestamp: i64,
    /// JSON.
    data: Box<str>,
    delivery_id: Option<Box<str>>,
    delivery_type: Option<&'static str>,
    /// The identifiers of the object it is about, if it is about one.
    object: Option<Box<Value>>,
}

/// The log, in order of arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct Activities {
    list: Vec<Activity>,
    /// Places in the list by Unix seconds, those of one second by arrival.
    by_time: BTreeSet<(i64, usize)>,
    /// Places in the list of what is one person's, or nobody's.
    by_person: HashMap<Option<PersonKey>, Vec<usize>>,
    /// Kinds and names, each once.
    words: HashSet<Arc<str>>,
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

    /// When an entry happened, in Unix seconds; one that does not exist is older than all.
    fn time_of(&self, sequence: u64) -> i64 {
        let place = usize::try_from(sequence).ok().and_then(|sequence| sequence.checked_sub(1));
        place.and_then(|place| self.list.get(place)).map_or(i64::MIN, |activity| activity.timestamp)
    }

    /// How many entries are of one of `kinds`.
    pub(super) fn count(&self, kinds: &[&str]) -> usize {
        self.list.iter().filter(|activity| kinds.contains(&&*activity.kind)).count()
    }

    /// How often a person has done something since `since` (Unix seconds).
    pub(super) fn events_of(&self, person: PersonKey, name: &str, since: i64) -> u64 {
        let places = self.by_person.get(&Some(person)).into_iter().flatten();
        let fits = |activity: &&Activity| {
            &*activity.kind == "event" && activity.timestamp >= since && activity.name.as_deref() == Some(name)
        };
        places.map(|place| &self.list[*place]).filter(fits).count() as u64
    }

    /// Moves the events of `from` since `since` (Unix seconds) to `to`.
    pub(super) fn move_events(&mut self, from: PersonKey, to: PersonKey, since: i64) {
        let places = self.by_person.remove(&Some(from)).unwrap_or_default();
        let (moved, left): (Vec<_>, Vec<_>) = places.into_iter().partition(|place| {
            let activity = &self.list[*place];
            activity.timestamp >= since && activity.is_event()
        });
        for place in &moved {
            self.list[*place].person = Some(to);
        }
        self.by_person.entry(Some(to)).or_default().extend(moved);
        self.by_person.insert(Some(from), left);
    }

    fn add(&mut self, activity: Activity) {
        let place = self.list.len();
        self.by_time.insert((activity.timestamp, place));
        self.by_person.entry(activity.person).or_default().push(place);
        self.list.push(activity);
    }

    /// One copy of a text that many entries have.
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        self.words.insert(Arc::clone(&word));
        word
    }

    /// Everything, newest first by when it happened and then by arrival, each with its place counted from 1.
    fn newest_first(&self) -> impl Iterator<Item = (u64, &Activity)> {
        self.by_time.iter().rev().map(|(_, place)| (*place as u64 + 1, &self.list[*place]))
    }

    /// What is theirs, in the same order.
    fn newest_first_of(&self, people: &[Option<PersonKey>]) -> impl Iterator<Item = (u64, &Activity)> {
        let places = people.iter().filter_map(|person| self.by_person.get(person)).flatten();
        let mut places: Vec<_> = places.map(|place| (self.list[*place].timestamp, *place)).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.into_iter().map(|(_, place)| (place as u64 + 1, &self.list[place]))
    }
}

impl Activity {
    fn is_event(&self) -> bool {
        matches!(&*self.kind, "event" | "page" | "screen")
    }

    fn shown(&self, world: &World) -> Value {
        let identifiers = self
            .person
            .and_then(|key| world.people.get(key).map(Person::identifiers))
            .or_else(|| world.activities.departed.get(&self.person?).cloned())
            .or_else(|| self.identifiers.as_deref().cloned())
            .unwrap_or_default();
        let mut shown = json!({
            "id": ids::ulid_text(self.id),
            "type": &*self.kind,
            "timestamp": self.timestamp,
            "data": serde_json::from_str::<Value>(&self.data).unwrap_or_default(),
        });
        // What happened to an object alone is no customer's.
        if !identifiers.is_null() {
            shown["customer_id"] = identifiers["id"].clone();
            shown["customer_identifiers"] = identifiers;
        }
        if let Some(object) = &self.object {
            shown["object_identifiers"] = Value::clone(object);
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
        let activity = Activity {
            id: ids::ulid_number(&*self.clock),
            person,
            identifiers: person.is_none().then(|| Box::new(identifiers)),
            kind: self.activities.word(&entry.kind),
            name: entry.name.map(|name| self.activities.word(&name)),
            timestamp: entry.timestamp.unwrap_or_else(|| self.now()),
            data: entry.data.to_string().into(),
            delivery_id: entry.delivery_id.map(Into::into),
            delivery_type: entry.delivery_type,
            object: entry.object.map(Box::new),
        };
        self.activities.add(activity);
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

    fn activities_page<'a>(&self, call: &Call, rows: impl Iterator<Item = (u64, &'a Activity)>) -> Answer {
        let (last, page) = Page::from_call(call, self, DEFAULT_LIMIT, MAX_LIMIT)?.continued();
        // The row a page ended with may be hidden by now, since its person was deleted; the log knows where it stood.
        let last = last.map(|sequence| (self.activities.time_of(sequence), sequence));
        let (kind, name) = (given(call, "type"), given(call, "name"));
        let rows = rows
            .filter(|(sequence, activity)| last.is_none_or(|last| (activity.timestamp, *sequence) < last))
            .filter(|(_, activity)| kind.is_none_or(|kind| &*activity.kind == kind))
            .filter(|(_, activity)| name.is_none_or(|name| activity.name.as_deref() == Some(name)));
        let (rows, next) = page.cut(rows);
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
    let log = &world.activities;
    let is_told_of =
        |activity: &Activity| with_deleted || activity.person.is_none_or(|key| world.people.get(key).is_some());
    let Some(named) = named else {
        return world.activities_page(call, log.newest_first().filter(|(_, activity)| is_told_of(activity)));
    };
    let is_named = |past: &Value| past[named.kind()].as_str().is_some_and(|text| same_identifier(&named, text));
    let mut people: Vec<_> =
        log.departed.iter().filter(|(_, past)| is_named(past)).map(|(key, _)| Some(*key)).collect();
    people.extend(world.people.find(&named).map(Some));
    people.push(None);
    let rows = log
        .newest_first_of(&people)
        .filter(|(_, activity)| is_told_of(activity) && activity.identifiers.as_deref().is_none_or(&is_named));
    world.activities_page(call, rows)
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
    world.activities_page(call, world.activities.newest_first_of(&[Some(key)]))
}
