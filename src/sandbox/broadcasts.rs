//! API-triggered broadcasts (behaviour.md section 8). They are made in the vendor's interface; what a trigger does
//! stands in `triggers`.

use serde_json::{Value, json};

use super::{
    actions::Action,
    filter::Filter,
    reply::{Answer, Reply},
    request::Call,
    triggers::Trigger,
    world::World,
};

/// One broadcast.
#[derive(Debug, Clone)]
pub(super) struct Broadcast {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) tags: Vec<String>,
    /// Who gets it unless a trigger says otherwise; `None` is everybody.
    pub(super) recipients: Option<Filter>,
    pub(super) actions: Vec<Action>,
    /// In the order they came; a trigger's number is its place, counted from 1.
    pub(super) triggers: Vec<Trigger>,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) updated: i64,
}

impl Broadcast {
    fn shown(&self) -> Value {
        let actions: Vec<_> = self.actions.iter().map(Action::summary).collect();
        let templates = self.actions.iter().flat_map(|action| {
            let kind = action.summary()["type"].clone();
            action.contents.iter().map(move |content| json!({"id": content.id, "type": kind}))
        });
        json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated),
            "name": self.name,
            "type": "triggered_broadcast",
            "created": self.created,
            "updated": self.updated,
            "active": self.active,
            "state": if self.active { "running" } else { "stopped" },
            "actions": actions,
            "msg_template_ids": templates.collect::<Vec<_>>(),
            "first_started": self.created,
            "tags": self.tags,
        })
    }
}

impl World {
    /// The broadcast a path names.
    pub(super) fn broadcast(&self, call: &Call) -> Result<&Broadcast, Reply> {
        let id: Option<u64> = call.param("broadcast_id").parse().ok();
        id.and_then(|id| self.broadcasts.get(&id)).ok_or_else(|| self.not_found())
    }
}

/// `GET /v1/broadcasts`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let broadcasts: Vec<_> = world.broadcasts.values().map(Broadcast::shown).collect();
    Ok(Reply::ok(&json!({"broadcasts": broadcasts})))
}

/// `GET /v1/broadcasts/{broadcast_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"broadcast": world.broadcast(call)?.shown()})))
}
