//! What one check found, and how it is printed.

use serde::Serialize;

use crate::cli::{
    layout,
    output::{ERROR, GOOD, PLAIN},
};

/// Where the findings begin, in columns.
const INDENT: usize = 19;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// All is well.
    Ok,
    /// It does not work.
    Failed,
    /// Neither: it could not be checked, or is worth knowing.
    Note,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    verdict: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, message: message.into(), next_step: None }
    }

    pub(super) fn failed(name: &'static str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, ..Self::ok(name, message) }
    }

    pub(super) fn note(name: &'static str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::ok(name, message) }
    }

    /// Says what to do.
    pub(super) fn next(self, step: impl Into<String>) -> Self {
        Self { next_step: Some(step.into()), ..self }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.verdict == Verdict::Failed
    }

    /// The check as lines of text.
    pub(super) fn to_text(&self) -> String {
        let (style, mark) = match self.verdict {
            Verdict::Ok => (GOOD, '✓'),
            Verdict::Failed => (ERROR, '✗'),
            Verdict::Note => (PLAIN, '–'),
        };
        let mut text = String::new();
        layout::row(&mut text, &format!("{style}{mark}{style:#} {}", self.name), &self.message, INDENT);
        if let Some(step) = &self.next_step {
            layout::hang(&mut text, &format!("{}→ ", " ".repeat(INDENT)), step, INDENT + 2);
        }
        text
    }
}
