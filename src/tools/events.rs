//! `track_event`: record that a person did something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{context::CallContext, directory::path, tool::Tool, verify::WriteResult};
use crate::{
    api::events::{Event, EventKind, new_event_id},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::{
        consent::{REDIRECTS, redirects},
        identity::identifier::IdType,
        intent::Intent,
        values::{Data, EventName, UnixTime},
    },
};

/// Records an event.
pub struct TrackEvent;

/// Arguments of `track_event`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    name: EventName,
    data: Option<Data>,
    /// When it happened: ISO 8601 with offset, or Unix seconds. Default: now.
    timestamp: Option<UnixTime>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Kind {
    Event,
    Page,
    Screen,
}

/// Answer of `track_event`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `accepted`: events are processed later and are not read back.
    result: WriteResult,
    /// The event's id: Customer.io ignores a second event with it.
    event_id: String,
}

impl Tool for TrackEvent {
    const SPEC: Spec = Spec {
        name: "track_event",
        title: "Track an event",
        prose: include_str!("../../tools/track_event.md"),
        toolset: Toolset::Events,
        core: true,
        effect: Effect::Trigger,
        retry: Retry::Ulid,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let mut intent = Intent::one(&input.customer, input.id_type);
        if input.data.as_ref().is_some_and(|data| redirects(data.as_map())) {
            intent.escalations.push(REDIRECTS);
        }
        Ok(intent)
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let event = Event {
            name: input.name.as_str().to_owned(),
            kind: match input.kind {
                None | Some(Kind::Event) => EventKind::Event,
                Some(Kind::Page) => EventKind::Page,
                Some(Kind::Screen) => EventKind::Screen,
            },
            data: input.data.unwrap_or_default().into_map(),
            timestamp: input.timestamp.map(UnixTime::seconds),
            id: new_event_id(cx.guards().clock.as_ref()),
        };
        cx.api().track_event(cx.permit()?, &cx.scope, &path(&cx.subject()?.write_ref()), &event).await?;
        Ok(Output { result: WriteResult::Accepted, event_id: event.id })
    }
}
