//! Hosts, credentials, bodies that surprise, and the five envelopes of an error.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::Sandbox;

#[tokio::test]
async fn section_1_what_the_vendor_does_not_have_is_a_page_of_3817_bytes() {
    let sandbox = Sandbox::shop().await;
    let paths = [
        (Method::GET, "/"),
        (Method::GET, "/v1/nothing"),
        (Method::PUT, "/v1/segments"),
        (Method::PATCH, "/v1/newsletters/1"),
        (Method::POST, "/api/v1/customers/ann"),
        (Method::GET, "/api/v1/customers/ann"),
        (Method::DELETE, "/api/v2/batch"),
        (Method::GET, "/v1/index/attributes"),
        (Method::GET, "/v1/segments/1/dependencies"),
        (Method::GET, "/v1/suppressions"),
    ];
    for (method, path) in paths {
        for headers in [Vec::new(), vec![sandbox.app_authorization()], vec![sandbox.track_authorization()]] {
            let heard = sandbox.raw(method.clone(), path, &headers, Vec::new()).await.unwrap();
            assert_eq!((heard.status, heard.text.len()), (404, 3817), "{method} {path}");
            assert_eq!(heard.headers["content-type"], "text/html; charset=utf-8", "{method} {path}");
            assert!(heard.text.starts_with("<!doctype html>"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn section_1_some_operations_take_no_credential_and_the_others_do() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"transactional_message_id": 3, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"reset_url": "https://x.example"}});
    let id = sandbox.app(Method::POST, "/v1/send/email", body).await.json()["delivery_id"].as_str().unwrap().to_owned();
    let open = [
        (Method::POST, format!("/unsubscribe/{id}"), json!({"unsubscribe": true})),
        (Method::POST, "/api/v1/metrics".to_owned(), json!({"delivery_id": id, "metric": "opened"})),
        (
            Method::POST,
            "/api/v1/push/events".to_owned(),
            json!({"delivery_id": id, "event": "opened", "device_id": "d", "timestamp": 1}),
        ),
        (Method::GET, "/v1/info/ip_addresses".to_owned(), Value::Null),
    ];
    let json_type = ("content-type", "application/json".to_owned());
    for (method, path, body) in open {
        let heard = sandbox.raw(method, &path, std::slice::from_ref(&json_type), body.to_string().into_bytes()).await;
        let heard = heard.unwrap();
        assert_eq!(heard.status, 200, "{path}: {}", heard.text);
    }
    let closed = [
        (Method::POST, "/api/v1/events"),
        (Method::POST, "/api/v1/merge_customers"),
        (Method::POST, "/api/v2/entity"),
        (Method::POST, "/api/v2/batch"),
        (Method::POST, "/api/v1/segments/1/add_customers"),
        (Method::POST, "/v1/send/email"),
        (Method::POST, "/v1/send/push"),
        (Method::POST, "/v1/customers"),
        (Method::POST, "/v1/campaigns/3/triggers"),
        (Method::POST, "/v1/newsletters/2/send"),
        (Method::GET, "/v1/exports"),
        (Method::DELETE, "/v1/segments/1"),
    ];
    for (method, path) in closed {
        let heard = sandbox.raw(method, path, &[], b"{}".to_vec()).await.unwrap();
        assert_eq!((heard.status, heard.json()), (401, json!({"meta": {"error": "Unauthorized request"}})), "{path}");
    }
    assert_eq!(sandbox.count("deliveries").await, 1);
}

#[tokio::test]
async fn section_1_each_error_has_the_envelope_of_its_place() {
    let sandbox = Sandbox::shop().await;
    let (track, app) = (sandbox.track_authorization(), sandbox.app_authorization());
    let bad = json!({"type": "person", "action": "levitate", "identifiers": {"id": "a"}});
    let cases = [
        // Track v1 as it answers, and as its description has it.
        (&track, Method::PUT, "/api/v1/customers/ann", json!({"id": ""}), 400, "meta.error"),
        (&track, Method::POST, "/api/v1/merge_customers", json!({"primary": {}}), 400, "meta.error"),
        (&track, Method::POST, "/api/v1/customers/ann/events", json!({}), 400, "meta.errors"),
        (&track, Method::POST, "/api/v1/segments/1/add_customers", json!({"ids": []}), 400, "meta.errors"),
        (&track, Method::POST, "/api/v2/entity", bad.clone(), 400, "reason"),
        (&track, Method::POST, "/api/v2/batch", json!({"batch": 7}), 400, "reason"),
        (&track, Method::POST, "/api/v2/batch", json!({"batch": [bad]}), 207, "batch_index"),
        (&app, Method::POST, "/v1/send/email", json!({}), 400, "meta.error"),
        (&app, Method::POST, "/v1/customers", json!({"filter": {}}), 400, "detail"),
        (&app, Method::GET, "/v1/segments/99", Value::Null, 404, "detail"),
        (&app, Method::POST, "/v1/campaigns/3/triggers", json!({"ids": ["no"]}), 422, "detail"),
        (&app, Method::GET, "/v1/transactional/99", Value::Null, 404, "detail"),
    ];
    for (credential, method, path, body, status, shape) in cases {
        let heard = sandbox.raw(method, path, std::slice::from_ref(credential), body.to_string().into_bytes()).await;
        let heard = heard.unwrap();
        assert_eq!(heard.status, status, "{path}: {}", heard.text);
        let answer = heard.json();
        let first = &answer["errors"][0];
        let has = |keys: &[&str]| keys.iter().all(|key| first[*key].is_string());
        let fits = match shape {
            "meta.error" => answer["meta"]["error"].is_string() && answer.get("errors").is_none(),
            "meta.errors" => answer["meta"]["errors"][0].is_string() && answer.get("errors").is_none(),
            "reason" => has(&["reason", "field", "message"]) && first.get("batch_index").is_none(),
            "batch_index" => has(&["reason", "field", "message"]) && first["batch_index"] == 0,
            _ => {
                let detail = first["detail"].as_str().unwrap();
                first["status"].as_str() == Some(&*status.to_string())
                    && detail.contains(" (reference ")
                    && detail.ends_with(')')
            }
        };
        assert!(fits, "{path}: {answer}");
        // Neither API names its requests.
        assert!(heard.headers.keys().all(|name| !name.as_str().contains("request-id")), "{path}");
    }
}

#[tokio::test]
async fn section_1_an_ordinary_key_ignores_the_workspace_header() {
    let sandbox = Sandbox::shop().await;
    for workspace in ["1", "999", "nonsense"] {
        let headers = [sandbox.app_authorization(), ("x-workspace-id", workspace.to_owned())];
        let heard = sandbox.raw(Method::GET, "/v1/workspaces", &headers, Vec::new()).await.unwrap();
        assert_eq!((heard.status, &heard.json()["workspaces"][0]["id"]), (200, &json!(1)), "{workspace}");
    }
}

#[tokio::test]
async fn section_1_every_accepted_track_call_answers_the_same_three_bytes() {
    let sandbox = Sandbox::shop().await;
    let device = json!({"device": {"id": "d", "platform": "ios"}});
    let entity = json!({"type": "person", "action": "identify", "identifiers": {"id": "ann"}});
    let calls = [
        (Method::PUT, "/api/v1/customers/ann", json!({})),
        (Method::PUT, "/api/v1/customers/ann/devices", device),
        (Method::DELETE, "/api/v1/customers/ann/devices/d", Value::Null),
        (Method::POST, "/api/v1/customers/ann/events", json!({"name": "e"})),
        (Method::POST, "/api/v1/events", json!({"name": "e"})),
        (Method::POST, "/api/v1/merge_customers", json!({"primary": {"id": "x"}, "secondary": {"id": "y"}})),
        (Method::POST, "/api/v1/segments/1/add_customers", json!({"ids": ["ann"]})),
        (Method::POST, "/api/v1/segments/1/remove_customers", json!({"ids": ["ann"]})),
        (Method::POST, "/api/v2/entity", entity.clone()),
        (Method::POST, "/api/v2/batch", json!({"batch": [entity]})),
        (Method::POST, "/api/v1/customers/ann/suppress", Value::Null),
        (Method::POST, "/api/v1/customers/ann/unsuppress", Value::Null),
        (Method::DELETE, "/api/v1/customers/ann", Value::Null),
    ];
    for (method, path, body) in calls {
        let heard = sandbox.track(method, path, body).await;
        assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{path}");
        let header = |name: &str| heard.headers[name].to_str().unwrap();
        assert_eq!((header("content-length"), header("access-control-allow-origin")), ("3", "*"), "{path}");
        assert_eq!(header("cache-control"), "no-cache, no-store, must-revalidate, max-age=0", "{path}");
    }
}
