//! `list_campaigns`: campaigns, broadcasts and newsletters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        broadcasts::{ActionRef, Campaign},
        newsletters::Newsletter,
    },
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::intent::Intent,
    tools::{context::CallContext, paging, people::get::Detail, tool::Tool},
};

/// Lists campaigns, broadcasts or newsletters.
pub struct ListCampaigns;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// Automations.
    Campaign,
    /// Sent by `trigger_broadcast`.
    Broadcast,
    /// Sent once to an audience.
    Newsletter,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum State {
    /// Not started, or not sent.
    Draft,
    /// Takes people in, or triggers.
    Running,
    /// Was running.
    Stopped,
    /// A newsletter that will go out.
    Scheduled,
    /// A newsletter that is going out.
    Sending,
    /// A newsletter that went out.
    Sent,
}

/// Arguments of `list_campaigns`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    kind: Kind,
    state: Option<State>,
    /// Part of a name, in any case.
    #[schemars(length(max = 190))]
    name: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// From the last answer.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
    /// `full` adds actions, contents and tags.
    detail: Option<Detail>,
}

/// Answer of `list_campaigns`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    campaigns: Vec<Line>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A campaign, broadcast or newsletter.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broadcast_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newsletter_id: Option<i64>,
    name: String,
    state: &'static str,
    /// What starts a campaign, such as `segment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
    /// Of a newsletter.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<i64>,
    /// Messages of a campaign or broadcast.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    /// Languages and variants of a newsletter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_ids: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// A message of a campaign or broadcast.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Action {
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<i64>,
    channel: String,
}

impl Tool for ListCampaigns {
    const SPEC: Spec = Spec {
        name: "list_campaigns",
        title: "List campaigns, broadcasts or newsletters",
        prose: include_str!("../../../tools/list_campaigns.md"),
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
        if let Some(state) = input.state.filter(|state| !state.is_of(input.kind)) {
            let valid = if input.kind == Kind::Newsletter {
                "`draft`, `scheduled`, `sending` and `sent`"
            } else {
                "`draft`, `running` and `stopped`"
            };
            let message = format!("Nothing of this `kind` is ever `{}`.", state.as_str());
            return Err(ToolError::invalid("state", message).next(format!("Its states are {valid}.")));
        }
        if input.kind != Kind::Newsletter {
            paging::start_after(input.cursor.as_deref())?;
        }
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let campaigns = match input.kind {
            Kind::Newsletter => return newsletters(cx, &input).await,
            Kind::Campaign => cx.api().campaigns(&cx.scope).await?,
            Kind::Broadcast => cx.api().broadcasts(&cx.scope).await?,
        };
        let after = paging::start_after(input.cursor.as_deref())?;
        let wanted = campaigns.into_iter().filter(|campaign| input.wants(&campaign.name, State::of(campaign)));
        let (campaigns, cursor) = paging::page(wanted.collect(), after, input.limit, |campaign| campaign.id);
        Ok(Output { campaigns: campaigns.into_iter().map(|campaign| input.campaign_line(campaign)).collect(), cursor })
    }
}

/// The most pages that are read for one page of our own.
const PAGES: usize = 10;
const DEFAULT_LIMIT: usize = 25;

/// Newsletters are given in pages, and what is not wanted leaves them short: they are read on until ours is full.
async fn newsletters(cx: &CallContext<'_>, input: &Input) -> Result<Output, ToolError> {
    let limit = input.limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    let (mut lines, mut cursor) = (Vec::new(), input.cursor.clone());
    for _ in 0..PAGES {
        // No more than still fits: a cursor goes on only after a whole page.
        let rows = u32::try_from(limit - lines.len()).unwrap_or(1);
        let page = cx.api().newsletters(&cx.scope, cursor.as_deref(), rows).await.map_err(|error| {
            let mistaken = error.status == Some(400) && input.cursor.is_some();
            let told = ToolError::from(error);
            if mistaken { told.at("cursor").next("Leave `cursor` out to begin at the start.") } else { told }
        })?;
        cursor = page.next.filter(|next| !next.is_empty());
        let wanted =
            page.items.into_iter().filter(|newsletter| input.wants(&newsletter.name, State::of_newsletter(newsletter)));
        lines.extend(wanted.map(|newsletter| input.newsletter_line(newsletter)));
        if cursor.is_none() || lines.len() >= limit {
            break;
        }
    }
    Ok(Output { campaigns: lines, cursor })
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Scheduled => "scheduled",
            Self::Sending => "sending",
            Self::Sent => "sent",
        }
    }

    fn is_of(self, kind: Kind) -> bool {
        match self {
            Self::Draft => true,
            Self::Running | Self::Stopped => kind != Kind::Newsletter,
            Self::Scheduled | Self::Sending | Self::Sent => kind == Kind::Newsletter,
        }
    }

    fn of(campaign: &Campaign) -> Self {
        match campaign.state.as_deref() {
            Some("draft") => Self::Draft,
            _ if campaign.active => Self::Running,
            _ => Self::Stopped,
        }
    }

    fn of_newsletter(newsletter: &Newsletter) -> Self {
        match newsletter.send_state.as_deref() {
            Some("sending") => Self::Sending,
            _ if newsletter.is_sent() => Self::Sent,
            _ if newsletter.scheduled().is_some() => Self::Scheduled,
            _ => Self::Draft,
        }
    }
}

impl Input {
    fn wants(&self, name: &str, state: State) -> bool {
        let part = self.name.as_deref().unwrap_or_default().to_lowercase();
        self.state.is_none_or(|wanted| wanted == state) && name.to_lowercase().contains(&part)
    }

    fn is_full(&self) -> bool {
        self.detail == Some(Detail::Full)
    }

    fn campaign_line(&self, campaign: Campaign) -> Line {
        let is_campaign = self.kind == Kind::Campaign;
        let mut line = Line {
            campaign_id: Some(campaign.id).filter(|_| is_campaign),
            broadcast_id: Some(campaign.id).filter(|_| !is_campaign),
            state: State::of(&campaign).as_str(),
            trigger: Some(campaign.kind.clone()).filter(|kind| is_campaign && !kind.is_empty()),
            ..Line::default()
        };
        if self.is_full() {
            line.tags = campaign.tags();
            line.actions = campaign.actions.into_iter().map(action).collect();
        }
        line.name = campaign.name;
        line
    }

    fn newsletter_line(&self, newsletter: Newsletter) -> Line {
        let mut line = Line {
            newsletter_id: Some(newsletter.id),
            state: State::of_newsletter(&newsletter).as_str(),
            scheduled_at: newsletter.scheduled(),
            sent_at: newsletter.sent_at,
            name: newsletter.name,
            channel: newsletter.kind,
            ..Line::default()
        };
        if self.is_full() {
            line.content_ids = newsletter.content_ids;
            line.tags = newsletter.tags;
        }
        line
    }
}

fn action(action: ActionRef) -> Action {
    Action { action_id: action.id, channel: action.kind }
}
