//! Reading people and the workspace.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

#[tokio::test]
async fn section_6_attributes_read_back_as_text() {
    let sandbox = Sandbox::shop().await;
    let ada = sandbox.customer("cust_0001", "id").await.unwrap();
    assert_eq!(ada["attributes"]["orders"], "7");
    assert_eq!(ada["attributes"]["created_at"], "1672531200");
    assert_eq!(ada["unsubscribed"], false);
    assert_eq!(ada["devices"][0]["platform"], "ios");
    let cleo = sandbox.customer("cust_0003", "id").await.unwrap();
    assert_eq!((&cleo["attributes"]["unsubscribed"], &cleo["unsubscribed"]), (&json!("true"), &json!(true)));
}

#[tokio::test]
async fn section_6_preferences_are_a_json_string_with_a_computed_twin_at_time_nought() {
    let sandbox = Sandbox::shop().await;
    sandbox.identify("cust_0001", json!({"cio_subscription_preferences.topics.topic_2": true})).await;
    let ada = sandbox.customer("cust_0001", "id").await.unwrap();
    let parsed = |name: &str| serde_json::from_str::<Value>(ada["attributes"][name].as_str().unwrap()).unwrap();
    assert_eq!(parsed("cio_subscription_preferences"), json!({"topics": {"topic_2": true}}));
    let computed = parsed("_cio_subscription_preferences_computed");
    assert_eq!(computed, json!({"topics": {"topic_1": true, "topic_2": true}}));
    assert_eq!(ada["timestamps"]["_cio_subscription_preferences_computed"], 0);
}

#[tokio::test]
async fn section_3_unsubscribed_takes_true_in_any_casing_and_one() {
    let sandbox = Sandbox::empty().await;
    for (value, expected) in
        [(json!("TRUE"), true), (json!(1), true), (json!("1"), true), (json!("yes"), false), (json!(0), false)]
    {
        sandbox.identify("ann", json!({"unsubscribed": value})).await;
        assert_eq!(sandbox.customer("ann", "id").await.unwrap()["unsubscribed"], expected, "{value}");
    }
}

#[tokio::test]
async fn section_3_the_wrong_id_type_reads_as_nobody_and_an_unknown_one_is_refused() {
    let sandbox = Sandbox::shop().await;
    assert_eq!(sandbox.customer("cust_0001", "email").await, None);
    assert_eq!(sandbox.customer("ada.moss@example.com", "id").await, None);
    let heard = sandbox.app(Method::GET, "/v1/customers/cust_0001/attributes?id_type=phone", Value::Null).await;
    assert_eq!(heard.status, 400);
}

#[tokio::test]
async fn section_1_looking_up_an_email_needs_its_plus_encoded() {
    let sandbox = Sandbox::shop().await;
    let found = sandbox.get("/v1/customers?email=GIL.stone%2Bflowers@example.com").await;
    assert_eq!(found["results"][0]["id"], "cust_0007");
    assert_eq!(sandbox.get("/v1/customers?email=gil.stone+flowers@example.com").await, json!({"results": []}));
    assert_eq!(sandbox.get("/v1/customers?email=nobody@example.com").await, json!({"results": []}));
}

#[tokio::test]
async fn section_2_many_people_are_read_at_once() {
    let sandbox = Sandbox::shop().await;
    let path = "/v1/customers/attributes";
    let heard = sandbox.app(Method::POST, path, json!({"ids": ["cust_0002", "nobody", "cust_0001"]})).await.json();
    let ids: Vec<_> = heard["customers"].as_array().unwrap().iter().map(|one| &one["customer"]["id"]).collect();
    assert_eq!(ids, ["cust_0002", "cust_0001"]);
    let by_email = format!("{path}?id_type=email");
    let heard = sandbox.app(Method::POST, &by_email, json!({"ids": ["dan.oak@example.com"]})).await.json();
    assert_eq!(heard["customers"][0]["customer"]["id"], Value::Null);
    let too_many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    assert_eq!(sandbox.app(Method::POST, path, json!({"ids": too_many})).await.status, 400);
}

#[tokio::test]
async fn section_10_the_workspace_describes_itself() {
    let sandbox = Sandbox::shop().await;
    assert_eq!(sandbox.get("/v1/exports").await, json!({"exports": null}));
    let workspaces = sandbox.get("/v1/workspaces").await;
    assert_eq!((&workspaces["workspaces"][0]["people"], &workspaces["workspaces"][0]["id"]), (&json!(12), &json!(1)));
    let topics = sandbox.get("/v1/subscription_topics").await;
    assert_eq!(topics["topics"][1]["identifier"], "topic_2");
    let senders = sandbox.get("/v1/sender_identities?limit=1").await;
    assert_eq!(senders["sender_identities"][0]["address"], "Fern & Fable <hello@fernandfable.example>");
    let next = senders["next"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/v1/sender_identities?start={next}")).await["sender_identities"][0]["id"], 2);
    let snippets = sandbox.get("/v1/snippets").await;
    assert_eq!(snippets["snippets"][0]["name"], "address");
}

#[tokio::test]
async fn templates_show_their_settings_and_contents() {
    let sandbox = Sandbox::shop().await;
    let list = sandbox.get("/v1/transactional").await;
    let ids: Vec<_> = list["messages"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (2..=11).collect::<Vec<_>>());
    let one = sandbox.get("/v1/transactional/4").await;
    assert_eq!(one["message"]["name"], "shipping_update");
    assert_eq!(one["message"]["send_to_unsubscribed"], false);
    let contents = sandbox.get("/v1/transactional/2/contents").await;
    let languages: Vec<_> = contents["contents"].as_array().unwrap().iter().map(|one| &one["language"]).collect();
    assert_eq!(languages, ["", "de"]);
    assert_eq!(contents["contents"][0]["subject"], "Your order {{ trigger.order_id }}");
    assert_eq!(sandbox.app(Method::GET, "/v1/transactional/99", Value::Null).await.status, 404);
}
