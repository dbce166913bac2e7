//! What `/v1/send/*` accepts, refuses and creates.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use customerio_mcp::sandbox::Fixture;

use super::driver::{Heard, NOON, Sandbox};

async fn send(sandbox: &Sandbox, channel: &str, body: Value) -> Heard {
    sandbox.app(Method::POST, &format!("/v1/send/{channel}"), body).await
}

fn email(more: Value) -> Value {
    let mut body = json!({"transactional_message_id": 2, "to": "ada.moss@example.com",
        "identifiers": {"id": "cust_0001"}, "message_data": {"order_id": "A-1"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn section_7_an_accepted_send_answers_an_id_and_the_time_it_was_queued() {
    let sandbox = Sandbox::shop().await;
    let heard = send(&sandbox, "email", email(json!({}))).await;
    let answer = heard.json();
    assert_eq!((heard.status, answer["delivery_id"].as_str().unwrap().len()), (200, 28));
    assert_eq!((&answer["queued_at"], answer.get("send_at")), (&json!(NOON), None));
    let later = send(&sandbox, "email", email(json!({"send_at": NOON + 60}))).await.json();
    assert_eq!(later["send_at"], NOON + 60);
    let past = send(&sandbox, "email", email(json!({"send_at": NOON - 60}))).await.json();
    assert_eq!(past.get("send_at"), None);
}

#[tokio::test]
async fn section_7_a_repeated_send_sends_twice() {
    let sandbox = Sandbox::shop().await;
    for _ in 0..2 {
        send(&sandbox, "email", email(json!({}))).await;
    }
    assert_eq!(sandbox.count("deliveries").await, 2);
}

#[tokio::test]
async fn section_7_a_template_is_named_by_number_or_by_trigger_name_in_any_casing() {
    let sandbox = Sandbox::shop().await;
    for name in [json!(2), json!("2"), json!("ORDER_Confirmation")] {
        assert_eq!(send(&sandbox, "email", email(json!({"transactional_message_id": name}))).await.status, 200);
    }
    let messages = sandbox.get("/v1/transactional/2/messages").await;
    assert_eq!(messages["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn section_7_every_channel_sends_its_own_templates_and_no_others() {
    let sandbox = Sandbox::shop().await;
    let body = |template: u64, to: Value| json!({"transactional_message_id": template, "to": to, "identifiers": {"id": "cust_0001"}});
    let channels = [
        ("push", 7, json!("all")),
        ("sms", 8, json!("+15005550006")),
        ("in_app", 9, Value::Null),
        ("inbox_message", 10, Value::Null),
        ("whatsapp", 11, json!("+15005550006")),
    ];
    for (channel, template, to) in channels {
        let heard = send(&sandbox, channel, body(template, to.clone())).await;
        assert_eq!(heard.status, 200, "{channel}: {}", heard.text);
        let wrong = send(&sandbox, channel, body(2, to)).await;
        assert_eq!(wrong.status, 400, "{channel}");
        assert!(wrong.json()["meta"]["error"].as_str().unwrap().contains("another channel"));
    }
}

#[tokio::test]
async fn section_7_a_text_needs_a_recipient_from_the_send_or_its_template() {
    let fixture = |to: &str| {
        format!(
            "[[people]]\nid = \"a\"\nattributes = {{ phone = \"+15005550006\" }}\n\n[[transactional]]\nid = 2\nname = \"t\"\nchannel = \"sms\"\nbody = \"Hello\"\n{to}"
        )
    };
    let body = |to: Value| json!({"transactional_message_id": 2, "to": to, "identifiers": {"id": "a"}});
    let without = Sandbox::with(Fixture::from_toml(&fixture("")).unwrap(), false).await;
    assert_eq!(send(&without, "sms", body(Value::Null)).await.status, 400);
    let with = Sandbox::with(Fixture::from_toml(&fixture("to = \"{{ customer.phone }}\"")).unwrap(), false).await;
    for (to, expected) in [(Value::Null, "+15005550006"), (json!("+15005550009"), "+15005550009")] {
        let sent = send(&with, "sms", body(to)).await.json();
        let message = with.get(&format!("/v1/messages/{}", sent["delivery_id"].as_str().unwrap())).await;
        assert_eq!(message["message"]["recipient"], expected);
    }
}

#[tokio::test]
async fn section_7_a_refused_send_says_why_and_leaves_nothing() {
    let sandbox = Sandbox::shop().await;
    let attachment = |name: &str, content: String| json!({"attachments": {name: content}});
    let cases = [
        (json!({"to": null}), 400),
        (json!({"identifiers": {"id": "a", "email": "a@example.com"}}), 400),
        (json!({"identifiers": {"phone": "+15005550006"}}), 400),
        (json!({"identifiers": {"cio_id": "ffff00000001"}}), 400),
        (json!({"transactional_message_id": 99}), 400),
        (json!({"transactional_message_id": "nothing"}), 400),
        (json!({"message_data": [1]}), 400),
        (json!({"bcc": vec!["b@example.com"; 15].join(",")}), 400),
        (json!({"send_at": NOON + 91 * 24 * 60 * 60}), 400),
        (json!({"send_at": "tomorrow"}), 400),
        (json!({"headers": "not json"}), 400),
        (attachment("a.txt", "not base64!".to_owned()), 400),
        (attachment("a.exe", STANDARD.encode("x")), 403),
        (attachment("a.txt", STANDARD.encode(vec![0; 2 * 1024 * 1024])), 413),
    ];
    for (more, status) in cases {
        let heard = send(&sandbox, "email", email(more.clone())).await;
        assert_eq!(heard.status, status, "{more}");
        assert!(heard.json()["meta"]["error"].is_string(), "{}", heard.text);
    }
    assert_eq!((sandbox.count("deliveries").await, sandbox.count("people").await), (0, 12));
    let most = email(json!({"bcc": vec!["b@example.com"; 14].join(",")}));
    assert_eq!(send(&sandbox, "email", most).await.status, 200);
}

#[tokio::test]
async fn section_7_an_inline_email_needs_body_subject_from_and_identifiers() {
    let sandbox = Sandbox::shop().await;
    let whole = json!({"to": "a@example.com", "from": "s@example.com", "subject": "s", "body": "b",
        "identifiers": {"id": "cust_0001"}});
    for missing in ["from", "subject", "body", "identifiers", "to"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(send(&sandbox, "email", body).await.status, 400, "{missing}");
    }
    assert_eq!(send(&sandbox, "email", whole).await.status, 200);
    let inline = sandbox.get("/v1/transactional/1/messages").await;
    assert_eq!(inline["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn section_7_a_templated_email_may_do_without_a_person() {
    let sandbox = Sandbox::shop().await;
    let body =
        json!({"transactional_message_id": 3, "to": "a@example.com", "message_data": {"reset_url": "https://x"}});
    assert_eq!(send(&sandbox, "email", body).await.status, 200);
    assert_eq!(sandbox.count("people").await, 12);
}

#[tokio::test]
async fn section_7_an_unknown_person_is_created_by_the_send() {
    let sandbox = Sandbox::shop().await;
    let body = email(json!({"identifiers": {"email": "new@example.com"}}));
    assert_eq!(send(&sandbox, "email", body).await.status, 200);
    assert!(sandbox.customer("new@example.com", "email").await.is_some());
}

#[tokio::test]
async fn section_7_auto_create_makes_an_empty_message_of_that_name_once() {
    let sandbox = Sandbox::shop().await;
    let body = |id: Value| {
        email(json!({"transactional_message_id": id, "auto_create": true, "subject": "s", "body": "b",
            "from": "s@example.com"}))
    };
    for _ in 0..2 {
        assert_eq!(send(&sandbox, "email", body(json!("Brand New"))).await.status, 200);
    }
    let list = sandbox.get("/v1/transactional").await;
    let made: Vec<_> = list["messages"].as_array().unwrap().iter().filter(|one| one["name"] == "Brand New").collect();
    assert_eq!((made.len(), &made[0]["id"]), (1, &json!(12)));
    assert_eq!(send(&sandbox, "email", body(json!("123"))).await.status, 400);
    assert_eq!(send(&sandbox, "email", body(json!("order_push"))).await.status, 400);
}
