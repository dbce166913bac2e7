//! Filters on lists.

use std::{cmp::Ordering, collections::HashMap};

use liquid_core::{Error, Object, Value, object};

use super::{Call, FilterFunction, number};
use crate::liquid::value::{self, Kind, equal, is_true};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "join" => join,
        "first" => |call| Ok(end(call, |items| items.first().cloned())),
        "last" => |call| Ok(end(call, |items| items.last().cloned())),
        "reverse" => |call| changed(call, |items, _| items.reverse()),
        "sort" => |call| changed(call, |items, call| sort(items, call, Clone::clone)),
        "sort_natural" => |call| changed(call, |items, call| sort(items, call, lowered)),
        "uniq" => |call| changed(call, uniq),
        "compact" => |call| changed(call, |items, call| items.retain(|item| !matches!(keyed(item, call), Value::Nil))),
        "concat" => |call| changed(call, |items, call| items.extend(call.argument(0).map(list).unwrap_or_default())),
        "push" => |call| changed(call, |items, call| items.extend(call.arguments.first().cloned())),
        "unshift" => {
            |call| changed(call, |items, call| items.splice(0..0, call.arguments.first().cloned()).for_each(drop))
        }
        "pop" => |call| changed(call, |items, _| drop(items.pop())),
        "shift" => |call| changed(call, |items, _| drop((!items.is_empty()).then(|| items.remove(0)))),
        "map" => |call| Ok(Value::Array(list(&call.input).iter().map(|item| keyed(item, call)).collect())),
        "sum" => |call| Ok(value::from_number(list(&call.input).iter().map(|item| number(&keyed(item, call))).sum())),
        "where" => |call| changed(call, |items, call| items.retain(|item| matches(item, call))),
        "reject" => |call| changed(call, |items, call| items.retain(|item| !matches(item, call))),
        "find" => |call| Ok(list(&call.input).into_iter().find(|item| matches(item, call)).unwrap_or(Value::Nil)),
        "find_index" => |call| Ok(index(list(&call.input).iter().position(|item| matches(item, call)))),
        "has" => |call| Ok(Value::scalar(list(&call.input).iter().any(|item| matches(item, call)))),
        "group_by" => |call| group(list(&call.input), |item| Ok(keyed(item, call))),
        "slice" => |call| Ok(slice(call)),
        "array_to_sentence_string" => |call| Ok(sentence(call)),
        _ => return None,
    })
}

/// A value as a list: nil is empty, what is no list is its one item.
pub(super) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Nil => Vec::new(),
        other => vec![other.clone()],
    }
}

/// The place of an item, nil if there is none.
pub(super) fn index(place: Option<usize>) -> Value {
    place.and_then(|place| i64::try_from(place).ok()).map_or(Value::Nil, Value::scalar)
}

/// `group_by`: a list of `{name, items}` in order of first appearance.
pub(super) fn group(items: Vec<Value>, mut key: impl FnMut(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for item in items {
        let name = key(&item)?;
        let place = *places.entry(value::to_json(&name).to_string()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, members)) => members.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    let entry = |(name, items): (Value, Vec<Value>)| -> Object {
        let mut entry = object!({ "items": Value::Array(items) });
        entry.insert("name".into(), name);
        entry
    };
    Ok(Value::Array(groups.into_iter().map(|group| Value::Object(entry(group))).collect()))
}

#[expect(clippy::unnecessary_wraps, reason = "it is the whole of a filter")]
fn changed(call: &Call<'_>, change: fn(&mut Vec<Value>, &Call<'_>)) -> Result<Value, Error> {
    let mut items = list(&call.input);
    change(&mut items, call);
    Ok(Value::Array(items))
}

/// The property of `item` that the first argument names (dots lead further in); the item itself without one.
fn keyed(item: &Value, call: &Call<'_>) -> Value {
    match call.argument(0) {
        Some(property) => property_of(item, &value::text(property)),
        None => item.clone(),
    }
}

fn property_of(item: &Value, path: &str) -> Value {
    let mut current = item;
    for key in path.split('.') {
        let Value::Object(object) = current else { return Value::Nil };
        let Some(next) = object.get(key) else { return Value::Nil };
        current = next;
    }
    current.clone()
}

