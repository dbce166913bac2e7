//! What expressions are worth: variables, conditions and filter chains.
//!
//! A read is `Required` unless the template provides for its absence. The parser cannot ask the runtime what exists,
//! so the mark is set where the expression is used: a condition, or a value whose first filter is `default`, reads
//! leniently; everything else (outputs, `assign`, the collection of a loop, filter arguments) is required.

use liquid_core::{
    Error, Runtime, Value,
    model::{ScalarCow, State as Literal, ValueView},
};

use super::{
    error::RenderError,
    expression::{Comparison, Condition, FilterCall, Filtered, Operand, Path, Segment},
    filters::Call,
    render,
    state::{self, State},
    value,
};

/// Whether a missing attribute fails the rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Required,
    Lenient,
}

/// The longest range a template may write.
const MAX_RANGE: i64 = 100_000;

/// The worth of a value with filters.
pub(super) fn filtered(expression: &Filtered, reading: Reading, runtime: &dyn Runtime) -> Result<Value, Error> {
    let reading = if expression.has_fallback() { Reading::Lenient } else { reading };
    let mut current = condition(&expression.subject, reading, runtime)?;
    for filter in &expression.filters {
        current = apply(filter, current, runtime)?;
        state::charge_value(runtime, &current)?;
    }
    Ok(current)
}

fn apply(filter: &FilterCall, input: Value, runtime: &dyn Runtime) -> Result<Value, Error> {
    let arguments: Result<Vec<Value>, Error> =
        filter.arguments.iter().map(|argument| operand(argument, Reading::Required, runtime)).collect();
    let mut named = Vec::new();
    for (key, argument) in &filter.named {
        named.push((key.as_str(), operand(argument, Reading::Required, runtime)?));
    }
    (filter.function)(&Call { name: &filter.name, input, arguments: arguments?, named, runtime })
}

/// The worth of a condition: that of its operand, or true or false. Both sides of `and` and `or` are always read, as
/// in LiquidJS, so that a missing attribute fails an output on either side.
pub(super) fn condition(expression: &Condition, reading: Reading, runtime: &dyn Runtime) -> Result<Value, Error> {
    let truth = |part: &Condition| condition(part, reading, runtime).map(|value| value::is_true(&value));
    Ok(match expression {
        Condition::Value(value) => return operand(value, reading, runtime),
        Condition::Not(part) => Value::scalar(!truth(part)?),
        Condition::And(left, right) => Value::scalar(truth(left)? & truth(right)?),
        Condition::Or(left, right) => Value::scalar(truth(left)? | truth(right)?),
        Condition::Compare(comparison @ (Comparison::Equal | Comparison::NotEqual), left, right)
            if is_size_of_objects(left) || is_size_of_objects(right) =>
        {
            let (left, right) = (condition(left, reading, runtime)?, condition(right, reading, runtime)?);
            let both_nought = [&left, &right].map(|side| value::kind(side) == value::Kind::Number(0.0)) == [true, true];
            Value::scalar(if both_nought {
                *comparison == Comparison::NotEqual
            } else {
                value::compare(*comparison, &left, &right)
            })
        }
        Condition::Compare(comparison, left, right) => {
            let left = condition(left, reading, runtime)?;
            let right = condition(right, reading, runtime)?;
            Value::scalar(value::compare(*comparison, &left, &right))
        }
    })
}

/// Whether a side of a comparison is `objects.<plural>.size`, which never equals nought (behaviour.md section 12).
fn is_size_of_objects(side: &Condition) -> bool {
    let Condition::Value(Operand::Path(path)) = side else { return false };
    path.root == "objects" && matches!(path.segments.last(), Some(Segment::Key(key)) if key == "size")
}

/// The worth of an operand.
pub(super) fn operand(operand: &Operand, reading: Reading, runtime: &dyn Runtime) -> Result<Value, Error> {
    state::step(runtime)?;
    Ok(match operand {
        Operand::Nil => Value::Nil,
        Operand::Empty => Value::State(Literal::Empty),
        Operand::Blank => Value::State(Literal::Blank),
        Operand::Boolean(flag) => Value::scalar(*flag),
        Operand::Integer(integer) => Value::scalar(*integer),
        Operand::Float(float) => Value::scalar(*float),
        Operand::Text(text) => charged(Value::scalar(text.clone()), runtime)?,
        Operand::Range(from, to) => charged(range(from, to, runtime)?, runtime)?,
        Operand::Path(path) => variable(path, reading, runtime)?,
    })
}

fn charged(value: Value, runtime: &dyn Runtime) -> Result<Value, Error> {
    state::charge_value(runtime, &value)?;
    Ok(value)
}

