//! Events of people (behaviour.md section 4).

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{
    activities::Entry,
    attributes::text_of,
    identifiers::Identifier,
    identify::{Upsert, unix_seconds},
    ids,
    people::PersonKey,
    profiles::{path_identifier, track_object},
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::clock::Clock;

/// The vendor's limits, in bytes of UTF-8.
const MAX_NAME_BYTES: usize = 100;
const MAX_DATA_BYTES: usize = 100_000;
/// For how long a repeated event id is ignored: the window a third party reports.
const DEDUPE_WINDOW_MS: i64 = 12 * 60 * 60 * 1000;

/// Event ids seen inside the window, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenEvents {
    order: VecDeque<(i64, Arc<str>)>,
    ids: HashSet<Arc<str>>,
}

impl SeenEvents {
    /// Whether `id` is new at `now_ms`; from then on it is not.
    pub(super) fn is_new(&mut self, id: &str, now_ms: i64) -> bool {
        while let Some((seen_ms, _)) = self.order.front()
            && *seen_ms + DEDUPE_WINDOW_MS <= now_ms
        {
            if let Some((_, forgotten)) = self.order.pop_front() {
                self.ids.remove(&forgotten);
            }
        }
        if self.ids.contains(id) {
            return false;
        }
        let id: Arc<str> = id.into();
        self.ids.insert(Arc::clone(&id));
        self.order.push_back((now_ms, id));
        true
    }
}

/// One event, page view or screen view.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) name: String,
    /// `event`, `page` or `screen`.
    pub(super) kind: String,
    pub(super) data: Value,
    /// Unix seconds; `None` is the time of receipt.
    pub(super) timestamp: Option<i64>,
    pub(super) id: Option<String>,
}

impl Event {
    /// Reads the body of a v1 call, whose type is one of its keys.
    pub(super) fn of_v1(body: &Map<String, Value>) -> Result<Self, String> {
        let kind = match body.get("type") {
            None | Some(Value::Null) => "event",
            Some(Value::String(kind)) if kind.is_empty() => "event",
            Some(Value::String(kind)) if matches!(kind.as_str(), "event" | "page" | "screen") => kind,
            Some(_) => return Err("type must be one of event, page, screen".to_owned()),
        };
        Self::parse(body, kind, "data").map_err(|(_, error)| error)
    }

    /// Reads an event; `data_key` is `data` in v1 and `attributes` in v2. The error names the field.
    pub(super) fn parse(
        body: &Map<String, Value>,
        kind: &str,
        data_key: &'static str,
    ) -> Result<Self, (&'static str, String)> {
        let name = body.get("name").map(text_of).unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            return Err(("name", "name cannot be blank".to_owned()));
        }
        if name.len() > MAX_NAME_BYTES && kind == "event" {
            return Err(("name", format!("name cannot be longer than {MAX_NAME_BYTES} bytes")));
        }
        let data = match body.get(data_key) {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(data @ Value::Object(_)) => data.clone(),
            Some(_) => return Err((data_key, format!("{data_key} must be an object"))),
        };
        if data.to_string().len() > MAX_DATA_BYTES {
            return Err((data_key, format!("{data_key} cannot be larger than {MAX_DATA_BYTES} bytes")));
        }
        let id = body.get("id").and_then(Value::as_str).filter(|id| ids::is_ulid(id)).map(str::to_owned);
        let timestamp = body.get("timestamp").and_then(unix_seconds);
        Ok(Self { name, kind: kind.to_owned(), data, timestamp, id })
    }
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self {
            kind: event.kind,
            name: Some(event.name),
            timestamp: event.timestamp,
            data: event.data,
            ..Self::default()
        }
    }
}

impl World {
    /// Records an event of a person, who is created if unknown; a suppressed or unknown `cio_id` is ignored.
    pub(super) fn track(&mut self, named: &Identifier, event: Event) {
        let Some(key) = self.find_or_create(named) else { return };
        if self.is_new_event(&event) {
            self.record_event(key, event);
        }
    }

    /// Whether an event was not sent before under the same id.
    pub(super) fn is_new_event(&mut self, event: &Event) -> bool {
        let now_ms = self.clock.now_ms();
        event.id.as_ref().is_none_or(|id| self.seen_events.is_new(&id.to_ascii_uppercase(), now_ms))
    }

    pub(super) fn record_event(&mut self, key: PersonKey, event: Event) {
        let Some(identifiers) = self.people.get(key).map(super::people::Person::identifiers) else { return };
        self.record_entry(Some(key), identifiers, event.into());
    }

    /// Who is named, or a bare new person; nobody for the suppressed and for an unknown `cio_id`.
    pub(super) fn find_or_create(&mut self, named: &Identifier) -> Option<PersonKey> {
        self.upsert(&Upsert::new(named.clone(), Map::new(), false))
    }
}

/// `POST /api/v1/customers/{identifier}/events`.
pub(super) fn track(world: &mut World, call: &Call) -> Answer {
    let named = path_identifier(call).map_err(Reply::meta_errors)?;
    let event = Event::of_v1(&track_object(call).map_err(Reply::meta_errors)?).map_err(Reply::meta_errors)?;
    world.track(&named, event);
    Ok(Reply::accepted())
}
