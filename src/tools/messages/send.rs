//! `send_transactional`: one message to one person, at most once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    channel::Channel,
    lost,
    namespaces::{Reader, data_for},
    rendering::{Message, Overrides, Rendered, is_liquid},
};
use crate::{
    api::{deliveries::Delivery, people::PersonPath},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        identity::{
            Subject,
            identifier::{IdType, MASK, refuse_masked},
        },
        intent::{Absent, Attachment, GivenCustomer, Intent, Recipient, RecipientRole},
        values::{self, UnixTime},
    },
    tools::{
        context::CallContext,
        directory::known,
        tool::{Look, Recovery, Tool},
    },
};

/// Sends one transactional message.
pub struct SendTransactional;

/// Arguments of `send_transactional`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Default: email.
    channel: Option<Channel>,
    /// Id or trigger name. E-mail may give `subject`, `body` and `from` instead.
    template: Option<String>,
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// Address, phone number, or for push a device token or `all`. Default for e-mail: the person's own.
    to: Option<String>,
    /// Read in templates as `trigger.*`.
    message_data: Option<values::Data>,
    language: Option<String>,
    /// Up to 90 days ahead.
    send_at: Option<UnixTime>,
    subject: Option<String>,
    body: Option<String>,
    from: Option<String>,
    bcc: Option<String>,
    /// File name to base64.
    attachments: Option<BTreeMap<String, String>>,
    send_to_unsubscribed: Option<bool>,
}

/// Answer of `send_transactional`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `queued` or `scheduled`: whether it arrives is told by `get_delivery`.
    state: &'static str,
    delivery_id: String,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_at: Option<i64>,
    /// When it will be sent, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_at: Option<i64>,
    /// What keeps it from its reader.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Found by looking, after the request had brought no answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    found: bool,
}

impl Tool for SendTransactional {
    const SPEC: Spec = Spec {
        name: "send_transactional",
        title: "Send a transactional message",
        prose: include_str!("../../../tools/send_transactional.md"),
        toolset: Toolset::Messages,
        core: true,
        effect: Effect::Send,
        retry: Retry::Ledger,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        input.check()?;
        let absent = if input.channel() == Channel::Email { Absent::Create } else { Absent::Refuse };
        let customer = GivenCustomer::customer(&input.customer, input.id_type);
        let mut intent = Intent::named(vec![customer], absent);
        intent.recipients = input.recipients()?;
        intent.to_own_address = input.channel() == Channel::Email;
        intent.escalations = input.escalations();
        intent.texts = input.words();
        intent.attachments = input.files();
        intent.target = input.template.as_ref().map(|template| format!("template {template}"));
        intent.recovery = lost::Facts::of(input.template.as_deref(), input.to.as_deref(), input.send_at.is_some());
        Ok(intent)
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let subject = cx.subject()?;
        let path = crate::tools::directory::path(&subject.write_ref());
        let person = match subject.person {
            Some(_) => cx.api().person(&cx.scope, &path).await?,
            None => None,
        };
        let own_email = match (&person, &path) {
            (Some(person), _) => known(person.identifiers.clone()).email,
            (None, PersonPath::Email(email)) => Some(email.clone()),
            (None, _) => None,
        };
        input.check_time(cx.guards().clock.now().as_second())?;
        let message = input.message(cx).await?;
        let message_data = input.message_data.clone().unwrap_or_default().into_map();
        let reader = person.as_ref().map_or(Reader::New(&path), Reader::Known);
        let data = data_for(cx, reader, &message, message_data, &mut Vec::new()).await?;
        if let Some(refusal) = Rendered::of(&message, &data).refusal() {
            return Err(refusal);
        }
        let template_id = message.template.as_ref().map(|template| template.id);
        let to = match &input.to {
            Some(to) => Some(to.clone()),
            None if input.channel() == Channel::Email => checked_own(subject, own_email)?,
            None => None,
        };
        let body = input.request(template_id, identifiers(&path), to)?;
        let sent = cx.api().send_transactional(cx.permit()?, &cx.scope, input.channel().api(), &body).await?;
        if let Err(error) = cx.guards().claim_effect(&cx.admitted.call_id, &sent.delivery_id).await {
            tracing::warn!(code = error.code.as_str(), "a delivery was left unclaimed");
        }
        Ok(Output {
            state: if sent.send_at.is_some() { "scheduled" } else { "queued" },
            delivery_id: sent.delivery_id,
            queued_at: sent.queued_at,
            send_at: sent.send_at,
            warnings: message.warnings(person.as_ref()),
            found: false,
        })
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        lost::look_up(cx, recovery).await
    }
}

impl Output {
    /// The answer of a send whose own was lost.
    pub(super) fn found(delivery: &Delivery) -> Self {
        Self {
            state: "queued",
            delivery_id: delivery.id.clone(),
            queued_at: delivery.created,
            send_at: None,
            warnings: Vec::new(),
            found: true,
        }
    }
}

