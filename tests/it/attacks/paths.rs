//! Identifiers that are built to lead a request elsewhere. The sandbox tells which requests it has seen.

use serde_json::{Value, json};

use super::Table;
use crate::driver::{Product, Setup};

const HOSTILE: &[(&str, &str)] = &[
    ("two dots", ".."),
    ("a path upwards", "../segments/1"),
    ("the same, encoded", "%2e%2e%2fsegments%2f1"),
    ("a slash, encoded twice", "x%252f..%252f1"),
    ("a question mark", "cust_0001?id_type=email"),
    ("a fragment", "cust_0001#x"),
    ("a NUL", "cust_0001\u{0}"),
    ("a line end", "cust_0001\r\nX-Evil: 1"),
    ("dots of another alphabet", "\u{2024}\u{2024}/segments"),
    ("a fullwidth slash", "..\u{ff0f}segments"),
    ("a backslash", "..\\segments\\1"),
    ("ten thousand letters", "LONG"),
];

/// Operations with texts in their paths, besides the tools that name people.
const TOOLS: &[(&str, &str)] = &[
    ("get_customer", "customer"),
    ("track_event", "customer"),
    ("export_customer_data", "customer"),
    ("delete_customer", "customer"),
    ("explain_delivery", "delivery_id"),
    ("get_delivery", "delivery_id"),
    ("preview_message", "template"),
    ("list_customer_relationships", "customer"),
    ("get_subscription_preferences", "customer"),
    ("delete_snippet", "name"),
];

fn arguments(tool: &str, argument: &str, value: &str) -> Value {
    let mut arguments = json!({ argument: value });
    match tool {
        "track_event" => arguments["name"] = json!("x"),
        "preview_message" => arguments["customer"] = json!("cust_0001"),
        _ => {}
    }
    arguments
}

/// The paths the sandbox has seen that none of the tools is known to ask for.
async fn strayed(product: &Product, known: &[&str]) -> (usize, Vec<String>) {
    let seen = product.requests().await;
    let mut paths = Vec::new();
    collect(&seen, &mut paths);
    let count = paths.len();
    paths.retain(|path| !known.iter().any(|known| path.starts_with(known)));
    (count, paths)
}

fn collect(value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, paths)),
        Value::Object(map) => match map.get("path").and_then(Value::as_str) {
            Some(path) => paths.push(path.to_owned()),
            None => map.values().for_each(|inner| collect(inner, paths)),
        },
        _ => {}
    }
}

#[tokio::test]
async fn no_identifier_leads_a_request_elsewhere() {
    let product = Setup::shop().start().await;
    product.ok("declare_identity_strategy", json!({ "primary": "id", "id_form": "any", "source": "anywhere" })).await;
    let mut table = Table::default();
    let mut seen = 0;
    for (attack, value) in HOSTILE {
        let value = if *value == "LONG" { "a".repeat(10_000) } else { (*value).to_owned() };
        product.control("DELETE", "requests", None).await;
        let mut answers = Vec::new();
        for (tool, argument) in TOOLS {
            let answer = product.call(tool, arguments(tool, argument, &value)).await;
            answers.push(answer["error"].as_str().unwrap_or("succeeded").to_owned());
        }
        // Where each of these tools asks for what it was given. One step down, whatever the value was, and no further.
        let known = [
            "/v1/customers",
            "/v1/messages",
            "/v1/transactional",
            "/v1/snippets",
            "/api/v1/customers/",
            "/api/v2/entity",
            "/v1/activities",
        ];
        let (count, strayed) = strayed(&product, &known).await;
        seen += count;
        answers.sort();
        answers.dedup();
        table.add(
            format!("{attack} in {} tools and operations", TOOLS.len()),
            format!(
                "{}; requests that strayed: {}",
                answers.join(", "),
                if strayed.is_empty() { "none".to_owned() } else { strayed.join(" ") }
            ),
        );
    }
    assert!(seen > 20, "the witness has seen {seen} requests");
    let segments = product.ok("list_segments", json!({})).await;
    table.add("all of it", format!("{} segments as before", segments["segments"].as_array().unwrap().len()));
    insta::assert_snapshot!(table.told(), @"
    attack                                              | answer
    two dots in 10 tools and operations                 | invalid_argument, invalid_identifier, not_found, preview_required; requests that strayed: none
    a path upwards in 10 tools and operations           | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    the same, encoded in 10 tools and operations        | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a slash, encoded twice in 10 tools and operations   | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a question mark in 10 tools and operations          | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a fragment in 10 tools and operations               | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a NUL in 10 tools and operations                    | invalid_argument, invalid_identifier, not_found; requests that strayed: none
    a line end in 10 tools and operations               | invalid_argument, invalid_identifier, not_found; requests that strayed: none
    dots of another alphabet in 10 tools and operations | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a fullwidth slash in 10 tools and operations        | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    a backslash in 10 tools and operations              | customer_not_found, invalid_argument, not_found, preview_required; requests that strayed: none
    ten thousand letters in 10 tools and operations     | invalid_argument, invalid_identifier; requests that strayed: none
    all of it                                           | 5 segments as before
    ");
}

#[tokio::test]
async fn what_is_no_sandbox_is_not_taken_for_one() {
    let mut table = Table::default();
    let mut child = crate::child::Server::spawn(
        &["serve"],
        &[
            ("CUSTOMERIO_APP_API_KEY", "app-key-0123456789abcdef"),
            ("CUSTOMERIO_APP_URL", "http://127.0.0.1:9"),
            ("CUSTOMERIO_REGION", "us"),
        ],
    );
    child.answer(1, crate::child::initialize("2025-11-25"));
    let shown = child.ok(2, crate::child::call("get_guardrails", json!({})));
    table.add(
        "a loopback address that is not called a sandbox",
        format!("counts as {}", shown["kind"].as_str().unwrap_or_default()),
    );
    drop(child.finish());
    let directory = crate::kept::directory();
    let file = directory.path().join("customerio-mcp.toml");
    let text = "[workspaces.x]\nkind = 'sandbox'\napp_api_key_env = 'K'\napp_url = 'URL'\nregion = 'us'\n";
    for (attack, url) in [
        ("a host elsewhere that calls itself a sandbox", "https://api.customer.io"),
        ("a loopback address where no sandbox answers", "http://127.0.0.1:9"),
    ] {
        std::fs::write(&file, text.replace("URL", url)).unwrap();
        let left = crate::child::Server::spawn(
            &["serve", "--config", file.to_str().unwrap()],
            &[("K", "app-key-0123456789abcdef")],
        )
        .finish();
        table.add(attack, format!("does not start, code {}", left.code.unwrap_or_default()));
    }
    let name = "[workspaces.\"a\\u001b[2Jb\"]\napp_api_key_env = 'K'\n";
    std::fs::write(&file, name).unwrap();
    let left = crate::child::Server::spawn(
        &["config", "check", "--config", file.to_str().unwrap()],
        &[("K", "app-key-0123456789abcdef")],
    )
    .finish();
    let commands = left.stderr.contains('\u{1b}') || left.stdout.contains('\u{1b}');
    table.add(
        "a workspace named by a terminal's command",
        format!("code {}, commands printed: {commands}", left.code.unwrap_or_default()),
    );
    insta::assert_snapshot!(table.told(), @"
    attack                                          | answer
    a loopback address that is not called a sandbox | counts as live
    a host elsewhere that calls itself a sandbox    | does not start, code 2
    a loopback address where no sandbox answers     | does not start, code 2
    a workspace named by a terminal's command       | code 2, commands printed: false
    ");
}
