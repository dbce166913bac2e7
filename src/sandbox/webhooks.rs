//! Reporting webhooks: where to report what happens to messages and people (behaviour.md sections 10 and 11).
//!
//! This is their configuration. Nothing is sent yet: whatever will send reads `World::webhooks` where a delivery
//! enters a metric (`lifecycle`) and where a person's subscription changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// What can be reported, by object.
const METRICS: &[(&str, &[&str])] = &[
    ("customer", &["subscribed", "unsubscribed", "subscription_preferences_changed"]),
    (
        "email",
        &[
            "drafted",
            "attempted",
            "sent",
            "delivered",
            "opened",
            "clicked",
            "converted",
            "unsubscribed",
            "bounced",
            "dropped",
            "deferred",
            "spammed",
            "failed",
            "undeliverable",
        ],
    ),
    (
        "push",
        &[
            "drafted",
            "attempted",
            "sent",
            "delivered",
            "opened",
            "clicked",
            "converted",
            "bounced",
            "dropped",
            "failed",
            "undeliverable",
        ],
    ),
    ("in_app", &["drafted", "attempted", "sent", "opened", "clicked", "converted", "failed", "undeliverable"]),
    (
        "sms",
        &[
            "drafted",
            "attempted",
            "sent",
            "delivered",
            "clicked",
            "converted",
            "bounced",
            "failed",
            "undeliverable",
            "replied",
        ],
    ),
    (
        "whatsapp",
        &[
            "drafted",
            "attempted",
            "sent",
            "delivered",
            "opened",
            "clicked",
            "converted",
            "bounced",
            "dropped",
            "failed",
            "undeliverable",
            "replied",
        ],
    ),
    ("slack", &["drafted", "attempted", "sent", "clicked", "converted", "failed", "undeliverable"]),
    ("webhook", &["drafted", "attempted", "sent", "clicked", "converted", "failed", "undeliverable"]),
];

/// One webhook. `events` are named `object_metric`.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    id: u64,
    name: String,
    endpoint: String,
    events: Vec<String>,
    /// Report opens and clicks every time, not only the first.
    full_resolution: bool,
    /// Send the body along with `sent`.
    with_content: bool,
    disabled: bool,
}

impl Webhook {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "endpoint": self.endpoint,
            "disabled": self.disabled,
            "full_resolution": self.full_resolution,
            "with_content": self.with_content,
            "events": self.events,
        })
    }

    /// Reads a whole configuration; the error says what is wrong with it.
    pub(super) fn parse(id: u64, body: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| {
            let text = body.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("{key} is required"))
        };
        let flag = |key: &str| match body.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("{key} must be true or false")),
        };
        let endpoint = text("endpoint")?;
        if url::Url::parse(&endpoint).map_or(true, |url| !matches!(url.scheme(), "http" | "https")) {
            return Err("endpoint must be a URL".to_owned());
        }
        let events = body.get("events").and_then(Value::as_array).filter(|events| !events.is_empty());
        let events: Vec<_> = events
            .ok_or("events must be a list of at least one event")?
            .iter()
            .map(|event| {
                let known = event.as_str().filter(|event| is_event(event));
                known.map(str::to_owned).ok_or_else(|| format!("unknown event {event}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            name: text("name")?,
            endpoint,
            events,
            full_resolution: flag("full_resolution")?,
            with_content: flag("with_content")?,
            disabled: flag("disabled")?,
        })
    }
}

fn is_event(event: &str) -> bool {
    METRICS.iter().any(|(object, metrics)| {
        let metric = event.strip_prefix(object).and_then(|rest| rest.strip_prefix('_'));
        metric.is_some_and(|metric| metrics.contains(&metric))
    })
}

/// All webhooks, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Webhooks {
    list: BTreeMap<u64, Webhook>,
    last_id: u64,
}

impl Webhooks {
    /// Puts a webhook of a fixture in its place.
    pub(super) fn put(&mut self, webhook: Webhook) {
        self.last_id = self.last_id.max(webhook.id);
        self.list.insert(webhook.id, webhook);
    }
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Webhook, Reply> {
    let id: Option<u64> = call.param("webhook_id").parse().ok();
    id.and_then(|id| world.webhooks.list.get(&id)).ok_or_else(|| world.not_found())
}

/// `GET /v1/reporting_webhooks`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let list: Vec<_> = world.webhooks.list.values().map(Webhook::shown).collect();
    Ok(Reply::ok(&json!({"reporting_webhooks": list})))
}

/// `POST /v1/reporting_webhooks`. The webhook stands in the answer without a wrapper.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let id = world.webhooks.last_id + 1;
    let webhook = Webhook::parse(id, &world.object(call)?).map_err(|error| world.app_error(400, &error))?;
    let shown = webhook.shown();
    world.webhooks.last_id = id;
    world.webhooks.list.insert(id, webhook);
    Ok(Reply::ok(&shown))
}

/// `GET /v1/reporting_webhooks/{webhook_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&find(world, call)?.shown()))
}

/// `PUT /v1/reporting_webhooks/{webhook_id}`: the whole configuration, as for a new one.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.id;
    let webhook = Webhook::parse(id, &world.object(call)?).map_err(|error| world.app_error(400, &error))?;
    let shown = webhook.shown();
    world.webhooks.list.insert(id, webhook);
    Ok(Reply::ok(&shown))
}

/// `DELETE /v1/reporting_webhooks/{webhook_id}`: 200 where other deletions answer 204. The vendor's client takes
/// an empty body for `{}`.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.id;
    world.webhooks.list.remove(&id);
    Ok(Reply::ok(&json!({})))
}
