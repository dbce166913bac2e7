//! Opt-outs: senders a person takes no SMS or WhatsApp message from (behaviour.md section 10).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    page::Page,
    people::PersonKey,
    profiles,
    reply::{Answer, Reply},
    request::Call,
    transactional::Channel,
    world::World,
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// One sender on one channel, normalised as the vendor keeps it: trimmed, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    channel: &'static str,
    from: String,
}

impl Line {
    /// `None` for a channel that has no senders.
    fn new(channel: &str, from: &str) -> Option<Self> {
        let channel = ["sms", "whatsapp"].into_iter().find(|known| *known == channel)?;
        Some(Self { channel, from: normal(from) })
    }
}

fn normal(from: &str) -> String {
    from.trim().to_lowercase()
}

/// Who opted out of what.
#[derive(Debug, Clone, Default)]
pub(super) struct Optouts(BTreeMap<PersonKey, BTreeSet<Line>>);

impl Optouts {
    /// Whether a message of this channel from this sender may not go to the person.
    pub(super) fn refuses(&self, person: PersonKey, channel: Channel, from: &str) -> bool {
        let channel = match channel {
            Channel::Sms => "sms",
            Channel::Whatsapp => "whatsapp",
            Channel::Email | Channel::Push | Channel::InApp | Channel::InboxMessage | Channel::Webhook => return false,
        };
        let line = Line::new(channel, from);
        line.is_some_and(|line| self.0.get(&person).is_some_and(|lines| lines.contains(&line)))
    }

    /// Sets or lifts one; the error is what to tell the caller.
    pub(super) fn set(&mut self, person: PersonKey, channel: &str, from: &str, optout: bool) -> Result<(), String> {
        let line = Line::new(channel, from).ok_or_else(|| format!("unknown channel '{channel}'"))?;
        let lines = self.0.entry(person).or_default();
        if optout {
            lines.insert(line);
        } else {
            lines.remove(&line);
        }
        if lines.is_empty() {
            self.0.remove(&person);
        }
        Ok(())
    }

    /// A deleted person has opted out of nothing.
    pub(super) fn forget(&mut self, person: PersonKey) {
        self.0.remove(&person);
    }

    /// A merged person's opt-outs bind the one who stays.
    pub(super) fn hand_over(&mut self, from: PersonKey, to: PersonKey) {
        if let Some(lines) = self.0.remove(&from) {
            self.0.entry(to).or_default().extend(lines);
        }
    }
}

impl World {
    /// The opt-outs of one person, in the casing the workspace's own senders have.
    fn shown_optouts(&self, person: PersonKey) -> Vec<Value> {
        let lines = self.optouts.0.get(&person).into_iter().flatten();
        lines
            .map(|line| {
                let known = self.senders.iter().filter_map(|sender| sender.phone.as_deref());
                let from = known.into_iter().find(|phone| normal(phone) == line.from).unwrap_or(&line.from);
                json!({"channel": line.channel, "from": from})
            })
            .collect()
    }
}

/// `GET /v1/optouts`: one entry per person.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let from = call.query("from").filter(|from| !from.is_empty()).map(normal);
    let wanted = |lines: &BTreeSet<Line>| from.as_ref().is_none_or(|from| lines.iter().any(|line| line.from == *from));
    let rows = world.optouts.0.iter().filter(|(_, lines)| wanted(lines)).map(|(key, _)| (*key, *key));
    let (rows, next) = page.cut_ascending(rows);
    let rows: Vec<_> = rows
        .into_iter()
        .filter_map(|key| world.people.get(key))
        .map(|person| {
            json!({"customer_id": person.id().unwrap_or_default(), "cio_id": format!("cio_{}", person.cio_id),
                "optouts": world.shown_optouts(person.key)})
        })
        .collect();
    Ok(Reply::ok(&json!({"optouts": rows, "next": next})))
}

/// `GET /v1/customers/{customer_id}/optouts`.
pub(super) fn of_person(world: &mut World, call: &Call) -> Answer {
    let person = profiles::named(world, call)?;
    Ok(Reply::ok(&json!({"optouts": world.shown_optouts(person.key)})))
}

/// `PUT /v1/customers/{customer_id}/optouts`: all of the entries, or none.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let key = profiles::named(world, call)?.key;
    let body = world.object(call)?;
    let refuse = |world: &World, error: &str| world.app_error(400, error);
    let entries = body.get("optouts").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| refuse(world, "optouts must be an array"))?;
    let mut optouts = world.optouts.clone();
    for entry in entries {
        let from = entry["from"].as_str().filter(|from| !from.trim().is_empty());
        let from = from.ok_or_else(|| refuse(world, "from is required"))?;
        let optout = entry["optout"].as_bool().ok_or_else(|| refuse(world, "optout is required"))?;
        let channel = match &entry["channel"] {
            Value::Null => "sms",
            Value::String(channel) => channel,
            _ => return Err(refuse(world, "channel must be a string")),
        };
        optouts.set(key, channel, from, optout).map_err(|error| refuse(world, &error))?;
    }
    world.optouts = optouts;
    Ok(Reply::no_content())
}
