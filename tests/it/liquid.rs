//! The templates of `tests/fixtures/liquid` and what becomes of them; what a template asks for; and that no template,
//! however hostile, panics or runs on.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use customerio_mcp::{
    clock::AdjustableClock,
    liquid::{Data, Finding, FindingKind, Links, RenderErrorKind, lint, render, variables},
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Where the clock of the fixtures stands.
const NOW: &str = "2026-03-02T09:05:00Z";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    template: String,
    #[serde(default)]
    customer: Map<String, Value>,
    #[serde(default)]
    trigger: Map<String, Value>,
    #[serde(default)]
    snippets: BTreeMap<String, String>,
    expect: Option<String>,
    matches: Option<String>,
    fails: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers whose clock is not the fixtures'")]
    clock: bool,
    rests_on: String,
}

#[derive(Deserialize)]
struct Theme {
    case: Vec<Case>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/liquid");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |file| toml::from_str::<Theme>(&std::fs::read_to_string(file).unwrap()).unwrap().case;
    files.into_iter().flat_map(read).collect()
}

fn data(customer: Map<String, Value>, trigger: Map<String, Value>) -> Data {
    let mut namespaces = Map::new();
    namespaces.insert("customer".to_owned(), Value::Object(customer));
    namespaces.insert("trigger".to_owned(), Value::Object(trigger));
    let clock = AdjustableClock::stopped_at(NOW.parse().unwrap()).with_seed(7);
    Data { namespaces, snippets: BTreeMap::new(), links: Links::default(), clock: Arc::new(clock) }
}

fn shop() -> Data {
    let customer = json!({ "first_name": "Ada", "vip": true, "nothing": null });
    let trigger = json!({ "items": [{ "name": "Tea" }, { "price": 2 }], "total": 5 });
    data(customer.as_object().cloned().unwrap(), trigger.as_object().cloned().unwrap())
}

/// What is wrong with the outcome of `case`.
fn complaint(case: &Case) -> Option<String> {
    let mut data = data(case.customer.clone(), case.trigger.clone());
    data.snippets.clone_from(&case.snippets);
    let outcome = render(&case.template, &data);
    let right = match (&case.expect, &case.matches, &case.fails, &outcome) {
        (Some(expect), None, None, Ok(rendered)) => expect == rendered,
        (None, Some(pattern), None, Ok(rendered)) => regex::Regex::new(pattern).unwrap().is_match(rendered),
        (None, None, Some(fails), Err(error)) => error.to_string().contains(fails.as_str()),
        _ => false,
    };
    (!right).then(|| format!("{} ({}): {outcome:?}", case.name, case.rests_on))
}

#[test]
fn fixtures_render_or_fail_as_they_say() {
    let cases = cases();
    let complaints: Vec<String> = cases.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
    assert!(cases.len() >= 40);
}

#[test]
fn lint_foretells_every_missing_attribute_and_no_other() {
    for case in cases() {
        let mut data = data(case.customer.clone(), case.trigger.clone());
        data.snippets.clone_from(&case.snippets);
        let foretold = lint(&case.template, &data);
        match render(&case.template, &data) {
            Ok(_) => {
                let wrong = |finding: &Finding| finding.kind == FindingKind::MissingAttribute;
                assert!(!foretold.unwrap().iter().any(wrong), "{}", case.name);
            }
            Err(error) => match error.kind {
                RenderErrorKind::MissingAttribute { path } => {
                    let first = foretold.unwrap().into_iter().next().unwrap();
                    assert_eq!((first.kind, first.path), (FindingKind::MissingAttribute, path), "{}", case.name);
                }
                kind => assert_eq!(foretold.unwrap_err().kind, kind, "{}", case.name),
            },
        }
    }
}
