//! Exports: everything known of one person, in a document that a person may ask for and that must not stay.
//!
//! A document is a file of the data directory, for its owner alone, or in memory where the state is. It is found by
//! its id, which says nothing of the person, and is gone after a day or with the person's erasure.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a document stays, in milliseconds.
pub const KEPT_FOR_MS: i64 = 24 * 60 * 60 * 1_000;

/// No document takes longer to write.
const WRITTEN_WITHIN: Duration = Duration::from_mins(2);

/// How every id begins.
const PREFIX: &str = "exp_";
/// How many hexadecimal digits follow.
const DIGITS: usize = 32;

/// A document with what it is found and removed by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The id: `exp_` and 32 hexadecimal digits, drawn at random.
    pub export_id: String,
    /// The workspace it is from.
    pub workspace: String,
    /// The person it is about.
    pub cio_id: String,
    /// When it goes, in Unix milliseconds.
    pub expires_at_ms: i64,
    /// What is known of them.
    pub document: Value,
}

/// Where documents are kept.
#[derive(Debug, Clone)]
pub struct Exports(Arc<Place>);

#[derive(Debug)]
enum Place {
    Memory(Mutex<BTreeMap<String, Export>>),
    Directory(PathBuf),
}

impl Exports {
    /// In memory, gone with the process.
    pub fn in_memory() -> Self {
        Self(Arc::new(Place::Memory(Mutex::default())))
    }

    /// In this directory, which is made when it is needed.
    pub fn in_directory(directory: PathBuf) -> Self {
        Self(Arc::new(Place::Directory(directory)))
    }

    /// An id from randomness.
    pub fn id(random: [u8; DIGITS / 2]) -> String {
        format!("{PREFIX}{}", hex::encode(random))
    }

    /// Keeps a document, and answers where its file is, if it is one.
    pub async fn keep(&self, export: Export) -> io::Result<Option<PathBuf>> {
        self.in_place(move |place| match place {
            Place::Memory(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).insert(export.export_id.clone(), export);
                Ok(None)
            }
            Place::Directory(directory) => write(directory, &export).map(Some),
        })
        .await
    }

    /// A document by its id, unless it has expired.
    pub async fn read(&self, workspace: &str, export_id: &str, now_ms: i64) -> io::Result<Option<Export>> {
        let (workspace, export_id) = (workspace.to_owned(), export_id.to_owned());
        let found = self.in_place(move |place| match place {
            Place::Memory(kept) => Ok(kept.lock().unwrap_or_else(PoisonError::into_inner).get(&export_id).cloned()),
            Place::Directory(directory) if is_id(&export_id) => read(&file(directory, &export_id)),
            Place::Directory(_) => Ok(None),
        });
        Ok(found.await?.filter(|export| export.workspace == workspace && export.expires_at_ms > now_ms))
    }

    /// Removes what has expired, and answers how many that were.
    pub async fn remove_expired(&self, now_ms: i64) -> io::Result<usize> {
        self.remove(move |export| export.expires_at_ms <= now_ms).await
    }

    /// Removes every document about a person, and answers how many that were.
    pub async fn remove_of(&self, workspace: &str, cio_id: &str) -> io::Result<usize> {
        let (workspace, cio_id) = (workspace.to_owned(), cio_id.to_owned());
        self.remove(move |export| export.workspace == workspace && export.cio_id == cio_id).await
    }

    async fn remove(&self, goes: impl Fn(&Export) -> bool + Send + 'static) -> io::Result<usize> {
        self.in_place(move |place| match place {
            Place::Memory(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let before = kept.len();
                kept.retain(|_, export| !goes(export));
                Ok(before - kept.len())
            }
            Place::Directory(directory) => remove_files(directory, &goes),
        })
        .await
    }

    /// Files are read and written where waiting for them keeps nobody else waiting.
    async fn in_place<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Place) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || act(&place)).await.map_err(io::Error::other)?
    }
}

/// Whether a text can be an id: nothing else becomes part of a path.
fn is_id(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn file(directory: &Path, export_id: &str) -> PathBuf {
    directory.join(format!("{export_id}.json"))
}

/// Writes under another name first: whoever finds the file finds all of it.
fn write(directory: &Path, export: &Export) -> io::Result<PathBuf> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    let (whole, partial) = (file(directory, &export.export_id), directory.join(format!("{}.part", export.export_id)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&partial).and_then(|mut open| {
        open.write_all(&serde_json::to_vec_pretty(export).map_err(io::Error::other)?)?;
        open.sync_all()?;
        fs::rename(&partial, &whole)
    });
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    written.map(|()| whole)
}

fn read(path: &Path) -> io::Result<Option<Export>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file is the beginning of a document that nobody writes any more: its process was killed.
fn is_abandoned(path: &Path) -> bool {
    let is_part = path.extension().is_some_and(|extension| extension == "part")
        && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_id);
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    is_part && written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since > WRITTEN_WITHIN))
}

fn remove_files(directory: &Path, goes: &impl Fn(&Export) -> bool) -> io::Result<usize> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        if is_abandoned(&path) {
            fs::remove_file(&path)?;
            continue;
        }
        let is_ours = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_id);
        if !is_ours || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        // A file that cannot be read as ours stays where it is: it may be the operator's own.
        let Ok(Some(export)) = read(&path) else { continue };
        if goes(&export) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}
