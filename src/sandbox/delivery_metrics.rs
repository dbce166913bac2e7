//! What a channel or a recipient reports about a delivery: metrics and unsubscribes (behaviour.md section 4).
//!
//! None of these calls carries a credential: whoever has the id of a delivery may report on it.

use axum::http::header::CONTENT_TYPE;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    deliveries::{Stage, Verdict},
    identifiers::Identifier,
    identify::{Upsert, unix_seconds},
    profiles::track_object,
    reactions::Click,
    reply::{Answer, Reply},
    request::Call,
    transactional::Channel,
    world::World,
};

const METRICS: [&str; 8] = ["bounced", "clicked", "converted", "deferred", "delivered", "dropped", "opened", "spammed"];
/// Fewer bytes than this are no delivery's id.
const MIN_ID_BYTES: usize = 16;

/// One report.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    pub(super) delivery_id: String,
    pub(super) metric: &'static str,
    /// Unix seconds; `None` is now.
    pub(super) at: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) href: Option<String>,
    pub(super) recipient: Option<String>,
}

impl Report {
    /// The metric of that name, if there is one.
    pub(super) fn metric(name: &str) -> Option<&'static str> {
        METRICS.into_iter().find(|metric| *metric == name)
    }
}

impl Channel {
    /// Whether this channel has that metric, by the vendor's table. `WhatsApp` is not in it and is taken for SMS, an
    /// inbox message for an in-app one.
    fn reports(self, metric: &str) -> bool {
        let metrics: &[&str] = match self {
            Self::Email => &METRICS,
            Self::Push => &["converted", "delivered", "opened"],
            Self::Sms | Self::Whatsapp => &["bounced", "clicked", "delivered", "opened"],
            Self::InApp | Self::InboxMessage => &["clicked", "converted", "opened"],
            // Nobody but the sandbox calls a webhook, so nobody else knows what became of it.
            Self::Webhook => &[],
        };
        metrics.contains(&metric)
    }
}

impl World {
    /// Moves a delivery's metrics and its log. An unknown delivery, one that never left, and a metric that its channel
    /// does not have change nothing.
    pub(super) fn report(&mut self, report: &Report) {
        let now = self.now();
        let Some(place) = self.deliveries.place(&report.delivery_id) else { return };
        let Some(delivery) = self.deliveries.list.get_mut(place) else { return };
        let never_left = matches!(delivery.verdict, Some(Verdict::Fails(_) | Verdict::Undeliverable(_)))
            || delivery.metrics.contains_key("drafted");
        if never_left || !delivery.channel.reports(report.metric) {
            return;
        }
        let at = report.at.unwrap_or(now);
        match report.metric {
            "bounced" | "dropped" => {
                delivery.failure.clone_from(&report.reason);
                // It will not arrive by itself any more.
                if delivery.stage == Stage::Sent {
                    delivery.stage = Stage::Settled;
                }
            }
            "delivered" if delivery.stage == Stage::Sent => delivery.stage = Stage::Settled,
            "clicked" => {
                if let Some(href) = &report.href {
                    delivery.clicks.push(Click { link: self.links.number(href), at, machine: false });
                }
            }
            _ => {}
        }
        let told = [("href", &report.href), ("reason", &report.reason), ("recipient", &report.recipient)];
        let told = told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?))));
        self.note_with(place, report.metric, at, told.collect());
    }

    /// Sets what the recipient of a delivery wants, and attributes an unsubscribe to the delivery.
    fn unsubscribe(&mut self, delivery_id: &str, unsubscribed: bool) {
        let now = self.now();
        let Some(place) = self.deliveries.place(delivery_id) else { return };
        let person = self.deliveries.list.get(place).and_then(|delivery| delivery.person);
        if unsubscribed {
            self.note(place, "unsubscribed", now);
        }
        let Some(person) = person.and_then(|key| self.people.get(key)) else { return };
        let named = Identifier::CioId(person.cio_id.clone());
        let attributes = Map::from_iter([("unsubscribed".to_owned(), json!(unsubscribed))]);
        self.upsert(&Upsert::new(named, attributes, false));
    }
}

fn given(body: &Map<String, Value>, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Reads a report whose metric stands under `metric_key`.
fn parse(body: &Map<String, Value>, metric_key: &str) -> Result<Report, String> {
    let delivery_id = given(body, "delivery_id").ok_or("delivery_id is required")?;
    let name = given(body, metric_key).ok_or_else(|| format!("{metric_key} is required"))?;
    let metric = Report::metric(&name).ok_or_else(|| format!("{metric_key} must be one of {}", METRICS.join(", ")))?;
    Ok(Report {
        delivery_id,
        metric,
        at: body.get("timestamp").and_then(unix_seconds),
        reason: given(body, "reason"),
        href: given(body, "href"),
        recipient: given(body, "recipient"),
    })
}

/// `POST /api/v1/metrics`.
pub(super) fn metrics(world: &mut World, call: &Call) -> Answer {
    let body = track_object(call).map_err(Reply::meta_errors)?;
    world.report(&parse(&body, "metric").map_err(Reply::meta_errors)?);
    Ok(Reply::accepted())
}

/// `POST /api/v1/push/events`: the older call, for push alone. Nothing in it is declared required, and only 200 is
/// declared: a report of no delivery or without an event is accepted as one of nothing.
pub(super) fn push_events(world: &mut World, call: &Call) -> Answer {
    let body = track_object(call).map_err(Reply::meta_errors)?;
    if ["delivery_id", "event"].iter().any(|key| given(&body, key).is_none()) {
        return Ok(Reply::accepted());
    }
    let report = parse(&body, "event").map_err(Reply::meta_errors)?;
    let is_push = world.deliveries.get(&report.delivery_id).is_some_and(|delivery| delivery.channel == Channel::Push);
    if is_push {
        world.report(&Report { recipient: given(&body, "device_id"), ..report });
    }
    Ok(Reply::accepted())
}

/// `POST /unsubscribe/{delivery_id}`.
pub(super) fn unsubscribe(world: &mut World, call: &Call) -> Answer {
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.trim_start().to_ascii_lowercase().starts_with("application/json") {
        return Err(Reply::meta_errors("Content-Type must be application/json"));
    }
    let id = call.param("delivery_id");
    let decoded = URL_SAFE_NO_PAD.decode(id.trim_end_matches('='));
    if !decoded.is_ok_and(|bytes| bytes.len() >= MIN_ID_BYTES) {
        return Err(Reply::meta_errors("delivery_id is malformed"));
    }
    let body = track_object(call).map_err(Reply::meta_errors)?;
    let Some(unsubscribed) = body.get("unsubscribe").and_then(Value::as_bool) else {
        return Err(Reply::meta_errors("unsubscribe must be a boolean"));
    };
    world.unsubscribe(id, unsubscribed);
    Ok(Reply::accepted())
}
