//! People search: the filter grammar and its pages.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

async fn ids(sandbox: &Sandbox, filter: Value) -> Vec<String> {
    let heard = sandbox.app(Method::POST, "/v1/customers", json!({"filter": filter})).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    heard.json()["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn eq(field: &str, value: impl Into<Value>) -> Value {
    json!({"attribute": {"field": field, "operator": "eq", "value": value.into()}})
}

fn exists(field: &str) -> Value {
    json!({"attribute": {"field": field, "operator": "exists"}})
}

#[tokio::test]
async fn section_5_filters_combine() {
    let sandbox = Sandbox::shop().await;
    let gold = ["cust_0001", "cust_0005", "cust_0007", "cust_0010"];
    assert_eq!(ids(&sandbox, eq("plan", "gold")).await, gold);
    assert_eq!(ids(&sandbox, eq("orders", 7)).await, ["cust_0001"]);
    assert_eq!(ids(&sandbox, eq("email", "ADA.MOSS@example.com")).await, ["cust_0001"]);
    assert_eq!(ids(&sandbox, eq("unsubscribed", true)).await, ["cust_0003"]);
    assert_eq!(ids(&sandbox, json!({"not": exists("email")})).await, ["cust_0005"]);
    assert_eq!(ids(&sandbox, json!({"not": exists("id")})).await, [""]);
    assert_eq!(ids(&sandbox, json!({"segment": {"id": 1}})).await, ["cust_0001", "cust_0007", "cust_0010"]);
    let nested = json!({"and": [
        {"segment": {"id": 3}},
        {"or": [eq("city", "Bath"), {"not": {"segment": {"id": 1}}}]},
    ]});
    assert_eq!(ids(&sandbox, nested).await, ["cust_0005", "cust_0007"]);
    assert_eq!(ids(&sandbox, json!({"segment": {"id": 999}})).await, Vec::<String>::new());
}

#[tokio::test]
async fn section_5_what_the_grammar_lacks_is_refused() {
    let sandbox = Sandbox::shop().await;
    let refused = [
        json!({}),
        json!({"attribute": {"field": "orders", "operator": "gt", "value": 3}}),
        json!({"attribute": {"field": "orders", "operator": "eq"}}),
        json!({"and": [], "or": []}),
    ];
    for filter in refused {
        let heard = sandbox.app(Method::POST, "/v1/customers", json!({"filter": filter})).await;
        assert_eq!(heard.status, 400, "{filter}");
        assert_eq!(heard.json()["errors"][0]["status"], "400");
    }
    assert_eq!(sandbox.app(Method::POST, "/v1/customers", json!({})).await.status, 400);
}

#[tokio::test]
async fn section_5_pages_hold_while_people_come_and_go() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"filter": exists("plan")});
    let first = sandbox.app(Method::POST, "/v1/customers?limit=5", body.clone()).await.json();
    let next = first["next"].as_str().unwrap().to_owned();
    assert_eq!((first["ids"].as_array().unwrap().len(), &first["ids"][4]), (5, &json!("cust_0005")));
    assert_eq!(first["identifiers"][3]["email"], "dan.oak@example.com");
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0005", Value::Null).await;
    let second = sandbox.app(Method::POST, &format!("/v1/customers?limit=50&start={next}"), body.clone()).await.json();
    assert_eq!((&second["ids"][0], second["ids"].as_array().unwrap().len()), (&json!("cust_0006"), 7));
    assert_eq!(second["next"], "");
    for bad in ["start=%21", "limit=0", "limit=x"] {
        assert_eq!(sandbox.app(Method::POST, &format!("/v1/customers?{bad}"), body.clone()).await.status, 400);
    }
}
