//! What goes along with a message, where its words lead, and whom an audience holds unawares.

use customerio_mcp::guard::policy::Recipients;
use serde_json::{Value, json};

use super::{confirmation, count};
use crate::{
    driver::{Product, Setup},
    witness::refused,
};

async fn live() -> Product {
    Setup::live()
        .with_ids()
        .with(|config| {
            config.egress_hosts = vec!["shop.example".to_owned(), "*.shop.example".to_owned()];
            config.link_hosts = vec!["help.partner.example".to_owned()];
            config.recipients = Recipients {
                live: vec!["@example.com".to_owned()],
                test: vec!["@sink.shop.example".to_owned()],
                ..Recipients::default()
            };
        })
        .start()
        .await
}

fn with_data(data: Value) -> Value {
    let mut arguments = confirmation("cust_0001");
    arguments["message_data"] = data;
    arguments["message_data"]["order_id"] = json!("A-1");
    arguments
}

#[tokio::test]
async fn words_that_lead_elsewhere_wait_for_a_human_who_is_told_where() {
    let product = live().await;
    let before = count(&product, "deliveries").await;
    let listed = with_data(json!({ "url": "https://www.shop.example/orders/1" }));
    product.ok("send_transactional", listed).await;
    assert_eq!(count(&product, "deliveries").await, before + 1);
    let linked = with_data(json!({ "url": "https://help.partner.example/faq" }));
    product.ok("send_transactional", linked).await;
    assert_eq!(count(&product, "deliveries").await, before + 2);
    let elsewhere = with_data(json!({ "rows": [{ "text": "Pay at https://shop.example@evil.io/pay" }] }));
    let error = product.refused("send_transactional", elsewhere).await;
    assert_eq!(error["error"], "approval_required");
    assert_eq!(error["details"]["because"], json!(["it links to hosts that the operator does not list: evil.io"]));
    let mut inline = confirmation("cust_0001");
    inline["body"] = json!("<a href='//a.io'>x</a> <a href=\"https://{{trigger.host}}/\">y</a> https://shop.example");
    let error = product.refused("send_transactional", inline).await;
    assert_eq!(
        error["details"]["because"],
        json!([
            "the body is written in the call",
            "it links to hosts that the operator does not list: a.io, one that data decides"
        ])
    );
    assert_eq!(count(&product, "deliveries").await, before + 2);
}

#[tokio::test]
async fn files_that_run_are_refused_whatever_the_policy() {
    let product = live().await;
    let mut answers = Vec::new();
    for (name, content) in [
        ("invoice.exe", "aGk="),
        ("invoice.pdf", "TVqQAA=="),
        ("fdp.\u{202e}exe.pdf", "aGk="),
        ("notes.zip", "aGk="),
        ("notes.txt", "not base64!"),
    ] {
        let mut arguments = confirmation("cust_0001");
        arguments["attachments"] = json!({ name: content });
        let error = product.refused("send_transactional", arguments).await;
        answers.push(format!("{} {} | {}", error["error"], error["message"], error["next_step"]));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    "invalid_argument" "In `attachments` a file runs when it is opened. Nothing was sent." | "Allowed are: pdf, png, jpg, jpeg, gif, webp, txt, csv, ics, docx, xlsx, pptx, odt, ods."
    "invalid_argument" "In `attachments` a file is a program, whatever its name says. Nothing was sent." | "Leave it out."
    "invalid_argument" "In `attachments` a file's name is empty, too long, or holds more than letters, digits, spaces and `.-_()+,`. Nothing was sent." | "Name it as a reader should see it, such as `invoice-42.pdf`."
    "invalid_argument" "In `attachments` a file is of a kind that is not allowed. Nothing was sent." | "Allowed are: pdf, png, jpg, jpeg, gif, webp, txt, csv, ics, docx, xlsx, pptx, odt, ods."
    "invalid_argument" "In `attachments` a file is not base64. Nothing was sent." | "Give the bytes of the file in base64, with padding and without line ends."
    "#);
    let mut arguments = confirmation("cust_0001");
    arguments["attachments"] = json!({ "invoice.pdf": "JVBERi0xLjc=" });
    assert_eq!(product.refused("send_transactional", arguments).await["error"], "approval_required");
}

#[tokio::test]
async fn an_audience_with_test_profiles_in_it_is_refused() {
    let product = live().await;
    let test =
        json!({ "id": "cust_9100", "email": "eve@elsewhere.io", "test": true, "attributes": { "plan": "gold" } });
    let made = product.call("identify_customer", test).await;
    assert!(made.get("error").is_none(), "{made}");
    let filter = json!({ "attribute": { "field": "plan", "operator": "eq", "value": "gold" } });
    let to_gold = json!({ "broadcast_id": 3, "data": { "headline": "x" }, "filter": filter });
    insta::assert_snapshot!(refused(&product, "trigger_broadcast", to_gold).await, @r#"
    {
      "error": "recipient_not_allowed",
      "message": "Among the recipients are 1 test profiles whose addresses are no test sinks. Nothing was sent.",
      "next_step": "Take them out of the audience, or remove them with delete_test_customers.",
      "safe_to_retry": false
    }
    "#);
    let everybody = json!({ "broadcast_id": 3, "data": { "headline": "x" }, "own_audience": true });
    let error = product.refused("trigger_broadcast", everybody).await;
    let note = error["details"]["audience"]["note"].as_str().unwrap_or_default();
    assert!(note.contains("1 test profiles whose addresses are no sinks may be among them."), "{error}");
    let free = json!({ "attribute": { "field": "plan", "operator": "eq", "value": "free" } });
    let to_free = json!({ "broadcast_id": 3, "data": { "headline": "x" }, "filter": free });
    assert_eq!(product.refused("trigger_broadcast", to_free).await["error"], "approval_required");
}

#[tokio::test]
async fn a_plan_is_of_the_words_that_were_there() {
    let product = Setup::shop().with_ids().start().await;
    let plan = product.refused("send_newsletter", json!({ "newsletter_id": 2 })).await;
    assert_eq!(plan["error"], "preview_required");
    let contents = product.app("newsletters/2/contents").await.1;
    let content_id = contents["contents"][0]["id"].clone();
    let url = format!("{}/v1/newsletters/2/contents/{content_id}", product.sandbox.base_url());
    let changed = product.put(&url).json(&json!({ "body": "<p>Other words</p>" })).send().await.unwrap();
    assert!(changed.status().is_success());
    let token = plan["details"]["plan_token"].clone();
    let error = product.refused("send_newsletter", json!({ "newsletter_id": 2, "plan_token": token })).await;
    assert_eq!(error["error"], "plan_invalid", "{error}");
    assert!(error["message"].as_str().unwrap().contains("other words"), "{error}");
    product.planned("send_newsletter", json!({ "newsletter_id": 2 })).await;
}

#[tokio::test]
async fn a_newsletter_is_not_made_to_be_sent_at_some_time() {
    let product = Setup::shop().with_ids().start().await;
    let arguments = json!({
        "name": "n", "type": "email", "recipients": { "segment": { "id": 1 } }, "subject": "s", "body": "b", "send_now": false,
    });
    let call = json!({ "operation": "create_and_send_newsletter", "arguments": arguments });
    let error = product.refused("run_send_operation", call).await;
    assert_eq!((&error["error"], &error["field"]), (&json!("invalid_argument"), &json!("send_now")), "{error}");
}
