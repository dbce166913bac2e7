//! `update_template`: change what a transactional message says. It goes live at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{snippets::check_liquid, templates};
use crate::{
    api::{
        deliveries::{DeliveryQuery, PageQuery},
        templates::TemplateContent,
    },
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        headers::{check_headers, given_header},
        intent::Intent,
    },
    tools::{
        answer::{Untrusted, untrusted},
        context::CallContext,
        tool::Tool,
        verify::WriteResult,
    },
};

/// Changes a transactional message.
pub struct UpdateTemplate;

/// Arguments of `update_template`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Id or trigger name.
    template: String,
    /// Default: the default one.
    language: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    preheader_text: Option<String>,
    body_plain: Option<String>,
    body_amp: Option<String>,
    /// Of a sender.
    from_id: Option<i64>,
    reply_to_id: Option<i64>,
    /// Each `{name, value}`.
    headers: Option<Vec<Map<String, Value>>>,
}

/// Answer of `update_template`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: WriteResult,
    template_id: i64,
    content_id: i64,
    /// What was changed, as it was.
    before: Untrusted<Map<String, Value>>,
    /// Fields that read differently from what was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    /// Who gets it.
    used_by: Use,
}

/// How much a template is used.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Use {
    /// Up to 100 are counted.
    deliveries_last_7_days: usize,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent: Option<i64>,
}

const WEEK_SECONDS: i64 = 7 * 24 * 60 * 60;
const COUNTED: u32 = 100;

impl Tool for UpdateTemplate {
    const SPEC: Spec = Spec {
        name: "update_template",
        title: "Update a transactional template",
        prose: include_str!("../../../tools/update_template.md"),
        toolset: Toolset::Messages,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[Flag::ContentInUse],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        if input.changes().is_empty() {
            return Err(ToolError::invalid(
                "body",
                "Give what is to change: `subject`, `body`, `preheader_text`, `body_plain`, `body_amp`, `from_id`, \
                 `reply_to_id` or `headers`. Nothing was changed.",
            ));
        }
        for (field, text) in input.texts() {
            check_liquid(field, text)?;
        }
        let given = input.headers.iter().flatten().enumerate();
        let headers = given.map(|(at, header)| given_header("headers", at, header)).collect::<Result<Vec<_>, _>>()?;
        check_headers("headers", headers)?;
        let language = input.language.as_ref().map_or_else(String::new, |language| format!(" in {language}"));
        Ok(Intent::nobody().on(format!("template {}{language}", input.template)))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let template = templates::find(cx, &input.template).await?;
        let content = content(cx, template.id, input.language.as_deref()).await?;
        let used_by = used(cx, template.id).await?;
        let changes = input.changes();
        cx.api().put_template_content(cx.permit()?, &cx.scope, template.id, content.id, &changes).await?;
        let read = cx.api().template_contents(&cx.scope, template.id).await.ok();
        let now = read.and_then(|contents| contents.into_iter().find(|one| one.id == content.id));
        let differs = |now: &TemplateContent| {
            input
                .texts()
                .filter(|(field, text)| shown(now, field).unwrap_or_default() != *text)
                .map(|(field, _)| field.to_owned())
                .collect::<Vec<_>>()
        };
        let (result, differences) = match now.map(|now| differs(&now)) {
            None => (WriteResult::Accepted, Vec::new()),
            Some(differences) if differences.is_empty() => (WriteResult::Applied, differences),
            Some(differences) => (WriteResult::NotApplied, differences),
        };
        let before = changes.keys().filter_map(|field| Some((field.clone(), before(&content, field)?))).collect();
        Ok(Output {
            result,
            template_id: template.id,
            content_id: content.id,
            before: untrusted(before),
            differences,
            used_by,
        })
    }
}

impl Input {
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            ("subject", &self.subject),
            ("body", &self.body),
            ("preheader_text", &self.preheader_text),
            ("body_plain", &self.body_plain),
            ("body_amp", &self.body_amp),
        ];
        texts.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?)))
    }

    fn changes(&self) -> Map<String, Value> {
        let texts = self.texts().map(|(field, text)| (field.to_owned(), json!(text)));
        let senders = [("from_id", self.from_id), ("reply_to_id", self.reply_to_id)];
        let senders = senders.into_iter().filter_map(|(field, id)| Some((field.to_owned(), json!(id?))));
        let headers = self.headers.iter().map(|headers| ("headers".to_owned(), json!(headers)));
        texts.chain(senders).chain(headers).collect()
    }
}

fn shown<'a>(content: &'a TemplateContent, field: &str) -> Option<&'a str> {
    match field {
        "subject" => content.subject.as_deref(),
        "body" => content.body.as_deref(),
        "preheader_text" => content.preheader_text.as_deref(),
        "body_plain" => content.body_plain.as_deref(),
        "body_amp" => content.body_amp.as_deref(),
        _ => None,
    }
}

fn before(content: &TemplateContent, field: &str) -> Option<Value> {
    match field {
        "from_id" => content.from_id.map(Value::from),
        "reply_to_id" => content.reply_to.clone().map(Value::from),
        "headers" => None,
        text => Some(json!(shown(content, text).unwrap_or_default())),
    }
}

/// The content in a language, which must be there: a change of another one would surprise.
async fn content(cx: &CallContext<'_>, template_id: i64, language: Option<&str>) -> Result<TemplateContent, ToolError> {
    let contents = cx.api().template_contents(&cx.scope, template_id).await?;
    let languages: Vec<String> =
        contents.iter().map(|content| content.language.clone()).filter(|one| !one.is_empty()).collect();
    let wanted = language.unwrap_or_default();
    contents.into_iter().find(|content| content.language == wanted).ok_or_else(|| {
        let there_are = if languages.is_empty() {
            "only the default one: leave `language` out".to_owned()
        } else {
            languages.join(", ")
        };
        ToolError::new(ErrorCode::NotFound, "The template has no text in this language. Nothing was changed.")
            .at("language")
            .next(format!("Its languages: {there_are}."))
    })
}

async fn used(cx: &CallContext<'_>, template_id: i64) -> Result<Use, ToolError> {
    let since = cx.guards().clock.now().as_second() - WEEK_SECONDS;
    let page = PageQuery { start_ts: Some(since), limit: Some(COUNTED), ..PageQuery::default() };
    let query = DeliveryQuery { page, ..DeliveryQuery::default() };
    let sent = cx.api().template_deliveries(&cx.scope, template_id, &query).await?.items;
    Ok(Use { deliveries_last_7_days: sent.len(), last_sent: sent.iter().filter_map(|delivery| delivery.created).max() })
}
