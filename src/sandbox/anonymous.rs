//! What is known by an anonymous id alone, until somebody is identified with it (behaviour.md section 4).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    activities::nobody,
    attributes::text_of,
    events::Event,
    identifiers::MAX_IDENTIFIER_BYTES,
    objects::ObjectKey,
    people::PersonKey,
    profiles::track_object,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::clock::Clock;

/// The attribute that gives an anonymous id to a person.
pub(super) const ANONYMOUS_ID: &str = "anonymous_id";
/// For how long what is not merged is kept.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// For how long after an identify later events go to the person directly.
const OPEN_MS: i64 = 5 * 60 * 1000;

/// Something that waits for its person.
#[derive(Debug, Clone)]
struct Waiting {
    anonymous_id: String,
    received_ms: i64,
    held: Held,
}

#[derive(Debug, Clone)]
enum Held {
    Event(Event),
    Relationship { object: ObjectKey, attributes: Map<String, Value> },
}

/// Whose an anonymous id is; it is never anybody else's again.
#[derive(Debug, Clone, Copy)]
struct Owner {
    person: PersonKey,
    identified_ms: i64,
}

/// The anonymous ids of a workspace and what waits under them, in order of receipt.
#[derive(Debug, Clone, Default)]
pub(super) struct Anonymous {
    waiting: Vec<Waiting>,
    owners: HashMap<String, Owner>,
}

impl Anonymous {
    /// Whether an anonymous id was given to somebody else before.
    pub(super) fn is_of_another(&self, anonymous_id: &str, key: PersonKey) -> bool {
        self.owners.get(anonymous_id).is_some_and(|owner| owner.person != key)
    }

    /// Who was identified with it a moment ago.
    fn open(&self, anonymous_id: &str, now_ms: i64) -> Option<PersonKey> {
        let owner = self.owners.get(anonymous_id)?;
        (now_ms - owner.identified_ms <= OPEN_MS).then_some(owner.person)
    }

    fn hold(&mut self, anonymous_id: &str, held: Held, now_ms: i64) {
        self.forget_old(now_ms);
        self.waiting.push(Waiting { anonymous_id: anonymous_id.to_owned(), received_ms: now_ms, held });
    }

    fn forget_old(&mut self, now_ms: i64) {
        self.waiting.retain(|waiting| now_ms - waiting.received_ms <= KEPT_MS);
    }

    /// Gives a merged person's anonymous ids to the one who stays.
    pub(super) fn hand_over(&mut self, from: PersonKey, to: PersonKey) {
        for owner in self.owners.values_mut().filter(|owner| owner.person == from) {
            owner.person = to;
        }
    }
}

impl World {
    /// Who was identified with an anonymous id a moment ago and is still there.
    fn known_lately(&self, anonymous_id: &str) -> Option<PersonKey> {
        self.anonymous.open(anonymous_id, self.clock.now_ms()).filter(|key| self.people.get(*key).is_some())
    }

    /// Takes an event nobody is named for. Without an anonymous id, or with event merging off, it stays nobody's.
    pub(super) fn track_anonymous(&mut self, anonymous_id: Option<&str>, mut event: Event) {
        if !self.is_new_event(&event) {
            return;
        }
        let Some(anonymous_id) = anonymous_id.filter(|_| self.workspace.merge_anonymous_events) else {
            self.record_entry(None, nobody(), event.into());
            return;
        };
        let now_ms = self.clock.now_ms();
        if let Some(key) = self.known_lately(anonymous_id) {
            self.record_event(key, event);
        } else {
            event.timestamp.get_or_insert(now_ms.div_euclid(1000));
            self.anonymous.hold(anonymous_id, Held::Event(event), now_ms);
        }
    }

    /// Makes an anonymous id a person's, with everything that waits under it.
    pub(super) fn adopt(&mut self, key: PersonKey, anonymous_id: &str) {
        let now_ms = self.clock.now_ms();
        self.anonymous.owners.insert(anonymous_id.to_owned(), Owner { person: key, identified_ms: now_ms });
        self.anonymous.forget_old(now_ms);
        let (merged, waiting) = std::mem::take(&mut self.anonymous.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| waiting.anonymous_id == anonymous_id);
        self.anonymous.waiting = waiting;
        if merged.is_empty() {
            return;
        }
        let mut events = 0;
        for waited in merged {
            match waited.held {
                Held::Event(event) => {
                    events += 1;
                    self.record_event(key, event);
                }
                Held::Relationship { object, attributes } => {
                    if self.objects.get(object).is_some() {
                        self.relate(key, object, &attributes);
                    }
                }
            }
        }
        self.record_for(key, "anon_merge", json!({"anonymous_id": anonymous_id, "events": events}));
    }

    /// Relates an object to whoever has an anonymous id, now or once they are identified.
    pub(super) fn relate_anonymous(&mut self, anonymous_id: &str, object: ObjectKey, attributes: Map<String, Value>) {
        let now_ms = self.clock.now_ms();
        match self.known_lately(anonymous_id) {
            Some(key) => self.relate(key, object, &attributes),
            None => self.anonymous.hold(anonymous_id, Held::Relationship { object, attributes }, now_ms),
        }
    }
}

/// `POST /api/v1/events`.
pub(super) fn track(world: &mut World, call: &Call) -> Answer {
    let body = track_object(call).map_err(Reply::meta_errors)?;
    let event = Event::of_v1(&body).map_err(Reply::meta_errors)?;
    let anonymous_id = body.get(ANONYMOUS_ID).map(text_of).filter(|id| !id.is_empty());
    if anonymous_id.as_ref().is_some_and(|id| id.len() > MAX_IDENTIFIER_BYTES) {
        return Err(Reply::meta_errors(format!("anonymous_id cannot be longer than {MAX_IDENTIFIER_BYTES} bytes")));
    }
    world.track_anonymous(anonymous_id.as_deref(), event);
    Ok(Reply::accepted())
}
