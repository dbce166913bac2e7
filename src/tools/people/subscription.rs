//! `set_subscription`: what one person gets, and what they got before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::meanwhile;
use crate::{
    api::{
        people::{Person, PersonPath},
        subscriptions::{Preferences, SubscriptionChannel, Topic},
    },
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        consent::{PREFERENCES, UNSUBSCRIBED},
        identity::identifier::IdType,
        intent::Intent,
    },
    tools::{
        context::CallContext,
        directory::{known, path},
        tool::Tool,
        verify::{Difference, WriteResult, differences, read_back, result, shows_since},
    },
};

/// Subscribes and unsubscribes one person.
pub struct SetSubscription;

/// Arguments of `set_subscription`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// False: from everything.
    subscribed: Option<bool>,
    /// Topic id or name to whether subscribed.
    topics: Option<BTreeMap<String, bool>>,
    /// Channel, such as `email`, to whether subscribed.
    channels: Option<BTreeMap<String, bool>>,
}

/// Answer of `set_subscription`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: WriteResult,
    cio_id: String,
    /// What the call was about, as it was.
    before: Before,
    /// What reads differently from what was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
}

/// What somebody was subscribed to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Before {
    /// False: unsubscribed from everything.
    subscribed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<TopicBefore>,
    /// By channel.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    channels: BTreeMap<String, bool>,
}

/// Whether somebody was subscribed to a topic.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct TopicBefore {
    topic_id: i64,
    name: String,
    subscribed: bool,
}

const GETS_NOTHING: &str =
    "They are unsubscribed from everything: topics and channels change nothing until `subscribed` is true.";
const NOT_YET: &str = "Customer.io accepted the change, and what it shows is still from before: get_customer shows later what came of it.";
const REFUSED: &str = "Customer.io's activity log shows that it refused the change.";
const UNREAD: &str =
    "Customer.io accepted the change and could not be read afterwards: get_customer shows what came of it.";

impl Tool for SetSubscription {
    const SPEC: Spec = Spec {
        name: "set_subscription",
        title: "Set what a customer is subscribed to",
        prose: include_str!("../../../tools/set_subscription.md"),
        toolset: Toolset::People,
        core: false,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track, Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let choices = input.choices().collect::<Vec<_>>();
        if choices.is_empty() {
            return Err(ToolError::invalid(
                "subscribed",
                "Give at least one of `subscribed`, `topics` and `channels`. Nothing was changed.",
            ));
        }
        let subscribes = choices.contains(&true);
        Ok(Intent { subscribes, ..Intent::one(&input.customer, input.id_type) })
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let path = path(&cx.subject()?.write_ref());
        let PersonPath::CioId(cio_id) = &path else { return Err(gone()) };
        let asked = Asked::of(cx, &input).await?;
        let before = cx.api().preferences(&cx.scope, &path).await?.ok_or_else(gone)?;
        let attributes = asked.attributes();
        let mut body = attributes.clone();
        body.insert("_update".into(), json!(true));
        let since = cx.guards().clock.now().as_second();
        cx.api().identify(cx.permit()?, &cx.scope, &path, &body).await?;
        let read =
            read_back(cx, &path, |person| person.is_some_and(|person| differing(&attributes, person).is_empty()));
        let mut output = Output {
            result: WriteResult::Accepted,
            cio_id: cio_id.clone(),
            before: asked.before(&before),
            differences: Vec::new(),
            notes: Vec::new(),
        };
        match read.await {
            Ok(Some(person)) => judge(cx, &attributes, &person, since, &mut output).await,
            Ok(None) => return Err(meanwhile::gone()),
            Err(_) => output.notes.push(UNREAD),
        }
        let unsubscribed = input.subscribed.map_or(before.unsubscribed, |subscribed| !subscribed);
        if unsubscribed && asked.opens_topic_or_channel() {
            output.notes.push(GETS_NOTHING);
        }
        Ok(output)
    }
}

/// What a person reads as after the change. What differs is only held against it if it was read from after it, or if
/// Customer.io says that it refused.
async fn judge(cx: &CallContext<'_>, written: &Map<String, Value>, person: &Person, since: i64, output: &mut Output) {
    output.differences = differing(written, person);
    if output.differences.is_empty() {
        output.result = WriteResult::Applied;
    } else if meanwhile::is_refused(cx, &known(person.identifiers.clone()), since).await {
        output.result = result(written.len(), output.differences.len());
        output.notes.push(REFUSED);
    } else if shows_since(person, written, since) {
        output.result = result(written.len(), output.differences.len());
    } else {
        output.notes.push(NOT_YET);
    }
}

/// Where a person reads differently. Whether they are unsubscribed has several spellings, and Customer.io says it in a
/// field of its own.
fn differing(written: &Map<String, Value>, person: &Person) -> Vec<Difference> {
    let mut read = person.attributes.clone();
    read.insert(UNSUBSCRIBED.into(), json!(person.unsubscribed));
    differences(written, &read)
}

/// What is to be set, with the topics and channels found.
struct Asked {
    subscribed: Option<bool>,
    topics: Vec<(Topic, bool)>,
    channels: Vec<(SubscriptionChannel, bool)>,
}

