//! Contents: the wording of a message in one language, and what the App API may change of it.

use serde_json::{Map, Value, json};

use super::{
    fixture::Sender,
    transactional::{Channel, Content},
    world::World,
};

impl Content {
    /// Where the message goes, as Liquid.
    pub(super) fn recipient(&self, channel: Channel) -> &str {
        match (self.recipient.as_str(), channel) {
            ("", Channel::Email) => "{{customer.email}}",
            ("", Channel::Sms | Channel::Whatsapp) => "{{customer.phone}}",
            (recipient, _) => recipient,
        }
    }

    /// What every kind of message shows of a content.
    pub(super) fn shown(&self, channel: Channel) -> Map<String, Value> {
        let shown = json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated),
            "name": self.name,
            "layout": "",
            "created": self.created,
            "updated": self.updated,
            "type": channel.delivery_type(),
            "language": self.language,
            "from": self.from,
            "reply_to": self.reply_to,
            "reply_to_id": self.reply_to_id,
            "preprocessor": "premailer",
            "recipient": self.recipient(channel),
            "subject": self.subject,
            "preheader_text": self.preheader,
            "body": self.body,
            "body_plain": self.body_plain,
            "body_amp": self.body_amp,
            "bcc": self.bcc,
            "fake_bcc": self.fake_bcc,
            "headers": self.headers,
        });
        let Value::Object(mut shown) = shown else { return Map::new() };
        // A sender that is no identity of the workspace has no number, and the field is an integer.
        shown.extend(self.from_id.map(|id| ("from_id".to_owned(), json!(id))));
        shown
    }

    /// Changes what a request may change. Fields that can only be read are ignored, as a client sends back what it
    /// read; the error says which field is wrong.
    pub(super) fn edit(&mut self, body: &Map<String, Value>, senders: &[Sender]) -> Result<(), String> {
        let replace = |field: &str, target: &mut String| match body.get(field) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(text)) => {
                text.clone_into(target);
                Ok(())
            }
            Some(_) => Err(format!("{field} must be a string")),
        };
        replace("name", &mut self.name)?;
        replace("subject", &mut self.subject)?;
        replace("preheader_text", &mut self.preheader)?;
        replace("body", &mut self.body)?;
        replace("body_plain", &mut self.body_plain)?;
        replace("body_amp", &mut self.body_amp)?;
        replace("recipient", &mut self.recipient)?;
        replace("bcc", &mut self.bcc)?;
        match body.get("fake_bcc") {
            None | Some(Value::Null) => {}
            Some(Value::Bool(fake)) => self.fake_bcc = *fake,
            Some(_) => return Err("fake_bcc must be true or false".to_owned()),
        }
        if let Some(sender) = identity(body, "from_id", senders)? {
            self.from = sender.address();
            self.from_id = Some(sender.id);
        }
        if let Some(sender) = identity(body, "reply_to_id", senders)? {
            self.reply_to = sender.address();
            self.reply_to_id = Some(sender.id);
        }
        if let Some(headers) = body.get("headers").filter(|headers| !headers.is_null()) {
            self.headers = parse_headers(headers)?;
        }
        Ok(())
    }
}

impl Sender {
    /// As it stands in a message.
    pub(super) fn address(&self) -> String {
        format!("{} <{}>", self.name, self.email)
    }
}

/// The sender identity a field names; 0 and null name none.
fn identity<'a>(body: &Map<String, Value>, field: &str, senders: &'a [Sender]) -> Result<Option<&'a Sender>, String> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(0) => Ok(None),
            Some(id) => match senders.iter().find(|sender| sender.id == id) {
                Some(sender) => Ok(Some(sender)),
                None => Err(format!("{field} is no sender identity")),
            },
            None => Err(format!("{field} must be an integer")),
        },
    }
}

/// Headers come as a list of names and values, or as that list in a JSON string.
fn parse_headers(headers: &Value) -> Result<Vec<Value>, String> {
    let parsed = match headers {
        Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    match parsed {
        Value::Array(list) if list.iter().all(Value::is_object) => Ok(list),
        _ => Err("headers must be a list of headers".to_owned()),
    }
}

impl World {
    /// A number for a new content. Contents of all messages are numbered together, from 101: the number of a content
    /// says nothing about its message.
    pub(super) fn next_content_id(&mut self) -> u64 {
        self.last_content += 1;
        self.last_content
    }

    /// The sender identity with that address.
    pub(super) fn sender_of(&self, address: &str) -> Option<u64> {
        let is_of = |sender: &&Sender| sender.address() == address || sender.email == address;
        self.senders.iter().filter(|_| !address.is_empty()).find(is_of).map(|sender| sender.id)
    }
}
