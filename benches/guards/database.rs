//! A PostgreSQL for as long as the bench runs.

use std::{error::Error, path::Path, process::Command};

use tempfile::TempDir;

/// A running database.
pub(crate) struct Database {
    pub(crate) url: String,
    directory: Option<TempDir>,
}

impl Database {
    /// Starts one, unless another is named. `None` where there is no PostgreSQL.
    #[expect(clippy::disallowed_methods, reason = "it is the bench that is told, not the program")]
    pub(crate) fn start() -> Result<Option<Self>, Box<dyn Error>> {
        if let Ok(url) = std::env::var("BENCH_POSTGRES_URL") {
            return Ok(Some(Self { url, directory: None }));
        }
        let directory = TempDir::new()?;
        let cluster = directory.path().join("cluster");
        match script("start", &cluster)?.code() {
            Some(0) => {}
            Some(3) => return Ok(None),
            other => return Err(format!("PostgreSQL did not start: {other:?}").into()),
        }
        let port = std::fs::read_to_string(cluster.join("port"))?;
        let url =
            format!("postgresql://postgres@/postgres?host={}&port={}", cluster.join("socket").display(), port.trim());
        Ok(Some(Self { url, directory: Some(directory) }))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            let _ = script("stop", &directory.path().join("cluster"));
        }
    }
}

fn script(command: &str, cluster: &Path) -> std::io::Result<std::process::ExitStatus> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/postgres.sh");
    Command::new("bash").arg(script).arg(command).arg(cluster).status()
}
