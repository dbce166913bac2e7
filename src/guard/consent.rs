//! Consent: whether somebody gets messages is theirs to say. To stop is always allowed; to begin again asks a human.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Call, Guards,
    identity::{Identified, UpsertAction},
};

/// The attribute by which somebody is unsubscribed from everything.
pub const UNSUBSCRIBED: &str = "unsubscribed";
/// The attribute that holds what somebody chose of topics and channels.
pub const PREFERENCES: &str = "cio_subscription_preferences";

/// What a plan says of a call that subscribes somebody.
const SUBSCRIBES: &str = "it subscribes somebody who exists, which takes their own consent";

/// Whether attributes, once written, make somebody receive what they had stopped.
pub fn subscribes(attributes: &Map<String, Value>) -> bool {
    attributes.iter().any(|(name, value)| match name.split_once('.').map_or(name.as_str(), |(root, _)| root) {
        UNSUBSCRIBED => !is_true(value),
        PREFERENCES => may_subscribe(value),
        _ => false,
    })
}

/// Taking a choice away leaves the default, which may be to be subscribed.
fn may_subscribe(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty() || map.values().any(may_subscribe),
        Value::Bool(subscribed) => *subscribed,
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if !inner.is_string() => may_subscribe(&inner),
            _ => !text.eq_ignore_ascii_case("false"),
        },
        _ => true,
    }
}

/// What a plan says of an event whose data would say who a message goes to, or whom it is from.
pub const REDIRECTS: &str = "its data would change whom a message goes to, or whom it is from";

/// Whether the data of an event overrides recipient or sender of the messages it sets off (behaviour notes, section 3).
pub fn redirects(data: &Map<String, Value>) -> bool {
    ["recipient", "from_address", "reply_to"].iter().any(|name| data.contains_key(*name))
}

/// As Customer.io reads it (behaviour notes, section 3).
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => text.eq_ignore_ascii_case("true") || text == "1",
        _ => false,
    }
}

impl Guards {
    /// What asks for a human whatever the recipient: what the arguments say, and a subscription of somebody who is not
    /// new and so may have said no.
    pub(super) fn escalations(&self, call: &Call<'_>, identified: &Identified) -> Vec<Cow<'static, str>> {
        let mut asks: Vec<Cow<'static, str>> = call.intent.escalations.iter().copied().map(Cow::Borrowed).collect();
        asks.extend(self.weigh_links(call).map(Cow::Owned));
        let is_new = matches!(identified.action, Some(UpsertAction::Create));
        if call.intent.subscribes && !is_new {
            asks.push(Cow::Borrowed(SUBSCRIBES));
        }
        asks
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_may_begin_messages_again_subscribes() {
        let says = |attributes: Value| subscribes(attributes.as_object().unwrap());
        for stops in [
            json!({ "unsubscribed": true }),
            json!({ "unsubscribed": "TRUE" }),
            json!({ "unsubscribed": 1 }),
            json!({ "cio_subscription_preferences.topics.topic_1": false }),
            json!({ "cio_subscription_preferences": { "topics": { "topic_1": false }, "channels": { "email": false } } }),
            json!({ "cio_subscription_preferences": "{\"topics\":{\"topic_1\":false}}" }),
            json!({ "plan": "gold", "unsubscribed_at": 1 }),
            json!({}),
        ] {
            assert!(!says(stops.clone()), "{stops}");
        }
        for begins in [
            json!({ "unsubscribed": false }),
            json!({ "unsubscribed": "" }),
            json!({ "unsubscribed": null }),
            json!({ "unsubscribed": "no" }),
            json!({ "cio_subscription_preferences.topics.topic_1": true }),
            json!({ "cio_subscription_preferences.topics.topic_1": "" }),
            json!({ "cio_subscription_preferences": { "topics": { "topic_1": false, "topic_2": true } } }),
            json!({ "cio_subscription_preferences": "{\"topics\":{\"topic_1\":true}}" }),
            json!({ "cio_subscription_preferences": null }),
            json!({ "cio_subscription_preferences": {} }),
        ] {
            assert!(says(begins.clone()), "{begins}");
        }
    }
}
