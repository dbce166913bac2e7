//! Files of imports: only below directories the operator allows, and only as they were when they were checked.

use std::{
    fs::{self, File, Metadata},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{Import, progress::Loaded};
use crate::{
    error::{ErrorCode, ToolError},
    guard::Guards,
    rows::{Format, Position, Rows},
};

/// The most files that a refusal names.
const NAMED_FILES: usize = 10;
/// How much is hashed at once.
const HASHED_AT_ONCE: usize = 256 * 1_024;

/// What a file is known by between two looks: device, inode, length, and when it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp([u64; 5]);

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self([
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            metadata.mtime().cast_unsigned(),
            metadata.mtime_nsec().cast_unsigned(),
        ])
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Self([0, 0, metadata.len(), 0, 0])
    }
}

/// A file that may be read.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

impl Guards {
    /// The file that an argument names, if it lies below an allowed directory when every link is followed.
    pub(super) fn allowed_file(&self, given: &str, format: Option<Format>) -> Result<Allowed, ToolError> {
        if self.import_directories.is_empty() {
            return Err(ToolError::new(
                ErrorCode::Denied,
                "The operator allows no directory that files may be read from. Nothing was changed.",
            )
            .at("file")
            .next(
                "Give up to 1,000 `rows` in the call itself. Which directories are allowed is the operator's decision.",
            ));
        }
        let directories: Vec<PathBuf> =
            self.import_directories.iter().filter_map(|directory| directory.canonicalize().ok()).collect();
        let below = |path: PathBuf| {
            let path = path.canonicalize().ok()?;
            let is_allowed = directories.iter().any(|directory| path.starts_with(directory));
            (is_allowed && path.metadata().is_ok_and(|metadata| metadata.is_file())).then_some(path)
        };
        let path = directories
            .iter()
            .find_map(|directory| below(directory.join(given)))
            .ok_or_else(|| nowhere(&self.import_directories, &directories))?;
        let format = format.or_else(|| format_of(&path)).ok_or_else(|| {
            ToolError::invalid("format", "The name of the `file` does not say what it is. Nothing was changed.")
                .next("Give `format`: \"csv\" or \"json_lines\".")
        })?;
        Ok(Allowed { path, format })
    }
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

/// The same answer whether or not there is such a file elsewhere: it must not tell what lies where nobody may look.
fn nowhere(configured: &[PathBuf], directories: &[PathBuf]) -> ToolError {
    let mut files: Vec<String> = directories
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| format_of(path).is_some())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    files.sort();
    let more = files.len().saturating_sub(NAMED_FILES);
    files.truncate(NAMED_FILES);
    let there = match (files.is_empty(), more) {
        (true, _) => "no .csv, .jsonl or .ndjson files lie there directly".to_owned(),
        (false, 0) => format!("there are {}", files.join(", ")),
        (false, more) => format!("there are {} and {more} more", files.join(", ")),
    };
    let allowed: Vec<_> = configured.iter().map(|directory| directory.display().to_string()).collect();
    ToolError::new(
        ErrorCode::NotFound,
        "`file` names no file below a directory that the operator allows. Nothing was changed.",
    )
    .at("file")
    .next(format!("Give a path below {}; {there}.", allowed.join(" or ")))
}

/// Hash, length and stamp of a file.
pub(super) fn look(path: &Path) -> Result<(String, u64, Stamp), ToolError> {
    let read = || -> std::io::Result<_> {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; HASHED_AT_ONCE]);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => {
                    hash.update(&buffer[..read]);
                    size += read as u64;
                }
            }
        }
        Ok((hex::encode(hash.finalize()), size, stamp))
    };
    read().map_err(|error| unreadable(&error))
}

/// Hash of rows that came with a call.
pub(super) fn hash_of(rows: &super::InlineRows) -> String {
    let text = serde_json::to_vec(rows.as_ref()).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}

fn unreadable(error: &std::io::Error) -> ToolError {
    ToolError::new(ErrorCode::NotFound, format!("The `file` cannot be read ({}). Nothing was changed.", error.kind()))
        .at("file")
        .next("Tell the operator: the server must be allowed to read it.")
}

/// The answer where a file is not the one that was checked.
pub(super) fn changed() -> ToolError {
    ToolError::new(
        ErrorCode::Conflict,
        "The rows are not those that were checked: the file, or the `rows` of the call, have changed. Nothing more was \
         changed.",
    )
}

impl Loaded {
    /// Opens the rows from a place on. Cells of `texts` are text whatever they hold.
    pub(super) fn open(&self, texts: &[&str], from: Position) -> Result<Rows, ToolError> {
        match self {
            Self::Rows(rows) => Ok(Rows::of_list(Arc::clone(rows), from)),
            Self::File { path, format, stamp } => {
                let file = File::open(path).map_err(|error| unreadable(&error))?;
                let metadata = file.metadata().map_err(|error| unreadable(&error))?;
                if Stamp::of(&metadata) != *stamp {
                    return Err(changed());
                }
                Rows::of(Box::new(file), *format, texts, from).map_err(|fault| {
                    ToolError::invalid(
                        "file",
                        format!("The `file` cannot be read: {}. Nothing was changed.", fault.reason),
                    )
                })
            }
        }
    }

    /// Whether the rows are still those that were hashed at the beginning of the call.
    pub(super) fn is_unchanged(&self) -> bool {
        match self {
            Self::Rows(_) => true,
            Self::File { path, stamp, .. } => fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp),
        }
    }
}

impl Import {
    /// Whether the rows are still those that were checked.
    pub fn is_unchanged(&self) -> bool {
        self.loaded.as_ref().is_none_or(Loaded::is_unchanged)
    }

    /// What is said when they are not.
    pub fn changed() -> ToolError {
        changed()
    }
}
