//! What happened to a person and a message, in order.

use schemars::JsonSchema;
use serde::Serialize;

use super::facts::Facts;
use crate::tools::answer::{Untrusted, untrusted};

/// The most lines: the newest are kept.
const LINES: usize = 25;

/// Something that happened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Moment {
    at: i64,
    what: String,
    /// Its name, by whoever made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Untrusted<String>>,
}

pub(super) fn of(facts: &Facts) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at: Option<i64>, what: String, name: Option<String>| {
        if let Some(at) = at {
            moments.push(Moment { at, what, name: name.filter(|name| !name.is_empty()).map(untrusted) });
        }
    };
    for delivery in &facts.deliveries {
        add(delivery.created, format!("delivery {} created", delivery.id), None);
        for (state, at) in &delivery.metrics {
            if state != "created" {
                add(*at, format!("delivery {} {state}", delivery.id), None);
            }
        }
    }
    for suppression in &facts.suppressions.suppressions {
        add(suppression.created, "address put on a suppression list".to_owned(), suppression.reason.clone());
    }
    for activity in &facts.activities {
        if Facts::is_about_subscription(activity) {
            add(activity.timestamp, "subscription changed".to_owned(), None);
        } else if activity.kind == "event" {
            add(activity.timestamp, "event".to_owned(), activity.name.clone());
        }
    }
    if let Some((_, origin)) = &facts.origin {
        add(origin.sent_at, "newsletter sent".to_owned(), None);
        add(origin.scheduled_at, "newsletter scheduled".to_owned(), None);
    }
    for at in &facts.triggered {
        add(Some(*at), "broadcast triggered".to_owned(), None);
    }
    moments.sort_by_key(|moment| moment.at);
    moments.split_off(moments.len().saturating_sub(LINES))
}
