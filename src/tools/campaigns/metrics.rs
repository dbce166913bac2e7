//! `get_metrics`: how messages did, in one shape for whatever sent them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        UpstreamErrorKind,
        metrics::{LinkMetrics, MetricsOf, Series, Window},
    },
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{intent::Intent, values::UnixTime},
    tools::{context::CallContext, people::get::Detail, tool::Tool},
};

/// Counts what became of messages.
pub struct GetMetrics;

/// How long a step is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Period {
    /// At most 24.
    Hours,
    /// At most 45.
    Days,
    /// At most 12.
    Weeks,
    /// At most 121.
    #[default]
    Months,
}

/// A channel, by the name metrics have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text messages.
    Sms,
    /// Push notifications.
    Push,
    /// In-app messages.
    InApp,
    /// Slack.
    Slack,
    /// Webhooks.
    Webhook,
}

/// Arguments of `get_metrics`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    campaign_id: Option<i64>,
    broadcast_id: Option<i64>,
    newsletter_id: Option<i64>,
    template_id: Option<i64>,
    /// One message of the campaign or broadcast.
    action_id: Option<i64>,
    /// One variant or language of the newsletter.
    content_id: Option<i64>,
    /// Default months.
    period: Option<Period>,
    /// Back from now; at most 24 hours, 45 days, 12 weeks, 121 months. Default 12.
    #[schemars(range(min = 2, max = 121))]
    steps: Option<u32>,
    /// Instead of `steps`, with `end`; campaigns only.
    start: Option<UnixTime>,
    end: Option<UnixTime>,
    /// IANA name, for `start` and `end`.
    timezone: Option<String>,
    /// Such as `opened`; default all that are not zero.
    #[schemars(length(min = 1, max = 20))]
    metrics: Option<Vec<String>>,
    channel: Option<Channel>,
    /// Count each person once per link.
    unique: Option<bool>,
    /// `full` adds the clicks on each link.
    detail: Option<Detail>,
}

/// Answer of `get_metrics`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Whose, such as `newsletter 1`.
    of: String,
    /// Over all steps; what is left out is 0.
    totals: BTreeMap<String, u64>,
    /// Shares of the totals, 0 to 1, such as `opened_of_delivered`.
    rates: BTreeMap<String, f64>,
    /// Counts by step, the oldest first. Without `start`, the last step is the current one, by US Eastern time.
    series: BTreeMap<String, Vec<u64>>,
    /// The most clicked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Vec<Link>>,
}

/// A link, and the clicks on it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Link {
    href: String,
    clicked: u64,
    /// Clicked by scanners and the like.
    machine_clicked: u64,
}

impl Tool for GetMetrics {
    const SPEC: Spec = Spec {
        name: "get_metrics",
        title: "Get metrics",
        prose: include_str!("../../../tools/get_metrics.md"),
        toolset: Toolset::Campaigns,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let of = input.of()?;
        input.check(of)?;
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let of = input.of()?;
        let channel = input.channel.map(Channel::upstream);
        let series = cx
            .api()
            .metrics(&cx.scope, of, &input.window(), channel)
            .await
            .map_err(|error| if error.kind == UpstreamErrorKind::NotFound { nothing(of) } else { error.into() })?;
        let links = if input.detail == Some(Detail::Full) {
            let unique = input.unique == Some(true);
            let links = cx.api().link_metrics(&cx.scope, of, input.period().as_str(), input.steps(), unique).await?;
            Some(most_clicked(links))
        } else {
            None
        };
        let all = totals(&series);
        let wanted = |name: &String, total: u64| match &input.metrics {
            Some(names) => names.contains(name),
            None => total > 0,
        };
        let shown = |name: &String| wanted(name, all.get(name).copied().unwrap_or_default());
        Ok(Output {
            of: told(of),
            rates: rates(&all),
            totals: all.iter().filter(|(name, _)| shown(name)).map(|(name, total)| (name.clone(), *total)).collect(),
            series: series.into_iter().filter(|(name, _)| shown(name)).collect(),
            links,
        })
    }
}

/// The sum of each metric over all steps.
pub(crate) fn totals(series: &Series) -> BTreeMap<String, u64> {
    series.iter().map(|(name, counts)| (name.clone(), counts.iter().sum())).collect()
}

