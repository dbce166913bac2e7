//! `sends` and `erasures`: what an operator finds out and decides, on the state of a server that runs.

use std::{path::Path, time::Duration};

use customerio_mcp::clock::{Clock as _, SystemClock};
use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cli::{Left, customerio_mcp},
    driver::{Product, Setup},
};

/// A server with its state in a directory.
async fn shop() -> (Product, TempDir) {
    let data = crate::kept::directory();
    let product = Setup::shop().with_ids().in_directory(data.path()).start().await;
    // Commands go by the machine's clock.
    product.clock.set(SystemClock.now());
    (product, data)
}

/// Runs a command on the server's state. Ids of calls and erasures are replaced in what it prints.
fn run(data: &Path, command: &[&str]) -> Left {
    let state = ["--workspace", "sandbox", "--data", data.to_str().unwrap()];
    let left = customerio_mcp(&[command, &state].concat()).finish();
    let id = Regex::new("[0-9a-f]{24}|era_[0-9a-f]{16}").unwrap();
    let moment = Regex::new(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z|Z| UTC)").unwrap();
    let settled = |text: &str| moment.replace_all(&id.replace_all(text, "[id]"), "[moment]").into_owned();
    Left { code: left.code, stdout: settled(&left.stdout), stderr: settled(&left.stderr) }
}

fn ok(data: &Path, command: &[&str]) -> String {
    let left = run(data, command);
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{command:?}");
    left.stdout
}

fn send() -> Value {
    json!({
        "template": "order_confirmation", "customer": "cust_0001", "message_data": { "order_id": "A-1" },
        "to": "ada@example.com",
    })
}

/// Loses a send on its way there, and returns its id.
async fn lose_a_send(product: &Product) -> String {
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail" })).await;
    let lost = product.refused("send_transactional", send()).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    lost["details"]["call_id"].as_str().unwrap().to_owned()
}

async fn deliveries(product: &Product) -> u64 {
    product.counts().await["deliveries"].as_u64().unwrap()
}

