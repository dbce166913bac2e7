//! What a message will say to one person: rendered with their attributes by the same rules as Customer.io's.

use std::collections::BTreeMap;

use serde_json::json;

use super::{channel::Channel, templates, variables::snippet_of};
use crate::{
    api::{
        people::Person,
        templates::{Template, TemplateContent},
    },
    error::{ErrorCode, ToolError},
    liquid::{self, Data, Finding, FindingKind, RenderError, RenderErrorKind, Variable},
    tools::context::CallContext,
};

/// A message before it is rendered.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) template: Option<Template>,
    /// Nothing if the workspace calls the channel by a name not known here.
    pub(super) channel: Option<Channel>,
    /// The channel as deliveries name it, such as `email` or `twilio`.
    pub(super) delivery_type: String,
    pub(super) send_to_unsubscribed: bool,
    /// The parts that are rendered, by name, in the order people read them.
    pub(super) parts: Vec<(&'static str, String)>,
    /// What was asked for and could not be had.
    notes: Vec<String>,
}

/// Parts of a message that its sender writes in place of the template's.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    pub(super) subject: Option<String>,
    pub(super) body: Option<String>,
    pub(super) from: Option<String>,
    pub(super) send_to_unsubscribed: Option<bool>,
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
        let (content, notes) = in_language(contents, language)?;
        let parts = [
            ("from", overrides.from.or(content.from).filter(|text| is_liquid(text))),
            ("reply_to", content.reply_to.filter(|text| is_liquid(text))),
            ("subject", overrides.subject.or(content.subject)),
            ("preheader", content.preheader_text),
            ("body", overrides.body.or(content.body)),
            ("body_plain", content.body_plain),
        ];
        Ok(Self {
            channel: Channel::of_delivery_type(&content.kind),
            delivery_type: content.kind,
            send_to_unsubscribed: overrides.send_to_unsubscribed.unwrap_or(template.send_to_unsubscribed),
            template: Some(template),
            parts: present(parts),
            notes,
        })
    }

    /// An e-mail written in place, without a template. It goes to the unsubscribed too.
    pub(super) fn inline(overrides: Overrides) -> Self {
        let from = overrides.from.filter(|text| is_liquid(text));
        Self {
            template: None,
            channel: Some(Channel::Email),
            delivery_type: "email".to_owned(),
            send_to_unsubscribed: overrides.send_to_unsubscribed.unwrap_or(true),
            parts: present([("from", from), ("subject", overrides.subject), ("body", overrides.body)]),
            notes: Vec::new(),
        }
    }

    /// What keeps the message from its reader though it renders.
    pub(super) fn warnings(&self, person: Option<&Person>) -> Vec<String> {
        let mut warnings = self.notes.clone();
        if !self.send_to_unsubscribed && person.is_some_and(|person| person.unsubscribed) {
            warnings.push(
                "The person is unsubscribed and the message does not go to the unsubscribed: they get nothing, and \
                 the delivery ends `undeliverable`."
                    .to_owned(),
            );
        }
        if self.template.as_ref().is_some_and(|template| template.queue_drafts) {
            warnings.push(
                "The template holds its messages as drafts: somebody has to send them in Customer.io.".to_owned(),
            );
        }
        warnings
    }

    /// The parts without which a message says nothing. A preheader or plain text may be empty.
    fn required_parts(&self) -> &'static [&'static str] {
        if self.channel == Some(Channel::Email) { &["subject", "body"] } else { &["body"] }
    }
}

fn present<const N: usize>(parts: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    parts.into_iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?))).collect()
}

