//! What a message will say to one person: rendered with their attributes by the same rules as Customer.io's.

use serde_json::{Map, Value, json};

use super::templates;
use crate::{
    api::{
        people::Person,
        templates::{Template, TemplateContent},
    },
    error::{ErrorCode, ToolError},
    liquid::{self, Data, Finding, FindingKind, RenderError, Variable},
    tools::context::CallContext,
};

/// A message before it is rendered.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) template: Option<Template>,
    pub(super) channel: String,
    /// The parts that are rendered, by name, in the order people read them.
    pub(super) parts: Vec<(&'static str, String)>,
}

/// Parts of a message that its sender writes in place of the template's.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    pub(super) subject: Option<String>,
    pub(super) body: Option<String>,
}

impl Message {
    /// The message of a template, in a language, with what replaces its parts.
    pub(super) async fn of(
        cx: &CallContext<'_>,
        template: &str,
        language: Option<&str>,
        overrides: Overrides,
    ) -> Result<Self, ToolError> {
        let template = templates::find(cx, template).await?;
        let contents = cx.api().template_contents(&cx.scope, template.id).await?;
        let content = in_language(contents, language)?;
        let channel = content.kind.clone();
        let parts = [
            ("subject", overrides.subject.or(content.subject)),
            ("preheader", content.preheader_text),
            ("body", overrides.body.or(content.body)),
            ("body_plain", content.body_plain),
        ];
        Ok(Self { template: Some(template), channel, parts: present(parts) })
    }

    /// A message written in place, without a template.
    pub(super) fn inline(overrides: Overrides) -> Self {
        let parts = [("subject", overrides.subject), ("body", overrides.body)];
        Self { template: None, channel: "email".to_owned(), parts: present(parts) }
    }
}

fn present<const N: usize>(parts: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    parts.into_iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?))).collect()
}

/// The content in the language asked for, else the default one.
fn in_language(contents: Vec<TemplateContent>, language: Option<&str>) -> Result<TemplateContent, ToolError> {
    let languages: Vec<_> = contents.iter().map(|content| content.language.clone()).filter(|l| !l.is_empty()).collect();
    let wanted = language.unwrap_or_default();
    let exact = contents.iter().position(|content| content.language == wanted);
    let default = contents.iter().position(|content| content.language.is_empty());
    let at = exact.or(default).or((!contents.is_empty()).then_some(0));
    at.and_then(|at| contents.into_iter().nth(at)).ok_or_else(|| {
        ToolError::new(ErrorCode::NotFound, "The template has no content. Nothing was sent.").at("language").next(
            format!("Languages it has: {}.", if languages.is_empty() { "none".into() } else { languages.join(", ") }),
        )
    })
}

/// What rendering needs besides the message.
pub(super) async fn data_for(
    cx: &CallContext<'_>,
    person: Option<&Person>,
    message_data: Map<String, Value>,
) -> Result<Data, ToolError> {
    let snippets =
        cx.api().snippets(&cx.scope).await?.into_iter().map(|snippet| (snippet.name, snippet.value)).collect();
    let mut namespaces = Map::new();
    namespaces.insert("customer".into(), Value::Object(person.map(customer_namespace).unwrap_or_default()));
    namespaces.insert("trigger".into(), Value::Object(message_data));
    namespaces.insert("delivery_id".into(), json!("unsent"));
    Ok(Data { namespaces, snippets, links: liquid::Links::default(), clock: cx.guards().clock.clone() })
}

/// A person as templates see them. Customer.io shows nested values as JSON text; templates reach into them.
fn customer_namespace(person: &Person) -> Map<String, Value> {
    let mut customer: Map<String, Value> = person
        .attributes
        .iter()
        .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
        .map(|(name, value)| (name.clone(), nested(value)))
        .collect();
    let identifiers = &person.identifiers;
    for (name, value) in [("id", &identifiers.id), ("email", &identifiers.email)] {
        if let Some(value) = value {
            customer.insert(name.into(), json!(value));
        }
    }
    customer.insert("cio_id".into(), json!(identifiers.cio_id));
    customer
}

fn nested(value: &Value) -> Value {
    let json = value.as_str().filter(|text| text.starts_with(['{', '[']));
    json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

/// A message as one person would get it.
#[derive(Debug)]
pub(super) struct Rendered {
    /// Each part, rendered, or why it cannot be.
    pub(super) parts: Vec<(&'static str, Result<String, RenderError>)>,
    pub(super) findings: Vec<(&'static str, Finding)>,
    pub(super) variables: Vec<Variable>,
}

impl Rendered {
    pub(super) fn of(message: &Message, data: &Data) -> Self {
        let mut rendered = Self { parts: vec![], findings: vec![], variables: vec![] };
        for (name, text) in &message.parts {
            rendered.parts.push((name, liquid::render(text, data)));
            for finding in liquid::lint(text, data).unwrap_or_default() {
                rendered.findings.push((name, finding));
            }
            for variable in liquid::variables(text).unwrap_or_default() {
                if !rendered.variables.iter().any(|known| known.path == variable.path) {
                    rendered.variables.push(variable);
                }
            }
        }
        rendered
    }

    /// The first part that cannot be rendered, and why.
    pub(super) fn failure(&self) -> Option<(&'static str, &RenderError)> {
        self.parts.iter().find_map(|(name, part)| part.as_ref().err().map(|error| (*name, error)))
    }

    /// Whether something goes out blank that was meant to say something.
    pub(super) fn goes_out_blank(&self) -> bool {
        let blank_part = self.parts.iter().any(|(_, part)| part.as_ref().is_ok_and(|text| text.trim().is_empty()));
        let blank_variable = |finding: &Finding| finding.kind != FindingKind::MissingAttribute;
        blank_part || self.findings.iter().any(|(_, finding)| blank_variable(finding))
    }
}
