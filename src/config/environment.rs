//! The process's environment, read once and passed on as a value.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::error::{Place, Problem};

/// Every environment variable of ours begins so.
const PREFIX: &str = "CUSTOMERIO_";

/// The environment variables of ours, and what they hold. Any other with our prefix is refused: it is a misspelling.
pub const VARIABLES: &[(&str, &str)] = &[
    ("CUSTOMERIO_SITE_ID", "Track API: site id"),
    ("CUSTOMERIO_TRACKING_API_KEY", "Track API: API key of that site id"),
    ("CUSTOMERIO_APP_API_KEY", "App API key"),
    ("CUSTOMERIO_CDP_WRITE_KEY", "Pipelines write key"),
    ("CUSTOMERIO_REGION", "auto (default), us or eu"),
    ("CUSTOMERIO_TRACK_URL", "Track API at another host"),
    ("CUSTOMERIO_APP_URL", "App API at another host"),
    ("CUSTOMERIO_CDP_URL", "Pipelines API at another host"),
    ("CUSTOMERIO_MCP_CONFIG", "configuration file"),
    ("CUSTOMERIO_MCP_DATA", "directory of the embedded state and of exports"),
    ("CUSTOMERIO_MCP_SECRET", "our own secret: 64 hexadecimal digits"),
    ("CUSTOMERIO_MCP_SECRET_FILE", "file with that secret"),
    ("CUSTOMERIO_MCP_STATE_URL", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE that keeps the state"),
    ("CUSTOMERIO_MCP_LOG", "what is logged, such as warn or customerio_mcp=debug"),
];

/// Variables by which the HTTP library takes a proxy.
const PROXY_VARIABLES: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// Environment variables, and the directory that relative paths and `customerio-mcp.toml` are looked up in.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    directory: PathBuf,
    /// Of this process; an environment that was made up has none.
    executable: Option<PathBuf>,
}

/// Names only: the values are other programs' secrets as well as ours.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("ours", &self.ours().collect::<Vec<_>>())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            directory: PathBuf::new(),
            executable: std::env::current_exe().ok(),
        }
    }

    /// An environment made of these variables, in this directory.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (K, V)>,
        directory: impl Into<PathBuf>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, directory: directory.into(), executable: None }
    }

    /// A variable's text without surrounding white space; an empty one counts as not set, because MCP clients pass on
    /// placeholders that were never filled in as empty text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.variables.get(OsString::from(name).as_os_str()) else { return Ok(None) };
        let text =
            value.to_str().ok_or_else(|| Problem::new(Place::variable(name), "is not valid UTF-8".to_owned()))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// A variable that holds a path; relative ones start from the directory.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(OsString::from(name).as_os_str()).filter(|value| !value.is_empty())?;
        Some(self.directory.join(value))
    }

    /// A path given on the command line, or the name of a file to look for.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }

    /// Whether the user asks all programs for output without colours (<https://no-color.org>).
    pub fn no_color(&self) -> bool {
        self.path("NO_COLOR").is_some()
    }

    /// Names of the proxy variables that are set. Their values may hold credentials.
    pub fn proxy_variables(&self) -> Vec<&'static str> {
        PROXY_VARIABLES.into_iter().filter(|name| self.path(name).is_some()).collect()
    }

    /// What to log, from `CUSTOMERIO_MCP_LOG`.
    pub fn log_directives(&self) -> Option<String> {
        self.text("CUSTOMERIO_MCP_LOG").ok().flatten().map(str::to_owned)
    }

    /// The program that is running, where the system knows it.
    pub fn executable(&self) -> Option<&Path> {
        self.executable.as_deref()
    }

    /// Where programs keep what need not outlive them, by the custom of the system.
    pub fn temporary_directory(&self) -> PathBuf {
        let fallback = if cfg!(windows) { r"C:\Windows\Temp" } else { "/tmp" };
        ["TMPDIR", "TEMP", "TMP"]
            .into_iter()
            .find_map(|name| self.path(name).filter(|path| path.is_absolute()))
            .unwrap_or_else(|| fallback.into())
    }

    /// Names of the variables with our prefix.
    pub fn ours(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter_map(|name| name.to_str()).filter(|name| name.starts_with(PREFIX))
    }

    /// Where a user's programs keep their data, by the custom of the system.
    pub(super) fn user_data_directory(&self) -> Option<PathBuf> {
        let absolute = |name: &str| self.path(name).filter(|path| path.is_absolute());
        if cfg!(windows) {
            return absolute("LOCALAPPDATA").map(|base| base.join("customerio-mcp"));
        }
        if cfg!(target_os = "macos") {
            return absolute("HOME").map(|home| home.join("Library/Application Support/customerio-mcp"));
        }
        let base = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
        Some(base.join("customerio-mcp"))
    }
}
