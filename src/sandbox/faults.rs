//! Faults on demand: what goes wrong, where, and how often.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{routes::Route, world::World};

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Kind {
    /// Refused by the rate limit; nothing happens.
    #[serde(rename = "429")]
    RateLimited,
    /// 500, and nothing happened.
    #[serde(rename = "500_before")]
    ErrorBefore,
    /// 500 although it happened.
    #[serde(rename = "500_after")]
    ErrorAfter,
    /// It happens at once; the answer waits `delay_ms`.
    #[serde(rename = "slow")]
    Slow,
    /// The connection closes, and nothing happened.
    #[serde(rename = "drop_before")]
    DropBefore,
    /// It happens, and the connection closes without an answer.
    #[serde(rename = "drop_after")]
    DropAfter,
    /// A read answers from the state as it was when the fault was asked for: writes since then do not show.
    #[serde(rename = "stale_read")]
    StaleRead,
    /// As if the workspace belonged to the other region.
    #[serde(rename = "wrong_region")]
    WrongRegion,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "429",
            Self::ErrorBefore => "500_before",
            Self::ErrorAfter => "500_after",
            Self::Slow => "slow",
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::StaleRead => "stale_read",
            Self::WrongRegion => "wrong_region",
        }
    }
}

/// A fault as it is asked for. Without `operation` and `path` it meets every request of the vendor's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultRequest {
    /// How they go wrong.
    kind: Kind,
    /// The vendor's operation id, such as `sendEmail`.
    operation: Option<String>,
    /// The path; `*` stands for anything.
    path: Option<String>,
    /// The method, in any casing.
    method: Option<String>,
    /// How many requests it meets; 1 unless given.
    times: Option<u64>,
    /// For `429`; null leaves the header out, as the vendor does when a daily quota is spent.
    #[serde(default = "one_second")]
    retry_after_seconds: Option<u64>,
    /// For `slow`, in milliseconds.
    delay_ms: Option<u64>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be null")]
fn one_second() -> Option<u64> {
    Some(1)
}

/// A fault that waits for its requests.
#[derive(Debug)]
pub(super) struct Fault {
    id: u64,
    asked: FaultRequest,
    remaining: u64,
    hits: u64,
    /// What a stale read answers from.
    snapshot: Option<Box<World>>,
}

/// What a fault does to the request it met.
#[derive(Debug)]
pub(super) struct Strike {
    pub(super) kind: Kind,
    pub(super) retry_after_seconds: Option<u64>,
    pub(super) delay_ms: u64,
    pub(super) snapshot: Option<Box<World>>,
}

/// All faults, oldest first; the oldest that fits strikes.
#[derive(Debug, Default)]
pub(super) struct Faults {
    last_id: u64,
    list: Vec<Fault>,
}

impl Faults {
    /// Adds a fault and shows it.
    pub(super) fn add(&mut self, asked: FaultRequest, world: &World) -> Value {
        self.last_id += 1;
        let snapshot = (asked.kind == Kind::StaleRead).then(|| Box::new(world.clone()));
        let fault = Fault { id: self.last_id, remaining: asked.times.unwrap_or(1), asked, hits: 0, snapshot };
        let shown = fault.shown();
        self.list.push(fault);
        shown
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn shown(&self) -> Vec<Value> {
        self.list.iter().map(Fault::shown).collect()
    }

    /// Takes the fault this request meets, if any.
    pub(super) fn take(&mut self, route: &Route, path: &str) -> Option<Strike> {
        let fault = self.list.iter_mut().find(|fault| fault.remaining > 0 && fault.fits(route, path))?;
        fault.remaining -= 1;
        fault.hits += 1;
        let snapshot = if fault.remaining == 0 { fault.snapshot.take() } else { fault.snapshot.clone() };
        Some(Strike {
            kind: fault.asked.kind,
            retry_after_seconds: fault.asked.retry_after_seconds,
            delay_ms: fault.asked.delay_ms.unwrap_or(1000),
            snapshot,
        })
    }
}

impl Fault {
    fn fits(&self, route: &Route, path: &str) -> bool {
        let asked = &self.asked;
        (asked.kind != Kind::StaleRead || route.reads)
            && asked.operation.as_deref().is_none_or(|operation| operation == route.operation)
            && asked.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(route.method))
            && asked.path.as_deref().is_none_or(|pattern| glob(pattern, path))
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "kind": self.asked.kind.name(),
            "operation": self.asked.operation,
            "path": self.asked.path,
            "method": self.asked.method,
            "remaining": self.remaining,
            "hits": self.hits,
        })
    }
}

/// Whether `text` fits `pattern`, where `*` stands for any run of characters.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("/v1/send/*", "/v1/send/email"));
        assert!(glob("*/customers/*/attributes", "/v1/customers/a/attributes"));
        assert!(glob("*", "/anything"));
        assert!(!glob("/v1/send/*", "/v1/customers"));
        assert!(!glob("/v1/send", "/v1/send/email"));
        assert!(!glob("*/attributes", "/v1/customers/a/segments"));
    }
}
