//! Broadcasts: the six forms of a trigger, what it answers, and what becomes of it.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::{Heard, NOON, Sandbox};

async fn trigger(sandbox: &Sandbox, broadcast: u64, body: Value) -> Heard {
    sandbox.app(Method::POST, &format!("/v1/campaigns/{broadcast}/triggers"), body).await
}

/// Who got the messages of broadcast 3 since NOON, by the numbers of their ids, in order of delivery.
async fn reached(sandbox: &Sandbox) -> Vec<Value> {
    let messages = sandbox.get(&format!("/v1/broadcasts/3/messages?start_ts={NOON}")).await;
    messages["messages"].as_array().unwrap().iter().rev().map(|one| one["customer_identifiers"]["id"].clone()).collect()
}

#[tokio::test]
async fn section_8_each_form_reaches_whom_it_names_and_creates_nobody() {
    let eq = |field: &str, value: &str| json!({"attribute": {"field": field, "operator": "eq", "value": value}});
    let cases = [
        // The broadcast's own audience: the gold plan.
        (json!({}), json!(["cust_0001", "cust_0005", "cust_0007", "cust_0010"])),
        (json!({"data": {"headline": "h"}}), json!(["cust_0001", "cust_0005", "cust_0007", "cust_0010"])),
        (json!({"ids": null}), json!(["cust_0001", "cust_0005", "cust_0007", "cust_0010"])),
        (json!({"recipients": eq("city", "Leeds")}), json!(["cust_0002", "cust_0006", "cust_0011"])),
        (
            json!({"recipients": {"and": [{"segment": {"id": 3}}, {"not": {"segment": {"id": 1}}}]}}),
            json!(["cust_0005"]),
        ),
        (
            json!({"recipients": {"or": [eq("city", "Cardiff"), {"segment": {"id": 2}}]}}),
            json!(["cust_0002", "cust_0009", "cust_0012"]),
        ),
        (json!({"recipients": {"segment": {"id": 999}}}), json!([])),
        (json!({"ids": ["cust_0009", "cust_0002"]}), json!(["cust_0009", "cust_0002"])),
        (json!({"ids": ["cust_0009", "cust_0009"]}), json!(["cust_0009"])),
        (json!({"emails": ["LIV.ford@example.com"]}), json!(["cust_0012"])),
        (json!({"per_user_data": [{"id": "cust_0011", "data": {}}]}), json!(["cust_0011"])),
        (json!({"ids": ["cust_0002", "nobody"], "id_ignore_missing": true}), json!(["cust_0002"])),
        (json!({"emails": ["no@example.com"], "email_ignore_missing": true}), json!([])),
        (
            json!({"per_user_data": [{"email": "no@example.com"}, {"id": "no"}, {"id": "cust_0001"}],
                "email_ignore_missing": true, "id_ignore_missing": true}),
            json!(["cust_0001"]),
        ),
    ];
    for (body, expected) in cases {
        let sandbox = Sandbox::shop().await;
        let heard = trigger(&sandbox, 3, body.clone()).await;
        assert_eq!((heard.status, heard.json()), (200, json!({"id": 2})), "{body}");
        assert_eq!(json!(reached(&sandbox).await), expected, "{body}");
        let status = sandbox.get("/v1/campaigns/3/triggers/2").await;
        assert_eq!(status["recipients_count"], expected.as_array().unwrap().len(), "{body}");
        assert_eq!(sandbox.count("people").await, 12, "{body}");
    }
}

