//! Tokens of plans that are not the plan's own.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Table, short};
use crate::driver::{Product, Setup};

async fn token(product: &Product, tool: &'static str, arguments: &Value) -> Value {
    let plan = product.refused(tool, arguments.clone()).await;
    assert_eq!(plan["error"], "preview_required", "{plan}");
    plan["details"]["plan_token"].clone()
}

fn with(arguments: &Value, token: &Value) -> Value {
    let mut arguments = arguments.clone();
    arguments["plan_token"] = token.clone();
    arguments
}

/// What comes of altered tokens. The breaker would hear of the fifth: after four somebody else goes on.
async fn answers(delete: &Value, tokens: &[Value]) -> Vec<String> {
    let mut answers = Vec::new();
    for few in tokens.chunks(4) {
        let product = Setup::shop().with_ids().start().await;
        for token in few {
            answers.push(short(&product.call("delete_customer", with(delete, token)).await));
        }
    }
    answers
}

#[tokio::test]
async fn a_token_is_good_for_its_own_plan_once() {
    let product = Setup::shop().with_ids().start().await;
    let delete = json!({ "customer": "cust_0003" });
    let mut table = Table::default();
    let good = token(&product, "delete_customer", &delete).await;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(good.as_str().unwrap()).unwrap();
    // Expiry, number, set, nonce, code: every byte of each, one bit of it.
    let regions = [
        ("expiry", 0..8),
        ("number of people", 8..16),
        ("set of people", 16..32),
        ("nonce", 32..40),
        ("code", 40..bytes.len()),
    ];
    for (region, range) in regions {
        let altered = |at: usize| {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            json!(BASE64_URL_SAFE_NO_PAD.encode(altered))
        };
        let tokens: Vec<Value> = range.map(altered).collect();
        let mut answers = answers(&delete, &tokens).await;
        let count = answers.len();
        answers.dedup();
        table.add(format!("a token altered in its {region}, {count} times"), answers.join(" and "));
    }
    for (attack, altered) in [
        ("a token cut by one character", json!(&good.as_str().unwrap()[1..])),
        ("a token with something after it", json!(format!("{}AA", good.as_str().unwrap()))),
        ("an empty token", json!("")),
        ("the word `yes` as a token", json!("yes")),
    ] {
        table.add(attack, answers(&delete, &[altered]).await.remove(0));
    }
    table.add(
        "the token with other arguments",
        short(&product.call("delete_customer", with(&json!({ "customer": "cust_0005" }), &good)).await),
    );
    table.add("the token with another tool", short(&product.call("erase_customer", with(&delete, &good)).await));
    let other = Setup::shop().with_ids().with(|config| config.name = "other".to_owned()).start().await;
    table.add("the token in another workspace", short(&other.call("delete_customer", with(&delete, &good)).await));
    product.clock.advance(Duration::from_secs(601));
    table.add("the token after ten minutes", short(&product.call("delete_customer", with(&delete, &good)).await));
    let fresh = token(&product, "delete_customer", &delete).await;
    table.add("a fresh token", short(&product.call("delete_customer", with(&delete, &fresh)).await));
    let is_gold = json!({ "attribute": { "field": "plan", "operator": "eq", "value": "gold" } });
    let trigger = json!({ "broadcast_id": 3, "data": { "headline": "x" }, "filter": is_gold });
    let seen = token(&product, "trigger_broadcast", &trigger).await;
    product.track("PUT", "customers/cust_0002", json!({ "plan": "gold" })).await;
    table.add(
        "a plan whose audience has grown since",
        short(&product.call("trigger_broadcast", with(&trigger, &seen)).await),
    );
    let seen = token(&product, "trigger_broadcast", &trigger).await;
    table.add("a fresh token", short(&product.call("trigger_broadcast", with(&trigger, &seen)).await));
    let mut again = with(&trigger, &seen);
    again["idempotency_key"] = json!("another");
    table.add("the same token again, as another call", short(&product.call("trigger_broadcast", again).await));
    insta::assert_snapshot!(table.told(), @"
    attack                                           | answer
    a token altered in its expiry, 8 times           | plan_invalid at plan_token
    a token altered in its number of people, 8 times | plan_invalid at plan_token
    a token altered in its set of people, 16 times   | plan_invalid at plan_token
    a token altered in its nonce, 8 times            | plan_invalid at plan_token
    a token altered in its code, 16 times            | plan_invalid at plan_token
    a token cut by one character                     | plan_invalid at plan_token
    a token with something after it                  | plan_invalid at plan_token
    an empty token                                   | plan_invalid at plan_token
    the word `yes` as a token                        | plan_invalid at plan_token
    the token with other arguments                   | plan_invalid at plan_token
    the token with another tool                      | plan_invalid at plan_token
    the token in another workspace                   | plan_invalid at plan_token
    the token after ten minutes                      | plan_invalid at plan_token
    a fresh token                                    | succeeded
    a plan whose audience has grown since            | plan_invalid at plan_token
    a fresh token                                    | succeeded
    the same token again, as another call            | plan_invalid at plan_token
    ");
}
