//! Transactional messages: the templates that `/v1/send/*` names (behaviour.md section 7).

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Channel {
    Email,
    Push,
    Sms,
    Whatsapp,
    InApp,
    InboxMessage,
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
        }
    }

    /// Whether the channel reports that a message arrived; the in-app ones only that it was sent.
    pub(super) fn reports_delivery(self) -> bool {
        !matches!(self, Self::InApp | Self::InboxMessage)
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

    fn shown_content(&self, content: &Content) -> Value {
        json!({
            "id": content.id,
            "name": self.name,
            "created": self.created_at,
            "updated": self.updated_at,
            "type": self.channel.delivery_type(),
            "language": content.language,
            "from": content.from,
            "reply_to": content.reply_to,
            "recipient": "{{customer.email}}",
            "subject": content.subject,
            "preheader_text": content.preheader,
            "body": content.body,
            "body_amp": "",
            "preprocessor": "premailer",
            "bcc": "",
            "fake_bcc": false,
            "headers": [],
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
        let content = Content { id: self.next_content_id(), ..Content::default() };
        let message = Transactional {
            id,
            name: name.to_owned(),
            description: String::new(),
            trigger_name: name.to_owned(),
            channel,
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

    /// Contents are numbered on their own, from 101: the id of a content says nothing about its message.
    pub(super) fn next_content_id(&self) -> u64 {
        let contents = self.transactional.values().flat_map(|message| &message.contents);
        contents.map(|content| content.id).max().unwrap_or(100) + 1
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
    let contents: Vec<_> = message.contents.iter().map(|content| message.shown_content(content)).collect();
    Ok(Reply::ok(&json!({"contents": contents})))
}
