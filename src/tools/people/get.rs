//! `get_customer`: one person, with attributes, segments and recent activity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    api::{activities::ActivityQuery, people::PersonPath},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent},
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        customer::{Customer, shown_attributes},
        directory::{is_tagged, known, path},
        tool::Tool,
    },
};

/// Gets one person.
pub struct GetCustomer;

/// Arguments of `get_customer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// `full` adds devices and recent activity.
    detail: Option<Detail>,
}

/// How much an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Detail {
    /// What most calls need.
    Concise,
    /// Everything.
    Full,
}

/// Answer of `get_customer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    customer: Customer,
    /// Values are strings, as Customer.io stores them.
    attributes: Untrusted<Map<String, Value>>,
    /// Whether they are unsubscribed from everything.
    unsubscribed: bool,
    /// Whether they are a test profile of ours.
    test: bool,
    segments: Vec<SegmentName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<DeviceName>>,
    /// Newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<Vec<ActivityLine>>,
}

/// A segment the person is in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SegmentName {
    pub(super) segment_id: i64,
    pub(super) name: String,
}

/// A device of the person.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct DeviceName {
    platform: Option<String>,
    /// Unix seconds.
    last_used: Option<i64>,
}

/// A line of the person's activity.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ActivityLine {
    #[serde(rename = "type")]
    kind: String,
    /// Unix seconds.
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Untrusted<String>>,
}

const RECENT_ACTIVITY: u32 = 10;

impl Tool for GetCustomer {
    const SPEC: Spec = Spec {
        name: "get_customer",
        title: "Get a customer",
        prose: include_str!("../../../tools/get_customer.md"),
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
        Ok(Intent::one(&input.customer, input.id_type))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let path = path(&cx.subject()?.given);
        let person = cx.api().person(&cx.scope, &path).await?.ok_or_else(|| not_found(&path))?;
        let customer: Customer = known(person.identifiers.clone()).into();
        let by_cio_id = PersonPath::CioId(customer.cio_id.clone());
        let segments = cx.api().person_segments(&cx.scope, &by_cio_id).await?;
        let full = input.detail == Some(Detail::Full);
        Ok(Output {
            customer,
            attributes: shown_attributes(&person),
            unsubscribed: person.unsubscribed,
            test: is_tagged(&person),
            segments: segments
                .into_iter()
                .map(|segment| SegmentName { segment_id: segment.id, name: segment.name })
                .collect(),
            activity: if full { Some(recent_activity(cx, &by_cio_id).await?) } else { None },
            devices: full.then(|| {
                let devices = person.devices.into_iter();
                devices.map(|device| DeviceName { platform: device.platform, last_used: device.last_used }).collect()
            }),
        })
    }
}

async fn recent_activity(cx: &CallContext<'_>, person: &PersonPath) -> Result<Vec<ActivityLine>, ToolError> {
    let query = ActivityQuery { limit: Some(RECENT_ACTIVITY), ..ActivityQuery::default() };
    let page = cx.api().person_activities(&cx.scope, person, &query).await?;
    let line = |activity: crate::api::activities::Activity| ActivityLine {
        kind: activity.kind,
        timestamp: activity.timestamp,
        name: activity.name.filter(|name| !name.is_empty()).map(untrusted),
    };
    Ok(page.items.into_iter().map(line).collect())
}

fn not_found(path: &PersonPath) -> ToolError {
    ToolError::new(ErrorCode::CustomerNotFound, format!("No person has this {}.", path.id_type().as_str()))
        .at("customer")
        .next("Check `id_type`: an identifier of another kind reads as unknown. find_customers finds people.")
}
