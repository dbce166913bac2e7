//! What a program knows that has seen nothing but schemas and answers: values by the names they go by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A value, and the arguments of the call that told it: what is inside a newsletter is found in that newsletter.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    value: Value,
    context: Map<String, Value>,
}

/// Values by the name of the argument they would do for, and by the operation that told them.
#[derive(Debug, Default)]
pub(super) struct Pool {
    told: BTreeMap<String, Vec<Told>>,
    /// Arguments of calls that succeeded: what was found together once is found together again.
    worked: Vec<Map<String, Value>>,
}

impl Pool {
    /// Learns from an answer: whatever has an id goes by the name of the list it stands in, or of the operation.
    pub(super) fn learn(&mut self, operation: &str, arguments: &Value, answer: &Value) {
        let context = arguments.as_object().cloned().unwrap_or_default();
        if answer.get("error").is_none() && context.len() > 1 && !self.worked.contains(&context) {
            self.worked.push(context.clone());
        }
        let noun = operation.split_once('_').map_or(operation, |(_, noun)| noun);
        self.learn_of(&singular(noun), answer, &context);
        self.learn_ids(operation, answer, &context);
    }

    /// The ids of the things that an operation answers with, whatever their noun.
    fn learn_ids(&mut self, operation: &str, value: &Value, context: &Map<String, Value>) {
        let own = singular(operation.trim_start_matches("list_"));
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn_ids(operation, item, context)),
            Value::Object(map) => {
                let ids = ["id".to_owned(), "publish_id".to_owned(), format!("{own}_id"), own];
                let id = ids.iter().find_map(|name| map.get(name).filter(|id| id.is_string() || id.is_number()));
                match id {
                    Some(id) => self.add(format!("from {operation}"), id, context),
                    None => map.values().for_each(|value| self.learn_ids(operation, value, context)),
                }
            }
            _ => {}
        }
    }

    fn learn_of(&mut self, noun: &str, value: &Value, context: &Map<String, Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn_of(noun, item, context)),
            Value::Object(map) => self.learn_object(noun, map, context),
            _ => {}
        }
    }

    fn learn_object(&mut self, noun: &str, map: &Map<String, Value>, context: &Map<String, Value>) {
        for (name, value) in map {
            match value {
                Value::String(_) | Value::Number(_) if name == "id" => self.add(format!("{noun}_id"), value, context),
                Value::String(_) | Value::Number(_) if name.ends_with("_id") => self.add(name.clone(), value, context),
                Value::String(_) if name == "name" => self.add(format!("{noun}_name"), value, context),
                Value::String(_) if name == "domain" => self.add(name.clone(), value, context),
                Value::Object(_) | Value::Array(_) => {
                    let inner = match name.as_str() {
                        "untrusted" | "answer" | "before" | "items" | "data" => noun.to_owned(),
                        other => singular(other),
                    };
                    self.learn_of(&inner, value, context);
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, name: String, value: &Value, context: &Map<String, Value>) {
        let known = self.told.entry(name).or_default();
        let told = Told { value: value.clone(), context: context.clone() };
        if !known.contains(&told) {
            known.push(told);
        }
    }

    /// Arguments for a schema: from the lists that descriptions name, with what those lists were asked for; by an
    /// example; by the name; or made of the schema. Each attempt takes other values where there are several.
    pub(super) fn arguments(&self, schema: &Value, attempt: usize) -> Value {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut arguments = if attempt % 2 == 1 { self.that_worked(&required, attempt / 2) } else { Map::new() };
        for name in required.iter().rev() {
            let of_argument = &schema["properties"][*name];
            if arguments.contains_key(*name) {
                continue;
            }
            let told = self.named_by(of_argument, attempt).or_else(|| self.by_name(name, of_argument, attempt));
            let Some(Told { value, context }) = told else { continue };
            arguments.insert((*name).to_owned(), value);
            for (other, value) in context {
                if required.contains(&other.as_str()) {
                    arguments.entry(other).or_insert(value);
                }
            }
        }
        for name in required {
            let of_argument = &schema["properties"][name];
            arguments.entry(name).or_insert_with(|| self.made(name, of_argument, attempt));
        }
        Value::Object(arguments)
    }

    /// What most of the arguments were in a call that succeeded.
    fn that_worked(&self, required: &[&str], attempt: usize) -> Map<String, Value> {
        let shared = |worked: &Map<String, Value>| required.iter().filter(|name| worked.contains_key(**name)).count();
        let most = self.worked.iter().map(shared).max().unwrap_or_default();
        let alike: Vec<_> = self.worked.iter().rev().filter(|worked| most > 1 && shared(worked) == most).collect();
        let Some(worked) = alike.get(attempt % alike.len().max(1)) else { return Map::new() };
        let of_both = worked.iter().filter(|(name, _)| required.contains(&name.as_str()));
        of_both.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A value for one more argument.
    pub(super) fn value(&self, name: &str, schema: &Value, attempt: usize) -> Value {
        let told = self.named_by(schema, attempt).or_else(|| self.by_name(name, schema, attempt));
        told.map_or_else(|| self.made(name, schema, attempt), |told| told.value)
    }

    /// What a list that a description names has told.
    fn named_by(&self, schema: &Value, attempt: usize) -> Option<Told> {
        let description = schema["description"].as_str()?;
        let from = description.split('`').find(|word| word.starts_with("list_") || word.starts_with("publish_"))?;
        fitting(pick(self.told.get(&format!("from {from}"))?, attempt)?, schema)
    }

    /// A value that the schema of an argument allows, made of nothing else.
    fn made(&self, name: &str, schema: &Value, attempt: usize) -> Value {
        if let Some(example) = schema["examples"].as_array().and_then(|examples| examples.first()) {
            return example.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|choices| choices.first()) {
            return first.clone();
        }
        match schema["type"].as_str() {
            Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            Some("boolean") => json!(true),
            Some("array") => json!([self.value(&singular(name), &schema["items"], attempt)]),
            Some("object") => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let keys = required.iter().filter_map(Value::as_str);
                let mut map: Map<String, Value> =
                    keys.map(|key| (key.to_owned(), self.value(key, &schema["properties"][key], attempt))).collect();
                if map.is_empty() {
                    map.insert("note".to_owned(), json!("made from the schema"));
                }
                Value::Object(map)
            }
            _ => json!(name),
        }
    }

    fn by_name(&self, name: &str, schema: &Value, attempt: usize) -> Option<Told> {
        if !schema["enum"].is_null() || !schema["examples"].is_null() {
            return None;
        }
        if schema["type"] == "array" {
            let one = self.by_name(&singular(name), &schema["items"], attempt)?;
            return Some(Told { value: json!([one.value]), context: one.context });
        }
        let last_two: Vec<&str> = name.rsplitn(3, '_').collect();
        let short = format!("{}_{}", last_two.get(1).unwrap_or(&""), last_two[0]);
        let known = |name: &str| self.told.get(name).and_then(|known| pick(known, attempt));
        // Who was named first is named again: what one operation gives a person, another asks for.
        let first = || self.told.get(&format!("{name}_id"))?.get(attempt);
        let told = known(name).or_else(|| known(&short)).or_else(first)?;
        fitting(told, schema)
    }
}

/// The latest first, then those before it.
fn pick(known: &[Told], attempt: usize) -> Option<&Told> {
    let back = attempt % known.len().max(1);
    known.iter().rev().nth(back)
}

/// The value in the type that the schema asks for.
fn fitting(told: &Told, schema: &Value) -> Option<Told> {
    let value = match (schema["type"].as_str()?, &told.value) {
        ("integer", Value::Number(_)) | ("string", Value::String(_)) => told.value.clone(),
        ("integer", Value::String(text)) => json!(text.parse::<i64>().ok()?),
        ("string", Value::Number(number)) => json!(number.to_string()),
        _ => return None,
    };
    Some(Told { value, context: told.context.clone() })
}

pub(super) fn singular(noun: &str) -> String {
    let stem = noun.strip_suffix("ies").map(|stem| format!("{stem}y"));
    stem.unwrap_or_else(|| noun.strip_suffix('s').unwrap_or(noun).to_owned())
}
