//! `unsuppress_customer`: let an identifier be used again. Whoever had it does not come back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent},
    tools::{context::CallContext, directory::path, tool::Tool, verify::WriteResult},
};

/// Lifts a suppression.
pub struct UnsuppressCustomer;

/// Arguments of `unsuppress_customer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// `id` or `email`. Default: the strategy's primary.
    id_type: Option<IdType>,
}

/// Answer of `unsuppress_customer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `accepted`: Customer.io lets nobody read what is suppressed.
    result: WriteResult,
    note: &'static str,
}

const ASKS: &str = "it lets somebody be written to who was suppressed";
const OTHERS_STAY: &str = "Only the identifier given was released, and nobody was made: a suppression by Customer.io holds for the id and \
                           the e-mail of a person, each to be lifted by itself.";

impl Tool for UnsuppressCustomer {
    const SPEC: Spec = Spec {
        name: "unsuppress_customer",
        title: "Lift a suppression",
        prose: include_str!("../../../tools/unsuppress_customer.md"),
        toolset: Toolset::Privacy,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        if input.id_type == Some(IdType::CioId) {
            return Err(ToolError::invalid(
                "id_type",
                "A suppressed person is gone, and their `cio_id` with them. Nothing was changed.",
            )
            .next("Name them by the `id` or `email` they had."));
        }
        let intent = Intent::one_maybe_gone(&input.customer, input.id_type).on("the suppression of one identifier");
        Ok(Intent { escalations: vec![ASKS], ..intent })
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let subject = cx.subject()?;
        if let Some(person) = &subject.person {
            let message = format!(
                "The customer {} has this identifier, so it is not suppressed. Nothing was changed.",
                person.cio_id
            );
            return Err(ToolError::new(ErrorCode::Conflict, message)
                .at("customer")
                .next("explain_delivery says why they get no messages; set_subscription changes what they get."));
        }
        cx.api().unsuppress(cx.permit()?, &cx.scope, &path(&subject.given)).await?;
        Ok(Output { result: WriteResult::Accepted, note: OTHERS_STAY })
    }
}
