//! Several workspaces in one process: each has guards of its own, and nothing of one is worth anything in another.

mod apart;
mod asked;
mod process;

use serde_json::{Value, json};

use crate::driver::Setup;

/// The workspace beside the default one, which is called `sandbox`.
const STAGING: &str = "staging";

/// Two shops with people identified by their ids.
fn two(shop: Setup, staging: Setup) -> Setup {
    shop.with_ids().beside(STAGING, staging.with_ids())
}

/// The same arguments, for the other workspace.
fn there(mut arguments: Value) -> Value {
    arguments["workspace"] = json!(STAGING);
    arguments
}
