//! `POST /v1/send/*`: accepting a transactional message (behaviour.md section 7).
//!
//! An accepted send means queued. Whatever goes wrong afterwards (Liquid, suppression, an unsubscribed person) shows
//! on the delivery alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    activities::nobody,
    attributes::text_of,
    deliveries::{Delivery, Stage, Verdict},
    identifiers::Identifier,
    ids,
    people::{Person, PersonKey},
    relationships::readable,
    reply::{Answer, Reply},
    request::Call,
    source::Source,
    transactional::{Channel, Content, INLINE_ID},
    world::World,
};
use crate::clock::Clock;

const MAX_RECIPIENTS: usize = 15;
const MAX_ATTACHMENT_BYTES: usize = 2 * 1024 * 1024;
const MAX_AHEAD_SECONDS: i64 = 90 * 24 * 60 * 60;
/// Attachments nobody's mail provider lets through.
const REFUSED_ATTACHMENTS: [&str; 7] = ["exe", "bat", "cmd", "com", "js", "scr", "vbs"];

/// `POST /v1/send/email`.
pub(super) fn email(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::Email)
}

/// `POST /v1/send/push`.
pub(super) fn push(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::Push)
}

/// `POST /v1/send/sms`.
pub(super) fn sms(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::Sms)
}

/// `POST /v1/send/whatsapp`.
pub(super) fn whatsapp(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::Whatsapp)
}

/// `POST /v1/send/in_app`.
pub(super) fn in_app(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::InApp)
}

/// `POST /v1/send/inbox_message`.
pub(super) fn inbox_message(world: &mut World, call: &Call) -> Answer {
    send(world, call, Channel::InboxMessage)
}

/// The message a request names: a template of the workspace with the request's overrides, or one given inline.
struct Wording {
    transactional_id: u64,
    name: String,
    content: Content,
    send_to_unsubscribed: bool,
    queue_draft: bool,
    retains_body: bool,
}

fn send(world: &mut World, call: &Call, channel: Channel) -> Answer {
    let body = call.object().ok_or_else(|| refuse("malformed JSON: the body must be an object"))?;
    // Everything is checked before auto_create or an unknown person leaves a trace.
    let named = identifiers(&body, channel)?;
    let template = template_name(&body).and_then(|name| world.transactional_named(&name));
    let (to, bcc) = recipients(&body, channel, template.map_or("", |template| &template.to))?;
    check_attachments(&body)?;
    let trigger = message_data(&body)?;
    let send_at = send_at(&body, world.now())?;
    let headers = headers(&body)?;
    let wording = wording(world, &body, channel)?;
    let (person, verdict) = addressee(world, named.as_ref())?;
    let identifiers = match person.and_then(|key| world.people.get(key)) {
        Some(person) => person.identifiers(),
        None => unknown(named.as_ref()),
    };
    let queued_at = world.now();
    let due_ms = send_at.map_or_else(|| world.clock.now_ms(), |seconds| seconds.saturating_mul(1000));
    let id = ids::delivery_id(&*world.clock);
    world.deliveries.add(Delivery {
        sequence: 0,
        id: id.clone(),
        person,
        identifiers,
        source: Source::Transactional(wording.transactional_id),
        name: wording.name,
        channel,
        content: wording.content,
        to,
        bcc,
        fake_bcc: flag(&body, "fake_bcc").unwrap_or(false),
        headers,
        trigger,
        send_to_unsubscribed: wording.send_to_unsubscribed,
        queue_draft: wording.queue_draft,
        retains_body: wording.retains_body,
        tracked: flag(&body, "tracked").unwrap_or(true),
        created: queued_at,
        due_ms,
        stage: Stage::Scheduled,
        verdict,
        rendered: None,
        failure: None,
        metrics: [("created", queued_at)].into(),
        links: Vec::new(),
        clicks: Vec::new(),
        coming: Vec::new(),
    });
    world.settle();
    let mut answer = json!({"delivery_id": id, "queued_at": queued_at});
    if let Some(send_at) = send_at {
        answer["send_at"] = json!(send_at);
    }
    Ok(Reply::ok(&answer))
}

