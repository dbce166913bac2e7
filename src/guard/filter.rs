//! Filters of people as Customer.io takes them, and nothing else: what it does not know it might read as everybody.
//!
//! The grammar is behaviour notes, section 5. Only `eq` and `exists` are documented.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::identity::identifier::MASK;

/// The deepest nesting we pass on.
const MAX_DEPTH: usize = 16;
/// The most conditions in one filter.
const MAX_CONDITIONS: usize = 200;

/// A filter of people that Customer.io understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Value);

impl Filter {
    /// The filter as JSON.
    pub const fn as_value(&self) -> &Value {
        &self.0
    }

    /// Reads a filter; the error says what is wrong, without a value of the filter's.
    pub fn parse(value: Value) -> Result<Self, String> {
        let mut conditions = 0;
        check(&value, MAX_DEPTH, &mut conditions)?;
        Ok(Self(value))
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Filter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

fn check(value: &Value, depth: usize, conditions: &mut usize) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or_else(|| format!("a filter is nested at most {MAX_DEPTH} deep"))?;
    *conditions += 1;
    if *conditions > MAX_CONDITIONS {
        return Err(format!("a filter has at most {MAX_CONDITIONS} conditions"));
    }
    let only = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
    match only {
        Some((key, Value::Array(inner))) if key == "and" || key == "or" => {
            if inner.is_empty() {
                return Err(format!("`{key}` holds at least one filter"));
            }
            inner.iter().try_for_each(|inner| check(inner, depth, conditions))
        }
        Some((key, inner)) if key == "not" => check(inner, depth, conditions),
        Some((key, Value::Object(segment))) if key == "segment" => check_segment(segment),
        Some((key, Value::Object(attribute))) if key == "attribute" => check_attribute(attribute),
        _ => Err("a filter is one of {and: [..]}, {or: [..]}, {not: ..}, {segment: {id}} and {attribute: {field, \
                  operator, value}}"
            .to_owned()),
    }
}

fn check_segment(segment: &Map<String, Value>) -> Result<(), String> {
    match segment.get("id").and_then(Value::as_u64) {
        Some(_) if segment.len() == 1 => Ok(()),
        _ => Err("a segment is named by its number alone: {segment: {id: 7}}".to_owned()),
    }
}

fn check_attribute(attribute: &Map<String, Value>) -> Result<(), String> {
    let known = attribute.keys().all(|key| matches!(key.as_str(), "field" | "operator" | "value"));
    let field = attribute.get("field").and_then(Value::as_str).unwrap_or_default();
    if !known || field.is_empty() {
        return Err("an attribute has `field`, `operator` (`eq` or `exists`) and for `eq` a `value`".to_owned());
    }
    match (attribute.get("operator").and_then(Value::as_str), attribute.get("value")) {
        (Some("eq"), Some(Value::String(text))) if text.contains(MASK) => {
            Err("a `value` is masked: give it in clear, or use a segment".to_owned())
        }
        (Some("exists"), None) | (Some("eq"), Some(Value::String(_) | Value::Number(_) | Value::Bool(_))) => Ok(()),
        (Some("eq"), _) => Err("`eq` needs a `value`: text, a number, true or false".to_owned()),
        (Some("exists"), Some(_)) => Err("`exists` takes no `value`".to_owned()),
        _ => Err("the operators are `eq` and `exists`; Customer.io has no others here".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_in_the_grammar_is_refused() {
        for (wrong, why) in [
            (json!({}), "a filter is one of"),
            (json!([]), "a filter is one of"),
            (json!({ "and": [], "or": [] }), "a filter is one of"),
            (json!({ "and": [] }), "at least one"),
            (json!({ "or": [{ "nor": [] }] }), "a filter is one of"),
            (json!({ "segment": { "id": "7" } }), "by its number"),
            (json!({ "segment": { "id": 7, "inverse": true } }), "by its number"),
            (json!({ "attribute": { "field": "age", "operator": "gt", "value": 3 } }), "no others"),
            (json!({ "attribute": { "field": "age", "operator": "eq" } }), "needs a `value`"),
            (json!({ "attribute": { "field": "age", "operator": "exists", "value": 3 } }), "takes no `value`"),
            (json!({ "attribute": { "operator": "exists" } }), "has `field`"),
            (json!({ "attribute": { "field": "email", "operator": "eq", "value": "a•••@b.io" } }), "masked"),
        ] {
            let told = Filter::parse(wrong.clone()).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
        }
        let deep = (0..20).fold(json!({ "segment": { "id": 1 } }), |inner, _| json!({ "not": inner }));
        assert!(Filter::parse(deep).unwrap_err().contains("deep"));
        let many: Vec<_> = (0..300).map(|id| json!({ "segment": { "id": id } })).collect();
        assert!(Filter::parse(json!({ "or": many })).unwrap_err().contains("conditions"));
    }

    fn filter() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (1..9_u64).prop_map(|id| json!({ "segment": { "id": id } })),
            "[a-z]{1,5}".prop_map(|field| json!({ "attribute": { "field": field, "operator": "exists" } })),
            ("[a-z]{1,5}", ".{0,5}").prop_map(
                |(field, value)| json!({ "attribute": { "field": field, "operator": "eq", "value": value } })
            ),
        ];
        leaf.prop_recursive(4, 20, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..3).prop_map(|inner| json!({ "and": inner })),
                proptest::collection::vec(inner.clone(), 1..3).prop_map(|inner| json!({ "or": inner })),
                inner.prop_map(|inner| json!({ "not": inner })),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_in_the_grammar_is_passed_on_as_it_is(filter in filter()) {
            let parsed = Filter::parse(filter.clone()).unwrap();
            prop_assert_eq!(parsed.as_value(), &filter);
        }
    }
}
