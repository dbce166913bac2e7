//! Every operation of Customer.io has a tool, and each declared one is what Customer.io says it is.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

#[path = "surface/mod.rs"]
mod surface;

use std::collections::{BTreeMap, BTreeSet};

use customerio_mcp::{
    catalog::{Effect, Flag, HeldSchema, Operation, Operations, Retry},
    tools,
};
use serde_json::{Value, json};
use surface::{CRAFTED, UNREACHED, declared, key, rows, tools_of};

fn retry(operation: &Operation) -> &'static str {
    match operation.retry {
        Retry::Natural => "natural",
        Retry::Ulid => "ulid",
        Retry::Ledger => "ledger",
    }
}

#[test]
fn every_operation_has_a_tool() {
    let rows = rows();
    assert_eq!(rows.len(), 211);
    let unreached: BTreeMap<_, _> = UNREACHED.iter().copied().collect();
    let mut reached = 0;
    for row in &rows {
        let tools = tools_of(row);
        let expected = !unreached.contains_key(row.key().as_str());
        assert_eq!(!tools.is_empty(), expected, "{} is reached by {tools:?}", row.key());
        reached += usize::from(expected);
    }
    let free = declared().into_iter().filter(|one| one.free_form).count();
    println!("{reached} of {} operations have a tool; {} declared, {free} free-form", rows.len(), declared().len());
    assert_eq!(reached + unreached.len(), rows.len());
}

#[test]
fn the_map_names_what_exists() {
    let keys: BTreeSet<String> = rows().iter().map(surface::Row::key).collect();
    let named = CRAFTED.iter().map(|(key, _)| key).chain(UNREACHED.iter().map(|(key, _)| key));
    let unknown: Vec<_> = named.filter(|key| !keys.contains(**key)).collect();
    assert!(unknown.is_empty(), "Customer.io has no {unknown:?}");
    let tools: BTreeSet<&str> = tools::all().iter().map(|tool| tool.spec().name).collect();
    for name in CRAFTED.iter().flat_map(|(_, tools)| tools.iter()) {
        assert!(tools.contains(name), "there is no tool {name}");
    }
}

#[test]
fn a_crafted_tool_stands_alone() {
    let crafted: BTreeSet<&str> = CRAFTED.iter().map(|(key, _)| *key).collect();
    let tools: BTreeSet<&str> = tools::all().iter().map(|tool| tool.spec().name).collect();
    for operation in declared() {
        assert!(!crafted.contains(key(operation).as_str()), "{} is behind a crafted tool", operation.name);
        assert!(!tools.contains(operation.name.as_str()), "{} is the name of a crafted tool", operation.name);
    }
}

#[test]
fn what_is_declared_is_what_customer_io_says() {
    let rows: BTreeMap<String, surface::Row> = rows().into_iter().map(|row| (row.key(), row)).collect();
    for operation in declared() {
        let name = &operation.name;
        let row = rows.get(&key(operation)).unwrap_or_else(|| panic!("{name}: Customer.io has no {}", key(operation)));
        // One endpoint of several operations has the effect of each.
        if row.effect != "by action" {
            let effects: Vec<String> = row.effect.split(" | ").map(str::to_lowercase).collect();
            assert!(effects.contains(&operation.effect.to_string()), "{name} is {}, not {effects:?}", operation.effect);
            assert_eq!(retry(operation), row.retry, "{name}");
        }
        let flags: Vec<&str> = row.flags.split(';').map(str::trim).collect();
        for (flag, text) in [
            (Flag::BulkPii, "bulk_pii"),
            (Flag::Egress, "egress"),
            (Flag::Spends, "spends"),
            (Flag::Bulk, "bulk"),
            (Flag::ContentInUse, "content in use: preview by default"),
        ] {
            assert!(!flags.contains(&text) || operation.flags.contains(&flag), "{name} lacks {text}");
        }
        let asks = |word: &str| row.flags.contains(word);
        let flagged = |flag| operation.flags.contains(&flag);
        assert!(!asks("approve by default") || flagged(Flag::ApproveByDefault), "{name} is approved by default");
        assert!(!asks("denied by default") || flagged(Flag::DenyByDefault), "{name} is denied by default");
    }
}

#[test]
fn an_effect_that_depends_on_the_action_is_that_of_the_action() {
    let of = |word: &str| -> Vec<&Operation> {
        let fixes = |one: &&Operation| one.fixed.values().any(|value| value.to_string().contains(word));
        declared().into_iter().filter(fixes).collect()
    };
    for word in ["delete", "Deleted"] {
        assert!(!of(word).is_empty());
        for operation in of(word) {
            assert_eq!(operation.effect, Effect::Delete, "{}", operation.name);
        }
    }
}

