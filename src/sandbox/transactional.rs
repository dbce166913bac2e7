//! Transactional messages: the templates that `/v1/send/*` names (behaviour.md section 7).

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// The id under which the metrics of e-mails without a template roll up. Templates count from 2.
pub(super) const INLINE_ID: u64 = 1;

/// What a message travels by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Channel {
    Email,
    Push,
    Sms,
    Whatsapp,
    InApp,
    InboxMessage,
    Webhook,
}

impl Channel {
    /// The type of its deliveries, and the last part of its activities (`sent_email`). The vendor calls SMS `twilio`.
    pub(super) fn delivery_type(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Push => "push",
            Self::Sms => "twilio",
            Self::Whatsapp => "whatsapp",
            Self::InApp => "in_app",
            Self::InboxMessage => "inbox_message",
            Self::Webhook => "webhook",
        }
    }

    /// Whether the channel reports that a message arrived; the in-app ones and webhooks only that it was sent.
    pub(super) fn reports_delivery(self) -> bool {
        !matches!(self, Self::InApp | Self::InboxMessage | Self::Webhook)
    }

    /// Whether a send must say where to; push may, e-mail and texts to a phone must.
    pub(super) fn needs_recipient(self) -> bool {
        matches!(self, Self::Email | Self::Sms | Self::Whatsapp)
    }
}

/// One transactional message with its contents, the first of them for no particular language.
#[derive(Debug, Clone)]
pub(super) struct Transactional {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
    /// What a send may call it instead of its number, in any casing.
    pub(super) trigger_name: String,
    pub(super) channel: Channel,
    /// Whom it goes to when a send names nobody. Liquid; empty if a send has to.
    pub(super) to: String,
    pub(super) contents: Vec<Content>,
    pub(super) send_to_unsubscribed: bool,
    pub(super) queue_drafts: bool,
    pub(super) hide_message_body: bool,
    /// Unix seconds.
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// The wording of a message in one language. All of it is Liquid.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) id: u64,
    /// "" is the default.
    pub(super) language: String,
    pub(super) from: String,
    pub(super) reply_to: String,
    pub(super) subject: String,
    pub(super) preheader: String,
    pub(super) body: String,
    pub(super) body_plain: String,
    pub(super) body_amp: String,
    pub(super) name: String,
    /// The sender identities behind `from` and `reply_to`, where there are such.
    pub(super) from_id: Option<u64>,
    pub(super) reply_to_id: Option<u64>,
    /// "" is the usual one of the channel.
    pub(super) recipient: String,
    pub(super) bcc: String,
    pub(super) fake_bcc: bool,
    pub(super) headers: Vec<Value>,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) updated: i64,
}

impl Transactional {
    /// The content for a language, or the default.
    pub(super) fn content(&self, language: Option<&str>) -> Option<&Content> {
        let translated =
            language.and_then(|language| self.contents.iter().find(|content| content.language == language));
        translated.or_else(|| self.contents.first())
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "send_to_unsubscribed": self.send_to_unsubscribed,
            "link_tracking": true,
            "open_tracking": true,
            "hide_message_body": self.hide_message_body,
            "queue_drafts": self.queue_drafts,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}

impl World {
    pub(super) fn transactional(&self, call: &Call) -> Result<&Transactional, Reply> {
        let id: Option<u64> = call.param("transactional_id").parse().ok();
        id.and_then(|id| self.transactional.get(&id)).ok_or_else(|| self.not_found())
    }

    /// The template a send names: a number, also as text, is an id; other text is a trigger name.
    pub(super) fn transactional_named(&self, name: &str) -> Option<&Transactional> {
        if let Ok(id) = name.parse::<u64>() {
            return self.transactional.get(&id);
        }
        self.transactional.values().find(|message| message.trigger_name.eq_ignore_ascii_case(name))
    }

