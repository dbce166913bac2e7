//! Why a template could not be rendered.

use std::fmt;

/// Why a template could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// The class of the failure, for code.
    pub kind: RenderErrorKind,
    /// The failure in words, with the line it is on: what a delivery's `failure_message` carries.
    pub message: String,
}

/// The classes of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderErrorKind {
    /// An attribute that its namespace does not have was read without a fallback (behaviour.md section 12).
    MissingAttribute {
        /// The attribute as the template writes it: `customer.first_name`.
        path: String,
    },
    /// The template is not Liquid, or names a tag or filter that does not exist.
    Syntax,
    /// Anything else: a limit was reached, a filter was given what it cannot work with.
    Other,
}

impl RenderError {
    pub(super) fn missing(path: &str, line: usize) -> Self {
        Self {
            kind: RenderErrorKind::MissingAttribute { path: path.to_owned() },
            message: format!("undefined variable: {path}, line:{line}"),
        }
    }

    pub(super) fn syntax(message: impl fmt::Display, line: usize) -> Self {
        Self { kind: RenderErrorKind::Syntax, message: format!("{message}, line:{line}") }
    }

    pub(super) fn other(message: impl Into<String>) -> Self {
        Self { kind: RenderErrorKind::Other, message: message.into() }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for RenderError {}
