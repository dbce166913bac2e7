//! `unsuppress_customer`: an identifier may be used again, unless its person was erased.

use serde_json::{Value, json};

use super::{shop, told};
use crate::{
    driver::Setup,
    witness::{person, refused, text},
};

#[tokio::test]
async fn a_suppressed_identifier_can_be_used_again() {
    let product = shop().await;
    product.track("POST", "customers/cust_0001/suppress", json!({})).await;
    let ada = json!({ "id": "cust_0001", "attributes": { "plan": "free" } });
    product.track("PUT", "customers/cust_0001", json!({ "plan": "free" })).await;
    assert_eq!(person(&product, "cust_0001").await, Value::Null, "dropped in silence");
    let lifted = product.ok("unsuppress_customer", json!({ "customer": "cust_0001" })).await;
    insta::assert_snapshot!(text(&lifted), @r#"
    {
      "result": "accepted",
      "note": "Only the identifier given was released, and nobody was made: a suppression by Customer.io holds for the id and the e-mail of a person, each to be lifted by itself."
    }
    "#);
    product.ok("identify_customer", ada).await;
    assert_eq!(person(&product, "cust_0001").await["customer"]["attributes"]["plan"], "free");
    // The address is a suppression of its own.
    let email = json!({ "customer": "ada.moss@example.com", "id_type": "email" });
    assert_eq!(product.ok("unsuppress_customer", email).await["result"], "accepted");
}

#[tokio::test]
async fn what_is_not_suppressed_or_not_named_well_is_refused() {
    let product = shop().await;
    for (arguments, expected) in [
        (json!({ "customer": "03000001", "id_type": "cio_id" }), json!(["invalid_argument", "id_type"])),
        (json!({ "customer": "c•••@x.io", "id_type": "email" }), json!(["masked_value", "customer"])),
        (json!({ "customer": "nobody", "id_type": "email" }), json!(["invalid_identifier", "customer"])),
        (json!({ "id": "cust_0001" }), json!(["invalid_argument", "id"])),
    ] {
        let answer = product.refused("unsuppress_customer", arguments.clone()).await;
        assert_eq!(told(&answer), expected, "{arguments}: {answer}");
    }
    let cio_id = crate::witness::cio_id(&product, "cust_0001").await;
    let answer = refused(&product, "unsuppress_customer", json!({ "customer": "cust_0001" })).await;
    insta::assert_snapshot!(answer.replace(&cio_id, "<ada>"), @r#"
    {
      "error": "conflict",
      "message": "The customer <ada> has this identifier, so it is not suppressed. Nothing was changed.",
      "field": "customer",
      "next_step": "explain_delivery says why they get no messages; set_subscription changes what they get.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_erasure_is_not_lifted_by_a_tool() {
    let product = shop().await;
    product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    for arguments in
        [json!({ "customer": "cust_0001" }), json!({ "customer": "ada.moss@example.com", "id_type": "email" })]
    {
        let answer = product.refused("unsuppress_customer", arguments).await;
        assert_eq!(answer["error"], "customer_erased", "{answer}");
    }
    let counted = product.requests().await["counts"]["POST /api/v1/customers/{identifier}/unsuppress"].clone();
    assert_eq!(counted, Value::Null);
}

#[tokio::test]
async fn a_human_approves_where_people_are_real() {
    let live = Setup::live().with_ids().start().await;
    live.track("POST", "customers/cust_0001/suppress", json!({})).await;
    let answer = live.refused("unsuppress_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(answer["error"], "approval_required", "{answer}");
    assert_eq!(answer["details"]["because"], json!(["it lets somebody be written to who was suppressed"]));
    let allowed = Setup::live().with_ids().with(|config| {
        config.policy.tools.insert("unsuppress_customer".into(), customerio_mcp::guard::policy::Decision::Allow);
    });
    let allowed = allowed.start().await;
    assert_eq!(allowed.ok("unsuppress_customer", json!({ "customer": "cust_0999" })).await["result"], "accepted");
}
