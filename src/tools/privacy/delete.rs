//! `delete_customer`: remove a person who may come back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{directory::KnownPerson, identity::identifier::IdType, intent::Intent},
    tools::{
        context::CallContext,
        directory::path,
        tool::Tool,
        verify::{WriteResult, read_back},
    },
};

/// Deletes a person.
pub struct DeleteCustomer;

/// Arguments of `delete_customer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
}

/// Answer of `delete_customer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: WriteResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    cio_id: Option<String>,
}

impl Tool for DeleteCustomer {
    const SPEC: Spec = Spec {
        name: "delete_customer",
        title: "Delete a customer",
        prose: include_str!("../../../tools/delete_customer.md"),
        toolset: Toolset::Privacy,
        core: false,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::one(&input.customer, input.id_type))
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let subject = cx.subject()?;
        let path = path(&subject.write_ref());
        let deleted = cx.api().delete(cx.permit()?, &cx.scope, &path).await;
        let refs = subject.person.as_ref().map_or_else(|| vec![subject.given.clone()], KnownPerson::refs);
        cx.forget(&refs).await;
        deleted?;
        let gone = cx.api().has_app() && matches!(read_back(cx, &path, |person| person.is_none()).await, Ok(None));
        Ok(Output {
            result: if gone { WriteResult::Applied } else { WriteResult::Accepted },
            cio_id: subject.person.as_ref().map(|person| person.cio_id.clone()),
        })
    }
}