fn refuse(error: &str) -> Reply {
    Reply::meta_error(400, error)
}

fn given<'a>(body: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn flag(body: &Map<String, Value>, key: &str) -> Option<bool> {
    body.get(key).and_then(Value::as_bool)
}

/// Exactly one identifier; an e-mail with a template may do without.
fn identifiers(body: &Map<String, Value>, channel: Channel) -> Result<Option<Identifier>, Reply> {
    match body.get("identifiers") {
        Some(Value::Object(object)) => {
            Identifier::from_object(object).map(Some).map_err(|error| refuse(&format!("identifiers: {error}")))
        }
        None | Some(Value::Null) if channel == Channel::Email && template_name(body).is_some() => Ok(None),
        None | Some(Value::Null) => Err(refuse("identifiers is required")),
        Some(_) => Err(refuse("identifiers must be an object with one of id, email or cio_id")),
    }
}

fn template_name(body: &Map<String, Value>) -> Option<String> {
    match body.get("transactional_message_id")? {
        Value::Null => None,
        value => Some(text_of(value)).filter(|name| !name.is_empty()),
    }
}

/// The address, that of the template unless the request has its own, and the blind copies.
fn recipients(body: &Map<String, Value>, channel: Channel, usual: &str) -> Result<(String, String), Reply> {
    let list = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(refuse(&format!("{key} must be a string"))),
    };
    let (mut to, cc, bcc) = (list("to")?, list("cc")?, list("bcc")?);
    if to.trim().is_empty() && channel.needs_recipient() {
        usual.clone_into(&mut to);
    }
    if to.trim().is_empty() && channel.needs_recipient() {
        return Err(refuse("to is required"));
    }
    let count = [&to, &cc, &bcc].iter().flat_map(|list| list.split(',')).filter(|one| !one.trim().is_empty()).count();
    if channel == Channel::Email && count > MAX_RECIPIENTS {
        return Err(refuse(&format!("an email can have at most {MAX_RECIPIENTS} recipients")));
    }
    Ok((to, bcc))
}

/// Attachments are base64 by file name and leave no trace but their checks: the vendor offers no way to read them.
fn check_attachments(body: &Map<String, Value>) -> Result<(), Reply> {
    let attachments = match body.get("attachments") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(attachments)) => attachments,
        Some(_) => return Err(refuse("attachments must be an object of file names and base64")),
    };
    let mut total_bytes = 0;
    for (name, content) in attachments {
        let decoded = content.as_str().and_then(|content| STANDARD.decode(content).ok());
        total_bytes += decoded.ok_or_else(|| refuse(&format!("attachment '{name}' is not base64")))?.len();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        if extension.is_some_and(|extension| REFUSED_ATTACHMENTS.contains(&extension.as_str())) {
            return Err(Reply::meta_error(403, &format!("attachment '{name}' is of a type that is not recognised")));
        }
    }
    if total_bytes >= MAX_ATTACHMENT_BYTES {
        return Err(Reply::meta_error(413, "attachments must be smaller than 2 MB in total"));
    }
    Ok(())
}

fn message_data(body: &Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    match body.get("message_data") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(data)) => Ok(data.clone()),
        Some(_) => Err(refuse("message_data must be an object")),
    }
}

/// A time in the future, in Unix seconds; a past one is now.
fn send_at(body: &Map<String, Value>, now: i64) -> Result<Option<i64>, Reply> {
    match body.get("send_at") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(at) if at > now + MAX_AHEAD_SECONDS => Err(refuse("send_at can be at most 90 days ahead")),
            Some(at) => Ok((at > now).then_some(at)),
            None => Err(refuse("send_at must be a unix timestamp")),
        },
    }
}

/// Headers come as a JSON string; the vendor's own clients also send the object itself.
fn headers(body: &Map<String, Value>) -> Result<Vec<Value>, Reply> {
    let parsed = match body.get("headers") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(other) => other.clone(),
    };
    match parsed {
        Value::Array(list) => Ok(list),
        Value::Object(object) => {
            Ok(object.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect())
        }
        _ => Err(refuse("headers must be a JSON string of headers")),
    }
}

