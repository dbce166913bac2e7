//! Where each variable of a message gets its value from.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::liquid::{Data, Variable};

/// A variable that the template reads.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct VariableLine {
    path: String,
    source: Source,
    /// It has a fallback.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    guarded: bool,
}

/// Where a variable gets its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Source {
    /// Their attributes.
    Customer,
    /// Yours.
    MessageData,
    /// The workspace's snippets.
    Snippet,
    /// An object they are related to.
    Object,
    /// The message itself.
    Message,
    /// Nobody gives it.
    Missing,
    /// There is nothing of this name: blank.
    UnknownNamespace,
}

impl VariableLine {
    /// A variable, with where `data` has it from.
    pub(super) fn of(variable: &Variable, data: &Data) -> Self {
        Self { path: variable.path.clone(), source: source(variable, data), guarded: variable.guarded }
    }
}

fn source(variable: &Variable, data: &Data) -> Source {
    if variable.namespace == "snippets" {
        let known = snippet_of(variable).is_some_and(|name| data.snippets.contains_key(&name));
        return if known { Source::Snippet } else { Source::Missing };
    }
    let Some(root) = data.namespaces.get(&variable.namespace) else { return Source::UnknownNamespace };
    if !holds(root, &steps(&variable.path)) {
        return Source::Missing;
    }
    match variable.namespace.as_str() {
        "customer" => Source::Customer,
        "trigger" => Source::MessageData,
        "objects" => Source::Object,
        _ => Source::Message,
    }
}

/// The snippet that a variable names.
pub(super) fn snippet_of(variable: &Variable) -> Option<String> {
    match steps(&variable.path).into_iter().next() {
        Some(Step::Key(name)) if variable.namespace == "snippets" => Some(name),
        _ => None,
    }
}

/// One step into a value.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A property, or a place in a list.
    Key(String),
    /// Every item of a list, or a place that only rendering knows.
    Each,
}

/// The steps after the namespace of a path such as `trigger.items[].name` or `customer["First Name"]`.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = &path[path.find(['.', '[']).unwrap_or(path.len())..];
    while !rest.is_empty() {
        let (step, after) = first_step(rest);
        steps.push(step);
        rest = after;
    }
    steps
}

fn first_step(path: &str) -> (Step, &str) {
    let key = |text: &str| Step::Key(text.to_owned());
    if let Some(after) = path.strip_prefix("[]") {
        return (Step::Each, after);
    }
    if let Some((name, after)) = path.strip_prefix("[\"").and_then(|inside| inside.split_once("\"]")) {
        return (key(name), after);
    }
    if let Some((place, after)) = path.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        return (key(place), after);
    }
    let inside = path.strip_prefix('.').unwrap_or(path);
    let end = inside.find(['.', '[']).unwrap_or(inside.len());
    (key(&inside[..end]), &inside[end..])
}

/// Whether `value` has what the steps lead to. Null has everything: what is read from it renders nothing.
fn holds(value: &Value, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    match (value, step) {
        (Value::Null, _) | (Value::Object(_), Step::Each) => true,
        (Value::Array(items), Step::Each) => items.iter().all(|item| holds(item, rest)),
        (Value::Object(map), Step::Key(name)) => match map.get(name) {
            Some(next) => holds(next, rest),
            None => name == "size" && rest.is_empty(),
        },
        (Value::Array(items), Step::Key(place)) => match item(items, place) {
            Some(next) => holds(next, rest),
            None => place == "size" && rest.is_empty(),
        },
        (Value::String(_), Step::Key(name)) => name == "size" && rest.is_empty(),
        _ => false,
    }
}

fn item<'a>(items: &'a [Value], place: &str) -> Option<&'a Value> {
    match place {
        "first" => items.first(),
        "last" => items.last(),
        _ => {
            let place: isize = place.parse().ok()?;
            let from_the_end = || items.len().checked_sub(place.unsigned_abs());
            items.get(usize::try_from(place).ok().or_else(from_the_end)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_followed_into_lists_objects_and_quoted_names() {
        let trigger = json!({ "items": [{ "name": "Tea", "n": null }, { "name": "Cup" }], "First Name": { "a.b": 1 },
            "none": [], "word": "x" });
        for there in [
            "trigger.items[].name",
            "trigger.items[0].name",
            "trigger.items[-1].name",
            "trigger.items.last.name",
            "trigger.items.size",
            "trigger[\"First Name\"][\"a.b\"]",
            "trigger.none[].name",
            "trigger.items[0].n.deeper",
            "trigger.word.size",
            "trigger",
        ] {
            assert!(holds(&trigger, &steps(there)), "{there}");
        }
        for missing in
            ["trigger.items[].n", "trigger.items[2]", "trigger.items[-3]", "trigger.none.first", "trigger.word.length"]
        {
            assert!(!holds(&trigger, &steps(missing)), "{missing}");
        }
    }
}
