//! What is personal is masked: by its looks wherever it stands, and by its name in attributes.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::cap::rename;
use crate::guard::{
    identity::identifier::MASK,
    policy::Pii,
    privacy::{Privacy, Sight},
};

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)([\p{L}\p{N}])[\p{L}\p{N}._%+'-]*@([\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+)").ok());
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\+(\d{1,3})[\d\s().-]{4,15}(\d{2})\b").ok());

/// Masks e-mail addresses and phone numbers wherever they stand: `a•••@shop.example`, `+1•••42`.
pub fn mask_text(text: &str) -> String {
    let mut masked = text.to_owned();
    if text.contains('@')
        && let Some(pattern) = EMAIL.as_ref()
    {
        masked = pattern.replace_all(&masked, format!("${{1}}{MASK}@${{2}}")).into_owned();
    }
    if text.contains('+')
        && let Some(pattern) = PHONE.as_ref()
    {
        masked = pattern.replace_all(&masked, format!("+${{1}}{MASK}${{2}}")).into_owned();
    }
    masked
}

/// Masks what looks like an address or a number.
pub(super) fn mask_looks(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(['@', '+']) => *text = mask_text(text),
        Value::Array(items) => items.iter_mut().for_each(mask_looks),
        Value::Object(map) => {
            if map.keys().any(|key| key.contains('@')) {
                rename(map, &mask_text);
            }
            map.values_mut().for_each(mask_looks);
        }
        _ => {}
    }
}

/// Where Customer.io and we keep attributes, of people, objects and relationships, and the data of events and messages.
const ATTRIBUTES: &[&str] = &[
    "attributes",
    "relationship_attributes",
    "traits",
    "properties",
    "data",
    "message_data",
    "trigger_data",
    "event_data",
    "customer_attributes",
    "differences",
];

/// In whose hands a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Our own words.
    Ours,
    /// Others' data, which is Customer.io's by its names.
    Others,
    /// Attributes, which are the workspace's by their names.
    Attributes,
}

/// Masks and hides attributes by their names.
pub(super) struct ByName<'a> {
    pub(super) privacy: &'a Privacy,
    pub(super) pii: Pii,
}

impl ByName<'_> {
    /// Looks for attributes in a whole answer.
    pub(super) fn apply(&self, answer: &mut Value) {
        self.visit(answer, Place::Ours);
    }

    fn visit(&self, value: &mut Value, place: Place) {
        match value {
            Value::Array(items) => {
                items.retain(|item| self.of_pair(item, place) != Sight::Hidden);
                for item in items {
                    self.visit(item, place);
                }
            }
            Value::Object(map) => self.visit_object(map, place),
            Value::String(text) if place == Place::Attributes => self.visit_text(text),
            _ => {}
        }
    }

    fn visit_object(&self, map: &mut Map<String, Value>, place: Place) {
        map.retain(|name, _| self.of(name, place) != Sight::Hidden);
        if self.pair(map, place) == Sight::Masked {
            for held in ["value", "from", "to", "written", "read", "before", "after"] {
                if let Some(value) = map.get_mut(held) {
                    mask_whole(value);
                }
            }
        }
        for (name, value) in map.iter_mut() {
            if self.of(name, place) == Sight::Masked {
                mask_whole(value);
            } else {
                self.visit(value, below(name, value, place));
            }
        }
    }

    /// Nested attributes read back as the text of their JSON.
    fn visit_text(&self, text: &mut String) {
        if !text.starts_with(['{', '[']) {
            return;
        }
        let Ok(mut inner) = serde_json::from_str::<Value>(text) else { return };
        let before = inner.clone();
        self.visit(&mut inner, Place::Attributes);
        if inner != before {
            *text = inner.to_string();
        }
    }

    fn of(&self, name: &str, place: Place) -> Sight {
        let sight = match place {
            Place::Ours => Sight::Shown,
            Place::Others => self.privacy.of_operator(name),
            Place::Attributes => self.privacy.of(name),
        };
        if sight == Sight::Masked && self.pii == Pii::Full { Sight::Shown } else { sight }
    }

    /// What is shown of an attribute that is told as a pair of name and value.
    fn pair(&self, map: &Map<String, Value>, place: Place) -> Sight {
        // Differences of a write are told so, in our words about others' data.
        if let Some(Value::String(name)) = map.get("attribute") {
            return self.of(name, Place::Attributes);
        }
        let holds = map.contains_key("value");
        let named = ["name", "field", "key"].into_iter().find_map(|key| map.get(key)?.as_str());
        named.filter(|_| holds).map_or(Sight::Shown, |name| self.of(name, place))
    }

    fn of_pair(&self, item: &Value, place: Place) -> Sight {
        item.as_object().map_or(Sight::Shown, |map| self.pair(map, place))
    }
}

