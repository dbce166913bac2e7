//! Values that an answer showed in part. Written back, they would replace what they hide.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::identity::identifier::MASK;
use crate::error::{ErrorCode, ToolError};

/// What stands for the rest of a text.
pub const CUT: &str = "characters left out]";
/// What stands where a secret stood.
pub const SECRET_REMOVED: &str = "[secret removed]";
/// What stands for what is nested too deep.
pub const TOO_DEEP: &str = "levels, left out]";

/// Arguments that name people: whoever resolves them says how else to name them.
const OF_PEOPLE: &[&str] = &["customer", "customers", "duplicate", "id", "email", "cio_id"];

/// Our masks of a whole value, an address and a phone number. Others use the same sign: `•••• 4242` on a receipt is theirs.
static MASKED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let mask = regex::escape(MASK);
    Regex::new(&format!(r"^{mask}$|[\p{{L}}\p{{N}}]{mask}@|\+[0-9]{{1,3}}{mask}[0-9]{{2}}")).ok()
});

fn is_masked(text: &str) -> bool {
    text.contains(MASK) && MASKED.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// Whether a value, or one within it, carries the trace of an answer that showed it in part.
pub fn is_shown_in_part(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            is_masked(text) || [CUT, SECRET_REMOVED, TOO_DEEP].iter().any(|trace| text.contains(trace))
        }
        Value::Array(items) => items.iter().any(is_shown_in_part),
        Value::Object(map) => map.values().any(is_shown_in_part),
        _ => false,
    }
}

/// Refuses arguments that came out of an answer in part.
pub fn refuse_shown(arguments: &Map<String, Value>) -> Result<(), ToolError> {
    let found = arguments.iter().find(|(name, value)| !OF_PEOPLE.contains(&name.as_str()) && is_shown_in_part(value));
    let Some((name, value)) = found else { return Ok(()) };
    let inner = value.as_object().and_then(|map| map.iter().find(|(_, inner)| is_shown_in_part(inner)));
    // Names that nobody would type are not repeated.
    let plain =
        |inner: &str| inner.len() <= 60 && inner.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let field = match inner {
        Some((inner, _)) if plain(inner) => format!("{name}.{inner}"),
        _ => name.clone(),
    };
    Err(ToolError::new(
        ErrorCode::MaskedValue,
        format!("`{field}` holds a value that was masked or cut in an answer. Nothing was changed."),
    )
    .at(field)
    .next("Write only what you know whole; ask the user for the rest."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_answer_showed_in_part_is_found_where_it_stands() {
        let field = |arguments: Value| refuse_shown(arguments.as_object().unwrap()).err().and_then(|error| error.field);
        assert_eq!(
            field(json!({ "attributes": { "plan": "a", "phone": "•••" } })).as_deref(),
            Some("attributes.phone")
        );
        assert_eq!(field(json!({ "data": [["x … [12 characters left out]"]] })).as_deref(), Some("data"));
        assert_eq!(field(json!({ "body": "key: [secret removed]" })).as_deref(), Some("body"));
        assert_eq!(field(json!({ "a": { "b c": "•••" } })).as_deref(), Some("a"));
        assert_eq!(field(json!({ "to": "a•••@shop.example" })).as_deref(), Some("to"));
        assert_eq!(field(json!({ "note": "call +49•••67 today" })).as_deref(), Some("note"));
        assert_eq!(field(json!({ "card": "•••• 4242", "other": "••• 4242", "list": "a ••• b" })), None);
        assert_eq!(field(json!({ "customer": "a•••@shop.example", "n": 1, "t": "whole" })), None);
    }
}
