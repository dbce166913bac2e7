//! `create_test_group`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{shop, told};
use crate::driver::Product;

async fn groups(product: &Product) -> usize {
    product.app("newsletters/2/test_groups").await.1["test_groups"].as_array().unwrap().len()
}

async fn create(product: &Product) -> Value {
    product.call("create_test_group", json!({ "newsletter_id": 2 })).await
}

#[tokio::test]
async fn a_group_is_a_copy_to_be_changed() {
    let product = shop().await;
    let first = create(&product).await;
    insta::assert_snapshot!(first, @r#"{"newsletter_id":2,"created":{"test_group_id":"2","name":"B","content_ids":[122,123]},"groups":2,"untrusted_fields":["name"]}"#);
    let again = create(&product).await;
    assert!(again["duplicate_of"].is_string(), "{again}");
    assert_eq!(groups(&product).await, 2);
    let another = json!({ "newsletter_id": 2, "idempotency_key": "third" });
    let third = product.ok("create_test_group", another).await;
    assert_eq!((&third["groups"], &third["created"]["name"]), (&json!(3), &json!("C")), "{third}");
}

#[tokio::test]
async fn a_group_whose_answer_was_lost_is_found() {
    for kind in ["drop_after", "500_after"] {
        let product = shop().await;
        product.fault(json!({ "kind": kind, "operation": "createNewsletterTestGroup" })).await;
        let answer = create(&product).await;
        assert_eq!((&answer["found"], &answer["created"]["name"]), (&json!(true), &json!("B")), "{answer}");
        assert_eq!(groups(&product).await, 2);
    }
}

#[tokio::test]
async fn a_group_that_may_be_lost_is_made_again_only_after_two_looks() {
    let product = shop().await;
    product.fault(json!({ "kind": "drop_before", "operation": "createNewsletterTestGroup" })).await;
    assert_eq!(create(&product).await["error"], "outcome_unknown");
    for _ in 0..2 {
        product.clock.advance(Duration::from_secs(100));
        product.sweep().await;
    }
    let made = create(&product).await;
    assert_eq!(made["groups"], 2, "{made}");
    assert_eq!(groups(&product).await, 2);
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let mut answers = Vec::new();
    for arguments in
        [json!({}), json!({ "newsletter_id": 0 }), json!({ "newsletter_id": 99 }), json!({ "newsletter_id": 1 })]
    {
        answers.push(told(&product.refused("create_test_group", arguments).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    invalid_argument at newsletter_id: The argument `newsletter_id` is missing. Nothing was changed. | Give `newsletter_id`.
    invalid_argument at newsletter_id: `newsletter_id` must be at least 1. Nothing was changed. | Correct `newsletter_id` and call again.
    not_found at newsletter_id: There is no newsletter with this id. Nothing was changed. | list_campaigns with `kind: "newsletter"` shows those there are.
    conflict at newsletter_id: The newsletter was sent already. Nothing was created. | compare_variants reads a test that was sent; create_newsletter makes a new newsletter.
    "#);
}