fn wording(world: &mut World, body: &Map<String, Value>, channel: Channel) -> Result<Wording, Reply> {
    let draft = flag(body, "queue_draft");
    let hidden = flag(body, "disable_message_retention");
    let unsubscribed = flag(body, "send_to_unsubscribed");
    let Some(name) = template_name(body) else {
        return Ok(Wording {
            transactional_id: INLINE_ID,
            name: String::new(),
            content: inline(body, channel)?,
            send_to_unsubscribed: unsubscribed.unwrap_or(true),
            queue_draft: draft.unwrap_or(false),
            retains_body: !hidden.unwrap_or(false),
        });
    };
    let id = match world.transactional_named(&name) {
        Some(message) if message.channel == channel => message.id,
        Some(_) => return Err(refuse(&format!("transactional message '{name}' belongs to another channel"))),
        // The documented promise: a name, never a number, and not on WhatsApp.
        None if flag(body, "auto_create") == Some(true)
            && name.parse::<u64>().is_err()
            && channel != Channel::Whatsapp =>
        {
            world.create_transactional(&name, channel)
        }
        None => return Err(refuse(&format!("transactional message '{name}' does not exist"))),
    };
    let message = world.transactional.get(&id).ok_or_else(|| refuse("transactional message does not exist"))?;
    let mut content = message.content(given(body, "language")).cloned().unwrap_or_default();
    overridden(&mut content, body, channel);
    Ok(Wording {
        transactional_id: id,
        name: message.name.clone(),
        content,
        send_to_unsubscribed: unsubscribed.unwrap_or(message.send_to_unsubscribed),
        queue_draft: draft.unwrap_or(message.queue_drafts),
        retains_body: !hidden.unwrap_or(message.hide_message_body),
    })
}

/// An e-mail without a template: body, subject and from, all three.
fn inline(body: &Map<String, Value>, channel: Channel) -> Result<Content, Reply> {
    if channel != Channel::Email {
        return Err(refuse("transactional_message_id is required"));
    }
    if ["body", "subject", "from"].iter().any(|key| given(body, key).is_none()) {
        return Err(refuse("transactional_message_id, or body, subject and from, is required"));
    }
    let mut content = Content { id: INLINE_ID, ..Content::default() };
    overridden(&mut content, body, channel);
    Ok(content)
}

/// What a request may word differently from its template.
fn overridden(content: &mut Content, body: &Map<String, Value>, channel: Channel) {
    let mut replace = |field: &str, target: fn(&mut Content) -> &mut String| {
        if let Some(text) = given(body, field) {
            text.clone_into(target(content));
        }
    };
    match channel {
        Channel::Email => {
            replace("from", |content| &mut content.from);
            replace("reply_to", |content| &mut content.reply_to);
            replace("subject", |content| &mut content.subject);
            replace("preheader", |content| &mut content.preheader);
            replace("body", |content| &mut content.body);
        }
        Channel::Push => {
            replace("title", |content| &mut content.subject);
            replace("message", |content| &mut content.body);
        }
        Channel::Sms | Channel::Whatsapp => replace("from", |content| &mut content.from),
        Channel::InApp | Channel::InboxMessage | Channel::Webhook => {}
    }
}

/// Who gets it. An unknown id or e-mail creates its person; a suppressed one gets nothing.
fn addressee(world: &mut World, named: Option<&Identifier>) -> Result<(Option<PersonKey>, Option<Verdict>), Reply> {
    let Some(named) = named else { return Ok((None, None)) };
    if world.suppressed.contains(named) {
        return Ok((None, Some(Verdict::Undeliverable("the recipient is suppressed".to_owned()))));
    }
    match world.find_or_create(named) {
        Some(key) => Ok((Some(key), None)),
        None => Err(refuse(&format!("no person has the {} '{}'", named.kind(), named.value()))),
    }
}

fn unknown(named: Option<&Identifier>) -> Value {
    let mut identifiers = nobody();
    if let Some(named) = named {
        identifiers[named.kind()] = json!(named.value());
    }
    identifiers
}

/// What a template reads as `customer`: text, as the App API shows it, but lists and objects as they are.
pub(super) fn customer_namespace(person: &Person) -> Map<String, Value> {
    readable(&person.attributes)
}
