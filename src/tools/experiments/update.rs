//! `update_variant`: what a variant or language of a newsletter says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    api::UpstreamErrorKind,
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{headers::check_headers, intent::Intent},
    tools::{
        campaigns::send::of_newsletter,
        context::CallContext,
        tool::Tool,
        verify::{WriteResult, result},
    },
};

/// Changes what a variant says.
pub struct UpdateVariant;

/// Arguments of `update_variant`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    newsletter_id: i64,
    #[schemars(range(min = 1))]
    content_id: i64,
    /// Liquid, as all texts here.
    #[schemars(length(min = 1, max = 1000))]
    subject: Option<String>,
    #[schemars(length(min = 1, max = 500_000))]
    body: Option<String>,
    #[schemars(length(max = 1000))]
    preheader_text: Option<String>,
    #[schemars(length(max = 500_000))]
    body_plain: Option<String>,
    #[schemars(length(max = 500_000))]
    body_amp: Option<String>,
    /// From `list_senders`.
    from_id: Option<i64>,
    reply_to_id: Option<i64>,
    #[schemars(length(max = 50))]
    headers: Option<Vec<Header>>,
}

/// A header of an e-mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Header {
    name: String,
    value: String,
}

/// Answer of `update_variant`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: WriteResult,
    newsletter_id: i64,
    content_id: i64,
    /// What was there, of what was changed.
    before: Map<String, Value>,
    /// What reads otherwise than it was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    different: Vec<String>,
    /// Who gets the change, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

impl Tool for UpdateVariant {
    const SPEC: Spec = Spec {
        name: "update_variant",
        title: "Update a newsletter's variant",
        prose: include_str!("../../../tools/update_variant.md"),
        toolset: Toolset::Experiments,
        core: false,
        effect: Effect::Write,
        retry: Retry::Natural,
        // A newsletter that is scheduled goes out with whatever it says by then.
        flags: &[Flag::ContentInUse],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        if input.request().is_empty() {
            return Err(ToolError::invalid("body", "The call changes nothing. Nothing was changed.")
                .next("Give what is to be changed, such as `subject` or `body`."));
        }
        check_headers(
            "headers",
            input.headers.iter().flatten().map(|header| (header.name.as_str(), header.value.as_str())),
        )?;
        Ok(Intent::nobody().on(format!("content {} of newsletter {}", input.content_id, input.newsletter_id)))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let (newsletter_id, content_id) = (input.newsletter_id, input.content_id);
        let newsletter = cx.api().newsletter(&cx.scope, newsletter_id).await.map_err(of_newsletter)?;
        let was = cx.api().newsletter_content(&cx.scope, newsletter_id, content_id).await.map_err(|error| {
            if error.kind != UpstreamErrorKind::NotFound {
                return error.into();
            }
            ToolError::new(ErrorCode::NotFound, "The newsletter has no content with this id. Nothing was changed.")
                .at("content_id")
                .next(format!("Its contents: {}.", ids(&newsletter.content_ids)))
        })?;
        let written = input.request();
        cx.api().update_newsletter_content(cx.permit()?, &cx.scope, newsletter_id, content_id, &written).await?;
        let before = written.keys().map(|name| (name.clone(), was.get(name).cloned().unwrap_or_default())).collect();
        // It was accepted; whether it can be read already changes nothing.
        let (result, different) = match cx.api().newsletter_content(&cx.scope, newsletter_id, content_id).await {
            Ok(is) => {
                let differs = |(name, value): &(&String, &Value)| is.get(*name).is_some_and(|is| is != *value);
                let different: Vec<_> = written.iter().filter(differs).map(|(name, _)| name.clone()).collect();
                (result(written.len(), different.len()), different)
            }
            Err(_) => (WriteResult::Accepted, Vec::new()),
        };
        let warning = if newsletter.is_sent() {
            Some("The newsletter was sent already: nobody gets the change.")
        } else if newsletter.scheduled().is_some() {
            Some("The newsletter is scheduled: it goes out with the change.")
        } else {
            None
        };
        Ok(Output { result, newsletter_id, content_id, before, different, warning })
    }
}

fn ids(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Input {
    fn request(&self) -> Map<String, Value> {
        let texts = [
            ("subject", &self.subject),
            ("body", &self.body),
            ("preheader_text", &self.preheader_text),
            ("body_plain", &self.body_plain),
            ("body_amp", &self.body_amp),
        ];
        let mut body: Map<String, Value> =
            texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect();
        for (name, id) in [("from_id", self.from_id), ("reply_to_id", self.reply_to_id)] {
            if let Some(id) = id {
                body.insert(name.to_owned(), json!(id));
            }
        }
        if let Some(headers) = &self.headers {
            body.insert("headers".to_owned(), json!(headers));
        }
        body
    }
}
