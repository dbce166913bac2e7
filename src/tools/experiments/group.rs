//! `create_test_group`: one more arm of a newsletter's A/B test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::newsletters::TestGroup,
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::intent::Intent,
    tools::{
        campaigns::send::of_newsletter,
        context::CallContext,
        tool::{Look, Recovery, Tool},
    },
};

/// Adds a test group to a newsletter.
pub struct CreateTestGroup;

/// Arguments of `create_test_group`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    newsletter_id: i64,
}

/// Answer of `create_test_group`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    newsletter_id: i64,
    /// The new one; absent if it does not show yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Group>,
    /// How many groups there are now.
    groups: usize,
    /// Found by looking, after the request had brought no answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    found: bool,
}

/// A group of people who get the same.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Group {
    test_group_id: String,
    name: String,
    /// What it says, one for each language: `update_variant` takes them.
    content_ids: Vec<i64>,
}

impl Tool for CreateTestGroup {
    const SPEC: Spec = Spec {
        name: "create_test_group",
        title: "Create an A/B test group",
        prose: include_str!("../../../tools/create_test_group.md"),
        toolset: Toolset::Experiments,
        core: false,
        effect: Effect::Write,
        retry: Retry::Ledger,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let facts = json!({ "newsletter_id": input.newsletter_id });
        Ok(Intent { recovery: Some(facts), ..Intent::nobody() }.on(format!("newsletter {}", input.newsletter_id)))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let newsletter_id = input.newsletter_id;
        let newsletter = cx.api().newsletter(&cx.scope, newsletter_id).await.map_err(of_newsletter)?;
        if newsletter.is_sent() {
            return Err(ToolError::new(ErrorCode::Conflict, "The newsletter was sent already. Nothing was created.")
                .at("newsletter_id")
                .next("compare_variants reads a test that was sent; create_newsletter makes a new newsletter."));
        }
        cx.api().create_test_group(cx.permit()?, &cx.scope, newsletter_id).await?;
        // It is made; whether that can be read already changes nothing.
        let groups = cx.api().test_groups(&cx.scope, newsletter_id).await.unwrap_or_default();
        let is_new = |group: &&TestGroup| !group.content_ids.iter().any(|id| newsletter.content_ids.contains(id));
        let created = groups.iter().find(is_new).cloned();
        if let Some(created) = &created
            && let Err(error) = cx.guards().claim_effect(&cx.admitted.call_id, &effect(newsletter_id, created)).await
        {
            tracing::warn!(code = error.code.as_str(), "a test group was left unclaimed");
        }
        Ok(Output { newsletter_id, created: created.map(Into::into), groups: groups.len(), found: false })
    }

    /// A group does not say when it was made, but its contents do, which are made with it.
    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        let Some(newsletter_id) = recovery.facts["newsletter_id"].as_i64() else { return Ok(Look::Unclear) };
        let call_id = &cx.admitted.call_id;
        let since = recovery.began_at_ms / 1_000 - 1;
        let groups = cx.api().test_groups(&cx.scope, newsletter_id).await?;
        let count = groups.len();
        let found = |group: TestGroup| {
            Ok(Look::Found(Output { newsletter_id, created: Some(group.into()), groups: count, found: true }))
        };
        let mut free = Vec::new();
        // The first is what the newsletter began with.
        for group in groups.into_iter().skip(1) {
            let Some(content_id) = group.content_ids.first() else { return Ok(Look::Unclear) };
            match cx.guards().claimant(&effect(newsletter_id, &group)).await? {
                Some(holder) if holder == *call_id => return found(group),
                Some(_) => continue,
                None => {}
            }
            let content = cx.api().newsletter_content(&cx.scope, newsletter_id, *content_id).await?;
            match content.get("created").and_then(Value::as_i64) {
                Some(at) if at >= since => free.push(group),
                Some(_) => {}
                None => return Ok(Look::Unclear),
            }
        }
        let is_rival = |other: &Value| other["newsletter_id"].as_i64() == Some(newsletter_id);
        let window = (recovery.began_at_ms, recovery.ended_by_ms);
        let rivals = cx.guards().rivals(call_id, Self::SPEC.name, window, is_rival).await?;
        match (<[TestGroup; 1]>::try_from(free), rivals) {
            (Ok([group]), Some(0)) if cx.guards().claim_effect(call_id, &effect(newsletter_id, &group)).await? => {
                found(group)
            }
            (Err(free), _) if free.is_empty() => Ok(Look::Absent),
            _ => Ok(Look::Unclear),
        }
    }
}

/// How a group is known that a call takes for its own.
fn effect(newsletter_id: i64, group: &TestGroup) -> String {
    format!("newsletter {newsletter_id} test group {}", group.id)
}

impl From<TestGroup> for Group {
    fn from(group: TestGroup) -> Self {
        Self { test_group_id: group.id, name: group.name, content_ids: group.content_ids }
    }
}
