//! What a write has come to: Customer.io answers 200 whatever happens, so people are read back.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::context::CallContext;
use crate::{
    api::people::{Person, PersonPath},
    error::ToolError,
};

/// What a write has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum WriteResult {
    /// Read back and equal.
    Applied,
    /// Accepted by Customer.io; not visible yet, or not readable.
    Accepted,
    /// Visible, and different from what was written.
    NotApplied,
    /// Some of it is visible, some is different.
    PartiallyApplied,
}

/// An attribute that reads differently from what was written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Difference {
    /// Its name.
    pub attribute: String,
    /// What was written; left out where null was.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "any_value", default)]
    pub written: Value,
    /// What is read; left out if it is not there.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "any_value", default)]
    pub read: Value,
}

/// A value of any type but null, each type a branch of its own: clients warn of a schema without a type, and of one
/// with several.
fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "string" }, { "type": "number" }, { "type": "boolean" }, { "type": "object" }, { "type": "array" },
    ] })
}

/// Reads a person until `settled` says enough, or patience ends; answers the last look.
///
/// An error is of the look alone. The write before it was accepted, so it must never become the error of the call.
pub(super) async fn read_back(
    cx: &CallContext<'_>,
    path: &PersonPath,
    settled: impl Fn(Option<&Person>) -> bool,
) -> Result<Option<Person>, ToolError> {
    let mut person = cx.api().person(&cx.scope, path).await?;
    for wait in &cx.workspace.timing.read_back {
        if settled(person.as_ref()) || tokio::time::Instant::now() + *wait >= cx.scope.deadline {
            break;
        }
        tokio::time::sleep(*wait).await;
        person = cx.api().person(&cx.scope, path).await?;
    }
    Ok(person)
}

/// Where the attributes read differ from those written.
pub(super) fn differences(written: &Map<String, Value>, read: &Map<String, Value>) -> Vec<Difference> {
    written
        .iter()
        .filter_map(|(name, written)| {
            let read = value_at(read, name);
            let differs = !same(written, read.as_ref());
            differs.then(|| Difference {
                attribute: name.clone(),
                written: written.clone(),
                read: read.unwrap_or_default(),
            })
        })
        .collect()
}

/// What an attribute reads as, or with dots in its name a value inside of one, which Customer.io shows as JSON.
fn value_at(read: &Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(value) = read.get(name) {
        return Some(value.clone());
    }
    let (root, path) = name.split_once('.')?;
    let nested: Value = serde_json::from_str(read.get(root)?.as_str()?).ok()?;
    let value = path.split('.').try_fold(&nested, |value, key| value.get(key))?;
    Some(match value {
        Value::Number(_) | Value::Bool(_) => Value::String(value.to_string()),
        other => other.clone(),
    })
}

/// Whether a read shows any of the attributes as set since the write, in Unix seconds: Customer.io dates each of them.
/// Until it does, it may be from before the write, and is no verdict on it.
pub(super) fn shows_since(read: &Person, written: &Map<String, Value>, since: i64) -> bool {
    let set_at = |name: &String| read.timestamps.get(name.split('.').next()?)?.as_i64();
    written.keys().filter_map(set_at).any(|at| at >= since)
}

/// The result that a count of differences amounts to.
pub(super) fn result(written: usize, different: usize) -> WriteResult {
    match different {
        0 => WriteResult::Applied,
        n if n >= written.max(1) => WriteResult::NotApplied,
        _ => WriteResult::PartiallyApplied,
    }
}

/// Whether a value reads as written: Customer.io shows every attribute as a string, and an empty one not at all.
fn same(written: &Value, read: Option<&Value>) -> bool {
    let is_empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    let Some(read) = read.filter(|read| !is_empty(read)) else { return is_empty(written) };
    if written == read {
        return true;
    }
    match (written, read) {
        (Value::String(written), Value::String(read)) => written == read,
        (Value::Number(written), Value::String(read)) => {
            written.to_string() == *read || (written.as_f64().is_some() && written.as_f64() == read.parse().ok())
        }
        (Value::Bool(written), Value::String(read)) => read.eq_ignore_ascii_case(&written.to_string()),
        (Value::Array(_) | Value::Object(_), Value::String(read)) => {
            serde_json::from_str::<Value>(read).is_ok_and(|read| read == *written)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_compare_as_customerio_shows_them() {
        for (written, read) in [
            (json!("a"), json!("a")),
            (json!(1), json!("1")),
            (json!(1.5), json!("1.5")),
            (json!(true), json!("true")),
            (json!({ "a": [1] }), json!("{\"a\":[1]}")),
            (json!(null), json!("")),
        ] {
            assert!(same(&written, Some(&read)), "{written} reads as {read}");
        }
        assert!(same(&json!(""), None) && same(&json!(null), None));
        assert!(!same(&json!("a"), None));
        assert!(!same(&json!(1), Some(&json!("2"))));
        assert!(!same(&json!(true), Some(&json!("false"))));
    }

    #[test]
    fn a_dot_in_a_name_leads_inside() {
        let read = json!({ "address": "{\"city\":\"Bonn\",\"geo\":{\"north\":50.7,\"checked\":true}}", "a.b": "1" });
        let different = |written: Value| {
            let found = differences(written.as_object().unwrap(), read.as_object().unwrap());
            found.into_iter().map(|difference| (difference.attribute, difference.read)).collect::<Vec<_>>()
        };
        let equal = json!({
            "address.city": "Bonn", "address.geo.north": 50.7, "address.geo.checked": true, "address.geo":
            { "north": 50.7, "checked": true }, "a.b": 1, "address.street": "", "nowhere.city": null,
        });
        assert_eq!(different(equal), []);
        assert_eq!(different(json!({ "address.city": "Ulm" })), [("address.city".to_owned(), json!("Bonn"))]);
        assert_eq!(different(json!({ "address.city.part": "Ulm" })), [("address.city.part".to_owned(), Value::Null)]);
        assert_eq!(different(json!({ "address.city": "" })), [("address.city".to_owned(), json!("Bonn"))]);
    }

    #[test]
    fn a_result_says_how_much_was_applied() {
        assert_eq!(result(3, 0), WriteResult::Applied);
        assert_eq!(result(3, 1), WriteResult::PartiallyApplied);
        assert_eq!(result(3, 3), WriteResult::NotApplied);
    }
}
