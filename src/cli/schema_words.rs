//! A JSON schema in words, for people.

use serde_json::{Map, Value};

/// A schema's type and bounds in words.
pub(super) fn type_in_words(schema: &Map<String, Value>) -> String {
    let at = |key: &str| schema.get(key).cloned().unwrap_or_default();
    if let Value::Array(choices) = at("enum") {
        return one_of(choices.iter());
    }
    for key in ["oneOf", "anyOf"] {
        if let Value::Array(branches) = at(key) {
            return alternatives(&branches);
        }
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let bounds = bounds(schema);
    let name = match at("type").as_str() {
        Some("array") => {
            let items = at("items").as_object().map_or_else(|| "anything".to_owned(), type_in_words);
            format!("list of {items}")
        }
        Some(name) => name.to_owned(),
        None => "anything".to_owned(),
    };
    if bounds.is_empty() { name } else { format!("{name} ({bounds})") }
}

fn one_of<'a>(choices: impl Iterator<Item = &'a Value>) -> String {
    choices
        .map(|choice| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(" | ")
}

fn alternatives(branches: &[Value]) -> String {
    let consts: Vec<&Value> = branches.iter().filter_map(|branch| branch.get("const")).collect();
    if consts.len() == branches.len() {
        return one_of(consts.into_iter());
    }
    let names: Vec<String> = branches.iter().filter_map(Value::as_object).map(type_in_words).collect();
    names.join(" or ")
}

fn bounds(schema: &Map<String, Value>) -> String {
    let number = |key: &str| schema.get(key).filter(|value| value.is_number()).map(ToString::to_string);
    let of = |least: &str, most: &str, unit: &str| match (number(least), number(most)) {
        (Some(least), Some(most)) => format!("{least} to {most}{unit}"),
        (None, Some(most)) => format!("at most {most}{unit}"),
        (Some(least), None) if least != "0" => format!("at least {least}{unit}"),
        _ => String::new(),
    };
    [
        of("minimum", "maximum", ""),
        of("minLength", "maxLength", " characters"),
        of("minItems", "maxItems", " entries"),
        of("minProperties", "maxProperties", " entries"),
    ]
    .into_iter()
    .filter(|bound| !bound.is_empty())
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_told_in_words() {
        let words = |schema: Value| type_in_words(schema.as_object().unwrap());
        assert_eq!(words(json!({ "type": "integer", "minimum": 1, "maximum": 50 })), "integer (1 to 50)");
        assert_eq!(words(json!({ "type": "integer", "minimum": 0 })), "integer");
        assert_eq!(words(json!({ "enum": ["id", "email"] })), "id | email");
        assert_eq!(words(json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] })), "a | b");
        assert_eq!(words(json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })), "string or integer");
        let list = json!({ "type": "array", "maxItems": 9, "items": { "type": "string", "maxLength": 150 } });
        assert_eq!(words(list), "list of string (at most 150 characters) (at most 9 entries)");
        assert_eq!(words(json!({})), "anything");
    }
}