impl Input {
    fn choices(&self) -> impl Iterator<Item = bool> {
        let of = |map: &Option<BTreeMap<String, bool>>| map.iter().flatten().map(|(_, is)| *is).collect::<Vec<_>>();
        self.subscribed.into_iter().chain(of(&self.topics)).chain(of(&self.channels))
    }
}

impl Asked {
    async fn of(cx: &CallContext<'_>, input: &Input) -> Result<Self, ToolError> {
        let mut asked = Self { subscribed: input.subscribed, topics: Vec::new(), channels: Vec::new() };
        if let Some(topics) = &input.topics {
            let known = cx.api().subscription_topics(&cx.scope).await?;
            for (wanted, subscribed) in topics {
                let topic = find_topic(&known, wanted)?;
                if asked.topics.iter().any(|(other, _)| other.id == topic.id) {
                    return Err(twice("topics", wanted));
                }
                asked.topics.push((topic, *subscribed));
            }
        }
        if let Some(channels) = &input.channels {
            let known = cx.api().subscription_channels(&cx.scope).await?;
            for (wanted, subscribed) in channels {
                let channel = find_channel(&known, wanted)?;
                if asked.channels.iter().any(|(other, _)| other.kind == channel.kind) {
                    return Err(twice("channels", wanted));
                }
                asked.channels.push((channel, *subscribed));
            }
        }
        Ok(asked)
    }

    /// By dot notation, so that nothing that is not asked for is touched.
    fn attributes(&self) -> Map<String, Value> {
        let everything = self.subscribed.map(|subscribed| (UNSUBSCRIBED.to_owned(), json!(!subscribed)));
        let topics = self.topics.iter();
        let topics = topics.map(|(topic, is)| (format!("{PREFERENCES}.topics.topic_{}", topic.id), json!(is)));
        let channels = self.channels.iter();
        let channels = channels.map(|(channel, is)| (format!("{PREFERENCES}.channels.{}", channel.kind), json!(is)));
        everything.into_iter().chain(topics).chain(channels).collect()
    }

    fn opens_topic_or_channel(&self) -> bool {
        self.topics.iter().any(|(_, is)| *is) || self.channels.iter().any(|(_, is)| *is)
    }

    fn before(&self, read: &Preferences) -> Before {
        let topic = |(asked, _): &(Topic, bool)| {
            let chosen = read.topics.iter().find(|topic| topic.id == asked.id);
            let subscribed = chosen.map_or(asked.subscribed_by_default, |topic| topic.subscribed);
            TopicBefore { topic_id: asked.id, name: asked.name.clone(), subscribed }
        };
        let channel = |(asked, _): &(SubscriptionChannel, bool)| {
            let chosen = read.channels.iter().find(|channel| channel.kind == asked.kind)?;
            Some((asked.kind.clone(), chosen.subscribed))
        };
        Before {
            subscribed: !read.unsubscribed,
            topics: self.topics.iter().map(topic).collect(),
            channels: self.channels.iter().filter_map(channel).collect(),
        }
    }
}

fn find_topic(known: &[Topic], wanted: &str) -> Result<Topic, ToolError> {
    let is_wanted = |topic: &&Topic| match wanted.trim_start_matches("topic_").parse::<i64>() {
        Ok(id) => topic.id == id,
        Err(_) => topic.name.to_lowercase() == wanted.to_lowercase(),
    };
    let mut found = known.iter().filter(is_wanted);
    match (found.next(), found.next()) {
        (Some(topic), None) => Ok(topic.clone()),
        (Some(_), Some(_)) => Err(ToolError::invalid("topics", "Several topics have this name. Nothing was changed.")
            .next(format!(
                "Give the id: {}.",
                list(known.iter().map(|topic| format!("{} ({})", topic.id, topic.name)))
            ))),
        (None, _) => {
            Err(ToolError::new(ErrorCode::NotFound, "There is no topic with this id or name. Nothing was changed.")
                .at("topics")
                .next(format!(
                    "There are: {}.",
                    list(known.iter().map(|topic| format!("{} ({})", topic.id, topic.name)))
                )))
        }
    }
}

/// Customer.io calls text messages by the name of who carries them.
fn find_channel(known: &[SubscriptionChannel], wanted: &str) -> Result<SubscriptionChannel, ToolError> {
    let is_wanted =
        |channel: &&SubscriptionChannel| channel.kind == wanted || (wanted == "sms" && channel.kind == "twilio");
    known.iter().find(is_wanted).cloned().ok_or_else(|| {
        let error = ToolError::new(
            ErrorCode::NotFound,
            "People cannot choose this channel in this workspace's subscription center. Nothing was changed.",
        );
        error.at("channels").next(format!("There are: {}.", list(known.iter().map(|channel| channel.kind.clone()))))
    })
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn twice(field: &str, wanted: &str) -> ToolError {
    ToolError::invalid(field, format!("`{field}` names the same one twice, as `{wanted}` too. Nothing was changed."))
}

fn gone() -> ToolError {
    ToolError::new(ErrorCode::CustomerNotFound, "The person is not there any more. Nothing was changed.").at("customer")
}
