//! `get_delivery` and `list_deliveries`: where messages stand, and what one said.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{channel::Channel, templates};
use crate::{
    api::{
        UpstreamErrorKind,
        deliveries::{Delivery, DeliveryQuery, PageQuery},
    },
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent, values::UnixTime},
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        customer::Customer,
        directory::{known, path},
        people::Detail,
        tool::Tool,
    },
};

/// Gets one delivery.
pub struct GetDelivery;

/// Arguments of `get_delivery`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(length(min = 1, max = 100))]
    delivery_id: String,
    /// Wait this long for a final state.
    #[schemars(range(min = 0, max = 40))]
    wait_seconds: Option<u64>,
    /// `full` adds the archived message (100 a day for the workspace).
    detail: Option<Detail>,
}

/// Answer of `get_delivery`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    delivery_id: String,
    /// The furthest it has come, such as `queued`, `sent`, `delivered`, `failed`.
    state: String,
    /// Whether that is an end.
    #[serde(rename = "final")]
    is_final: bool,
    /// What an end without arrival means.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Untrusted<String>>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Untrusted<String>>,
    /// When each state was reached, in Unix seconds.
    times: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<Archived>,
}

/// The message as it was sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Archived {
    /// The content was removed on request.
    forgotten: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Untrusted<String>>,
}

/// States in which nobody gets anything and nothing follows by itself, gravest first, with what they mean (behaviour.md
/// section 6).
const ENDS: &[(&str, &str)] = &[
    ("failed", "It never left Customer.io, as a rule because its Liquid could not be rendered. Nobody got it."),
    (
        "undeliverable",
        "Customer.io did not send it: the person is unsubscribed, suppressed or deleted, has had too many messages, or \
         the sender's domain is not verified. Nobody got it.",
    ),
    ("bounced", "The recipient's provider refused it."),
    ("suppressed", "The address is on a suppression list. Nobody got it."),
    ("dropped", "The address is on a suppression list. Nobody got it."),
    ("spammed", "The recipient reported it as spam."),
];
/// States in the order they are reached.
const STEPS: &[&str] = &["converted", "clicked", "opened", "delivered", "sent", "drafted", "attempted", "queued"];
/// Reaching one of these ends the wait.
const ARRIVED: &[&str] = &["converted", "clicked", "opened", "delivered"];
const HELD: &str = "It is held as a draft until somebody sends it in Customer.io.";

/// Where a delivery stands.
struct Standing {
    state: &'static str,
    is_final: bool,
    meaning: Option<&'static str>,
}

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl Tool for GetDelivery {
    const SPEC: Spec = Spec {
        name: "get_delivery",
        title: "Get a delivery",
        prose: include_str!("../../../tools/get_delivery.md"),
        toolset: Toolset::Messages,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(_: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let wait = Duration::from_secs(input.wait_seconds.unwrap_or(0));
        let until = (tokio::time::Instant::now() + wait).min(cx.scope.deadline);
        let mut delivery = look(cx, &input.delivery_id).await?;
        while !standing(&delivery).is_final && tokio::time::Instant::now() + BETWEEN_LOOKS <= until {
            let waited = wait.saturating_sub(until.saturating_duration_since(tokio::time::Instant::now()));
            cx.caller.progress.report(waited.as_secs_f64(), wait.as_secs_f64(), standing(&delivery).state).await;
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_LOOKS) => {}
                () = cx.scope.cancel.cancelled() => break,
            }
            delivery = look(cx, &input.delivery_id).await?;
        }
        let archived = match input.detail {
            Some(Detail::Full) => Some(archived(cx, &input.delivery_id).await?),
            _ => None,
        };
        Ok(shown(delivery, archived))
    }
}

/// Lists deliveries, newest first.
pub struct ListDeliveries;

/// Arguments of `list_deliveries`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    /// Only to this person.
    customer: Option<String>,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// Only of this template; not together with `customer`.
    #[schemars(length(min = 1, max = 150))]
    template: Option<String>,
    /// ISO 8601 with offset, or Unix seconds.
    since: Option<UnixTime>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// Answer of `list_deliveries`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListOutput {
    /// Newest first.
    deliveries: Vec<DeliveryLine>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A delivery in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct DeliveryLine {
    delivery_id: String,
    /// The furthest it has come.
    state: &'static str,
    #[serde(rename = "type")]
    kind: String,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cio_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Untrusted<String>>,
}

const DEFAULT_LIMIT: u32 = 20;

