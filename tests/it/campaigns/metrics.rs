//! `get_metrics`: the same shape for everything that sends.

use std::time::Duration;

use serde_json::{Value, json};

use super::{refused, shop, told};
use crate::driver::Product;

/// What the sandbox's own deliveries say, counted here.
async fn counted(product: &Product, path: &str, metric: &str) -> u64 {
    let (_, listed) = product.app(&format!("{path}/messages?limit=100")).await;
    let has = |message: &&Value| message["metrics"].get(metric).is_some();
    listed["messages"].as_array().unwrap().iter().filter(has).count() as u64
}

#[tokio::test]
async fn whatever_sends_is_told_in_one_shape() {
    let product = shop().await;
    product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    product.clock.advance(Duration::from_mins(10));
    let contents = product.app("newsletters/1/contents").await.1;
    let mut told = Vec::new();
    for of in [
        json!({ "campaign_id": 1 }),
        json!({ "campaign_id": 1, "action_id": 1 }),
        json!({ "broadcast_id": 3 }),
        json!({ "broadcast_id": 3, "action_id": 5 }),
        json!({ "newsletter_id": 1 }),
        json!({ "newsletter_id": 1, "content_id": contents["contents"][0]["id"] }),
        json!({ "template_id": 5 }),
    ] {
        let mut arguments = of;
        arguments["period"] = json!("days");
        arguments["steps"] = json!(5);
        told.push(product.ok("get_metrics", arguments).await.to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"of":"campaign 1","totals":{"clicked":4,"converted":3,"created":6,"delivered":6,"human_clicked":2,"machine_clicked":2,"opened":4,"sent":6},"rates":{"clicked_of_delivered":0.6667,"converted_of_delivered":0.5,"delivered_of_sent":1.0,"human_clicked_of_delivered":0.3333,"opened_of_delivered":0.6667},"series":{"clicked":[0,1,1,1,1],"converted":[0,1,1,1,0],"created":[0,1,2,2,1],"delivered":[0,1,2,2,1],"human_clicked":[0,1,1,0,0],"machine_clicked":[0,0,0,1,1],"opened":[0,1,2,1,0],"sent":[0,1,2,2,1]}}
    {"of":"campaign 1 action 1","totals":{"clicked":2,"converted":1,"created":3,"delivered":3,"human_clicked":1,"machine_clicked":1,"opened":2,"sent":3},"rates":{"clicked_of_delivered":0.6667,"converted_of_delivered":0.3333,"delivered_of_sent":1.0,"human_clicked_of_delivered":0.3333,"opened_of_delivered":0.6667},"series":{"clicked":[0,1,0,1,0],"converted":[0,1,0,0,0],"created":[0,1,1,1,0],"delivered":[0,1,1,1,0],"human_clicked":[0,1,0,0,0],"machine_clicked":[0,0,0,1,0],"opened":[0,1,1,0,0],"sent":[0,1,1,1,0]}}
    {"of":"broadcast 3","totals":{"clicked":2,"converted":1,"created":2,"delivered":2,"human_clicked":1,"machine_clicked":1,"opened":1,"sent":2},"rates":{"clicked_of_delivered":1.0,"converted_of_delivered":0.5,"delivered_of_sent":1.0,"human_clicked_of_delivered":0.5,"opened_of_delivered":0.5},"series":{"clicked":[2,0,0,0,0],"converted":[1,0,0,0,0],"created":[2,0,0,0,0],"delivered":[2,0,0,0,0],"human_clicked":[1,0,0,0,0],"machine_clicked":[1,0,0,0,0],"opened":[1,0,0,0,0],"sent":[2,0,0,0,0]}}
    {"of":"broadcast 3 action 5","totals":{"clicked":2,"converted":1,"created":2,"delivered":2,"human_clicked":1,"machine_clicked":1,"opened":1,"sent":2},"rates":{"clicked_of_delivered":1.0,"converted_of_delivered":0.5,"delivered_of_sent":1.0,"human_clicked_of_delivered":0.5,"opened_of_delivered":0.5},"series":{"clicked":[2,0,0,0,0],"converted":[1,0,0,0,0],"created":[2,0,0,0,0],"delivered":[2,0,0,0,0],"human_clicked":[1,0,0,0,0],"machine_clicked":[1,0,0,0,0],"opened":[1,0,0,0,0],"sent":[2,0,0,0,0]}}
    {"of":"newsletter 1","totals":{"clicked":2,"converted":1,"created":4,"delivered":4,"human_clicked":1,"machine_clicked":1,"opened":1,"sent":4},"rates":{"clicked_of_delivered":0.5,"converted_of_delivered":0.25,"delivered_of_sent":1.0,"human_clicked_of_delivered":0.25,"opened_of_delivered":0.25},"series":{"clicked":[0,2,0,0,0],"converted":[0,1,0,0,0],"created":[0,4,0,0,0],"delivered":[0,4,0,0,0],"human_clicked":[0,1,0,0,0],"machine_clicked":[0,1,0,0,0],"opened":[0,1,0,0,0],"sent":[0,4,0,0,0]}}
    {"of":"newsletter 1 content 118","totals":{"created":2,"delivered":2,"sent":2},"rates":{"delivered_of_sent":1.0},"series":{"created":[0,2,0,0,0],"delivered":[0,2,0,0,0],"sent":[0,2,0,0,0]}}
    {"of":"template 5","totals":{"created":1,"delivered":1,"sent":1},"rates":{"delivered_of_sent":1.0},"series":{"created":[0,0,0,0,1],"delivered":[0,0,0,0,1],"sent":[0,0,0,0,1]}}
    "#);
}

#[tokio::test]
async fn totals_are_what_became_of_the_messages() {
    let product = shop().await;
    for (of, path) in [
        (json!({ "campaign_id": 1 }), "campaigns/1"),
        (json!({ "broadcast_id": 3 }), "broadcasts/3"),
        (json!({ "newsletter_id": 1 }), "newsletters/1"),
    ] {
        let answer = product.ok("get_metrics", of).await;
        for metric in ["sent", "delivered", "opened", "clicked", "converted", "undeliverable"] {
            let total = answer["totals"].get(metric).and_then(Value::as_u64).unwrap_or_default();
            assert_eq!(total, counted(&product, path, metric).await, "{path} {metric}: {answer}");
        }
    }
}

#[tokio::test]
async fn full_detail_tells_of_links() {
    let product = shop().await;
    let full = json!({ "campaign_id": 1, "metrics": ["clicked", "sent"], "detail": "full", "unique": true });
    let answer = product.ok("get_metrics", full).await;
    insta::assert_snapshot!(answer["links"], @r#"[{"href":"https://fernandfable.example/bouquets","clicked":2,"machine_clicked":1},{"href":"https://fernandfable.example/first","clicked":2,"machine_clicked":1}]"#);
    let named: Vec<&String> = answer["series"].as_object().unwrap().keys().collect();
    assert_eq!(named, ["clicked", "sent"]);
    let action = product.ok("get_metrics", json!({ "campaign_id": 1, "action_id": 2, "detail": "full" })).await;
    assert_eq!(action["links"].as_array().unwrap().len(), 2, "{action}");
}

#[tokio::test]
async fn a_campaign_is_counted_between_two_times_too() {
    let product = shop().await;
    let day = |start: &str, end: &str| json!({ "campaign_id": 1, "start": start, "end": end, "period": "hours", "timezone": "Europe/London" });
    let none = product.ok("get_metrics", day("2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z")).await;
    assert_eq!(none["totals"], json!({}), "{none}");
    let all = product.ok("get_metrics", day("2026-02-26T00:00:00Z", "2026-03-02T09:05:00Z")).await;
    let by_steps = product.ok("get_metrics", json!({ "campaign_id": 1 })).await;
    assert_eq!(all["totals"], by_steps["totals"]);
}

#[tokio::test]
async fn a_channel_is_counted_by_itself() {
    let product = shop().await;
    let sent = async |channel: &str| {
        let answer =
            product.ok("get_metrics", json!({ "campaign_id": 1, "channel": channel, "metrics": ["sent"] })).await;
        answer["totals"]["sent"].as_u64().unwrap()
    };
    let all = product.ok("get_metrics", json!({ "campaign_id": 1 })).await;
    assert_eq!(all["totals"]["sent"], sent("email").await + sent("push").await);
    assert!(sent("push").await > 0);
    assert_eq!(sent("sms").await, 0);
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let mut answers = Vec::new();
    for arguments in [
        json!({}),
        json!({ "campaign_id": 1, "newsletter_id": 1 }),
        json!({ "newsletter_id": 1, "action_id": 5 }),
        json!({ "broadcast_id": 3, "content_id": 5 }),
        json!({ "newsletter_id": 99 }),
        json!({ "campaign_id": 1, "action_id": 99 }),
        json!({ "newsletter_id": 1, "content_id": 99 }),
        json!({ "template_id": 99 }),
        json!({ "template_id": 1, "channel": "email" }),
        json!({ "campaign_id": 1, "metrics": ["sent", "read"] }),
        json!({ "campaign_id": 1, "period": "hours", "steps": 25 }),
        json!({ "campaign_id": 1, "unique": true }),
        json!({ "campaign_id": 1, "timezone": "Europe/London" }),
        json!({ "campaign_id": 1, "start": 1_772_000_000 }),
        json!({ "campaign_id": 1, "start": 1_772_000_000, "end": 1_771_000_000 }),
        json!({ "campaign_id": 1, "start": 1_771_000_000, "end": 1_772_000_000, "steps": 3 }),
        json!({ "campaign_id": 1, "start": 1_771_000_000, "end": 1_772_000_000, "detail": "full" }),
        json!({ "campaign_id": 1, "start": 1_771_000_000, "end": 1_772_000_000, "timezone": "Mars" }),
        json!({ "newsletter_id": 1, "start": 1_771_000_000, "end": 1_772_000_000 }),
    ] {
        answers.push(told(&refused(&product, "get_metrics", arguments).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    invalid_argument at campaign_id: The call does not say whose metrics. | Give one of `campaign_id`, `broadcast_id`, `newsletter_id` and `template_id`.
    invalid_argument at campaign_id: The call names more than one thing to count. | Give one of `campaign_id`, `broadcast_id`, `newsletter_id` and `template_id`.
    invalid_argument at action_id: `action_id` goes with `campaign_id` or `broadcast_id`. | Leave it out, or name its campaign.
    invalid_argument at content_id: `content_id` goes with `newsletter_id`. | Leave it out, or name its newsletter.
    not_found at newsletter_id: There is no newsletter 99. | list_campaigns shows those there are.
    not_found at action_id: There is no campaign 1 action 99. | list_campaigns with `detail: "full"` shows the actions of each.
    not_found at content_id: There is no newsletter 1 content 99. | list_campaigns with `detail: "full"` shows the contents of each.
    not_found at template_id: There is no template 99. | list_templates shows those there are.
    invalid_argument at channel: A template has one channel. | Leave `channel` out.
    invalid_argument at metrics[1]: There is no such metric. | Valid: created, drafted, attempted, sent, delivered, opened, clicked, human_clicked, machine_clicked, converted, bounced, dropped, failed, spammed, undeliverable, unsubscribed, 2xx, 3xx, 4xx, 5xx.
    invalid_argument at steps: There are at most 24 steps of `hours`. | Ask for fewer, or for longer ones.
    invalid_argument at unique: `unique` counts the links of a whole campaign, broadcast, newsletter or template, with `detail: "full"`. | Leave `unique` out, or ask for these.
    invalid_argument at timezone: `timezone` goes with `start` and `end`. | Give these, or leave it out.
    invalid_argument at end: `start` needs `end`. | Give both.
    invalid_argument at end: `end` is not after `start`. | Give a later `end`.
    invalid_argument at steps: `steps` and `start` exclude each other. | Give one of them.
    invalid_argument at detail: The clicks on links are counted by `steps` alone. | Ask for them in another call.
    invalid_argument at timezone: `timezone` is no IANA time zone. | Give one such as `Europe/London`.
    invalid_argument at start: Only a campaign and its actions are counted between two times. | Use `steps`.
    "#);
}
