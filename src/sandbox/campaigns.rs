//! Campaigns, and who is on their way through them. They are made, started and stopped in the vendor's interface.

use serde_json::{Value, json};

use super::{
    actions::Action,
    people::PersonKey,
    reply::{Answer, Reply},
    request::Call,
    source::Source,
    world::World,
};

/// One campaign.
#[derive(Debug, Clone)]
pub(super) struct Campaign {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) tags: Vec<String>,
    /// The segments whose members enter it.
    pub(super) trigger_segments: Vec<u64>,
    /// The segments one has to be in besides.
    pub(super) filter_segments: Vec<u64>,
    pub(super) created_by: String,
    pub(super) actions: Vec<Action>,
    pub(super) journeys: Vec<Journey>,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// One person's way through a campaign.
#[derive(Debug, Clone)]
pub(super) struct Journey {
    pub(super) person: PersonKey,
    /// Unix seconds.
    pub(super) started: i64,
    pub(super) outcome: Outcome,
}

/// How far a journey came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Still on the way.
    Active,
    Finished,
    ExitedEarly,
    /// Filtered out before the first action.
    NeverActivated,
}

impl Campaign {
    fn shown(&self) -> Value {
        let actions: Vec<_> = self.actions.iter().map(Action::summary).collect();
        let templates = self.actions.iter().flat_map(|action| {
            let kind = action.summary()["type"].clone();
            action.contents.iter().map(move |content| json!({"id": content.id, "type": kind}))
        });
        let mut shown = json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated),
            "name": self.name,
            "type": "segment",
            "created": self.created,
            "updated": self.updated,
            "active": self.active,
            "state": if self.active { "running" } else { "stopped" },
            "actions": actions,
            "msg_templates": templates.collect::<Vec<_>>(),
            "first_started": self.created,
            "tags": self.tags,
            "trigger_segment_ids": self.trigger_segments,
            "filter_segment_ids": self.filter_segments,
        });
        if !self.created_by.is_empty() {
            shown["created_by"] = json!(self.created_by);
        }
        shown
    }

    /// Whether the campaign asks for a segment.
    pub(super) fn uses_segment(&self, segment: u64) -> bool {
        self.trigger_segments.contains(&segment) || self.filter_segments.contains(&segment)
    }
}

impl World {
    /// The campaign a path names.
    pub(super) fn campaign(&self, call: &Call) -> Result<&Campaign, Reply> {
        let id: Option<u64> = call.param("campaign_id").parse().ok();
        id.and_then(|id| self.campaigns.get(&id)).ok_or_else(|| self.not_found())
    }

    /// What a message reads as `campaign`: that of a campaign, broadcast or newsletter, and none of a transactional one.
    pub(super) fn campaign_namespace(&self, source: Source) -> Option<Value> {
        let (id, name, kind, topics) = match source {
            Source::Transactional(_) => return None,
            Source::Action { campaign, .. } => (campaign, &self.campaigns.get(&campaign)?.name, "segment", Vec::new()),
            Source::BroadcastAction { broadcast, .. } => {
                (broadcast, &self.broadcasts.get(&broadcast)?.name, "triggered_broadcast", Vec::new())
            }
            Source::Newsletter { newsletter, .. } => {
                let newsletter = self.newsletters.get(&newsletter)?;
                (newsletter.id, &newsletter.name, "newsletter", newsletter.topic.into_iter().collect())
            }
        };
        Some(json!({"id": id, "name": name, "type": kind, "subscription_topic_ids": topics}))
    }
}

/// `GET /v1/campaigns`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let campaigns: Vec<_> = world.campaigns.values().map(Campaign::shown).collect();
    Ok(Reply::ok(&json!({"campaigns": campaigns})))
}

/// `GET /v1/campaigns/{campaign_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"campaign": world.campaign(call)?.shown()})))
}
