//! How messages did: one request for all of them, since only the path differs (behaviour.md section 6).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Api, CallScope, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// Whose metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsOf {
    /// A campaign.
    Campaign(i64),
    /// A message of a campaign: the campaign, then the action.
    CampaignAction(i64, i64),
    /// A broadcast.
    Broadcast(i64),
    /// A message of a broadcast: the broadcast, then the action.
    BroadcastAction(i64, i64),
    /// A newsletter.
    Newsletter(i64),
    /// A language or variant of a newsletter: the newsletter, then the content.
    Variant(i64, i64),
    /// A transactional message.
    Template(i64),
}

impl MetricsOf {
    fn path(self, below: &[&str]) -> Vec<String> {
        let (what, id, part) = match self {
            Self::Campaign(id) => ("campaigns", id, None),
            Self::CampaignAction(id, action) => ("campaigns", id, Some(("actions", action))),
            Self::Broadcast(id) => ("broadcasts", id, None),
            Self::BroadcastAction(id, action) => ("broadcasts", id, Some(("actions", action))),
            Self::Newsletter(id) => ("newsletters", id, None),
            Self::Variant(id, content) => ("newsletters", id, Some(("contents", content))),
            Self::Template(id) => ("transactional", id, None),
        };
        let mut path = vec!["v1".to_owned(), what.to_owned(), id.to_string()];
        if let Some((what, id)) = part {
            path.extend([what.to_owned(), id.to_string()]);
        }
        path.extend(below.iter().map(ToString::to_string));
        path
    }

    /// Whether it can be counted between two moments, in any time zone.
    pub const fn takes_range(self) -> bool {
        matches!(self, Self::Campaign(_) | Self::CampaignAction(..))
    }

    /// Whether the clicks on its links can be counted by person.
    pub const fn takes_unique(self) -> bool {
        matches!(self, Self::Campaign(_) | Self::Broadcast(_) | Self::Newsletter(_) | Self::Template(_))
    }

    /// Whether it can be counted by channel.
    pub const fn takes_channel(self) -> bool {
        !matches!(self, Self::Template(_))
    }
}

/// Which time, in steps of what length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// The last steps, the current one included, by US Eastern time.
    Last {
        /// `hours`, `days`, `weeks` or `months`.
        period: &'static str,
        /// How many.
        steps: u32,
    },
    /// Between two moments in Unix seconds.
    Between {
        /// `hourly`, `daily`, `weekly` or `monthly`.
        resolution: &'static str,
        /// The first moment.
        start: i64,
        /// The last.
        end: i64,
        /// The IANA time zone that steps begin in.
        timezone: Option<String>,
    },
}

/// Counts by metric, the oldest step first.
pub type Series = BTreeMap<String, Vec<u64>>;

/// A link, and the clicks on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMetrics {
    /// Its number.
    pub id: i64,
    /// Its address.
    pub href: String,
    /// The clicks.
    pub series: Series,
}

#[derive(Deserialize)]
struct MetricAnswer {
    metric: RawSeries,
}

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    series: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct LinksAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    links: Vec<RawLink>,
}

#[derive(Deserialize)]
struct RawLink {
    link: Link,
    metric: RawSeries,
}

#[derive(Deserialize)]
struct Link {
    #[serde(deserialize_with = "lenient::integer")]
    id: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    href: String,
}

impl RawSeries {
    /// The lists of numbers; a missing step is none.
    fn counts(self) -> Series {
        let lists = self.series.into_iter().filter_map(|(name, list)| {
            let counts = list.as_array()?.iter().map(|count| count.as_f64().map_or(0, whole)).collect();
            Some((name, counts))
        });
        lists.collect()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and not negative")]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

impl Api {
    /// The counts of each metric: `GET …/metrics`.
    pub async fn metrics(
        &self,
        scope: &CallScope,
        of: MetricsOf,
        window: &Window,
        channel: Option<&str>,
    ) -> Result<Series, UpstreamError> {
        let path = of.path(&["metrics"]);
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut request = Request::reading(Surface::App, Method::Get, "get metrics", &segments)?;
        request = match window {
            Window::Last { period, steps } => {
                let version = of.takes_range().then_some("1");
                request
                    .query("version", version)
                    .query("period", Some(period))
                    .query_number("steps", Some((*steps).into()))
            }
            Window::Between { resolution, start, end, timezone } => request
                .query("version", Some("2"))
                .query("res", Some(resolution))
                .query_number("start", Some(*start))
                .query_number("end", Some(*end))
                .query("tz", timezone.as_deref()),
        };
        request = request.query("type", channel);
        Ok(self.send(scope, &request).await?.json::<MetricAnswer>()?.metric.counts())
    }

    /// The clicks on each link: `GET …/metrics/links`.
    pub async fn link_metrics(
        &self,
        scope: &CallScope,
        of: MetricsOf,
        period: &str,
        steps: u32,
        unique: bool,
    ) -> Result<Vec<LinkMetrics>, UpstreamError> {
        let path = of.path(&["metrics", "links"]);
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let request = Request::reading(Surface::App, Method::Get, "get link metrics", &segments)?
            .query("period", Some(period))
            .query_number("steps", Some(steps.into()))
            .query("unique", unique.then_some("true"));
        let links = self.send(scope, &request).await?.json::<LinksAnswer>()?.links;
        let counted = links.into_iter().map(|raw| LinkMetrics {
            id: raw.link.id,
            href: raw.link.href,
            series: raw.metric.counts(),
        });
        Ok(counted.collect())
    }
}
