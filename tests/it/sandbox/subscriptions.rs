//! Senders, topics, channels, preferences and opt-outs (behaviour.md section 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn put(sandbox: &Sandbox, id: &str, optouts: Value) -> u16 {
    let path = format!("/v1/customers/{id}/optouts");
    sandbox.app(Method::PUT, &path, json!({"optouts": optouts})).await.status
}

async fn send(sandbox: &Sandbox, channel: &str, template: u64, id: &str) -> Value {
    let body = json!({"transactional_message_id": template, "to": "+15005550006", "identifiers": {"id": id}});
    let heard = sandbox.app(Method::POST, &format!("/v1/send/{channel}"), body).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    let id = heard.json()["delivery_id"].as_str().unwrap().to_owned();
    sandbox.advance(2);
    sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone()
}

#[tokio::test]
async fn section_10_a_sender_is_an_address_or_a_number() {
    let sandbox = Sandbox::shop().await;
    let sender = sandbox.get("/v1/sender_identities/3").await;
    assert_eq!(
        sender["sender_identity"],
        json!({"id": 3, "deduplicate_id": "3:3", "name": "Fern & Fable texts", "email": "",
            "address": "+15005550001", "template_type": "phone", "auto_generated": false})
    );
    let usage = |campaigns: &[u64], sent: &[u64], drafts: &[u64]| json!({"campaigns": campaigns, "sent_newsletters": sent, "draft_newsletters": drafts});
    assert_eq!(sandbox.get("/v1/sender_identities/1/used_by").await, usage(&[1, 2], &[1], &[2]));
    assert_eq!(sandbox.get("/v1/sender_identities/3/used_by").await, usage(&[], &[], &[]));
    for path in ["/v1/sender_identities/9", "/v1/sender_identities/9/used_by", "/v1/sender_identities/x"] {
        assert_eq!(sandbox.app(Method::GET, path, Value::Null).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn section_1_addresses_are_shown_without_a_credential() {
    let sandbox = Sandbox::empty().await;
    let heard = sandbox.raw(Method::GET, "/v1/info/ip_addresses", &[], Vec::new()).await.unwrap();
    assert_eq!((heard.status, heard.json()), (200, json!({"ip_addresses": ["127.0.0.1"]})));
}

#[tokio::test]
async fn section_10_preferences_are_the_defaults_and_what_a_person_chose() {
    let sandbox = Sandbox::shop().await;
    let subscribed = async |id: &str, query: &str| {
        let answer = sandbox.get(&format!("/v1/customers/{id}/subscription_preferences{query}")).await;
        let topics = answer["customer"]["topics"].as_array().unwrap().clone();
        topics.iter().map(|topic| (topic["name"].clone(), topic["subscribed"].clone())).collect::<Vec<_>>()
    };
    let named =
        |one: &str, two: &str, chosen: [bool; 2]| vec![(json!(one), json!(chosen[0])), (json!(two), json!(chosen[1]))];
    assert_eq!(subscribed("cust_0001", "").await, named("Order news", "Offers", [true, false]));
    sandbox.identify("cust_0001", json!({"cio_subscription_preferences.topics.topic_2": true})).await;
    sandbox.identify("cust_0002", json!({"cio_subscription_preferences": "{\"topics\":{\"topic_1\":false}}"})).await;
    assert_eq!(subscribed("cust_0001", "?language=de").await, named("Order news", "Angebote", [true, true]));
    assert_eq!(subscribed("cust_0002", "").await, named("Order news", "Offers", [false, false]));
    let missing = sandbox.app(Method::GET, "/v1/customers/nobody/subscription_preferences", Value::Null).await;
    assert_eq!(missing.status, 404);
    let channels = sandbox.get("/v1/subscription_channels").await;
    assert_eq!(channels["channels"][1]["type"], "twilio");
    assert_eq!(Sandbox::empty().await.get("/v1/subscription_channels").await, json!({"channels": []}));
}

#[tokio::test]
async fn section_10_a_token_is_for_somebody_known() {
    let sandbox = Sandbox::shop().await;
    let by_id = sandbox.get("/v1/subscription_center/cust_0001/token").await;
    let by_email = sandbox.get("/v1/subscription_center/ada.moss%40example.com/token").await;
    assert_eq!(by_id["token"], by_email["token"], "the same person at the same time");
    assert!(by_id["url"].as_str().unwrap().contains(by_id["token"].as_str().unwrap()));
    let other = sandbox.get("/v1/subscription_center/cust_0002/token").await;
    assert_ne!(by_id["token"], other["token"]);
    let unknown = sandbox.app(Method::GET, "/v1/subscription_center/nobody/token", Value::Null).await;
    assert_eq!((unknown.status, &unknown.json()["errors"][0]["status"]), (400, &json!("400")));
}

#[tokio::test]
async fn section_10_an_opt_out_holds_for_one_sender_on_one_channel() {
    let sandbox = Sandbox::shop().await;
    let number = "+15005550001";
    assert_eq!(put(&sandbox, "cust_0001", json!([{"from": number, "optout": true}])).await, 204);
    let expected = json!({"optouts": [{"channel": "sms", "from": number}]});
    assert_eq!(sandbox.get("/v1/customers/cust_0001/optouts").await, expected);
    let refused = send(&sandbox, "sms", 8, "cust_0001").await;
    assert_eq!(refused["metrics"]["undeliverable"], NOON + 1);
    assert_eq!(refused["failure_message"], "the person opted out of this sender");
    assert!(send(&sandbox, "whatsapp", 11, "cust_0001").await["metrics"]["delivered"].is_i64());
    assert!(send(&sandbox, "sms", 8, "cust_0002").await["metrics"]["delivered"].is_i64());
    assert_eq!(put(&sandbox, "cust_0001", json!([{"from": number, "optout": false, "channel": "sms"}])).await, 204);
    assert!(send(&sandbox, "sms", 8, "cust_0001").await["metrics"]["delivered"].is_i64());
}

#[tokio::test]
async fn section_10_a_refused_opt_out_changes_nothing() {
    let sandbox = Sandbox::shop().await;
    let good = json!({"from": "+1", "optout": true});
    let refused = [
        json!([good, {"from": "+1", "optout": true, "channel": "fax"}]),
        json!([good, {"from": "+1"}]),
        json!([good, {"optout": true}]),
        json!("all"),
    ];
    for optouts in refused {
        assert_eq!(put(&sandbox, "cust_0001", optouts.clone()).await, 400, "{optouts}");
    }
    assert_eq!(sandbox.get("/v1/customers/cust_0001/optouts").await, json!({"optouts": []}));
    assert_eq!(put(&sandbox, "nobody", json!([good])).await, 404);
}

#[tokio::test]
async fn section_5_opt_outs_are_listed_by_person_in_pages() {
    let sandbox = Sandbox::shop().await;
    for id in ["cust_0001", "cust_0002"] {
        put(&sandbox, id, json!([{"from": " Shop ", "optout": true}, {"from": "+2", "optout": true}])).await;
    }
    let (mut people, mut next) = (Vec::new(), String::new());
    loop {
        let page = sandbox.get(&format!("/v1/optouts?limit=1&start={next}")).await;
        people.push(page["optouts"][0]["customer_id"].as_str().unwrap().to_owned());
        next = page["next"].as_str().unwrap().to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(people, ["cust_0001", "cust_0002", "cust_0005"]);
    let of_sender = sandbox.get("/v1/optouts?from=SHOP").await;
    assert_eq!(of_sender["optouts"].as_array().unwrap().len(), 2);
    assert_eq!(of_sender["optouts"][0]["optouts"][1]["from"], "shop");
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0001", Value::Null).await;
    let merged = json!({"primary": {"id": "cust_0003"}, "secondary": {"id": "cust_0002"}});
    sandbox.track(Method::POST, "/api/v1/merge_customers", merged).await;
    let left = sandbox.get("/v1/optouts?from=shop").await;
    assert_eq!(left["optouts"][0]["customer_id"], "cust_0003");
    assert_eq!(left["optouts"].as_array().unwrap().len(), 1);
}
