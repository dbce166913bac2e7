//! A/B tests: their groups, what their variants say, and what may be said of them.

mod compare;
mod groups;
mod variants;

use serde_json::Value;

use crate::driver::{Product, Setup};

async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// What a refusal says: code, argument, message, next step.
fn told(answer: &Value) -> String {
    let part = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    format!("{} at {}: {} | {}", part("error"), part("field"), part("message"), part("next_step"))
}