/// Each metric that says something, and what it is a share of.
const RATES: [(&str, &str); 8] = [
    ("delivered", "sent"),
    ("bounced", "sent"),
    ("opened", "delivered"),
    ("clicked", "delivered"),
    ("human_clicked", "delivered"),
    ("converted", "delivered"),
    ("unsubscribed", "delivered"),
    ("spammed", "delivered"),
];

fn rates(totals: &BTreeMap<String, u64>) -> BTreeMap<String, f64> {
    let total = |name: &str| totals.get(name).copied().unwrap_or_default();
    let rates = RATES.iter().filter_map(|(part, whole)| {
        // Some channels report no delivery.
        let whole = if *whole == "delivered" && total(whole) == 0 { "sent" } else { whole };
        let (part_total, whole_total) = (total(part), total(whole));
        (part_total > 0 && whole_total > 0).then(|| (format!("{part}_of_{whole}"), share(part_total, whole_total)))
    });
    rates.collect()
}

/// A share to four digits.
#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

fn most_clicked(links: Vec<LinkMetrics>) -> Vec<Link> {
    let total = |link: &LinkMetrics, name: &str| link.series.get(name).map_or(0, |counts| counts.iter().sum());
    let mut links: Vec<Link> = links
        .into_iter()
        .map(|link| Link {
            clicked: total(&link, "clicked"),
            machine_clicked: total(&link, "machine_clicked"),
            href: link.href,
        })
        .collect();
    links.sort_by(|one, other| other.clicked.cmp(&one.clicked).then_with(|| one.href.cmp(&other.href)));
    links
}

fn told(of: MetricsOf) -> String {
    match of {
        MetricsOf::Campaign(id) => format!("campaign {id}"),
        MetricsOf::CampaignAction(id, action) => format!("campaign {id} action {action}"),
        MetricsOf::Broadcast(id) => format!("broadcast {id}"),
        MetricsOf::BroadcastAction(id, action) => format!("broadcast {id} action {action}"),
        MetricsOf::Newsletter(id) => format!("newsletter {id}"),
        MetricsOf::Variant(id, content) => format!("newsletter {id} content {content}"),
        MetricsOf::Template(id) => format!("template {id}"),
    }
}

fn nothing(of: MetricsOf) -> ToolError {
    let (field, next) = match of {
        MetricsOf::Campaign(_) => ("campaign_id", "list_campaigns shows those there are."),
        MetricsOf::Broadcast(_) => ("broadcast_id", "list_campaigns shows those there are."),
        MetricsOf::Newsletter(_) => ("newsletter_id", "list_campaigns shows those there are."),
        MetricsOf::CampaignAction(..) | MetricsOf::BroadcastAction(..) => {
            ("action_id", "list_campaigns with `detail: \"full\"` shows the actions of each.")
        }
        MetricsOf::Variant(..) => ("content_id", "list_campaigns with `detail: \"full\"` shows the contents of each."),
        MetricsOf::Template(_) => ("template_id", "list_templates shows those there are."),
    };
    ToolError::new(ErrorCode::NotFound, format!("There is no {}.", told(of))).at(field).next(next)
}

impl Period {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
        }
    }

    const fn resolution(self) -> &'static str {
        match self {
            Self::Hours => "hourly",
            Self::Days => "daily",
            Self::Weeks => "weekly",
            Self::Months => "monthly",
        }
    }

    const fn most_steps(self) -> u32 {
        match self {
            Self::Hours => 24,
            Self::Days => 45,
            Self::Weeks => 12,
            Self::Months => 121,
        }
    }
}

impl Channel {
    const fn upstream(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "twilio",
            Self::Push => "push",
            Self::InApp => "in_app",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }
}

/// The metrics there are.
const METRICS: [&str; 20] = [
    "created",
    "drafted",
    "attempted",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "human_clicked",
    "machine_clicked",
    "converted",
    "bounced",
    "dropped",
    "failed",
    "spammed",
    "undeliverable",
    "unsubscribed",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
];

const DEFAULT_STEPS: u32 = 12;

impl Input {
    fn period(&self) -> Period {
        self.period.unwrap_or_default()
    }

    fn steps(&self) -> u32 {
        self.steps.unwrap_or(DEFAULT_STEPS)
    }

    fn window(&self) -> Window {
        match (self.start, self.end) {
            (Some(start), Some(end)) => Window::Between {
                resolution: self.period().resolution(),
                start: start.seconds(),
                end: end.seconds(),
                timezone: self.timezone.clone(),
            },
            _ => Window::Last { period: self.period().as_str(), steps: self.steps() },
        }
    }

