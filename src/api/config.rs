//! What has to be known to reach a workspace.

use thiserror::Error;

use super::{AppKey, CdpWriteKey, RegionSetting, RetryTiming, TrackCredentials};
use crate::clock::SharedClock;

/// How to reach one workspace.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Credentials of the Track API, if there are any.
    pub track: Option<TrackCredentials>,
    /// Key of the App API, if there is one.
    pub app: Option<AppKey>,
    /// Write key of a Pipelines source, if there is one.
    pub pipelines: Option<CdpWriteKey>,
    /// Where the account lives, or `Auto` to ask.
    pub region: RegionSetting,
    /// Hosts other than the vendor's.
    pub urls: BaseUrls,
    /// Whether the vendor's rate limits are kept on our side; `false` against the embedded sandbox.
    pub paced: bool,
    /// Certificates (PEM) trusted besides those of the system, for a proxy that intercepts TLS.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Source of the randomness in waiting times.
    pub clock: SharedClock,
    /// How often and how far apart requests are repeated.
    pub retry: RetryTiming,
    /// Whether a sandbox is behind it, whose controls may be used.
    pub sandbox: bool,
}

impl ApiConfig {
    /// A configuration without credentials, at the vendor's hosts, paced.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            track: None,
            app: None,
            pipelines: None,
            region: RegionSetting::Auto,
            urls: BaseUrls::default(),
            paced: true,
            extra_ca_pem: None,
            clock,
            retry: RetryTiming::default(),
            sandbox: false,
        }
    }
}

/// Base URLs that replace the vendor's, without the path of any operation: `http://127.0.0.1:8585`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseUrls {
    /// Replaces `https://track.customer.io` or its EU twin.
    pub track_url: Option<String>,
    /// Replaces `https://api.customer.io` or its EU twin.
    pub app_url: Option<String>,
    /// Replaces `https://cdp.customer.io` or its EU twin.
    pub cdp_url: Option<String>,
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ApiConfigError {
    /// A base URL is not one.
    #[error("{name} is not a usable base URL: {reason}")]
    Url {
        /// `track_url`, `app_url` or `cdp_url`.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The extra certificates are not PEM.
    #[error("the extra CA file holds no usable certificate: {0}")]
    Ca(String),
    /// The HTTP client could not be made, for instance because the system has no trusted certificates.
    #[error("the HTTP client could not be prepared: {0}")]
    Client(String),
}
