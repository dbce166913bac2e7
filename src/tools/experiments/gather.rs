//! The counts of the arms of a test, from wherever it ran.

use std::collections::BTreeMap;

use crate::{
    api::{
        UpstreamErrorKind,
        metrics::{MetricsOf, Window},
        newsletters::Newsletter,
    },
    error::{ErrorCode, ToolError},
    statistics::Arm,
    tools::{
        campaigns::{metrics::totals, send::of_newsletter},
        context::CallContext,
    },
};

/// Ten years: everything a message has ever come to.
const ALL_TIME: Window = Window::Last { period: "months", steps: 121 };
/// The most requests for the counts of one test: five seconds of the workspace's.
const MOST_PARTS: usize = 50;

/// An arm of a test, with all that was counted of it.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) test_group_id: Option<String>,
    pub(super) action_id: Option<i64>,
    pub(super) content_ids: Vec<i64>,
    totals: BTreeMap<String, u64>,
}

impl Counted {
    pub(super) fn total(&self, metric: &str) -> u64 {
        self.totals.get(metric).copied().unwrap_or_default()
    }

    /// Whom a rate is a share of: those it reached, or where a channel does not tell, those it was sent to.
    pub(super) fn reached(&self) -> u64 {
        if self.total("delivered") > 0 { self.total("delivered") } else { self.total("sent") }
    }

    /// The counts of one metric. Customer.io can count somebody who was never counted as reached.
    pub(super) fn arm(&self, metric: &str) -> Arm {
        let recipients = self.reached();
        Arm { recipients, successes: self.total(metric).min(recipients) }
    }
}

/// The groups of a newsletter's test, and the newsletter.
pub(super) async fn of_groups(
    cx: &CallContext<'_>,
    newsletter_id: i64,
) -> Result<(Vec<Counted>, Newsletter), ToolError> {
    let newsletter = cx.api().newsletter(&cx.scope, newsletter_id).await.map_err(of_newsletter)?;
    let groups = cx.api().test_groups(&cx.scope, newsletter_id).await?;
    if groups.len() < 2 {
        return Err(ToolError::new(ErrorCode::Conflict, "The newsletter is no A/B test: it has one variant.")
            .at("newsletter_id")
            .next("get_metrics shows how it did; create_test_group adds a variant before it is sent."));
    }
    if !newsletter.is_sent() {
        return Err(ToolError::new(
            ErrorCode::Conflict,
            "The newsletter was not sent yet: there is nothing to compare.",
        )
        .at("newsletter_id")
        .next("send_newsletter sends it."));
    }
    let parts: usize = groups.iter().map(|group| group.content_ids.len()).sum();
    if parts > MOST_PARTS {
        return Err(ToolError::new(
            ErrorCode::Conflict,
            format!("The test has {parts} contents, and each is counted by itself: at most {MOST_PARTS} are."),
        )
        .at("newsletter_id")
        .next("get_metrics with `content_id` counts one at a time."));
    }
    let mut arms = Vec::with_capacity(groups.len());
    for group in groups {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        for content_id in &group.content_ids {
            let of = MetricsOf::Variant(newsletter_id, *content_id);
            for (name, total) in totals(&cx.api().metrics(&cx.scope, of, &ALL_TIME, None).await?) {
                *sum.entry(name).or_default() += total;
            }
        }
        arms.push(Counted {
            name: if group.name.is_empty() { group.id.clone() } else { group.name },
            test_group_id: Some(group.id),
            action_id: None,
            content_ids: group.content_ids,
            totals: sum,
        });
    }
    Ok((arms, newsletter))
}

/// Messages of a campaign among which people were dealt out. Customer.io does not tell which they are.
pub(super) async fn of_actions(
    cx: &CallContext<'_>,
    campaign_id: i64,
    action_ids: &[i64],
) -> Result<Vec<Counted>, ToolError> {
    let mut arms = Vec::with_capacity(action_ids.len());
    for (at, action_id) in action_ids.iter().enumerate() {
        let of = MetricsOf::CampaignAction(campaign_id, *action_id);
        let series = cx.api().metrics(&cx.scope, of, &ALL_TIME, None).await.map_err(|error| {
            if error.kind != UpstreamErrorKind::NotFound {
                return error.into();
            }
            ToolError::new(ErrorCode::NotFound, format!("Campaign {campaign_id} has no action {action_id}."))
                .at(format!("action_ids[{at}]"))
                .next("list_campaigns with `detail: \"full\"` shows the actions of each.")
        })?;
        arms.push(Counted {
            name: format!("action {action_id}"),
            test_group_id: None,
            action_id: Some(*action_id),
            content_ids: Vec::new(),
            totals: totals(&series),
        });
    }
    Ok(arms)
}
