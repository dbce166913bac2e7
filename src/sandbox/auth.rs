//! Who may call what (behaviour.md section 1).
//!
//! The vendor tells its APIs apart by host; here one port answers for all of them, so the route decides.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::Keys;

/// The credential a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// Basic `site_id:api_key`.
    Track,
    /// Bearer App API key.
    App,
    /// Basic `write_key:`.
    Pipelines,
    /// None at all.
    Open,
}

impl Credential {
    /// Whether `headers` carry this credential.
    pub(super) fn is_given(self, headers: &HeaderMap, keys: &Keys) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self {
            Self::Open => true,
            Self::App => scheme(given, "bearer").is_some_and(|token| token == keys.app_api_key),
            Self::Track => {
                basic(given).is_some_and(|pair| pair == format!("{}:{}", keys.site_id, keys.tracking_api_key))
            }
            Self::Pipelines => basic(given).is_some_and(|pair| pair == format!("{}:", keys.cdp_write_key)),
        }
    }
}

fn basic(header: &str) -> Option<String> {
    let decoded = STANDARD.decode(scheme(header, "basic")?).ok()?;
    String::from_utf8(decoded).ok()
}

fn scheme<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, rest) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}
