//! Opens what a process needs from its configuration: store, workspace, and the embedded sandbox.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Mutex;

use crate::{
    api::{Api, ApiConfig, AppKey, BaseUrls, CallScope, CdpWriteKey, CredentialError, RegionSetting, TrackCredentials},
    clock::{AdjustableClock, Clock, SharedClock, SystemClock, random_bytes},
    config::{Config, Region, SecretText, StateConfig, TrackKey, WorkspaceConfig},
    guard::{Guards, Workspace, breaker::Breaker, outage::Outage, policy::WorkspaceKind, secret::Secret},
    sandbox::{self, Fixture, Keys, RunningSandbox, SandboxConfig},
    state::{
        Store,
        exports::Exports,
        postgres::{Address, PostgresStore},
        sqlite::{Location, SqliteStore},
    },
    tools::{
        answer::{OwnSecrets, SecretScan, View},
        workspace::OpenWorkspace,
    },
};

/// The database's name in the data directory.
const DATABASE: &str = "state.db";
/// The folder for documents in the data directory.
const EXPORTS: &str = "exports";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// What a database of several machines is called where its address must not be shown.
const SHARED: &str = "the PostgreSQL database of CUSTOMERIO_MCP_STATE_URL";

/// How long a sandbox on loopback may take to say that it is one.
const SANDBOX_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration holds something that cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The state store cannot be opened.
    #[error("the state store ({place}) cannot be opened: {why}")]
    Store {
        /// Where it is.
        place: String,
        /// What stands in the way.
        why: String,
    },
    /// A workspace is configured as a sandbox, and what answers there is none.
    #[error(
        "workspace `{workspace}` is configured as a sandbox, but no sandbox answers at its track_url: {why}. Start one \
         with `customerio-mcp sandbox --listen ADDR`"
    )]
    NoSandbox {
        /// The workspace.
        workspace: String,
        /// What came instead.
        why: String,
    },
    /// There is nothing to work on: the state of an embedded sandbox goes with its process.
    #[error(
        "the embedded sandbox keeps its state in memory, out of reach of other commands. Start it with `serve \
         --sandbox --data DIR` and give this command the same `--data DIR`"
    )]
    InMemory,
    /// Nothing has run yet with this data directory.
    #[error(
        "there is no state in {} yet: nothing has run with this data directory. Another one is named with `--data` \
         or CUSTOMERIO_MCP_DATA",
        .0.display()
    )]
    NoState(PathBuf),
    /// Nothing has run yet with this database.
    #[error("there is no state in {SHARED} yet: nothing has run with it")]
    NoSharedState,
    /// The state is there and the secret it was written with is not.
    #[error(
        "the state in {} was written with a secret that is no longer there: put its file `secret` back, or set \
         CUSTOMERIO_MCP_SECRET or CUSTOMERIO_MCP_SECRET_FILE as it was when the server ran",
        .0.display()
    )]
    NoSecret(PathBuf),
    /// The embedded sandbox cannot listen.
    #[error("the embedded sandbox cannot listen on loopback: {0}")]
    Sandbox(#[from] sandbox::StartError),
}

/// The shared state, opened.
#[derive(Debug, Clone)]
pub struct OpenState {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Our own secret.
    pub secret: Secret,
    /// Documents about people, for a day.
    pub exports: Exports,
    /// Whatever no answer may hold: credentials of every workspace, and of the state itself.
    pub own: OwnSecrets,
}

/// Opens the store that the configuration names.
pub async fn open_state(config: &Config, clock: &SharedClock) -> Result<OpenState, OpenError> {
    let secret = config.own_secret(clock).map_err(|error| OpenError::Configuration(error.to_string()))?;
    let store: Arc<dyn Store> = match &config.state {
        StateConfig::Memory => Arc::new(open_sqlite(Location::Memory, &secret)?),
        StateConfig::Sqlite { directory } => Arc::new(open_sqlite(Location::File(directory.join(DATABASE)), &secret)?),
        StateConfig::Postgres { .. } => {
            let address = address(config)?.ok_or(OpenError::InMemory)?;
            let connected = PostgresStore::connect(&address, secret.chain_key(), Arc::clone(clock)).await;
            Arc::new(connected.map_err(|error| OpenError::Store { place: SHARED.to_owned(), why: error.to_string() })?)
        }
    };
    let exports = match &config.state {
        StateConfig::Sqlite { directory } | StateConfig::Postgres { directory: Some(directory), .. } => {
            Exports::in_directory(directory.join(EXPORTS))
        }
        StateConfig::Memory | StateConfig::Postgres { directory: None, .. } => Exports::in_memory(),
    };
    let mut own = OwnSecrets::default();
    own.add_bytes(secret.expose());
    if let Some(password) = address(config)?.as_ref().and_then(Address::password) {
        own.add(&String::from_utf8_lossy(password));
    }
    if let StateConfig::Postgres { url, .. } = &config.state {
        add_as_written(url.expose(), &mut own);
    }
    config.workspaces.values().for_each(|workspace| add_credentials(workspace, &mut own));
    Ok(OpenState { store, secret, exports, own })
}