#[tokio::test]
async fn a_call_of_unknown_fate_is_listed_and_settled() {
    let (product, data) = shop().await;
    let data = data.path();
    assert_snapshot!(ok(data, &["sends", "list"]), @"Every call is settled. (workspace sandbox)");
    let call_id = lose_a_send(&product).await;
    assert_snapshot!(ok(data, &["sends", "list"]), @r"
    [id]  [moment]  unknown
        send_transactional template order_confirmation to a•••@example.com

    1 call (workspace sandbox).
    ");
    assert_snapshot!(ok(data, &["sends", "list", "--json"]), @r#"{"call_id":"[id]","tool":"send_transactional","effect":"send","state":"unknown","principal":"local","began_at":"[moment]","looked_for_in_vain_at":null,"about":"template order_confirmation to a•••@example.com"}"#);

    let unconfirmed = run(data, &["sends", "settle", &call_id, "--as", "not-sent"]);
    assert_eq!((unconfirmed.code, unconfirmed.stdout.as_str()), (2, ""));
    assert_snapshot!(unconfirmed.stderr, @"error: nothing was changed: give --yes, or run this on a terminal to confirm it");

    let settle = ["sends", "settle", &call_id, "--as", "not-sent", "--yes"];
    assert_snapshot!(ok(data, &settle), @"Settled send_transactional of sandbox as not sent; the same call may be made again.");
    let again = run(data, &settle);
    assert_eq!(again.code, 1);
    assert_snapshot!(again.stderr, @"error: the call is settled already: not sent; nothing was changed");
    assert_snapshot!(ok(data, &["sends", "list"]), @"Every call is settled. (workspace sandbox)");
    product.ok("send_transactional", send()).await;
    assert_eq!(deliveries(&product).await, 1);
    let audit = ok(data, &["audit", "list", "--json", "--phase", "outcome"]);
    assert!(audit.contains(r#""decision":"released","principal":"operator""#), "{audit}");
}

#[tokio::test]
async fn what_an_operator_calls_sent_is_not_sent_again() {
    let (product, data) = shop().await;
    let call_id = lose_a_send(&product).await;
    product.clock.advance(Duration::from_mins(15));
    let settle = ["sends", "settle", &call_id, "--as", "sent", "--yes"];
    assert_snapshot!(ok(data.path(), &settle), @"Settled send_transactional of sandbox as sent; the same call is not made again for a day.");
    let repeat = product.refused("send_transactional", send()).await;
    assert_eq!(repeat["error"], "conflict", "{repeat}");
    assert_snapshot!(repeat["message"].as_str().unwrap(), @"The same call was made before and counts as done; its answer is not kept. Nothing was done twice.");
    assert_eq!(deliveries(&product).await, 0);
}

#[tokio::test]
async fn a_call_that_does_not_exist_or_still_runs_is_not_settled() {
    let (product, data) = shop().await;
    product.ok("list_segments", json!({})).await;
    let unknown = run(data.path(), &["sends", "settle", "nonsense", "--as", "sent"]);
    assert_eq!(unknown.code, 2);
    assert_snapshot!(unknown.stderr, @"error: workspace `sandbox` has no call nonsense; `sends list` shows those there are");
    let half = run(data.path(), &["sends", "settle", "nonsense", "--as", "maybe"]);
    assert_eq!(half.code, 2);
    assert!(half.stderr.contains("invalid value 'maybe' for '--as <sent|not-sent>'"), "{}", half.stderr);
}

#[tokio::test]
async fn an_erasure_is_listed_and_lifted() {
    let (product, data) = shop().await;
    let data = data.path();
    assert_snapshot!(ok(data, &["erasures", "list"]), @"Nobody was erased. (workspace sandbox)");
    let erased = product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    let erasure_id = erased["erasure_id"].as_str().unwrap();
    assert_snapshot!(ok(data, &["erasures", "list"]), @r"
    ERASURE               STATE   REQUESTED                VERIFIED
    [id]  erased  [moment]  [moment]

    1 erasure (workspace sandbox).
    ");
    let listed: Value = serde_json::from_str(&ok(data, &["erasures", "list", "--json"])).unwrap();
    assert_eq!(listed["receipt"]["identifiers"], erased["receipt"]["identifiers"]);
    let back = json!({ "id": "cust_0001" });
    assert_eq!(product.refused("identify_customer", back.clone()).await["error"], "customer_erased");

    let unconfirmed = run(data, &["erasures", "lift", erasure_id]);
    assert_eq!((unconfirmed.code, unconfirmed.stdout.as_str()), (2, ""));
    let lift = ["erasures", "lift", erasure_id, "--yes"];
    assert_snapshot!(ok(data, &lift), @"Lifted: the person of [id] may be created again in sandbox.");
    assert_snapshot!(ok(data, &lift), @"The erasure is lifted already. Nothing was changed.");
    assert!(ok(data, &["erasures", "list"]).contains("  lifted  "));
    let audit = ok(data, &["audit", "list", "--json", "--tool", "erasures lift"]);
    assert_eq!(audit.lines().count(), 2, "a decision and an outcome: {audit}");
    // Customer.io itself still ignores whoever is suppressed there.
    let made = product.ok("identify_customer", back).await;
    assert_eq!(made["result"], "accepted", "{made}");
}

#[tokio::test]
async fn an_erasure_that_is_not_complete_is_not_lifted() {
    let (product, data) = shop().await;
    product.fault(json!({ "kind": "500_before", "operation": "suppress", "times": 99 })).await;
    let plan = product.refused("erase_customer", json!({ "customer": "cust_0001" })).await;
    let token = &plan["details"]["plan_token"];
    let begun = product.refused("erase_customer", json!({ "customer": "cust_0001", "plan_token": token })).await;
    let erasure_id = begun["details"]["erasure_id"].as_str().unwrap_or_else(|| panic!("{begun}"));
    let refused = run(data.path(), &["erasures", "lift", erasure_id, "--yes"]);
    assert_eq!(refused.code, 1);
    assert_snapshot!(refused.stderr, @"error: the erasure is not complete: make the same erase_customer call again first. Nothing was changed");
    let unknown = run(data.path(), &["erasures", "lift", "era_none", "--yes"]);
    assert_eq!(unknown.code, 2);
    assert_snapshot!(unknown.stderr, @"error: workspace `sandbox` has no erasure era_none; `erasures list` shows those there are");
}

#[tokio::test]
async fn another_attempt_settles_the_list_and_an_erased_recipient_leaves_it() {
    let (product, data) = shop().await;
    let data = data.path();
    lose_a_send(&product).await;
    product.clock.advance(Duration::from_secs(61));
    let plan = product.refused("send_transactional", send()).await;
    assert!(ok(data, &["sends", "list"]).contains("probably not sent"));
    let mut attempt = send();
    attempt["plan_token"] = plan["details"]["plan_token"].clone();
    product.ok("send_transactional", attempt).await;
    assert_snapshot!(ok(data, &["sends", "list"]), @"Every call is settled. (workspace sandbox)");

    let mut to_ben = send();
    to_ben["to"] = json!("ben.reed@example.com");
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail" })).await;
    product.refused("send_transactional", to_ben).await;
    assert!(ok(data, &["sends", "list"]).contains("to b•••@example.com"));
    product.planned("erase_customer", json!({ "customer": "cust_0002" })).await;
    let left = ok(data, &["sends", "list"]);
    assert!(!left.contains("example.com"), "{left}");
}
