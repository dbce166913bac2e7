//! Whom a message may go to without a human, in a workspace with real people.

use customerio_mcp::guard::policy::Recipients;
use serde_json::json;

use super::{confirmation, count};
use crate::{
    driver::{Product, Setup},
    witness::refused,
};

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

async fn live(recipients: Recipients) -> Product {
    let strategy = json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table" });
    Setup::live()
        .with(move |config| {
            config.identity = Some(serde_json::from_value(strategy).unwrap());
            config.recipients = recipients;
        })
        .start()
        .await
}

async fn shop() -> Product {
    live(Recipients {
        live: list(&["ada.moss@example.com", "@staff.shop.io"]),
        test: list(&["@sink.shop.io"]),
        from: list(&["orders@fernandfable.example"]),
        ..Recipients::default()
    })
    .await
}

#[tokio::test]
async fn a_listed_recipient_is_sent_to() {
    let product = shop().await;
    let before = count(&product, "deliveries").await;
    product.ok("send_transactional", confirmation("cust_0001")).await;
    let mut to_staff = confirmation("cust_0002");
    to_staff["to"] = json!("Ops@STAFF.shop.io");
    product.ok("send_transactional", to_staff).await;
    assert_eq!(count(&product, "deliveries").await, before + 2);
}

#[tokio::test]
async fn an_unlisted_recipient_waits_for_a_human() {
    let product = shop().await;
    insta::assert_snapshot!(refused(&product, "send_transactional", confirmation("cust_0002")).await, @r#"
    {
      "error": "approval_required",
      "message": "The operator's policy asks for a human's approval of this call. Nothing ran.",
      "next_step": "Tell the user what you wanted to do and why; do not try another way to the same effect. An operator decides with `customerio-mcp approvals approve apr_…`; then make the same call again.",
      "details": {
        "workspace": "sandbox",
        "kind": "live",
        "region": "auto",
        "tool": "send_transactional",
        "effect": "send",
        "audience": {
          "people": 1,
          "count": "exact"
        },
        "target": "template order_confirmation",
        "cio_ids": [
          "811d00000002"
        ],
        "approval_id": "apr_…",
        "expires_at": "2026-03-03T09:05:00Z"
      },
      "safe_to_retry": false
    }
    "#);
    for to in [
        "ops@shop.io",
        "ops@evil-staff.shop.io",
        "ada.moss@example.com, ben.reed@example.com",
        "eve@elsewhere.io;ops@staff.shop.io",
        "eve@elsewhere.io ops@staff.shop.io",
        "eve@elsewhere.io <ops@staff.shop.io>",
        "Eve <eve@elsewhere.io> <ops@staff.shop.io>",
    ] {
        let mut send = confirmation("cust_0001");
        send["to"] = json!(to);
        let answer = refused(&product, "send_transactional", send).await;
        assert!(answer.contains("\"approval_required\""), "{to}: {answer}");
    }
}

#[tokio::test]
async fn an_address_that_changes_while_the_call_is_looked_at_is_not_sent_to() {
    let product = shop().await;
    // The guards weigh the listed address; the person has another by the time the message is made.
    product.fault(json!({ "kind": "stale_read", "operation": "getPeopleById", "times": 1 })).await;
    product.track("PUT", "customers/cio_811d00000001", json!({ "email": "eve@elsewhere.io" })).await;
    insta::assert_snapshot!(refused(&product, "send_transactional", confirmation("cust_0001")).await, @r#"
    {
      "error": "conflict",
      "message": "The person's e-mail address was changed while this call was looked at. Nothing was sent.",
      "field": "customer",
      "next_step": "Repeat the call: it is then decided for the address they have now.",
      "safe_to_retry": false
    }
    "#);
    let again = refused(&product, "send_transactional", confirmation("cust_0001")).await;
    assert!(again.contains("\"approval_required\""), "{again}");
}

#[tokio::test]
async fn without_a_list_nobody_is_sent_to_unasked() {
    let product = live(Recipients::default()).await;
    let answer = refused(&product, "send_transactional", confirmation("cust_0001")).await;
    assert!(answer.contains("\"approval_required\""), "{answer}");
}

#[tokio::test]
async fn a_plan_token_does_not_stand_in_for_a_human() {
    let product = shop().await;
    let mut send = confirmation("cust_0002");
    send["plan_token"] = json!("AAAA");
    let answer = product.refused("send_transactional", send).await;
    assert!(["approval_required", "invalid_argument"].contains(&answer["error"].as_str().unwrap()), "{answer}");
    assert_eq!(count(&product, "deliveries").await, 0);
}

#[tokio::test]
async fn a_blind_copy_goes_only_to_whom_the_operator_lists() {
    let product = shop().await;
    let mut send = confirmation("cust_0001");
    send["bcc"] = json!("archive@elsewhere.io");
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "recipient_not_allowed",
      "message": "A blind copy goes only to addresses the operator lists, and the one in `bcc` is not. Nothing was sent.",
      "field": "bcc",
      "next_step": "Leave `bcc` out: the operator has listed none.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn another_sender_must_be_listed_and_still_asks_a_human() {
    let product = shop().await;
    let mut send = confirmation("cust_0001");
    send["from"] = json!("Ceo <ceo@elsewhere.io>");
    insta::assert_snapshot!(refused(&product, "send_transactional", send.clone()).await, @r#"
    {
      "error": "recipient_not_allowed",
      "message": "Another sender than the template's must be on the operator's list, and the one in `from` is not. Nothing was sent.",
      "field": "from",
      "next_step": "Leave `from` out, or give one of these: orders@fernandfable.example.",
      "safe_to_retry": false
    }
    "#);
    send["from"] = json!("Orders <orders@fernandfable.example>");
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "approval_required",
      "message": "The operator's policy asks for a human's approval of this call. Nothing ran.",
      "next_step": "Tell the user what you wanted to do and why; do not try another way to the same effect. An operator decides with `customerio-mcp approvals approve apr_…`; then make the same call again.",
      "details": {
        "workspace": "sandbox",
        "kind": "live",
        "region": "auto",
        "tool": "send_transactional",
        "effect": "send",
        "audience": {
          "people": 1,
          "count": "exact"
        },
        "target": "template order_confirmation",
        "cio_ids": [
          "811d00000001"
        ],
        "from": [
          "o•••@fernandfable.example"
        ],
        "because": [
          "the sender is set in the call"
        ],
        "approval_id": "apr_…",
        "expires_at": "2026-03-03T09:05:00Z"
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn words_of_the_callers_own_ask_a_human() {
    let product = shop().await;
    for (name, value) in [
        ("body", json!("<p>Hi</p>")),
        ("subject", json!("Hi")),
        ("send_to_unsubscribed", json!(true)),
        ("attachments", json!({ "a.txt": "aGk=" })),
    ] {
        let mut send = confirmation("cust_0001");
        send[name] = value;
        let answer = refused(&product, "send_transactional", send).await;
        assert!(answer.contains("\"approval_required\"") && answer.contains("because"), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_test_profile_is_sent_to_only_at_a_sink() {
    let product = shop().await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "email": "zoe@shop.io", "test": true })).await;
    insta::assert_snapshot!(refused(&product, "send_transactional", confirmation("cust_9001")).await, @r#"
    {
      "error": "recipient_not_allowed",
      "message": "A message to a test profile goes only to a test sink, and the one in `to` is not. Nothing was sent.",
      "field": "to",
      "next_step": "Give one of these as `to`: @sink.shop.io.",
      "safe_to_retry": false
    }
    "#);
    let mut to_ada = confirmation("cust_9001");
    to_ada["to"] = json!("ada.moss@example.com");
    let answer = refused(&product, "send_transactional", to_ada).await;
    assert!(answer.contains("\"recipient_not_allowed\""), "{answer}");
    let mut to_sink = confirmation("cust_9001");
    to_sink["to"] = json!("zoe@sink.shop.io");
    product.ok("send_transactional", to_sink).await;
    assert_eq!(count(&product, "deliveries").await, 1);
}

/// Each channel, to its own kind of address.
#[tokio::test]
async fn every_channel_goes_by_the_lists() {
    let product =
        live(Recipients { live: list(&["+15005550006"]), from: list(&["+15005550001"]), ..Recipients::default() });
    let product = product.await;
    let send = |channel: &str, template: &str, more: serde_json::Value| {
        let mut arguments = json!({ "channel": channel, "template": template, "customer": "cust_0001" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    for (channel, template) in [("sms", "order_sms"), ("whatsapp", "order_whatsapp")] {
        product.ok("send_transactional", send(channel, template, json!({ "to": "+15005550006" }))).await;
        let other =
            product.refused("send_transactional", send(channel, template, json!({ "to": "+15005550007" }))).await;
        assert_eq!(other["error"], "approval_required", "{channel}: {other}");
        let listed = send(channel, template, json!({ "to": "+15005550006", "from": "+15005550001" }));
        let listed = product.refused("send_transactional", listed).await;
        assert_eq!(listed["details"]["because"], json!(["the sender is set in the call"]), "{channel}: {listed}");
        let from = send(channel, template, json!({ "to": "+15005550006", "from": "+15005550009" }));
        assert_eq!(product.refused("send_transactional", from).await["error"], "recipient_not_allowed", "{channel}");
        let anyway = send(channel, template, json!({ "to": "+15005550006", "send_to_unsubscribed": true }));
        assert_eq!(product.refused("send_transactional", anyway).await["error"], "approval_required", "{channel}");
        for to in ["15005550006", "+1500 555 0006", "+15005550006,+15005550007", "+15005550006;ext=1", "ada@shop.io"] {
            let answer = product.refused("send_transactional", send(channel, template, json!({ "to": to }))).await;
            assert_eq!(
                (&answer["error"], &answer["field"]),
                (&json!("invalid_argument"), &json!("to")),
                "{to}: {answer}"
            );
        }
    }
    // Devices and apps have no address that an operator could list.
    for (channel, template) in [("push", "order_push"), ("in_app", "shop_banner"), ("inbox_message", "shop_inbox")] {
        let answer = product.refused("send_transactional", send(channel, template, json!({}))).await;
        assert_eq!(answer["error"], "approval_required", "{channel}: {answer}");
    }
    for (channel, template) in [("in_app", "shop_banner"), ("inbox_message", "shop_inbox")] {
        for more in
            [json!({ "to": "+15005550006" }), json!({ "send_to_unsubscribed": true }), json!({ "bcc": "a@b.io" })]
        {
            let answer = product.refused("send_transactional", send(channel, template, more)).await;
            assert_eq!(answer["error"], "invalid_argument", "{channel}: {answer}");
        }
    }
    assert_eq!(count(&product, "deliveries").await, 2);
}

#[tokio::test]
async fn texts_keep_their_limits() {
    let product = shop().await;
    for (name, text) in [
        ("template", " ".to_owned()),
        ("to", String::new()),
        ("language", "x".repeat(21)),
        ("subject", "x".repeat(1_001)),
    ] {
        let mut send = confirmation("cust_0001");
        send[name] = json!(text);
        let answer = product.refused("send_transactional", send).await;
        assert_eq!((&answer["error"], &answer["field"]), (&json!("invalid_argument"), &json!(name)), "{answer}");
    }
    let mut send = confirmation("cust_0001");
    send["attachments"] =
        (0..11).map(|n| (format!("{n}.txt"), json!("aGk="))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(product.refused("send_transactional", send).await["field"], "attachments");
    assert_eq!(count(&product, "deliveries").await, 0);
}
