//! A day's work through a real client: the main job, end to end.

use std::time::Duration;

use serde_json::json;

use crate::driver::Setup;

#[tokio::test]
async fn an_agent_does_a_day_of_work() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let before = product.counts().await;

    let ada = product
        .ok(
            "identify_customer",
            json!({ "id": "cust_9000", "email": " Ada@Shop.io", "attributes": { "first_name": "Ada", "orders": 3, "vip": true } }),
        )
        .await;
    assert_eq!((ada["result"].as_str(), ada["action"].as_str()), (Some("applied"), Some("created")), "{ada}");
    let again = product.ok("identify_customer", json!({ "id": "cust_9000", "attributes": { "orders": 4 } })).await;
    assert_eq!((again["result"].as_str(), again["action"].as_str()), (Some("applied"), Some("updated")), "{again}");

    product
        .ok("track_event", json!({ "customer": "cust_9000", "name": "order placed", "data": { "total": 12 } }))
        .await;
    let segment = product.ok("create_segment", json!({ "name": "Spring buyers" })).await;
    product
        .ok("add_to_segment", json!({ "segment_id": segment["segment_id"], "customers": ["cust_9000", "cust_0001"] }))
        .await;
    let shown = product.ok("get_segment", json!({ "segment_id": segment["segment_id"] })).await;
    assert_eq!(shown["customers"], 2);

    let preview = product.ok("preview_message", json!({ "template": "welcome", "customer": "cust_9000" })).await;
    assert_eq!(preview["verdict"], "renders", "{preview}");
    let sent = product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_9000" })).await;
    product.clock.advance(Duration::from_secs(5));
    let delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"], "detail": "full" })).await;
    assert_eq!((delivery["state"].as_str(), delivery["to"].as_str()), (Some("delivered"), Some("a•••@shop.io")));
    let said = |rendered: &serde_json::Value| rendered["untrusted"].to_string();
    assert!(said(&delivery["archived"]["body"]).contains("Ada"), "{delivery}");

    let erased = product.planned("erase_customer", json!({ "customer": "cust_9000" })).await;
    assert_eq!(erased["status"], "erased", "{erased}");
    assert_eq!(product.app("customers/cust_9000/attributes").await.0, 404);
    let back = product.refused("identify_customer", json!({ "id": "cust_9000" })).await;
    assert_eq!(back["error"], "customer_erased");

    let after = product.counts().await;
    assert_eq!(after["people"], before["people"]);
    assert_eq!(after["deliveries"].as_u64().unwrap(), before["deliveries"].as_u64().unwrap() + 1);
    let report = product.state.store.verify_audit("sandbox".to_owned()).await.unwrap();
    assert!(report.faults.is_empty() && report.records > 15, "{report:?}");
}