/// The person's own address, if it is still the one the guards have weighed against the operator's lists.
fn checked_own(subject: &Subject, now: Option<String>) -> Result<Option<String>, ToolError> {
    let weighed = subject.person.as_ref().map(|person| person.email.as_deref());
    match (weighed, &now) {
        (Some(Some(weighed)), Some(now)) if !same_address(weighed, now) => Err(address_changed()),
        (Some(None), Some(_)) => Err(address_changed()),
        _ => Ok(now),
    }
}

fn address_changed() -> ToolError {
    ToolError::new(
        ErrorCode::Conflict,
        "The person's e-mail address was changed while this call was looked at. Nothing was sent.",
    )
    .at("customer")
    .next("Repeat the call: it is then decided for the address they have now.")
}

pub(super) fn same_address(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The one identifier a send takes.
fn identifiers(path: &PersonPath) -> Value {
    match path {
        PersonPath::Id(id) => json!({ "id": id }),
        PersonPath::Email(email) => json!({ "email": email }),
        PersonPath::CioId(cio_id) => json!({ "cio_id": cio_id }),
    }
}

/// How far ahead a send may be scheduled.
const MAX_AHEAD_SECONDS: i64 = 90 * 24 * 60 * 60;

/// The most bytes of each text, which are Customer.io's limits or well beyond what any message has.
const TEXT_BYTES: &[(&str, usize)] = &[
    ("template", 150),
    ("to", 300),
    ("language", 20),
    ("subject", 1_000),
    ("body", 100_000),
    ("from", 300),
    ("bcc", 300),
];
/// The most files of a message.
const MAX_ATTACHMENTS: usize = 10;

impl Input {
    fn channel(&self) -> Channel {
        self.channel.unwrap_or_default()
    }

    /// Texts within their limits. The schema does not state them: every conversation would pay for what few calls break.
    fn check_texts(&self) -> Result<(), ToolError> {
        let given = [&self.template, &self.to, &self.language, &self.subject, &self.body, &self.from, &self.bcc];
        for ((field, most), text) in TEXT_BYTES.iter().zip(given) {
            let Some(text) = text else { continue };
            let wrong = if text.trim().is_empty() {
                "is empty: leave it out, or give a text".to_owned()
            } else if text.len() > *most {
                format!("has {} bytes; at most {most} are taken", text.len())
            } else {
                continue;
            };
            return Err(ToolError::invalid(*field, format!("`{field}` {wrong}. Nothing was sent.")));
        }
        match self.attachments.as_ref().map_or(0, BTreeMap::len) {
            0..=MAX_ATTACHMENTS => Ok(()),
            more => Err(ToolError::invalid(
                "attachments",
                format!("{more} attachments; at most {MAX_ATTACHMENTS} are taken. Nothing was sent."),
            )),
        }
    }

    /// The message, which must be one of the channel asked for.
    async fn message(&self, cx: &CallContext<'_>) -> Result<Message, ToolError> {
        let overrides = Overrides {
            subject: self.subject.clone(),
            body: self.body.clone(),
            from: self.from.clone(),
            send_to_unsubscribed: self.send_to_unsubscribed,
        };
        let Some(template) = &self.template else { return Ok(Message::inline(overrides)) };
        let message = Message::of(cx, template, self.language.as_deref(), overrides).await?;
        match message.channel {
            Some(channel) if channel != self.channel() => {
                let (is, asked) = (channel.as_str(), self.channel().as_str());
                Err(ToolError::invalid(
                    "channel",
                    format!("The template is for the channel `{is}`, not `{asked}`. Nothing was sent."),
                )
                .next(format!("Give `channel`: \"{is}\", or another template.")))
            }
            _ => Ok(message),
        }
    }

    /// Customer.io would send at once what is scheduled for the past.
    fn check_time(&self, now: i64) -> Result<(), ToolError> {
        let refused = |what| {
            let message = format!("`send_at` is {what}. Nothing was sent.");
            Err(ToolError::invalid("send_at", message)
                .next(format!("It is now {now}; leave `send_at` out to send now.")))
        };
        match self.send_at.map(UnixTime::seconds) {
            Some(at) if at <= now => refused("in the past"),
            Some(at) if at > now + MAX_AHEAD_SECONDS => refused("more than 90 days ahead"),
            _ => Ok(()),
        }
    }

    /// What no look at the workspace is needed to refuse.
    fn check(&self) -> Result<(), ToolError> {
        self.check_texts()?;
        let email = self.channel() == Channel::Email;
        if !email {
            let only_email = [
                ("subject", self.subject.is_some()),
                ("body", self.body.is_some()),
                ("from", self.from.is_some() && !self.channel().needs_number()),
                ("bcc", self.bcc.is_some()),
                ("send_to_unsubscribed", self.send_to_unsubscribed.is_some() && !self.channel().reports_delivery()),
                ("attachments", self.attachments.is_some()),
                ("to", self.to.is_some() && !self.channel().reports_delivery()),
            ];
            if let Some((field, _)) = only_email.into_iter().find(|(_, given)| *given) {
                return Err(ToolError::invalid(
                    field,
                    format!("`{field}` does not go with this channel. Nothing was sent."),
                ));
            }
        }
        if self.template.is_none() && !(email && self.subject.is_some() && self.body.is_some() && self.from.is_some()) {
            return Err(ToolError::invalid(
                "template",
                "Give `template`, or for e-mail `subject`, `body` and `from`. Nothing was sent.",
            )
            .next("list_templates shows the templates there are."));
        }
        if self.channel().needs_number() && self.to.is_none() {
            return Err(ToolError::invalid(
                "to",
                "This channel needs `to`, a phone number with `+` and country code. Nothing was sent.",
            ));
        }
        if self.channel().needs_number() && self.to.as_deref().is_some_and(|to| !to.contains(MASK) && !is_number(to)) {
            return Err(ToolError::invalid(
                "to",
                "`to` is no phone number with `+`, country code and digits alone. Nothing was sent.",
            ));
        }
        for (field, value) in [("to", &self.to), ("from", &self.from), ("bcc", &self.bcc)] {
            let value = value.as_deref().unwrap_or_default();
            refuse_masked(value, field)?;
            // Rendered, it could become an address that no list of recipients has seen.
            if is_liquid(value) {
                return Err(ToolError::invalid(
                    field,
                    format!("`{field}` takes an address as it is, not Liquid. Nothing was sent."),
                ));
            }
            if value.chars().any(char::is_control) {
                return Err(ToolError::invalid(
                    field,
                    format!("`{field}` contains control characters. Nothing was sent."),
                ));
            }
        }
        Ok(())
    }

    fn recipients(&self) -> Result<Vec<Recipient>, ToolError> {
        let mut recipients = Vec::new();
        for (role, value) in
            [(RecipientRole::To, &self.to), (RecipientRole::Bcc, &self.bcc), (RecipientRole::From, &self.from)]
        {
            for address in value.iter().flat_map(|value| value.split(',')).map(bare_address) {
                if address.is_empty() {
                    return Err(ToolError::invalid(
                        role.field(),
                        format!("`{}` holds an empty address. Nothing was sent.", role.field()),
                    ));
                }
                recipients.push(Recipient { address: address.to_owned(), role });
            }
        }
        Ok(recipients)
    }

    /// What the call itself would have the reader read.
    fn words(&self) -> Vec<String> {
        let own = [&self.subject, &self.body].into_iter().flatten().cloned();
        own.chain(self.message_data.iter().map(|data| words_in(data.as_map().values()))).collect()
    }

    fn files(&self) -> Vec<Attachment> {
        let files = self.attachments.iter().flatten();
        files.map(|(name, content)| Attachment { name: name.clone(), content: content.clone() }).collect()
    }

    fn escalations(&self) -> Vec<&'static str> {
        let asks = [
            (self.body.is_some(), "the body is written in the call"),
            (self.subject.is_some(), "the subject is written in the call"),
            (self.from.is_some(), "the sender is set in the call"),
            (self.attachments.is_some(), "it has attachments"),
            (self.send_to_unsubscribed == Some(true), "it goes to people who unsubscribed"),
        ];
        asks.into_iter().filter(|(asks, _)| *asks).map(|(_, why)| why).collect()
    }

    fn request(
        &self,
        template: Option<i64>,
        identifiers: Value,
        to: Option<String>,
    ) -> Result<Map<String, Value>, ToolError> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        if self.channel() == Channel::Email && to.is_none() {
            return Err(ToolError::invalid("to", "The person has no e-mail address. Nothing was sent.")
                .next("Give `to`, or set their `email` with identify_customer."));
        }
        put("transactional_message_id", template.map(Value::from));
        put("identifiers", Some(identifiers));
        put("to", to.map(Value::from));
        put("message_data", self.message_data.clone().map(|data| Value::Object(data.into_map())));
        put("language", self.language.clone().map(Value::from));
        put("send_at", self.send_at.map(|at| Value::from(at.seconds())));
        put("subject", self.subject.clone().map(Value::from));
        put("body", self.body.clone().map(Value::from));
        put("from", self.from.clone().map(Value::from));
        put("bcc", self.bcc.clone().map(Value::from));
        put("attachments", self.attachments.as_ref().map(|files| json!(files)));
        put("send_to_unsubscribed", self.send_to_unsubscribed.map(Value::from));
        Ok(body)
    }
}

/// The texts of some data, a line each.
fn words_in<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let mut words = String::new();
    for value in values {
        match value {
            Value::String(text) => words = words + text + "\n",
            Value::Array(items) => words += &words_in(items.iter()),
            Value::Object(map) => words += &words_in(map.values()),
            _ => {}
        }
    }
    words
}

/// Whether a text is one phone number in the form of E.164: what a carrier could read as two is on nobody's list.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

/// The address in `Ada <ada@shop.example>`.
pub(super) fn bare_address(text: &str) -> &str {
    let text = text.trim();
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        // A name with an address of its own is left whole, and on nobody's list.
        Some((name, address)) if !name.contains(['@', '>']) && !address.contains(['<', '>']) => address.trim(),
        _ => text,
    }
}
