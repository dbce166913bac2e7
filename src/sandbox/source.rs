//! What a delivery comes from, and which deliveries a path speaks of.

use serde_json::{Map, Value, json};

use super::{deliveries::Delivery, reply::Reply, request::Call, transactional::INLINE_ID, world::World};

/// The message a delivery is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Transactional(u64),
    Action { campaign: u64, action: u64 },
    BroadcastAction { broadcast: u64, action: u64, trigger: u64 },
    Newsletter { newsletter: u64, content: u64 },
}

impl Source {
    /// The parents as a delivery shows them: all null for a transactional one.
    pub(super) fn shown(self) -> Map<String, Value> {
        let (campaign, broadcast, newsletter, action, content) = match self {
            Self::Transactional(_) => (None, None, None, None, None),
            Self::Action { campaign, action } => (Some(campaign), None, None, Some(action), None),
            Self::BroadcastAction { broadcast, action, .. } => (None, Some(broadcast), None, Some(action), None),
            Self::Newsletter { newsletter, content } => (None, None, Some(newsletter), None, Some(content)),
        };
        let trigger = match self {
            Self::BroadcastAction { trigger, .. } => Some(trigger),
            _ => None,
        };
        let mut shown = Map::new();
        shown.insert("campaign_id".to_owned(), json!(campaign));
        shown.insert("action_id".to_owned(), json!(action));
        shown.insert("newsletter_id".to_owned(), json!(newsletter));
        shown.insert("content_id".to_owned(), json!(content));
        shown.insert("broadcast_id".to_owned(), json!(broadcast));
        shown.extend(trigger.map(|trigger| ("trigger_event_id".to_owned(), json!(trigger.to_string()))));
        shown
    }
}

/// The deliveries a path speaks of: those of a message, or of one part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Transactional(u64),
    Campaign(u64),
    CampaignAction(u64, u64),
    Broadcast(u64),
    BroadcastAction(u64, u64),
    Newsletter(u64),
    Content(u64, u64),
}

impl Scope {
    /// What the parameters of a path name, if the workspace has it.
    pub(super) fn of(world: &World, call: &Call) -> Result<Self, Reply> {
        let has = |name: &str| !call.param(name).is_empty();
        if has("transactional_id") {
            // Id 1 gathers the e-mails without a template, and is none itself.
            return match call.param("transactional_id").parse() {
                Ok(INLINE_ID) => Ok(Self::Transactional(INLINE_ID)),
                _ => Ok(Self::Transactional(world.transactional(call)?.id)),
            };
        }
        if has("newsletter_id") {
            let newsletter = world.newsletter(call)?;
            return if has("content_id") {
                Ok(Self::Content(newsletter.id, world.newsletter_content(call)?.id))
            } else {
                Ok(Self::Newsletter(newsletter.id))
            };
        }
        let action = if has("action_id") { Some(world.action(call)?.id) } else { None };
        if has("broadcast_id") {
            let broadcast = world.broadcast(call)?.id;
            return Ok(action.map_or(Self::Broadcast(broadcast), |action| Self::BroadcastAction(broadcast, action)));
        }
        let campaign = world.campaign(call)?.id;
        Ok(action.map_or(Self::Campaign(campaign), |action| Self::CampaignAction(campaign, action)))
    }

    pub(super) fn includes(self, delivery: &Delivery) -> bool {
        match (self, delivery.source) {
            (Self::Transactional(id), Source::Transactional(of)) => id == of,
            (Self::Campaign(id), Source::Action { campaign, .. }) => id == campaign,
            (Self::CampaignAction(id, part), Source::Action { campaign, action }) => (id, part) == (campaign, action),
            (Self::Broadcast(id), Source::BroadcastAction { broadcast, .. }) => id == broadcast,
            (Self::BroadcastAction(id, part), Source::BroadcastAction { broadcast, action, .. }) => {
                (id, part) == (broadcast, action)
            }
            (Self::Newsletter(id), Source::Newsletter { newsletter, .. }) => id == newsletter,
            (Self::Content(id, part), Source::Newsletter { newsletter, content }) => {
                (id, part) == (newsletter, content)
            }
            _ => false,
        }
    }
}
