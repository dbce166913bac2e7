//! JSON out and in.

use liquid_core::{Error, Value};

use super::{Call, FilterFunction, array};
use crate::liquid::value;

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "json" | "to_json" | "jsonify" | "inspect" => json,
        "from_json" => |call| {
            let parsed = serde_json::from_str(&call.text()).map_err(|_| call.failure("the input is not JSON"))?;
            Ok(value::from_json(&parsed))
        },
        "json_array_uniq" => json_array_uniq,
        _ => return None,
    })
}

/// Compact, or indented by as many spaces as the argument says.
fn json(call: &Call<'_>) -> Result<Value, Error> {
    let json = value::to_json(&call.input);
    if call.argument_number(0).unwrap_or_default() < 1.0 {
        return Ok(Value::scalar(json.to_string()));
    }
    let indented = serde_json::to_string_pretty(&json).map_err(|_| call.failure("the input cannot be written"))?;
    Ok(Value::scalar(indented))
}

/// A list, or a list written in JSON, without its repetitions, written in JSON.
fn json_array_uniq(call: &Call<'_>) -> Result<Value, Error> {
    let items = match &call.input {
        Value::Array(_) | Value::Nil => array::list(&call.input),
        _ => match serde_json::from_str(&call.text()) {
            Ok(serde_json::Value::Array(items)) => items.iter().map(value::from_json).collect(),
            _ => return Err(call.failure("the input is not a JSON array")),
        },
    };
    let mut unique: Vec<serde_json::Value> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in items.iter().map(value::to_json) {
        if seen.insert(item.to_string()) {
            unique.push(item);
        }
    }
    Ok(Value::scalar(serde_json::Value::Array(unique).to_string()))
}
