//! The tables of the README, made from what the program is. A test holds the README to them.

use std::sync::Arc;

use serde_json::Value;

use crate::{error::ErrorCode, tools::tool::Callable};

/// The tools: what each does in the first sentence of its prose, its effect, its toolset.
pub fn tools_table(tools: &[Arc<dyn Callable>]) -> String {
    let rows = tools.iter().map(|tool| {
        let spec = tool.spec();
        vec![
            code(spec.name),
            first_sentence(spec.description()).to_owned(),
            spec.effect.to_string(),
            spec.toolset.as_str().to_owned(),
            if spec.core { "yes" } else { "no" }.to_owned(),
        ]
    });
    table(&["Tool", "What it does", "Effect", "Toolset", "Listed by default"], rows)
}

/// The codes a tool can answer with.
pub fn errors_table() -> String {
    let rows = ErrorCode::ALL.iter().map(|error| vec![code(error.as_str()), error.meaning().trim().to_owned()]);
    table(&["Code", "Meaning"], rows)
}

/// The keys of a configuration file, from its schema.
pub fn settings_table(schema: &Value) -> String {
    let mut rows = Vec::new();
    push_settings(schema, "", &mut rows);
    table(&["Key", "Type", "Default", "Meaning"], rows)
}

fn push_settings(schema: &Value, prefix: &str, rows: &mut Vec<Vec<String>>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    for (name, property) in properties {
        let key = format!("{prefix}{name}");
        rows.push(setting(&key, property, required(name)));
        push_settings(property, &format!("{key}."), rows);
        push_settings(&property["additionalProperties"], &format!("{key}.<name>."), rows);
    }
}

fn setting(key: &str, schema: &Value, required: bool) -> Vec<String> {
    let description = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let (meaning, told) = description.split_once(" Default: ").unwrap_or((&description, ""));
    let default = match &schema["default"] {
        _ if required => "required".to_owned(),
        _ if !told.is_empty() => told.trim_end_matches('.').to_owned(),
        // The keys of a table have defaults of their own.
        _ if schema["type"] == "object" => String::new(),
        Value::Null => "none".to_owned(),
        value => code(&value.to_string()),
    };
    vec![code(key), type_of_setting(schema), default, meaning.to_owned()]
}

/// The type of a value as TOML has it.
fn type_of_setting(schema: &Value) -> String {
    if let Some(choices) = schema["oneOf"].as_array() {
        let choices: Vec<String> = choices.iter().map(|choice| code(&choice["const"].to_string())).collect();
        return choices.join(", ");
    }
    match schema["type"].as_str() {
        Some("object") => "table",
        Some("array") => "list of strings",
        Some("integer") => "whole number",
        Some("boolean") => "true or false",
        _ => "string",
    }
    .to_owned()
}

/// Up to the first full stop that ends a sentence.
pub(super) fn first_sentence(prose: &str) -> &str {
    let ends = |at: &usize| prose[at + 1..].starts_with(char::is_whitespace);
    let end = prose.match_indices('.').map(|(at, _)| at).find(ends);
    end.map_or(prose, |at| &prose[..=at])
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(headings.iter().map(ToString::to_string).collect());
    text.push('|');
    text.push_str(&"---|".repeat(headings.len()));
    text.push('\n');
    rows.into_iter().for_each(|row| text.push_str(&line(row)));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sentence_ends_at_a_full_stop_before_white_space() {
        assert_eq!(
            first_sentence("Sends to ada@shop.example at 1.5 s. Then more."),
            "Sends to ada@shop.example at 1.5 s."
        );
        assert_eq!(first_sentence("One.\nTwo."), "One.");
        assert_eq!(first_sentence("No end"), "No end");
    }

    #[test]
    fn cells_keep_to_their_column() {
        assert_eq!(
            table(&["A", "B"], [vec!["x|y".to_owned(), "a\nb".to_owned()]]),
            "| A | B |\n|---|---|\n| x\\|y | a b |\n"
        );
    }

    #[test]
    fn settings_are_told_with_their_defaults() {
        let schema = json!({ "properties": {
            "a": { "type": "integer", "default": 5, "description": "How many." },
            "t": { "type": "object", "required": ["r"], "description": "Some.", "properties": {
                "r": { "type": "string", "description": "Needed." },
                "d": { "oneOf": [{ "const": "x" }, { "const": "y" }], "description": "Which. Default: x, else y." },
            } },
            "m": { "type": "object", "description": "By name.", "additionalProperties": { "properties": {
                "l": { "type": "array", "default": [], "description": "List." },
            } } },
        } });
        insta::assert_snapshot!(settings_table(&schema), @r#"
        | Key | Type | Default | Meaning |
        |---|---|---|---|
        | `a` | whole number | `5` | How many. |
        | `t` | table |  | Some. |
        | `t.r` | string | required | Needed. |
        | `t.d` | `"x"`, `"y"` | x, else y | Which. |
        | `m` | table |  | By name. |
        | `m.<name>.l` | list of strings | `[]` | List. |
        "#);
    }
}