fn open_sqlite(location: Location, secret: &Secret) -> Result<SqliteStore, OpenError> {
    let place = match &location {
        Location::Memory => "in memory".to_owned(),
        Location::File(path) => path.display().to_string(),
    };
    SqliteStore::open(location, secret.chain_key()).map_err(|error| OpenError::Store { place, why: error.to_string() })
}

/// The PostgreSQL database that the configuration names, if it does.
pub fn address(config: &Config) -> Result<Option<Address>, OpenError> {
    let StateConfig::Postgres { url, password_file, .. } = &config.state else { return Ok(None) };
    Address::parse(url.expose(), password_file.as_deref())
        .map(Some)
        .map_err(|error| OpenError::Store { place: SHARED.to_owned(), why: error.to_string() })
}

/// What there is where the configuration keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateFound {
    /// State in memory, so nothing to be found.
    Memory,
    /// Nothing yet in this directory.
    Nothing(PathBuf),
    /// A database in this directory, and the secret it was written with is gone.
    WithoutSecret(PathBuf),
    /// A database in this directory.
    Whole(PathBuf),
    /// A database elsewhere, which was not asked.
    Shared,
}

/// Looks for the state and changes nothing.
pub fn find_state(config: &Config) -> StateFound {
    let directory = match &config.state {
        StateConfig::Memory => return StateFound::Memory,
        StateConfig::Postgres { .. } => return StateFound::Shared,
        StateConfig::Sqlite { directory } => directory.clone(),
    };
    if !directory.join(DATABASE).exists() {
        return StateFound::Nothing(directory);
    }
    match config.own_secret_file() {
        Some(file) if !file.exists() => StateFound::WithoutSecret(directory),
        _ => StateFound::Whole(directory),
    }
}

/// Opens the store that the configuration names if it is there. Reading what was done must not begin by making an empty
/// store, or a secret that nothing was written with.
pub async fn open_existing_state(config: &Config, clock: &SharedClock) -> Result<OpenState, OpenError> {
    match find_state(config) {
        StateFound::Memory => Err(OpenError::InMemory),
        StateFound::Nothing(directory) => Err(OpenError::NoState(directory)),
        StateFound::WithoutSecret(directory) => Err(OpenError::NoSecret(directory)),
        StateFound::Whole(_) => open_state(config, clock).await,
        StateFound::Shared => {
            let address = address(config)?.ok_or(OpenError::InMemory)?;
            match PostgresStore::ask(&address).await {
                Ok(server) if server.schema == 0 => Err(OpenError::NoSharedState),
                // Whatever it is that is wrong, opening says so too.
                _ => open_state(config, clock).await,
            }
        }
    }
}

/// The machine's clock, for everything but the embedded sandbox.
pub fn system_clock() -> SharedClock {
    Arc::new(SystemClock)
}

/// Opens a configured workspace behind its guards. No host is called.
pub async fn open_workspace(
    config: &WorkspaceConfig,
    state: &OpenState,
    clock: SharedClock,
    read_only: bool,
) -> Result<OpenWorkspace, OpenError> {
    let api = connect(config, &clock)?;
    let guards = guards(config, state, clock, read_only);
    if let Some(strategy) = &config.identity {
        // The file is the operator's word: it replaces what was declared before.
        let declared = guards.declare(strategy, "configuration", true).await;
        declared.map_err(|error| OpenError::Configuration(error.message))?;
    }
    Ok(OpenWorkspace::new(guards, api, view(config, state), state.exports.clone()))
}

/// What callers see of a workspace's answers.
fn view(config: &WorkspaceConfig, state: &OpenState) -> View {
    let mut own = state.own.clone();
    add_credentials(config, &mut own);
    View { pii: config.pii, privacy: config.privacy.clone(), secrets: SecretScan::new(&own) }
}

fn add_credentials(config: &WorkspaceConfig, own: &mut OwnSecrets) {
    if let Some(track) = &config.track {
        own.add_basic(&track.site_id, track.api_key.expose());
    }
    for key in [&config.app_api_key, &config.cdp_write_key].into_iter().flatten() {
        own.add_basic("", key.expose());
    }
}

/// The password of the state's address as it is written there, where that is not as it is meant.
fn add_as_written(address: &str, own: &mut OwnSecrets) {
    let parsed = url::Url::parse(address).ok();
    if let Some(password) = parsed.as_ref().and_then(url::Url::password) {
        own.add(password);
    }
}

/// Refuses a workspace that only calls itself a sandbox: its policy would be too lax for real people.
pub async fn check_sandbox(workspace: &OpenWorkspace) -> Result<(), OpenError> {
    if workspace.guards.workspace.kind != WorkspaceKind::Sandbox {
        return Ok(());
    }
    let why = match workspace.api.answers_as_sandbox(&CallScope::within(SANDBOX_ANSWERS_WITHIN)).await {
        Ok(true) => return Ok(()),
        Ok(false) => "something else answers".to_owned(),
        Err(error) => error.message,
    };
    Err(OpenError::NoSandbox { workspace: workspace.guards.workspace.name.clone(), why })
}