/// Whether a text has anything to render.
pub(super) fn is_liquid(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The content in the language asked for, else the default one with a note of it.
fn in_language(
    contents: Vec<TemplateContent>,
    language: Option<&str>,
) -> Result<(TemplateContent, Vec<String>), ToolError> {
    let languages: Vec<_> = contents.iter().map(|content| content.language.clone()).filter(|l| !l.is_empty()).collect();
    let wanted = language.unwrap_or_default();
    let exact = contents.iter().position(|content| content.language == wanted);
    let default = contents.iter().position(|content| content.language.is_empty());
    let at = exact.or(default).or((!contents.is_empty()).then_some(0));
    let languages = if languages.is_empty() { "none".to_owned() } else { languages.join(", ") };
    let notes = match exact {
        None if !wanted.is_empty() => vec![format!(
            "The template has no text in this `language`: the default one is used. Its languages: {languages}."
        )],
        _ => Vec::new(),
    };
    let content = at.and_then(|at| contents.into_iter().nth(at)).ok_or_else(|| {
        ToolError::new(ErrorCode::NotFound, "The template has no content. Nothing was sent.").at("template")
    })?;
    Ok((content, notes))
}

/// A message as one person would get it.
#[derive(Debug)]
pub(super) struct Rendered {
    /// Each part, rendered, or why it cannot be.
    pub(super) parts: Vec<(&'static str, Result<String, RenderError>)>,
    pub(super) findings: Vec<(&'static str, Finding)>,
    /// What the message and the snippets it uses read, each once.
    pub(super) variables: Vec<Variable>,
    required: &'static [&'static str],
}

impl Rendered {
    pub(super) fn of(message: &Message, data: &Data) -> Self {
        let mut rendered =
            Self { parts: vec![], findings: vec![], variables: vec![], required: message.required_parts() };
        for (name, text) in &message.parts {
            rendered.parts.push((name, liquid::render(text, data)));
            for finding in liquid::lint(text, data).unwrap_or_default() {
                rendered.findings.push((name, finding));
            }
            rendered.list_variables(text, data);
        }
        rendered
    }

    /// A variable that is read twice has a fallback only if it has one both times.
    fn list_variables(&mut self, text: &str, data: &Data) {
        for variable in liquid::variables(text).unwrap_or_default() {
            if let Some(known) = self.variables.iter_mut().find(|known| known.path == variable.path) {
                known.guarded &= variable.guarded;
                continue;
            }
            let snippet = snippet_of(&variable).and_then(|name| data.snippets.get(&name));
            self.variables.push(variable);
            if let Some(snippet) = snippet {
                self.list_variables(snippet, data);
            }
        }
    }

    /// The first part that cannot be rendered, and why.
    pub(super) fn failure(&self) -> Option<(&'static str, &RenderError)> {
        self.parts.iter().find_map(|(name, part)| part.as_ref().err().map(|error| (*name, error)))
    }

    /// Whether something goes out blank that was meant to say something.
    pub(super) fn goes_out_blank(&self) -> bool {
        let says_something = |wanted: &&str| {
            self.parts
                .iter()
                .any(|(name, part)| name == wanted && part.as_ref().is_ok_and(|text| !text.trim().is_empty()))
        };
        !self.required.iter().all(says_something) || self.findings.iter().any(|(_, finding)| finding.leaves_blank)
    }

    /// The refusal of a send that would fail: every missing attribute with the parts that read it, and how to give it.
    pub(super) fn refusal(&self) -> Option<ToolError> {
        let (part, error) = self.failure()?;
        let RenderErrorKind::MissingAttribute { path: first } = &error.kind else {
            let message = format!("The {part} would not render: {error}. Nothing was sent.");
            return Some(
                ToolError::new(ErrorCode::RenderFails, message)
                    .next("Its Liquid has to be mended where it is written."),
            );
        };
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (part, finding) in &self.findings {
            if finding.kind == FindingKind::MissingAttribute {
                missing.entry(&finding.path).or_default().push(part);
            }
        }
        let told: Vec<_> = missing.iter().map(|(path, parts)| format!("{path} ({})", parts.join(", "))).collect();
        let message = format!("The message would fail: missing {}. Nothing was sent.", told.join("; "));
        let refusal = ToolError::new(ErrorCode::RenderFails, message)
            .next(how_to_give(&missing.keys().copied().collect::<Vec<_>>()))
            .with(json!({ "missing": missing }));
        Some(match first.strip_prefix("trigger.") {
            Some(name) => refusal.at(format!("message_data.{name}")),
            None => refusal,
        })
    }
}

fn how_to_give(missing: &[&str]) -> String {
    let mut steps = ways_to_give(missing);
    steps.push("Or give the template fallbacks: preview_message shows them.".to_owned());
    steps.join(" ")
}

/// A sentence for each namespace that lacks something, on how the caller can give it.
pub(super) fn ways_to_give(missing: &[&str]) -> Vec<String> {
    let names = |namespace: &str, shown: &str| {
        let of_namespace = |path: &&str| path.strip_prefix(namespace).map(|name| format!("`{shown}{name}`"));
        missing.iter().filter_map(of_namespace).collect::<Vec<_>>().join(", ")
    };
    let steps = [
        (names("trigger.", "message_data."), "Give ", "."),
        (names("customer.", ""), "Set ", " of the person with identify_customer."),
        (names("snippets.", ""), "Add the snippet ", " to the workspace."),
    ];
    steps
        .into_iter()
        .filter(|(names, ..)| !names.is_empty())
        .map(|(names, before, after)| format!("{before}{names}{after}"))
        .collect()
}
