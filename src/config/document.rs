//! A configuration file with the place of every key in it, so that whatever is wrong can be pointed at.
//!
//! Unknown keys are found by walking the file beside its schema, not by the deserializer: it stops at the first one
//! and lists every valid key instead of the nearest.

use std::{fmt, fs, ops::Range, path::PathBuf};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{
    error::{ConfigError, Place, Problem, settled, suggest},
    file::{File, schema},
};

/// A configuration file that parses as TOML.
#[derive(Clone)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    entries: Vec<Entry>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("path", &self.path).finish_non_exhaustive()
    }
}

/// One key of the file.
#[derive(Debug, Clone)]
struct Entry {
    path: Vec<String>,
    key: Range<usize>,
    value: Range<usize>,
}

impl Document {
    /// Reads a file.
    pub(super) fn read(path: PathBuf) -> Result<Self, ConfigError> {
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(path, text),
            Err(error) => Err(at(path, None, None, format!("cannot be read: {error}")).into()),
        }
    }

    fn parse(path: PathBuf, text: String) -> Result<Self, ConfigError> {
        let mut entries = Vec::new();
        match DeTable::parse(&text) {
            Ok(table) => collect(table.get_ref(), &[], &mut entries),
            Err(error) => {
                let line = error.span().map(|span| line_at(&text, span.start));
                return Err(at(path, line, None, format!("is not valid TOML: {}", error.message())).into());
            }
        }
        Ok(Self { path, text, entries })
    }

    /// The file's path.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// What the file says, once no key in it is unknown.
    pub(super) fn content(&self) -> Result<File, ConfigError> {
        settled(self.unknown_keys())?;
        toml::from_str(&self.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let key = self.innermost(span.start).map(|entry| entry.path.join("."));
            let message = format!("does not fit: {}", error.message());
            at(self.path.clone(), Some(line_at(&self.text, span.start)), key, message).into()
        })
    }

    /// The place of a key, or of the nearest table around it if it is not there.
    pub(super) fn place(&self, key: &[&str]) -> Place {
        let line = (1..=key.len()).rev().find_map(|depth| {
            let entry = self.entries.iter().find(|entry| entry.path == key[..depth])?;
            Some(line_at(&self.text, entry.key.start))
        });
        Place::File { path: self.path.clone(), line, key: Some(key.join(".")) }
    }

    fn unknown_keys(&self) -> Vec<Problem> {
        let schema = schema();
        self.entries.iter().filter_map(|entry| self.unknown_key(&schema, entry)).collect()
    }

    fn unknown_key(&self, schema: &Value, entry: &Entry) -> Option<Problem> {
        let (key, parents) = entry.path.split_last()?;
        let parent = parents.iter().try_fold(schema, |schema, key| child(schema, key))?;
        let valid = parent.get("properties")?.as_object()?;
        if valid.contains_key(key) {
            return None;
        }
        let message = match key.as_str() {
            "tracking_api_key" | "app_api_key" | "cdp_write_key" => format!(
                "is refused: secrets are not written into the file. Put the key into an environment variable and name \
                 it with `{key}_env`, or into a file and name it with `{key}_file`"
            ),
            _ => format!("is not a key: {}", suggest(key, valid.keys().map(String::as_str))),
        };
        let line = line_at(&self.text, entry.key.start);
        Some(at(self.path.clone(), Some(line), Some(entry.path.join(".")), message))
    }

    fn innermost(&self, offset: usize) -> Option<&Entry> {
        let around = |range: &Range<usize>| range.contains(&offset);
        self.entries
            .iter()
            .filter(|entry| around(&entry.key) || around(&entry.value))
            .max_by_key(|entry| entry.path.len())
    }
}

fn collect(table: &DeTable<'_>, parents: &[String], entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let path: Vec<String> = parents.iter().cloned().chain([key.get_ref().to_string()]).collect();
        if let DeValue::Table(inner) = value.get_ref() {
            collect(inner, &path, entries);
        }
        entries.push(Entry { path, key: key.span(), value: value.span() });
    }
    if parents.is_empty() {
        entries.sort_by_key(|entry| entry.key.start);
    }
}

/// What the schema says of a key: a named property, or the value type of a map.
fn child<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    schema.get("properties").and_then(|properties| properties.get(key)).or_else(|| schema.get("additionalProperties"))
}

fn at(path: PathBuf, line: Option<usize>, key: Option<String>, message: String) -> Problem {
    Problem::new(Place::File { path, line, key }, message)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