    /// Whose metrics are asked for.
    fn of(&self) -> Result<MetricsOf, ToolError> {
        let one_of = "Give one of `campaign_id`, `broadcast_id`, `newsletter_id` and `template_id`.";
        let of = match (self.campaign_id, self.broadcast_id, self.newsletter_id, self.template_id) {
            (Some(id), None, None, None) => {
                self.action_id.map_or(MetricsOf::Campaign(id), |action| MetricsOf::CampaignAction(id, action))
            }
            (None, Some(id), None, None) => {
                self.action_id.map_or(MetricsOf::Broadcast(id), |action| MetricsOf::BroadcastAction(id, action))
            }
            (None, None, Some(id), None) => {
                self.content_id.map_or(MetricsOf::Newsletter(id), |content| MetricsOf::Variant(id, content))
            }
            (None, None, None, Some(id)) => MetricsOf::Template(id),
            (None, None, None, None) => {
                return Err(ToolError::invalid("campaign_id", "The call does not say whose metrics.").next(one_of));
            }
            _ => {
                let message = "The call names more than one thing to count.";
                return Err(ToolError::invalid("campaign_id", message).next(one_of));
            }
        };
        if self.action_id.is_some() && !matches!(of, MetricsOf::CampaignAction(..) | MetricsOf::BroadcastAction(..)) {
            let message = "`action_id` goes with `campaign_id` or `broadcast_id`.";
            return Err(ToolError::invalid("action_id", message).next("Leave it out, or name its campaign."));
        }
        if self.content_id.is_some() && !matches!(of, MetricsOf::Variant(..)) {
            let message = "`content_id` goes with `newsletter_id`.";
            return Err(ToolError::invalid("content_id", message).next("Leave it out, or name its newsletter."));
        }
        Ok(of)
    }

    fn check(&self, of: MetricsOf) -> Result<(), ToolError> {
        let refused = |field: &str, why: &str, next: &str| Err(ToolError::invalid(field, why).next(next));
        let wrong = self.metrics.iter().flatten().position(|name| !METRICS.contains(&name.as_str()));
        if let Some(at) = wrong {
            let next = format!("Valid: {}.", METRICS.join(", "));
            return refused(&format!("metrics[{at}]"), "There is no such metric.", &next);
        }
        if self.steps() > self.period().most_steps() {
            let why =
                format!("There are at most {} steps of `{}`.", self.period().most_steps(), self.period().as_str());
            return refused("steps", &why, "Ask for fewer, or for longer ones.");
        }
        if self.channel.is_some() && !of.takes_channel() {
            return refused("channel", "A template has one channel.", "Leave `channel` out.");
        }
        let is_full = self.detail == Some(Detail::Full);
        if self.unique == Some(true) && !(is_full && of.takes_unique()) {
            let why = "`unique` counts the links of a whole campaign, broadcast, newsletter or template, with `detail: \"full\"`.";
            return refused("unique", why, "Leave `unique` out, or ask for these.");
        }
        match (self.start, self.end) {
            (None, None) if self.timezone.is_none() => Ok(()),
            (None, None) => {
                refused("timezone", "`timezone` goes with `start` and `end`.", "Give these, or leave it out.")
            }
            (Some(_), Some(_)) if !of.takes_range() => {
                refused("start", "Only a campaign and its actions are counted between two times.", "Use `steps`.")
            }
            (Some(start), Some(end)) if end.seconds() <= start.seconds() => {
                refused("end", "`end` is not after `start`.", "Give a later `end`.")
            }
            (Some(_), Some(_)) if self.steps.is_some() => {
                refused("steps", "`steps` and `start` exclude each other.", "Give one of them.")
            }
            (Some(_), Some(_)) if is_full => {
                refused("detail", "The clicks on links are counted by `steps` alone.", "Ask for them in another call.")
            }
            (Some(_), Some(_)) if self.timezone.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err()) => {
                refused("timezone", "`timezone` is no IANA time zone.", "Give one such as `Europe/London`.")
            }
            (Some(_), Some(_)) => Ok(()),
            (Some(_), None) => refused("end", "`start` needs `end`.", "Give both."),
            (None, Some(_)) => refused("start", "`end` needs `start`.", "Give both."),
        }
    }
}
