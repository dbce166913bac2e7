//! `merge_customers`: two profiles become one, once, and the answer says what was handed over and what is lost.

use std::time::Duration;

use serde_json::{Value, json};

use super::{shop, told};
use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, refused, text},
};

/// Jun, and an older profile of hers under her other address.
async fn with_duplicate() -> (Product, String) {
    let product = shop().await;
    let other = json!({ "id": "cust_0910", "email": "jun@elsewhere.io",
        "attributes": { "plan": "free", "nickname": "Ju", "unsubscribed": true } });
    product.ok("identify_customer", other).await;
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0910"] })).await;
    let duplicate = cio_id(&product, "cust_0910").await;
    (product, duplicate)
}

fn merge() -> Value {
    json!({ "customer": "cust_0010", "duplicate": "jun@elsewhere.io", "duplicate_id_type": "email" })
}

async fn merges(product: &Product) -> u64 {
    product.requests().await["counts"]["POST /api/v1/merge_customers"].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn a_merge_is_planned_and_says_what_was_handed_over() {
    let (product, duplicate) = with_duplicate().await;
    let jun = cio_id(&product, "cust_0010").await;
    let plan = product.refused("merge_customers", merge()).await;
    assert_eq!(plan["error"], "preview_required", "{plan}");
    assert_eq!(plan["details"]["cio_ids"], json!([jun, duplicate]));
    assert_eq!(plan["details"]["target"], "the first of `cio_ids` stays, the second is deleted for good");
    assert_eq!(plan["details"]["audience"], json!({ "people": 2, "count": "exact" }));
    assert_eq!(merges(&product).await, 0);

    let merged = product.planned("merge_customers", merge()).await;
    let shown = text(&merged).replace(&jun, "<jun>").replace(&duplicate, "<duplicate>");
    insta::assert_snapshot!(shown, @r#"
    {
      "result": "applied",
      "customer": {
        "cio_id": "<jun>",
        "id": "cust_0010",
        "email": "j•••@example.com"
      },
      "duplicate_cio_id": "<duplicate>",
      "gained": {
        "identifiers": [],
        "attributes": [
          "nickname",
          "unsubscribed"
        ],
        "segments": [
          {
            "segment_id": 2,
            "name": "Spring campaign testers"
          }
        ],
        "devices": 0
      },
      "not_taken_over": [
        "plan"
      ],
      "before": {
        "customer": {
          "cio_id": "<duplicate>",
          "id": "cust_0910",
          "email": "j•••@elsewhere.io"
        },
        "attributes": {
          "untrusted": {
            "nickname": "Ju",
            "plan": "free",
            "unsubscribed": "true"
          }
        },
        "unsubscribed": true,
        "segments": [
          {
            "segment_id": 2,
            "name": "Spring campaign testers"
          }
        ],
        "devices": 0
      },
      "untrusted_fields": [
        "name"
      ]
    }
    "#);
    assert_eq!(person(&product, "cust_0910").await, Value::Null);
    let now = person(&product, "cust_0010").await["customer"]["attributes"].clone();
    assert_eq!((&now["plan"], &now["nickname"]), (&json!("gold"), &json!("Ju")));

    let again = product.ok("merge_customers", merge()).await;
    assert!(again["duplicate_of"].is_string(), "{again}");
    assert_eq!(merges(&product).await, 1);
}

#[tokio::test]
async fn nobody_is_merged_with_themselves_or_with_nobody() {
    let (product, _) = with_duplicate().await;
    for (arguments, expected) in [
        (
            json!({ "customer": "cust_0010", "duplicate": "jun.marsh@example.com", "duplicate_id_type": "email" }),
            json!(["identity_conflict", "duplicate"]),
        ),
        (json!({ "customer": "cust_0010", "duplicate": "cust_0999" }), json!(["customer_not_found", "duplicate"])),
        (json!({ "customer": "cust_0999", "duplicate": "cust_0010" }), json!(["customer_not_found", "customer"])),
        (json!({ "customer": "cust_0010", "duplicate": "j•••@elsewhere.io" }), json!(["masked_value", "duplicate"])),
        (json!({ "customer": "cust_0010" }), json!(["invalid_argument", "duplicate"])),
        (json!({ "customer": "cust_0010", "duplicate": "a", "primary": {} }), json!(["invalid_argument", "primary"])),
    ] {
        let answer = product.refused("merge_customers", arguments.clone()).await;
        assert_eq!(told(&answer), expected, "{arguments}: {answer}");
    }
    let oneself = json!({ "customer": "cust_0010", "duplicate": "cust_0010" });
    let jun = cio_id(&product, "cust_0010").await;
    insta::assert_snapshot!(refused(&product, "merge_customers", oneself).await.replace(&jun, "<jun>"), @r#"
    {
      "error": "identity_conflict",
      "message": "Both arguments name the same person, <jun>. Nothing was changed.",
      "field": "duplicate",
      "next_step": "find_customers finds the other profile, by e-mail or by an attribute.",
      "safe_to_retry": false
    }
    "#);
    assert_eq!(merges(&product).await, 0);
}

#[tokio::test]
async fn a_plan_is_for_one_direction() {
    let (product, _) = with_duplicate().await;
    let ids = |customer: &str, duplicate: &str| json!({ "customer": customer, "duplicate": duplicate });
    let plan = product.refused("merge_customers", ids("cust_0010", "cust_0910")).await;
    let mut reverse = ids("cust_0910", "cust_0010");
    reverse["plan_token"] = plan["details"]["plan_token"].clone();
    assert_eq!(product.refused("merge_customers", reverse).await["error"], "plan_invalid");
    // The same arguments, and the people behind them have swapped their addresses.
    let emails = |token: Value| {
        json!({ "customer": "jun.marsh@example.com", "id_type": "email", "duplicate": "jun@elsewhere.io",
            "duplicate_id_type": "email", "plan_token": token })
    };
    let mut first = emails(Value::Null);
    first.as_object_mut().unwrap().remove("plan_token");
    let plan = product.refused("merge_customers", first).await;
    let [jun, other] = [cio_id(&product, "cust_0010").await, cio_id(&product, "cust_0910").await];
    for (cio_id, email) in [(&jun, "x@elsewhere.io"), (&other, "jun.marsh@example.com"), (&jun, "jun@elsewhere.io")] {
        product.track("PUT", &format!("customers/cio_{cio_id}"), json!({ "email": email })).await;
    }
    let swapped = product.refused("merge_customers", emails(plan["details"]["plan_token"].clone())).await;
    assert_eq!(swapped["error"], "plan_invalid", "{swapped}");
    assert_eq!(merges(&product).await, 0);
}

#[tokio::test]
async fn customers_and_test_profiles_are_never_mixed() {
    let (product, _) = with_duplicate().await;
    for id in ["cust_9001", "cust_9002"] {
        product.ok("identify_customer", json!({ "id": id, "test": true })).await;
    }
    let ids = |customer: &str, duplicate: &str| json!({ "customer": customer, "duplicate": duplicate });
    for (arguments, field) in
        [(ids("cust_0010", "cust_9001"), "duplicate"), (ids("cust_9001", "cust_0010"), "customer")]
    {
        let answer = product.refused("merge_customers", arguments).await;
        assert_eq!(told(&answer), json!(["conflict", field]), "{answer}");
    }
    // A tag that our ledger does not know comes from another server of ours.
    product.track("PUT", "customers/cust_0910", json!({ "mcp_test": true })).await;
    let plan = product.refused("merge_customers", ids("cust_0010", "cust_0910")).await;
    let mut tagged = ids("cust_0010", "cust_0910");
    tagged["plan_token"] = plan["details"]["plan_token"].clone();
    assert_eq!(told(&product.refused("merge_customers", tagged).await), json!(["conflict", "duplicate"]));
    assert_eq!(merges(&product).await, 0);

    product.planned("merge_customers", ids("cust_9001", "cust_9002")).await;
    assert_eq!(product.ok("list_test_customers", json!({})).await["active"], 1);
}

#[tokio::test]
async fn the_erased_are_not_merged_and_live_merges_wait_for_a_human() {
    let (product, _) = with_duplicate().await;
    product.planned("erase_customer", json!({ "customer": "cust_0910" })).await;
    let erased = product.refused("merge_customers", merge()).await;
    assert_eq!(erased["error"], "customer_erased", "{erased}");

    let live = Setup::live().with_ids().start().await;
    let answer = live.refused("merge_customers", json!({ "customer": "cust_0010", "duplicate": "cust_0001" })).await;
    assert_eq!(answer["error"], "approval_required", "{answer}");
    assert_eq!(answer["details"]["cio_ids"].as_array().unwrap().len(), 2);
    assert_eq!(merges(&live).await, 0);
}

#[tokio::test]
async fn a_merge_without_an_answer_is_looked_for_and_not_made_twice() {
    let (product, duplicate) = with_duplicate().await;
    let lost = json!({ "kind": "drop_after", "operation": "merge", "times": 1 });
    product.fault(lost).await;
    let found = product.planned("merge_customers", merge()).await;
    assert_eq!((&found["result"], &found["duplicate_cio_id"]), (&json!("applied"), &json!(duplicate)), "{found}");
    assert_eq!(found["warnings"], json!(["Found by looking, after the request had brought no answer."]));
    assert_eq!(merges(&product).await, 1);

    // Lost before it came: nothing happened, and nobody says that it did.
    let (product, _) = with_duplicate().await;
    product.fault(json!({ "kind": "drop_before", "operation": "merge", "times": 1 })).await;
    let plan = product.refused("merge_customers", merge()).await;
    let mut with_token = merge();
    with_token["plan_token"] = plan["details"]["plan_token"].clone();
    let unknown = product.refused("merge_customers", with_token).await;
    assert_eq!(unknown["error"], "outcome_unknown", "{unknown}");
    assert!(person(&product, "cust_0910").await != Value::Null);
    // Somebody deletes the duplicate meanwhile: gone is not merged.
    product.track("DELETE", "customers/cust_0910", json!({})).await;
    product.clock.advance(Duration::from_secs(90));
    assert_eq!(product.sweep().await.unknown, 1);
}

#[tokio::test]
async fn consent_that_a_merge_would_lose_is_told() {
    let (product, _) = with_duplicate().await;
    let subscribed = json!({ "id": "cust_0010", "attributes": { "unsubscribed": false } });
    product.ok("identify_customer", subscribed).await;
    let merged = product.planned("merge_customers", merge()).await;
    let warning = merged["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("The duplicate was unsubscribed and the customer is not"), "{merged}");
    assert_eq!(merged["not_taken_over"], json!(["plan", "unsubscribed"]));
}
