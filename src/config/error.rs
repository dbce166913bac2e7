//! What is wrong with a configuration, where, and what would be right.

use std::{fmt, path::PathBuf};

/// How many of the nearest valid names an error shows.
const SUGGESTIONS: usize = 3;

/// Names less alike than this are no suggestion; on a scale from 0 to 1.
const ALIKE: f64 = 0.75;

/// A name that is less alike than the nearest by this much is not shown beside it.
const CLEARLY_NEARER: f64 = 0.05;

/// A configuration that cannot be used. Prints one line for each thing wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    place: Place,
    message: String,
}

/// Where something wrong was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the configuration file.
    File { path: PathBuf, line: Option<usize>, key: Option<String> },
    /// In an environment variable.
    Variable(String),
    /// In a flag of the command line.
    Flag(&'static str),
    /// In what is not there.
    Nowhere,
}

impl Place {
    pub(super) fn variable(name: &str) -> Self {
        Self::Variable(name.to_owned())
    }
}

impl Problem {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl From<Vec<Problem>> for ConfigError {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

/// `Ok` unless something is wrong.
pub(super) fn settled(problems: Vec<Problem>) -> Result<(), ConfigError> {
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, key } => {
                write!(f, "{}:", path.display())?;
                if let Some(line) = line {
                    write!(f, "{line}:")?;
                }
                key.iter().try_for_each(|key| write!(f, " `{key}`"))
            }
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
            Self::Nowhere => Ok(()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Nowhere => f.write_str(&self.message),
            _ => write!(f, "{} {}", self.place, self.message),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// "did you mean `a` or `b`?", or all valid names when none is near.
pub(crate) fn suggest<'a>(given: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let valid: Vec<&str> = valid.into_iter().collect();
    let mut near: Vec<(f64, &str)> = valid
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), *name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = near.first().map_or(0.0, |(likeness, _)| *likeness);
    near.retain(|(likeness, _)| best - likeness < CLEARLY_NEARER);
    near.truncate(SUGGESTIONS);
    let quoted = |names: Vec<&str>, last: &str| match names.split_last() {
        Some((end, [])) => format!("`{end}`"),
        Some((end, rest)) => format!("`{}` {last} `{end}`", rest.join("`, `")),
        None => "nothing".to_owned(),
    };
    if near.is_empty() {
        format!("valid are {}", quoted(valid, "and"))
    } else {
        format!("did you mean {}?", quoted(near.into_iter().map(|(_, name)| name).collect(), "or"))
    }
}
