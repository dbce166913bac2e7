//! Credentials as text that does not print itself.

use std::fmt;

/// A credential. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a credential.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The credential itself, to be handed to the client that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Refuses what is plainly a placeholder; the rest is for Customer.io to judge.
pub(super) fn checked_secret(text: &str) -> Result<SecretText, String> {
    if text.is_empty() {
        return Err("leads to an empty secret".to_owned());
    }
    if is_placeholder(text) {
        return Err(
            "leads to a placeholder that was never filled in, or to more than the secret (it begins with `${` or `<`, \
             or holds white space)"
                .to_owned(),
        );
    }
    Ok(SecretText::new(text))
}

/// What configuration templates and documentation leave where a value belongs.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.starts_with("${") || text.starts_with('<') || text.contains(char::is_whitespace)
}
