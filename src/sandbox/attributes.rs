//! Attribute values: how they are limited, kept and read back (behaviour.md sections 2, 3 and 6).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The vendor's limits, in bytes of UTF-8.
pub(super) const MAX_ATTRIBUTES: usize = 300;
const MAX_NAME_BYTES: usize = 150;
const MAX_VALUE_BYTES: usize = 1000;
/// The attribute that holds subscription preferences, read back as a JSON string.
pub(super) const PREFERENCES: &str = "cio_subscription_preferences";

/// A value and when it was last set, in Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribute {
    pub(super) value: Value,
    pub(super) updated_at: i64,
}

/// What a person knows, by name.
pub(super) type Attributes = BTreeMap<String, Attribute>;

/// The string a value reads back as: the App API shows every attribute as text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // 12.0 was sent as a number and reads as one without its fraction.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Any casing of "true", 1 and "1" are true; all else is false.
pub(super) fn is_true(value: &Value) -> bool {
    let text = text_of(value);
    text == "1" || text.eq_ignore_ascii_case("true")
}

/// Null and "" take an attribute away.
pub(super) fn removes(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Checks what Track checks before accepting attributes of a person; the texts are the vendor's where they are known.
pub(super) fn check(attributes: &Map<String, Value>) -> Result<(), String> {
    check_sizes(attributes)?;
    match attributes.get("id") {
        Some(Value::String(id)) if id.is_empty() => Err("id attribute cannot be an empty string".to_owned()),
        Some(Value::String(id)) if id.len() > MAX_NAME_BYTES => {
            Err(format!("id attribute cannot be longer than {MAX_NAME_BYTES} bytes"))
        }
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(_) => Err("id attribute must be a string value".to_owned()),
    }
}

/// The limits that hold for people, objects and relationships alike.
pub(super) fn check_sizes(attributes: &Map<String, Value>) -> Result<(), String> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(format!("cannot identify more than {MAX_ATTRIBUTES} attributes in one request"));
    }
    for (name, value) in attributes {
        if name.is_empty() {
            return Err("attribute name cannot be blank".to_owned());
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(format!("attribute name cannot be longer than {MAX_NAME_BYTES} bytes"));
        }
        if name != PREFERENCES && text_of(value).len() > MAX_VALUE_BYTES {
            return Err(format!("value for attribute '{name}' cannot be longer than {MAX_VALUE_BYTES} bytes"));
        }
    }
    Ok(())
}

/// Sets one attribute, by dot notation inside a nested one. Returns the value before and after as text if it changed.
///
/// `at` orders updates: one older than what is kept changes nothing.
pub(super) fn set(attributes: &mut Attributes, name: &str, value: &Value, at: i64) -> Option<(String, String)> {
    let (root, path) = match name.split_once('.') {
        Some((root, path)) if !root.is_empty() && !path.is_empty() => (root, Some(path)),
        _ => (name, None),
    };
    let current = attributes.get(root);
    if current.is_some_and(|attribute| attribute.updated_at > at) {
        return None;
    }
    let before = current.map(|attribute| attribute.value.clone()).unwrap_or_default();
    let after = match path {
        None if removes(value) => Value::Null,
        None => value.clone(),
        Some(path) => {
            let mut nested = if before.is_object() { before.clone() } else { Value::Object(Map::new()) };
            set_nested(&mut nested, path, value);
            nested
        }
    };
    if after.is_null() {
        attributes.remove(root)?;
    } else {
        attributes.insert(root.to_owned(), Attribute { value: after.clone(), updated_at: at });
    }
    (before != after).then(|| (text_of(&before), text_of(&after)))
}

fn set_nested(target: &mut Value, path: &str, value: &Value) {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let Value::Object(object) = target else { return };
    match rest {
        None if removes(value) => {
            object.shift_remove(key);
        }
        None => {
            object.insert(key.to_owned(), value.clone());
        }
        Some(rest) => {
            let inner = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            set_nested(inner, rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_back_as_text() {
        let read = [json!(12.0), json!(12.5), json!(true), json!("x"), json!({"a": 1})].map(|value| text_of(&value));
        assert_eq!(read, ["12", "12.5", "true", "x", r#"{"a":1}"#]);
    }

    #[test]
    fn dot_notation_changes_one_nested_key() {
        let mut attributes = Attributes::new();
        set(&mut attributes, "prefs", &json!({"a": 1, "b": {"c": 2}}), 1);
        set(&mut attributes, "prefs.b.c", &json!(3), 2);
        set(&mut attributes, "prefs.d.e", &json!(4), 2);
        assert_eq!(attributes["prefs"].value, json!({"a": 1, "b": {"c": 3}, "d": {"e": 4}}));
    }

    #[test]
    fn an_older_update_changes_nothing() {
        let mut attributes = Attributes::new();
        set(&mut attributes, "plan", &json!("pro"), 10);
        assert_eq!(set(&mut attributes, "plan", &json!("free"), 9), None);
        assert_eq!(attributes["plan"].value, json!("pro"));
    }
}
