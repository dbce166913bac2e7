//! Design Studio (behaviour.md sections 1 and 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

const ROOT: &str = "/v1/design_studio";

async fn call(sandbox: &Sandbox, method: Method, path: &str, body: Value) -> (u16, Value) {
    let heard = sandbox.app(method, &format!("{ROOT}{path}"), body).await;
    (heard.status, if heard.text.is_empty() { Value::Null } else { heard.json() })
}

async fn made(sandbox: &Sandbox, kind: &str, body: Value) -> String {
    let (status, answer) = call(sandbox, Method::POST, &format!("/{kind}s"), body).await;
    assert_eq!(status, 200, "{answer}");
    answer[kind]["id"].as_str().unwrap().to_owned()
}

async fn read(sandbox: &Sandbox, path: &str) -> Value {
    sandbox.get(&format!("{ROOT}{path}")).await
}

fn email(html: &str) -> Value {
    json!({"name": "e", "content": {"subject": "Hi {{ customer.first_name }}", "html": html}})
}

#[tokio::test]
async fn section_1_errors_have_an_envelope_of_their_own() {
    let sandbox = Sandbox::empty().await;
    let heard = sandbox.raw(Method::GET, "/v1/design_studio/emails", &[], Vec::new()).await.unwrap();
    let expected = json!({"errors": [{"detail": "unauthorized", "status": "401"}]});
    assert_eq!((heard.status, heard.json()), (401, expected));
    let missing = call(&sandbox, Method::GET, "/emails/123e4567-e89b-12d3-a456-426614174000", Value::Null).await;
    assert_eq!(missing, (404, json!({"errors": [{"detail": "resource not found", "status": "404"}]})));
}

#[tokio::test]
async fn section_10_ids_are_uuids_that_a_seed_repeats() {
    let (one, other) = (Sandbox::empty().await, Sandbox::empty().await);
    let ids = (made(&one, "email", email("")).await, made(&other, "email", email("")).await);
    assert_eq!(ids.0, ids.1);
    assert_eq!((ids.0.len(), ids.0.split('-').count()), (36, 5));
    assert_ne!(ids.0, made(&one, "email", email("")).await);
}

#[tokio::test]
async fn section_10_deleting_a_folder_deletes_everything_inside() {
    let sandbox = Sandbox::empty().await;
    let outer = made(&sandbox, "folder", json!({"name": "outer"})).await;
    let inner = made(&sandbox, "folder", json!({"name": "inner", "parent_folder_id": outer})).await;
    let inside = json!({"name": "in", "parent_folder_id": inner});
    let held = made(&sandbox, "email", inside.clone()).await;
    let free = made(&sandbox, "email", json!({"name": "out"})).await;
    let mut component = inside;
    component["tag"] = json!("footer");
    made(&sandbox, "component", component.clone()).await;
    assert_eq!(call(&sandbox, Method::POST, "/components", component).await.0, 409, "a tag is unique");
    let itself = json!({"parent_folder_id": inner});
    assert_eq!(call(&sandbox, Method::PUT, &format!("/folders/{outer}"), itself).await.0, 409);
    assert_eq!(call(&sandbox, Method::DELETE, &format!("/folders/{outer}"), Value::Null).await.0, 204);
    for path in [format!("/folders/{inner}"), format!("/emails/{held}")] {
        assert_eq!(call(&sandbox, Method::GET, &path, Value::Null).await.0, 404, "{path}");
    }
    assert_eq!(read(&sandbox, "/components").await["components"], json!([]));
    assert_eq!(read(&sandbox, "/emails").await["emails"][0]["id"], free);
}

#[tokio::test]
async fn section_5_lists_are_filtered_sorted_and_paged_by_number() {
    let sandbox = Sandbox::empty().await;
    let folder = made(&sandbox, "folder", json!({"name": "f"})).await;
    for (name, parent) in [("b", Value::Null), ("a", json!(folder)), ("c", Value::Null)] {
        sandbox.advance(1);
        made(&sandbox, "email", json!({"name": name, "parent_folder_id": parent})).await;
    }
    let names = async |query: &str| {
        let list = read(&sandbox, &format!("/emails?{query}")).await;
        let rows = list["emails"].as_array().unwrap();
        rows.iter().map(|row| row["name"].as_str().unwrap()).collect::<String>()
    };
    assert_eq!(names("").await, "bac");
    assert_eq!(names("sort_by=name&sort_order=desc").await, "cba");
    assert_eq!(names("limit=2&page=2").await, "c");
    assert_eq!(names(&format!("parent_folder_id={folder}")).await, "a");
    assert_eq!(names("direct_descendants_only=true").await, "bc");
    assert_eq!(names(&format!("created_after={}", NOON + 1)).await, "ac");
    assert_eq!(names("is_linked=true").await, "");
    let meta = read(&sandbox, "/emails?limit=2&page=2").await["meta"]["pagination"].clone();
    assert_eq!(meta, json!({"page": 2, "limit": 2, "total": 3}));
    let folders = ["mood", "123e4567-e89b-12d3-a456-426614174000"].map(|id| format!("/emails?parent_folder_id={id}"));
    for (query, status) in [("/emails?sort_by=mood", 400), (&folders[0], 400), (&folders[1], 404)] {
        assert_eq!(call(&sandbox, Method::GET, query, Value::Null).await.0, status, "{query}");
    }
}

