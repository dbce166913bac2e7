//! Values as JavaScript sees them: conversions, truth, equality and order (LiquidJS, `src/util/underscore.ts` and
//! `src/render/operator.ts`).

use std::{borrow::Cow, cmp::Ordering};

use liquid_core::{Object, Value, ValueView, model::State};

use super::expression::Comparison;

/// A JSON value as a value of the runtime.
pub(super) fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(flag) => Value::scalar(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::scalar(integer),
            None => Value::scalar(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::scalar(text.clone()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => Value::Object(object_from_json(entries)),
    }
}

/// A JSON object as an object of the runtime.
pub(super) fn object_from_json(entries: &serde_json::Map<String, serde_json::Value>) -> Object {
    entries.iter().map(|(key, value)| (key.clone().into(), from_json(value))).collect()
}

/// A value of the runtime as JSON, keys in alphabetical order.
pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Object(object) => {
            sorted(object).into_iter().map(|(key, item)| (key.to_owned(), to_json(item))).collect()
        }
        _ => match kind(value) {
            Kind::Boolean(flag) => flag.into(),
            Kind::Number(number) => integral(number).map_or_else(|| number.into(), Into::into),
            Kind::Text(text) => text.into_owned().into(),
            Kind::Empty | Kind::Blank => "".into(),
            Kind::Nil | Kind::Other => serde_json::Value::Null,
        },
    }
}

/// The entries of an object in alphabetical order: the runtime keeps none of its own.
pub(super) fn sorted(object: &Object) -> Vec<(&str, &Value)> {
    let mut entries: Vec<(&str, &Value)> = object.iter().map(|(key, value)| (key.as_str(), value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// A value by what it is to an operator. It borrows texts: a filter may compare every item of a list with a long one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'v> {
    Nil,
    Empty,
    Blank,
    Boolean(bool),
    Number(f64),
    Text(Cow<'v, str>),
    /// An array or an object.
    Other,
}

#[expect(clippy::cast_precision_loss, reason = "numbers are doubles in LiquidJS")]
pub(super) fn kind(value: &Value) -> Kind<'_> {
    match value {
        Value::Nil => Kind::Nil,
        Value::State(State::Empty) => Kind::Empty,
        Value::State(_) => Kind::Blank,
        Value::Array(_) | Value::Object(_) => Kind::Other,
        Value::Scalar(scalar) => match scalar.type_name() {
            "boolean" => Kind::Boolean(scalar.to_bool().unwrap_or_default()),
            "whole number" => Kind::Number(scalar.to_integer().unwrap_or_default() as f64),
            "fractional number" => Kind::Number(scalar.to_float().unwrap_or_default()),
            _ => Kind::Text(scalar.as_ref().into_cow_str()),
        },
    }
}

/// The integer that `number` is, where JavaScript would print it without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "within the bounds just checked")]
pub(super) fn integral(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

/// A number, as an integer where it is one.
pub(super) fn from_number(number: f64) -> Value {
    integral(number).map_or_else(|| Value::scalar(number), Value::scalar)
}

/// What JavaScript's `Number()` makes of a value; `NaN` where it is no number.
pub(super) fn number(value: &Value) -> f64 {
    match kind(value) {
        Kind::Nil | Kind::Empty | Kind::Blank => 0.0,
        Kind::Boolean(flag) => f64::from(u8::from(flag)),
        Kind::Number(number) => number,
        Kind::Text(text) => match text.trim() {
            "" => 0.0,
            // Rust reads "inf" and "nan"; JavaScript does not.
            digits if digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => {
                digits.parse().unwrap_or(f64::NAN)
            }
            _ => f64::NAN,
        },
        Kind::Other => f64::NAN,
    }
}

/// What a value prints as.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Object(_) => "[object Object]".to_owned(),
        _ => match kind(value) {
            Kind::Text(text) => text.into_owned(),
            Kind::Number(number) => number_text(number),
            Kind::Boolean(flag) => flag.to_string(),
            Kind::Nil | Kind::Empty | Kind::Blank | Kind::Other => String::new(),
        },
    }
}

/// A number as JavaScript prints it.
pub(super) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    integral(number).map_or_else(|| number.to_string(), |integer| integer.to_string())
}

/// Only nil and false are false; an empty string is true.
pub(super) fn is_true(value: &Value) -> bool {
    !matches!(kind(value), Kind::Nil | Kind::Boolean(false))
}

/// `== empty`: a string, array or object without content.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => matches!(kind(value), Kind::Text(text) if text.is_empty()),
    }
}

/// `== blank`: missing, null, false, or nothing but whitespace (behaviour.md section 12).
pub(super) fn is_blank(value: &Value) -> bool {
    match kind(value) {
        Kind::Nil | Kind::Boolean(false) => true,
        Kind::Text(text) => text.trim().is_empty(),
        _ => is_empty(value),
    }
}

/// Equality without conversion: `"5"` is not `5`.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (kind(left), kind(right)) {
        (Kind::Blank, Kind::Blank) | (Kind::Empty, Kind::Empty) => true,
        (Kind::Blank, _) => is_blank(right),
        (_, Kind::Blank) => is_blank(left),
        (Kind::Empty, _) => is_empty(right),
        (_, Kind::Empty) => is_empty(left),
        (Kind::Other, Kind::Other) => match (left, right) {
            (Value::Array(left), Value::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
            }
            _ => left == right,
        },
        (left, right) => left == right,
    }
}

/// The result of a comparison.
pub(super) fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Contains => contains(left, right),
        Comparison::Greater => order(left, right) == Some(Ordering::Greater),
        Comparison::Less => order(left, right) == Some(Ordering::Less),
        Comparison::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Comparison::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
    }
}

/// Strings by their text, everything else as numbers; nothing is above or below nil.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (kind(left), kind(right)) {
        (Kind::Text(left), Kind::Text(right)) => Some(left.cmp(&right)),
        (Kind::Nil | Kind::Empty | Kind::Blank, _) | (_, Kind::Nil | Kind::Empty | Kind::Blank) => None,
        _ => number(left).partial_cmp(&number(right)),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match whole {
        Value::Array(items) => items.iter().any(|item| equal(item, part)),
        _ => matches!(kind(whole), Kind::Text(whole) if whole.contains(&text(part))),
    }
}

/// The items a loop or an array filter goes through.
pub(super) fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(object) => {
            let pair = |(key, value): (&str, &Value)| Value::Array(vec![Value::scalar(key.to_owned()), value.clone()]);
            sorted(object).into_iter().map(pair).collect()
        }
        _ => match kind(value) {
            Kind::Text(text) if !text.is_empty() => vec![Value::scalar(text.into_owned())],
            _ => Vec::new(),
        },
    }
}