/// Where the value of a name stands.
fn below(name: &str, value: &Value, place: Place) -> Place {
    let nested = value.is_object() || value.is_array();
    match place {
        _ if nested && ATTRIBUTES.contains(&name) => Place::Attributes,
        Place::Ours if matches!(name, "untrusted" | "details") => Place::Others,
        other => other,
    }
}

/// Masks all of a value. That there is none, and whether something is so, is no secret.
fn mask_whole(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if text.is_empty() || matches!(text.as_str(), "true" | "false") => {}
        Value::Array(items) => items.iter_mut().for_each(mask_whole),
        Value::Object(map) => map.values_mut().for_each(mask_whole),
        Value::String(_) | Value::Number(_) => *value = Value::from(MASK),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(privacy: &Value, pii: Pii, mut answer: Value) -> Value {
        let privacy: Privacy = serde_json::from_value(privacy.clone()).unwrap();
        ByName { privacy: &privacy, pii }.apply(&mut answer);
        answer
    }

    #[test]
    fn attributes_are_found_by_structure() {
        let none = json!({});
        for (answer, expected) in [
            (
                json!({ "attributes": { "untrusted": { "phone": "0171 55", "plan": "gold", "ssn": 123, "card": null } } }),
                json!({ "attributes": { "untrusted": { "phone": "•••", "plan": "gold", "ssn": "•••", "card": null } } }),
            ),
            (
                json!({ "answer": { "untrusted": { "customer": { "attributes": { "address": { "street": "X 1" }, "x": 1 } } } } }),
                json!({ "answer": { "untrusted": { "customer": { "attributes": { "address": { "street": "•••" }, "x": 1 } } } } }),
            ),
            (
                json!({ "untrusted": { "activities": [{ "data": { "phone": { "from": "1", "to": "2" }, "has_phone": true } }] } }),
                json!({ "untrusted": { "activities": [{ "data": { "phone": { "from": "•••", "to": "•••" }, "has_phone": true } }] } }),
            ),
            (
                json!({ "untrusted": { "data": [{ "name": "iban", "value": "DE1" }, { "name": "plan", "value": "b" }] } }),
                json!({ "untrusted": { "data": [{ "name": "iban", "value": "•••" }, { "name": "plan", "value": "b" }] } }),
            ),
            (
                json!({ "attributes": { "untrusted": { "home": "{\"street\":\"X 1\",\"floor\":2}", "list": "[1]" } } }),
                json!({ "attributes": { "untrusted": { "home": "{\"street\":\"•••\",\"floor\":2}", "list": "[1]" } } }),
            ),
            (
                json!({ "not_applied": [{ "attribute": "phone", "written": "1", "read": "2" }] }),
                json!({ "not_applied": [{ "attribute": "phone", "written": "•••", "read": "•••" }] }),
            ),
            // What Customer.io names so is none of theirs.
            (
                json!({ "plan_token": "abc", "answer": { "untrusted": { "sender": { "address": "Shop", "token": "t" } } } }),
                json!({ "plan_token": "abc", "answer": { "untrusted": { "sender": { "address": "Shop", "token": "t" } } } }),
            ),
        ] {
            assert_eq!(shown(&none, Pii::Masked, answer), expected);
        }
    }

    #[test]
    fn the_operators_lists_hold_wherever_others_data_stands() {
        let lists = json!({ "mask": ["income"], "hide": ["internal_*"], "show": ["phone"] });
        let answer = json!({
            "income": 1,
            "a": { "untrusted": { "income": 2, "x": { "internal_note": "n", "data": { "phone": "3", "ssn": "4" } } } },
            "pairs": { "untrusted": { "data": [{ "name": "internal_note", "value": "n" }] } },
        });
        let masked = json!({
            "income": 1,
            "a": { "untrusted": { "income": "•••", "x": { "data": { "phone": "3", "ssn": "•••" } } } },
            "pairs": { "untrusted": { "data": [] } },
        });
        assert_eq!(shown(&lists, Pii::Masked, answer.clone()), masked);
        let full = json!({
            "income": 1,
            "a": { "untrusted": { "income": 2, "x": { "data": { "phone": "3", "ssn": "4" } } } },
            "pairs": { "untrusted": { "data": [] } },
        });
        assert_eq!(shown(&lists, Pii::Full, answer), full);
    }
}
