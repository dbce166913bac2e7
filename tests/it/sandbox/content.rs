//! Campaigns, broadcasts and newsletters: what they send, and the metrics of it (behaviour.md sections 6, 8 and 9).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

#[tokio::test]
async fn section_6_metrics_tell_of_what_the_fixture_sent() {
    let sandbox = Sandbox::shop().await;
    let series = sandbox.get("/v1/campaigns/1/metrics?period=days&steps=4").await["metric"]["series"].clone();
    assert_eq!(series["sent"], json!([1, 2, 2, 1]));
    assert_eq!(series["delivered"], series["sent"]);
    let links = sandbox.get("/v1/campaigns/1/actions/1/metrics/links?period=days&steps=4").await["links"].clone();
    assert_eq!(links[0]["link"]["href"], "https://fernandfable.example/bouquets");
    assert_eq!(links[0]["metric"]["series"]["clicked"], json!([1, 0, 1, 0]));
    assert_eq!(links[0]["metric"]["series"]["machine_clicked"], json!([0, 0, 1, 0]));
    assert_eq!((sandbox.count("deliveries").await, sandbox.count("sent").await), (0, 0));
}

#[tokio::test]
async fn section_8_a_trigger_sends_to_those_it_names_with_their_data() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"data": {"headline": "All"}, "per_user_data": [
        {"id": "cust_0001", "data": {"headline": "Ada"}}, {"email": "ben.reed@example.com"}]});
    let heard = sandbox.app(Method::POST, "/v1/campaigns/3/triggers", body).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{\"id\":2}"));
    sandbox.advance(3);
    let messages = sandbox.get("/v1/broadcasts/3/messages?limit=2").await["messages"].clone();
    let subjects: Vec<_> = messages.as_array().unwrap().iter().map(|message| &message["subject"]).collect();
    assert_eq!(subjects, ["All", "Ada"]);
    assert_eq!((&messages[0]["broadcast_id"], &messages[0]["action_id"]), (&json!(3), &json!(5)));
    let soon = sandbox.app(Method::POST, "/v1/campaigns/3/triggers", json!({})).await;
    assert_eq!((soon.status, soon.headers["retry-after"].to_str().unwrap()), (429, "7"));
}

#[tokio::test]
async fn section_8_a_trigger_that_names_nobody_known_is_refused_with_its_errors() {
    let sandbox = Sandbox::shop().await;
    let heard = sandbox.app(Method::POST, "/v1/campaigns/3/triggers", json!({"ids": ["cust_0001", "nobody"]})).await;
    assert_eq!(heard.status, 422);
    assert_eq!(heard.json()["errors"][0]["source"]["pointer"], "/data/attributes/ids");
    let errors = sandbox.get("/v1/campaigns/3/triggers/2/errors").await;
    assert_eq!(errors, json!({"errors": ["line 2: no person has the id 'nobody'"], "next": 0}));
    assert_eq!(sandbox.count("deliveries").await, 0);
}

#[tokio::test]
async fn section_9_a_scheduled_newsletter_goes_out_when_its_time_comes() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"name": "Bristol", "type": "email", "subject": "S", "body": "B", "scheduled_at": NOON + 60,
        "recipients": {"attribute": {"field": "city", "operator": "eq", "value": "Leeds"}}});
    let made = sandbox.app(Method::POST, "/v1/newsletters", body).await;
    assert_eq!((made.status, &made.json()["newsletter"]["sent_at"]), (200, &Value::Null));
    let path = format!("/v1/newsletters/{}", made.json()["newsletter"]["id"]);
    sandbox.advance(59);
    assert_eq!(sandbox.get(&path).await["newsletter"]["send_state"], "scheduled");
    sandbox.advance(1);
    assert_eq!(sandbox.get(&path).await["newsletter"]["sent_at"], NOON + 60);
    assert_eq!(sandbox.count("deliveries").await, 3);
    let again = sandbox.app(Method::POST, &format!("{path}/send"), json!({})).await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn recipients_open_and_click_on_the_clock() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"to": "ada+clicks@example.com", "identifiers": {"id": "cust_0001"}, "from": "a@example.com",
        "subject": "S", "body": "<a href=\"https://a.example\">A</a>"});
    let id = sandbox.app(Method::POST, "/v1/send/email", body).await.json()["delivery_id"].clone();
    sandbox.advance(1000);
    let path = format!("/v1/messages/{}", id.as_str().unwrap());
    let metrics = sandbox.get(&path).await["message"]["metrics"].clone();
    assert_eq!((&metrics["opened"], &metrics["clicked"]), (&json!(NOON + 62), &json!(NOON + 92)));
}