/// `where: "property", expected`; without the second, the property has to be true.
fn matches(item: &Value, call: &Call<'_>) -> bool {
    let found = keyed(item, call);
    match call.arguments.get(1) {
        Some(expected) => equal(&found, expected),
        None => is_true(&found),
    }
}

fn join(call: &Call<'_>) -> Result<Value, Error> {
    let separator = call.argument(0).map_or_else(|| " ".to_owned(), value::text);
    let parts: Vec<String> = list(&call.input).iter().map(value::text).collect();
    if parts.len().saturating_mul(separator.len()) > crate::liquid::state::MAX_OUTPUT_BYTES {
        return Err(call.failure("the result is too large"));
    }
    Ok(Value::scalar(parts.join(&separator)))
}

/// The first or last item, or character.
fn end(call: &Call<'_>, pick: fn(&[Value]) -> Option<Value>) -> Value {
    let items = match value::kind(&call.input) {
        Kind::Text(text) => text.chars().map(|c| Value::scalar(c.to_string())).collect(),
        _ => match &call.input {
            Value::Array(items) => items.clone(),
            _ => Vec::new(),
        },
    };
    pick(&items).unwrap_or(Value::Nil)
}

fn lowered(value: &Value) -> Value {
    match value::kind(value) {
        Kind::Text(text) => Value::scalar(text.to_lowercase()),
        _ => value.clone(),
    }
}

/// Nil goes last; what cannot be compared keeps its order.
fn sort(items: &mut [Value], call: &Call<'_>, by: fn(&Value) -> Value) {
    items.sort_by_cached_key(|item| SortKey(by(&keyed(item, call))));
}

struct SortKey(Value);

/// A total order, which sorting needs: numbers before texts before everything else.
impl SortKey {
    fn rank(&self) -> u8 {
        match value::kind(&self.0) {
            Kind::Number(_) | Kind::Boolean(_) => 0,
            Kind::Text(_) => 1,
            Kind::Other => 2,
            Kind::Nil | Kind::Empty | Kind::Blank => 3,
        }
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| match (value::kind(&self.0), value::kind(&other.0)) {
            (Kind::Text(left), Kind::Text(right)) => left.cmp(&right),
            (Kind::Number(_) | Kind::Boolean(_), _) => value::number(&self.0).total_cmp(&value::number(&other.0)),
            _ => Ordering::Equal,
        })
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey {}

fn uniq(items: &mut Vec<Value>, call: &Call<'_>) {
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(value::to_json(&keyed(item, call)).to_string()));
}

/// `slice: begin, length` of a list or a text; a negative begin counts from the end.
#[expect(clippy::cast_possible_truncation, reason = "the casts saturate")]
fn slice(call: &Call<'_>) -> Value {
    let begin = call.argument_number(0).unwrap_or_default() as i64;
    let length = call.argument_number(1).unwrap_or(1.0).max(0.0) as i64;
    let cut = |count: usize| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let begin = if begin < 0 { begin.saturating_add(count) } else { begin }.clamp(0, count);
        let end = begin.saturating_add(length).min(count);
        usize::try_from(begin).unwrap_or(0)..usize::try_from(end).unwrap_or(0)
    };
    match &call.input {
        Value::Array(items) => Value::Array(items[cut(items.len())].to_vec()),
        Value::Nil => Value::Array(Vec::new()),
        input => {
            let chars: Vec<char> = value::text(input).chars().collect();
            Value::scalar(chars[cut(chars.len())].iter().collect::<String>())
        }
    }
}

/// `a`, `a and b`, `a, b, and c`.
fn sentence(call: &Call<'_>) -> Value {
    let connector = call.argument(0).map_or_else(|| "and".to_owned(), value::text);
    let parts: Vec<String> = list(&call.input).iter().map(value::text).collect();
    Value::scalar(match parts.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} {connector} {other}"),
        [most @ .., last] => format!("{}, {connector} {last}", most.join(", ")),
    })
}
