//! Test profiles: flagged, counted, limited, expiring, and removed only where ledger and tag agree.

use std::time::Duration;

use customerio_mcp::guard::policy::Decision;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{count, shop, started, without};
use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, refused, text},
};

const DAY: Duration = Duration::from_hours(24);

async fn make(product: &Product, id: &str) -> Value {
    product.ok("identify_customer", json!({ "id": id, "test": true })).await
}

#[tokio::test]
async fn what_looks_like_a_test_says_so_or_is_refused() {
    let product = shop().await;
    let hidden = json!({ "id": "cust_9001", "email": "ada+qa@shop.io" });
    insta::assert_snapshot!(refused(&product, "identify_customer", hidden).await, @r#"
    {
      "error": "test_profile_expected",
      "message": "The `email` looks like a test identity, and the call makes no test profile. Nothing was changed.",
      "field": "email",
      "next_step": "Pass `test: true`: the profile is then tagged, counted and removed after it expires.",
      "safe_to_retry": false
    }
    "#);
    let made =
        product.ok("identify_customer", json!({ "id": "cust_9001", "email": "ada+qa@shop.io", "test": true })).await;
    insta::assert_snapshot!(without(&made, &["/customer/cio_id"]), @r#"
    {
      "result": "applied",
      "action": "created",
      "verified": true,
      "customer": {
        "cio_id": "…",
        "id": "cust_9001",
        "email": "a•••@shop.io"
      },
      "test_expires_at": 1772528700
    }
    "#);
    let seen = person(&product, "cust_9001").await["customer"]["attributes"].clone();
    assert_eq!((&seen["mcp_test"], &seen["mcp_test_expires_at"]), (&json!("true"), &json!("1772528700")), "{seen}");
    assert!(seen["mcp_test_run"].as_str().unwrap().starts_with("run_"), "{seen}");
}

#[tokio::test]
async fn a_customer_is_never_made_a_test_profile() {
    let product = shop().await;
    let ada = json!({ "id": "cust_0001", "test": true });
    insta::assert_snapshot!(refused(&product, "identify_customer", ada).await, @r#"
    {
      "error": "conflict",
      "message": "The person exists and is not a test profile; an existing customer is never made one. Nothing was changed.",
      "field": "test",
      "next_step": "Leave `test` out to update them, or use identifiers nobody has.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_send_does_not_make_a_hidden_test_profile() {
    let product = Setup::shop().start().await;
    product.ok("declare_identity_strategy", json!({ "primary": "email", "source": "the sign-up form" })).await;
    let send =
        json!({ "template": "order_confirmation", "customer": "zoe@shop.test", "message_data": { "order_id": "1" } });
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "test_profile_expected",
      "message": "The `email` looks like a test identity, and the call makes no test profile. Nothing was changed.",
      "field": "customer",
      "next_step": "Make the test profile first, with identify_customer and `test: true`.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn the_quota_holds_and_a_place_comes_free() {
    let product = started(Setup::shop().with(|config| config.test_profiles.active = 2)).await;
    make(&product, "cust_9001").await;
    make(&product, "cust_9002").await;
    let third = json!({ "id": "cust_9003", "test": true });
    insta::assert_snapshot!(refused(&product, "identify_customer", third).await, @r#"
    {
      "error": "test_profile_quota",
      "message": "The quota of test profiles is 2, and 2 are active. Nothing was created.",
      "field": "test",
      "next_step": "Remove some with delete_test_customers, or use one that list_test_customers shows. The next one expires at 2026-03-03T09:05:00Z.",
      "safe_to_retry": false
    }
    "#);
    // Writing one that exists takes no place.
    make(&product, "cust_9002").await;
    let deleted = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(deleted["deleted"], 2, "{deleted}");
    make(&product, "cust_9003").await;
}

#[tokio::test]
async fn forty_at_once_get_the_five_places_there_are() {
    let product = started(Setup::shop().with(|config| config.test_profiles.active = 5)).await;
    let before = count(&product, "people").await;
    let calls =
        (0..40).map(|n| product.call("identify_customer", json!({ "id": format!("cust_91{n:02}"), "test": true })));
    let answers = join_all(calls).await;
    let made = answers.iter().filter(|answer| answer["action"] == "created").count();
    let full = answers.iter().filter(|answer| answer["error"] == "test_profile_quota").count();
    assert_eq!((made, full), (5, 35), "{}", text(&json!(answers)));
    assert_eq!(count(&product, "people").await, before + 5);
}

#[tokio::test]
async fn the_quota_counts_tagged_people_whom_the_ledger_does_not_know() {
    let product = started(Setup::shop().with(|config| config.test_profiles.active = 2)).await;
    product.track("PUT", "customers/cust_8001", json!({ "mcp_test": true })).await;
    product.track("PUT", "customers/cust_8002", json!({ "mcp_test": true })).await;
    let answer = refused(&product, "identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    assert!(answer.contains("\"test_profile_quota\""), "{answer}");
}

#[tokio::test]
async fn the_daily_quota_holds_though_places_are_free() {
    let product = started(Setup::shop().with(|config| config.test_profiles.per_day = 2)).await;
    make(&product, "cust_9001").await;
    make(&product, "cust_9002").await;
    product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    let third = json!({ "id": "cust_9003", "test": true });
    insta::assert_snapshot!(refused(&product, "identify_customer", third.clone()).await, @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `test_profiles` holds 2 per day, and 2 are used. Nothing was changed.",
      "next_step": "Enough is free again at 2026-03-03T09:06:00Z; get_guardrails shows every budget.",
      "retry_after_seconds": 86460,
      "safe_to_retry": false
    }
    "#);
    product.clock.advance(DAY + Duration::from_hours(1));
    product.ok("identify_customer", third).await;
}

#[tokio::test]
async fn only_the_expired_are_deleted_unless_asked() {
    let product = shop().await;
    make(&product, "cust_9001").await;
    product.clock.advance(DAY / 2);
    make(&product, "cust_9002").await;
    product.clock.advance(DAY / 2 + Duration::from_secs(1));
    let listed = product.ok("list_test_customers", json!({ "only_expired": true })).await;
    assert_eq!(listed["test_customers"][0]["id"], "cust_9001", "{listed}");
    assert_eq!(listed["test_customers"].as_array().unwrap().len(), 1);
    let deleted = product.planned("delete_test_customers", json!({})).await;
    assert_eq!(deleted, json!({ "deleted": 1, "gone_before": 0 }));
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
    assert_ne!(person(&product, "cust_9002").await, Value::Null);
}

#[tokio::test]
async fn only_what_ledger_and_tag_both_claim_is_deleted() {
    let product = shop().await;
    for id in ["cust_9001", "cust_9002", "cust_9003", "cust_9004"] {
        make(&product, id).await;
    }
    let (untagged, renamed) = (cio_id(&product, "cust_9001").await, cio_id(&product, "cust_9002").await);
    product.track("PUT", "customers/cust_9001", json!({ "mcp_test": "" })).await;
    product.track("PUT", &format!("customers/cio_{renamed}"), json!({ "id": "cust_7777" })).await;
    product.track("DELETE", "customers/cust_9003", json!({})).await;
    // Old enough to show, if it were there.
    product.clock.advance(Duration::from_secs(61));
    // Tagged by somebody else: not on the ledger.
    product.track("PUT", "customers/cust_0011", json!({ "mcp_test": true })).await;
    let people = count(&product, "people").await;

    let answer = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    insta::assert_snapshot!(text(&answer).replace(&untagged, "[untagged]").replace(&renamed, "[renamed]"), @r#"
    {
      "deleted": 1,
      "gone_before": 1,
      "kept": [
        {
          "cio_id": "[untagged]",
          "why": "it does not carry the test tag any more, and counts as a customer now"
        },
        {
          "cio_id": "[renamed]",
          "why": "its identifiers are not those it was made with"
        }
      ]
    }
    "#);
    assert_eq!(count(&product, "people").await, people - 1);
    for kept in ["cust_9001", "cust_7777", "cust_0011"] {
        assert_ne!(person(&product, kept).await, Value::Null, "{kept}");
    }
    let left = product.ok("list_test_customers", json!({})).await;
    assert_eq!(left["active"], 1, "{left}");
}

#[tokio::test]
async fn a_deletion_that_breaks_off_says_what_it_has_done() {
    let product = shop().await;
    for id in ["cust_9001", "cust_9002", "cust_9003"] {
        make(&product, id).await;
    }
    let second = cio_id(&product, "cust_9002").await;
    product.fault(json!({ "kind": "500_before", "path": format!("*cio_{second}*"), "times": 99 })).await;
    product.fault(json!({ "kind": "500_before", "path": format!("*/{second}/*"), "times": 99 })).await;
    let answer = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    let third = cio_id(&product, "cust_9003").await;
    insta::assert_snapshot!(text(&answer).replace(&second, "[second]").replace(&third, "[third]"), @r#"
    {
      "deleted": 1,
      "gone_before": 0,
      "kept": [
        {
          "cio_id": "[second]",
          "why": "Customer.io did not answer, and the call ended there: make it again"
        },
        {
          "cio_id": "[third]",
          "why": "Customer.io did not answer, and the call ended there: make it again"
        }
      ]
    }
    "#);
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
    product.control("DELETE", "faults", None).await;
    let rest = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(rest, json!({ "deleted": 2, "gone_before": 0 }));
}

#[tokio::test]
async fn a_profile_that_does_not_show_yet_keeps_its_place() {
    let product = shop().await;
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    let made = make(&product, "cust_9001").await;
    assert_eq!(made["result"], "accepted", "{made}");
    let early = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    insta::assert_snapshot!(text(&early), @r#"
    {
      "deleted": 0,
      "gone_before": 0,
      "kept": [
        {
          "why": "it was made a moment ago and does not show yet"
        }
      ]
    }
    "#);
    product.control("DELETE", "faults", None).await;
    let later = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(later, json!({ "deleted": 1, "gone_before": 0 }));
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
}

#[tokio::test]
async fn a_profile_that_is_made_again_while_it_is_deleted_keeps_a_place() {
    let product = started(Setup::shop().with(|config| {
        config.test_profiles.active = 1;
        config.policy.delete = Some(Decision::Allow);
    }))
    .await;
    let before = count(&product, "people").await;
    make(&product, "cust_9001").await;
    product.fault(json!({ "kind": "slow", "operation": "delete", "delay_ms": 1_000 })).await;
    let deletion = product.call("delete_test_customers", json!({ "only_expired": false }));
    let again = async {
        while person(&product, "cust_9001").await != Value::Null {}
        make(&product, "cust_9001").await
    };
    let (deleted, again) = tokio::join!(deletion, again);
    assert_eq!((&deleted["deleted"], &again["action"]), (&json!(1), &json!("created")), "{deleted} {again}");
    let answer = refused(&product, "identify_customer", json!({ "id": "cust_9002", "test": true })).await;
    assert!(answer.contains("\"test_profile_quota\""), "{answer}");
    assert_eq!(count(&product, "people").await, before + 1);
}

#[tokio::test]
async fn a_profile_whose_remaking_got_no_answer_is_not_taken_for_gone() {
    let product = started(Setup::shop().with(|config| config.test_profiles.active = 1)).await;
    make(&product, "cust_9001").await;
    product.track("DELETE", "customers/cust_9001", json!({})).await;
    product.fault(json!({ "kind": "drop_after", "operation": "identify", "times": 9 })).await;
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    let lost = product.refused("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    assert_eq!(lost["error"], "upstream_unavailable", "{lost}");
    product.control("DELETE", "faults", None).await;
    product.clock.advance(Duration::from_mins(2));
    let early = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!((&early["deleted"], &early["gone_before"]), (&json!(0), &json!(0)), "{early}");
    let answer = refused(&product, "identify_customer", json!({ "id": "cust_9002", "test": true })).await;
    assert!(answer.contains("\"test_profile_quota\""), "{answer}");

    assert_eq!(product.sweep().await.committed, 1);
    let later = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(later, json!({ "deleted": 1, "gone_before": 0 }));
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
}

#[tokio::test]
async fn a_customer_who_has_the_id_of_a_test_profile_that_is_gone_keeps_no_place_of_its() {
    let product = shop().await;
    make(&product, "cust_9001").await;
    product.track("DELETE", "customers/cust_9001", json!({})).await;
    product.track("PUT", "customers/cust_9001", json!({ "first_name": "Ada" })).await;
    product.clock.advance(Duration::from_secs(61));
    let answer = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(answer, json!({ "deleted": 0, "gone_before": 1 }));
    assert_ne!(person(&product, "cust_9001").await, Value::Null);
}

#[tokio::test]
async fn deleted_profiles_do_not_count_as_tagged_people() {
    let product = started(Setup::shop().with(|config| config.test_profiles.active = 2)).await;
    make(&product, "cust_9001").await;
    product.clock.advance(Duration::from_mins(11));
    // Looks at the tagged people again, and sees the first.
    make(&product, "cust_9002").await;
    let deleted = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(deleted["deleted"], 2, "{deleted}");
    make(&product, "cust_9003").await;
    make(&product, "cust_9004").await;
}
