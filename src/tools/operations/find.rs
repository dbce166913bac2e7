//! `find_operations`: what can be done, in anybody's words.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::run::runner;
use crate::{
    catalog::{Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::intent::Intent,
    tools::{
        context::CallContext,
        offer::Offer,
        tool::{Callable, Tool, has_credentials},
    },
};

/// How many operations are told where the call does not say.
const DEFAULT_LIMIT: u32 = 5;
/// The most bytes of an answer: those that do not fit are told without their schema.
const ANSWER_BYTES: usize = 6_000;

/// Finds tools and operations by what they do.
pub struct FindOperations;

/// Arguments of `find_operations`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What is to be done, in plain words.
    #[schemars(length(min = 2, max = 200))]
    query: String,
    effect: Option<EffectName>,
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::tools) enum EffectName {
    Read,
    Write,
    Trigger,
    Send,
    Delete,
}

impl EffectName {
    pub(in crate::tools) const fn effect(self) -> Effect {
        match self {
            Self::Read => Effect::Read,
            Self::Write => Effect::Write,
            Self::Trigger => Effect::Trigger,
            Self::Send => Effect::Send,
            Self::Delete => Effect::Delete,
        }
    }
}

/// Answer of `find_operations`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The best first.
    operations: Vec<Found>,
    /// What to do if the right one is not among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<&'static str>,
}

/// An operation that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    operation: &'static str,
    effect: Effect,
    toolset: &'static str,
    summary: &'static str,
    /// The tool that runs it by its name; absent where it is listed and called directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_with: Option<&'static str>,
    /// Its arguments; left out where the answer would grow too long: search for its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "object")]
    arguments: Option<Map<String, Value>>,
}

fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

impl Tool for FindOperations {
    const SPEC: Spec = Spec {
        name: "find_operations",
        title: "Find operations",
        prose: include_str!("../../../tools/find_operations.md"),
        toolset: Toolset::Operations,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[],
    };
    type Input = Input;
    type Output = Output;

    fn intent(_: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let offer = &cx.caller.offer;
        let wanted = input.effect.map(EffectName::effect);
        let limit = input.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let found = offer.find(&input.query).into_iter().filter(|tool| {
            let spec = tool.spec();
            spec.toolset != Toolset::Operations
                && wanted.is_none_or(|effect| spec.effect == effect)
                && has_credentials(spec, cx.api())
        });
        let mut left = ANSWER_BYTES;
        let operations: Vec<Found> = found.take(limit).map(|tool| told(tool.as_ref(), offer, &mut left)).collect();
        let next_step = operations.is_empty().then_some("Nothing has these words: say what is to be done in others.");
        Ok(Output { operations, next_step })
    }
}

/// An operation as it is told, with its schema while there are bytes left for it.
fn told(tool: &dyn Callable, offer: &Offer, left: &mut usize) -> Found {
    let spec = tool.spec();
    let listed = offer.is_listed(spec.name);
    let summary = first_paragraph(spec.description());
    *left = left.saturating_sub(summary.len() + 150);
    let schema = tool.definition().input_schema.as_ref();
    let bytes = serde_json::to_string(schema).map_or(usize::MAX, |text| text.len());
    let fits = bytes <= *left;
    if fits {
        *left -= bytes;
    }
    Found {
        operation: spec.name,
        effect: spec.effect,
        toolset: spec.toolset.as_str(),
        summary,
        run_with: (!listed).then(|| runner(spec.effect)).filter(|runner| offer.tool(runner).is_some()),
        arguments: fits.then(|| schema.clone()),
    }
}

fn first_paragraph(prose: &'static str) -> &'static str {
    prose.split("\n\n").next().unwrap_or(prose)
}
