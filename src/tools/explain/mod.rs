//! `explain_delivery`: why somebody did, or did not, get a message.

mod facts;
pub mod timeline;
pub mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{facts::Facts, timeline::Moment, verdict::Verdict};
use super::{
    answer::{Untrusted, untrusted},
    context::CallContext,
    tool::Tool,
};
use crate::{
    api::origins::OriginId,
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{identity::identifier::IdType, intent::Intent, values::UnixTime},
};

/// Explains a message that came or did not.
pub struct ExplainDelivery;

/// Arguments of `explain_delivery`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    id_type: Option<IdType>,
    template_id: Option<i64>,
    campaign_id: Option<i64>,
    newsletter_id: Option<i64>,
    broadcast_id: Option<i64>,
    delivery_id: Option<String>,
    since: Option<UnixTime>,
}

/// Answer of `explain_delivery`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    verdict: Verdict,
    /// What the verdict rests on.
    evidence: Vec<String>,
    /// What could not be seen, and might change it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_seen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<String>,
    /// The Liquid variable that the message lacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_variable: Option<String>,
    /// Customer.io's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Untrusted<String>>,
    /// Oldest first, in Unix seconds.
    timeline: Vec<Moment>,
    /// Where the looking began, in Unix seconds.
    since: i64,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Template(i64),
    Origin(OriginId),
    Delivery(String),
}

impl Tool for ExplainDelivery {
    const SPEC: Spec = Spec {
        name: "explain_delivery",
        title: "Explain a delivery",
        prose: include_str!("../../../tools/explain_delivery.md"),
        toolset: Toolset::Events,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        input.asked()?;
        Ok(Intent::one(&input.customer, input.id_type))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let asked = input.asked()?;
        let facts = Facts::collect(cx, &asked, input.since.map(UnixTime::seconds)).await?;
        let decided = verdict::decide(&facts);
        let latest = facts.latest();
        Ok(Output {
            verdict: decided.verdict,
            evidence: decided.evidence,
            not_seen: facts.not_seen.iter().cloned().chain(decided.not_seen).collect(),
            delivery_id: latest.map(|delivery| delivery.id.clone()),
            missing_variable: decided.missing_variable,
            failure: latest.and_then(|delivery| delivery.failure_message.clone()).map(untrusted),
            timeline: timeline::of(&facts),
            since: facts.since,
        })
    }
}

impl Input {
    /// The one message that is asked about.
    fn asked(&self) -> Result<Asked, ToolError> {
        let numbered = [
            ("template_id", self.template_id.map(Asked::Template), self.template_id),
            ("campaign_id", self.campaign_id.map(|id| Asked::Origin(OriginId::Campaign(id))), self.campaign_id),
            ("newsletter_id", self.newsletter_id.map(|id| Asked::Origin(OriginId::Newsletter(id))), self.newsletter_id),
            ("broadcast_id", self.broadcast_id.map(|id| Asked::Origin(OriginId::Broadcast(id))), self.broadcast_id),
        ];
        let mut asked = Vec::new();
        for (field, what, id) in numbered {
            if id.is_some_and(|id| id < 1) {
                return Err(ToolError::invalid(field, format!("`{field}` is a number from 1 on.")));
            }
            asked.extend(what.map(|what| (field, what)));
        }
        asked.extend(self.delivery_id.clone().map(|id| ("delivery_id", Asked::Delivery(id))));
        match asked.len() {
            1 => Ok(asked.remove(0).1),
            0 => Err(ToolError::invalid(
                "template_id",
                "Say which message: one of `template_id`, `campaign_id`, `newsletter_id`, `broadcast_id`, `delivery_id`.",
            )
            .next("list_templates shows templates; list_deliveries with `customer` shows what they were sent.")),
            _ => {
                let field = asked[1].0;
                Err(ToolError::invalid(field, format!("Give `{}` or `{field}`, not both.", asked[0].0)))
            }
        }
    }
}