#[tokio::test]
async fn section_8_a_refused_trigger_is_422_names_its_trigger_and_points_at_the_field() {
    let many = |count: usize| json!(vec!["cust_0001"; count]);
    let data = |count: usize| json!(vec![json!({"id": "cust_0001"}); count]);
    let cases = [
        (json!({"ids": ["nobody"]}), "ids"),
        // Each option ignores its own kind alone.
        (json!({"ids": ["nobody"], "email_ignore_missing": true}), "ids"),
        (json!({"emails": ["no@example.com"], "id_ignore_missing": true}), "emails"),
        (json!({"per_user_data": [{"id": "nobody"}]}), "per_user_data"),
        (json!({"per_user_data": [{"id": "cust_0001", "email": "ada.moss@example.com"}]}), "per_user_data"),
        (json!({"per_user_data": [{"data": {}}]}), "per_user_data"),
        (json!({"per_user_data": [{"id": "cust_0001", "data": 7}]}), "per_user_data"),
        (json!({"ids": "cust_0001"}), "ids"),
        (json!({"ids": many(10_001)}), "ids"),
        (json!({"per_user_data": data(10_001)}), "per_user_data"),
        (json!({"recipients": {"everyone": true}}), "recipients"),
        (json!({"recipients": {}}), "recipients"),
        (json!({"ids": ["cust_0001"], "emails": ["ada.moss@example.com"]}), "emails"),
        (json!({"recipients": {"segment": {"id": 1}}, "per_user_data": []}), "per_user_data"),
        (json!({"data": [1]}), "data"),
        (json!({"id_ignore_missing": "yes"}), "id_ignore_missing"),
        (json!({"data_file_url": "https://files.example/people"}), "data_file_url"),
    ];
    for (body, field) in cases {
        let sandbox = Sandbox::shop().await;
        let heard = trigger(&sandbox, 3, body.clone()).await;
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(heard.status, 422, "{shown}");
        let error = &heard.json()["errors"][0];
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{field}"), "{shown}");
        assert_eq!(error["status"], "422", "{shown}");
        assert!(error["detail"].as_str().unwrap().contains("trigger id: 2"), "{shown}: {error}");
        assert_eq!((sandbox.count("deliveries").await, sandbox.count("people").await), (0, 12), "{shown}");
        let errors = sandbox.get("/v1/campaigns/3/triggers/2/errors").await;
        assert_eq!(errors["errors"].as_array().unwrap().len(), 1, "{shown}");
    }
    let sandbox = Sandbox::shop().await;
    assert_eq!(trigger(&sandbox, 3, json!({"ids": many(10_000)})).await.status, 200);
    assert_eq!(sandbox.count("deliveries").await, 1);
}

const TWO: &str = "
[[people]]
id = \"a\"
email = \"a@example.com\"

[[broadcasts]]
id = 1
name = \"One\"
[[broadcasts.actions]]
id = 1
name = \"One\"
channel = \"email\"
subject = \"s\"
body = \"b\"

[[broadcasts]]
id = 2
name = \"Two\"
[[broadcasts.actions]]
id = 2
name = \"Two\"
channel = \"email\"
subject = \"s\"
body = \"b\"
";

#[tokio::test]
async fn section_8_a_broadcast_takes_one_trigger_in_ten_seconds() {
    // Neither with the limits enforced nor without them: it is a rule of the operation.
    for strict in [false, true] {
        let sandbox = Sandbox::with(Fixture::from_toml(TWO).unwrap(), strict).await;
        assert_eq!(trigger(&sandbox, 1, json!({})).await.status, 200);
        for (after, wait) in [(0, "10"), (9, "1")] {
            sandbox.advance(after);
            let heard = trigger(&sandbox, 1, json!({})).await;
            assert_eq!((heard.status, heard.headers["retry-after"].to_str().unwrap()), (429, wait));
            let error = heard.json()["errors"][0].clone();
            assert_eq!(error["status"], "429");
            assert!(error["detail"].as_str().unwrap().starts_with("rate limited to 1 request per 10s (reference "));
        }
        assert_eq!(trigger(&sandbox, 2, json!({})).await.status, 200, "another broadcast has a time of its own");
        sandbox.advance(1);
        let next = trigger(&sandbox, 1, json!({})).await;
        assert_eq!((next.status, next.json()), (200, json!({"id": 2})), "those refused left no trigger");
        assert_eq!(sandbox.count("deliveries").await, 3);
    }
}

#[tokio::test]
async fn section_8_data_of_one_person_lies_over_the_data_of_all() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"body": "x", "subject": "{{ trigger.a }}-{{ trigger.b }}"});
    assert_eq!(sandbox.app(Method::PUT, "/v1/broadcasts/3/actions/5", body).await.status, 200);
    let body = json!({"data": {"a": "all", "b": "all"}, "per_user_data": [
        {"id": "cust_0001", "data": {"b": "own"}}, {"email": "ben.reed@example.com"}]});
    assert_eq!(trigger(&sandbox, 3, body).await.status, 200);
    sandbox.advance(3);
    let messages = sandbox.get("/v1/broadcasts/3/messages?limit=2").await["messages"].clone();
    let subjects: Vec<_> = messages.as_array().unwrap().iter().map(|message| &message["subject"]).collect();
    assert_eq!(subjects, ["all-all", "all-own"]);
}

