//! `update_snippet` and `delete_snippet`: text that messages share. What uses it is looked up first, and named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::usage::{self, UsedBy};
use crate::{
    api::templates::Snippet,
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::Intent,
    liquid,
    tools::{context::CallContext, tool::Tool, verify::WriteResult},
};

/// Customer.io's limit (behaviour notes, section 2).
const MAX_BYTES: usize = 16 * 1_024;

/// Changes a snippet.
pub struct UpdateSnippet;

/// Deletes a snippet.
pub struct DeleteSnippet;

/// Arguments of `update_snippet`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateInput {
    name: String,
    /// Liquid allowed.
    value: String,
}

/// Answer of `update_snippet`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UpdateOutput {
    result: WriteResult,
    /// Its text before.
    before: String,
    used_by: UsedBy,
    /// Where nobody could look for uses.
    not_looked_at: Vec<String>,
}

/// Arguments of `delete_snippet`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteInput {
    name: String,
}

/// Answer of `delete_snippet`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeleteOutput {
    result: WriteResult,
    /// Its text before.
    before: String,
    /// Where nobody could look for uses.
    not_looked_at: Vec<String>,
}

impl Tool for UpdateSnippet {
    const SPEC: Spec = Spec {
        name: "update_snippet",
        title: "Update a snippet",
        prose: include_str!("../../../tools/update_snippet.md"),
        toolset: Toolset::Messages,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[Flag::ContentInUse],
        needs: &[Credential::App],
    };
    type Input = UpdateInput;
    type Output = UpdateOutput;

    fn intent(input: &UpdateInput) -> Result<Intent, ToolError> {
        check_name(&input.name)?;
        if input.value.len() > MAX_BYTES {
            let message =
                format!("`value` has {} bytes; at most {MAX_BYTES} are taken. Nothing was changed.", input.value.len());
            return Err(ToolError::invalid("value", message));
        }
        check_liquid("value", &input.value)?;
        Ok(Intent::nobody().on(format!("snippet {}", input.name)))
    }

    async fn call(cx: &CallContext<'_>, input: UpdateInput) -> Result<UpdateOutput, ToolError> {
        let all = cx.api().snippets(&cx.scope).await?;
        let before = find(&all, &input.name)?.value.clone();
        let usage = usage::of_snippet(cx, &input.name, &all).await?;
        cx.api().put_snippet(cx.permit()?, &cx.scope, &input.name, &input.value).await?;
        let result = match cx.api().snippets(&cx.scope).await {
            Ok(now) if now.iter().any(|one| one.name == input.name && one.value == input.value) => WriteResult::Applied,
            _ => WriteResult::Accepted,
        };
        Ok(UpdateOutput { result, before, used_by: usage.used_by, not_looked_at: usage.not_looked_at })
    }
}

impl Tool for DeleteSnippet {
    const SPEC: Spec = Spec {
        name: "delete_snippet",
        title: "Delete a snippet",
        prose: include_str!("../../../tools/delete_snippet.md"),
        toolset: Toolset::Messages,
        core: false,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = DeleteInput;
    type Output = DeleteOutput;

    fn intent(input: &DeleteInput) -> Result<Intent, ToolError> {
        check_name(&input.name)?;
        Ok(Intent::nobody().on(format!("snippet {}", input.name)))
    }

    async fn call(cx: &CallContext<'_>, input: DeleteInput) -> Result<DeleteOutput, ToolError> {
        let all = cx.api().snippets(&cx.scope).await?;
        let before = find(&all, &input.name)?.value.clone();
        let usage = usage::of_snippet(cx, &input.name, &all).await?;
        if !usage.used_by.is_nobody() {
            return Err(ToolError::new(ErrorCode::Conflict, "The snippet is in use. Nothing was deleted.")
                .at("name")
                .with(json!({ "used_by": usage.used_by }))
                .next("Take it out of what uses it first; update_template changes a template."));
        }
        if usage.is_cut_short {
            return Err(ToolError::new(
                ErrorCode::Conflict,
                "What uses the snippet cannot be told: there are more messages than one call reads. Nothing was deleted.",
            )
            .at("name")
            .with(json!({ "not_looked_at": usage.not_looked_at }))
            .next("Ask the user to look in Customer.io, and to delete it there."));
        }
        cx.api().delete_snippet(cx.permit()?, &cx.scope, &input.name).await?;
        let result = match cx.api().snippets(&cx.scope).await {
            Ok(now) if now.iter().all(|one| one.name != input.name) => WriteResult::Applied,
            _ => WriteResult::Accepted,
        };
        Ok(DeleteOutput { result, before, not_looked_at: usage.not_looked_at })
    }
}

fn check_name(name: &str) -> Result<(), ToolError> {
    if name.is_empty() || name.trim() != name || name.len() > 150 || name.chars().any(char::is_control) {
        return Err(ToolError::invalid(
            "name",
            "`name` is empty, longer than 150 bytes, or has white space at its ends or control characters. Nothing was \
             changed.",
        ));
    }
    Ok(())
}

/// Liquid that cannot be parsed fails every message that has it.
pub(super) fn check_liquid(field: &str, text: &str) -> Result<(), ToolError> {
    match liquid::variables(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(ToolError::invalid(field, format!("The Liquid of `{field}` is broken: {error}. Nothing was changed.")))
        }
    }
}

fn find<'a>(all: &'a [Snippet], name: &str) -> Result<&'a Snippet, ToolError> {
    all.iter().find(|snippet| snippet.name == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|snippet| snippet.name.as_str()).take(20).collect();
        let there_are =
            if names.is_empty() { "There are none.".to_owned() } else { format!("There are: {}.", names.join(", ")) };
        ToolError::new(ErrorCode::NotFound, "There is no snippet of this name. Nothing was changed.")
            .at("name")
            .next(there_are)
    })
}
