//! Actions: the messages of a campaign or broadcast. They are made in the vendor's interface; the App API changes
//! their wording.

use serde_json::{Value, json};

use super::{
    page::Page,
    reply::{Answer, Reply},
    request::Call,
    transactional::{Channel, Content},
    world::World,
};

/// The vendor states no page size for the actions of a campaign.
const PAGE_LIMIT: usize = 10;
const SENDING_STATES: [&str; 3] = ["automatic", "draft", "off"];

/// One message of a campaign or broadcast, its contents by language, the default first.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) id: u64,
    pub(super) channel: Channel,
    /// `automatic`, `draft` (held for somebody to send) or `off`.
    pub(super) sending_state: String,
    pub(super) contents: Vec<Content>,
}

/// Whose action a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Campaign(u64),
    Broadcast(u64),
}

impl Action {
    /// `{id, type}`, the way a campaign lists its actions; here SMS is called by its name.
    pub(super) fn summary(&self) -> Value {
        let kind = if self.channel == Channel::Sms { "sms" } else { self.channel.delivery_type() };
        json!({"id": self.id, "type": kind})
    }

    fn shown(&self, owner: Owner, content: &Content) -> Value {
        let mut shown = content.shown(self.channel);
        shown.insert("id".to_owned(), json!(self.id));
        shown.insert("message_template_id".to_owned(), json!(content.id));
        shown.insert("deduplicate_id".to_owned(), json!(format!("{}:{}", self.id, content.updated)));
        shown.insert("sending_state".to_owned(), json!(self.sending_state));
        let (field, id) = match owner {
            Owner::Campaign(id) => ("campaign_id", id),
            Owner::Broadcast(id) => ("broadcast_id", id),
        };
        shown.insert(field.to_owned(), json!(id));
        if self.channel == Channel::Webhook {
            shown.insert("url".to_owned(), json!(content.recipient));
            shown.insert("method".to_owned(), json!("post"));
        }
        Value::Object(shown)
    }
}

impl World {
    fn owner(&self, call: &Call) -> Result<(Owner, &[Action]), Reply> {
        if call.param("broadcast_id").is_empty() {
            let campaign = self.campaign(call)?;
            Ok((Owner::Campaign(campaign.id), &campaign.actions))
        } else {
            let broadcast = self.broadcast(call)?;
            Ok((Owner::Broadcast(broadcast.id), &broadcast.actions))
        }
    }

    /// The action a path names.
    pub(super) fn action(&self, call: &Call) -> Result<&Action, Reply> {
        let (_, actions) = self.owner(call)?;
        let id: Option<u64> = call.param("action_id").parse().ok();
        actions.iter().find(|action| Some(action.id) == id).ok_or_else(|| self.not_found())
    }

    fn content_of<'a>(&self, action: &'a Action, language: &str) -> Result<&'a Content, Reply> {
        let content = action.contents.iter().find(|content| content.language == language);
        content.ok_or_else(|| self.app_error(400, "the language does not exist"))
    }

    /// Changes the wording of an action in one language.
    fn edit_action(&mut self, call: &Call, language: &str) -> Answer {
        let body = self.object(call)?;
        let (owner, _) = self.owner(call)?;
        let mut action = self.action(call)?.clone();
        let content = self.content_of(&action, language)?;
        let mut content = Content { updated: self.now(), ..content.clone() };
        content.edit(&body, &self.senders).map_err(|error| self.app_error(400, &error))?;
        match body.get("sending_state") {
            None | Some(Value::Null) => {}
            Some(Value::String(state)) if SENDING_STATES.contains(&state.as_str()) => {
                action.sending_state.clone_from(state);
            }
            Some(_) => return Err(self.app_error(400, "sending_state must be automatic, draft or off")),
        }
        if action.channel == Channel::Webhook
            && let Some(url) = body.get("url").and_then(Value::as_str)
        {
            url.clone_into(&mut content.recipient);
        }
        let shown = action.shown(owner, &content);
        if let Some(place) = action.contents.iter_mut().find(|other| other.id == content.id) {
            *place = content;
        }
        let actions = match owner {
            Owner::Campaign(id) => self.campaigns.get_mut(&id).map(|campaign| &mut campaign.actions),
            Owner::Broadcast(id) => self.broadcasts.get_mut(&id).map(|broadcast| &mut broadcast.actions),
        };
        if let Some(place) = actions.and_then(|actions| actions.iter_mut().find(|other| other.id == action.id)) {
            *place = action;
        }
        // The description of 2022 shows a campaign's action bare here and a broadcast's wrapped; the reads wrap both.
        Ok(Reply::ok(&json!({"action": shown})))
    }
}

/// `GET …/actions`: a campaign's in pages, a broadcast's all at once.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let (owner, actions) = world.owner(call)?;
    let shown = |action: &Action| {
        let content = action.contents.first().cloned().unwrap_or_default();
        action.shown(owner, &content)
    };
    if let Owner::Broadcast(_) = owner {
        let actions: Vec<_> = actions.iter().map(shown).collect();
        return Ok(Reply::ok(&json!({"actions": actions})));
    }
    let page = Page::from_call(call, world, PAGE_LIMIT, PAGE_LIMIT)?;
    let (rows, next) = page.cut(actions.iter().map(|action| (action.id, action)));
    let actions: Vec<_> = rows.into_iter().map(shown).collect();
    Ok(Reply::ok(&json!({"actions": actions, "next": next})))
}

/// `GET …/actions/{action_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    language(world, call)
}

/// `PUT …/actions/{action_id}`: the default language.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    world.edit_action(call, "")
}

/// `GET …/actions/{action_id}/language/{language}`; no language is the default.
pub(super) fn language(world: &mut World, call: &Call) -> Answer {
    let (owner, _) = world.owner(call)?;
    let action = world.action(call)?;
    let content = world.content_of(action, call.param("language"))?;
    Ok(Reply::ok(&json!({"action": action.shown(owner, content)})))
}

/// `PUT …/actions/{action_id}/language/{language}`.
pub(super) fn update_language(world: &mut World, call: &Call) -> Answer {
    world.edit_action(call, call.param("language"))
}
