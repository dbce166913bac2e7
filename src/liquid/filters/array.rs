//! Filters on lists.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use liquid_core::{Error, Object, Value, object};

use super::{Call, FilterFunction, number};
use crate::{
    clock,
    liquid::{
        state,
        value::{self, Kind, equal, is_true},
    },
};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "join" => join,
        "first" => |call| Ok(end(call, |items| items.first().cloned())),
        "last" => |call| Ok(end(call, |items| items.last().cloned())),
        "reverse" => |call| changed(call, |items, _| items.reverse()),
        "sort" => |call| changed(call, |items, call| sort(items, call, Clone::clone)),
        "sort_natural" => |call| changed(call, |items, call| sort(items, call, lowered)),
        "uniq" => |call| changed(call, uniq),
        "compact" => |call| changed(call, compact),
        "concat" => |call| changed(call, |items, call| items.extend(call.argument(0).map(list).unwrap_or_default())),
        "push" => |call| changed(call, |items, call| items.extend(call.arguments.first().cloned())),
        "unshift" => {
            |call| changed(call, |items, call| items.splice(0..0, call.arguments.first().cloned()).for_each(drop))
        }
        "pop" => |call| changed(call, |items, _| drop(items.pop())),
        "shift" => |call| changed(call, |items, _| drop((!items.is_empty()).then(|| items.remove(0)))),
        "map" => |call| Ok(Value::Array(keyed(call).collect())),
        "sum" => |call| Ok(value::from_number(keyed(call).map(|item| number(&item)).sum())),
        "where" => |call| changed(call, |items, call| matching(items, call, true)),
        "reject" | "where_not" => |call| changed(call, |items, call| matching(items, call, false)),
        "limit" => |call| changed(call, limit),
        "sample" => sample,
        "find" => |call| {
            let place = Matcher::of(call).place(&list(&call.input));
            Ok(place.and_then(|place| list(&call.input).into_iter().nth(place)).unwrap_or(Value::Nil))
        },
        "find_index" => |call| Ok(index(Matcher::of(call).place(&list(&call.input)))),
        "has" => |call| Ok(Value::scalar(Matcher::of(call).place(&list(&call.input)).is_some())),
        "group_by" => |call| {
            let property = Property::of(call);
            group(list(&call.input), |item| Ok(property.read(item)))
        },
        "slice" => |call| Ok(slice(call)),
        "json_array_uniq" => json_array_uniq,
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

/// What the first argument names in each item: dots lead further in; without it, the item itself.
struct Property(Option<String>);

impl Property {
    fn of(call: &Call<'_>) -> Self {
        Self(call.argument(0).map(value::text))
    }

    fn read(&self, item: &Value) -> Value {
        let mut current = item;
        for key in self.0.iter().flat_map(|path| path.split('.')) {
            let Value::Object(object) = current else { return Value::Nil };
            let Some(next) = object.get(key) else { return Value::Nil };
            current = next;
        }
        current.clone()
    }
}

/// The property of each item.
fn keyed(call: &Call<'_>) -> impl Iterator<Item = Value> {
    let property = Property::of(call);
    list(&call.input).into_iter().map(move |item| property.read(&item))
}

/// `where: "property", expected`; without the second, the property has to be true.
struct Matcher<'c> {
    property: Property,
    expected: Option<&'c Value>,
}

impl<'c> Matcher<'c> {
    fn of(call: &'c Call<'_>) -> Self {
        Self { property: Property::of(call), expected: call.arguments.get(1) }
    }

    fn matches(&self, item: &Value) -> bool {
        let found = self.property.read(item);
        self.expected.map_or_else(|| is_true(&found), |expected| equal(&found, expected))
    }

    fn place(&self, items: &[Value]) -> Option<usize> {
        items.iter().position(|item| self.matches(item))
    }
}

fn matching(items: &mut Vec<Value>, call: &Call<'_>, wanted: bool) {
    let matcher = Matcher::of(call);
    items.retain(|item| matcher.matches(item) == wanted);
}

fn compact(items: &mut Vec<Value>, call: &Call<'_>) {
    let property = Property::of(call);
    items.retain(|item| !matches!(property.read(item), Value::Nil));
}

fn join(call: &Call<'_>) -> Result<Value, Error> {
    let separator = call.argument(0).map_or_else(|| " ".to_owned(), value::text);
    let parts: Vec<String> = list(&call.input).iter().map(value::text).collect();
    if parts.len().saturating_mul(separator.len()) > state::MAX_OUTPUT_BYTES {
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
    let property = Property::of(call);
    items.sort_by_cached_key(|item| SortKey(by(&property.read(item))));
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

/// Numbers, texts and the like, each once. Lists and objects are never the same to it, as in JavaScript: that is what
/// `json_array_uniq` is for.
fn uniq(items: &mut Vec<Value>, _call: &Call<'_>) {
    let mut seen = HashSet::new();
    let is_plain = |item: &Value| !matches!(item, Value::Array(_) | Value::Object(_));
    items.retain(|item| !is_plain(item) || seen.insert(value::to_json(item).to_string()));
}

/// The items of a list, or of a list written as JSON, that differ in content, or in the property that is named.
fn json_array_uniq(call: &Call<'_>) -> Result<Value, Error> {
    let mut items = match &call.input {
        Value::Array(_) | Value::Nil => list(&call.input),
        _ => match serde_json::from_str(&call.text()) {
            Ok(serde_json::Value::Array(items)) => items.iter().map(value::from_json).collect(),
            _ => return Err(call.failure("the input is not a JSON array")),
        },
    };
    let property = Property::of(call);
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(value::to_json(&property.read(item)).to_string()));
    Ok(Value::Array(items))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn limit(items: &mut Vec<Value>, call: &Call<'_>) {
    items.truncate(call.argument_number(0).map_or(usize::MAX, |number| number as usize));
}

/// Items, or characters, drawn with the clock's randomness: one by itself, several as a list.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn sample(call: &Call<'_>) -> Result<Value, Error> {
    let mut items = match value::kind(&call.input) {
        Kind::Text(text) => text.chars().map(|c| Value::scalar(c.to_string())).collect(),
        _ => list(&call.input),
    };
    let count = call.argument_number(0).unwrap_or(1.0);
    let shared = state::shared(call.runtime)?;
    let mut drawn = Vec::new();
    while !items.is_empty() && drawn.len() < count as usize {
        let random = u64::from_be_bytes(clock::random_bytes::<8>(&*shared.clock));
        let place = random % items.len() as u64;
        drawn.push(items.swap_remove(place as usize));
    }
    let one = (count - 1.0).abs() < f64::EPSILON;
    Ok(if one { drawn.pop().unwrap_or(Value::Nil) } else { Value::Array(drawn) })
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
