//! A directory of one's own for as long as it is needed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::clock::{Clock, random_bytes};

/// A directory that only this user can read, removed with all it holds when the value goes.
#[derive(Debug)]
pub(super) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Makes one in `parent`, under a name nobody can foresee.
    pub(super) fn create(parent: &Path, clock: &dyn Clock) -> io::Result<Self> {
        let path = parent.join(format!("customerio-mcp-demo-{}", hex::encode(random_bytes::<8>(clock))));
        builder().create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, directory = %self.0.display(), "a temporary directory is left behind");
        }
    }
}

#[cfg(unix)]
fn builder() -> fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> fs::DirBuilder {
    fs::DirBuilder::new()
}
