//! What goes to many: whom a call would reach is known, said and held before it does; and it goes out once.

mod audiences;
mod list;
mod metrics;
mod newsletters;
mod once;
mod trigger;

use customerio_mcp::guard::policy::Decision;
use serde_json::{Value, json};

use crate::driver::{Product, Setup};

/// The shop, with its strategy declared.
async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// The shop as a live workspace whose operator allows every send.
async fn live_and_allowed() -> Product {
    Setup::live().with_ids().with(|config| config.policy.send = Some(Decision::Allow)).start().await
}

/// The answer to a call that must be refused, which must send nothing.
async fn refused(product: &Product, tool: &'static str, arguments: Value) -> Value {
    let before = product.counts().await;
    let answer = product.refused(tool, arguments).await;
    assert_eq!(product.counts().await, before, "{tool} did something: {answer}");
    answer
}

/// What a refusal says: code, argument, message, next step.
fn told(answer: &Value) -> String {
    let part = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    format!("{} at {}: {} | {}", part("error"), part("field"), part("message"), part("next_step"))
}

/// The audience that a plan names.
async fn audience(product: &Product, tool: &'static str, arguments: Value) -> Value {
    let plan = refused(product, tool, arguments).await;
    assert!(plan["error"].as_str().unwrap().ends_with("_required"), "{plan}");
    plan["details"]["audience"].clone()
}

/// The same arguments with the token of the plan they lead to.
async fn with_token(product: &Product, tool: &'static str, mut arguments: Value) -> Value {
    let plan = refused(product, tool, arguments.clone()).await;
    arguments["plan_token"] = plan["details"]["plan_token"].clone();
    assert!(arguments["plan_token"].is_string(), "{plan}");
    arguments
}

async fn deliveries(product: &Product) -> u64 {
    product.counts().await["deliveries"].as_u64().unwrap()
}

fn gold() -> Value {
    json!({ "attribute": { "field": "plan", "operator": "eq", "value": "gold" } })
}