#[test]
fn schemas_hold_callers() {
    for operation in declared() {
        let schema = Value::Object(operation.input_schema());
        assert!(jsonschema::meta::is_valid(&schema), "{}: {schema}", operation.name);
        let refused = HeldSchema::new(operation.input_schema()).check(&json!({ "no_such_argument": 1 })).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("no_such_argument"), "{}", operation.name);
    }
}

#[test]
fn what_a_declaration_names_exists() {
    let declared = declared();
    let mut names: BTreeSet<&str> = declared.iter().map(|operation| operation.name.as_str()).collect();
    names.extend(tools::all().iter().map(|tool| tool.spec().name));
    let pattern = regex::Regex::new(r"`((?:list|get|find|report)_\w+)`").unwrap();
    let mut found = 0;
    for operation in declared {
        let descriptions = operation.parameters.iter().filter_map(|parameter| parameter.description.as_deref());
        for text in descriptions.chain([operation.summary.as_str()]) {
            for name in pattern.captures_iter(text).map(|name| name.get(1).unwrap().as_str()) {
                assert!(names.contains(name), "{} names {name}, which does not exist", operation.name);
                found += 1;
            }
        }
    }
    assert!(found > 50, "{found}");
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Questions {
    question: Vec<Question>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    ask: String,
    operation: String,
}

#[test]
fn questions_are_about_operations_there_are() {
    let Questions { question } = toml::from_str(include_str!("fixtures/questions.toml")).unwrap();
    assert_eq!(question.iter().map(|one| &one.ask).collect::<BTreeSet<_>>().len(), 60);
    let operations = Operations::declared().unwrap();
    let tools: BTreeSet<&str> = tools::all().iter().map(|tool| tool.spec().name).collect();
    for Question { ask, operation } in &question {
        let exists = operations.get(operation).is_some() || tools.contains(operation.as_str());
        assert!(exists, "{ask}: there is no {operation}");
    }
}

#[test]
fn an_event_with_a_meaning_of_its_own_is_not_tracked() {
    let track = Operations::declared().unwrap().get("track_through_pipelines").unwrap();
    let schema = HeldSchema::new(track.input_schema());
    schema.check(&json!({ "customer": "u1", "event": "Order Placed" })).unwrap();
    let refused = schema.check(&json!({ "customer": "u1", "event": "User Deleted" })).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("event"));
}

const GOOD: &str = r#"
toolset = "content"
[[operation]]
name = "get_thing"
api = "app"
method = "GET"
path = "/v1/things/{thing_id}"
effect = "read"
retry = "natural"
summary = "One thing."
parameters = [{ name = "thing_id", in = "path", type = "integer" }]
"#;

/// What is wrong with a file in which `old` is `new`.
fn refusal(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old));
    Operations::read([("things", GOOD.replace(old, new).as_str())]).unwrap_err().to_string()
}

#[test]
fn a_wrong_declaration_is_refused() {
    assert_eq!(Operations::read([("things", GOOD)]).unwrap().iter().len(), 1);
    let twice = Operations::read([("things", GOOD), ("others", GOOD)]).unwrap_err().to_string();
    assert_eq!(twice, "tools/operations/others.toml: `get_thing` is declared twice");
    for (old, new, why) in [
        ("effect = \"read\"", "effect = \"look\"", "unknown variant `look`"),
        ("retry = \"natural\"", "retry = \"often\"", "unknown variant `often`"),
        ("retry = \"natural\"", "retry = \"ledger\"", "may always be repeated"),
        ("toolset = \"content\"", "toolset = \"things\"", "unknown variant `things`"),
        ("summary =", "flags = [\"loud\"]\nsummary =", "unknown variant `loud`"),
        ("summary =", "colour = \"red\"\nsummary =", "unknown field `colour`"),
        ("type = \"integer\"", "type = \"integer\", largest = 3", "unknown field `largest`"),
        ("summary = \"One thing.\"", "summary = \"\"", "needs a summary"),
        ("name = \"get_thing\"", "name = \"getThing\"", "not named as `verb_noun`"),
        ("name = \"thing_id\"", "name = \"other_id\"", "in its path"),
        ("in = \"path\"", "in = \"query\"", "in its path"),
        ("summary =", "one_of = [[\"a\"]]\nsummary =", "`a` in `one_of`, which is no parameter"),
        ("summary =", "free_form = true\nsummary =", "takes no whole body"),
        ("summary =", "fixed = { a = 1 }\nsummary =", "is a GET, and has a body"),
        ("api = \"app\"", "api = \"track_v2\"", "leaves it to callers"),
    ] {
        let refused = refusal(old, new);
        assert!(refused.contains(why), "{new}: {refused}");
    }
}
