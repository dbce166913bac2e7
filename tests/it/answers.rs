//! Answers fit what their tools promise: the driver holds every answer of every test to its contract.

use std::{collections::HashMap, sync::LazyLock};

use customerio_mcp::{error::ErrorCode, tools};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::driver::Setup;

static OUTPUTS: LazyLock<HashMap<&'static str, Validator>> = LazyLock::new(|| {
    let validator = |schema| jsonschema::draft202012::new(&Value::Object(schema)).unwrap();
    let schema = |tool: &dyn tools::tool::Callable| tool.definition().output_schema.as_deref().cloned();
    let tools = tools::every();
    let promising = tools.iter().filter_map(|tool| Some((tool.spec().name, schema(tool.as_ref())?)));
    promising.map(|(name, schema)| (name, validator(schema))).collect()
});

/// The one shape of a failure; additional keys would be a second one.
static FAILURE: LazyLock<Validator> = LazyLock::new(|| {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let schema = json!({
        "type": "object",
        "required": ["error", "message", "safe_to_retry"],
        "additionalProperties": false,
        "properties": {
            "error": { "enum": codes },
            "message": { "type": "string", "minLength": 10 },
            "field": { "type": "string", "minLength": 1 },
            "next_step": { "type": "string", "minLength": 1 },
            "retry_after_seconds": { "type": "integer", "minimum": 0 },
            "details": { "type": "object" },
            "safe_to_retry": { "type": "boolean" },
        },
    });
    jsonschema::draft202012::new(&schema).unwrap()
});

/// Fails the test when an answer is not what the tool's contract says.
pub(crate) fn hold_to_contract(tool: &str, answer: &Value) {
    let validator = if answer.get("error").is_some() { Some(&*FAILURE) } else { OUTPUTS.get(tool) };
    let Some(validator) = validator else {
        // What operations without code of their own answer is Customer.io's to say.
        return assert!(answer.is_object(), "{tool}: {answer}");
    };
    let faults: Vec<String> =
        validator.iter_errors(answer).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{tool} breaks its contract: {faults:#?}\n{answer:#}");
}

#[test]
#[should_panic(expected = "breaks its contract")]
fn an_answer_that_does_not_fit_is_noticed() {
    hold_to_contract("track_event", &json!({ "result": "accepted" }));
}

#[test]
#[should_panic(expected = "breaks its contract")]
fn a_failure_of_another_shape_is_noticed() {
    hold_to_contract(
        "track_event",
        &json!({ "error": "no_such_code", "message": "something", "safe_to_retry": false }),
    );
}

#[tokio::test]
async fn every_tool_answers_as_its_contract_says() {
    let product = Setup::shop().start().await;
    product.ok("get_guardrails", json!({})).await;
    product.declare_ids().await;
    product.ok("get_guardrails", json!({})).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "attributes": { "first_name": "Ada" } })).await;
    product.ok("identify_customer", json!({ "id": "cust_9002", "email": "qa@example.com", "test": true })).await;
    product.ok("list_test_customers", json!({})).await;
    product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    product.ok("find_customers", json!({ "attribute": "first_name", "value": "Ada" })).await;
    product.ok("get_customer", json!({ "customer": "cust_9001", "detail": "full" })).await;
    product.ok("track_event", json!({ "customer": "cust_9001", "name": "signed up" })).await;

    let segment = product.ok("create_segment", json!({ "name": "Passing through" })).await["segment_id"].clone();
    let members = json!({ "segment_id": segment, "customers": ["cust_9001"] });
    product.ok("add_to_segment", members.clone()).await;
    product.ok("get_segment", json!({ "segment_id": segment, "members": 10 })).await;
    product.ok("remove_from_segment", members).await;
    product.ok("list_segments", json!({})).await;
    product.planned("delete_segment", json!({ "segment_id": segment })).await;

    product.ok("list_templates", json!({})).await;
    product.ok("preview_message", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    let sent = product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    product.ok("get_delivery", json!({ "delivery_id": sent["delivery_id"], "detail": "full" })).await;

    product.planned("delete_customer", json!({ "customer": "cust_9001" })).await;
    product.planned("erase_customer", json!({ "customer": "cust_0002" })).await;
    product.ok("list_audit", json!({ "limit": 100 })).await;
}

#[tokio::test]
async fn a_list_of_customers_is_corrected_from_one_answer() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let add = |customers: Value| json!({ "segment_id": 1, "customers": customers });
    let several = product.refused("add_to_segment", add(json!(["cust_x", "cust_0001", "cust_y"]))).await;
    assert_eq!(several["error"], "customer_not_found");
    assert_eq!(several["field"], "customers[0]");
    assert_eq!(several["details"], json!({ "not_found": ["customers[0]", "customers[2]"] }));
    let address = product.refused("add_to_segment", add(json!(["cust_0001", "ada.moss@example.com"]))).await;
    assert_eq!(address["next_step"], "It looks like an e-mail address: pass `id_type: \"email\"`.");
    assert_eq!(address.get("details"), None);
}

#[tokio::test]
async fn a_segment_that_is_not_there_is_named_by_its_argument() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    for (tool, arguments) in [
        ("get_segment", json!({ "segment_id": 999 })),
        ("add_to_segment", json!({ "segment_id": 999, "customers": ["cust_0001"] })),
    ] {
        let answer = product.refused(tool, arguments).await;
        assert_eq!(
            (&answer["error"], &answer["field"]),
            (&json!("not_found"), &json!("segment_id")),
            "{tool}: {answer}"
        );
        assert_eq!(answer["next_step"], "list_segments shows those there are.");
    }
}

#[tokio::test]
async fn the_number_of_a_deleted_segment_is_not_given_again() {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let first = product.ok("create_segment", json!({ "name": "First" })).await["segment_id"].clone();
    product.planned("delete_segment", json!({ "segment_id": first })).await;
    let second = product.ok("create_segment", json!({ "name": "Second" })).await["segment_id"].clone();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_preview_says_how_the_caller_can_give_what_is_missing() {
    let product = Setup::shop().start().await;
    let preview = product.ok("preview_message", json!({ "template": "2", "customer": "cust_0001" })).await;
    let message = preview["findings"][0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("Give `message_data.order_id`."), "{preview}");
}

#[tokio::test]
async fn an_answer_does_not_mask_its_own_words() {
    let product = Setup::shop().start().await;
    let sms = json!({ "template": "order_sms", "channel": "sms", "customer": "cust_0001" });
    let answer = product.refused("send_transactional", sms).await.to_string();
    assert!(answer.contains("phone number") && !answer.contains('•'), "{answer}");
}
