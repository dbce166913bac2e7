//! Configuring reporting webhooks (behaviour.md sections 10 and 11).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

const PATH: &str = "/v1/reporting_webhooks";

fn webhook(more: Value) -> Value {
    let mut body = json!({"name": "hook", "endpoint": "https://hooks.example/x", "events": ["email_sent"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn section_11_a_webhook_lives_from_creation_to_deletion() {
    let sandbox = Sandbox::empty().await;
    assert_eq!(sandbox.get(PATH).await, json!({"reporting_webhooks": []}));
    let made = sandbox.app(Method::POST, PATH, webhook(json!({"with_content": true}))).await;
    let expected = json!({"id": 1, "name": "hook", "endpoint": "https://hooks.example/x", "disabled": false,
        "full_resolution": false, "with_content": true, "events": ["email_sent"]});
    assert_eq!((made.status, made.json()), (200, expected.clone()));
    assert_eq!(sandbox.get("/v1/reporting_webhooks/1").await, expected);
    let wanted = webhook(json!({"events": ["customer_subscribed", "email_deferred"], "disabled": true,
        "full_resolution": true}));
    let changed = sandbox.app(Method::PUT, "/v1/reporting_webhooks/1", wanted).await.json();
    assert_eq!((&changed["disabled"], &changed["full_resolution"]), (&json!(true), &json!(true)));
    assert_eq!(changed["with_content"], false, "a PUT is the whole configuration");
    assert_eq!(sandbox.get(PATH).await, json!({"reporting_webhooks": [changed]}));
    assert_eq!(sandbox.app(Method::DELETE, "/v1/reporting_webhooks/1", Value::Null).await.status, 200);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        assert_eq!(sandbox.app(method, "/v1/reporting_webhooks/1", webhook(json!({}))).await.status, 404);
    }
    let next = sandbox.app(Method::POST, PATH, webhook(json!({}))).await.json();
    assert_eq!(next["id"], 2, "a number is not given again");
}

#[tokio::test]
async fn section_11_events_are_object_and_metric() {
    let sandbox = Sandbox::empty().await;
    let known = ["in_app_opened", "whatsapp_replied", "sms_replied", "customer_subscription_preferences_changed"];
    assert_eq!(sandbox.app(Method::POST, PATH, webhook(json!({"events": known}))).await.status, 200);
    let refused = [
        webhook(json!({"events": []})),
        webhook(json!({"events": ["in_app_delivered"]})),
        webhook(json!({"events": ["email_sent", "sent"]})),
        webhook(json!({"events": "email_sent"})),
        webhook(json!({"endpoint": "not a url"})),
        webhook(json!({"endpoint": "ftp://hooks.example"})),
        webhook(json!({"name": ""})),
        webhook(json!({"disabled": "yes"})),
    ];
    for body in refused {
        assert_eq!(sandbox.app(Method::POST, PATH, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(sandbox.get(PATH).await["reporting_webhooks"].as_array().unwrap().len(), 1);
}
