//! Triggering a broadcast, and what became of a trigger (behaviour.md section 8).

use serde_json::{Map, Value, json};

use super::{
    audience::Audience,
    outbox::{Outgoing, in_language_of},
    reply::{Answer, Reply},
    request::Call,
    source::Source,
    world::World,
};
use crate::clock::Clock;

/// A broadcast takes one trigger in this time. It is a rule of this operation and no quota, so it always holds.
const SECONDS_BETWEEN: i64 = 10;
const DEFAULT_ERRORS: usize = 50;
const MAX_ERRORS: usize = 1000;

/// One trigger of a broadcast.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) id: u64,
    /// Unix seconds; it is processed at once.
    pub(super) created: i64,
    pub(super) recipients_count: usize,
    /// The audience asked for; empty for the broadcast's own.
    pub(super) asked: Value,
    /// Why it sent nothing, a line for each entry at fault.
    pub(super) errors: Vec<String>,
}

impl Trigger {
    fn shown(&self, broadcast: u64) -> Value {
        json!({
            "id": self.id,
            "broadcast_id": broadcast,
            "created_at": self.created,
            "processed_at": self.created,
        })
    }
}

impl World {
    /// The number of the broadcast a path names and the trigger of it.
    fn trigger(&self, call: &Call) -> Result<(u64, &Trigger), Reply> {
        let broadcast = self.broadcast(call)?;
        let id: Option<u64> = call.param("trigger_id").parse().ok();
        let trigger = broadcast.triggers.iter().find(|trigger| Some(trigger.id) == id);
        Ok((broadcast.id, trigger.ok_or_else(|| self.not_found())?))
    }

    /// Records a trigger and returns its number.
    fn record_trigger(&mut self, broadcast: u64, created: i64, audience: &Audience, errors: Vec<String>) -> u64 {
        let Some(broadcast) = self.broadcasts.get_mut(&broadcast) else { return 0 };
        let id = broadcast.triggers.len() as u64 + 1;
        let recipients_count = audience.recipients.len();
        broadcast.triggers.push(Trigger { id, created, recipients_count, asked: audience.shown(), errors });
        id
    }

    /// Sends a broadcast to an audience at a moment (Unix milliseconds). Returns the number of the trigger.
    pub(super) fn broadcast_to(&mut self, broadcast: u64, audience: Audience, at_ms: i64) -> u64 {
        let created = at_ms / 1000;
        let trigger = self.record_trigger(broadcast, created, &audience, Vec::new());
        let Some(sent) = self.broadcasts.get(&broadcast).cloned() else { return trigger };
        for (person, data) in audience.recipients {
            for action in sent.actions.iter().filter(|action| action.sending_state != "off") {
                let recipient = self.people.get(person);
                let content = recipient.and_then(|recipient| in_language_of(recipient, &action.contents)).cloned();
                self.post(Outgoing {
                    source: Source::BroadcastAction { broadcast, action: action.id, trigger },
                    name: sent.name.clone(),
                    channel: action.channel,
                    content: content.unwrap_or_default(),
                    person,
                    trigger: data.clone(),
                    created,
                    due_ms: at_ms,
                    queue_draft: action.sending_state == "draft",
                    verdict: None,
                });
            }
        }
        trigger
    }
}

/// `POST /v1/campaigns/{broadcast_id}/triggers`: the path says campaigns.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let broadcast = world.broadcast(call)?;
    let id = broadcast.id;
    let now = world.now();
    if let Some(last) = broadcast.triggers.last()
        && now < last.created + SECONDS_BETWEEN
    {
        let after = u64::try_from(last.created + SECONDS_BETWEEN - now).unwrap_or_default();
        let reference = super::ids::reference(&*world.clock);
        return Err(Reply::rate_limited("1 request per 10s", Some(after), &reference));
    }
    let body = call.object().ok_or_else(|| world.app_error(400, "bad request"))?;
    match world.audience(broadcast, &body) {
        Ok(audience) => {
            let at_ms = world.clock.now_ms();
            let trigger = world.broadcast_to(id, audience, at_ms);
            world.settle();
            Ok(Reply::ok(&json!({"id": trigger})))
        }
        Err(refusal) => {
            let trigger = world.record_trigger(id, now, &Audience::default(), refusal.errors.clone());
            let detail = format!("{} (trigger id: {trigger})", refusal.summary());
            Err(world.app_error_at(422, &detail, &refusal.pointer()))
        }
    }
}

/// `GET /v1/broadcasts/{broadcast_id}/triggers`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let broadcast = world.broadcast(call)?;
    let triggers: Vec<_> = broadcast.triggers.iter().map(|trigger| trigger.shown(broadcast.id)).collect();
    Ok(Reply::ok(&json!({"triggers": triggers})))
}

/// `GET /v1/campaigns/{broadcast_id}/triggers/{trigger_id}`: here the number of the trigger is text.
pub(super) fn status(world: &mut World, call: &Call) -> Answer {
    let (broadcast, trigger) = world.trigger(call)?;
    let actions: Vec<_> = world.broadcast(call)?.actions.iter().map(|action| action.id).collect();
    let mut shown = trigger.shown(broadcast);
    shown["id"] = json!(trigger.id.to_string());
    shown["recipients_count"] = json!(trigger.recipients_count);
    shown["workflow_action_ids"] = json!(actions);
    shown["data_file_position"] = json!(0);
    shown["data_file_processed"] = json!(false);
    shown["data_file_error_count"] = json!(0);
    if trigger.asked.as_object().is_some_and(|asked| !asked.is_empty()) {
        shown["recipients_filter"] = trigger.asked.clone();
    }
    Ok(Reply::ok(&shown))
}

/// `GET /v1/campaigns/{broadcast_id}/triggers/{trigger_id}/errors`: here `next` is a number, 0 at the end.
pub(super) fn errors(world: &mut World, call: &Call) -> Answer {
    let (_, trigger) = world.trigger(call)?;
    let number = |name: &str, default: usize| match call.query(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| world.app_error(400, &format!("invalid {name}"))),
    };
    let start = number("start", 0)?;
    let limit = number("limit", DEFAULT_ERRORS)?.clamp(1, MAX_ERRORS);
    let errors: Vec<_> = trigger.errors.iter().skip(start).take(limit).collect();
    let next = start.saturating_add(errors.len());
    let next = if next < trigger.errors.len() { next } else { 0 };
    Ok(Reply::ok(&json!({"errors": errors, "next": next})))
}

/// An audience of people with the same data.
pub(super) fn of_people(people: Vec<super::people::PersonKey>, data: &Map<String, Value>) -> Audience {
    Audience { recipients: people.into_iter().map(|key| (key, data.clone())).collect(), asked: Map::new() }
}
