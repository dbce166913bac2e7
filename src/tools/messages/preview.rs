//! `preview_message`: what a template would say to one person, and whether the send would fail or go out blank.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{
    channel::Channel,
    namespaces::{Reader, data_for},
    rendering::{Message, Overrides, Rendered, ways_to_give},
    variables::VariableLine,
};
use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent, values},
    liquid::{self, Data, Finding, FindingKind},
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
    warnings: Vec<String>,
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
    #[serde(rename = "part")]
    name: &'static str,
    text: String,
    /// What of it is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
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
        let message_data = input.message_data.unwrap_or_default().into_map();
        let mut notes = Vec::new();
        let data = data_for(cx, Reader::Known(&person), &message, message_data, &mut notes).await?;
        let rendered = Rendered::of(&message, &data);
        let mut warnings = message.warnings(Some(&person));
        warnings.append(&mut notes);
        if message.channel == Some(Channel::Email) && person.identifiers.email.is_none() {
            warnings.push("The person has no e-mail address: the send needs `to`.".to_owned());
        }
        let channel = message.channel.map_or(message.delivery_type, |channel| channel.as_str().to_owned());
        Ok(answer(channel, rendered, &data, warnings))
    }
}

fn answer(channel: String, rendered: Rendered, data: &Data, warnings: Vec<String>) -> Output {
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
        message: told(finding),
    });
    Output {
        verdict,
        channel,
        failure,
        findings: findings.collect(),
        variables: rendered.variables.iter().map(|variable| VariableLine::of(variable, data)).collect(),
        rendered: untrusted(
            rendered.parts.into_iter().filter_map(|(part, text)| Some(Part::of(part, text.ok()?, data))).collect(),
        ),
        warnings,
    }
}

/// A finding in words: of what is missing, how the caller can give it, since templates are not theirs to write.
fn told(finding: &Finding) -> String {
    let path = &finding.path;
    match ways_to_give(&[path]) {
        ways if finding.kind == FindingKind::MissingAttribute && !ways.is_empty() => format!(
            "{path} is missing and has no fallback, so the send would fail. {} Or write {{{{ {path} | default: \"...\" \
             }}}} in the template.",
            ways.join(" ")
        ),
        _ => finding.message.clone(),
    }
}

const fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::MissingAttribute => "missing_attribute",
        FindingKind::BlankValue => "blank_value",
        FindingKind::UnknownNamespace => "unknown_namespace",
        FindingKind::TagUsedAsVariable => "tag_used_as_variable",
    }
}

/// The longest part that is shown as it is, in characters.
const MAX_PART_CHARS: usize = 4_000;

impl Part {
    /// A part; a long page is shown as the text people read in it, and what is long even then is cut.
    fn of(name: &'static str, text: String, data: &Data) -> Self {
        let chars = text.chars().count();
        if chars <= MAX_PART_CHARS {
            return Self { name, text, note: None };
        }
        let (shown, what) = match readable(&text, data) {
            Some(readable) => (readable, "the text of HTML"),
            None => (text, "the beginning"),
        };
        let shown: String = shown.chars().take(MAX_PART_CHARS).collect();
        Self { name, text: shown, note: Some(format!("{what}; all of it has {chars} characters")) }
    }
}

/// What people read in a page: the dialect's own filter takes the markup away.
fn readable(page: &str, data: &Data) -> Option<String> {
    if !page.contains("</") {
        return None;
    }
    // Neighbouring blocks are words apart.
    let page = json!(page.replace('<', " <"));
    let data = Data { namespaces: Map::from_iter([("page".to_owned(), page)]), ..data.clone() };
    liquid::render("{{ page | strip_html | normalize_whitespace | strip }}", &data).ok()
}