#[tokio::test]
async fn section_8_the_status_of_a_trigger_names_it_in_text_and_its_list_as_a_number() {
    let sandbox = Sandbox::shop().await;
    let filter = json!({"segment": {"id": 1}});
    trigger(&sandbox, 3, json!({"recipients": filter})).await;
    let status = sandbox.get("/v1/campaigns/3/triggers/2").await;
    let expected = json!({"id": "2", "broadcast_id": 3, "created_at": NOON, "processed_at": NOON,
        "recipients_count": 3, "workflow_action_ids": [5], "data_file_position": 0, "data_file_processed": false,
        "data_file_error_count": 0, "recipients_filter": {"recipients": filter}});
    assert_eq!(status, expected);
    let past = sandbox.get("/v1/campaigns/3/triggers/1").await;
    assert_eq!((&past["recipients_count"], &past["created_at"]), (&json!(2), &json!(NOON - 100 * 60 * 60)));
    let list = sandbox.get("/v1/broadcasts/3/triggers").await;
    let ids: Vec<_> = list["triggers"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!(2)]);
    for unknown in ["3/triggers/9", "3/triggers/x", "1/triggers/1", "9/triggers/1/errors", "3/triggers/9/errors"] {
        let heard = sandbox.app(Method::GET, &format!("/v1/campaigns/{unknown}"), Value::Null).await;
        assert_eq!(heard.status, 404, "{unknown}");
    }
    // Campaign 1 is no broadcast.
    assert_eq!(trigger(&sandbox, 1, json!({})).await.status, 404);
}

#[tokio::test]
async fn section_8_errors_are_lines_paged_by_number() {
    let sandbox = Sandbox::shop().await;
    let entries = json!([{"id": "x"}, {"id": "cust_0001"}, {"email": "y@example.com"}, {"data": {}}]);
    let heard = trigger(&sandbox, 3, json!({"per_user_data": entries})).await;
    assert!(heard.json()["errors"][0]["detail"].as_str().unwrap().contains(", and 2 more"), "{}", heard.text);
    let path = "/v1/campaigns/3/triggers/2/errors";
    let lines = [
        "line 1: no person has the id 'x'",
        "line 3: no person has the email 'y@example.com'",
        "line 4: an entry needs either an id or an email",
    ];
    assert_eq!(sandbox.get(path).await, json!({"errors": lines, "next": 0}));
    let pages = [("limit=2", &lines[..2], 2), ("limit=2&start=2", &lines[2..], 0), ("start=9", &[], 0)];
    for (query, expected, next) in pages {
        assert_eq!(sandbox.get(&format!("{path}?{query}")).await, json!({"errors": expected, "next": next}), "{query}");
    }
    assert_eq!(sandbox.app(Method::GET, &format!("{path}?start=x"), Value::Null).await.status, 400);
}

#[tokio::test]
async fn section_8_only_the_content_of_actions_changes_through_the_api() {
    let sandbox = Sandbox::shop().await;
    for (method, path) in [
        (Method::POST, "/v1/campaigns"),
        (Method::PUT, "/v1/campaigns/1"),
        (Method::DELETE, "/v1/campaigns/1"),
        (Method::POST, "/v1/broadcasts"),
        (Method::PUT, "/v1/broadcasts/3"),
        (Method::DELETE, "/v1/broadcasts/3"),
        (Method::POST, "/v1/campaigns/1/actions"),
        (Method::DELETE, "/v1/campaigns/1/actions/1"),
        (Method::POST, "/v1/campaigns/1/start"),
        (Method::POST, "/v1/campaigns/1/stop"),
    ] {
        let heard = sandbox.app(method.clone(), path, json!({})).await;
        assert_eq!((heard.status, &heard.text[..1]), (404, "<"), "{method} {path}");
    }
    for (of, action) in [("campaigns/1", 1), ("broadcasts/3", 5)] {
        let path = format!("/v1/{of}/actions/{action}");
        let before = sandbox.get(&path).await["action"].clone();
        let changed = sandbox.app(Method::PUT, &path, json!({"subject": "New"})).await;
        assert_eq!((changed.status, &changed.json()["action"]["subject"]), (200, &json!("New")), "{of}");
        let after = sandbox.get(&path).await["action"].clone();
        assert_eq!((&after["subject"], &after["body"]), (&json!("New"), &before["body"]), "{of}");
    }
    for (state, deliveries) in [("draft", 1), ("off", 0)] {
        let sandbox = Sandbox::shop().await;
        let body = json!({"sending_state": state});
        assert_eq!(sandbox.app(Method::PUT, "/v1/broadcasts/3/actions/5", body).await.status, 200);
        trigger(&sandbox, 3, json!({"ids": ["cust_0001"], "data": {"headline": "h"}})).await;
        sandbox.advance(5);
        assert_eq!((sandbox.count("deliveries").await, sandbox.count("sent").await), (deliveries, 0), "{state}");
    }
    let wrong = sandbox.app(Method::PUT, "/v1/broadcasts/3/actions/5", json!({"sending_state": "loud"})).await;
    assert_eq!(wrong.status, 400);
}
