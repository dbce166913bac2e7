//! Transactional sends: what each channel asks for and takes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::Sandbox;

#[tokio::test]
async fn section_7_each_channel_asks_for_its_own() {
    let sandbox = Sandbox::shop().await;
    // Channel, template, a `to` that fits.
    let channels = [
        ("email", 3, json!("a@example.com")),
        ("push", 7, json!("all")),
        ("sms", 8, json!("+15005550006")),
        ("whatsapp", 11, json!("+15005550006")),
        ("in_app", 9, Value::Null),
        ("inbox_message", 10, Value::Null),
    ];
    for (channel, template, to) in channels {
        let whole = json!({"transactional_message_id": template, "to": to, "identifiers": {"id": "cust_0001"},
            "message_data": {"reset_url": "https://x.example"}});
        let status = async |change: &dyn Fn(&mut Value)| {
            let mut body = whole.clone();
            change(&mut body);
            let heard = sandbox.app(Method::POST, &format!("/v1/send/{channel}"), body).await;
            if heard.status != 200 {
                assert!(heard.json()["meta"]["error"].is_string(), "{channel}: {}", heard.text);
            }
            heard.status
        };
        let is_email = channel == "email";
        assert_eq!(status(&|_| ()).await, 200, "{channel}");
        // A person is optional for e-mail alone.
        let without = status(&|body| drop(body.as_object_mut().unwrap().remove("identifiers"))).await;
        assert_eq!(without, if is_email { 200 } else { 400 }, "{channel}");
        assert_eq!(status(&|body| body["identifiers"] = json!({"phone": "+15005550006"})).await, 400, "{channel}");
        assert_eq!(status(&|body| body["identifiers"] = json!({})).await, 400, "{channel}");
        let two = json!({"id": "cust_0001", "email": "ada.moss@example.com"});
        assert_eq!(status(&|body| body["identifiers"] = two.clone()).await, 400, "{channel}");
        let no_template = status(&|body| drop(body.as_object_mut().unwrap().remove("transactional_message_id"))).await;
        assert_eq!(no_template, 400, "{channel}");
        // WhatsApp makes no messages of its own.
        let fresh = json!(format!("fresh_{channel}"));
        let made = status(&|body| {
            body["transactional_message_id"] = fresh.clone();
            body["auto_create"] = json!(true);
        })
        .await;
        assert_eq!(made, if channel == "whatsapp" { 400 } else { 200 }, "{channel}");
        let plain = status(&|body| body["transactional_message_id"] = json!(format!("other_{channel}"))).await;
        assert_eq!(plain, 400, "{channel}");
    }
}

#[tokio::test]
async fn section_7_a_send_answers_queued_whatever_comes_of_it() {
    let sandbox = Sandbox::shop().await;
    sandbox.identify("gone", json!({})).await;
    sandbox.track(Method::POST, "/api/v1/customers/gone/suppress", Value::Null).await;
    let send = |template: u64, id: &str, to: &str, data: Value| json!({"transactional_message_id": template, "identifiers": {"id": id}, "to": to, "message_data": data});
    let order = json!({"order_id": "A"});
    let cases = [
        ("delivered", send(4, "cust_0001", "a@example.com", order.clone())),
        // Liquid names what is not there.
        ("failed", send(4, "cust_0001", "a@example.com", json!({}))),
        ("failed", send(5, "cust_0006", "a@example.com", json!({}))),
        // Unsubscribed, and the template is not for them.
        ("undeliverable", send(4, "cust_0003", "a@example.com", order.clone())),
        ("undeliverable", send(4, "gone", "a@example.com", order.clone())),
        ("dropped", send(4, "cust_0001", "moved.away@example.com", order.clone())),
        ("bounced", send(4, "cust_0001", "ada+bounces@example.com", order)),
    ];
    let mut accepted = Vec::new();
    for (outcome, body) in cases {
        let heard = sandbox.app(Method::POST, "/v1/send/email", body).await;
        assert_eq!(heard.status, 200, "{outcome}: {}", heard.text);
        accepted.push((outcome, heard.json()["delivery_id"].as_str().unwrap().to_owned()));
    }
    sandbox.advance(5);
    let ends = ["delivered", "failed", "undeliverable", "dropped", "bounced"];
    for (outcome, id) in accepted {
        let message = sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone();
        let found: Vec<_> = ends.into_iter().filter(|end| message["metrics"].get(*end).is_some()).collect();
        assert_eq!(found, [outcome], "{message}");
        let explained = message["failure_message"].as_str().is_some_and(|text| !text.is_empty());
        assert_eq!(explained, outcome != "delivered", "{message}");
    }
}
