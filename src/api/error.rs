//! The one error of this module: what Customer.io, or the way to it, answered instead of what was asked.

use std::{fmt, time::Duration};

use super::Retry;

/// A request that did not bring what it was sent for.
///
/// `message` may be shown to anyone: it holds no identifier, e-mail address or raw body. Vendor text is kept where
/// it is text (behaviour.md section 1, "Error envelopes"), shortened, with what the request named taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// What went wrong, as a caller has to tell apart.
    pub kind: UpstreamErrorKind,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// One or two sentences for a reader.
    pub message: String,
    /// The field the vendor complains about.
    pub field: Option<String>,
    /// The vendor's reference for its support.
    pub reference: Option<String>,
    /// When another attempt makes sense, in seconds.
    pub retry_after_seconds: Option<u64>,
    /// Whether anything may have happened.
    pub fate: Fate,
    /// Whether the same request may be made again without a second effect and with hope of another answer.
    pub safe_to_retry: bool,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamErrorKind {
    /// The credential this operation belongs to is not configured.
    MissingCredential,
    /// 401: wrong credential, or the wrong region's host.
    Unauthorized,
    /// 403: the key lacks the scope, or the account the feature.
    Forbidden,
    /// 404: no such thing. An unknown path is `Unexpected`.
    NotFound,
    /// The request itself is wrong; the same one will be refused again.
    Rejected,
    /// Too many requests, by the vendor's count or by ours.
    RateLimited,
    /// The account lives in the other region.
    WrongRegion,
    /// 5xx: the vendor could not answer.
    Unavailable,
    /// No answer in time.
    TimedOut,
    /// No connection, or lost before the answer.
    Connection,
    /// The answer is larger than we read.
    TooLarge,
    /// An answer that no page of the vendor describes.
    Unexpected,
    /// The caller went away.
    Cancelled,
}

/// What is known about the effect of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It never left: proof that nothing happened.
    NotSent,
    /// The vendor refused it with a documented status: nothing happened.
    Refused,
    /// It was sent, or may have been, and there is no clear answer.
    Unknown,
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(reference) = &self.reference {
            write!(f, " (reference {reference})")?;
        }
        Ok(())
    }
}

impl std::error::Error for UpstreamError {}

impl UpstreamError {
    /// A request that was never made.
    pub(super) fn not_sent(kind: UpstreamErrorKind, message: impl Into<String>) -> Self {
        Self::of(kind, Fate::NotSent, message)
    }

    /// A request refused on our side because of `field`.
    pub(super) fn refused_here(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::not_sent(UpstreamErrorKind::Rejected, message) }
    }

    pub(super) fn of(kind: UpstreamErrorKind, fate: Fate, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            message: message.into(),
            field: None,
            reference: None,
            retry_after_seconds: None,
            fate,
            safe_to_retry: false,
        }
    }

    /// The caller went away.
    pub(super) fn cancelled(fate: Fate) -> Self {
        Self::of(UpstreamErrorKind::Cancelled, fate, "The call was cancelled.")
    }

    /// No answer in the time an attempt or the call has.
    pub(super) fn timed_out(fate: Fate) -> Self {
        Self::of(UpstreamErrorKind::TimedOut, fate, "Customer.io did not answer in time.")
    }

    /// Our own pacing would let the request leave only after `wait`, which is too late.
    pub(super) fn paced_out(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX);
        let message = format!(
            "Customer.io's rate limit for this operation is used up; the next request may leave in {seconds} s, after \
             this call's time. Nothing was sent."
        );
        Self { retry_after_seconds: Some(seconds), ..Self::not_sent(UpstreamErrorKind::RateLimited, message) }
    }

    pub(super) const fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Fills in `safe_to_retry` from what failed and from what a repeat would do.
    pub(super) const fn judged(mut self, retry: Retry) -> Self {
        let harmless = retry.repeats_unknown() || !matches!(self.fate, Fate::Unknown);
        self.safe_to_retry = harmless && self.kind.is_passing();
        self
    }
}

impl UpstreamErrorKind {
    /// Whether the same request can be answered differently later.
    pub(super) const fn is_passing(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::TimedOut | Self::Connection | Self::Cancelled)
    }
}
