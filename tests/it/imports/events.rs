//! `track_events`.

use serde_json::{Value, json};

use super::{Desk, batches};
use crate::driver::Setup;

#[tokio::test]
async fn a_file_becomes_events() {
    let desk = Desk::new().await;
    desk.write(
        "events.csv",
        "customer,name,timestamp,type,data,at,sku\ncust_0001,bought,2026-03-01T10:00:00Z,,\"{\"\"colour\"\": \"\"red\"\"}\",1,007\n\
         cust_0002,bought,1772359200,event,,2,\ncust_0003,bought,,page,,3,\n",
    );
    let before = desk.people_count().await;
    let answer = desk.product.ok("track_events", json!({ "file": "events.csv" })).await;
    assert_eq!((&answer["result"], &answer["rows_accepted"]), (&json!("accepted"), &json!(3)));
    assert_eq!(desk.people_count().await, before);
    let (_, page) = desk.product.app("activities?name=bought&limit=10").await;
    let mut told: Vec<_> = page["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["type"], one["timestamp"], one["data"]]))
        .collect();
    told.sort_by_key(ToString::to_string);
    assert_eq!(
        Value::from(told),
        json!([
            ["event", 1_772_359_200, { "at": 1, "sku": "007", "colour": "red" }],
            ["event", 1_772_359_200, { "at": 2 }],
            ["page", 1_772_442_300, { "at": 3 }],
        ])
    );
}

#[tokio::test]
async fn events_of_people_who_do_not_exist_are_refused_and_make_nobody() {
    let desk = Desk::new().await;
    let rows = json!([
        { "customer": "cust_0001", "name": "seen" },
        { "customer": "cust_9009", "name": "seen" },
        { "customer": "cust_0001", "name": "" },
        { "customer": "cust_0002", "name": "seen", "timestamp": 1_772_359_200_000_i64 },
        { "customer": "cust_0002", "name": "seen", "id": "order-1" },
    ]);
    let before = desk.product.counts().await;
    let refused = desk.product.refused("track_events", json!({ "rows": rows })).await;
    assert_eq!(desk.product.counts().await, before);
    let rows: Vec<_> = refused["details"]["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!("{} {} {}", row["row"], row["error"].as_str().unwrap(), row["field"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "2 customer_not_found customer",
            "3 invalid_argument name",
            "4 invalid_argument timestamp",
            "5 invalid_argument id",
        ]
    );
}

#[tokio::test]
async fn people_may_be_named_by_address_or_cio_id() {
    let desk = Desk::new().await;
    let cio_id = crate::witness::cio_id(&desk.product, "cust_0002").await;
    let by_address = json!({ "id_type": "email", "rows": [
        { "customer": "ADA.moss@example.com", "name": "imported", "at": 1 }, { "customer": "no@shop.io", "name": "imported" },
    ] });
    let refused = desk.product.refused("track_events", by_address).await;
    assert_eq!(refused["details"]["refused"].as_array().unwrap().len(), 1, "{refused}");
    let by_cio_id = json!({ "id_type": "cio_id", "rows": [{ "customer": cio_id, "name": "imported", "at": 2 }] });
    desk.product.ok("track_events", by_cio_id).await;
    assert_eq!(desk.seen("imported").await, (1, 1));
}

#[tokio::test]
async fn a_person_is_looked_for_once_however_many_events_they_have() {
    let desk = Desk::new().await;
    desk.events("events.jsonl", 2_500);
    desk.product.ok("track_events", json!({ "file": "events.jsonl" })).await;
    assert_eq!(desk.seen("imported").await, (2_500, 2_500));
    assert_eq!(desk.product.requests().await["counts"]["POST /v1/customers/attributes"], 1);
    assert_eq!(batches(&desk.product).await, 1);
}

#[tokio::test]
async fn without_an_app_key_names_must_fit_the_strategy() {
    let desk = Desk::with(Setup::shop().with(|config| config.app_api_key = None)).await;
    let rows = json!([{ "customer": "cust_0001", "name": "seen" }, { "customer": "u1", "name": "seen" }]);
    let refused = desk.product.refused("track_events", json!({ "rows": rows })).await;
    assert_eq!(refused["details"]["refused"][0]["row"], 2, "{refused}");
    let refused = desk.product.refused("track_events", json!({ "rows": rows, "id_type": "email" })).await;
    assert_eq!((&refused["error"], &refused["field"]), (&json!("app_key_required"), &json!("id_type")));
}
