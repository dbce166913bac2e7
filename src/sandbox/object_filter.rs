//! The filter grammar of object search: `and`, `or`, `not` and `object_attribute` (behaviour.md section 5).

use serde_json::Value;

use super::{attributes::text_of, objects::Object};

/// Deeper nesting is refused, so a hostile body cannot exhaust the stack.
const MAX_DEPTH: usize = 32;

/// A parsed filter over the objects of one type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ObjectFilter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Equals { field: String, value: String },
    Exists { field: String },
}

impl ObjectFilter {
    /// Reads a filter over the objects of `type_id`; the error says what is wrong in a sentence.
    pub(super) fn parse(value: &Value, type_id: &str) -> Result<Self, String> {
        Self::parse_at(value, type_id, MAX_DEPTH)
    }

    fn parse_at(value: &Value, type_id: &str, depth: usize) -> Result<Self, String> {
        let depth = depth.checked_sub(1).ok_or("filter is nested too deeply")?;
        let Some(object) = value.as_object() else { return Err("filter must be an object".to_owned()) };
        let mut keys = object.iter();
        let (Some((key, inner)), None) = (keys.next(), keys.next()) else {
            return Err("filter must have exactly one of and, or, not, object_attribute".to_owned());
        };
        let list = |inner: &Value| match inner.as_array() {
            Some(list) if !list.is_empty() => list.iter().map(|one| Self::parse_at(one, type_id, depth)).collect(),
            _ => Err(format!("{key} must be a list of at least one filter")),
        };
        match key.as_str() {
            "and" => list(inner).map(Self::And),
            "or" => list(inner).map(Self::Or),
            "not" => Self::parse_at(inner, type_id, depth).map(|inner| Self::Not(Box::new(inner))),
            "object_attribute" => Self::parse_attribute(inner, type_id),
            other => Err(format!("unknown filter '{other}'")),
        }
    }

    fn parse_attribute(attribute: &Value, type_id: &str) -> Result<Self, String> {
        let text = |key: &str| attribute.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let field = text("field").ok_or("object_attribute.field is required")?.to_owned();
        match attribute.get("type_id").map(text_of).as_deref() {
            None | Some("") => return Err("object_attribute.type_id is required".to_owned()),
            Some(given) if given != type_id => {
                return Err(format!("object_attribute.type_id is '{given}', object_type_id is '{type_id}'"));
            }
            Some(_) => {}
        }
        match text("operator").ok_or("object_attribute.operator is required")? {
            "exists" => Ok(Self::Exists { field }),
            "eq" => match attribute.get("value") {
                Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
                    Ok(Self::Equals { field, value: text_of(value) })
                }
                _ => Err("object_attribute.value is required for eq".to_owned()),
            },
            other => Err(format!("operator '{other}' is not supported, use eq or exists")),
        }
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.matches(object)),
            Self::Or(any) => any.iter().any(|one| one.matches(object)),
            Self::Not(inner) => !inner.matches(object),
            Self::Equals { field, value } => object.text(field).as_ref() == Some(value),
            Self::Exists { field } => object.text(field).is_some_and(|text| !text.is_empty()),
        }
    }
}