fn range(from: &Operand, to: &Operand, runtime: &dyn Runtime) -> Result<Value, Error> {
    let from = bound(from, runtime)?;
    let to = bound(to, runtime)?;
    if to.saturating_sub(from) > MAX_RANGE {
        return Err(Error::with_msg(format!("template limit exceeded: a range has more than {MAX_RANGE} items")));
    }
    Ok(Value::Array((from..=to).map(Value::scalar).collect()))
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn bound(end: &Operand, runtime: &dyn Runtime) -> Result<i64, Error> {
    operand(end, Reading::Required, runtime).map(|end| value::number(&end).trunc() as i64)
}

/// What a path leads to.
enum Found {
    Value(Value),
    /// The namespace or local variable is there, what is read from it is not.
    NoAttribute,
    /// There is nothing by the name of the root.
    NoNamespace,
}

/// The worth of a variable. A missing attribute is an error if it is required; a missing namespace is nil.
fn variable(path: &Path, reading: Reading, runtime: &dyn Runtime) -> Result<Value, Error> {
    state::charge_text(runtime, &path.text)?;
    let found = look_up(path, runtime)?;
    match found {
        Found::Value(value) => charged(value, runtime),
        Found::NoAttribute if reading == Reading::Required => missing(path, runtime),
        Found::NoAttribute | Found::NoNamespace => Ok(Value::Nil),
    }
}

/// Notes a missing attribute, or ends the rendering with it.
fn missing(path: &Path, runtime: &dyn Runtime) -> Result<Value, Error> {
    if let Some(collected) = &mut runtime.registers().get_mut::<State>().collected {
        collected.note(&path.text);
        return Ok(Value::Nil);
    }
    Err(render::raise(RenderError::missing(&path.text, path.line), runtime))
}

fn look_up(path: &Path, runtime: &dyn Runtime) -> Result<Found, Error> {
    let keys = keys(&path.segments, runtime)?;
    let root = runtime.try_get(&[ScalarCow::new(path.root.as_str())]);
    match root {
        None if path.root == "snippets" => snippet(&keys, runtime),
        None => match runtime.get_index(&path.root) {
            Some(counter) if keys.is_empty() => Ok(Found::Value(counter.into_owned())),
            _ => Ok(Found::NoNamespace),
        },
        Some(root) => {
            if let liquid_core::ValueCow::Owned(copied) = &root {
                state::charge_value(runtime, copied)?;
            }
            Ok(walk(root.as_view(), &keys))
        }
    }
}

fn keys(segments: &[Segment], runtime: &dyn Runtime) -> Result<Vec<Value>, Error> {
    let key = |segment: &Segment| match segment {
        Segment::Key(key) => Ok(Value::scalar(key.clone())),
        Segment::Index(index) => operand(index, Reading::Required, runtime),
    };
    segments.iter().map(key).collect()
}

/// Follows `keys` from `root`. What is read from null is null, as in LiquidJS.
fn walk(root: &dyn ValueView, keys: &[Value]) -> Found {
    let mut current = root;
    for (at, key) in keys.iter().enumerate() {
        if current.is_nil() {
            return Found::Value(Value::Nil);
        }
        match step(current, key) {
            Some(next) => current = next,
            None if at + 1 == keys.len() => return size(current, key),
            None => return Found::NoAttribute,
        }
    }
    Found::Value(current.to_value())
}

/// One property of a value.
fn step<'v>(current: &'v dyn ValueView, key: &Value) -> Option<&'v dyn ValueView> {
    let name = value::text(key);
    if let Some(array) = current.as_array() {
        return match name.as_str() {
            "first" => array.first(),
            "last" => array.last(),
            _ => {
                let index: i64 = name.parse().ok()?;
                let index = if index < 0 { index.checked_add(array.size())? } else { index };
                (0..array.size()).contains(&index).then(|| array.get(index)).flatten()
            }
        };
    }
    current.as_object()?.get(&name)
}

/// The `size` of a string, array or object, which no property of that name hides.
fn size(current: &dyn ValueView, key: &Value) -> Found {
    if value::text(key) != "size" {
        return Found::NoAttribute;
    }
    if let Some(array) = current.as_array() {
        return Found::Value(Value::scalar(array.size()));
    }
    if let Some(object) = current.as_object() {
        return Found::Value(Value::scalar(object.size()));
    }
    match value::kind(&current.to_value()) {
        value::Kind::Text(text) => Found::Value(value::from_number(utf16_length(&text))),
        _ => Found::NoAttribute,
    }
}

/// The length of a string as JavaScript counts it.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(super) fn utf16_length(text: &str) -> f64 {
    text.encode_utf16().count() as f64
}

fn snippet(keys: &[Value], runtime: &dyn Runtime) -> Result<Found, Error> {
    let [key] = keys else { return Ok(Found::NoAttribute) };
    let shared = state::shared(runtime)?;
    match shared.snippets.get(&value::text(key)) {
        Some(source) => render::isolated(source, runtime).map(|text| Found::Value(Value::scalar(text))),
        None => Ok(Found::NoAttribute),
    }
}
