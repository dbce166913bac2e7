//! What the control endpoint lets happen: reactions, deeds of a recipient, a reset with a seed or another fixture; and
//! how it describes itself.

use customerio_mcp::sandbox::Fixture;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{Heard, NOON, Sandbox};

/// A control with any outcome.
async fn ask(sandbox: &Sandbox, method: Method, path: &str, body: Value) -> Heard {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    sandbox.raw(method, &format!("/_sandbox{path}"), &[], body).await.unwrap()
}

/// The error of a control that must be refused.
async fn refused(sandbox: &Sandbox, method: Method, path: &str, body: Value, status: u16) -> String {
    let heard = ask(sandbox, method, path, body).await;
    assert_eq!(heard.status, status, "{path}: {}", heard.text);
    heard.json()["error"].as_str().unwrap().to_owned()
}

async fn send(sandbox: &Sandbox, channel: &str, template: u64, to: &str) -> String {
    let body = json!({"transactional_message_id": template, "to": to, "identifiers": {"id": "cust_0001"},
        "message_data": {"order_id": "A-1", "reset_url": "https://fernandfable.example/reset"}});
    let answer = sandbox.app(Method::POST, &format!("/v1/send/{channel}"), body).await.json();
    answer["delivery_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn metrics(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.get(&format!("/v1/messages/{id}")).await["message"]["metrics"].clone()
}

#[tokio::test]
async fn reactions_are_read_replaced_and_taken_away() {
    let sandbox = Sandbox::shop().await;
    let shown = sandbox.control(Method::GET, "/reactions", Value::Null).await;
    assert_eq!(shown["reactions"].as_array().unwrap().len(), 8);
    // What was read can be put back.
    assert_eq!(sandbox.control(Method::PUT, "/reactions", shown.clone()).await, shown);

    let rules = json!({"reactions": [{"address": "*@reads.example", "opens_after_seconds": 5}]});
    sandbox.control(Method::PUT, "/reactions", rules).await;
    let read = send(&sandbox, "email", 2, "x@reads.example").await;
    let bounces_no_more = send(&sandbox, "email", 2, "x+bounces@example.com").await;
    sandbox.advance(10);
    assert_eq!(metrics(&sandbox, &read).await["opened"], NOON + 7);
    assert_eq!(metrics(&sandbox, &bounces_no_more).await["bounced"], Value::Null);

    assert_eq!(sandbox.control(Method::DELETE, "/reactions", Value::Null).await, json!({"reactions": []}));
    let unread = send(&sandbox, "email", 2, "x@reads.example").await;
    sandbox.advance(10);
    assert_eq!(metrics(&sandbox, &unread).await["opened"], Value::Null);
}

#[tokio::test]
async fn rules_that_make_no_sense_change_nothing() {
    let sandbox = Sandbox::shop().await;
    for (rule, said) in [
        (json!({"address": "*", "oppens_after_seconds": 1}), "unknown field `oppens_after_seconds`, expected one of"),
        (json!({"opens_after_seconds": 1}), "missing field `address`"),
        (
            json!({"address": "*", "drops": true, "bounces": true}),
            "reactions[1]: a message is dropped or bounces, not both",
        ),
        (json!({"address": "*", "link": 0}), "reactions[1]: links are counted from 1"),
    ] {
        let rules = json!({"reactions": [{"address": "*"}, rule]});
        let error = refused(&sandbox, Method::PUT, "/reactions", rules, 400).await;
        assert!(error.starts_with(said), "{error}");
    }
    assert!(refused(&sandbox, Method::PUT, "/reactions", json!({"rules": []}), 400).await.contains("`rules`"));
    assert_eq!(sandbox.control(Method::GET, "/reactions", Value::Null).await["reactions"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_recipient_does_something_now() {
    let sandbox = Sandbox::shop().await;
    let id = send(&sandbox, "email", 3, "ada.moss@example.com").await;
    let path = |does: &str| format!("/deliveries/{id}/{does}");
    assert_snapshot!(refused(&sandbox, Method::POST, &path("opens"), Value::Null, 409).await, @"the message is still on its way: move the clock on, to 2 seconds after it is due");
    sandbox.advance(60);
    let said = sandbox.control(Method::POST, &path("opens"), Value::Null).await;
    assert_eq!(
        said,
        json!({"id": id, "metrics": {"created": NOON, "delivered": NOON + 2, "opened": NOON + 60, "sent": NOON + 1}})
    );
    sandbox.advance(5);
    sandbox.control(Method::POST, &path("clicks"), json!({"link": 1, "machine": true})).await;
    assert_snapshot!(refused(&sandbox, Method::POST, &path("clicks"), json!({"link": 2}), 409).await, @"there is no link 2: tracked links in the message: 1");
    assert_snapshot!(refused(&sandbox, Method::POST, &path("clicks"), json!({"lnik": 1}), 400).await, @"unknown field `lnik`, expected `link` or `machine` at line 1 column 7");
    for does in ["converts", "complains", "unsubscribes"] {
        sandbox.control(Method::POST, &path(does), Value::Null).await;
    }
    let seen = metrics(&sandbox, &id).await;
    assert_eq!((&seen["opened"], &seen["clicked"]), (&json!(NOON + 60), &json!(NOON + 65)), "{seen}");
    assert_eq!((&seen["converted"], &seen["spammed"]), (&json!(NOON + 65), &json!(NOON + 65)), "{seen}");
    assert_eq!(sandbox.attribute("cust_0001", "unsubscribed").await, "true");
    let clicks = sandbox.activities("type=clicked_email").await;
    assert_eq!(clicks.iter().filter(|entry| entry["delivery_id"] == json!(id)).count(), 1);

    sandbox.control(Method::POST, &path("bounces"), Value::Null).await;
    assert_eq!(metrics(&sandbox, &id).await["bounced"], NOON + 65);
    assert_snapshot!(refused(&sandbox, Method::POST, &path("opens"), Value::Null, 409).await, @"nobody has this message: it is bounced");
    assert_snapshot!(refused(&sandbox, Method::POST, &path("reads"), Value::Null, 404).await, @"nobody can 'reads': it is one of opens, clicks, converts, unsubscribes, complains, bounces");
    assert_snapshot!(refused(&sandbox, Method::POST, "/deliveries/none/opens", Value::Null, 404).await, @"there is no delivery 'none'");
}

#[tokio::test]
async fn a_recipient_does_only_what_the_channel_has() {
    let sandbox = Sandbox::shop().await;
    let sms = send(&sandbox, "sms", 8, "+15005550006").await;
    let inbox = send(&sandbox, "inbox_message", 10, "").await;
    sandbox.advance(3);
    let mut said = String::new();
    for (id, channel) in [(&sms, "sms"), (&inbox, "inbox")] {
        for does in ["opens", "clicks", "converts", "unsubscribes", "complains", "bounces"] {
            let heard = ask(&sandbox, Method::POST, &format!("/deliveries/{id}/{does}"), Value::Null).await;
            let error = heard.json()["error"].as_str().unwrap_or("done").to_owned();
            said.extend([channel, " ", does, ": ", &error, "\n"]);
        }
    }
    assert_snapshot!(said, @"
    sms opens: opens is not noticed on channel twilio
    sms clicks: there is no link 1: tracked links in the message: 0
    sms converts: done
    sms unsubscribes: unsubscribes is for e-mails, and this message's channel is twilio
    sms complains: complains is for e-mails, and this message's channel is twilio
    sms bounces: done
    inbox opens: done
    inbox clicks: there is no link 1: tracked links in the message: 0
    inbox converts: done
    inbox unsubscribes: unsubscribes is for e-mails, and this message's channel is inbox_message
    inbox complains: complains is for e-mails, and this message's channel is inbox_message
    inbox bounces: bounces are not reported on channel inbox_message
    ");
}

#[tokio::test]
async fn a_reset_takes_a_seed_and_another_fixture() {
    let sandbox = Sandbox::shop().await;
    let reset = async |body: Value| sandbox.control(Method::POST, "/reset", body).await;
    let cio_id = async |id: &str| sandbox.customer(id, "id").await.unwrap()["identifiers"]["cio_id"].clone();
    reset(json!({"seed": 7})).await;
    let first = cio_id("cust_0001").await;
    reset(json!({})).await;
    assert_ne!(cio_id("cust_0001").await, first);
    reset(json!({"seed": 7})).await;
    assert_eq!(cio_id("cust_0001").await, first);

    let fixture = "[[people]]\nid = \"only\"\n";
    assert_eq!(reset(json!({"fixture": fixture})).await["people"], 1);
    sandbox.identify("another", json!({})).await;
    assert_eq!(reset(Value::Null).await["people"], 1, "it is the sandbox's fixture from then on");
    assert_eq!(reset(json!({"fixture": Fixture::shop_toml(), "seed": 7})).await["people"], 12);
    assert_eq!(cio_id("cust_0001").await, first);
}

#[tokio::test]
async fn a_reset_to_what_makes_no_sense_changes_nothing() {
    let sandbox = Sandbox::shop().await;
    sandbox.identify("ann", json!({})).await;
    let heard = ask(&sandbox, Method::POST, "/reset", json!({"fixture": "[[people]]\nid = 1\nemial = \"a\"\n"})).await;
    let problems = json!([
        {"line": 2, "column": 6, "message": "`people[0].id` must be text in quotes"},
        {"line": 3, "column": 1, "message": "`people[0].emial` is not a key here: did you mean `email`?"},
    ]);
    assert_eq!((heard.status, heard.json()["problems"].clone()), (400, problems));
    assert!(heard.json()["error"].as_str().unwrap().starts_with("fixture: line 2, column 6: "));
    assert!(refused(&sandbox, Method::POST, "/reset", json!({"sead": 1}), 400).await.contains("`sead`"));
    assert_eq!(refused(&sandbox, Method::POST, "/reset", json!([1, null]), 400).await, "the body must be an object");
    assert_eq!(sandbox.count("people").await, 13);
}

#[tokio::test]
async fn what_was_told_by_control_is_kept_in_a_directory() {
    let directory = crate::kept::directory();
    let sandbox = Sandbox::kept_in(directory.path()).await;
    let fixture = format!("{}\n[[people]]\nid = \"more\"\n", Fixture::shop_toml());
    sandbox.control(Method::POST, "/reset", json!({"fixture": fixture, "seed": 9})).await;
    let rules = json!({"reactions": [{"address": "*", "opens_after_seconds": 5}]});
    sandbox.control(Method::PUT, "/reactions", rules).await;
    let id = send(&sandbox, "email", 3, "ada.moss@example.com").await;
    sandbox.control(Method::POST, "/clock", json!({"advance_seconds": 60})).await;
    sandbox.control(Method::POST, &format!("/deliveries/{id}/clicks"), Value::Null).await;
    let person = sandbox.customer("more", "id").await;
    let reactions = sandbox.control(Method::GET, "/reactions", Value::Null).await;
    let seen = metrics(&sandbox, &id).await;
    assert_eq!((&seen["opened"], &seen["clicked"]), (&json!(NOON + 7), &json!(NOON + 60)), "{seen}");
    sandbox.running.shutdown().await;

    let sandbox = Sandbox::kept_in(directory.path()).await;
    assert_eq!(sandbox.customer("more", "id").await, person);
    assert_eq!(sandbox.control(Method::GET, "/reactions", Value::Null).await, reactions);
    assert_eq!(metrics(&sandbox, &id).await, seen);
    assert_eq!(sandbox.control(Method::POST, "/reset", Value::Null).await["people"], 13);
}

#[tokio::test]
async fn a_snapshot_brings_its_fixture_and_reactions_back() {
    let sandbox = Sandbox::shop().await;
    sandbox.control(Method::POST, "/snapshots", json!({"name": "shop"})).await;
    sandbox.control(Method::POST, "/reset", json!({"fixture": ""})).await;
    sandbox.control(Method::POST, "/snapshots/shop/load", Value::Null).await;
    let reactions = sandbox.control(Method::GET, "/reactions", Value::Null).await;
    assert_eq!(reactions["reactions"].as_array().unwrap().len(), 8);
    assert_eq!(sandbox.control(Method::POST, "/reset", Value::Null).await["people"], 12);
}

/// Each control as its description has it: method, path, description.
async fn described(sandbox: &Sandbox) -> Vec<(Method, String, Value)> {
    let description = sandbox.control(Method::GET, "/openapi.json", Value::Null).await;
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((method.to_uppercase().parse().unwrap(), path.clone(), operation.clone()));
        }
    }
    all
}

#[tokio::test]
async fn every_control_described_is_there_and_takes_its_example() {
    let sandbox = Sandbox::shop().await;
    let about = sandbox.control(Method::GET, "", Value::Null).await;
    let all = described(&sandbox).await;
    let mut named: Vec<_> = all.iter().map(|(method, path, _)| json!(format!("{method} {path}"))).collect();
    let mut listed = about["control"].as_array().unwrap().clone();
    named.sort_by_key(Value::to_string);
    listed.sort_by_key(Value::to_string);
    assert_eq!(named, listed);
    let id = send(&sandbox, "email", 3, "ada.moss@example.com").await;
    sandbox.advance(3);
    sandbox.control(Method::POST, "/snapshots", json!({"name": "kept"})).await;
    for (method, path, operation) in all {
        sandbox.control(Method::POST, "/snapshots/kept/load", Value::Null).await;
        sandbox.control(Method::POST, "/snapshots", json!({"name": "kept"})).await;
        let path = path.replace("{id}", &id).replace("{does}", "clicks").replace("{name}", "kept");
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let heard = ask(&sandbox, method.clone(), path.strip_prefix("/_sandbox").unwrap(), example.clone()).await;
        assert_eq!(heard.status, 200, "{method} {path} {example}: {}", heard.text);
        if method == Method::DELETE && path.ends_with("/kept") {
            sandbox.control(Method::POST, "/snapshots", json!({"name": "kept"})).await;
        }
    }
}

#[tokio::test]
async fn bodies_are_held_to_what_is_described() {
    let sandbox = Sandbox::shop().await;
    let description = sandbox.control(Method::GET, "/openapi.json", Value::Null).await;
    let mut held = 0;
    for (method, path, operation) in described(&sandbox).await {
        let media = &operation["requestBody"]["content"]["application/json"];
        let Some(example) = media["example"].as_object() else { continue };
        let schema = json!({"$ref": "#/schema", "schema": media["schema"], "components": description["components"]});
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut unknown = example.clone();
        unknown.insert("unknown_key".to_owned(), json!(1));
        assert!(validator.is_valid(&json!(example)), "{method} {path}");
        assert!(!validator.is_valid(&json!(unknown)), "{method} {path}");
        let id = send(&sandbox, "email", 3, "ada.moss@example.com").await;
        sandbox.advance(3);
        let path = path.replace("{id}", &id).replace("{does}", "clicks");
        let error = refused(&sandbox, method, path.strip_prefix("/_sandbox").unwrap(), json!(unknown), 400).await;
        assert!(error.contains("unknown field `unknown_key`, expected"), "{error}");
        held += 1;
    }
    assert_eq!(held, 6, "controls with a body");
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_gets_json() {
    let sandbox = Sandbox::shop().await;
    let accept = |kinds: &str| [("accept", kinds.to_owned())];
    let browser = accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    let page = sandbox.raw(Method::GET, "/_sandbox", &browser, Vec::new()).await.unwrap();
    assert_eq!((page.status, &page.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    let docs = sandbox.raw(Method::GET, "/_sandbox/docs", &[], Vec::new()).await.unwrap();
    assert_eq!(docs.text, page.text);
    for program in ["*/*", "application/json", ""] {
        let heard = sandbox.raw(Method::GET, "/_sandbox", &accept(program), Vec::new()).await.unwrap();
        assert_eq!(heard.json()["workspace"]["name"], "Fern & Fable");
    }
    let about = sandbox.control(Method::GET, "", Value::Null).await;
    for (method, path, operation) in described(&sandbox).await {
        assert!(page.text.contains(&format!("{method}</span> <code>{path}</code>")), "{method} {path}");
        let first = operation["summary"].as_str().unwrap().split('`').next().unwrap();
        assert!(page.text.contains(&first.replace('\'', "&#39;")), "{first}");
    }
    for other in about["not_imitated"].as_array().unwrap() {
        assert!(page.text.contains(other.as_str().unwrap()), "{other}");
    }
    assert!(page.text.contains(&format!("{} choices", about["unconfirmed"].as_array().unwrap().len())));
    assert!(page.text.contains("Fern &amp; Fable"));
    for key in
        ["set", "advance_seconds", "retry_after_seconds", "reactions[].opens_after_seconds", "fixture", "machine"]
    {
        assert!(page.text.contains(&format!("<code>{key}</code>")), "{key}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_and_runs_nothing() {
    let sandbox = Sandbox::shop().await;
    let docs = sandbox.raw(Method::GET, "/_sandbox/docs", &[], Vec::new()).await.unwrap();
    for word in ["<script", "<link", "<img", "<iframe", "@import", "url(", " src=", "onclick"] {
        assert!(!docs.text.contains(word), "{word}");
    }
    let elsewhere = docs.text.replace(&sandbox.running.base_url(), "").matches("http").count();
    assert_eq!(elsewhere, 0);
    assert!(docs.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(docs.text.contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn a_name_from_a_fixture_cannot_write_into_the_page() {
    let fixture = Fixture::from_toml("[workspace]\nname = \"<script>alert('x')</script>\"\n").unwrap();
    let sandbox = Sandbox::with(fixture, false).await;
    let docs = sandbox.raw(Method::GET, "/_sandbox/docs", &[], Vec::new()).await.unwrap();
    assert!(docs.text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") && !docs.text.contains("<script"));
}

#[tokio::test]
async fn every_control_is_kept_from_foreign_names() {
    let sandbox = Sandbox::shop().await;
    let before = sandbox.control(Method::GET, "/counts", Value::Null).await;
    for (method, path, _) in described(&sandbox).await {
        for host in ["rebound.example", "rebound.example:8585", "127.0.0.1.rebound.example", "localhost.example", ""] {
            let headers = [("host", host.to_owned())];
            let heard = sandbox.raw(method.clone(), &path, &headers, Vec::new()).await.unwrap();
            assert_eq!(heard.status, 403, "{method} {path} under {host}");
        }
    }
    assert_eq!(sandbox.control(Method::GET, "/counts", Value::Null).await, before);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let sandbox = Sandbox::empty().await;
    let heard = ask(&sandbox, Method::PATCH, "/reactions", Value::Null).await;
    assert_eq!((heard.status, heard.headers["allow"].to_str().unwrap()), (405, "GET, PUT, DELETE"));
    assert_eq!(heard.json()["error"], "/_sandbox/reactions takes GET, PUT, DELETE");
    assert_eq!(ask(&sandbox, Method::GET, "/nothing", Value::Null).await.status, 404);
    assert_eq!(ask(&sandbox, Method::GET, "/clock/", Value::Null).await.status, 200);
}
