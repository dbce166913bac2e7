//! Segments: made, filled, counted and removed.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn change(sandbox: &Sandbox, path: &str, ids: Value) -> u16 {
    sandbox.track(Method::POST, &format!("/api/v1/segments/{path}"), json!({"ids": ids})).await.status
}

async fn count(sandbox: &Sandbox, id: u64) -> Value {
    sandbox.get(&format!("/v1/segments/{id}/customer_count")).await["count"].clone()
}

#[tokio::test]
async fn section_5_a_manual_segment_lives_from_creation_to_deletion() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"segment": {"name": "Testers", "description": "who test"}});
    let made = sandbox.app(Method::POST, "/v1/segments", body).await;
    let expected = json!({"id": 6, "deduplicate_id": format!("6:{NOON}"), "name": "Testers", "description": "who test",
        "state": "finished", "progress": null, "type": "manual", "tags": null, "created_at": NOON, "updated_at": NOON});
    assert_eq!((made.status, made.json()["segment"].clone()), (200, expected.clone()));
    assert_eq!(sandbox.get("/v1/segments/6").await["segment"], expected);
    let used = json!({"used_by": {"campaigns": [], "sent_newsletters": [], "draft_newsletters": []}});
    assert_eq!(sandbox.get("/v1/segments/6/used_by").await, used);
    assert_eq!(sandbox.app(Method::DELETE, "/v1/segments/6", Value::Null).await.status, 204);
    assert_eq!(sandbox.app(Method::GET, "/v1/segments/6", Value::Null).await.status, 404);
    assert_eq!(sandbox.app(Method::POST, "/v1/segments", json!({"segment": {}})).await.status, 400);
}

#[tokio::test]
async fn section_5_members_are_added_and_removed_by_any_identifier() {
    let sandbox = Sandbox::shop().await;
    assert_eq!(change(&sandbox, "2/add_customers", json!(["cust_0003", "nobody", "dan.oak@example.com"])).await, 200);
    assert_eq!(count(&sandbox, 2).await, 2);
    assert_eq!(change(&sandbox, "2/add_customers?id_type=email", json!(["DAN.OAK@example.com"])).await, 200);
    let members = sandbox.get("/v1/segments/2/membership").await;
    assert_eq!(members["ids"], json!(["cust_0002", "cust_0003", ""]));
    let cio_id = members["identifiers"][0]["cio_id"].clone();
    assert_eq!(change(&sandbox, "2/remove_customers?id_type=cio_id", json!([cio_id])).await, 200);
    let first = sandbox.get("/v1/segments/2/membership?limit=1").await;
    assert_eq!(first["ids"], json!(["cust_0003"]));
    let next = first["next"].as_str().unwrap();
    let rest = sandbox.get(&format!("/v1/segments/2/membership?limit=1&start={next}")).await;
    assert_eq!((&rest["ids"], &rest["next"]), (&json!([""]), &json!("")));
}

#[tokio::test]
async fn section_5_a_membership_change_takes_1_to_1000_ids_of_a_manual_segment() {
    let sandbox = Sandbox::shop().await;
    let ids: Vec<_> = (0..1001).map(|n| n.to_string()).collect();
    assert_eq!(change(&sandbox, "2/add_customers", json!(ids)).await, 400);
    assert_eq!(change(&sandbox, "2/add_customers", json!(ids[..1000])).await, 200);
    assert_eq!(change(&sandbox, "2/add_customers", json!([])).await, 400);
    assert_eq!(change(&sandbox, "2/add_customers?id_type=phone", json!(["a"])).await, 400);
    assert_eq!(change(&sandbox, "3/add_customers", json!(["cust_0002"])).await, 400);
    assert_eq!(change(&sandbox, "99/add_customers", json!(["cust_0002"])).await, 400);
    assert_eq!(sandbox.app(Method::DELETE, "/v1/segments/3", Value::Null).await.status, 400);
}

#[tokio::test]
async fn section_5_a_data_driven_segment_follows_the_attributes() {
    let sandbox = Sandbox::shop().await;
    assert_eq!((count(&sandbox, 3).await, count(&sandbox, 4).await), (json!(4), json!(10)));
    sandbox.identify("cust_0002", json!({"plan": "gold", "unsubscribed": true})).await;
    assert_eq!((count(&sandbox, 3).await, count(&sandbox, 4).await), (json!(5), json!(9)));
    let segments = sandbox.get("/v1/customers/cust_0002/segments").await;
    let ids: Vec<_> = segments["segments"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["2", "3"]);
}

#[tokio::test]
async fn section_5_a_deleted_person_leaves_their_segments() {
    let sandbox = Sandbox::shop().await;
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0001", Value::Null).await;
    assert_eq!((count(&sandbox, 1).await, count(&sandbox, 3).await), (json!(2), json!(3)));
}

#[tokio::test]
async fn section_5_a_segment_of_a_fixture_can_ask_for_events() {
    let sandbox = Sandbox::shop().await;
    let members = async || sandbox.get("/v1/segments/5/membership").await["ids"].clone();
    assert_eq!(members().await, json!(["cust_0007"]));
    let event = json!({"name": "order_placed"});
    sandbox.track(Method::POST, "/api/v1/customers/cust_0011/events", event).await;
    assert_eq!(members().await, json!(["cust_0007", "cust_0011"]));
    sandbox.advance(13 * 60 * 60);
    assert_eq!(members().await, json!(["cust_0011"]), "the order of cust_0007 is of yesterday");
    let twice = "[[people]]\nid = \"a\"\nevents = [{ name = \"seen\" }, { name = \"seen\" }, { name = \"other\" }]\n\
        [[people]]\nid = \"b\"\nevents = [{ name = \"seen\", hours_ago = 2 }]\n\
        [[segments]]\nid = 1\nname = \"twice\"\nfilter = { event = { name = \"seen\", at_least = 2 } }\n\
        [[segments]]\nid = 2\nname = \"ever\"\nfilter = { not = { event = { name = \"other\" } } }\n";
    let sandbox = Sandbox::with(Fixture::from_toml(twice).unwrap(), false).await;
    assert_eq!(sandbox.get("/v1/segments/1/membership").await["ids"], json!(["a"]));
    assert_eq!(sandbox.get("/v1/segments/2/membership").await["ids"], json!(["b"]));
}

#[tokio::test]
async fn section_5_the_api_itself_takes_no_events_in_a_filter() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"filter": {"event": {"name": "order_placed"}}});
    assert_eq!(sandbox.app(Method::POST, "/v1/customers", body).await.status, 400);
}
