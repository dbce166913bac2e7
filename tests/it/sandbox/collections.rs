//! Collections (behaviour.md sections 2 and 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

const PATH: &str = "/v1/collections";

#[tokio::test]
async fn section_10_putting_the_content_replaces_everything() {
    let sandbox = Sandbox::empty().await;
    let rows = json!([{"sku": "a", "price": 1}, {"price": 2, "colour": "red"}]);
    let made = sandbox.app(Method::POST, PATH, json!({"name": "wares", "data": rows})).await.json();
    let bytes = rows.as_array().unwrap().iter().map(|row| row.to_string().len()).sum::<usize>();
    let expected = json!({"id": 1, "name": "wares", "bytes": bytes, "rows": 2,
        "schema": ["sku", "price", "colour"], "created_at": NOON, "updated_at": NOON});
    assert_eq!(made, json!({"collection": expected}));
    assert_eq!(sandbox.get("/v1/collections/1/content").await, rows);
    sandbox.advance(9);
    let put = sandbox.app(Method::PUT, "/v1/collections/1/content", json!([{"sku": "z"}])).await.json();
    assert_eq!((&put["collection"]["rows"], &put["collection"]["updated_at"]), (&json!(1), &json!(NOON + 9)));
    assert_eq!(sandbox.get("/v1/collections/1/content").await, json!([{"sku": "z"}]));
    sandbox.app(Method::PUT, "/v1/collections/1", json!({"name": "goods"})).await;
    let list = sandbox.get(PATH).await;
    assert_eq!((&list["collections"][0]["name"], &list["collections"][0]["rows"]), (&json!("goods"), &json!(1)));
    assert_eq!(sandbox.app(Method::DELETE, "/v1/collections/1", Value::Null).await.status, 204);
    assert_eq!(sandbox.app(Method::GET, "/v1/collections/1/content", Value::Null).await.status, 404);
}

#[tokio::test]
async fn section_2_a_row_has_10_kb_and_a_collection_10_mb() {
    let sandbox = Sandbox::empty().await;
    let row = |bytes: usize| json!({"a": "x".repeat(bytes - 8)});
    let post = async |data: Value| sandbox.app(Method::POST, PATH, json!({"name": "n", "data": data})).await.status;
    assert_eq!(post(json!([row(10 * 1024)])).await, 200);
    assert_eq!(post(json!([row(10 * 1024 + 1)])).await, 400);
    assert_eq!(post(json!(vec![row(10 * 1024); 1024])).await, 200);
    let mut most = vec![row(10 * 1024); 1024];
    most.push(json!({}));
    assert_eq!(post(json!(most)).await, 400);
    assert_eq!(post(json!(["not an object"])).await, 400);
}
