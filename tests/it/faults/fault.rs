//! The ways in which the requests of an operation go wrong.

use serde_json::{Value, json};

use super::operation::Operation;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// 429 without a word on when to come back.
    Limited,
    /// 429 until after the call's deadline.
    LimitedForLong,
    ErrorBefore,
    ErrorAfter,
    DropBefore,
    DropAfter,
    /// The reads that look at the effect show what was before it.
    StaleRead,
    /// It happens, the answer is lost, and a look for it shows what was before.
    LostAndStale,
    /// It happens, and the answer takes longer than an attempt may.
    Slow,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Never,
    Once,
    Always,
}

impl Fault {
    /// All but [`Self::Slow`].
    pub(super) const UNTIMED: [Self; 9] = [
        Self::Nothing,
        Self::Limited,
        Self::LimitedForLong,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::DropBefore,
        Self::DropAfter,
        Self::StaleRead,
        Self::LostAndStale,
    ];

    pub(super) const fn hows(self) -> &'static [How] {
        match self {
            Self::Nothing => &[How::Never],
            _ => &[How::Once, How::Always],
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Limited => "429",
            Self::LimitedForLong => "429, an hour",
            Self::ErrorBefore => "500 before",
            Self::ErrorAfter => "500 after",
            Self::DropBefore => "drop before",
            Self::DropAfter => "drop after",
            Self::StaleRead => "stale read",
            Self::LostAndStale => "drop after, stale read",
            Self::Slow => "timeout",
        }
    }

    /// Whether a request that met it may have happened, for all that anybody can know who sent it.
    pub(super) const fn leaves_doubt(self) -> bool {
        !matches!(self, Self::Nothing | Self::Limited | Self::LimitedForLong | Self::StaleRead)
    }

    /// Whether every operation must meet it; not every one reads what it has done.
    pub(super) const fn is_met_for_sure(self) -> bool {
        !matches!(self, Self::Nothing | Self::StaleRead)
    }

    /// The orders for the sandbox.
    pub(super) fn orders(self, operation: &Operation, how: How) -> Vec<Value> {
        let times = if how == How::Always { 1_000 } else { 1 };
        let on = |kind: &str, request: &str| json!({ "kind": kind, "operation": request, "times": times });
        let on_request = |kind| on(kind, operation.request);
        let limited = |retry_after_seconds: Option<u64>| {
            let mut order = on_request("429");
            order["retry_after_seconds"] = json!(retry_after_seconds);
            order
        };
        match self {
            Self::Nothing => vec![],
            Self::Limited => vec![limited(None)],
            Self::LimitedForLong => vec![limited(Some(3_600))],
            Self::ErrorBefore => vec![on_request("500_before")],
            Self::ErrorAfter => vec![on_request("500_after")],
            Self::DropBefore => vec![on_request("drop_before")],
            Self::DropAfter => vec![on_request("drop_after")],
            Self::StaleRead => vec![on("stale_read", operation.read)],
            Self::LostAndStale => vec![on_request("drop_after"), on("stale_read", operation.read)],
            Self::Slow => {
                let mut order = on_request("slow");
                order["delay_ms"] = json!(60_000);
                vec![order]
            }
        }
    }
}

impl How {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::Once => "once",
            Self::Always => "always",
        }
    }
}
