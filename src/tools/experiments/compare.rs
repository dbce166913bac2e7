//! `compare_variants`: which variant of an A/B test is better, or that nobody can say yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gather::{self, Counted};
use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::ToolError,
    guard::intent::Intent,
    statistics::{self, Reading, wilson},
    tools::{context::CallContext, tool::Tool},
};

/// Compares the variants of an A/B test.
pub struct CompareVariants;

/// What a variant is to bring about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Metric {
    /// Opens, of machines too.
    Opened,
    /// Clicks.
    #[default]
    Clicked,
    /// Clicks, less those of scanners.
    HumanClicked,
    /// The goal is reached.
    Converted,
}

/// Arguments of `compare_variants`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    newsletter_id: Option<i64>,
    #[schemars(range(min = 1))]
    campaign_id: Option<i64>,
    /// With `campaign_id`: the actions of the test.
    #[schemars(length(min = 2, max = 8))]
    action_ids: Option<Vec<i64>>,
    /// Default `clicked`.
    metric: Option<Metric>,
    /// Planned shares in the order of the variants, such as [90, 10]; default equal.
    #[schemars(length(min = 2, max = 8))]
    split: Option<Vec<f64>>,
    /// The smallest difference worth knowing of, as a share of the rate. Default 0.1.
    #[schemars(range(min = 0.01, max = 1.0))]
    relevant: Option<f64>,
}

/// What the test may be taken to say.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Verdict {
    /// Not dealt out as planned: the variants cannot be compared.
    SplitBroken,
    /// Nothing yet.
    TooEarly,
    /// A difference worth knowing of would have shown.
    NoDifference,
    /// One is better than all others.
    Better,
}

/// Answer of `compare_variants`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    verdict: Verdict,
    /// The verdict in words.
    says: String,
    metric: Metric,
    variants: Vec<Variant>,
    /// How often people are dealt out this unevenly by chance.
    split_p: f64,
    /// How often variants that are equally good differ this much by chance.
    difference_p: f64,
    /// People per variant that a difference as large as the one seen needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed_per_variant: Option<u64>,
    /// The smallest difference that would have shown, as a share of the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_show: Option<f64>,
    warnings: Vec<String>,
}

/// A variant and its counts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Variant {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_ids: Vec<i64>,
    sent: u64,
    delivered: u64,
    opened: u64,
    clicked: u64,
    converted: u64,
    /// Of the metric, among those reached.
    rate: f64,
    /// 95 % interval of the rate.
    rate_from: f64,
    rate_to: f64,
    probability_best: f64,
}

impl Tool for CompareVariants {
    const SPEC: Spec = Spec {
        name: "compare_variants",
        title: "Compare the variants of an A/B test",
        prose: include_str!("../../../tools/compare_variants.md"),
        toolset: Toolset::Experiments,
        core: false,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        input.test()?;
        if let Some(at) = input.split.iter().flatten().position(|share| share.is_nan() || *share <= 0.0) {
            let field = format!("split[{at}]");
            return Err(ToolError::invalid(field, "A share is more than 0.").next("Give shares such as [90, 10]."));
        }
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let (arms, sent_at) = match input.test()? {
            Test::Newsletter(newsletter_id) => {
                let (arms, newsletter) = gather::of_groups(cx, newsletter_id).await?;
                (arms, newsletter.sent_at)
            }
            Test::Campaign(campaign_id, action_ids) => (gather::of_actions(cx, campaign_id, action_ids).await?, None),
        };
        let split = input.split.clone().unwrap_or_else(|| vec![1.0; arms.len()]);
        if split.len() != arms.len() {
            let message = format!("`split` has {} shares, and the test has {} variants.", split.len(), arms.len());
            let names: Vec<_> = arms.iter().map(|arm| arm.name.as_str()).collect();
            return Err(ToolError::invalid("split", message).next(format!("The variants: {}.", names.join(", "))));
        }
        let metric = input.metric.unwrap_or_default();
        let relevant = input.relevant.unwrap_or(DEFAULT_RELEVANT);
        let counts: Vec<_> = arms.iter().map(|arm| arm.arm(metric.as_str())).collect();
        let sent: Vec<_> = arms.iter().map(|arm| arm.total("sent")).collect();
        // There are two variants or more: fewer were refused.
        let reading = statistics::read(&counts, &sent, &split, relevant)
            .ok_or_else(|| ToolError::invalid("action_ids", "A test has two variants or more."))?;
        let hours = sent_at.map(|at| (cx.guards().clock.now().as_second() - at) / 3_600);
        Ok(Output {
            verdict: verdict(&reading),
            says: says(&reading, &arms, metric, relevant),
            metric,
            split_p: significant(reading.split_p),
            difference_p: significant(reading.difference_p),
            needed_per_variant: reading.needed_per_arm,
            would_show: reading.would_show.map(significant),
            warnings: warnings(metric, hours),
            variants: arms.into_iter().zip(reading.best).map(|(arm, best)| variant(arm, metric, best)).collect(),
        })
    }
}

