//! The recipients of a newsletter: the filter of people search, whose conditions can also be inverted.

use serde_json::{Map, Value, json};

use super::{filter::Filter, people::Person, world::World};

/// Deeper nesting is refused here as the filter itself refuses it.
const MAX_DEPTH: usize = 32;

/// Who is to get a newsletter.
#[derive(Debug, Clone)]
pub(super) struct Recipients {
    /// `None` is everybody.
    filter: Option<Filter>,
    asked: Value,
}

impl Recipients {
    pub(super) fn everybody() -> Self {
        Self { filter: None, asked: json!({}) }
    }

    /// Reads `recipients`; the error says what is wrong in a sentence.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let plain = without_inverse(value, MAX_DEPTH)?;
        Ok(Self { filter: Some(Filter::parse(&plain)?), asked: value.clone() })
    }

    pub(super) fn include(&self, world: &World, person: &Person) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(world, person))
    }

    /// The segments it names, each once.
    pub(super) fn segments(&self) -> Vec<u64> {
        let mut found = Vec::new();
        collect_segments(&self.asked, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The same filter with each inverted condition under a `not`. `inverse` stands in the condition it inverts, or beside
/// it.
fn without_inverse(value: &Value, depth: usize) -> Result<Value, String> {
    let depth = depth.checked_sub(1).ok_or("filter is nested too deeply")?;
    let Some(object) = value.as_object() else { return Ok(value.clone()) };
    let mut plain = Map::new();
    let mut inverted = is_inverse(object)?;
    for (key, inner) in object.iter().filter(|(key, _)| *key != "inverse") {
        let inner = match inner {
            Value::Array(list) => {
                let list: Result<Vec<_>, String> = list.iter().map(|one| without_inverse(one, depth)).collect();
                Value::Array(list?)
            }
            Value::Object(condition) if key == "segment" || key == "attribute" => {
                inverted ^= is_inverse(condition)?;
                inner.clone()
            }
            Value::Object(_) => without_inverse(inner, depth)?,
            other => other.clone(),
        };
        plain.insert(key.clone(), inner);
    }
    let plain = Value::Object(plain);
    Ok(if inverted { json!({"not": plain}) } else { plain })
}

fn is_inverse(condition: &Map<String, Value>) -> Result<bool, String> {
    match condition.get("inverse") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(inverse)) => Ok(*inverse),
        Some(_) => Err("inverse must be true or false".to_owned()),
    }
}

fn collect_segments(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Array(list) => list.iter().for_each(|inner| collect_segments(inner, found)),
        Value::Object(object) => {
            for (key, inner) in object {
                match (key.as_str(), inner["id"].as_u64()) {
                    ("segment", Some(id)) => found.push(id),
                    _ => collect_segments(inner, found),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverted_condition_is_its_negation() {
        let cases = [
            (json!({"segment": {"id": 1, "inverse": true}}), json!({"not": {"segment": {"id": 1, "inverse": true}}})),
            (json!({"segment": {"id": 1}, "inverse": true}), json!({"not": {"segment": {"id": 1}}})),
            (
                json!({"and": [{"segment": {"id": 1}}, {"attribute": {"field": "a", "operator": "exists", "inverse": true}}]}),
                json!({"and": [
                    {"segment": {"id": 1}},
                    {"not": {"attribute": {"field": "a", "operator": "exists", "inverse": true}}},
                ]}),
            ),
        ];
        for (asked, plain) in cases {
            assert_eq!(without_inverse(&asked, MAX_DEPTH).unwrap(), plain);
        }
        assert!(Recipients::parse(&json!({"segment": {"id": 1, "inverse": "yes"}})).is_err());
    }

    #[test]
    fn segments_are_found_at_every_depth() {
        let asked =
            json!({"or": [{"segment": {"id": 3}}, {"and": [{"segment": {"id": 1}}, {"not": {"segment": {"id": 3}}}]}]});
        assert_eq!(Recipients::parse(&asked).unwrap().segments(), [1, 3]);
    }
}