/// The way to a configured workspace. No host is called.
pub fn connect(config: &WorkspaceConfig, clock: &SharedClock) -> Result<Api, OpenError> {
    Api::new(api_config(config, clock)?).map_err(|error| OpenError::Configuration(error.to_string()))
}

/// The guards of a configured workspace.
pub fn guards(config: &WorkspaceConfig, state: &OpenState, clock: SharedClock, read_only: bool) -> Guards {
    let region = match config.kind {
        WorkspaceKind::Sandbox => "sandbox",
        WorkspaceKind::Live => config.region.as_str(),
    };
    Guards {
        workspace: Workspace { name: config.name.clone(), kind: config.kind, region: region.to_owned() },
        policy: config.policy.clone(),
        approvals: config.approvals.clone(),
        budgets: config.budgets,
        test_profiles: config.test_profiles.clone(),
        recipients: config.recipients.clone(),
        egress_hosts: config.egress_hosts.clone(),
        link_hosts: config.link_hosts.clone(),
        import_directories: config.import_directories.clone(),
        read_only,
        store: Arc::clone(&state.store),
        keys: state.secret.keys(&config.name),
        run_id: format!("run_{}", hex::encode(random_bytes::<6>(clock.as_ref()))),
        clock,
        audit_kept_for_ms: config.audit_keep_days.map(|days| i64::from(days) * DAY_MS),
        audit_pruned: Mutex::default(),
        strangers: Mutex::default(),
        breaker: Breaker::default(),
        expired_tried: Mutex::default(),
        outage: Outage::default(),
    }
}

fn api_config(config: &WorkspaceConfig, clock: &SharedClock) -> Result<ApiConfig, OpenError> {
    let unusable = |error: CredentialError| OpenError::Configuration(error.to_string());
    let track = config.track.as_ref().map(|key| TrackCredentials::new(&key.site_id, key.api_key.expose()));
    let app = config.app_api_key.as_ref().map(|key| AppKey::new(key.expose()));
    let pipelines = config.cdp_write_key.as_ref().map(|key| CdpWriteKey::new(key.expose()));
    Ok(ApiConfig {
        track: track.transpose().map_err(unusable)?,
        app: app.transpose().map_err(unusable)?,
        pipelines: pipelines.transpose().map_err(unusable)?,
        region: match config.region {
            Region::Auto => RegionSetting::Auto,
            Region::Us => RegionSetting::Us,
            Region::Eu => RegionSetting::Eu,
        },
        urls: BaseUrls {
            track_url: config.track_url.clone(),
            app_url: config.app_url.clone(),
            cdp_url: config.cdp_url.clone(),
        },
        paced: config.kind == WorkspaceKind::Live,
        sandbox: config.kind == WorkspaceKind::Sandbox,
        extra_ca_pem: config.extra_ca_file.as_deref().map(read_certificates).transpose()?,
        ..ApiConfig::new(Arc::clone(clock))
    })
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|error| OpenError::Configuration(format!("extra_ca_file {}: {error}", path.display())))
}

/// Starts the embedded sandbox on a free port of loopback.
pub async fn start_sandbox(clock: Arc<AdjustableClock>, fixture: Fixture) -> Result<RunningSandbox, OpenError> {
    let keys = Keys::random(clock.as_ref() as &dyn Clock);
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(sandbox::start(SandboxConfig { listen, keys, fixture, clock, strict_limits: false }, None).await?)
}

/// The configuration of the workspace that an embedded sandbox is.
#[must_use]
pub fn sandbox_workspace(config: &WorkspaceConfig, sandbox: &RunningSandbox) -> WorkspaceConfig {
    let keys = sandbox.keys();
    WorkspaceConfig {
        kind: WorkspaceKind::Sandbox,
        track: Some(TrackKey { site_id: keys.site_id.clone(), api_key: SecretText::new(&keys.tracking_api_key) }),
        app_api_key: Some(SecretText::new(&keys.app_api_key)),
        cdp_write_key: Some(SecretText::new(&keys.cdp_write_key)),
        track_url: Some(sandbox.base_url()),
        app_url: Some(sandbox.base_url()),
        cdp_url: Some(sandbox.base_url()),
        ..config.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_state_is_a_secret_in_either_spelling() {
        let written = "postgresql://mcp:p%40ss-of-the-state@db.example:5432/mcp";
        let mut own = OwnSecrets::default();
        add_as_written(written, &mut own);
        let inside = "postgresql://db.example/mcp?user=mcp&password=p%40ss-of-the-state&sslmode=disable";
        for address in [written, inside] {
            let address = Address::parse(address, None).unwrap();
            own.add(&String::from_utf8_lossy(address.password().unwrap()));
        }
        let scan = SecretScan::new(&own);
        for text in ["it is p@ss-of-the-state", "p%40ss-of-the-state"] {
            assert!(scan.removed(text).unwrap().contains("[secret removed]"), "{text}");
        }
        assert_eq!(scan.removed("db.example:5432"), None);
    }
}
