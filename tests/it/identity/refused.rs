//! What is refused before anything is written.

use customerio_mcp::guard::identity::strategy::IdForm;
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{cio_id, refused},
};

/// The shop with the strategy of the shop: ids such as `cust_0001`.
async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// The shop with ids of any form but an e-mail address.
async fn shop_with_any_ids() -> Product {
    let product = Setup::shop().start().await;
    product.ok("declare_identity_strategy", json!({ "primary": "id", "source": "the customers table" })).await;
    product
}

#[tokio::test]
async fn without_a_strategy_nobody_is_created_or_changed() {
    let product = Setup::shop().start().await;
    let calls: [(&'static str, Value); 7] = [
        ("identify_customer", json!({ "id": "cust_9001" })),
        ("track_event", json!({ "customer": "cust_0001", "name": "seen" })),
        ("add_to_segment", json!({ "segment_id": 1, "customers": ["cust_0002"] })),
        ("remove_from_segment", json!({ "segment_id": 1, "customers": ["cust_0001"] })),
        ("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })),
        ("delete_customer", json!({ "customer": "cust_0001" })),
        ("erase_customer", json!({ "customer": "cust_0001" })),
    ];
    let mut answers: Vec<String> = Vec::new();
    for (tool, arguments) in calls {
        answers.push(refused(&product, tool, arguments).await);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "every tool says the same: {answers:?}");
    insta::assert_snapshot!(answers[0], @r#"
    {
      "error": "identity_strategy_required",
      "message": "No identity strategy is declared for this workspace, so nobody can be created or changed yet. Nothing was changed.",
      "next_step": "Ask the user what identifies a customer and where ids come from, then call declare_identity_strategy.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_read_needs_no_strategy() {
    let product = Setup::shop().start().await;
    product.ok("find_customers", json!({ "email": "ada.moss@example.com" })).await;
    let ada = product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(ada["customer"]["id"], "cust_0001");
    product.ok("preview_message", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    product.ok("list_test_customers", json!({})).await;
    product.ok("get_segment", json!({ "segment_id": 1 })).await;
    product.ok("get_guardrails", json!({})).await;
}

#[tokio::test]
async fn another_strategy_does_not_replace_the_declared_one() {
    let product = shop().await;
    product.declare_ids().await;
    let other = json!({ "primary": "email", "source": "the newsletter list" });
    insta::assert_snapshot!(refused(&product, "declare_identity_strategy", other).await, @r#"
    {
      "error": "identity_strategy_declared",
      "message": "Another identity strategy is declared for this workspace, and people were written by it. Nothing was changed.",
      "next_step": "Work with the declared one. Changing it is the operator's decision.",
      "details": {
        "declared": {
          "primary": "id",
          "id_form": "prefix:cust_",
          "source": "the customers table of the shop",
          "anonymous_ids": false
        }
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_id_of_the_wrong_form() {
    let product = shop().await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "9001" })).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`id` is not of the declared form `prefix:cust_`. Nothing was changed.",
      "field": "id",
      "next_step": "Take the id from where the strategy says ids come from; get_guardrails shows it.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_email_as_id() {
    let product = shop_with_any_ids().await;
    let new = json!({ "id": "zoe@shop.io" });
    insta::assert_snapshot!(refused(&product, "identify_customer", new).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`id` holds an e-mail address, and the identity strategy keeps addresses in `email`. Nothing was changed.",
      "field": "id",
      "next_step": "Pass the address as `email`, or name the person with id_type \"email\".",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_send_to_an_email_as_id() {
    let product = shop_with_any_ids().await;
    let send =
        json!({ "template": "order_confirmation", "customer": "zoe@shop.io", "message_data": { "order_id": "1" } });
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`customer` holds an e-mail address, and the identity strategy keeps addresses in `email`. Nothing was changed.",
      "field": "customer",
      "next_step": "Pass the address as `email`, or name the person with id_type \"email\".",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_id_with_a_trailing_space() {
    let product = shop_with_any_ids().await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "cust_0001 " })).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`id` begins or ends with white space. Nothing was changed.",
      "field": "id",
      "next_step": "Pass the identifier exactly as your own system has it.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_id_of_another_case_than_a_known_one() {
    let product = shop_with_any_ids().await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "CUST_0001" })).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The `id` is new, but differs only by case or spaces from one that exists; ids are compared with case, so this would make a second person. Nothing was changed.",
      "field": "id",
      "next_step": "Use the existing person's `cio_id`, or check the id at its source.",
      "details": {
        "belongs_to": [
          {
            "identifier": "id",
            "cio_id": "811d00000001"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_known_id_that_was_stored_with_a_space() {
    let product = shop_with_any_ids().await;
    product.track("PUT", "customers/kept%20", json!({})).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "kept" })).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The `id` is new, but differs only by case or spaces from one that exists; ids are compared with case, so this would make a second person. Nothing was changed.",
      "field": "id",
      "next_step": "Use the existing person's `cio_id`, or check the id at its source.",
      "details": {
        "belongs_to": [
          {
            "identifier": "id",
            "cio_id": "811d0000000d"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_send_to_an_id_of_another_case_makes_no_second_person() {
    let product = shop_with_any_ids().await;
    let send = json!({ "template": "order_confirmation", "customer": "CUST_0001", "to": "ada.moss@example.com", "message_data": { "order_id": "1" } });
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The `customer` is new, but differs only by case or spaces from one that exists; ids are compared with case, so this would make a second person. Nothing was changed.",
      "field": "customer",
      "next_step": "Use the existing person's `cio_id`, or check the id at its source.",
      "details": {
        "belongs_to": [
          {
            "identifier": "id",
            "cio_id": "811d00000001"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_new_id_with_the_email_of_another() {
    let product = shop().await;
    let given = json!({ "id": "cust_9001", "email": "Ada.Moss@example.com", "attributes": { "plan": "free" } });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The `id` is new, but the `email` belongs to a person with another id. Customer.io would not make a second person: it would change that one. Nothing was changed.",
      "field": "email",
      "next_step": "Update that person by their `cio_id`, or use another address for the new person.",
      "details": {
        "belongs_to": [
          {
            "identifier": "email",
            "cio_id": "811d00000001"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn two_known_identifiers_of_two_people() {
    let product = shop().await;
    let given = json!({ "id": "cust_0002", "email": "ada.moss@example.com", "attributes": { "plan": "gold" } });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The identifiers belong to two different people. Customer.io would answer success and write neither. Nothing was changed.",
      "field": "email",
      "next_step": "Name one person by `cio_id`. If both are the same human, merge_customers makes one of two.",
      "details": {
        "belongs_to": [
          {
            "identifier": "id",
            "cio_id": "811d00000002"
          },
          {
            "identifier": "email",
            "cio_id": "811d00000001"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_cio_id_and_the_id_of_another() {
    let product = shop().await;
    let given = json!({ "cio_id": cio_id(&product, "cust_0001").await, "id": "cust_0002" });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The identifiers belong to two different people. Customer.io would answer success and write neither. Nothing was changed.",
      "field": "id",
      "next_step": "Name one person by `cio_id`. If both are the same human, merge_customers makes one of two.",
      "details": {
        "belongs_to": [
          {
            "identifier": "cio_id",
            "cio_id": "811d00000001"
          },
          {
            "identifier": "id",
            "cio_id": "811d00000002"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_new_id_for_somebody_who_has_one_named_by_cio_id() {
    let product = shop().await;
    let given = json!({ "cio_id": cio_id(&product, "cust_0001").await, "id": "cust_9001" });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "identifier_immutable",
      "message": "Ids cannot be changed once set. Nothing was changed.",
      "field": "id",
      "next_step": "Leave `id` out to update the person, or give the id they already have.",
      "details": {
        "person": {
          "cio_id": "811d00000001"
        }
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn another_email_for_somebody_named_by_id() {
    let product = shop().await;
    let given = json!({ "id": "cust_0001", "email": "ada@shop.io" });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "identifier_immutable",
      "message": "The person has another e-mail address, and Customer.io would refuse the change in silence. Nothing was changed.",
      "field": "email",
      "next_step": "To change the address on purpose, name the person by `cio_id` and give the new `email`.",
      "details": {
        "person": {
          "cio_id": "811d00000001"
        }
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_unknown_cio_id() {
    let product = shop().await;
    let given = json!({ "cio_id": "cio_03009999", "attributes": { "plan": "gold" } });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this `cio_id`, and Customer.io would drop the write in silence. Nothing was changed.",
      "field": "cio_id",
      "next_step": "find_customers finds people by e-mail, attribute or segment. To make a new person, leave `cio_id` out.",
      "safe_to_retry": false
    }
    "#);
    let event = json!({ "customer": "cio_03009999", "id_type": "cio_id", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", event).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this cio_id. Nothing was changed.",
      "field": "customer",
      "next_step": "Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_cio_id_given_as_an_id() {
    let product = shop_with_any_ids().await;
    let given = json!({ "id": format!("cio_{}", cio_id(&product, "cust_0001").await) });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`id` begins with `cio_`, which Customer.io reads as its own identifier. Nothing was changed.",
      "field": "id",
      "next_step": "Pass Customer.io's identifier as `cio_id` (id_type \"cio_id\").",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_email_alone_makes_nobody_where_ids_are_primary() {
    let product = shop().await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "email": "zoe@shop.io" })).await, @r#"
    {
      "error": "invalid_argument",
      "message": "Nobody has the identifier given, and a new person needs `id`, the primary identifier of the identity strategy. Nothing was changed.",
      "field": "id",
      "next_step": "Give `id` too; it comes from: the customers table of the shop.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn no_identifier_at_all() {
    let product = shop().await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "attributes": { "plan": "gold" } })).await, @r#"
    {
      "error": "invalid_argument",
      "message": "No identifier was given: give `id`, `email` or `cio_id`. Nothing was changed.",
      "field": "id",
      "next_step": "get_guardrails names the primary identifier of this workspace.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_masked_value_that_comes_back() {
    let product = shop().await;
    let ada = product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
    let given = json!({ "id": "cust_0001", "email": ada["customer"]["email"] });
    insta::assert_snapshot!(refused(&product, "identify_customer", given).await, @r#"
    {
      "error": "masked_value",
      "message": "`email` is a masked value from an answer, not a real one. Nothing was changed.",
      "field": "email",
      "next_step": "Name the person by `cio_id`, which answers always show in clear.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_event_for_nobody_makes_nobody() {
    let product = shop().await;
    let event = json!({ "customer": "cust_9001", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", event).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this id. Nothing was changed.",
      "field": "customer",
      "next_step": "Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn one_unknown_person_among_known_ones_stops_the_whole_call() {
    let product = shop().await;
    let both = json!({ "segment_id": 2, "customers": ["cust_0001", "cust_9001"] });
    insta::assert_snapshot!(refused(&product, "add_to_segment", both).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this id. Nothing was changed.",
      "field": "customers[1]",
      "next_step": "Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one.",
      "safe_to_retry": false
    }
    "#);
}

#[test]
fn every_form_of_id_says_what_it_takes() {
    for form in ["any", "uuid", "ulid", "integer", "email", "prefix:cust_", "regex:[A-Z]{2}\\d+"] {
        let parsed = IdForm::try_from(form.to_owned()).unwrap();
        let error = parsed.check("ada @ home", "id").unwrap_err();
        assert!(error.message.contains("`id`") && error.message.contains("Nothing was changed"), "{error}");
        assert!(form == "any" || error.message.contains(form), "{form}: {error}");
    }
}
