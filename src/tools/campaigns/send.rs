//! `send_newsletter`: a drafted newsletter to its audience, now or later, at most once.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::found;
use crate::{
    api::{UpstreamError, UpstreamErrorKind, newsletters::Newsletter},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        intent::{Audience, Intent},
        values::UnixTime,
    },
    tools::{
        context::CallContext,
        directory::refuse_gone_out,
        tool::{Look, Recovery, Tool},
    },
};

/// Sends or schedules a newsletter.
pub struct SendNewsletter;

/// Arguments of `send_newsletter`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    newsletter_id: i64,
    /// Default: now.
    scheduled_at: Option<UnixTime>,
    /// IANA name; default UTC.
    timezone: Option<String>,
    /// At that time of day of `timezone` wherever a recipient lives.
    match_timezones: Option<bool>,
    /// True: take it off the schedule.
    unschedule: Option<bool>,
    /// Most messages per `rate_seconds`.
    #[schemars(range(min = 1))]
    rate: Option<u32>,
    /// 60, 3600 or 86400.
    rate_seconds: Option<u32>,
    /// Evenly within that time.
    rate_spread: Option<bool>,
}

/// Answer of `send_newsletter`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    newsletter_id: i64,
    name: String,
    /// `sending`, `sent`, `scheduled`, or `draft` once it is off the schedule; `accepted` if it does not show yet.
    state: &'static str,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<i64>,
    /// Found by looking, after the request had brought no answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    found: bool,
}

impl Tool for SendNewsletter {
    const SPEC: Spec = Spec {
        name: "send_newsletter",
        title: "Send or schedule a newsletter",
        prose: include_str!("../../../tools/send_newsletter.md"),
        toolset: Toolset::Campaigns,
        core: false,
        effect: Effect::Send,
        retry: Retry::Ledger,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        input.check()?;
        let id = u64::try_from(input.newsletter_id).unwrap_or_default();
        let mut intent = Intent::nobody().on(match input.scheduled_at {
            _ if input.is_off() => format!("newsletter {id}, taken off the schedule"),
            Some(at) => format!("newsletter {id} at {}", show(at.seconds())),
            None => format!("newsletter {id} now"),
        });
        if !input.is_off() {
            intent = intent.reaching(Audience::Newsletter(id));
        }
        intent.recovery = Some(json!({ "newsletter_id": input.newsletter_id, "scheduled_at": input.asked() }));
        Ok(intent)
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let id = input.newsletter_id;
        let newsletter = cx.api().newsletter(&cx.scope, id).await.map_err(of_newsletter)?;
        if !input.is_off() {
            refuse_gone_out(&newsletter)?;
        } else if newsletter.scheduled().is_none() {
            let message = format!("Newsletter {id} is not scheduled. Nothing was changed.");
            return Err(ToolError::new(ErrorCode::Conflict, message)
                .at("newsletter_id")
                .next("list_campaigns with `kind: \"newsletter\"` shows the state of each."));
        }
        input.check_time(cx.guards().clock.now().as_second())?;
        let body = input.request();
        if input.asked().is_some() {
            cx.api().schedule_newsletter(cx.permit()?, &cx.scope, id, &body).await?;
        } else {
            cx.api().send_newsletter(cx.permit()?, &cx.scope, id, &body).await?;
        }
        // It is asked for; whether that can be read already changes nothing.
        let mut answer = Output::of(&newsletter, false);
        if let Ok(now) = cx.api().newsletter(&cx.scope, id).await {
            answer = Output::of(&now, false);
        }
        let shows = match input.asked() {
            Some(0) => answer.state == "draft",
            Some(_) => answer.scheduled_at.is_some(),
            None => answer.sent_at.is_some() || answer.state == "sending",
        };
        if !shows {
            answer.state = "accepted";
        }
        Ok(answer)
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        found::newsletter(cx, recovery).await
    }
}

/// What a caller is told when a newsletter could not be read: most often, that there is none with this id.
pub(crate) fn of_newsletter(error: UpstreamError) -> ToolError {
    if error.kind != UpstreamErrorKind::NotFound {
        return error.into();
    }
    ToolError::new(ErrorCode::NotFound, "There is no newsletter with this id.")
        .at("newsletter_id")
        .next("list_campaigns with `kind: \"newsletter\"` shows those there are.")
}

