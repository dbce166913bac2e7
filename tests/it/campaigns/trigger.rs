//! `trigger_broadcast`: each way to say whom it goes to, and what it refuses.

use serde_json::{Value, json};

use super::{deliveries, gold, refused, shop, told};
use crate::{
    driver::{Product, Setup},
    witness::cio_id,
};

/// The recipients of the last trigger, as the sandbox delivered to them.
async fn recipients(product: &Product) -> Vec<String> {
    let (_, messages) = product.app("broadcasts/3/messages?limit=100&start_ts=1772442300").await;
    let mut to: Vec<String> = messages["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| format!("{} {}", message["customer_id"].as_str().unwrap(), message["subject"].as_str().unwrap()))
        .collect();
    to.sort();
    to
}

fn to(audience: &Value) -> Value {
    let mut arguments = json!({ "broadcast_id": 3, "data": { "headline": "New prices" } });
    arguments.as_object_mut().unwrap().extend(audience.as_object().unwrap().clone());
    arguments
}

#[tokio::test]
async fn a_segment_gets_it_after_its_plan_was_seen() {
    let product = shop().await;
    let answer = product.planned("trigger_broadcast", to(&json!({ "segment_id": 3 }))).await;
    insta::assert_snapshot!(answer, @r#"{"broadcast_id":3,"trigger_id":2,"recipients":4}"#);
    insta::assert_debug_snapshot!(recipients(&product).await, @r#"
    [
        "cust_0001 New prices",
        "cust_0005 {{ trigger.headline }}",
        "cust_0007 New prices",
        "cust_0010 New prices",
    ]
    "#);
}

#[tokio::test]
async fn a_filter_and_the_broadcasts_own_audience_reach_whom_they_say() {
    let product = shop().await;
    let by_filter = product.planned("trigger_broadcast", to(&json!({ "filter": gold() }))).await;
    product.clock.advance(std::time::Duration::from_secs(11));
    let own = product.planned("trigger_broadcast", to(&json!({ "own_audience": true }))).await;
    assert_eq!((&by_filter["recipients"], &by_filter["trigger_id"]), (&json!(4), &json!(2)));
    assert_eq!((&own["recipients"], &own["trigger_id"]), (&json!(4), &json!(3)));
}

#[tokio::test]
async fn customers_get_it_by_any_identifier() {
    let product = shop().await;
    let by_id = product.planned("trigger_broadcast", to(&json!({ "customers": ["cust_0001", "cust_0002"] }))).await;
    assert_eq!(by_id["recipients"], 2);
    product.clock.advance(std::time::Duration::from_secs(11));
    let by_email = to(&json!({ "customers": ["ben.reed@example.com"], "id_type": "email" }));
    assert_eq!(product.ok("trigger_broadcast", by_email).await["recipients"], 1);
    product.clock.advance(std::time::Duration::from_secs(11));
    let by_cio_id = to(&json!({ "customers": [cio_id(&product, "cust_0007").await], "id_type": "cio_id" }));
    assert_eq!(product.ok("trigger_broadcast", by_cio_id).await["recipients"], 1);
    insta::assert_debug_snapshot!(recipients(&product).await, @r#"
    [
        "cust_0001 New prices",
        "cust_0002 New prices",
        "cust_0002 New prices",
        "cust_0007 New prices",
    ]
    "#);
}

#[tokio::test]
async fn each_customer_can_have_their_own_data() {
    let product = shop().await;
    let each = json!({ "broadcast_id": 3, "customer_data": [
        { "customer": "cust_0001", "data": { "headline": "For Ada" } },
        { "customer": "cust_0002", "data": { "headline": "For Ben" } },
    ] });
    product.planned("trigger_broadcast", each).await;
    assert_eq!(recipients(&product).await, ["cust_0001 For Ada", "cust_0002 For Ben"]);
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let many: Vec<_> = (0..401).map(|n| format!("p{n}@shop.io")).collect();
    let mut answers = Vec::new();
    for arguments in [
        to(&json!({})),
        to(&json!({ "segment_id": 3, "filter": gold() })),
        to(&json!({ "segment_id": 3, "id_type": "email" })),
        to(&json!({ "segment_id": 99 })),
        to(&json!({ "filter": { "attribute": { "field": "age", "operator": "gt", "value": 3 } } })),
        to(&json!({ "customers": ["cust_0001", "cust_0001"] })),
        to(&json!({ "customers": ["cust_0001", "cust_9999"] })),
        to(&json!({ "customers": many, "id_type": "email" })),
        json!({ "broadcast_id": 77, "own_audience": true }),
        json!({ "broadcast_id": 77, "customers": ["cust_0001"] }),
    ] {
        answers.push(told(&refused(&product, "trigger_broadcast", arguments).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    invalid_argument at own_audience: The call does not say whom the broadcast goes to. Nothing was sent. | Give exactly one of `segment_id`, `filter`, `customers`, `customer_data`, `data_file_url`, `own_audience: true`.
    invalid_argument at filter: `segment_id` and `filter` both say whom it goes to. Nothing was sent. | Give exactly one of `segment_id`, `filter`, `customers`, `customer_data`, `data_file_url`, `own_audience: true`.
    invalid_argument at id_type: `id_type` goes with `customers` and `customer_data` alone. Nothing was sent. | Give exactly one of `segment_id`, `filter`, `customers`, `customer_data`, `data_file_url`, `own_audience: true`.
    not_found at segment_id: There is no segment 99. Nothing was changed. | list_segments shows those there are.
    invalid_argument at filter: `filter`: the operators are `eq` and `exists`; Customer.io has no others here. Nothing was changed. | Correct `filter` and call again.
    invalid_argument at customers[1]: `customers[1]` names a customer for the second time. Nothing was sent. | Name each customer once.
    customer_not_found at customers[1]: No person has this id. Nothing was changed. | Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one.
    invalid_argument at customers: 401 customers are too many by this `id_type`: each is looked up by itself. Nothing was sent. | Name at most 400, or give their ids with `id_type: "id"`, or use a segment.
    not_found at broadcast_id: There is no broadcast 77. Nothing was changed. | list_campaigns shows those there are.
    not_found at broadcast_id: There is no broadcast with this id. Nothing was sent. | list_campaigns with `kind: "broadcast"` shows those there are.
    "#);
}

#[tokio::test]
async fn a_broadcast_that_does_not_run_is_refused() {
    let fixture = "[[people]]\nid = 'cust_0001'\nemail = 'ada@shop.io'\n[[broadcasts]]\nid = 5\nname = 'Old'\nactive = false\nactions = []\n";
    let fixture = customerio_mcp::sandbox::Fixture::from_toml(fixture).unwrap();
    let product = Setup::shop().with_fixture(fixture).start().await;
    product.declare_ids().await;
    for audience in [json!({ "own_audience": true }), json!({ "customers": ["cust_0001"] })] {
        let mut arguments = audience;
        arguments["broadcast_id"] = json!(5);
        let answer = told(&refused(&product, "trigger_broadcast", arguments).await);
        assert!(
            answer.starts_with("conflict at broadcast_id: Broadcast 5 is not running. Nothing was sent."),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_address_that_customer_io_would_call_is_listed_and_asks_a_human() {
    let product = Setup::live()
        .with_ids()
        .with(|config| config.egress_hosts = vec!["files.shop.example".to_owned()])
        .start()
        .await;
    let file = |host: &str| json!({ "broadcast_id": 3, "data_file_url": format!("https://{host}/people") });
    let elsewhere = refused(&product, "trigger_broadcast", file("10.0.0.1")).await;
    assert_eq!((&elsewhere["error"], &elsewhere["field"]), (&json!("egress_not_allowed"), &json!("data_file_url")));
    let plan = refused(&product, "trigger_broadcast", file("files.shop.example")).await;
    assert_eq!(plan["error"], "approval_required", "{plan}");
    insta::assert_snapshot!(plan["details"]["because"], @r#"["Customer.io fetches the recipients from an address given in the call"]"#);
}

#[tokio::test]
async fn named_customers_go_by_the_operators_lists() {
    let listed = |live: &'static str| {
        Setup::live().with_ids().with(move |config| config.recipients.live = vec![live.to_owned()]).start()
    };
    let both = || to(&json!({ "customers": ["cust_0001", "cust_0002"] }));
    let product = listed("@example.com").await;
    product.ok("trigger_broadcast", both()).await;
    assert_eq!(deliveries(&product).await, 2);
    // One of them has no address, and could be reached another way.
    let without_address = to(&json!({ "customers": ["cust_0001", "cust_0005"] }));
    assert_eq!(refused(&product, "trigger_broadcast", without_address).await["error"], "approval_required");
    let product = listed("ada.moss@example.com").await;
    assert_eq!(refused(&product, "trigger_broadcast", both()).await["error"], "approval_required");
}

#[tokio::test]
async fn a_test_profile_gets_it_only_at_a_sink() {
    let product =
        Setup::shop().with_ids().with(|config| config.recipients.test = vec!["@sink.example".to_owned()]).start().await;
    for (id, email) in [("cust_9001", "a@sink.example"), ("cust_9002", "b@elsewhere.example")] {
        product.ok("identify_customer", json!({ "id": id, "email": email, "test": true })).await;
    }
    product.ok("trigger_broadcast", to(&json!({ "customers": ["cust_9001"] }))).await;
    let elsewhere = refused(&product, "trigger_broadcast", to(&json!({ "customers": ["cust_9002"] }))).await;
    assert_eq!(elsewhere["error"], "recipient_not_allowed", "{elsewhere}");
}
