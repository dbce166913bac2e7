//! What a client is promised: every tool as `tools/list` sends it, held in `tools/<name>.snap`, and what holds for
//! all of them.
//!
//! A contract is an API: a change of it shows in review as a changed file. `INSTA_UPDATE=always cargo test --test
//! contract` writes the files anew; `tools/README.md` says how to add a tool.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use customerio_mcp::{catalog::Effect, error::ErrorCode, tools};
use insta::{Settings, assert_json_snapshot};
use regex::Regex;
use serde_json::{Value, json};

/// Clients of several makers refuse longer names.
const NAME_CHARACTERS: usize = 64;

/// Some clients cut what is longer.
const DESCRIPTION_BYTES: usize = 2_048;

/// Schema keywords that providers refuse at the root of an input schema, or cannot follow anywhere.
const ROOT_COMBINATORS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const REFERENCES: [&str; 4] = ["$ref", "$schema", "$defs", "definitions"];

/// Every tool as a client gets it.
fn contracts() -> Vec<Value> {
    tools::all().iter().map(|tool| serde_json::to_value(tool.definition()).unwrap()).collect()
}

fn name(contract: &Value) -> &str {
    contract["name"].as_str().unwrap()
}

fn names() -> BTreeSet<String> {
    contracts().iter().map(|contract| name(contract).to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_tool_keeps_its_contract() {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../tools");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for contract in contracts() {
            assert_json_snapshot!(name(&contract), contract);
        }
    });
}

#[test]
fn every_contract_and_every_prose_has_its_tool() {
    let names = names();
    for extension in ["snap", "md"] {
        let written: BTreeSet<String> =
            files("tools", extension).iter().map(|path| stem(path)).filter(|stem| stem != "README").collect();
        let left_behind: Vec<_> = written.difference(&names).collect();
        assert!(left_behind.is_empty(), "tools/*.{extension} without a tool: {left_behind:?}");
    }
    for tool in tools::all() {
        let (name, prose) = (tool.spec().name, tool.spec().prose);
        let path = format!("tools/{name}.md");
        assert_eq!(fs::read_to_string(root().join(&path)).unwrap(), prose, "{name} does not speak the words of {path}");
    }
}

#[test]
fn every_tool_is_called_by_a_test() {
    let tests: String = files("tests/it", "rs").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let uncalled: Vec<_> = names().into_iter().filter(|name| !tests.contains(&format!("\"{name}\""))).collect();
    assert!(uncalled.is_empty(), "no test in tests/it calls {uncalled:?}");
}

#[test]
fn names_are_unique_and_say_what_is_done_to_what() {
    let shape = Regex::new("^[a-z]+(_[a-z]+)+$").unwrap();
    let all = contracts();
    for contract in &all {
        let name = name(contract);
        assert!(shape.is_match(name), "{name} is not verb_noun");
        assert!(name.len() <= NAME_CHARACTERS, "{name} is too long");
    }
    assert_eq!(names().len(), all.len(), "two tools have one name");
}

#[test]
fn every_tool_has_title_hints_and_a_description_of_bearable_length() {
    for contract in contracts() {
        let name = name(&contract);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert!(!text(&contract["title"]).is_empty(), "{name} has no title");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(contract["annotations"][hint].is_boolean(), "{name} has no {hint}");
        }
        let description = text(&contract["description"]);
        assert!(!description.is_empty() && description.len() < DESCRIPTION_BYTES, "{name}: {}", description.len());
        assert_eq!(description, description.trim(), "{name}: white space around the description");
    }
}

/// A client that asks before it lets a tool run goes by these two hints: they must not be better than the truth.
#[test]
fn hints_follow_the_effect() {
    for tool in tools::all() {
        let (spec, annotations) = (tool.spec(), tool.definition().annotations.clone().unwrap());
        assert_eq!(annotations.read_only_hint, Some(spec.effect == Effect::Read), "{}", spec.name);
        let grave = matches!(spec.effect, Effect::Delete | Effect::Send);
        assert_eq!(annotations.destructive_hint, Some(grave), "{}", spec.name);
    }
}

