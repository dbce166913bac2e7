//! Configuration: the only reader of the environment.
//!
//! [`Config::load`] takes the environment and the command line's choices as values and answers with one checked
//! value, or with everything that is wrong: which file and line or which variable, and what would be right. A file is
//! found by `--config`, else `CUSTOMERIO_MCP_CONFIG`, else as `customerio-mcp.toml` in the current directory; without
//! one, the environment describes a single workspace.

mod base_url;
mod credential;
mod document;
mod environment;
mod error;
mod file;
mod own_secret;
mod workspace;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

pub(crate) use self::error::suggest;
pub use self::{
    credential::SecretText,
    environment::{Environment, VARIABLES},
    error::ConfigError,
    file::{Region, schema},
    workspace::{TrackKey, WorkspaceConfig},
};
use self::{
    document::Document,
    error::{Place, Problem, settled},
    file::{File, StateBackend, WorkspaceFile},
    own_secret::OwnSecret,
    workspace::{Origin, Resolver, from_variables},
};
use crate::{
    clock::{Clock, SharedClock},
    guard::secret::Secret,
};

/// Name of the workspace that the environment alone describes.
pub const ENVIRONMENT_WORKSPACE: &str = "default";

/// Name of the workspace of the embedded sandbox.
pub const EMBEDDED_SANDBOX: &str = "sandbox";

/// The fewest days that records of the audit are kept: what went wrong is often noticed late.
const LEAST_AUDIT_DAYS: u32 = 30;

/// The file that is looked for in the current directory.
const FILE_NAME: &str = "customerio-mcp.toml";

/// What configuration is wanted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Talking to Customer.io: every workspace must have its credentials.
    #[default]
    Connect,
    /// Working on our own state alone: credentials are not read. The workspace `sandbox` may be picked, for what the
    /// embedded sandbox left in its data directory.
    Offline,
    /// Running the embedded sandbox: one workspace, guardrails from the section `[workspaces.sandbox]` if there is one.
    EmbeddedSandbox,
}

/// The command line's choices.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--workspace`: only this one is configured.
    pub workspace: Option<String>,
    /// `--workspace` named again: these are configured besides.
    pub other_workspaces: Vec<String>,
    /// What for.
    pub purpose: Purpose,
}

impl LoadOptions {
    /// Every workspace that the command line names.
    fn picked(&self) -> impl Iterator<Item = &String> {
        self.workspace.iter().chain(&self.other_workspaces)
    }

    /// Running it, or working on the state it left in a data directory.
    fn are_for_the_embedded_sandbox(&self) -> bool {
        let picked = self.workspace.as_deref() == Some(EMBEDDED_SANDBOX);
        self.purpose == Purpose::EmbeddedSandbox || (self.purpose == Purpose::Offline && picked)
    }
}

/// Where configuration was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// In environment variables.
    Environment,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Environment => f.write_str("the environment"),
        }
    }
}

/// Where the state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateConfig {
    /// In memory, gone with the process: the embedded sandbox without `--data`.
    Memory,
    /// In an SQLite database in this directory.
    Sqlite {
        /// The data directory. It need not exist yet.
        directory: PathBuf,
    },
    /// In a PostgreSQL database that several machines share.
    Postgres {
        /// Its address, with the password.
        url: SecretText,
        /// The file that `PGPASSFILE` names, for an address without a password.
        password_file: Option<PathBuf>,
        /// Where documents about people are kept, which stay on this machine. `None` keeps them in memory.
        directory: Option<PathBuf>,
    },
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was found.
    pub source: Source,
    /// The workspace that is used when none is named; always one of `workspaces`.
    pub default_workspace: String,
    /// The workspaces by name.
    pub workspaces: BTreeMap<String, WorkspaceConfig>,
    /// Where the state is kept.
    pub state: StateConfig,
    /// What an operator should know and is no reason to refuse, one sentence each.
    pub notes: Vec<String>,
    own_secret: OwnSecret,
    document: Option<Document>,
}