#[tokio::test]
async fn section_10_a_version_brings_the_draft_back() {
    let sandbox = Sandbox::empty().await;
    let id = made(&sandbox, "email", email("<p>one</p>")).await;
    let versions = format!("/emails/{id}/versions");
    let (_, saved) = call(&sandbox, Method::POST, &versions, json!({"name": "first"})).await;
    assert_eq!((&saved["created"], &saved["version"]["created"]), (&json!(true), &json!(NOON)));
    let version = saved["version"]["id"].as_str().unwrap();
    let (_, again) = call(&sandbox, Method::POST, &versions, json!({"name": "same"})).await;
    assert_eq!((&again["created"], &again["version"]["id"]), (&json!(false), &json!(version)));
    call(&sandbox, Method::PUT, &format!("/emails/{id}"), json!({"content": {"html": "<p>two</p>"}})).await;
    let (_, restored) = call(&sandbox, Method::POST, &format!("{versions}/{version}/restore"), Value::Null).await;
    assert_eq!(restored, json!({"node_id": id, "restored_node_ids": [id], "version_id": version}));
    assert_eq!(read(&sandbox, &format!("/emails/{id}")).await["email"]["content"]["html"], "<p>one</p>");
    assert_eq!(read(&sandbox, &format!("{versions}/{version}")).await["node"]["content"], "<p>one</p>");
    assert_eq!(call(&sandbox, Method::DELETE, &format!("{versions}/{version}"), Value::Null).await.0, 204);
    assert_eq!(read(&sandbox, &versions).await, json!({"versions": []}));
    assert_eq!(call(&sandbox, Method::POST, &versions, json!({"name": ""})).await.0, 400);
}

#[tokio::test]
async fn section_10_what_is_published_is_what_is_sent() {
    let sandbox = Sandbox::shop().await;
    let id = made(&sandbox, "email", email("<p>{{ trigger.reset_url }}</p>")).await;
    assert_eq!(call(&sandbox, Method::POST, &format!("/emails/{id}/publish"), Value::Null).await.0, 409);
    let target = json!({"target": {"type": "transactional_message", "transactional_message_id": 3}});
    let (status, linked) = call(&sandbox, Method::POST, &format!("/emails/{id}/link"), target.clone()).await;
    assert_eq!((status, &linked["target"]), (200, &target["target"]));
    let other = made(&sandbox, "email", email("")).await;
    assert_eq!(call(&sandbox, Method::POST, &format!("/emails/{other}/link"), target).await.0, 409);
    assert_eq!(call(&sandbox, Method::DELETE, &format!("/emails/{id}"), Value::Null).await.0, 409);
    let german = json!({"language": "de", "content": {"subject": "Hallo"}});
    call(&sandbox, Method::POST, &format!("/emails/{id}/languages"), german).await;
    let (_, done) = call(&sandbox, Method::POST, &format!("/emails/{id}/publish"), Value::Null).await;
    assert_eq!((&done["status"], done["mappings"].as_array().unwrap().len()), (&json!("done"), 2));
    let behind = format!("/emails/{id}/unpublished_changes");
    assert_eq!(read(&sandbox, &behind).await["has_unpublished_changes"], false);
    call(&sandbox, Method::PUT, &format!("/emails/{id}"), json!({"content": {"subject": "Later"}})).await;
    assert_eq!(read(&sandbox, &behind).await["has_unpublished_changes"], true);
    for (language, subject) in [("", "Hi Ada"), ("de", "Hallo")] {
        let body = json!({"transactional_message_id": 3, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
            "message_data": {"reset_url": "R"}, "language": language});
        let sent = sandbox.app(Method::POST, "/v1/send/email", body).await.json();
        let path = format!("/v1/messages/{}/archived_message", sent["delivery_id"].as_str().unwrap());
        let archived = sandbox.get(&path).await["archived_message"].clone();
        assert_eq!((&archived["subject"], &archived["body"]), (&json!(subject), &json!("<p>R</p>")));
    }
    call(&sandbox, Method::PUT, &format!("/emails/{id}"), json!({"content": {"html": "{% if %}"}})).await;
    assert_eq!(call(&sandbox, Method::POST, &format!("/emails/{id}/publish"), Value::Null).await.0, 422);
}

#[tokio::test]
async fn section_10_a_preview_evaluates_liquid_and_names_what_is_missing() {
    let sandbox = Sandbox::empty().await;
    let id = made(&sandbox, "email", email("<p>{{ event.total | default: 5 }}</p>")).await;
    let preview = format!("/emails/{id}/preview");
    let (_, shown) = call(&sandbox, Method::POST, &preview, json!({"customer": {"first_name": "Ada"}})).await;
    assert_eq!((&shown["subject"], &shown["html"]), (&json!("Hi Ada"), &json!("<p>5</p>")));
    assert_eq!(shown["errors"], json!({}));
    let (_, bare) = call(&sandbox, Method::POST, &preview, Value::Null).await;
    assert!(bare["errors"]["subject"][0].as_str().unwrap().contains("first_name"), "{bare}");
    let rendered = read(&sandbox, &format!("/emails/{id}/render")).await;
    assert_eq!(rendered["html"], "<p>{{ event.total | default: 5 }}</p>");
    let review = read(&sandbox, &format!("/emails/{id}/review")).await;
    let status = |name: &str| {
        let checks = review["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["status"].clone()
    };
    assert_eq!(
        (status("liquid"), status("unsubscribe"), status("spam")),
        (json!("passed"), json!("failed"), json!("skipped"))
    );
}
