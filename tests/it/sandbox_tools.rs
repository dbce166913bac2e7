//! The sandbox's own tools: they move, break and reset it, and are there for nothing else.

use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, text},
};

async fn names(product: &Product) -> Vec<String> {
    product.client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name.into_owned()).collect()
}

const TOOLS: [&str; 3] = ["advance_clock", "inject_fault", "reset_sandbox"];

#[tokio::test]
async fn they_are_offered_with_a_sandbox_alone() {
    let sandbox = Setup::shop().start().await;
    let offered = names(&sandbox).await;
    assert!(TOOLS.iter().all(|tool| offered.iter().any(|name| name == tool)), "{offered:?}");
    let live = Setup::live().start().await;
    let offered = names(&live).await;
    assert!(offered.len() > 20 && TOOLS.iter().all(|tool| !offered.iter().any(|name| name == tool)), "{offered:?}");
    // By its name, neither.
    let request = rmcp::model::CallToolRequestParams::new("reset_sandbox");
    assert!(live.client.call_tool(request).await.is_err());
}

#[tokio::test]
async fn the_clock_moves_on_and_what_waits_goes_out() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let sent = product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    let moved = product.ok("advance_clock", json!({ "seconds": 60 })).await;
    insta::assert_snapshot!(text(&moved), @r#"
    {
      "before": "2026-03-02T09:05:00Z",
      "now": "2026-03-02T09:06:00Z"
    }
    "#);
    let delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"] })).await;
    assert_eq!(delivery["state"], "delivered");
    // The same call again is another minute.
    let again = product.ok("advance_clock", json!({ "seconds": 60 })).await;
    assert_eq!((&again["before"], again.get("duplicate_of")), (&moved["now"], None));
    let to = product.ok("advance_clock", json!({ "to": "2026-03-03T00:00:00Z" })).await;
    assert_eq!(to["now"], "2026-03-03T00:00:00Z");
    for (arguments, field) in [
        (json!({}), "seconds"),
        (json!({ "seconds": 0 }), "seconds"),
        (json!({ "seconds": 60, "to": "2026-03-04T00:00:00Z" }), "to"),
        (json!({ "to": "2026-03-02T00:00:00Z" }), "to"),
    ] {
        let answer = product.refused("advance_clock", arguments.clone()).await;
        assert_eq!(
            (&answer["error"], &answer["field"]),
            (&json!("invalid_argument"), &json!(field)),
            "{arguments}: {answer}"
        );
    }
}

#[tokio::test]
async fn faults_strike_and_are_taken_back() {
    let product = Setup::shop().start().await;
    let ordered = json!({ "kind": "500_before", "operation": "getSegments", "times": 99 });
    let waiting = product.ok("inject_fault", ordered).await;
    assert_eq!(waiting["waiting"][0]["kind"], "500_before", "{waiting}");
    let more = product.ok("inject_fault", json!({ "kind": "429", "operation": "listSegments", "times": 99 })).await;
    assert_eq!(more["waiting"].as_array().unwrap().len(), 2);
    product.ok("inject_fault", json!({ "kind": "drop_before", "path": "/v1/segments", "times": 99 })).await;
    assert!(product.call("list_segments", json!({})).await.get("error").is_some());
    let cleared = product.ok("inject_fault", json!({ "kind": "clear" })).await;
    assert_eq!(cleared["waiting"], json!([]));
    product.ok("list_segments", json!({})).await;
    for (arguments, field) in [
        (json!({}), "kind"),
        (json!({ "kind": "explode" }), "kind"),
        (json!({ "kind": "slow" }), "delay_ms"),
        (json!({ "kind": "429", "delay_ms": 5 }), "delay_ms"),
        (json!({ "kind": "clear", "times": 2 }), "times"),
    ] {
        let answer = product.refused("inject_fault", arguments.clone()).await;
        assert_eq!(
            (&answer["error"], &answer["field"]),
            (&json!("invalid_argument"), &json!(field)),
            "{arguments}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_reset_is_planned_and_nobody_is_remembered_after_it() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product.ok("identify_customer", json!({ "id": "cust_7001", "email": "zoe@shop.io" })).await;
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    let before = cio_id(&product, "cust_0001").await;
    let plan = product.refused("reset_sandbox", json!({ "seed": 99 })).await;
    assert_eq!(plan["details"]["target"], "everything in the sandbox: it begins again with its fixture", "{plan}");
    assert!(person(&product, "cust_7001").await != Value::Null);
    let reset = product.planned("reset_sandbox", json!({ "seed": 99 })).await;
    assert_eq!(reset["counts"]["people"], 12, "{reset}");
    assert_eq!(person(&product, "cust_7001").await, Value::Null);
    assert_ne!(cio_id(&product, "cust_0001").await, before, "everybody is another");
    // The one who is remembered would be written to in vain.
    let events = product.counts().await["events"].as_u64().unwrap();
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    assert_eq!(product.counts().await["events"].as_u64().unwrap(), events + 1);
    let wrong = product.refused("reset_sandbox", json!({ "seed": -1 })).await;
    assert_eq!(wrong["field"], "seed");
}
