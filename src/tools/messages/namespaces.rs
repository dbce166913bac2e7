//! What templates can read of a message and its reader: the namespaces of behaviour.md section 12.
//!
//! A transactional message has `customer`, `trigger` (the message data), `journey` (empty: nobody is on a journey),
//! `objects`, `message` and `delivery_id`. Any other namespace does not exist for it and renders nothing.
//!
//! The App API shows every attribute as text. Lists and objects come as JSON, which is read back here, so a text that
//! happens to spell a list or an object cannot be told from one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{objects, rendering::Message};
use crate::{
    api::people::{Person, PersonPath},
    error::ToolError,
    liquid::{self, Data},
    tools::context::CallContext,
};

/// The id under which Customer.io counts e-mails without a template.
const INLINE_ID: i64 = 1;
/// What the App API adds to a person's attributes without its being one.
const COMPUTED: &str = "_cio_subscription_preferences_computed";

/// Whom a message is rendered for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader<'a> {
    /// A person with attributes.
    Known(&'a Person),
    /// A person whom the send will create: nothing is known but what names them.
    New(&'a PersonPath),
}

/// What rendering needs besides the message. What could not be read of it goes to the notes.
pub(super) async fn data_for(
    cx: &CallContext<'_>,
    reader: Reader<'_>,
    message: &Message,
    message_data: Map<String, Value>,
    notes: &mut Vec<String>,
) -> Result<Data, ToolError> {
    let snippets: BTreeMap<String, String> =
        cx.api().snippets(&cx.scope).await?.into_iter().map(|snippet| (snippet.name, snippet.value)).collect();
    // Objects cost a request each, and few messages read any.
    let reads_objects =
        message.parts.iter().map(|(_, text)| text).chain(snippets.values()).any(|text| text.contains("objects"));
    let objects = match reader {
        Reader::Known(person) if reads_objects => objects::of(cx, person, notes).await?,
        Reader::Known(_) | Reader::New(_) => json!({}),
    };
    let mut namespaces = Map::new();
    namespaces.insert("customer".into(), Value::Object(reader.attributes()));
    namespaces.insert("trigger".into(), Value::Object(message_data));
    namespaces.insert("journey".into(), json!({}));
    namespaces.insert("objects".into(), objects);
    namespaces.insert("message".into(), facts(message));
    // What the vendor's own previews show.
    namespaces.insert("delivery_id".into(), json!("unsent"));
    Ok(Data { namespaces, snippets, links: liquid::Links::default(), clock: cx.guards().clock.clone() })
}

fn facts(message: &Message) -> Value {
    let template = message.template.as_ref();
    let part = |name| message.parts.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text.as_str());
    json!({
        "id": template.map_or(INLINE_ID, |template| template.id),
        "name": template.map_or("", |template| template.name.as_str()),
        "type": message.delivery_type,
        "subject": part("subject"),
        "preheader": part("preheader"),
        "send_to_unsubs": message.send_to_unsubscribed,
    })
}

impl Reader<'_> {
    fn attributes(self) -> Map<String, Value> {
        match self {
            Self::Known(person) => attributes(person),
            Self::New(PersonPath::CioId(_)) => Map::new(),
            Self::New(path) => Map::from_iter([(path.id_type().as_str().to_owned(), json!(path.segment()))]),
        }
    }
}

fn attributes(person: &Person) -> Map<String, Value> {
    let is_there = |name: &String, value: &Value| name != COMPUTED && !value.is_null() && value.as_str() != Some("");
    let shown = person.attributes.iter().filter(|(name, value)| is_there(name, value));
    let mut customer: Map<String, Value> = shown.map(|(name, value)| (name.clone(), nested(value))).collect();
    let identifiers = &person.identifiers;
    let given = [("id", &identifiers.id), ("email", &identifiers.email)];
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        customer.insert(name.into(), json!(value));
    }
    customer.insert("cio_id".into(), json!(identifiers.cio_id));
    customer
}

/// A value as templates reach into it.
pub(super) fn nested(value: &Value) -> Value {
    let json = value.as_str().filter(|text| text.starts_with(['{', '[']));
    json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}
