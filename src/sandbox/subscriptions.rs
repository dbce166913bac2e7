//! Subscription topics and channels, and what a person chose (behaviour.md section 10).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    attributes::PREFERENCES,
    fixture::Topic,
    identifiers::Identifier,
    people::Person,
    profiles,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::clock::random_bytes;

/// How long the link to a person's subscription center is good for.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// `GET /v1/subscription_topics`.
pub(super) fn topics(world: &mut World, _call: &Call) -> Answer {
    let topics: Vec<_> = world
        .topics
        .iter()
        .map(|topic| {
            json!({
                "id": topic.id,
                "identifier": topic.identifier(),
                "name": topic.name,
                "description": topic.description,
                "subscribed_by_default": topic.subscribed_by_default,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"topics": topics})))
}

/// `GET /v1/subscription_channels`: empty unless the subscription center offers channels.
pub(super) fn channels(world: &mut World, _call: &Call) -> Answer {
    let channels: Vec<_> = world
        .subscription_center
        .channels
        .iter()
        .map(|channel| {
            json!({
                "id": channel.id,
                "type": channel.kind,
                "name": channel.name,
                "description": channel.description,
                "subscribed_by_default": channel.subscribed_by_default,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"channels": channels})))
}

/// `GET /v1/customers/{customer_id}/subscription_preferences`, in the language of the query or, without one, of the
/// `Accept-Language` header.
pub(super) fn preferences(world: &mut World, call: &Call) -> Answer {
    let person = profiles::named(world, call)?;
    let header = call.headers.get("accept-language").and_then(|value| value.to_str().ok());
    let first = header.and_then(|header| header.split([',', ';']).next()).map(str::trim);
    let language = call.query("language").or(first).unwrap_or_default();
    let chosen = chosen(person);
    let center = &world.subscription_center;
    let topics: Vec<_> = world.topics.iter().map(|topic| shown_topic(topic, language, &chosen)).collect();
    let channels: Vec<_> = center
        .channels
        .iter()
        .map(|channel| {
            let subscribed = chosen["channels"][&channel.kind].as_bool().unwrap_or(channel.subscribed_by_default);
            json!({"id": channel.id, "type": channel.kind, "name": channel.name, "description": channel.description,
                "subscribed": subscribed})
        })
        .collect();
    Ok(Reply::ok(&json!({"customer": {
        "id": person.id(),
        "identifiers": person.identifiers(),
        "unsubscribed": person.is_unsubscribed(),
        "header": center.header,
        "subheader": center.subheader,
        "topics": topics,
        "channels": channels,
    }})))
}

/// Preferences arrive as an object or as its JSON text.
fn chosen(person: &Person) -> Value {
    match person.attributes.get(PREFERENCES).map(|attribute| &attribute.value) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn shown_topic(topic: &Topic, language: &str, chosen: &Value) -> Value {
    let identifier = topic.identifier();
    let subscribed = chosen["topics"][&identifier].as_bool().unwrap_or(topic.subscribed_by_default);
    let translated = topic.translations.iter().find(|entry| entry.language.eq_ignore_ascii_case(language));
    let (name, description) = match translated {
        Some(entry) => (&entry.name, &entry.description),
        None => (&topic.name, &topic.description),
    };
    json!({"id": topic.id, "identifier": identifier, "name": name, "description": description,
        "subscribed": subscribed})
}

/// `GET /v1/subscription_center/{customer_id}/token`: the kind of identifier is guessed from its shape, there being no
/// `id_type`, and somebody unknown is a 400.
pub(super) fn token(world: &mut World, call: &Call) -> Answer {
    let named = Identifier::from_shape(call.param("customer_id"));
    let person = world.people.find(&named).and_then(|key| world.people.get(key));
    let cio_id = person.map(|person| person.cio_id.clone()).ok_or_else(|| world.app_error(400, "bad request"))?;
    let claim = format!("{cio_id}.{}", world.now() + TOKEN_SECONDS);
    // Made when first needed, so that a workspace nobody asks for a link mints the same ids as before.
    let key = *world.link_key.get_or_insert_with(|| random_bytes::<32>(&*world.clock));
    let signature = Hmac::<Sha256>::new_from_slice(&key)
        .map(|mac| mac.chain_update(claim.as_bytes()).finalize().into_bytes())
        .unwrap_or_default();
    let token = format!("{}.{}", URL_SAFE_NO_PAD.encode(&claim), URL_SAFE_NO_PAD.encode(signature));
    Ok(Reply::ok(&json!({"token": token, "url": format!("https://sandbox.example.com/u/i/{token}/")})))
}
