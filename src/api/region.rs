//! Where the account lives.
//!
//! The vendor has two regions with hosts of their own. Track redirects an EU account that calls the US host, App just
//! answers 401 (behaviour.md section 1), so the region is asked for once, and a configured one that is wrong is
//! refused before the first write to Track instead of sending people's data through the other region.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Api, CallScope, UpstreamError, UpstreamErrorKind, lenient,
    request::{Method, Request, Surface},
};

/// One of the vendor's regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// United States.
    Us,
    /// European Union.
    Eu,
}

impl Region {
    pub(super) const fn base(self, surface: Surface) -> &'static str {
        match (surface, self) {
            (Surface::Track, Self::Us) => "https://track.customer.io",
            (Surface::Track, Self::Eu) => "https://track-eu.customer.io",
            (Surface::App, Self::Us) => "https://api.customer.io",
            (Surface::App, Self::Eu) => "https://api-eu.customer.io",
            (Surface::Pipelines, Self::Us) => "https://cdp.customer.io",
            (Surface::Pipelines, Self::Eu) => "https://cdp-eu.customer.io",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "US",
            Self::Eu => "EU",
        })
    }
}

/// The region as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegionSetting {
    /// Ask Customer.io.
    #[default]
    Auto,
    /// United States.
    Us,
    /// European Union.
    Eu,
}

impl RegionSetting {
    /// The configured region, if one is.
    pub const fn fixed(self) -> Option<Region> {
        match self {
            Self::Auto => None,
            Self::Us => Some(Region::Us),
            Self::Eu => Some(Region::Eu),
        }
    }
}

/// What Customer.io says about the account behind the Track credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct RegionLookup {
    /// Where the account lives.
    pub region: Region,
    /// The workspace the credentials belong to.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub environment_id: Option<i64>,
}

impl Api {
    /// The region of the account: as configured, else asked for once and remembered.
    pub async fn region(&self, deadline: Instant) -> Result<Region, UpstreamError> {
        self.region_in(&CallScope::new(deadline, CancellationToken::new())).await
    }

    /// Compares a configured region with the account's, once; with `Auto` there is nothing to compare.
    ///
    /// Every write to Track does this first. Without Track credentials the vendor offers no way to ask.
    pub async fn check_region(&self, scope: &CallScope) -> Result<(), UpstreamError> {
        let config = self.inner.config();
        let Some(configured) = config.region.fixed().filter(|_| config.track.is_some()) else { return Ok(()) };
        let found = self.look_up_region(scope).await?;
        if found.region == configured {
            return Ok(());
        }
        Err(UpstreamError::not_sent(
            UpstreamErrorKind::WrongRegion,
            format!(
                "The configured region is {configured}, but the account of the Track credentials lives in the {} \
                 region. Set the region to \"auto\" or to the account's. Nothing was changed.",
                found.region
            ),
        ))
    }

    /// Asks `GET /api/v1/accounts/region` with the Track credentials; the first answer is remembered.
    ///
    /// <https://docs.customer.io/integrations/api/track/tag/trackregion/>
    pub async fn look_up_region(&self, scope: &CallScope) -> Result<RegionLookup, UpstreamError> {
        self.inner.lookup().get_or_try_init(|| self.ask_region(scope)).await.cloned()
    }

    pub(super) async fn region_in(&self, scope: &CallScope) -> Result<Region, UpstreamError> {
        let config = self.inner.config();
        if let Some(region) = config.region.fixed() {
            return Ok(region);
        }
        if config.track.is_some() {
            match self.look_up_region(scope).await {
                Ok(found) => return Ok(found.region),
                // A bad Track key is no reason to refuse what needs the App API alone.
                Err(error) if error.kind == UpstreamErrorKind::Unauthorized && config.app.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        self.inner.probed_region().get_or_try_init(|| self.probe_region(scope)).await.copied()
    }

    /// Either Track host answers for every account; one that redirects instead sends us to the other.
    async fn ask_region(&self, scope: &CallScope) -> Result<RegionLookup, UpstreamError> {
        let first = self.inner.config().region.fixed().unwrap_or(Region::Us);
        match self.ask_region_at(scope, first).await {
            Err(error) if error.kind == UpstreamErrorKind::WrongRegion => {
                self.ask_region_at(scope, first.other()).await
            }
            answer => answer,
        }
    }

    async fn ask_region_at(&self, scope: &CallScope, region: Region) -> Result<RegionLookup, UpstreamError> {
        let segments = ["api", "v1", "accounts", "region"];
        let request = Request::reading(Surface::Track, Method::Get, "look up the region", &segments)?;
        self.inner.send_to(scope, &request, Some(region)).await?.json()
    }

    /// With an App key alone, the host that does not answer 401 is the account's.
    async fn probe_region(&self, scope: &CallScope) -> Result<Region, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list workspaces", &["v1", "workspaces"])?;
        for region in [Region::Us, Region::Eu] {
            match self.inner.send_to(scope, &request, Some(region)).await {
                Err(error) if error.kind == UpstreamErrorKind::Unauthorized => {}
                // A key without the scope for this operation is known to the host all the same.
                Err(error) if error.kind == UpstreamErrorKind::Forbidden => return Ok(region),
                Err(error) => return Err(error),
                Ok(_) => return Ok(region),
            }
        }
        Err(UpstreamError {
            status: Some(401),
            ..UpstreamError::not_sent(
                UpstreamErrorKind::Unauthorized,
                "Neither the US nor the EU host of the App API accepts the App API key: it is wrong or revoked, or a \
                 Track API key.",
            )
        })
    }
}

impl Region {
    const fn other(self) -> Self {
        match self {
            Self::Us => Self::Eu,
            Self::Eu => Self::Us,
        }
    }
}
