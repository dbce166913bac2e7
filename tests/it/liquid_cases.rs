//! The templates of `tests/fixtures/liquid`, for everyone who renders them.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the clock of the fixtures stands.
pub(crate) const NOW: &str = "2026-03-02T09:05:00Z";

/// One template, what it is rendered with, and what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) template: String,
    #[serde(default)]
    pub(crate) customer: Map<String, Value>,
    #[serde(default)]
    pub(crate) trigger: Map<String, Value>,
    #[serde(default)]
    pub(crate) snippets: BTreeMap<String, String>,
    expect: Option<String>,
    matches: Option<String>,
    fails: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers whose clock is not the fixtures'")]
    clock: bool,
    pub(crate) rests_on: String,
}

#[derive(Deserialize)]
struct Theme {
    case: Vec<Case>,
}

impl Case {
    /// Whether `rendered` is what the case says.
    pub(crate) fn expects(&self, rendered: &str) -> bool {
        match (&self.expect, &self.matches, &self.fails) {
            (Some(expect), None, None) => expect == rendered,
            (None, Some(pattern), None) => regex::Regex::new(pattern).unwrap().is_match(rendered),
            _ => false,
        }
    }

    /// Whether the rendering is to fail with what `message` says.
    pub(crate) fn expects_failure(&self, message: &str) -> bool {
        match (&self.expect, &self.matches, &self.fails) {
            (None, None, Some(fails)) => message.contains(fails.as_str()),
            _ => false,
        }
    }
}

/// All of them, file by file.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/liquid");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |file| toml::from_str::<Theme>(&std::fs::read_to_string(file).unwrap()).unwrap().case;
    files.into_iter().flat_map(read).collect()
}
