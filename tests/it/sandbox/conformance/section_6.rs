//! Reading deliveries, and the metrics of what was sent. The fixture's past lies around 08:00 UTC, which is 03:00 in
//! New York: 20 November 2026 is a Friday.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::{NOON, Sandbox};

const HOUR: i64 = 60 * 60;

async fn refused(sandbox: &Sandbox, path: &str) {
    let heard = sandbox.app(Method::GET, path, Value::Null).await;
    assert_eq!(heard.status, 400, "{path}: {}", heard.text);
    assert_eq!(heard.json()["errors"][0]["status"], "400", "{path}");
}

#[tokio::test]
async fn section_6_metrics_by_steps_are_oldest_first_and_bounded() {
    let sandbox = Sandbox::shop().await;
    let exact = [
        ("campaigns/1", "period=days&steps=4", json!([1, 2, 2, 1])),
        ("campaigns/1", "steps=4", json!([1, 2, 2, 1])),
        ("campaigns/1", "period=days&steps=2", json!([2, 1])),
        ("campaigns/1", "period=days&steps=1", json!([2, 1])),
        ("campaigns/1", "period=days&steps=0", json!([2, 1])),
        ("campaigns/1", "period=hours&steps=5", json!([1, 0, 0, 0, 0])),
        // Sunday is the 22nd.
        ("campaigns/1", "period=weeks&steps=2", json!([3, 3])),
        ("campaigns/1", "period=months&steps=2", json!([0, 6])),
        ("campaigns/1", "period=days&steps=4&type=push", json!([0, 0, 1, 0])),
        ("campaigns/1/actions/1", "period=days&steps=4", json!([1, 1, 1, 0])),
        ("campaigns/2", "period=days&steps=11", json!([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("broadcasts/3", "period=days&steps=5", json!([2, 0, 0, 0, 0])),
        ("broadcasts/3/actions/5", "period=days&steps=5", json!([2, 0, 0, 0, 0])),
        ("newsletters/1", "period=days&steps=4", json!([4, 0, 0, 0])),
        // The version is for campaigns alone.
        ("broadcasts/3", "version=2&period=days&steps=5", json!([2, 0, 0, 0, 0])),
        ("newsletters/1", "version=2&period=days&steps=4", json!([4, 0, 0, 0])),
    ];
    for (of, query, sent) in exact {
        let answer = sandbox.get(&format!("/v1/{of}/metrics?{query}")).await;
        assert_eq!(answer["metric"]["series"]["sent"], sent, "{of} {query}");
    }
    for (period, most) in [("hours", 24), ("days", 45), ("weeks", 12), ("months", 121)] {
        for steps in [most, most + 1, 100_000] {
            let answer = sandbox.get(&format!("/v1/campaigns/1/metrics?period={period}&steps={steps}")).await;
            assert_eq!(answer["metric"]["series"]["sent"].as_array().unwrap().len(), most, "{period}");
        }
    }
    for query in ["period=fortnights", "period=daily", "steps=few", "steps=-1"] {
        refused(&sandbox, &format!("/v1/campaigns/1/metrics?{query}")).await;
    }
    for unknown in ["campaigns/9", "campaigns/1/actions/9", "broadcasts/1", "newsletters/9", "newsletters/1/contents/1"]
    {
        let heard = sandbox.app(Method::GET, &format!("/v1/{unknown}/metrics"), Value::Null).await;
        assert_eq!(heard.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn section_6_days_begin_at_midnight_in_new_york() {
    let sandbox = Sandbox::shop().await;
    // 02:00 UTC of the 24th is 21:00 of the 23rd there.
    sandbox.advance(14 * 60 * 60);
    let sent = sandbox.get("/v1/campaigns/1/metrics?period=days&steps=2").await;
    assert_eq!(sent["metric"]["series"]["sent"], json!([2, 1]));
    sandbox.advance(3 * 60 * 60);
    let sent = sandbox.get("/v1/campaigns/1/metrics?period=days&steps=2").await;
    assert_eq!(sent["metric"]["series"]["sent"], json!([1, 0]));
}

#[tokio::test]
async fn section_6_every_series_is_there_and_counts_its_own() {
    let sandbox = Sandbox::shop().await;
    let answer = sandbox.get("/v1/campaigns/1/metrics?period=days&steps=4").await;
    let expected = json!({
        "attempted": [0, 0, 0, 0], "bounced": [0, 0, 0, 0], "clicked": [1, 1, 1, 1], "converted": [1, 1, 1, 0],
        "created": [1, 2, 2, 1], "delivered": [1, 2, 2, 1], "drafted": [0, 0, 0, 0], "dropped": [0, 0, 0, 0],
        "failed": [0, 0, 0, 0], "opened": [1, 2, 1, 0], "sent": [1, 2, 2, 1], "spammed": [0, 0, 0, 0],
        "undeliverable": [0, 0, 0, 0], "unsubscribed": [0, 0, 0, 0],
        "human_clicked": [1, 1, 0, 0], "machine_clicked": [0, 0, 1, 1],
    });
    assert_eq!(answer, json!({"metric": {"series": expected}}));
}

#[tokio::test]
async fn section_6_webhooks_have_series_of_their_answers() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"name": "hook", "type": "webhook", "body": "{}", "send_now": true,
        "recipients": {"segment": {"id": 3}}});
    let made = sandbox.app(Method::POST, "/v1/newsletters", body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    sandbox.advance(5);
    let series = sandbox.get(&format!("/v1/newsletters/{}/metrics?steps=2", made.json()["newsletter"]["id"])).await;
    let series = &series["metric"]["series"];
    assert_eq!((&series["sent"], &series["2xx"]), (&json!([0, 4]), &json!([0, 4])));
    assert_eq!((&series["3xx"], &series["4xx"], &series["5xx"]), (&json!([0, 0]), &json!([0, 0]), &json!([0, 0])));
    assert_eq!(sandbox.get("/v1/newsletters/1/metrics").await["metric"]["series"].get("2xx"), None);
}

#[tokio::test]
async fn section_6_version_2_takes_a_range_a_resolution_and_a_zone() {
    let sandbox = Sandbox::shop().await;
    let (start, end) = (NOON - 80 * HOUR, NOON - 1);
    let cases = [
        // 23:00 of the 19th in New York, which is the zone unless another is named.
        ("campaigns/1", "res=days", json!([0, 1, 2, 2, 1])),
        ("campaigns/1", "res=daily&tz=America/New_York", json!([0, 1, 2, 2, 1])),
        ("campaigns/1", "resolution=days", json!([0, 1, 2, 2, 1])),
        ("campaigns/1", "res=days&tz=UTC", json!([1, 2, 2, 1])),
        // There it is 22:00 of the day before.
        ("campaigns/1", "res=days&tz=Pacific/Honolulu", json!([1, 2, 2, 1, 0])),
        ("campaigns/1", "res=weeks", json!([3, 3])),
        ("campaigns/1", "res=months", json!([6])),
        ("campaigns/1/actions/1", "res=days&tz=UTC", json!([1, 1, 1, 0])),
    ];
    for (of, query, sent) in cases {
        let path = format!("/v1/{of}/metrics?version=2&start={start}&end={end}&{query}");
        assert_eq!(sandbox.get(&path).await["metric"]["series"]["sent"], sent, "{of} {query}");
    }
    let bad = [
        format!("start={start}&end={end}"),
        format!("start={start}&res=days"),
        format!("end={end}&res=days"),
        format!("start={end}&end={start}&res=days"),
        format!("start={start}&end={end}&res=days&tz=Mars/Olympus"),
        format!("start={start}&end={end}&res=fortnights"),
        format!("start=0&end={end}&res=hours"),
    ];
    for query in bad {
        refused(&sandbox, &format!("/v1/campaigns/1/metrics?version=2&{query}")).await;
    }
}

#[tokio::test]
async fn section_6_links_count_clicks_or_with_unique_people() {
    let sandbox = Sandbox::shop().await;
    let again =
        sandbox.app(Method::POST, "/v1/campaigns/3/triggers", json!({"ids": ["cust_0008"], "data": {"headline": "x"}}));
    assert_eq!(again.await.status, 200);
    sandbox.advance(HOUR.unsigned_abs());
    let links = async |of: &str, unique: &str| {
        sandbox.get(&format!("/v1/{of}/metrics/links?period=days&steps=5{unique}")).await["links"].clone()
    };
    let prices = "https://fernandfable.example/prices";
    for of in ["broadcasts/3", "broadcasts/3/actions/5"] {
        let all = links(of, "").await;
        assert_eq!((&all[0]["link"]["href"], all.as_array().unwrap().len()), (&json!(prices), 1), "{of}");
        let series =
            json!({"clicked": [2, 0, 0, 0, 1], "human_clicked": [1, 0, 0, 0, 1], "machine_clicked": [1, 0, 0, 0, 0]});
        assert_eq!(all[0]["metric"], json!({"series": series}), "{of}");
        assert_eq!(links(of, "&unique=false").await, all, "{of}");
        let unique = links(of, "&unique=true").await;
        let series =
            json!({"clicked": [2, 0, 0, 0, 0], "human_clicked": [1, 0, 0, 0, 0], "machine_clicked": [1, 0, 0, 0, 0]});
        assert_eq!(unique[0]["metric"], json!({"series": series}), "{of}");
    }
    // Each arm of the A/B test has a link of its own.
    let contents = sandbox.get("/v1/newsletters/1").await["newsletter"]["content_ids"].clone();
    let arms = contents.as_array().unwrap().iter().zip(["autumn", "dahlias"]);
    for (content, name) in arms {
        let found = links(&format!("newsletters/1/contents/{content}"), "").await;
        let hrefs: Vec<_> = found.as_array().unwrap().iter().map(|one| one["link"]["href"].clone()).collect();
        assert_eq!(hrefs, [json!(format!("https://fernandfable.example/{name}"))]);
    }
    assert_eq!(links("newsletters/1", "").await.as_array().unwrap().len(), 2);
    refused(&sandbox, "/v1/campaigns/1/metrics/links?unique=perhaps").await;
}

#[tokio::test]
async fn section_6_journey_metrics_need_start_end_and_resolution() {
    let sandbox = Sandbox::shop().await;
    let (start, end) = (NOON - 80 * HOUR, NOON);
    let expected = json!({"journey_metric": {
        "started": [0, 1, 1, 2, 0], "activated": [0, 1, 1, 1, 0], "exited_early": [0, 0, 1, 0, 0],
        "finished": [0, 1, 0, 0, 0], "converted": [0, 1, 0, 0, 0], "never_activated": [0, 0, 0, 1, 0],
        "messaged": [0, 1, 1, 1, 0],
    }});
    for resolution in ["res=days", "resolution=days"] {
        let path = format!("/v1/campaigns/1/journey_metrics?start={start}&end={end}&{resolution}");
        assert_eq!(sandbox.get(&path).await, expected, "{resolution}");
    }
    for query in [
        format!("start={start}&end={end}"),
        format!("start={start}&res=days"),
        format!("end={end}&res=days"),
        String::new(),
    ] {
        refused(&sandbox, &format!("/v1/campaigns/1/journey_metrics?{query}")).await;
    }
}

#[tokio::test]
async fn section_6_a_delivery_names_its_parents_and_a_transactional_one_has_none() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"transactional_message_id": 2, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"order_id": "A"}});
    assert_eq!(sandbox.app(Method::POST, "/v1/send/email", body).await.status, 200);
    let contents = sandbox.get("/v1/newsletters/1").await["newsletter"]["content_ids"].clone();
    let fields = ["campaign_id", "action_id", "newsletter_id", "content_id", "broadcast_id"];
    let cases = [
        ("/v1/transactional/2/messages", json!([null, null, null, null, null])),
        ("/v1/messages?campaign_id=1&action_id=2", json!([1, 2, null, null, null])),
        ("/v1/campaigns/2/messages", json!([2, 4, null, null, null])),
        ("/v1/broadcasts/3/messages", json!([null, 5, null, null, 3])),
        // Newest first: the fourth recipient got the second arm.
        ("/v1/newsletters/1/messages", json!([null, null, 1, contents[1], null])),
    ];
    for (path, parents) in cases {
        let message = sandbox.get(path).await["messages"][0].clone();
        let found: Vec<_> = fields.iter().map(|field| message[*field].clone()).collect();
        assert_eq!(json!(found), parents, "{path}");
        assert!(fields.iter().all(|field| message.get(field).is_some()), "null, not absent: {path}");
        let id = message["id"].as_str().unwrap();
        assert_eq!(sandbox.get(&format!("/v1/messages/{id}")).await["message"], message, "{path}");
    }
}

#[tokio::test]
async fn section_6_messages_are_bounded_by_time_on_both_sides() {
    let sandbox = Sandbox::shop().await;
    let count = async |query: String| {
        let answer = sandbox.get(&format!("/v1/campaigns/1/messages?{query}")).await;
        answer["messages"].as_array().unwrap().len()
    };
    let at = |hours: i64| NOON - hours * HOUR;
    assert_eq!(count(String::new()).await, 6);
    assert_eq!(count(format!("start_ts={}", at(28))).await, 3);
    assert_eq!(count(format!("start_ts={}", at(28) + 1)).await, 1);
    assert_eq!(count(format!("end_ts={}", at(76))).await, 1);
    assert_eq!(count(format!("end_ts={}", at(76) - 1)).await, 0);
    assert_eq!(count(format!("start_ts={}&end_ts={}", at(52), at(52))).await, 2);
}
