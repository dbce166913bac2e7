//! Ways to read what is masked, hidden or secret.

use serde_json::{Value, json};

use super::{Table, short};
use crate::driver::{Product, Setup};

/// Whether anything of a person stands in an answer.
fn tells(answer: &Value) -> String {
    let text = answer.to_string();
    let told = ["ada.moss@example.com", "+15005550006", "ada.moss"].iter().any(|value| text.contains(value));
    format!("{}; of the person it tells {}", short(answer), if told { "SOMETHING" } else { "nothing" })
}

async fn product() -> Product {
    Setup::shop().with_ids().with(|config| config.privacy.hide = vec!["plan".to_owned()]).start().await
}

#[tokio::test]
async fn what_is_masked_stays_so() {
    let product = product().await;
    let mut table = Table::default();
    let both = json!({ "id": "cust_0002", "email": "ada.moss@example.com" });
    let conflict = product.call("identify_customer", both).await;
    let told = conflict["details"].to_string();
    table.add(
        "a conflict of identifiers, to learn whose an address is",
        format!(
            "{}; the other's id is shown: {}, an address is: {}",
            short(&conflict),
            told.contains("cust_0001"),
            told.contains("ada.moss@")
        ),
    );
    for (attack, tool, arguments) in [
        (
            "a masked address as a customer",
            "get_customer",
            json!({ "customer": "a•••@example.com", "id_type": "email" }),
        ),
        ("a masked address to be found", "find_customers", json!({ "email": "a•••@example.com" })),
        ("a masked value to be found", "find_customers", json!({ "attribute": "phone", "value": "+1•••06" })),
        (
            "a masked value written back",
            "identify_customer",
            json!({ "id": "cust_0001", "attributes": { "phone": "+1•••06" } }),
        ),
        (
            "a hidden attribute asked for value by value",
            "find_customers",
            json!({ "attribute": "plan", "value": "gold" }),
        ),
        ("a person who is not there", "get_customer", json!({ "customer": "cust_9999" })),
        ("a person by another kind of identifier", "get_customer", json!({ "customer": "ada.moss@example.com" })),
        (
            "a question about somebody to find_operations",
            "find_operations",
            json!({ "query": "phone of ada.moss@example.com" }),
        ),
        ("the audit", "list_audit", json!({ "limit": 100 })),
    ] {
        table.add(attack, tells(&product.call(tool, arguments).await));
    }
    // Noted: whether somebody has a value that the caller names is answered, also of what is masked.
    let oracle = json!({ "attribute": "phone", "value": "+15005550006" });
    let found = product.ok("find_customers", oracle).await;
    table.add(
        "a masked attribute asked for by its whole value (an oracle, and known as one)",
        format!(
            "{} person, named by a masked address: {}",
            found["customers"].as_array().unwrap().len(),
            found.to_string().contains("a•••@")
        ),
    );
    let read = rmcp::model::ReadResourceRequestParams::new("customerio://deliveries/ada.moss@example.com");
    let error = product.client.read_resource(read).await.unwrap_err().to_string();
    table.add(
        "a resource by somebody's address",
        if error.contains("ada.moss") { "TOLD" } else { "not found; tells nothing" },
    );
    insta::assert_snapshot!(table.told(), @"
    attack                                                                        | answer
    a conflict of identifiers, to learn whose an address is                       | identity_conflict at email; the other's id is shown: false, an address is: false
    a masked address as a customer                                                | masked_value at customer; of the person it tells nothing
    a masked address to be found                                                  | masked_value at email; of the person it tells nothing
    a masked value to be found                                                    | masked_value at value; of the person it tells nothing
    a masked value written back                                                   | masked_value at attributes.phone; of the person it tells nothing
    a hidden attribute asked for value by value                                   | denied at attribute; of the person it tells nothing
    a person who is not there                                                     | customer_not_found at customer; of the person it tells nothing
    a person by another kind of identifier                                        | customer_not_found at customer; of the person it tells nothing
    a question about somebody to find_operations                                  | succeeded; of the person it tells nothing
    the audit                                                                     | succeeded; of the person it tells nothing
    a masked attribute asked for by its whole value (an oracle, and known as one) | 1 person, named by a masked address: true
    a resource by somebody's address                                              | not found; tells nothing
    ");
}

#[tokio::test]
async fn secrets_are_neither_asked_for_nor_told() {
    let product = product().await;
    let mut table = Table::default();
    let keys = product.sandbox.keys().clone();
    for tool in product.client.list_all_tools().await.unwrap() {
        let schema = json!(tool.input_schema);
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        // A plan's token and a device's are no credentials of ours.
        let asks = properties
            .keys()
            .find(|name| ["secret", "password", "api_key", "credential"].iter().any(|word| name.contains(word)));
        if let Some(asks) = asks {
            table.add(format!("an argument of {}", tool.name), format!("asks for {asks}"));
        }
    }
    product.track("PUT", "customers/cust_7002", json!({ "note": keys.app_api_key.clone() })).await;
    for (attack, tool, arguments) in [
        ("our key in an attribute", "get_customer", json!({ "customer": "cust_7002" })),
        ("our key as a customer", "get_customer", json!({ "customer": keys.app_api_key.clone() })),
        ("our key as an unknown argument", "list_segments", json!({ keys.app_api_key.clone(): 1 })),
        ("our key as a question", "find_operations", json!({ "query": keys.app_api_key.clone() })),
        ("our key as an operation", "run_read_operation", json!({ "operation": keys.app_api_key.clone() })),
        ("the guardrails", "get_guardrails", json!({})),
    ] {
        let answer = product.call(tool, arguments).await;
        let told = answer.to_string().contains(&keys.app_api_key);
        table.add(attack, format!("{}; the key is {}", short(&answer), if told { "TOLD" } else { "not told" }));
    }
    insta::assert_snapshot!(table.told(), @"
    attack                         | answer
    our key in an attribute        | succeeded; the key is not told
    our key as a customer          | customer_not_found at customer; the key is not told
    our key as an unknown argument | invalid_argument at [secret removed]; the key is not told
    our key as a question          | succeeded; the key is not told
    our key as an operation        | not_found at operation; the key is not told
    the guardrails                 | succeeded; the key is not told
    ");
}
