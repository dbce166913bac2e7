//! Track credentials alone: nobody can be looked up, and every answer says what that means.

use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{person, refused, text},
};

async fn shop(strategy: Value) -> Product {
    let product = Setup::shop().with(|config| config.app_api_key = None).start().await;
    product.ok("declare_identity_strategy", strategy).await;
    product
}

async fn shop_with_ids() -> Product {
    shop(json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table" })).await
}

#[tokio::test]
async fn what_needs_a_look_up_is_not_listed() {
    let product = shop_with_ids().await;
    let listed: Vec<_> =
        product.client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name.into_owned()).collect();
    insta::assert_snapshot!(listed.join("\n"), @"
    get_guardrails
    declare_identity_strategy
    list_approvals
    list_audit
    identify_customer
    import_customers
    track_event
    track_events
    add_to_segment
    remove_from_segment
    delete_customer
    unsuppress_customer
    advance_clock
    inject_fault
    reset_sandbox
    find_operations
    run_read_operation
    run_write_operation
    run_trigger_operation
    run_send_operation
    run_delete_operation
    add_device
    delete_device
    unsubscribe_from_delivery
    add_relationships
    delete_relationships
    identify_object
    identify_anonymous_object
    delete_object
    add_object_customers
    remove_object_customers
    track_anonymous_event
    submit_form
    report_delivery_metric
    report_push_event
    track_page_view
    track_screen_view
    report_push_delivery
    identify_through_pipelines
    track_page_through_pipelines
    track_screen_through_pipelines
    group_through_pipelines
    alias_through_pipelines
    track_through_pipelines
    add_device_through_pipelines
    delete_device_through_pipelines
    delete_relationship_through_pipelines
    delete_object_through_pipelines
    get_account_region
    ");
}

#[tokio::test]
async fn the_primary_alone_is_accepted_and_not_verified() {
    let product = shop_with_ids().await;
    let before = product.counts().await["people"].as_u64().unwrap();
    let answer = product.ok("identify_customer", json!({ "id": "cust_9001", "attributes": { "plan": "gold" } })).await;
    insta::assert_snapshot!(text(&answer), @r#"
    {
      "result": "accepted",
      "action": "written",
      "verified": false
    }
    "#);
    assert_eq!(person(&product, "cust_9001").await["customer"]["attributes"]["plan"], "gold");
    let event = product.ok("track_event", json!({ "customer": "cust_9001", "name": "seen" })).await;
    assert_eq!(event["result"], "accepted");
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_9001"] })).await;
    assert_eq!(product.counts().await["people"], before + 1);
    assert!(product.requests().await.to_string().contains("cust_9001"));
}

#[tokio::test]
async fn a_second_identifier_needs_the_app_key() {
    let product = shop_with_ids().await;
    let given = json!({ "id": "cust_9001", "email": "zoe@shop.io" });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "app_key_required",
      "message": "This workspace has no App API key, so nobody can be looked up: a second identifier, a test profile, an erasure or a preview needs it. Nothing was changed.",
      "next_step": "Name the person by the primary identifier alone, or ask the operator for an App API key.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn anything_but_the_primary_or_a_real_person_needs_the_app_key() {
    let product = shop_with_ids().await;
    let calls: Vec<(&'static str, Value)> = vec![
        ("identify_customer", json!({ "email": "zoe@shop.io" })),
        ("identify_customer", json!({ "cio_id": "03000001" })),
        ("identify_customer", json!({ "id": "cust_9001", "test": true })),
        ("track_event", json!({ "customer": "ada.moss@example.com", "id_type": "email", "name": "seen" })),
        ("track_event", json!({ "customer": "03000001", "id_type": "cio_id", "name": "seen" })),
        ("add_to_segment", json!({ "segment_id": 2, "customers": ["ada.moss@example.com"], "id_type": "email" })),
        ("delete_customer", json!({ "customer": "ada.moss@example.com", "id_type": "email" })),
    ];
    for (tool, arguments) in calls {
        let answer = refused(&product, tool, arguments.clone()).await;
        assert!(answer.contains("\"app_key_required\""), "{tool} {arguments}: {answer}");
        assert!(answer.contains("Nothing was changed"), "{answer}");
    }
}

#[tokio::test]
async fn a_hidden_test_person_is_still_seen() {
    let product = shop(json!({ "primary": "id", "source": "the customers table" })).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "test-1" })).await, @r#"
    {
      "error": "test_profile_expected",
      "message": "The `id` looks like a test identity, and the call makes no test profile. Nothing was changed.",
      "field": "id",
      "next_step": "Pass `test: true`: the profile is then tagged, counted and removed after it expires.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_event_cannot_make_a_person_with_an_id_of_the_wrong_form() {
    let product = shop_with_ids().await;
    let event = json!({ "customer": "9001", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", event).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`customer` is not of the declared form `prefix:cust_`. Nothing was changed.",
      "field": "customer",
      "next_step": "Take the id from where the strategy says ids come from; get_guardrails shows it.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn the_primary_may_be_the_email() {
    let product = shop(json!({ "primary": "email", "source": "the sign-up form" })).await;
    let answer = product.ok("identify_customer", json!({ "email": "zoe@shop.io" })).await;
    assert_eq!((&answer["result"], &answer["verified"]), (&json!("accepted"), &json!(false)), "{answer}");
    assert_ne!(person(&product, "zoe@shop.io").await, Value::Null);
}

#[tokio::test]
async fn an_event_cannot_make_a_hidden_test_profile() {
    let product = shop(json!({ "primary": "email", "source": "the sign-up form" })).await;
    let event = json!({ "customer": "zoe@shop.test", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", event).await, @r#"
    {
      "error": "test_profile_expected",
      "message": "The `email` looks like a test identity, and the call makes no test profile. Nothing was changed.",
      "field": "customer",
      "next_step": "A test profile needs the App API key, which this workspace does not have.",
      "safe_to_retry": false
    }
    "#);
}
