//! The three credentials, one type each: they do not stand in for each other (behaviour.md section 1).
//!
//! None of them can be printed. Each is checked for what a copied secret usually suffers from (a newline, a space, a
//! pair of quotes around nothing) because the vendor answers all of these with the same "Unauthorized request".

use std::fmt;

use thiserror::Error;

/// Site id and API key of the Track API, from Settings, Account settings, API credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct TrackCredentials {
    site_id: String,
    api_key: String,
}

impl TrackCredentials {
    /// Accepts a site id and its API key. The error names what is wrong and never repeats the value.
    pub fn new(site_id: impl Into<String>, api_key: impl Into<String>) -> Result<Self, CredentialError> {
        let site_id = checked("Track site id", site_id.into())?;
        if site_id.contains(':') {
            return Err(CredentialError { name: "Track site id", fault: Fault::Colon });
        }
        Ok(Self { site_id, api_key: checked("Track API key", api_key.into())? })
    }

    /// `user:password` of HTTP Basic authentication.
    pub(super) fn basic_pair(&self) -> String {
        format!("{}:{}", self.site_id, self.api_key)
    }
}

/// Key of the App API, a bearer token for one workspace.
#[derive(Clone, PartialEq, Eq)]
pub struct AppKey(String);

impl AppKey {
    /// Accepts a key. The error names what is wrong and never repeats the value.
    pub fn new(key: impl Into<String>) -> Result<Self, CredentialError> {
        checked("App API key", key.into()).map(Self)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Write key of a Pipelines source.
#[derive(Clone, PartialEq, Eq)]
pub struct CdpWriteKey(String);

impl CdpWriteKey {
    /// Accepts a key. The error names what is wrong and never repeats the value.
    pub fn new(key: impl Into<String>) -> Result<Self, CredentialError> {
        checked("Pipelines write key", key.into()).map(Self)
    }

    /// `user:password` of HTTP Basic authentication; the password is blank.
    pub(super) fn basic_pair(&self) -> String {
        format!("{}:", self.0)
    }

    /// The key itself, for the request that carries it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TrackCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackCredentials([redacted])")
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppKey([redacted])")
    }
}

impl fmt::Debug for CdpWriteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CdpWriteKey([redacted])")
    }
}

/// Why a value cannot be a credential; says which credential and what is wrong, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the {name} {fault}")]
pub struct CredentialError {
    name: &'static str,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    Whitespace,
    Control,
    NotAscii,
    Colon,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Whitespace => "contains white space (a space, tab or line end, often copied along)",
            Self::Control => "contains a control character",
            Self::NotAscii => "contains a character that no Customer.io key has (not ASCII)",
            Self::Colon => "contains a colon, which separates site id and key (is it both of them?)",
        })
    }
}

fn checked(name: &'static str, value: String) -> Result<String, CredentialError> {
    let fault = if value.is_empty() {
        Fault::Empty
    } else if value.chars().any(char::is_whitespace) {
        Fault::Whitespace
    } else if value.chars().any(char::is_control) {
        Fault::Control
    } else if !value.is_ascii() {
        Fault::NotAscii
    } else {
        return Ok(value);
    };
    Err(CredentialError { name, fault })
}