fn show(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

impl Output {
    pub(super) fn of(newsletter: &Newsletter, found: bool) -> Self {
        let state = match newsletter.send_state.as_deref() {
            Some("sending") => "sending",
            _ if newsletter.is_sent() => "sent",
            _ if newsletter.scheduled().is_some() => "scheduled",
            _ => "draft",
        };
        Self {
            newsletter_id: newsletter.id,
            name: newsletter.name.clone(),
            state,
            sent_at: newsletter.sent_at,
            scheduled_at: newsletter.scheduled(),
            found,
        }
    }
}

const HOUR_SECONDS: u32 = 3_600;
const PERIODS: [u32; 3] = [60, HOUR_SECONDS, 86_400];

impl Input {
    fn is_off(&self) -> bool {
        self.unschedule == Some(true)
    }

    /// The schedule asked for, as Customer.io takes it: 0 takes it off, `None` sends now.
    fn asked(&self) -> Option<i64> {
        if self.is_off() { Some(0) } else { self.scheduled_at.map(UnixTime::seconds) }
    }

    /// What no look at the workspace is needed to refuse.
    fn check(&self) -> Result<(), ToolError> {
        let refused = |field: &str, why: &str, next: &str| {
            Err(ToolError::invalid(field, format!("{why} Nothing was sent.")).next(next))
        };
        let matches = self.match_timezones == Some(true);
        let has_rate = self.rate.is_some() || self.rate_seconds.is_some() || self.rate_spread.is_some();
        if self.is_off() && (self.scheduled_at.is_some() || self.timezone.is_some() || matches || has_rate) {
            let why = "`unschedule` goes with `newsletter_id` alone.";
            return refused("unschedule", why, "Take it off the schedule first, then call again with the new time.");
        }
        if self.scheduled_at.is_none() {
            for (field, given) in [("timezone", self.timezone.is_some()), ("match_timezones", matches)] {
                if given {
                    return refused(field, &format!("`{field}` needs `scheduled_at`."), "Give `scheduled_at` too.");
                }
            }
        }
        if self.timezone.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
            return refused("timezone", "`timezone` is no IANA time zone.", "Give one such as `Europe/London`.");
        }
        if matches && self.timezone.is_none() {
            return refused("timezone", "`match_timezones` needs the `timezone` meant.", "Give `timezone` too.");
        }
        match (self.rate, self.rate_seconds) {
            (None, None) if self.rate_spread.is_none() => Ok(()),
            (Some(_), Some(seconds)) if !PERIODS.contains(&seconds) => {
                refused("rate_seconds", "`rate_seconds` is none of 60, 3600 and 86400.", "Give one of these.")
            }
            (Some(_), Some(seconds)) if matches && seconds > HOUR_SECONDS => {
                let why = "With `match_timezones`, `rate_seconds` is at most 3600.";
                refused("rate_seconds", why, "Give 60 or 3600.")
            }
            (Some(_), Some(_)) => Ok(()),
            (Some(_), None) => refused("rate_seconds", "`rate` needs `rate_seconds`.", "Give 60, 3600 or 86400."),
            (None, _) => refused("rate", "`rate_seconds` and `rate_spread` need `rate`.", "Give `rate` too."),
        }
    }

    fn check_time(&self, now: i64) -> Result<(), ToolError> {
        match self.scheduled_at.map(UnixTime::seconds) {
            Some(at) if at <= now => {
                Err(ToolError::invalid("scheduled_at", "`scheduled_at` is in the past. Nothing was sent.")
                    .next(format!("It is now {now}; leave `scheduled_at` out to send now.")))
            }
            _ => Ok(()),
        }
    }

    fn request(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("scheduled_at", self.asked().map(Value::from));
        if self.scheduled_at.is_some() {
            put("timezone", Some(json!(self.timezone.as_deref().unwrap_or("UTC"))));
            put("tz_match_enabled", self.match_timezones.map(Value::from));
        }
        put("rate_limit_email_rate", self.rate.map(Value::from));
        put("rate_limit_time_period", self.rate_seconds.map(Value::from));
        put("rate_limit_spread", self.rate_spread.map(Value::from));
        body
    }
}
