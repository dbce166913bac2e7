//! Sends through a client: what is refused before it can fail, and where each channel's message ends.

use std::time::Duration;

use customerio_mcp::{clock::Clock as _, sandbox::Fixture};
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    verdicts::{pretty, shop, with_template},
};

async fn deliveries(product: &Product) -> u64 {
    product.counts().await["deliveries"].as_u64().unwrap()
}

#[tokio::test]
async fn a_message_that_is_held_as_a_draft_says_so() {
    let fixture = "[[people]]\nid = 'cust_0001'\nemail = 'ada@shop.example'\n[[transactional]]\nid = 2\nname = 'held'\n\
                   channel = 'email'\nsubject = 'Hello'\nbody = 'Hi'\nqueue_drafts = true\n";
    let product = Setup::shop().with_fixture(Fixture::from_toml(fixture).unwrap()).start().await;
    product.declare_ids().await;
    let sent = product.ok("send_transactional", json!({ "template": "held", "customer": "cust_0001" })).await;
    let delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"] })).await;
    let told = json!([sent["warnings"], delivery["state"], delivery["final"], delivery["meaning"]]);
    insta::assert_snapshot!(pretty(&told), @r#"
    [
      [
        "The template holds its messages as drafts: somebody has to send them in Customer.io."
      ],
      "drafted",
      true,
      "It is held as a draft until somebody sends it in Customer.io."
    ]
    "#);
}

#[tokio::test]
async fn a_language_is_chosen_for_preview_and_send_alike() {
    let product = shop().await;
    let arguments = json!({ "template": "order_confirmation", "customer": "cust_0001", "language": "de",
        "message_data": { "order_id": "A-1" } });
    let preview = product.ok("preview_message", arguments.clone()).await;
    assert_eq!(preview["rendered"]["untrusted"][0]["text"], "Ihre Bestellung A-1");
    let sent = product.ok("send_transactional", arguments).await;
    product.clock.advance(Duration::from_secs(5));
    let delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"], "detail": "full" })).await;
    assert_eq!(delivery["subject"]["untrusted"], "Ihre Bestellung A-1");
    assert_eq!(delivery["archived"]["body"]["untrusted"], preview["rendered"]["untrusted"][2]["text"]);
}

#[tokio::test]
async fn a_send_that_would_fail_is_refused_with_what_is_missing() {
    let body = "{{ customer.city }} {{ trigger.order }} {{ snippets.footer }} {{ snippets.gone }}";
    let product =
        with_template("{{ trigger.order }}", body, json!([{ "name": "footer", "value": "{{ customer.plan }}" }]));
    let product = product.await;
    let refused = product.refused("send_transactional", json!({ "template": "news", "customer": "cust_0001" })).await;
    insta::assert_snapshot!(pretty(&refused), @r#"
    {
      "error": "render_fails",
      "message": "The message would fail: missing customer.city (body); customer.plan (body); snippets.gone (body); trigger.order (subject, body). Nothing was sent.",
      "field": "message_data.order",
      "next_step": "Give `message_data.order`. Set `city`, `plan` of the person with identify_customer. Add the snippet `gone` to the workspace. Or give the template fallbacks: preview_message shows them.",
      "details": {
        "missing": {
          "customer.city": [
            "body"
          ],
          "customer.plan": [
            "body"
          ],
          "snippets.gone": [
            "body"
          ],
          "trigger.order": [
            "subject",
            "body"
          ]
        }
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(deliveries(&product).await, 0);
}

#[tokio::test]
async fn a_template_that_is_broken_is_refused_with_its_line() {
    let product = with_template("Hello", "Hi\n{% if customer.first_name %}Ada", json!([])).await;
    let refused = product.refused("send_transactional", json!({ "template": "news", "customer": "cust_0001" })).await;
    insta::assert_snapshot!(pretty(&refused), @r#"
    {
      "error": "render_fails",
      "message": "The body would not render: tag \"if\" not closed, line:2. Nothing was sent.",
      "next_step": "Its Liquid has to be mended where it is written.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_refused_send_reaches_nobody() {
    let product = shop().await;
    let cases = [
        (json!({ "template": "order_push" }), "invalid_argument", "channel", "for the channel `push`, not `email`"),
        (
            json!({ "template": "welcome", "channel": "sms", "to": "+15005550006" }),
            "invalid_argument",
            "channel",
            "for the channel `email`, not `sms`",
        ),
        (json!({ "template": "nothing" }), "not_found", "template", "no template"),
        (json!({ "template": "order_sms", "channel": "sms" }), "invalid_argument", "to", "phone number"),
        (json!({ "template": "welcome", "customer": "cust_0005" }), "invalid_argument", "to", "no e-mail address"),
        (
            json!({ "template": "welcome", "to": "{{ trigger.to }}@shop.example" }),
            "invalid_argument",
            "to",
            "not Liquid",
        ),
        (
            json!({ "template": "welcome", "send_at": "2026-03-02T09:04:59Z" }),
            "invalid_argument",
            "send_at",
            "in the past",
        ),
        (json!({ "template": "welcome", "send_at": "2026-06-01T09:00:00Z" }), "invalid_argument", "send_at", "90 days"),
        (
            json!({ "template": "shop_banner", "channel": "in_app", "send_to_unsubscribed": true }),
            "invalid_argument",
            "send_to_unsubscribed",
            "does not go with this channel",
        ),
        (
            json!({ "template": "order_push", "channel": "push", "customer": "cust_9999" }),
            "customer_not_found",
            "customer",
            "",
        ),
    ];
    for (given, code, field, says) in cases {
        let mut arguments = json!({ "customer": "cust_0001" });
        arguments.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let refused = product.refused("send_transactional", arguments).await;
        assert_eq!((refused["error"].as_str(), refused["field"].as_str()), (Some(code), Some(field)), "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(says), "{refused}");
    }
    assert_eq!((deliveries(&product).await, product.counts().await["people"].as_u64()), (0, Some(12)));
}

/// Sends and returns what `get_delivery` says before, and after `seconds`.
async fn followed(product: &Product, message: Value, seconds: u64) -> (Value, Value) {
    let sent = product.ok("send_transactional", message).await;
    assert_eq!(sent["state"], "queued", "{sent}");
    let look = json!({ "delivery_id": sent["delivery_id"] });
    let before = product.ok("get_delivery", look.clone()).await;
    assert_eq!((before["state"].as_str(), before["final"].as_bool()), (Some("queued"), Some(false)), "{before}");
    product.clock.advance(Duration::from_secs(seconds));
    (sent, product.ok("get_delivery", json!({ "delivery_id": look["delivery_id"], "detail": "full" })).await)
}

async fn ends(channel: &str, template: &str, more: Value, end: &str) -> Value {
    let product = shop().await;
    let mut message = json!({ "channel": channel, "template": template, "customer": "cust_0001", "message_data": { "order": "A-7" } });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let preview = product
        .ok(
            "preview_message",
            json!({ "template": template, "customer": "cust_0001", "message_data": { "order": "A-7" } }),
        )
        .await;
    assert_eq!((&preview["verdict"], &preview["channel"]), (&json!("renders"), &json!(channel)), "{preview}");
    let (_, delivery) = followed(&product, message, 5).await;
    assert_eq!((delivery["state"].as_str(), delivery["final"].as_bool()), (Some(end), Some(true)), "{delivery}");
    let parts = preview["rendered"]["untrusted"].as_array().unwrap();
    let body = parts.iter().find(|part| part["part"] == "body").unwrap();
    assert_eq!(delivery["archived"]["body"]["untrusted"], body["text"]);
    delivery
}

#[tokio::test]
async fn a_push_is_delivered() {
    let delivery = ends("push", "order_push", json!({ "to": "all" }), "delivered").await;
    assert_eq!((&delivery["type"], &delivery["to"]), (&json!("push"), &json!("all")));
}

#[tokio::test]
async fn a_push_needs_no_device_named() {
    let delivery = ends("push", "order_push", json!({}), "delivered").await;
    assert_eq!(delivery["to"], Value::Null, "an e-mail address is no device");
}

#[tokio::test]
async fn a_text_message_is_delivered() {
    let delivery = ends("sms", "order_sms", json!({ "to": "+15005550006" }), "delivered").await;
    assert_eq!((&delivery["type"], &delivery["to"]), (&json!("twilio"), &json!("+150•••06")));
}

#[tokio::test]
async fn a_whatsapp_message_is_delivered() {
    ends("whatsapp", "order_whatsapp", json!({ "to": "+15005550006" }), "delivered").await;
}

#[tokio::test]
async fn an_in_app_message_ends_when_it_is_sent() {
    ends("in_app", "shop_banner", json!({}), "sent").await;
}

#[tokio::test]
async fn an_inbox_message_ends_when_it_is_sent() {
    ends("inbox_message", "shop_inbox", json!({}), "sent").await;
}

#[tokio::test]
async fn an_email_to_somebody_new_goes_to_the_address_that_names_them() {
    let product = Setup::shop().start().await;
    let strategy = json!({ "primary": "email", "source": "the checkout of the shop" });
    product.ok("declare_identity_strategy", strategy).await;
    let message = json!({ "template": "order_confirmation", "customer": "new.face@shop.io",
        "message_data": { "order_id": "A-9" } });
    let (_, delivery) = followed(&product, message, 5).await;
    assert_eq!((delivery["state"].as_str(), delivery["to"].as_str()), (Some("delivered"), Some("n•••@shop.io")));
}

#[tokio::test]
async fn a_message_to_the_unsubscribed_says_so_and_ends_undeliverable() {
    let product = shop().await;
    let message =
        json!({ "template": "shipping_update", "customer": "cust_0003", "message_data": { "order_id": "A-1" } });
    let (sent, delivery) = followed(&product, message, 5).await;
    let told = json!({ "warnings": sent["warnings"], "state": delivery["state"], "final": delivery["final"],
        "meaning": delivery["meaning"], "failure": delivery["failure"] });
    insta::assert_snapshot!(pretty(&told), @r#"
    {
      "warnings": [
        "The person is unsubscribed and the message does not go to the unsubscribed: they get nothing, and the delivery ends `undeliverable`."
      ],
      "state": "undeliverable",
      "final": true,
      "meaning": "Customer.io did not send it: the person is unsubscribed, suppressed or deleted, has had too many messages, or the sender's domain is not verified. Nobody got it.",
      "failure": {
        "untrusted": "the person is unsubscribed"
      }
    }
    "#);
}

#[tokio::test]
async fn a_delivery_that_failed_shows_why() {
    let product = shop().await;
    let body = json!({ "transactional_message_id": "welcome", "to": "fay.birch@example.com", "identifiers": { "id": "cust_0006" } });
    let sent = product.app_post("send/email", body).await.1;
    product.clock.advance(Duration::from_secs(5));
    let mut delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"] })).await;
    for changing in ["delivery_id", "customer"] {
        delivery.as_object_mut().unwrap().shift_remove(changing);
    }
    insta::assert_snapshot!(pretty(&delivery), @r#"
    {
      "state": "failed",
      "final": true,
      "meaning": "It never left Customer.io, as a rule because its Liquid could not be rendered. Nobody got it.",
      "failure": {
        "untrusted": "undefined variable: customer.first_name, line:1"
      },
      "type": "email",
      "to": "f•••@example.com",
      "subject": {
        "untrusted": "Welcome, {{ customer.first_name }}"
      },
      "times": {
        "created": 1772442300,
        "failed": 1772442301
      }
    }
    "#);
}

#[tokio::test]
async fn a_scheduled_message_waits_for_its_time() {
    let product = shop().await;
    let message = json!({ "template": "welcome", "customer": "cust_0001", "send_at": "2026-03-02T10:05:00Z" });
    let sent = product.ok("send_transactional", message).await;
    assert_eq!((&sent["state"], &sent["send_at"]), (&json!("scheduled"), &json!(1_772_445_900)), "{sent}");
    let state = async |seconds: u64| {
        product.clock.advance(Duration::from_secs(seconds));
        let delivery = product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"] })).await;
        delivery["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(3_599).await, state(5).await), ("queued".to_owned(), "delivered".to_owned()));
}

#[tokio::test]
async fn waiting_for_a_delivery_ends_when_it_arrives() {
    let product = shop().await;
    let sent = product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    let wait = json!({ "delivery_id": sent["delivery_id"], "wait_seconds": 20 });
    let arrive = async {
        let looks = async || product.requests().await.to_string().matches("/v1/messages/").count();
        while looks().await == 0 {
            tokio::task::yield_now().await;
        }
        product.clock.advance(Duration::from_secs(5));
    };
    let (delivery, ()) = tokio::join!(product.ok("get_delivery", wait), arrive);
    assert_eq!((delivery["state"].as_str(), delivery["final"].as_bool()), (Some("delivered"), Some(true)));
    let unknown = product.refused("get_delivery", json!({ "delivery_id": "nothing" })).await;
    assert_eq!((&unknown["error"], &unknown["field"]), (&json!("not_found"), &json!("delivery_id")));
}

#[tokio::test]
async fn deliveries_are_listed_by_person_and_by_template_page_by_page() {
    let product = shop().await;
    let start = product.clock.now().as_second();
    for customer in ["cust_0001", "cust_0002", "cust_0007"] {
        product.ok("send_transactional", json!({ "template": "welcome", "customer": customer })).await;
        product.clock.advance(Duration::from_mins(1));
    }
    let reset = json!({ "template": "password_reset", "customer": "cust_0001", "message_data": { "reset_url": "https://shop.example/r" } });
    product.ok("send_transactional", reset).await;
    let list = async |arguments| product.ok("list_deliveries", arguments).await;
    let lines = |page: &Value| page["deliveries"].as_array().unwrap().clone();

    assert_eq!(lines(&list(json!({ "since": start })).await).len(), 4);
    let of_ada = lines(&list(json!({ "customer": "cust_0001" })).await);
    assert_eq!(of_ada.iter().map(|line| line["state"].as_str().unwrap()).collect::<Vec<_>>(), ["queued", "delivered"]);
    let first = list(json!({ "template": "welcome", "limit": 2 })).await;
    let second = list(json!({ "template": "welcome", "limit": 2, "cursor": first["cursor"] })).await;
    let mut ids: Vec<_> =
        [lines(&first), lines(&second)].concat().iter().map(|line| line["delivery_id"].clone()).collect();
    ids.dedup();
    assert_eq!((ids.len(), second.get("cursor")), (3, None));
    let since = product.clock.now().as_second() - 90;
    assert_eq!(lines(&list(json!({ "since": since })).await).len(), 2);

    let both = product.refused("list_deliveries", json!({ "customer": "cust_0001", "template": "welcome" })).await;
    assert_eq!((&both["error"], &both["field"]), (&json!("invalid_argument"), &json!("template")));
}
