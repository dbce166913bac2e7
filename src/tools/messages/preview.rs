//! `preview_message`: what a template would say to one person, and whether the send would fail or go out blank.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rendering::{Message, Overrides, Rendered, data_for};
use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent, values},
    liquid::{Data, FindingKind, Variable},
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        directory::path,
        tool::Tool,
    },
};

/// Previews a message.
pub struct PreviewMessage;

/// Arguments of `preview_message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Id or trigger name.
    #[schemars(length(min = 1, max = 150))]
    template: String,
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// Read in templates as `trigger.*`.
    message_data: Option<values::Data>,
    #[schemars(length(max = 20))]
    language: Option<String>,
}

/// Answer of `preview_message`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    verdict: Verdict,
    channel: String,
    /// Why it would fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The parts as this person would read them.
    rendered: Untrusted<Vec<Part>>,
    /// What to mend, and how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingLine>,
    variables: Vec<VariableLine>,
    /// Facts about the person that decide whether they get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

/// What a send would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Verdict {
    /// It renders.
    Renders,
    /// It renders, but something in it comes out blank.
    RendersWithBlanks,
    /// The delivery would fail, and nobody would get anything.
    Fails,
}

/// Why a send would fail.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Failure {
    part: &'static str,
    message: String,
}

/// A rendered part of a message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Part {
    part: &'static str,
    text: String,
}

/// Something to mend.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct FindingLine {
    part: &'static str,
    kind: &'static str,
    path: String,
    message: String,
}

/// A variable that the template reads.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct VariableLine {
    path: String,
    /// `customer`: their attributes. `message_data`: yours. `missing`: nobody gives it. `unknown_namespace`: blank.
    source: &'static str,
    /// It has a fallback.
    guarded: bool,
}

impl Tool for PreviewMessage {
    const SPEC: Spec = Spec {
        name: "preview_message",
        title: "Preview a message",
        prose: include_str!("../../../tools/preview_message.md"),
        toolset: Toolset::Messages,
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
        let message = Message::of(cx, &input.template, input.language.as_deref(), Overrides::default()).await?;
        let path = path(&cx.subject()?.given);
        let person = cx.api().person(&cx.scope, &path).await?.ok_or_else(|| {
            ToolError::new(ErrorCode::CustomerNotFound, format!("No person has this {}.", path.id_type().as_str()))
                .at("customer")
                .next("Check `id_type`; find_customers finds people.")
        })?;
        let data = data_for(cx, Some(&person), input.message_data.unwrap_or_default().into_map()).await?;
        let rendered = Rendered::of(&message, &data);
        let mut warnings = Vec::new();
        if person.unsubscribed && !message.template.as_ref().is_some_and(|template| template.send_to_unsubscribed) {
            warnings.push(
                "The person is unsubscribed and the template does not go to the unsubscribed: they would get nothing.",
            );
        }
        Ok(answer(message.channel, rendered, &data, warnings))
    }
}

fn answer(channel: String, rendered: Rendered, data: &Data, warnings: Vec<&'static str>) -> Output {
    let failure = rendered.failure().map(|(part, error)| Failure { part, message: error.to_string() });
    let verdict = match (&failure, rendered.goes_out_blank()) {
        (Some(_), _) => Verdict::Fails,
        (None, true) => Verdict::RendersWithBlanks,
        (None, false) => Verdict::Renders,
    };
    let findings = rendered.findings.iter().map(|(part, finding)| FindingLine {
        part,
        kind: kind(finding.kind),
        path: finding.path.clone(),
        message: finding.message.clone(),
    });
    Output {
        verdict,
        channel,
        failure,
        findings: findings.collect(),
        variables: rendered.variables.iter().map(|variable| source(variable, data)).collect(),
        rendered: untrusted(
            rendered.parts.into_iter().filter_map(|(part, text)| Some(Part { part, text: text.ok()? })).collect(),
        ),
        warnings,
    }
}

const fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::MissingAttribute => "missing_attribute",
        FindingKind::UnknownNamespace => "unknown_namespace",
        FindingKind::TagUsedAsVariable => "tag_used_as_variable",
    }
}

fn source(variable: &Variable, data: &Data) -> VariableLine {
    let source = match (variable.namespace.as_str(), data.namespaces.get(&variable.namespace)) {
        ("snippets", _) => "snippet",
        (_, None) => "unknown_namespace",
        (namespace, Some(root)) if holds(root, &variable.path) => match namespace {
            "trigger" => "message_data",
            "customer" => "customer",
            _ => "message",
        },
        _ => "missing",
    };
    VariableLine { path: variable.path.clone(), source, guarded: variable.guarded }
}

/// Whether a namespace has a path; what a loop reads from each item is looked for in the first.
fn holds(root: &Value, path: &str) -> bool {
    let mut at = root;
    let steps = path.split(['.', '[']).skip(1).map(|step| step.trim_end_matches(']').trim_matches(['"', '\'']));
    for step in steps {
        let next = match at {
            Value::Object(map) => map.get(step),
            Value::Array(items) => items.get(step.parse().unwrap_or(0)),
            _ => None,
        };
        match next {
            Some(value) => at = value,
            None => return matches!(step, "size" | "first" | "last") && at.is_array(),
        }
    }
    true
}
