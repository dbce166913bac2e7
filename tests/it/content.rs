//! Snippets and templates through a client: what uses them is named before they change, and what was there is returned.

use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::text,
};

async fn shop() -> Product {
    Setup::shop().start().await
}

async fn snippet(product: &Product, name: &str) -> Value {
    let all = product.app("snippets").await.1["snippets"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["name"] == name).map_or(Value::Null, |one| one["value"].clone())
}

async fn put_template(product: &Product, id: i64, body: &str) {
    let arguments = json!({ "template": id.to_string(), "body": body });
    product.ok("update_template", arguments).await;
}

fn told(error: &Value) -> Value {
    json!([error["error"], error["field"]])
}

#[tokio::test]
async fn a_changed_snippet_names_what_uses_it() {
    let product = shop().await;
    let changed = product.ok("update_snippet", json!({ "name": "signature", "value": "<p>Yours</p>" })).await;
    insta::assert_snapshot!(text(&changed), @r#"
    {
      "result": "applied",
      "before": "<p>With love,<br>the people at Fern &amp; Fable</p>",
      "used_by": {
        "templates": [
          {
            "id": 2,
            "name": "order_confirmation"
          },
          {
            "id": 5,
            "name": "welcome"
          }
        ]
      },
      "not_looked_at": [
        "Design Studio e-mails and components that are not published",
        "layouts, and messages made outside this API"
      ],
      "untrusted_fields": [
        "name"
      ]
    }
    "#);
    assert_eq!(snippet(&product, "signature").await, "<p>Yours</p>");
}

#[tokio::test]
async fn uses_are_found_in_every_kind_of_message_and_in_snippets() {
    let product = shop().await;
    let put = async |path: &str, body: Value| {
        let url = format!("{}/v1/{path}", product.sandbox.base_url());
        let request = product.put(&url).json(&body).send().await.unwrap();
        assert_eq!(request.status(), 200, "{path}");
    };
    let uses = json!({ "body": "{{ snippets['address'] }}" });
    put("campaigns/1/actions/2", uses.clone()).await;
    put("broadcasts/3/actions/5", uses.clone()).await;
    let of = async |id: i64| {
        let contents = product.app(&format!("newsletters/{id}/contents")).await.1["contents"].clone();
        contents[0]["id"].as_i64().unwrap()
    };
    put(&format!("newsletters/2/contents/{}", of(2).await), uses.clone()).await;
    product.ok("update_snippet", json!({ "name": "signature", "value": "{{ snippets.address }}" })).await;
    let refused = product.refused("delete_snippet", json!({ "name": "address" })).await;
    let token = refused["details"]["plan_token"].clone();
    assert_eq!(
        (&refused["error"], &refused["details"]["target"]),
        (&json!("preview_required"), &json!("snippet address"))
    );
    let in_use = product.refused("delete_snippet", json!({ "name": "address", "plan_token": token })).await;
    insta::assert_snapshot!(text(&in_use), @r#"
    {
      "error": "conflict",
      "message": "The snippet is in use. Nothing was deleted.",
      "field": "name",
      "next_step": "Take it out of what uses it first; update_template changes a template.",
      "details": {
        "used_by": {
          "campaigns": [
            {
              "id": 1,
              "name": "Welcome series"
            }
          ],
          "templates": [
            {
              "id": 4,
              "name": "shipping_update"
            }
          ],
          "broadcasts": [
            {
              "id": 3,
              "name": "Price change"
            }
          ],
          "newsletters": [
            {
              "id": 2,
              "name": "Winter news"
            }
          ],
          "snippets": [
            "signature"
          ]
        }
      },
      "safe_to_retry": false
    }
    "#);
    assert!(snippet(&product, "address").await.is_string());
}

#[tokio::test]
async fn a_snippet_that_nothing_uses_is_deleted() {
    let product = shop().await;
    product.ok("update_snippet", json!({ "name": "address", "value": "Mill Lane" })).await;
    put_template(&product, 4, "<p>Your parcel left today.</p>").await;
    let deleted = product.planned("delete_snippet", json!({ "name": "address" })).await;
    assert_eq!((&deleted["result"], &deleted["before"]), (&json!("applied"), &json!("Mill Lane")));
    assert!(deleted["not_looked_at"].as_array().unwrap().len() >= 2, "{deleted}");
    assert_eq!(snippet(&product, "address").await, Value::Null);
}

#[tokio::test]
async fn a_template_is_changed_in_one_language_and_says_what_it_was() {
    let product = shop().await;
    product.declare_ids().await;
    let send =
        json!({ "template": "order_confirmation", "customer": "cust_0001", "message_data": { "order_id": "A-1" } });
    product.ok("send_transactional", send).await;
    let change =
        json!({ "template": "Order_Confirmation", "language": "de", "subject": "Bestellung {{ trigger.order_id }}" });
    let changed = product.ok("update_template", change).await;
    insta::assert_snapshot!(text(&changed), @r#"
    {
      "result": "applied",
      "template_id": 2,
      "content_id": 102,
      "before": {
        "untrusted": {
          "subject": "Ihre Bestellung {{ trigger.order_id }}"
        }
      },
      "used_by": {
        "deliveries_last_7_days": 1,
        "last_sent": 1772442300
      }
    }
    "#);
    let preview =
        json!({ "template": "2", "customer": "cust_0001", "language": "de", "message_data": { "order_id": "A-1" } });
    let preview = product.ok("preview_message", preview).await;
    assert_eq!(preview["rendered"]["untrusted"][0]["text"], "Bestellung A-1");
    let default = json!({ "template": "2", "customer": "cust_0001", "message_data": { "order_id": "A-1" } });
    assert_eq!(product.ok("preview_message", default).await["rendered"]["untrusted"][0]["text"], "Your order A-1");
}

#[tokio::test]
async fn what_would_break_a_message_is_refused() {
    let product = shop().await;
    for (tool, arguments, expected) in [
        ("update_snippet", json!({ "name": "signature", "value": "{% if %}" }), json!(["invalid_argument", "value"])),
        (
            "update_snippet",
            json!({ "name": "signature", "value": "x".repeat(16_385) }),
            json!(["invalid_argument", "value"]),
        ),
        ("update_snippet", json!({ "name": "gone", "value": "x" }), json!(["not_found", "name"])),
        ("update_snippet", json!({ "name": " signature", "value": "x" }), json!(["invalid_argument", "name"])),
        ("delete_snippet", json!({ "name": "" }), json!(["invalid_argument", "name"])),
        ("update_template", json!({ "template": "2" }), json!(["invalid_argument", "body"])),
        ("update_template", json!({ "template": "2", "body": "{{ x" }), json!(["invalid_argument", "body"])),
        ("update_template", json!({ "template": "99", "body": "x" }), json!(["not_found", "template"])),
        (
            "update_template",
            json!({ "template": "2", "language": "fr", "body": "x" }),
            json!(["not_found", "language"]),
        ),
    ] {
        let answer = product.refused(tool, arguments.clone()).await;
        assert_eq!(told(&answer), expected, "{tool} {arguments}: {answer}");
    }
    let counts = product.requests().await["counts"].clone();
    assert!(counts.get("PUT /v1/snippets").is_none(), "{counts}");
}

#[tokio::test]
async fn content_in_use_is_planned_where_people_are_real() {
    let live = Setup::live().start().await;
    for (tool, arguments, target) in [
        ("update_snippet", json!({ "name": "signature", "value": "x" }), "snippet signature"),
        ("update_template", json!({ "template": "2", "body": "x" }), "template 2"),
    ] {
        let plan = live.refused(tool, arguments.clone()).await;
        assert_eq!(
            (&plan["error"], &plan["details"]["target"]),
            (&json!("preview_required"), &json!(target)),
            "{plan}"
        );
        live.planned(tool, arguments).await;
    }
    let waits = live.refused("delete_snippet", json!({ "name": "address" })).await;
    assert_eq!(waits["error"], "approval_required", "{waits}");
}