impl Config {
    /// Reads and checks the configuration. Nothing is written, and no host is called.
    pub fn load(env: &Environment, options: &LoadOptions) -> Result<Self, ConfigError> {
        let document = find_file(env, options).map(Document::read).transpose()?;
        let file = document.as_ref().map(Document::content).transpose()?;
        settled(unknown_variables(env, file.as_ref()))?;
        let state = state(env, options, document.as_ref(), file.as_ref())?;
        let own_secret = own_secret::from_environment(env)?;
        if matches!((&state, &own_secret), (StateConfig::Postgres { .. }, OwnSecret::InDataDirectory)) {
            return Err(Problem::new(Place::Nowhere, own_secret::MUST_BE_SHARED).into());
        }
        let notes = notes(env, document.as_ref(), file.as_ref(), options.purpose);
        let (default_workspace, workspaces) = match (&document, file) {
            (Some(document), Some(file)) => workspaces_of_file(env, options, document, file)?,
            _ => workspace_of_environment(env, options)?,
        };
        let source = document.as_ref().map_or(Source::Environment, |document| Source::File(document.path().clone()));
        Ok(Self { source, default_workspace, workspaces, state, notes, own_secret, document })
    }

    /// The default workspace.
    pub fn workspace(&self) -> &WorkspaceConfig {
        &self.workspaces[&self.default_workspace]
    }

    /// The secret of our own. Made and kept in the data directory when it is first needed; with state in memory it
    /// lives as long as the value returned here.
    pub fn own_secret(&self, clock: &SharedClock) -> Result<Secret, ConfigError> {
        let clock: &dyn Clock = clock.as_ref();
        match (&self.own_secret, &self.state) {
            (OwnSecret::Given(secret), _) => Ok(secret.clone()),
            (OwnSecret::InDataDirectory, StateConfig::Memory) => Ok(Secret::random(clock)),
            (OwnSecret::InDataDirectory, StateConfig::Postgres { .. }) => {
                Err(Problem::new(Place::Nowhere, own_secret::MUST_BE_SHARED).into())
            }
            (OwnSecret::InDataDirectory, StateConfig::Sqlite { directory }) => {
                own_secret::in_directory(directory, clock)
            }
        }
    }

    /// Whether the environment gives the secret of our own, rather than the data directory.
    pub fn own_secret_is_given(&self) -> bool {
        matches!(self.own_secret, OwnSecret::Given(_))
    }

    /// The file of the data directory that keeps the secret of our own, unless the environment gives it.
    pub fn own_secret_file(&self) -> Option<PathBuf> {
        match (&self.own_secret, &self.state) {
            (OwnSecret::InDataDirectory, StateConfig::Sqlite { directory }) => {
                Some(directory.join(own_secret::FILE_NAME))
            }
            _ => None,
        }
    }

    /// Every tool that a workspace's policy names, with the workspace's name.
    pub fn policy_tool_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.workspaces
            .values()
            .flat_map(|workspace| workspace.policy.tools.keys().map(|tool| (workspace.name.as_str(), tool.as_str())))
    }

    /// Refuses policies that name tools which do not exist: a misspelt `deny` would protect nothing. The names of those
    /// that do are asked for only where a policy names one.
    pub fn check_policy_tools(&self, known: impl FnOnce() -> Vec<&'static str>) -> Result<(), ConfigError> {
        if self.policy_tool_names().next().is_none() {
            return Ok(());
        }
        let known = known();
        let unknown = self.policy_tool_names().filter(|(_, tool)| !known.contains(tool));
        settled(
            unknown
                .map(|(workspace, tool)| {
                    let key = ["workspaces", workspace, "policy", "tools", tool];
                    let place = self.document.as_ref().map_or(Place::Nowhere, |document| document.place(&key));
                    Problem::new(place, format!("is not a tool: {}", suggest(tool, known.iter().copied())))
                })
                .collect(),
        )
    }
}

fn find_file(env: &Environment, options: &LoadOptions) -> Option<PathBuf> {
    let here = || Some(env.resolve(FILE_NAME)).filter(|path| path.exists());
    options.config.as_ref().map(|path| env.resolve(path)).or_else(|| env.path("CUSTOMERIO_MCP_CONFIG")).or_else(here)
}

/// Variables with our prefix that are neither ours nor named by the file.
fn unknown_variables(env: &Environment, file: Option<&File>) -> Vec<Problem> {
    let known = || VARIABLES.iter().map(|(name, _)| *name);
    let named: Vec<&str> = file.map(variables_named_by).unwrap_or_default();
    env.ours()
        .filter(|name| !known().any(|known| known == *name) && !named.contains(name))
        .map(|name| {
            let message = format!("is not an environment variable of ours: {}", suggest(name, known()));
            Problem::new(Place::variable(name), message)
        })
        .collect()
}

fn variables_named_by(file: &File) -> Vec<&str> {
    file.workspaces
        .values()
        .flat_map(|workspace| {
            [&workspace.tracking_api_key_env, &workspace.app_api_key_env, &workspace.cdp_write_key_env]
        })
        .filter_map(|name| name.as_deref())
        .collect()
}

