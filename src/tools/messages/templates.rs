//! `list_templates`, and how a template is found by its id or trigger name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::templates::Template,
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::Intent,
    tools::{context::CallContext, paging, tool::Tool},
};

/// Lists transactional messages.
pub struct ListTemplates;

/// Arguments of `list_templates`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Part of a name or trigger name, in any case.
    #[schemars(length(max = 100))]
    name: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 20))]
    cursor: Option<String>,
}

/// Answer of `list_templates`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    templates: Vec<TemplateLine>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A template.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct TemplateLine {
    /// What other tools take as `template`.
    template: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_name: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    /// Whether it also goes to people who unsubscribed.
    send_to_unsubscribed: bool,
}

impl Tool for ListTemplates {
    const SPEC: Spec = Spec {
        name: "list_templates",
        title: "List transactional templates",
        prose: include_str!("../../../tools/list_templates.md"),
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
        paging::start_after(input.cursor.as_deref()).map(|_| Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let after = paging::start_after(input.cursor.as_deref())?;
        let wanted = input.name.unwrap_or_default().to_lowercase();
        let mut templates = cx.api().templates(&cx.scope).await?;
        templates.retain(|template| has_name(template, &wanted));
        let (templates, cursor) = paging::page(templates, after, input.limit, |template| template.id);
        Ok(Output { templates: templates.into_iter().map(line).collect(), cursor })
    }
}

fn has_name(template: &Template, part: &str) -> bool {
    let trigger_name = template.trigger_name.as_deref().unwrap_or_default();
    template.name.to_lowercase().contains(part) || trigger_name.to_lowercase().contains(part)
}

fn line(template: Template) -> TemplateLine {
    TemplateLine {
        template: template.id.to_string(),
        name: template.name,
        trigger_name: template.trigger_name,
        description: template.description,
        send_to_unsubscribed: template.send_to_unsubscribed,
    }
}

/// The template that an id, a trigger name or a name (in any case) means. Customer.io's list does not always tell the
/// trigger name, which is made from the name.
pub(super) async fn find(cx: &CallContext<'_>, wanted: &str) -> Result<Template, ToolError> {
    let templates = cx.api().templates(&cx.scope).await?;
    let id: Option<i64> = wanted.parse().ok();
    let is_name = |name: &str| name.to_lowercase() == wanted.to_lowercase();
    let is_wanted = |template: &&Template| match id {
        Some(id) => template.id == id,
        None => [Some(template.name.as_str()), template.trigger_name.as_deref()].into_iter().flatten().any(is_name),
    };
    let found = templates.iter().find(is_wanted).cloned();
    found.ok_or_else(|| {
        ToolError::new(ErrorCode::NotFound, "There is no template with this id or trigger name. Nothing was sent.")
            .at("template")
            .next("list_templates shows those there are.")
    })
}