#[test]
fn schemas_are_such_as_every_client_takes() {
    for contract in contracts() {
        let name = name(&contract);
        let input = &contract["inputSchema"];
        assert_eq!(input["type"], "object", "{name}");
        assert_eq!(input["additionalProperties"], false, "{name} takes unknown arguments");
        assert_eq!(contract["outputSchema"]["type"], "object", "{name}: structured content is an object");
        for combinator in ROOT_COMBINATORS {
            assert!(input.get(combinator).is_none(), "{name}: {combinator} at the root");
        }
        for side in ["inputSchema", "outputSchema"] {
            let mut faults = Vec::new();
            inspect(&contract[side], side, &mut faults);
            assert!(faults.is_empty(), "{name}: {faults:#?}");
        }
    }
}

/// Walks a schema and notes what trips clients.
fn inspect(schema: &Value, place: &str, faults: &mut Vec<String>) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inspect(item, &format!("{place}/{index}"), faults);
            }
        }
        Value::Object(map) => {
            let has_type = |kind: &str| match map.get("type") {
                Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
                Some(one) => one == kind,
                None => false,
            };
            if has_type("null") {
                faults.push(format!("{place}: null among the types"));
            }
            if (has_type("integer") || has_type("number")) && map.contains_key("format") {
                faults.push(format!("{place}: a numeric format"));
            }
            faults.extend(REFERENCES.iter().filter(|key| map.contains_key(**key)).map(|key| format!("{place}: {key}")));
            for (key, value) in map {
                inspect(value, &format!("{place}/{key}"), faults);
            }
        }
        _ => {}
    }
}

#[test]
fn the_inspection_finds_what_it_looks_for() {
    let mut faults = Vec::new();
    let bad = json!({ "properties": {
        "a": { "type": ["string", "null"] },
        "b": { "type": "integer", "format": "uint64" },
        "c": { "$ref": "#/$defs/c" },
    } });
    inspect(&bad, "", &mut faults);
    assert_eq!(
        faults,
        ["/properties/a: null among the types", "/properties/b: a numeric format", "/properties/c: $ref"]
    );
}

/// Words of the contracts: tools, arguments, fields of answers, values of enumerations, error codes.
fn vocabulary() -> BTreeSet<String> {
    let mut words = names();
    for contract in contracts() {
        collect(&contract["inputSchema"], &mut words);
        collect(&contract["outputSchema"], &mut words);
    }
    // What every answer may carry besides its own.
    words.insert("untrusted_fields".to_owned());
    words.extend(ErrorCode::ALL.iter().map(|code| code.as_str().to_owned()));
    words.extend(Effect::ALL.iter().map(|effect| effect.as_str().to_owned()));
    words
}

fn collect(schema: &Value, words: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        words.extend(properties.keys().cloned());
    }
    for key in ["enum", "const"] {
        match schema.get(key) {
            Some(Value::Array(values)) => words.extend(values.iter().filter_map(Value::as_str).map(str::to_owned)),
            Some(Value::String(value)) => {
                words.insert(value.clone());
            }
            _ => {}
        }
    }
    match schema {
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(map) => map.values().for_each(|value| collect(value, words)),
        _ => {}
    }
}

/// Words of a text that look like names: all of snake case, and what stands alone in backticks.
fn names_in(text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(r"`([a-z][a-z0-9_]*)(?:: [^`]*)?`|\b([a-z]+(?:_[a-z0-9]+)+)\b").unwrap();
    pattern
        .captures_iter(text)
        .filter_map(|found| found.get(1).or(found.get(2)))
        .map(|m| m.as_str().to_owned())
        .collect()
}

#[test]
fn prose_names_only_what_exists() {
    let words = vocabulary();
    let prose = files("tools", "md").into_iter().filter(|path| stem(path) != "README");
    for path in prose.chain([root().join("src/server/instructions.md")]) {
        let text = fs::read_to_string(&path).unwrap();
        let unknown: Vec<_> = names_in(&text).difference(&words).cloned().collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}: no tool, argument, field or code", path.display());
    }
    assert_eq!(
        names_in(
            "Use `test: true`, `cio_id` or get_customer; `CUSTOMERIO_REGION` and `--read-only` are others' names."
        ),
        ["cio_id", "get_customer", "test"].map(str::to_owned).into()
    );
}

#[test]
fn instructions_are_short() {
    let instructions = include_str!("../src/server/instructions.md");
    assert!(instructions.len() < DESCRIPTION_BYTES, "{} bytes", instructions.len());
}
