//! Which events a reporting webhook can be asked for.

use reqwest::Method;
use serde_json::json;

use crate::sandbox::driver::Sandbox;

#[tokio::test]
async fn section_11_each_object_has_its_metrics_and_no_others() {
    let all = [
        "drafted",
        "attempted",
        "sent",
        "delivered",
        "opened",
        "clicked",
        "converted",
        "unsubscribed",
        "bounced",
        "dropped",
        "spammed",
        "failed",
        "undeliverable",
        "deferred",
        "replied",
        "subscribed",
        "human_opened",
    ];
    let lacks: [(&str, &[&str]); 6] = [
        ("email", &["replied", "subscribed", "human_opened"]),
        ("push", &["unsubscribed", "spammed", "deferred", "replied", "subscribed", "human_opened"]),
        (
            "in_app",
            &[
                "delivered",
                "unsubscribed",
                "bounced",
                "dropped",
                "spammed",
                "deferred",
                "replied",
                "subscribed",
                "human_opened",
            ],
        ),
        ("sms", &["opened", "unsubscribed", "dropped", "spammed", "deferred", "subscribed", "human_opened"]),
        ("whatsapp", &["unsubscribed", "spammed", "deferred", "subscribed", "human_opened"]),
        // Whether it has the rest of an e-mail's metrics is not stated; these two are.
        (
            "customer",
            &[
                "drafted",
                "attempted",
                "sent",
                "delivered",
                "opened",
                "clicked",
                "converted",
                "bounced",
                "dropped",
                "spammed",
                "failed",
                "undeliverable",
                "deferred",
                "replied",
                "human_opened",
            ],
        ),
    ];
    let sandbox = Sandbox::empty().await;
    for (object, lacks) in lacks {
        for metric in all {
            let event = format!("{object}_{metric}");
            let body = json!({"name": event, "endpoint": "https://hooks.example/x", "events": [event]});
            let heard = sandbox.app(Method::POST, "/v1/reporting_webhooks", body).await;
            let expected = if lacks.contains(&metric) { 400 } else { 200 };
            assert_eq!(heard.status, expected, "{event}: {}", heard.text);
        }
    }
}
