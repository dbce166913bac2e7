//! The operations: what is called, which request it makes, and who can witness what that came to.

use customerio_mcp::catalog::Retry;
use serde_json::{Value, json};

use crate::{driver::Product, witness::person};

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) retry: Retry,
    /// The request that changes something, by the vendor's operation id …
    pub(super) request: &'static str,
    /// … and as the sandbox's log of requests names it.
    pub(super) path: &'static str,
    /// The read that would show its effect, by the vendor's operation id.
    pub(super) read: &'static str,
    pub(super) witness: Witness,
}

/// Where the sandbox's own state shows effects.
#[derive(Debug)]
pub(super) enum Witness {
    /// One of the sandbox's counts.
    Count(&'static str),
    /// The plan of a person.
    Plan { of: &'static str, is: &'static str },
    /// How many are in a segment.
    Members { segment_id: u64 },
}

impl Operation {
    /// Makes the call; where a plan has to be seen first, sees it and makes the call again.
    pub(super) async fn call(&self, product: &Product) -> Value {
        let answer = product.call(self.tool, self.arguments.clone()).await;
        if answer["error"] != "preview_required" {
            return answer;
        }
        let mut arguments = self.arguments.clone();
        arguments["plan_token"] = answer["details"]["plan_token"].clone();
        product.call(self.tool, arguments).await
    }

    /// How many of its requests the sandbox has seen.
    pub(super) async fn requests(&self, product: &Product) -> u64 {
        product.requests().await["counts"][self.path].as_u64().unwrap_or(0)
    }
}

impl Witness {
    /// A number that moves by one with each effect.
    pub(super) async fn measure(&self, product: &Product) -> u64 {
        match self {
            Self::Count(what) => product.counts().await[what].as_u64().unwrap(),
            Self::Plan { of, is } => {
                let person = person(product, of).await;
                u64::from(person["customer"]["attributes"]["plan"] == json!(is))
            }
            Self::Members { segment_id } => {
                let (_, answer) = product.app(&format!("segments/{segment_id}/customer_count")).await;
                answer["count"].as_u64().unwrap()
            }
        }
    }
}
