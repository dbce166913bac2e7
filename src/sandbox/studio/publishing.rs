//! Linking an e-mail to a message, and publishing it there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    body,
    emails::{Draft, find, find_mut},
    error, missing,
};
use crate::{
    liquid,
    sandbox::{
        ids,
        reply::{Answer, Reply},
        request::Call,
        transactional::{Channel, Content},
        world::World,
    },
};

/// `POST /v1/design_studio/emails/{id}/link`. Of the vendor's targets there are transactional messages here, by
/// `transactional_message_id`; another target is unknown.
pub(in crate::sandbox) fn link(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.node.id.clone();
    let body = body(call)?;
    let target = body.get("target").and_then(Value::as_object).ok_or_else(|| error(400, "missing target"))?;
    let force = body.get("force").and_then(Value::as_bool).unwrap_or(false);
    let number = target.get("transactional_message_id").or_else(|| target.get("id")).and_then(Value::as_u64);
    let message = number.and_then(|number| world.transactional.get(&number)).ok_or_else(missing)?;
    if message.channel != Channel::Email {
        return Err(error(422, "the target is not an email"));
    }
    let (number, template) = (message.id, message.contents.first().map(|content| content.id));
    let other = world.studio.emails.values().find(|email| email.link == Some(number) && email.node.id != id);
    if let Some(other) = other.map(|email| email.node.id.clone()) {
        if !force {
            return Err(error(409, "the target is linked to another email"));
        }
        if let Some(other) = world.studio.emails.get_mut(&other) {
            other.link = None;
        }
    }
    let email = find_mut(world, call)?;
    email.link = Some(number);
    // What was published was published to another message.
    email.published = None;
    Ok(Reply::ok(&json!({"node_id": id, "target": target, "template_id": template})))
}

/// `POST /v1/design_studio/emails/{id}/publish`: at once, in every language. Liquid that cannot be parsed is a 422.
pub(in crate::sandbox) fn publish(world: &mut World, call: &Call) -> Answer {
    let (email, now) = (find(world, call)?.clone(), world.now());
    let number = email.link.ok_or_else(|| error(409, "the email is not linked"))?;
    let (default, languages) = email.wording();
    for draft in std::iter::once(&default).chain(languages.values()) {
        for key in ["subject", "preheader_text", "html"] {
            liquid::variables(draft.text(key)).map_err(|problem| error(422, &format!("{key}: {problem}")))?;
        }
    }
    let (version, next) = (ids::uuid(&*world.clock), world.next_content_id());
    let from = sender(world, &default);
    let message = world.transactional.get_mut(&number).ok_or_else(missing)?;
    message.updated_at = now;
    write(&mut message.contents, &default, "", from.as_deref(), next);
    for (place, (language, draft)) in languages.iter().enumerate() {
        write(&mut message.contents, draft, language, from.as_deref(), next + 1 + place as u64);
    }
    let ids: BTreeMap<_, _> = message.contents.iter().map(|content| (content.language.clone(), content.id)).collect();
    let email = find_mut(world, call)?;
    let (place, _) = email.save(version, "Published", "", now, true);
    let version_id = email.version_id(place).to_owned();
    email.published = Some((default, languages));
    let nodes = std::iter::once((&email.node.id, ""))
        .chain(email.languages.iter().map(|(language, (id, _))| (id, language.as_str())));
    let mappings: Vec<_> = nodes
        .map(|(node, language)| {
            json!({"node_id": node, "template_id": ids.get(language), "version_id": version_id, "language": language})
        })
        .collect();
    Ok(Reply::ok(&json!({"status": "done", "mappings": mappings})))
}

/// The address of the sender an e-mail names.
fn sender(world: &World, draft: &Draft) -> Option<String> {
    let id = draft.envelope.get("from_id")?.as_u64()?;
    let sender = world.senders.iter().find(|sender| sender.id == id)?;
    Some(format!("{} <{}>", sender.name, sender.email))
}

/// Puts a wording into the content of its language, which may be new.
fn write(contents: &mut Vec<Content>, draft: &Draft, language: &str, from: Option<&str>, next: u64) {
    let place = contents.iter().position(|content| content.language == language).unwrap_or_else(|| {
        let base = contents.first().cloned().unwrap_or_default();
        contents.push(Content { id: next, language: language.to_owned(), ..base });
        contents.len() - 1
    });
    let Some(content) = contents.get_mut(place) else { return };
    draft.text("subject").clone_into(&mut content.subject);
    draft.text("preheader_text").clone_into(&mut content.preheader);
    draft.text("html").clone_into(&mut content.body);
    if let Some(from) = from {
        from.clone_into(&mut content.from);
    }
}

/// `GET /v1/design_studio/emails/{id}/publish_status`: publishing never waits here, so no publish has an id to ask for.
pub(in crate::sandbox) fn status(world: &mut World, call: &Call) -> Answer {
    find(world, call)?;
    match call.query("publish_id").filter(|id| !id.is_empty()) {
        None => Err(error(400, "publish_id is required")),
        Some(_) => Err(missing()),
    }
}

/// `GET /v1/design_studio/emails/{id}/unpublished_changes`.
pub(in crate::sandbox) fn unpublished(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let behind = email.link.is_some() && email.published.as_ref() != Some(&email.wording());
    Ok(Reply::ok(&json!({"node_id": email.node.id, "has_unpublished_changes": behind})))
}
