//! `get_delivery`: where a message stands, and what it said.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use crate::{
    api::{UpstreamErrorKind, deliveries::Delivery},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::Intent,
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        customer::Customer,
        directory::known,
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
const STEPS: &[&str] =
    &["converted", "clicked", "opened", "delivered", "sent", "drafted", "attempted", "queued", "created"];
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
