//! The filter grammar of people search and data-driven segments (behaviour.md section 5).

use serde_json::{Map, Value};

use super::{
    attributes::{is_true, text_of},
    people::Person,
    world::World,
};

/// Deeper nesting is refused, so a hostile body cannot exhaust the stack.
const MAX_DEPTH: usize = 32;
/// Segments may name segments; a ring of them ends here, matching nobody.
const MAX_SEGMENT_DEPTH: usize = 8;

/// A parsed filter. The documented operators are `eq` and `exists`, and there are no others.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Segment(u64),
    Equals {
        field: String,
        value: Value,
    },
    Exists {
        field: String,
    },
    /// Did something, so many times in so many hours, or ever. Segments of a fixture alone.
    Did {
        event: String,
        within_hours: Option<u64>,
        at_least: u64,
    },
}

impl Filter {
    /// Reads a filter; the error says what is wrong in a sentence.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        Self::parse_at(value, MAX_DEPTH, false)
    }

    /// Reads a filter that may ask for events, as segments made in the vendor's interface may.
    pub(super) fn parse_with_events(value: &Value) -> Result<Self, String> {
        Self::parse_at(value, MAX_DEPTH, true)
    }

    fn parse_at(value: &Value, depth: usize, events: bool) -> Result<Self, String> {
        let depth = depth.checked_sub(1).ok_or("filter is nested too deeply")?;
        let Some(object) = value.as_object() else { return Err("filter must be an object".to_owned()) };
        let mut keys = object.iter();
        let (Some((key, inner)), None) = (keys.next(), keys.next()) else {
            return Err("filter must have exactly one of and, or, not, segment, attribute".to_owned());
        };
        match key.as_str() {
            "and" => Self::parse_list(inner, "and", depth, events).map(Self::And),
            "or" => Self::parse_list(inner, "or", depth, events).map(Self::Or),
            "not" => Self::parse_at(inner, depth, events).map(|inner| Self::Not(Box::new(inner))),
            "segment" => {
                inner["id"].as_u64().map(Self::Segment).ok_or_else(|| "segment.id must be an integer".to_owned())
            }
            "attribute" => match inner {
                Value::Object(attribute) => Self::parse_attribute(attribute),
                _ => Err("attribute must be an object".to_owned()),
            },
            "event" if events => {
                let event = inner["name"].as_str().ok_or("event.name is required")?.to_owned();
                let at_least = inner["at_least"].as_u64().unwrap_or(1);
                Ok(Self::Did { event, within_hours: inner["within_hours"].as_u64(), at_least })
            }
            other => Err(format!("unknown filter '{other}'")),
        }
    }

    fn parse_list(value: &Value, name: &str, depth: usize, events: bool) -> Result<Vec<Self>, String> {
        let list = value.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| format!("{name} must be a list of at least one filter"))?;
        list.iter().map(|inner| Self::parse_at(inner, depth, events)).collect()
    }

    fn parse_attribute(attribute: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| attribute.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let field = text("field").ok_or("attribute.field is required")?.to_owned();
        match text("operator").ok_or("attribute.operator is required")? {
            "exists" => Ok(Self::Exists { field }),
            "eq" => match attribute.get("value") {
                Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
                    Ok(Self::Equals { field, value: value.clone() })
                }
                _ => Err("attribute.value is required for eq".to_owned()),
            },
            other => Err(format!("operator '{other}' is not supported, use eq or exists")),
        }
    }

    /// The segments it names.
    pub(super) fn segments(&self) -> Vec<u64> {
        match self {
            Self::And(several) | Self::Or(several) => several.iter().flat_map(Self::segments).collect(),
            Self::Not(inner) => inner.segments(),
            Self::Segment(id) => vec![*id],
            Self::Equals { .. } | Self::Exists { .. } | Self::Did { .. } => Vec::new(),
        }
    }

    /// Whether `person` matches.
    pub(super) fn matches(&self, world: &World, person: &Person) -> bool {
        self.matches_at(world, person, MAX_SEGMENT_DEPTH)
    }

    pub(super) fn matches_at(&self, world: &World, person: &Person, segment_depth: usize) -> bool {
        let matches = |inner: &Self| inner.matches_at(world, person, segment_depth);
        match self {
            Self::And(all) => all.iter().all(matches),
            Self::Or(any) => any.iter().any(matches),
            Self::Not(inner) => !matches(inner),
            Self::Segment(id) => match (world.segments.get(id), segment_depth.checked_sub(1)) {
                (Some(segment), Some(depth)) => world.is_member_at(segment, person, depth),
                _ => false,
            },
            Self::Equals { field, value } => equals(person, field, value),
            Self::Did { event, within_hours, at_least } => {
                let hours = within_hours.and_then(|hours| i64::try_from(hours).ok());
                let since = hours.map_or(i64::MIN, |hours| world.now().saturating_sub(hours.saturating_mul(60 * 60)));
                world.activities.events_of(person.key, event, since) >= *at_least
            }
            Self::Exists { field } => person.attributes.get(field).is_some_and(|attribute| match &attribute.value {
                Value::String(text) => !text.is_empty(),
                other => !other.is_null(),
            }),
        }
    }
}

fn equals(person: &Person, field: &str, wanted: &Value) -> bool {
    if field == "unsubscribed" {
        return person.is_unsubscribed() == is_true(wanted);
    }
    let Some(have) = person.attributes.get(field).map(|attribute| &attribute.value) else { return false };
    // As most are, and many people are asked.
    if let (Value::String(have), Value::String(wanted)) = (have, wanted)
        && field != "email"
    {
        return have == wanted;
    }
    let have = text_of(have);
    let wanted = text_of(wanted);
    if field == "email" { have.to_lowercase() == wanted.to_lowercase() } else { have == wanted }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_in_the_grammar_is_refused() {
        let refused = [
            json!([]),
            json!({}),
            json!({"and": []}),
            json!({"and": [], "or": []}),
            json!({"attribute": {"field": "a", "operator": "gt", "value": 1}}),
            json!({"attribute": {"field": "a", "operator": "eq"}}),
            json!({"segment": {"id": "x"}}),
            json!({"everyone": true}),
        ];
        for filter in refused {
            assert!(Filter::parse(&filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut filter = json!({"segment": {"id": 1}});
        for _ in 0..MAX_DEPTH {
            filter = json!({"not": filter});
        }
        assert_eq!(Filter::parse(&filter).unwrap_err(), "filter is nested too deeply");
    }
}