    /// Makes an empty message of that trigger name, as `auto_create` does.
    pub(super) fn create_transactional(&mut self, name: &str, channel: Channel) -> u64 {
        let id = self.transactional.keys().last().map_or(INLINE_ID + 1, |last| last + 1);
        let now = self.now();
        let content = Content {
            id: self.next_content_id(),
            name: name.to_owned(),
            created: now,
            updated: now,
            ..Content::default()
        };
        let message = Transactional {
            id,
            name: name.to_owned(),
            description: String::new(),
            trigger_name: name.to_owned(),
            channel,
            to: String::new(),
            contents: vec![content],
            send_to_unsubscribed: true,
            queue_drafts: false,
            hide_message_body: false,
            created_at: now,
            updated_at: now,
        };
        self.transactional.insert(id, message);
        id
    }

    /// The content of a message that a path names by number.
    fn transactional_content(&self, call: &Call) -> Result<(&Transactional, &Content), Reply> {
        let message = self.transactional(call)?;
        let id: Option<u64> = call.param("content_id").parse().ok();
        let content = message.contents.iter().find(|content| Some(content.id) == id).ok_or_else(|| self.not_found())?;
        Ok((message, content))
    }

    /// The content of a message in the language that a path names; "" is the default.
    fn transactional_language(&self, call: &Call) -> Result<(&Transactional, &Content), Reply> {
        let message = self.transactional(call)?;
        let language = call.param("language");
        let content = message.contents.iter().find(|content| content.language == language);
        Ok((message, content.ok_or_else(|| self.app_error(400, "the language does not exist"))?))
    }

    /// Changes a content and shows it.
    fn edit_transactional(&mut self, call: &Call, message: u64, content: u64) -> Answer {
        let body = self.object(call)?;
        let now = self.now();
        let senders = self.senders.clone();
        let edited = self.transactional.get_mut(&message).and_then(|message| {
            let channel = message.channel;
            message.updated_at = now;
            Some((channel, message.contents.iter_mut().find(|other| other.id == content)?))
        });
        let Some((channel, content)) = edited else { return Err(self.not_found()) };
        let mut changed = Content { updated: now, ..content.clone() };
        let outcome = changed.edit(&body, &senders);
        if outcome.is_ok() {
            *content = changed.clone();
        }
        outcome.map_err(|error| self.app_error(400, &error))?;
        Ok(Reply::ok(&json!({"content": changed.shown(channel)})))
    }
}

/// `GET /v1/transactional`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let messages: Vec<_> = world.transactional.values().map(Transactional::shown).collect();
    Ok(Reply::ok(&json!({"messages": messages})))
}

/// `GET /v1/transactional/{transactional_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"message": world.transactional(call)?.shown()})))
}

/// `GET /v1/transactional/{transactional_id}/contents`.
pub(super) fn contents(world: &mut World, call: &Call) -> Answer {
    let message = world.transactional(call)?;
    let contents: Vec<_> = message.contents.iter().map(|content| content.shown(message.channel)).collect();
    Ok(Reply::ok(&json!({"contents": contents})))
}

/// `GET /v1/transactional/{transactional_id}/contents/{content_id}`.
pub(super) fn content(world: &mut World, call: &Call) -> Answer {
    let (message, content) = world.transactional_content(call)?;
    Ok(Reply::ok(&json!({"content": content.shown(message.channel)})))
}

/// `PUT /v1/transactional/{transactional_id}/content/{content_id}`: the path is singular.
pub(super) fn update_content(world: &mut World, call: &Call) -> Answer {
    let (message, content) = world.transactional_content(call)?;
    let (message, content) = (message.id, content.id);
    world.edit_transactional(call, message, content)
}

/// `GET /v1/transactional/{transactional_id}/language/{language}`.
pub(super) fn language(world: &mut World, call: &Call) -> Answer {
    let (message, content) = world.transactional_language(call)?;
    Ok(Reply::ok(&json!({"content": content.shown(message.channel)})))
}

/// `PUT /v1/transactional/{transactional_id}/language/{language}`.
pub(super) fn update_language(world: &mut World, call: &Call) -> Answer {
    let (message, content) = world.transactional_language(call)?;
    let (message, content) = (message.id, content.id);
    world.edit_transactional(call, message, content)
}