fn state(
    env: &Environment,
    options: &LoadOptions,
    document: Option<&Document>,
    file: Option<&File>,
) -> Result<StateConfig, ConfigError> {
    let from_flag = options.data.as_ref().map(|path| env.resolve(path));
    if options.are_for_the_embedded_sandbox() {
        return Ok(from_flag.map_or(StateConfig::Memory, |directory| StateConfig::Sqlite { directory }));
    }
    let from_file = || {
        let directory = document?.path().parent().unwrap_or(Path::new(""));
        Some(directory.join(file?.data.as_ref()?))
    };
    let directory =
        from_flag.or_else(|| env.path("CUSTOMERIO_MCP_DATA")).or_else(from_file).or_else(|| env.user_data_directory());
    if let Some(url) = state_url(env, document, file.and_then(|file| file.state))? {
        return Ok(StateConfig::Postgres { url, password_file: env.path("PGPASSFILE"), directory });
    }
    let directory = directory.ok_or_else(|| {
        let message = "there is no home directory to keep the state in: name a directory with `--data` or \
                       CUSTOMERIO_MCP_DATA";
        Problem::new(Place::Nowhere, message)
    })?;
    Ok(StateConfig::Sqlite { directory })
}

/// The address of a PostgreSQL database, if the state is kept in one.
fn state_url(
    env: &Environment,
    document: Option<&Document>,
    backend: Option<StateBackend>,
) -> Result<Option<SecretText>, Problem> {
    const VARIABLE: &str = "CUSTOMERIO_MCP_STATE_URL";
    let in_file = || document.map_or(Place::Nowhere, |document| document.place(&["state"]));
    match (env.text(VARIABLE)?, backend) {
        (None, None | Some(StateBackend::Sqlite)) => Ok(None),
        (None, Some(StateBackend::Postgres)) => Err(Problem::new(
            in_file(),
            format!("asks for PostgreSQL: set {VARIABLE} to postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        )),
        (Some(_), Some(StateBackend::Sqlite)) => Err(Problem::new(
            in_file(),
            format!("asks for SQLite, and {VARIABLE} is set: write \"postgres\" here, or unset the variable"),
        )),
        (Some(url), None | Some(StateBackend::Postgres)) => {
            if url.starts_with("postgres://") || url.starts_with("postgresql://") {
                return Ok(Some(SecretText::new(url)));
            }
            Err(Problem::new(Place::variable(VARIABLE), "takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE"))
        }
    }
}

/// Variables that look as if they had an effect and have none.
fn notes(env: &Environment, document: Option<&Document>, file: Option<&File>, purpose: Purpose) -> Vec<String> {
    let (Some(document), Some(file)) = (document, file) else { return Vec::new() };
    if purpose == Purpose::EmbeddedSandbox {
        return Vec::new();
    }
    let named = variables_named_by(file);
    env.ours()
        .filter(|name| !name.starts_with("CUSTOMERIO_MCP_") && !named.contains(name))
        .map(|name| format!("{name} is set but not used: {} describes the workspaces.", document.path().display()))
        .collect()
}

type Workspaces = (String, BTreeMap<String, WorkspaceConfig>);

fn workspaces_of_file(
    env: &Environment,
    options: &LoadOptions,
    document: &Document,
    mut file: File,
) -> Result<Workspaces, ConfigError> {
    let origin = Origin::File(document);
    if options.are_for_the_embedded_sandbox() {
        return embedded_sandbox(env, options, origin, file.workspaces.remove(EMBEDDED_SANDBOX).unwrap_or_default());
    }
    let default = default_workspace(options, document, &file)?;
    if options.workspace.is_some() {
        check_others(options, document, &file)?;
        file.workspaces.retain(|name, _| *name == default || options.other_workspaces.contains(name));
    }
    let with_credentials = options.purpose == Purpose::Connect;
    let keep_days = file.audit.keep_days;
    let mut problems = Vec::new();
    if let Some(days) = keep_days.filter(|days| *days < LEAST_AUDIT_DAYS) {
        let message = format!("is {days}: records are kept for {LEAST_AUDIT_DAYS} days at the least");
        problems.push(Problem::new(document.place(&["audit", "keep_days"]), message));
    }
    let mut workspaces = BTreeMap::new();
    for (name, section) in file.workspaces {
        match Resolver::new(env, origin, &name, with_credentials).resolve(section) {
            Ok(workspace) => {
                workspaces.insert(name, WorkspaceConfig { audit_keep_days: keep_days, ..workspace });
            }
            Err(found) => problems.extend(found),
        }
    }
    settled(problems)?;
    // Its section is checked with the rest, but only `serve --sandbox` has such a workspace.
    workspaces.remove(EMBEDDED_SANDBOX);
    Ok((default, workspaces))
}

/// The workspace picked on the command line, else the file's default, else the only one there is.
fn default_workspace(options: &LoadOptions, document: &Document, file: &File) -> Result<String, ConfigError> {
    let names: Vec<&str> = file.workspaces.keys().map(String::as_str).collect();
    let reachable: Vec<&str> = names.iter().copied().filter(|name| *name != EMBEDDED_SANDBOX).collect();
    let (place, name) = match (&options.workspace, &file.default_workspace, reachable.as_slice()) {
        (Some(name), _, _) => (Place::Flag("--workspace"), name.as_str()),
        (None, Some(name), _) => (document.place(&["default_workspace"]), name.as_str()),
        (None, None, [only]) => return Ok((*only).to_owned()),
        (None, None, []) => {
            let message = "has no workspace: add a section such as `[workspaces.prod]`";
            return Err(Problem::new(document.place(&["workspaces"]), message).into());
        }
        (None, None, several) => {
            let message = format!("is missing: say which of `{}` it is", several.join("`, `"));
            return Err(Problem::new(document.place(&["default_workspace"]), message).into());
        }
    };
    if name == EMBEDDED_SANDBOX {
        let message = "names the embedded sandbox, which is started with `serve --sandbox`";
        return Err(Problem::new(place, message).into());
    }
    if reachable.contains(&name) {
        return Ok(name.to_owned());
    }
    let message = format!("names no workspace of {}: {}", document.path().display(), suggest(name, reachable));
    Err(Problem::new(place, message).into())
}

/// The workspaces picked besides the first, which are held to the same.
fn check_others(options: &LoadOptions, document: &Document, file: &File) -> Result<(), ConfigError> {
    for name in &options.other_workspaces {
        let picked = LoadOptions { workspace: Some(name.clone()), ..LoadOptions::default() };
        default_workspace(&picked, document, file)?;
    }
    Ok(())
}

fn workspace_of_environment(env: &Environment, options: &LoadOptions) -> Result<Workspaces, ConfigError> {
    if options.are_for_the_embedded_sandbox() {
        return embedded_sandbox(env, options, Origin::Variables, WorkspaceFile::default());
    }
    if let Some(name) = options.picked().find(|name| *name != ENVIRONMENT_WORKSPACE) {
        let message =
            format!("names `{name}`, but without a configuration file the only workspace is `{ENVIRONMENT_WORKSPACE}`");
        return Err(Problem::new(Place::Flag("--workspace"), message).into());
    }
    let section = from_variables(env)?;
    let keys = [&section.tracking_api_key_env, &section.app_api_key_env, &section.cdp_write_key_env];
    let nothing_given = section.site_id.is_none() && keys.into_iter().all(Option::is_none);
    if options.purpose == Purpose::Connect && nothing_given {
        return Err(Problem::new(Place::Nowhere, NO_CREDENTIAL).into());
    }
    let with_credentials = options.purpose == Purpose::Connect;
    let workspace = Resolver::new(env, Origin::Variables, ENVIRONMENT_WORKSPACE, with_credentials).resolve(section)?;
    Ok((ENVIRONMENT_WORKSPACE.to_owned(), BTreeMap::from([(ENVIRONMENT_WORKSPACE.to_owned(), workspace)])))
}

const NO_CREDENTIAL: &str = "there is no credential of Customer.io: set CUSTOMERIO_APP_API_KEY, and CUSTOMERIO_SITE_ID \
                             with CUSTOMERIO_TRACKING_API_KEY, or write a customerio-mcp.toml. To try without an \
                             account: customerio-mcp serve --sandbox";

fn embedded_sandbox(
    env: &Environment,
    options: &LoadOptions,
    origin: Origin<'_>,
    section: WorkspaceFile,
) -> Result<Workspaces, ConfigError> {
    if let Some(name) = options.picked().find(|name| *name != EMBEDDED_SANDBOX) {
        let message = format!("names `{name}`, but with `--sandbox` the only workspace is `{EMBEDDED_SANDBOX}`");
        return Err(Problem::new(Place::Flag("--workspace"), message).into());
    }
    let workspace = Resolver::new(env, origin, EMBEDDED_SANDBOX, true).resolve(section)?;
    Ok((EMBEDDED_SANDBOX.to_owned(), BTreeMap::from([(EMBEDDED_SANDBOX.to_owned(), workspace)])))
}
