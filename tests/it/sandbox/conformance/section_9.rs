//! Newsletters: made, scheduled and sent at a pace. Their variants stand in `section_9_variants`.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::{Heard, NOON, Sandbox};

pub(super) const PATH: &str = "/v1/newsletters";

/// Everybody with the city Leeds, three people.
fn wanted(more: Value) -> Value {
    let mut body = json!({"name": "News", "type": "email", "subject": "S", "body": "B",
        "recipients": {"attribute": {"field": "city", "operator": "eq", "value": "Leeds"}}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub(super) async fn post(sandbox: &Sandbox, path: &str, body: Value) -> Heard {
    sandbox.app(Method::POST, path, body).await
}

/// A newsletter that must be made; its path.
pub(super) async fn made(sandbox: &Sandbox, more: Value) -> String {
    let heard = post(sandbox, PATH, wanted(more)).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    format!("{PATH}/{}", heard.json()["newsletter"]["id"])
}

async fn newsletter(sandbox: &Sandbox, path: &str) -> Value {
    sandbox.get(path).await["newsletter"].clone()
}

/// When each message of a newsletter was sent, in seconds after NOON, in order.
async fn sent_after(sandbox: &Sandbox, path: &str) -> Vec<i64> {
    let messages = sandbox.get(&format!("{path}/messages?metric=sent")).await;
    let rows = messages["messages"].as_array().unwrap().iter();
    let mut times: Vec<_> = rows.map(|one| one["metrics"]["sent"].as_i64().unwrap() - NOON).collect();
    times.sort_unstable();
    times
}

#[tokio::test]
async fn section_9_a_request_without_send_now_or_scheduled_at_makes_a_draft() {
    let sandbox = Sandbox::shop().await;
    let cases = [
        (json!({}), "drafted", Value::Null, Value::Null, 0),
        (json!({"send_now": false, "scheduled_at": 0}), "drafted", Value::Null, Value::Null, 0),
        (json!({"scheduled_at": NOON + 9}), "scheduled", json!(NOON + 9), Value::Null, 0),
        (json!({"send_now": true}), "sending", Value::Null, json!(NOON), 3),
    ];
    for (more, state, scheduled_at, sent_at, deliveries) in cases {
        let path = made(&sandbox, more.clone()).await;
        let shown = newsletter(&sandbox, &path).await;
        assert_eq!((&shown["send_state"], &shown["scheduled_at"]), (&json!(state), &scheduled_at), "{more}");
        assert_eq!(shown["sent_at"], sent_at, "{more}");
        assert_eq!(sandbox.count("deliveries").await, deliveries, "{more}");
    }
    sandbox.advance(3);
    assert_eq!(newsletter(&sandbox, &format!("{PATH}/6")).await["send_state"], "sent");
}

#[tokio::test]
async fn section_9_what_cannot_be_made_is_422_and_points_at_the_field() {
    let sandbox = Sandbox::shop().await;
    let attribute = |inverse: Value| json!({"recipients": {"attribute": {"field": "city", "operator": "exists"}, "inverse": inverse}});
    let cases = [
        (json!({"name": ""}), "name"),
        (json!({"name": "é".repeat(191)}), "name"),
        (json!({"type": "pigeon"}), "type"),
        (json!({"type": null}), "type"),
        (json!({"recipients": null}), "recipients"),
        (json!({"recipients": {"everyone": true}}), "recipients"),
        (attribute(json!("yes")), "recipients"),
        (json!({"subject": ""}), "subject"),
        (json!({"body": null}), "body"),
        (json!({"subscription_topic_id": 99}), "subscription_topic_id"),
        (json!({"from": "a@example.com", "from_id": 1}), "from_id"),
        (json!({"send_now": true, "scheduled_at": NOON + 9}), "scheduled_at"),
        (json!({"scheduled_at": NOON}), "scheduled_at"),
        (json!({"send_now": "yes"}), "send_now"),
        (json!({"send_now": true, "recipients": {"segment": {"id": 999}}}), "recipients"),
        (json!({"rate_limit_email_rate": 5}), "rate_limit_time_period"),
        (json!({"rate_limit_time_period": 60}), "rate_limit_email_rate"),
        (json!({"rate_limit_email_rate": 5, "rate_limit_time_period": 61}), "rate_limit_time_period"),
        (json!({"rate_limit_email_rate": 0, "rate_limit_time_period": 60}), "rate_limit_email_rate"),
    ];
    for (more, field) in cases {
        let heard = post(&sandbox, PATH, wanted(more.clone())).await;
        assert_eq!(heard.status, 422, "{more}: {}", heard.text);
        assert_eq!(heard.json()["errors"][0]["source"]["pointer"], format!("/{field}"), "{more}");
    }
    assert_eq!(sandbox.get(PATH).await["newsletters"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.count("deliveries").await, 0);
    // Characters, not bytes.
    made(&sandbox, json!({"name": "é".repeat(190)})).await;
}

#[tokio::test]
async fn section_9_a_topic_is_required_when_the_subscription_center_says_so() {
    let topics = "[workspace]\nrequires_topics = true\n[[topics]]\nid = 7\nname = \"News\"\n";
    let sandbox = Sandbox::with(Fixture::from_toml(topics).unwrap(), false).await;
    let heard = post(&sandbox, PATH, wanted(json!({}))).await;
    assert_eq!(heard.status, 422);
    assert_eq!(heard.json()["errors"][0]["source"]["pointer"], "/subscription_topic_id");
    let path = made(&sandbox, json!({"subscription_topic_id": 7})).await;
    assert_eq!(newsletter(&sandbox, &path).await["subscription_topic_id"], 7);
}

#[tokio::test]
async fn section_9_a_topic_is_not_delivered_to_whoever_does_not_want_it() {
    let sandbox = Sandbox::shop().await;
    // Offers are for those who asked for them; Fay does, Kit refuses in so many words.
    sandbox.identify("cust_0006", json!({"cio_subscription_preferences.topics.topic_2": true})).await;
    sandbox.identify("cust_0011", json!({"cio_subscription_preferences.topics.topic_2": false})).await;
    let path = made(&sandbox, json!({"subscription_topic_id": 2, "send_now": true})).await;
    sandbox.advance(3);
    let got = async |metric: &str| {
        let messages = sandbox.get(&format!("{path}/messages?metric={metric}")).await;
        let rows = messages["messages"].as_array().unwrap().clone();
        rows.iter().rev().map(|one| one["customer_identifiers"]["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(got("delivered").await, ["cust_0006"]);
    assert_eq!(got("undeliverable").await, ["cust_0002", "cust_0011"]);
}

#[tokio::test]
async fn section_9_recipients_is_the_filter_of_people_with_inverse() {
    let condition = |more: Value| {
        let mut attribute = json!({"field": "city", "operator": "eq", "value": "Leeds"});
        attribute.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"attribute": attribute})
    };
    let cases = [
        (condition(json!({})), 3),
        (condition(json!({"inverse": true})), 9),
        (condition(json!({"inverse": false})), 3),
        (json!({"not": condition(json!({"inverse": true}))}), 3),
        (json!({"segment": {"id": 3, "inverse": true}}), 8),
        (json!({"and": [condition(json!({})), {"segment": {"id": 2, "inverse": true}}]}), 2),
        (json!({"or": [condition(json!({})), {"segment": {"id": 1}}]}), 6),
    ];
    for (recipients, expected) in cases {
        let sandbox = Sandbox::shop().await;
        made(&sandbox, json!({"recipients": recipients, "send_now": true})).await;
        assert_eq!(sandbox.count("deliveries").await, expected, "{recipients}");
    }
}

#[tokio::test]
async fn section_9_the_sender_is_from_or_from_id_or_the_oldest() {
    let sandbox = Sandbox::shop().await;
    let cases = [
        (json!({}), "Fern & Fable <hello@fernandfable.example>", json!(1)),
        (json!({"from_id": 2}), "Fern & Fable Orders <orders@fernandfable.example>", json!(2)),
        (json!({"from": "orders@fernandfable.example"}), "orders@fernandfable.example", json!(2)),
        (json!({"from": "else@example.com"}), "else@example.com", Value::Null),
    ];
    for (more, from, from_id) in cases {
        let path = made(&sandbox, more.clone()).await;
        let content = sandbox.get(&format!("{path}/contents")).await["contents"][0].clone();
        assert_eq!((&content["from"], &content["from_id"]), (&json!(from), &from_id), "{more}");
    }
}

#[tokio::test]
async fn section_9_a_schedule_needs_a_future_time_and_a_zone_and_0_takes_it_back() {
    let sandbox = Sandbox::shop().await;
    let path = made(&sandbox, json!({})).await;
    let schedule = format!("{path}/schedule");
    let refused = [
        (json!({}), "scheduled_at"),
        (json!({"scheduled_at": "soon", "timezone": "UTC"}), "scheduled_at"),
        (json!({"scheduled_at": NOON, "timezone": "UTC"}), "scheduled_at"),
        (json!({"scheduled_at": NOON + 60}), "timezone"),
        (json!({"scheduled_at": NOON + 60, "timezone": "Mars/Olympus"}), "timezone"),
        (
            json!({"scheduled_at": NOON + 60, "timezone": "UTC", "tz_match_enabled": true,
                "rate_limit_email_rate": 1, "rate_limit_time_period": 86400}),
            "rate_limit_time_period",
        ),
        (json!({"scheduled_at": NOON + 60, "timezone": "UTC", "rate_limit_email_rate": 1}), "rate_limit_time_period"),
    ];
    for (body, field) in refused {
        let heard = post(&sandbox, &schedule, body.clone()).await;
        assert_eq!(heard.status, 422, "{body}: {}", heard.text);
        assert_eq!(heard.json()["errors"][0]["source"]["pointer"], format!("/{field}"), "{body}");
        assert_eq!(newsletter(&sandbox, &path).await["send_state"], "drafted", "{body}");
    }
    let planned = post(&sandbox, &schedule, json!({"scheduled_at": NOON + 60, "timezone": "Europe/London"})).await;
    assert_eq!((planned.status, &planned.json()["newsletter"]["scheduled_at"]), (200, &json!(NOON + 60)));
    let taken_back = post(&sandbox, &schedule, json!({"scheduled_at": 0})).await;
    assert_eq!((taken_back.status, &taken_back.json()["newsletter"]["send_state"]), (200, &json!("drafted")));
    sandbox.advance(61);
    assert_eq!(sandbox.count("deliveries").await, 0);
    post(&sandbox, &schedule, json!({"scheduled_at": NOON + 70, "timezone": "UTC"})).await;
    post(&sandbox, &schedule, json!({"scheduled_at": NOON + 80, "timezone": "UTC"})).await;
    sandbox.advance(10);
    assert_eq!(sandbox.count("deliveries").await, 0, "the last schedule counts");
    sandbox.advance(10);
    assert_eq!(
        (sandbox.count("deliveries").await, newsletter(&sandbox, &path).await["sent_at"].clone()),
        (3, json!(NOON + 80))
    );
    let late = post(&sandbox, &schedule, json!({"scheduled_at": 0})).await;
    assert_eq!(late.status, 400, "it was sent");
}

#[tokio::test]
async fn section_9_a_send_is_refused_when_sent_without_channel_or_recipients() {
    let fixture = "
        [[people]]
        id = \"a\"
        email = \"a@example.com\"
        [[newsletters]]
        id = 1
        name = \"No channel\"
        variants = [{ body = \"b\" }]
        [[newsletters]]
        id = 2
        name = \"Nobody\"
        channel = \"email\"
        recipients = { segment = { id = 9 } }
        variants = [{ subject = \"s\", body = \"b\" }]
        [[newsletters]]
        id = 3
        name = \"Somebody\"
        channel = \"email\"
        variants = [{ subject = \"s\", body = \"b\" }]
        [[newsletters]]
        id = 4
        name = \"Later\"
        channel = \"email\"
        scheduled_in_hours = 1
        variants = [{ subject = \"s\", body = \"b\" }]
    ";
    let sandbox = Sandbox::with(Fixture::from_toml(fixture).unwrap(), false).await;
    let send = async |id: u64| {
        let heard = post(&sandbox, &format!("{PATH}/{id}/send"), json!({})).await;
        (
            heard.status,
            heard.json()["errors"][0]["detail"].as_str().unwrap_or_default().split(" (").next().unwrap().to_owned(),
        )
    };
    assert_eq!(send(1).await, (400, "the newsletter has no channel".to_owned()));
    assert_eq!(send(2).await, (400, "the newsletter has no recipients".to_owned()));
    assert_eq!(sandbox.count("deliveries").await, 0);
    assert_eq!(send(3).await.0, 200);
    assert_eq!(send(3).await, (400, "the newsletter was already sent".to_owned()));
    assert_eq!(send(9).await.0, 404);
    // One that waits can be sent at once, and does not go out again.
    assert_eq!(send(4).await.0, 200);
    sandbox.advance(2 * 60 * 60);
    assert_eq!(sandbox.count("deliveries").await, 2);
}

#[tokio::test]
async fn section_9_a_rate_limit_spaces_the_messages_out() {
    let cases = [
        (json!({"rate_limit_email_rate": 2, "rate_limit_time_period": 60}), vec![1, 1, 61]),
        (json!({"rate_limit_email_rate": 1, "rate_limit_time_period": 60}), vec![1, 61, 121]),
        (json!({"rate_limit_email_rate": 2, "rate_limit_time_period": 60, "rate_limit_spread": true}), vec![1, 31, 61]),
        (json!({}), vec![1, 1, 1]),
    ];
    for (pace, expected) in cases {
        let sandbox = Sandbox::shop().await;
        let path = made(&sandbox, json!({})).await;
        assert_eq!(post(&sandbox, &format!("{path}/send"), pace.clone()).await.status, 200);
        sandbox.advance(500);
        assert_eq!(sent_after(&sandbox, &path).await, expected, "{pace}");
    }
}

#[tokio::test]
async fn section_9_zones_are_matched_by_the_time_of_day_and_only_while_scheduled() {
    let sandbox = Sandbox::shop().await;
    // Five hours behind, no zone, and an hour ahead, where that time of day is over.
    sandbox.identify("cust_0002", json!({"timezone": "America/New_York"})).await;
    sandbox.identify("cust_0011", json!({"timezone": "Europe/Berlin"})).await;
    let plan = json!({"scheduled_at": NOON + 60, "timezone": "UTC", "tz_match_enabled": true});
    let path = made(&sandbox, json!({})).await;
    post(&sandbox, &format!("{path}/schedule"), plan.clone()).await;
    let taken_back = made(&sandbox, json!({})).await;
    post(&sandbox, &format!("{taken_back}/schedule"), plan.clone()).await;
    post(&sandbox, &format!("{taken_back}/schedule"), json!({"scheduled_at": 0})).await;
    post(&sandbox, &format!("{taken_back}/send"), json!({})).await;
    let overtaken = made(&sandbox, json!({})).await;
    post(&sandbox, &format!("{overtaken}/schedule"), plan).await;
    post(&sandbox, &format!("{overtaken}/send"), json!({})).await;
    sandbox.advance(60);
    sandbox.get(PATH).await;
    sandbox.advance(6 * 60 * 60);
    assert_eq!(sent_after(&sandbox, &path).await, [61, 61, 61 + 5 * 60 * 60]);
    assert_eq!(sent_after(&sandbox, &taken_back).await, [1, 1, 1]);
    assert_eq!(sent_after(&sandbox, &overtaken).await, [1, 1, 1]);
}

#[tokio::test]
async fn section_9_a_deleted_newsletter_is_gone_and_its_number_is_not_given_again() {
    let sandbox = Sandbox::shop().await;
    let path = made(&sandbox, json!({"scheduled_at": NOON + 60})).await;
    assert_eq!(sandbox.app(Method::DELETE, &path, Value::Null).await.status, 204);
    for (method, path) in
        [(Method::GET, path.clone()), (Method::DELETE, path.clone()), (Method::POST, format!("{path}/send"))]
    {
        assert_eq!(sandbox.app(method, &path, json!({})).await.status, 404);
    }
    sandbox.advance(60);
    assert_eq!(sandbox.count("deliveries").await, 0);
    assert_ne!(made(&sandbox, json!({})).await, path);
}
