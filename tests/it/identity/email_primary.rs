//! Workspaces whose people are known by e-mail, and changes of identifiers that are asked for.

use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, refused, text},
};

async fn shop(strategy: Value) -> Product {
    let product = Setup::shop().start().await;
    product.ok("declare_identity_strategy", strategy).await;
    product
}

fn by_email() -> Value {
    json!({ "primary": "email", "source": "the sign-up form" })
}

#[tokio::test]
async fn a_person_is_made_found_and_written_by_email() {
    let product = shop(by_email()).await;
    let before = product.counts().await["people"].as_u64().unwrap();
    let zoe =
        product.ok("identify_customer", json!({ "email": " Zoe@Shop.io", "attributes": { "plan": "free" } })).await;
    assert_eq!((&zoe["action"], &zoe["result"]), (&json!("created"), &json!("applied")), "{zoe}");
    let again =
        product.ok("identify_customer", json!({ "email": "ZOE@shop.io", "attributes": { "plan": "gold" } })).await;
    assert_eq!((&again["action"], &again["result"]), (&json!("updated"), &json!("applied")), "{again}");
    assert_eq!(again["customer"]["cio_id"], zoe["customer"]["cio_id"]);
    product.ok("track_event", json!({ "customer": "zoe@SHOP.io", "name": "seen" })).await;
    assert_eq!(product.counts().await["people"], before + 1);
    assert_eq!(person(&product, "zoe@shop.io").await["customer"]["attributes"]["plan"], "gold");
}

#[tokio::test]
async fn an_id_is_attached_to_somebody_known_by_email_alone() {
    let product = shop(by_email()).await;
    let before = product.counts().await;
    let dan = cio_id(&product, "dan.oak@example.com").await;
    let answer = product.ok("identify_customer", json!({ "email": "dan.oak@example.com", "id": "cust_0004" })).await;
    assert_eq!(answer["customer"]["cio_id"], json!(dan));
    assert_eq!((&answer["attached"], &answer["result"]), (&json!(["id"]), &json!("applied")), "{answer}");
    assert_eq!(product.counts().await, before);
    assert_eq!(cio_id(&product, "cust_0004").await, dan);
}

#[tokio::test]
async fn an_email_is_attached_to_somebody_who_has_none() {
    let product = shop(by_email()).await;
    let eve = cio_id(&product, "cust_0005").await;
    let answer = product.ok("identify_customer", json!({ "id": "cust_0005", "email": "eve@shop.io" })).await;
    assert_eq!((&answer["attached"], &answer["action"]), (&json!(["email"]), &json!("updated")), "{answer}");
    assert_eq!(cio_id(&product, "eve@shop.io").await, eve);
}

