//! Hosts other than the vendor's.

use url::{Host, Url};

/// The base URL without a trailing slash, if credentials are safe on the way to it.
pub(super) fn checked_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("is not an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("holds more than a base URL: leave out user, query and fragment".to_owned());
    }
    let base = text.trim_end_matches('/').to_owned();
    if url.scheme() == "http" && !is_loopback(&base) {
        return Err("would send credentials unencrypted: use https, or http to a loopback address".to_owned());
    }
    Ok(base)
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}
