//! Every declared operation, called by a program that knows nothing but what `tools/list` and answers tell it.

use std::collections::BTreeMap;

use customerio_mcp::catalog::Operations;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pool::Pool;
use crate::driver::{Product, Setup};

/// How often an operation is tried that was refused, with other ids of those that lists have told.
const ATTEMPTS: usize = 16;

/// A tool as a client sees it.
struct Listed {
    name: &'static str,
    /// When its turn comes: what reads before what changes, what sends before what destroys, what is inside of things
    /// before them.
    turn: (u8, std::cmp::Reverse<usize>),
    declared: bool,
    schema: Value,
}

async fn listed(product: &Product) -> Vec<Listed> {
    let mut listed = Vec::new();
    for tool in product.client.list_all_tools().await.unwrap() {
        let hints = tool.annotations.clone().unwrap();
        let schema = Value::Object(tool.input_schema.as_ref().clone());
        let required = schema["required"].as_array().map_or(0, Vec::len);
        let (reads, destroys) = (hints.read_only_hint == Some(true), hints.destructive_hint == Some(true));
        let phase = match (reads, destroys, hints.idempotent_hint) {
            (true, ..) => 0,
            (_, false, _) => 1,
            (_, true, Some(false)) => 2,
            _ => 3,
        };
        let depth = if phase == 3 { required } else { 0 };
        let declared = Operations::declared().unwrap().get(&tool.name).is_some();
        if declared || (reads && required == 0) {
            let turn = (phase, std::cmp::Reverse(depth));
            listed.push(Listed { name: String::leak(tool.name.to_string()), turn, declared, schema });
        }
    }
    listed.sort_by_key(|tool| tool.turn);
    listed
}

/// A call, and others with what its answers ask for: the token of a plan, or an argument that is said to be missing.
async fn called(product: &Product, tool: &Listed, pool: &mut Pool, attempt: usize) -> Value {
    let mut arguments = pool.arguments(&tool.schema, attempt);
    loop {
        let answer = product.call(tool.name, arguments.clone()).await;
        match asked_for(&answer).filter(|field| arguments.get(*field).is_none()) {
            Some("plan_token") => arguments["plan_token"] = answer["details"]["plan_token"].clone(),
            Some(field) if !tool.schema["properties"][field].is_null() => {
                arguments[field] = pool.value(field, &tool.schema["properties"][field], attempt);
                // A plan is one of these very arguments.
                arguments.as_object_mut().unwrap().remove("plan_token");
            }
            _ => {
                arguments.as_object_mut().unwrap().remove("plan_token");
                pool.learn(tool.name, &arguments, &answer);
                return answer;
            }
        }
    }
}

/// The argument that an answer asks for, in our words or in Customer.io's: "subject is required".
fn asked_for(answer: &Value) -> Option<&str> {
    match answer["error"].as_str()? {
        "preview_required" => Some("plan_token"),
        "invalid_argument" => answer["field"].as_str(),
        _ => answer["message"].as_str()?.split_once(" is required")?.0.rsplit([' ', '"']).next(),
    }
}

/// Why an operation does not succeed here, whatever it is given.
const EXPLAINED: &[(&str, &str)] = &[
    ("get_broadcast_action_translation", ONE_LANGUAGE),
    ("get_inbox_preview", NO_PREVIEWS),
    ("get_inbox_preview_capture", NO_PREVIEWS),
    ("get_inbox_preview_credits", NO_PREVIEWS),
    ("get_publish_status", "The sandbox publishes at once, so that no publish has an id to ask for."),
    ("list_inbox_preview_clients", NO_PREVIEWS),
    ("list_inbox_preview_runs", NO_PREVIEWS),
    ("start_inbox_preview", NO_PREVIEWS),
    ("update_broadcast_action_translation", ONE_LANGUAGE),
];
const NO_PREVIEWS: &str = "The sandbox has no mail programs to make screenshots with, and answers 501.";
const ONE_LANGUAGE: &str =
    "The shop's broadcasts have one language, and Customer.io has no operation that adds another.";

#[tokio::test]
async fn every_operation_is_called_from_its_schema_alone() {
    let product = Setup::shop().with_ids().start().await;
    let tools = listed(&product).await;
    let mut pool = Pool::default();
    let segments = product.ok("list_segments", json!({})).await;
    let first = json!({ "segment_id": segments["segments"][0]["segment_id"] });
    pool.learn("find_customers", &json!({}), &product.ok("find_customers", first).await);
    let mut outcome: BTreeMap<&str, Value> = BTreeMap::new();
    for attempt in 0..ATTEMPTS {
        for tool in &tools {
            let done = outcome.get(tool.name).is_some_and(|answer| answer.get("error").is_none());
            // What destroys waits until nothing else would miss it.
            let begins = [0, 0, 4, 8][usize::from(tool.turn.0)];
            if attempt < begins || (done && tool.turn.0 > 0) {
                continue;
            }
            let answer = called(&product, tool, &mut pool, attempt - begins).await;
            // What reads is asked again for other things: it tells the ids that others need.
            if !done {
                outcome.insert(tool.name, answer);
            }
        }
        product.clock.advance(SignedDuration::from_mins(1).unsigned_abs());
    }
    let mut failed = BTreeMap::new();
    for tool in tools.iter().filter(|tool| tool.declared) {
        let answer = &outcome[tool.name];
        if answer.get("error").is_some() {
            failed.insert(tool.name, format!("{}: {}", answer["error"], answer["message"]));
        }
    }
    let declared = tools.iter().filter(|tool| tool.declared).count();
    println!("{} of {declared} operations succeeded", declared - failed.len());
    let explained: BTreeMap<&str, &str> = EXPLAINED.iter().copied().collect();
    for (name, why) in &failed {
        println!("{name}: {why} {}", explained.get(name).unwrap_or(&"NOT EXPLAINED"));
    }
    assert_eq!(failed.keys().collect::<Vec<_>>(), explained.keys().collect::<Vec<_>>());
}
