//! `find_customers`: people by e-mail, attribute or segment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{
        identity::identifier::{CustomerRef, IdType, refuse_masked},
        intent::Intent,
    },
    tools::{context::CallContext, customer::Customer, directory::known, tool::Tool},
};

/// Finds people.
pub struct FindCustomers;

/// Arguments of `find_customers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Exact address.
    email: Option<String>,
    /// Attribute name; people who have it, or with `value` those it equals.
    #[schemars(length(min = 1, max = 150))]
    attribute: Option<String>,
    /// Exact value of `attribute`.
    #[schemars(length(max = 1000))]
    value: Option<String>,
    /// Members of this segment.
    #[schemars(range(min = 1))]
    segment_id: Option<i64>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// Answer of `find_customers`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The people found.
    customers: Vec<Customer>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

const DEFAULT_LIMIT: u32 = 20;

impl Tool for FindCustomers {
    const SPEC: Spec = Spec {
        name: "find_customers",
        title: "Find customers",
        prose: include_str!("../../../tools/find_customers.md"),
        toolset: Toolset::People,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        if input.value.is_some() && input.attribute.is_none() {
            return Err(ToolError::invalid("attribute", "`value` needs the `attribute` it belongs to."));
        }
        if input.email.is_none() && input.attribute.is_none() && input.segment_id.is_none() {
            return Err(ToolError::invalid("email", "Give at least one of `email`, `attribute` and `segment_id`."));
        }
        for (field, value) in [("email", &input.email), ("value", &input.value)] {
            value.as_deref().map_or(Ok(()), |value| refuse_masked(value, field))?;
        }
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let email =
            input.email.as_deref().map(|email| CustomerRef::parse(IdType::Email, email, "email")).transpose()?;
        if let (Some(email), None, None) = (&email, &input.attribute, input.segment_id) {
            let people = cx.api().people_by_email(&cx.scope, &email.value).await?;
            return Ok(Output {
                customers: people.into_iter().map(|person| known(person).into()).collect(),
                cursor: None,
            });
        }
        if let Some(attribute) = &input.attribute {
            cx.workspace.view.refuse_hidden("attribute", attribute)?;
        }
        let filter = filter(email.as_ref(), &input);
        let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
        let page = cx.api().search_people(&cx.scope, filter, input.cursor.as_deref(), Some(limit)).await?;
        let customers = page.items.into_iter().map(|person| known(person).into()).collect();
        Ok(Output { customers, cursor: page.next.filter(|next| !next.is_empty()) })
    }
}

/// Every condition given must hold. Grammar: behaviour notes, section 5.
fn filter(email: Option<&CustomerRef>, input: &Input) -> Value {
    let mut conditions = Vec::new();
    if let Some(email) = email {
        conditions.push(json!({ "attribute": { "field": "email", "operator": "eq", "value": email.value } }));
    }
    if let Some(attribute) = &input.attribute {
        conditions.push(match &input.value {
            Some(value) => json!({ "attribute": { "field": attribute, "operator": "eq", "value": value } }),
            None => json!({ "attribute": { "field": attribute, "operator": "exists" } }),
        });
    }
    if let Some(segment_id) = input.segment_id {
        conditions.push(json!({ "segment": { "id": segment_id } }));
    }
    json!({ "and": conditions })
}
