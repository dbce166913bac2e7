//! Each guard through the tools: that it refuses, that it lets through, and where it counts, that it counts right when
//! many call at once. The sandbox is the witness.

mod absent;
mod approvals;
mod audit;
mod budgets;
mod erasure;
mod once;
mod plans;
mod policy;
mod recipients;
mod test_profiles;

use serde_json::{Value, json};

use crate::driver::{Product, Setup};

/// The shop, with its strategy declared.
async fn shop() -> Product {
    started(Setup::shop()).await
}

/// A product whose people are identified by ids such as `cust_0001`.
async fn started(setup: Setup) -> Product {
    let product = setup.start().await;
    product.declare_ids().await;
    product
}

/// A count of the sandbox's.
async fn count(product: &Product, what: &str) -> u64 {
    product.counts().await[what].as_u64().unwrap()
}

/// The answer with every named part replaced, so that a snapshot holds on every run.
fn without(answer: &Value, paths: &[&str]) -> String {
    let mut answer = answer.clone();
    for path in paths {
        let part = answer.pointer_mut(path).unwrap_or_else(|| panic!("no {path} in {path:?}"));
        *part = json!("…");
    }
    crate::witness::text(&answer)
}

/// Arguments of the simplest send there is.
fn confirmation(customer: &str) -> Value {
    json!({ "template": "order_confirmation", "customer": customer, "message_data": { "order_id": "A-1" } })
}