#[tokio::test]
async fn a_new_id_does_not_stand_in_for_the_primary_email() {
    let product = shop(by_email()).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "cust_9001" })).await, @r#"
    {
      "error": "invalid_argument",
      "message": "Nobody has the identifier given, and a new person needs `email`, the primary identifier of the identity strategy. Nothing was changed.",
      "field": "email",
      "next_step": "Give `email` too; it comes from: the sign-up form.",
      "safe_to_retry": false
    }
    "#);
    let both = json!({ "id": "cust_9001", "email": "ada.moss@example.com" });
    insta::assert_snapshot!(refused(&product, "identify_customer", both).await, @r#"
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
async fn an_email_is_changed_by_cio_id_and_only_so() {
    let product = shop(by_email()).await;
    let ada = cio_id(&product, "cust_0001").await;
    let before = product.counts().await;
    let by_id = json!({ "id": "cust_0001", "email": "ada@shop.io" });
    insta::assert_snapshot!(refused(&product, "identify_customer", by_id).await, @r#"
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
    let answer = product.ok("identify_customer", json!({ "cio_id": ada, "email": "ada@shop.io" })).await;
    assert_eq!((&answer["result"], &answer["action"]), (&json!("applied"), &json!("updated")), "{answer}");
    assert_eq!(cio_id(&product, "ada@shop.io").await, ada);
    assert_eq!(person(&product, "ada.moss@example.com").await, Value::Null);
    assert_eq!(product.counts().await, before);

    let taken = json!({ "cio_id": ada, "email": "ben.reed@example.com" });
    insta::assert_snapshot!(refused(&product, "identify_customer", taken).await, @r#"
    {
      "error": "identity_conflict",
      "message": "The identifiers belong to two different people. Customer.io would answer success and write neither. Nothing was changed.",
      "field": "email",
      "next_step": "Name one person by `cio_id`. If both are the same human, merge_customers makes one of two.",
      "details": {
        "belongs_to": [
          {
            "identifier": "cio_id",
            "cio_id": "811d00000001"
          },
          {
            "identifier": "email",
            "cio_id": "811d00000002"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn the_old_address_of_a_person_is_not_remembered_as_theirs() {
    let product = shop(by_email()).await;
    let ada = cio_id(&product, "cust_0001").await;
    product.ok("track_event", json!({ "customer": "ada.moss@example.com", "name": "seen" })).await;
    product.ok("identify_customer", json!({ "cio_id": ada, "email": "ada@shop.io" })).await;
    let old = json!({ "customer": "ada.moss@example.com", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", old).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this email. Nothing was changed.",
      "field": "customer",
      "next_step": "Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn only_addresses_of_the_declared_domains() {
    let product = shop(json!({ "primary": "email", "source": "staff", "email_domains": ["@shop.io"] })).await;
    product.ok("identify_customer", json!({ "email": "zoe@SHOP.io" })).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "email": "zoe@evilshop.io" })).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`email` is not at a domain the identity strategy allows. Nothing was changed.",
      "field": "email",
      "next_step": "Allowed: @shop.io.",
      "safe_to_retry": false
    }
    "#);
    let send =
        json!({ "template": "order_confirmation", "customer": "yan@else.io", "message_data": { "order_id": "1" } });
    insta::assert_snapshot!(refused(&product, "send_transactional", send).await, @r#"
    {
      "error": "invalid_identifier",
      "message": "`customer` is not at a domain the identity strategy allows. Nothing was changed.",
      "field": "customer",
      "next_step": "Allowed: @shop.io.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn two_calls_that_make_the_same_person_make_one() {
    let product = shop(by_email()).await;
    let before = product.counts().await["people"].as_u64().unwrap();
    let one = |n: u32| product.ok("identify_customer", json!({ "email": "zoe@shop.io", "attributes": { "n": n } }));
    let answers = futures_util::future::join_all((0..8).map(one)).await;
    let created = answers.iter().filter(|answer| answer["action"] == "created").count();
    assert_eq!(
        (created, product.counts().await["people"].as_u64().unwrap()),
        (1, before + 1),
        "{}",
        text(&json!(answers))
    );
}

#[tokio::test]
async fn ids_that_are_addresses_are_never_taken_for_the_email() {
    let product = shop(json!({ "primary": "id", "id_form": "email", "source": "logins of the shop" })).await;
    let before = product.counts().await["people"].as_u64().unwrap();
    let zoe = product
        .ok(
            "identify_customer",
            json!({ "id": "zoe@login.io", "email": "zoe@mail.io", "attributes": { "plan": "free" } }),
        )
        .await;
    assert_eq!((&zoe["action"], &zoe["result"]), (&json!("created"), &json!("applied")), "{zoe}");
    let cio_id = zoe["customer"]["cio_id"].as_str().unwrap();
    product.ok("track_event", json!({ "customer": "zoe@login.io", "name": "seen" })).await;
    product.ok("identify_customer", json!({ "id": "zoe@login.io", "attributes": { "plan": "gold" } })).await;
    let (_, read) = product.app(&format!("customers/{cio_id}/attributes?id_type=cio_id")).await;
    assert_eq!(read["customer"]["identifiers"]["id"], "zoe@login.io");
    assert_eq!(read["customer"]["identifiers"]["email"], "zoe@mail.io");
    assert_eq!(read["customer"]["attributes"]["plan"], "gold");
    assert_eq!(product.counts().await["people"], before + 1);
    product.planned("erase_customer", json!({ "customer": "zoe@login.io" })).await;
    assert_eq!(product.counts().await["people"], before);
}
