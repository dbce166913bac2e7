//! Tools for people that change who they are or what they get, through a client. The sandbox is the witness.

mod export;
mod merge;
mod subscription;
mod unsuppress;

use serde_json::{Value, json};

use crate::driver::{Product, Setup};

/// The shop, with its strategy declared.
async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// Code and argument of a refusal.
fn told(error: &Value) -> Value {
    json!([error["error"], error["field"]])
}
