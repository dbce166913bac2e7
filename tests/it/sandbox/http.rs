//! Credentials, envelopes and pages.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

#[tokio::test]
async fn section_1_wrong_credentials_are_401_with_the_vendors_body() {
    let sandbox = Sandbox::empty().await;
    let keys = sandbox.running.keys().clone();
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let wrong = [
        ("/api/v1/accounts/region", None, true),
        ("/api/v1/accounts/region", Some(basic(&keys.site_id, "wrong")), true),
        ("/api/v1/accounts/region", Some(basic(&keys.site_id, &keys.app_api_key)), true),
        ("/api/v1/accounts/region", Some(format!("Bearer {}", keys.app_api_key)), true),
        ("/v1/workspaces", None, false),
        ("/v1/workspaces", Some("nonsense".to_owned()), false),
        ("/v1/workspaces", Some(format!("Bearer {}", keys.tracking_api_key)), false),
        ("/v1/workspaces", Some(basic(&keys.site_id, &keys.tracking_api_key)), false),
    ];
    for (path, authorization, is_track) in wrong {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        let heard = sandbox.raw(Method::GET, path, &headers, Vec::new()).await.unwrap();
        assert_eq!((heard.status, heard.json()), (401, json!({"meta": {"error": "Unauthorized request"}})), "{path}");
        let realm = heard.headers.get("www-authenticate").map(|value| value.to_str().unwrap());
        assert_eq!(realm, is_track.then_some("Basic realm=\"Customer.io edge event collection\""), "{path}");
    }
}

#[tokio::test]
async fn section_1_the_region_names_the_workspace() {
    let sandbox = Sandbox::shop().await;
    let heard = sandbox.track(Method::GET, "/api/v1/accounts/region", Value::Null).await;
    let expected = json!({"url": sandbox.running.base_url(), "region": "us", "environment_id": 1});
    assert_eq!((heard.status, heard.json()), (200, expected));
}

#[tokio::test]
async fn section_1_track_answers_an_empty_object_and_a_newline() {
    let sandbox = Sandbox::empty().await;
    let heard = sandbox.track(Method::PUT, "/api/v1/customers/ann", json!({"a": 1})).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
    let header = |name: &str| heard.headers[name].to_str().unwrap();
    assert_eq!(header("content-length"), "3");
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("cache-control"), "no-cache, no-store, must-revalidate, max-age=0");
}

#[tokio::test]
async fn section_1_an_unknown_path_or_method_is_a_web_page() {
    let sandbox = Sandbox::empty().await;
    let paths = [(Method::GET, "/v1/nothing"), (Method::PATCH, "/v1/customers"), (Method::GET, "/api/v2/entity")];
    for (method, path) in paths {
        let heard = sandbox.raw(method, path, &[], Vec::new()).await.unwrap();
        assert_eq!((heard.status, &heard.headers["content-type"]), (404, &"text/html; charset=utf-8".parse().unwrap()));
        assert!(serde_json::from_str::<Value>(&heard.text).is_err());
    }
}

#[tokio::test]
async fn what_is_not_imitated_says_so_after_the_credential() {
    let sandbox = Sandbox::empty().await;
    let refused = sandbox.raw(Method::GET, "/v1/design_studio/inbox_previews/jobs", &[], Vec::new()).await.unwrap();
    assert_eq!(refused.status, 401);
    let heard = sandbox.app(Method::GET, "/v1/design_studio/inbox_previews/jobs", Value::Null).await;
    let error = &heard.json()["errors"][0];
    assert_eq!((heard.status, &error["operation"]), (501, &json!("listInboxPreviewJobs")));
    assert_eq!(error["detail"], "the sandbox does not imitate GET /v1/design_studio/inbox_previews/jobs");
}

#[tokio::test]
async fn section_1_an_app_error_ends_with_a_reference_and_its_status_is_text() {
    let sandbox = Sandbox::empty().await;
    let heard = sandbox.app(Method::GET, "/v1/customers/nobody/attributes", Value::Null).await;
    let error = &heard.json()["errors"][0];
    assert_eq!((heard.status, &error["status"]), (404, &json!("404")));
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.starts_with("not found (reference ") && detail.len() == "not found (reference a1b2c3)".len());
}

#[tokio::test]
async fn section_1_malformed_json_is_400_on_every_api() {
    let sandbox = Sandbox::empty().await;
    let (track, app) = (sandbox.track_authorization(), sandbox.app_authorization());
    for (method, path, authorization, key) in [
        (Method::PUT, "/api/v1/customers/ann", &track, "meta"),
        (Method::POST, "/api/v2/entity", &track, "errors"),
        (Method::POST, "/api/v2/batch", &track, "errors"),
        (Method::POST, "/v1/customers", &app, "errors"),
        (Method::POST, "/v1/send/email", &app, "meta"),
    ] {
        let heard = sandbox.raw(method, path, std::slice::from_ref(authorization), b"{\"a\":".to_vec()).await.unwrap();
        assert_eq!(heard.status, 400, "{path}");
        assert!(heard.json().get(key).is_some(), "{path}: {}", heard.text);
    }
    assert_eq!(sandbox.count("people").await, 0);
}

#[tokio::test]
async fn a_sandbox_that_is_shut_down_refuses_connections() {
    let sandbox = Sandbox::empty().await;
    let addr = sandbox.running.addr();
    sandbox.running.shutdown().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