impl Tool for ListDeliveries {
    const SPEC: Spec = Spec {
        name: "list_deliveries",
        title: "List deliveries",
        prose: include_str!("../../../tools/list_deliveries.md"),
        toolset: Toolset::Messages,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = ListInput;
    type Output = ListOutput;

    fn intent(input: &ListInput) -> Result<Intent, ToolError> {
        match (&input.customer, &input.template) {
            (Some(_), Some(_)) => Err(ToolError::invalid("template", "Give `customer` or `template`, not both.")
                .next("List one person's deliveries, and pick those of the template by their subject.")),
            (Some(customer), None) => Ok(Intent::one(customer, input.id_type)),
            (None, _) => Ok(Intent::nobody()),
        }
    }

    async fn call(cx: &CallContext<'_>, input: ListInput) -> Result<ListOutput, ToolError> {
        let page = PageQuery {
            start: input.cursor,
            limit: Some(input.limit.unwrap_or(DEFAULT_LIMIT)),
            start_ts: input.since.map(UnixTime::seconds),
            end_ts: None,
        };
        let found = match (input.customer, input.template) {
            (Some(_), _) => cx.api().person_messages(&cx.scope, &path(&cx.subject()?.given), &page).await?,
            (None, Some(template)) => {
                let template = templates::find(cx, &template).await?;
                let query = DeliveryQuery { page, ..DeliveryQuery::default() };
                cx.api().template_deliveries(&cx.scope, template.id, &query).await?
            }
            (None, None) => cx.api().deliveries(&cx.scope, &DeliveryQuery { page, ..DeliveryQuery::default() }).await?,
        };
        Ok(ListOutput {
            deliveries: found.items.into_iter().map(line).collect(),
            cursor: found.next.filter(|next| !next.is_empty()),
        })
    }
}

fn line(delivery: Delivery) -> DeliveryLine {
    DeliveryLine {
        state: standing(&delivery).state,
        delivery_id: delivery.id,
        kind: delivery.kind,
        created: delivery.created,
        cio_id: delivery.customer_identifiers.map(|person| person.cio_id),
        subject: delivery.subject.map(untrusted),
    }
}

async fn look(cx: &CallContext<'_>, delivery_id: &str) -> Result<Delivery, ToolError> {
    cx.api().delivery(&cx.scope, delivery_id).await.map_err(|error| match error.kind {
        // An id that no address can carry was not even asked for.
        UpstreamErrorKind::Rejected if error.status.is_none() => no_such_delivery(),
        UpstreamErrorKind::NotFound => no_such_delivery(),
        _ => error.into(),
    })
}

fn no_such_delivery() -> ToolError {
    ToolError::new(ErrorCode::NotFound, "There is no delivery with this id.")
        .at("delivery_id")
        .next("Use the `delivery_id` that send_transactional answered; a new one may take a moment to show.")
}

async fn archived(cx: &CallContext<'_>, delivery_id: &str) -> Result<Archived, ToolError> {
    let message = cx.api().archived_message(&cx.scope, delivery_id).await?;
    Ok(Archived { forgotten: message.forgotten, from: message.from, body: message.body.map(untrusted) })
}

/// The furthest a delivery has come. Channels that do not tell of arrivals end with `sent`.
fn standing(delivery: &Delivery) -> Standing {
    let reached = |name: &str| delivery.metrics.get(name).is_some_and(Option::is_some);
    if let Some((state, meaning)) = ENDS.iter().find(|(state, _)| reached(state)) {
        return Standing { state, is_final: true, meaning: Some(meaning) };
    }
    let state = STEPS.iter().find(|step| reached(step)).copied().unwrap_or("queued");
    let reports = Channel::of_delivery_type(&delivery.kind).is_none_or(Channel::reports_delivery);
    let is_final = ARRIVED.contains(&state) || state == "drafted" || (state == "sent" && !reports);
    Standing { state, is_final, meaning: (state == "drafted").then_some(HELD) }
}

/// The furthest a delivery has come, and whether that is an end.
pub(in crate::tools) fn standing_of(delivery: &Delivery) -> (&'static str, bool) {
    let Standing { state, is_final, .. } = standing(delivery);
    (state, is_final)
}

fn shown(delivery: Delivery, archived: Option<Archived>) -> Output {
    let Standing { state, is_final, meaning } = standing(&delivery);
    Output {
        state: state.to_owned(),
        is_final,
        meaning,
        failure: delivery.failure_message.filter(|message| !message.is_empty()).map(untrusted),
        kind: delivery.kind,
        customer: delivery.customer_identifiers.map(|person| known(person).into()),
        to: delivery.recipient,
        subject: delivery.subject.map(untrusted),
        times: delivery.metrics.into_iter().filter_map(|(name, at)| Some((name, at?))).collect(),
        delivery_id: delivery.id,
        archived,
    }
}
