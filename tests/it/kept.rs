//! What tests leave behind, kept where it can be searched: `.ci/hunt.py` looks through it for people and secrets.
//!
//! With `CUSTOMERIO_MCP_TEST_KEEP` naming a folder, directories of tests stay there, state is kept in files rather than
//! in memory, and what is traced and complained of is written down. Without it nothing is kept.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use tempfile::TempDir;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use customerio_mcp::sandbox::RunningSandbox;

#[expect(clippy::disallowed_methods, reason = "the one switch of the tests' own")]
static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("CUSTOMERIO_MCP_TEST_KEEP").map(PathBuf::from));

/// Where what is left is kept, if it is.
fn folder() -> Option<&'static Path> {
    FOLDER.as_deref()
}

/// A directory of a test's own.
pub(crate) fn directory() -> TempDir {
    let Some(folder) = folder() else { return TempDir::new().unwrap() };
    fs::create_dir_all(folder).unwrap();
    let mut directory = TempDir::with_prefix_in("test-", folder).unwrap();
    directory.disable_cleanup(true);
    directory
}

/// Where state belongs that would be in memory, if it is kept.
pub(crate) fn state() -> Option<PathBuf> {
    folder()?;
    Some(directory().path().join("state.db"))
}

/// Keeps what a process complained of.
pub(crate) fn complaints(text: &str) {
    append("stderr.log", text);
}

/// Tells the hunt of secrets that nobody could know beforehand.
pub(crate) fn secrets(sandbox: &RunningSandbox) {
    let keys = sandbox.keys();
    append("secrets.txt", &format!("{}\n{}\n{}\n", keys.tracking_api_key, keys.app_api_key, keys.cdp_write_key));
}

fn append(name: &str, text: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let Some(folder) = folder() else { return };
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::create_dir_all(folder).unwrap();
    let mut file = fs::OpenOptions::new().create(true).append(true).open(folder.join(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Writes down everything that is traced, by the rule of the program itself: of libraries only complaints.
pub(crate) fn traces<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    struct Line;
    impl std::io::Write for Line {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            append("traces.log", &String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    folder()?;
    let of_program = filter_fn(|metadata| match metadata.target().split("::").next() {
        Some("customerio_mcp") => true,
        Some("rmcp") => *metadata.level() == Level::ERROR,
        _ => *metadata.level() <= Level::WARN,
    });
    Some(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Line).with_filter(of_program))
}

/// Begins to write down what is traced.
pub(crate) fn begin() {
    if folder().is_some() {
        crate::api::trace_all();
    }
}
