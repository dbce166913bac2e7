//! What the sandbox itself knows, asked behind the product's back: a claim of the product is held against it.

use serde_json::{Value, json};

use crate::driver::Product;

/// The people of the shop, each by an identifier that is theirs from the start.
const SHOP: &[&str] = &[
    "cust_0001",
    "cust_0002",
    "cust_0003",
    "dan.oak@example.com",
    "cust_0005",
    "cust_0006",
    "cust_0007",
    "cust_0008",
    "cust_0009",
    "cust_0010",
    "cust_0011",
    "cust_0012",
];

/// A person as the sandbox shows them, or null.
pub(crate) async fn person(product: &Product, identifier: &str) -> Value {
    let id_type = if identifier.starts_with("cio_") {
        "cio_id"
    } else if identifier.contains('@') {
        "email"
    } else {
        "id"
    };
    let path = format!("customers/{}/attributes?id_type={id_type}", identifier.replace('@', "%40"));
    let (status, person) = product.app(&path).await;
    if status == 404 { Value::Null } else { person }
}

/// The `cio_id` of somebody who exists.
pub(crate) async fn cio_id(product: &Product, identifier: &str) -> String {
    person(product, identifier).await["customer"]["identifiers"]["cio_id"].as_str().unwrap().to_owned()
}

/// Everything there is: how many people, events, deliveries and segments, and each person of the shop in full.
pub(crate) async fn world(product: &Product) -> Value {
    let mut people = Vec::with_capacity(SHOP.len());
    for identifier in SHOP {
        people.push(person(product, identifier).await);
    }
    json!({ "counts": product.counts().await, "people": people })
}

/// The exact answer to a call that must be refused, which must leave the sandbox as it was.
pub(crate) async fn refused(product: &Product, tool: &'static str, arguments: Value) -> String {
    let before = world(product).await;
    let answer = product.refused(tool, arguments).await;
    assert_eq!(world(product).await, before, "{tool} changed something: {answer}");
    without_approval_id(text(&answer))
}

/// An answer whose approval, if it waits for one, has no id of its own.
fn without_approval_id(answer: String) -> String {
    let id = serde_json::from_str::<Value>(&answer).unwrap()["details"]["approval_id"].as_str().map(str::to_owned);
    match id {
        Some(id) => answer.replace(&id, "apr_…"),
        None => answer,
    }
}

/// An answer as text for a snapshot.
pub(crate) fn text(answer: &Value) -> String {
    serde_json::to_string_pretty(answer).unwrap()
}