/// Reactions to a message come for about so long.
const SETTLES_IN_HOURS: i64 = 48;
const DEFAULT_RELEVANT: f64 = 0.1;

enum Test<'a> {
    Newsletter(i64),
    Campaign(i64, &'a [i64]),
}

impl Input {
    fn test(&self) -> Result<Test<'_>, ToolError> {
        let refused = |field: &str, why: &str| {
            Err(ToolError::invalid(field, why).next("Give `newsletter_id`, or `campaign_id` with `action_ids`."))
        };
        match (self.newsletter_id, self.campaign_id, &self.action_ids) {
            (Some(id), None, None) => Ok(Test::Newsletter(id)),
            (None, Some(id), Some(actions)) => {
                if let Some(at) = (1..actions.len()).find(|at| actions[..*at].contains(&actions[*at])) {
                    return refused(&format!("action_ids[{at}]"), "An action is named twice.");
                }
                Ok(Test::Campaign(id, actions))
            }
            (None, Some(_), None) => refused("action_ids", "Customer.io does not tell which actions are a test."),
            (Some(_), ..) => refused("newsletter_id", "The call names a newsletter and a campaign."),
            (None, None, _) => refused("newsletter_id", "The call does not say which test."),
        }
    }
}

impl Metric {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::HumanClicked => "human_clicked",
            Self::Converted => "converted",
        }
    }
}

const fn verdict(reading: &Reading) -> Verdict {
    match reading.verdict {
        statistics::Verdict::SplitBroken => Verdict::SplitBroken,
        statistics::Verdict::TooEarly => Verdict::TooEarly,
        statistics::Verdict::NoDifference => Verdict::NoDifference,
        statistics::Verdict::Better(_) => Verdict::Better,
    }
}

fn says(reading: &Reading, arms: &[Counted], metric: Metric, relevant: f64) -> String {
    let (leader, next) = reading.leading;
    let (leader_name, next_name) = (&arms[leader].name, &arms[next].name);
    let rate = |at: usize| percent(arms[at].arm(metric.as_str()).rate());
    let metric_name = metric.as_str();
    match reading.verdict {
        statistics::Verdict::SplitBroken => {
            let counts: Vec<_> = arms.iter().map(|arm| format!("{} to {}", arm.name, arm.total("sent"))).collect();
            format!(
                "The split looks broken: do not read this test. It was sent as {}; by chance that comes about less \
                 often than once in a thousand.",
                counts.join(", ")
            )
        }
        statistics::Verdict::Better(at) => format!(
            "{} is better: {metric_name} {} against {} of {next_name}.",
            arms[at].name,
            rate(leader),
            rate(next)
        ),
        statistics::Verdict::NoDifference => {
            format!("No difference seen: one of {} of the rate or more would have shown.", percent(relevant))
        }
        statistics::Verdict::TooEarly => {
            let needed = match reading.needed_per_arm {
                Some(needed) => {
                    let fewest = arms.iter().map(Counted::reached).min().unwrap_or_default();
                    if fewest >= needed {
                        " It takes 100 people per variant, 10 who did it, and more than chance explains.".to_owned()
                    } else {
                        format!(" A difference like this needs {needed} people per variant; the smallest has {fewest}.")
                    }
                }
                None => " So far they are alike.".to_owned(),
            };
            format!(
                "Too early: nobody can say yet. {metric_name}: {leader_name} {}, {next_name} {}.{needed}",
                rate(leader),
                rate(next)
            )
        }
    }
}

fn warnings(metric: Metric, hours: Option<i64>) -> Vec<String> {
    let mut warnings = vec![
        "Decide beforehand when to read a test, and read it then: with each further look a difference by chance is \
         likelier to pass for a real one."
            .to_owned(),
    ];
    if let Some(hours) = hours.filter(|hours| *hours < SETTLES_IN_HOURS) {
        warnings.push(format!("It went out {hours} hours ago, and reactions still come in."));
    }
    if metric == Metric::Opened {
        warnings.push("Many mail programs open everything by themselves: clicks say more.".to_owned());
    }
    warnings
}

fn variant(arm: Counted, metric: Metric, probability_best: f64) -> Variant {
    let counts = arm.arm(metric.as_str());
    let (from, to) = wilson(counts);
    Variant {
        sent: arm.total("sent"),
        delivered: arm.total("delivered"),
        opened: arm.total("opened"),
        clicked: arm.total("clicked"),
        converted: arm.total("converted"),
        rate: rounded(counts.rate()),
        rate_from: rounded(from),
        rate_to: rounded(to),
        probability_best: rounded(probability_best),
        name: arm.name,
        test_group_id: arm.test_group_id,
        action_id: arm.action_id,
        content_ids: arm.content_ids,
    }
}

/// A share to six digits after the point: a rate of one in ten thousand keeps two of its own.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

/// A number to four digits of its own, however small.
fn significant(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 10_000.0).round() / 100.0)
}
