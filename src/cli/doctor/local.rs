//! Checks of what is on this machine.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{check::Check, shared};
use crate::{
    cli::{
        config::{in_short, policy, unbroken},
        layout,
    },
    clock::{SharedClock, random_bytes},
    config::{Config, Environment, WorkspaceConfig},
    guard::policy::WorkspaceKind,
    server::open::{OpenState, StateFound, find_state, guards, open_existing_state, open_state},
    state::{Digest, Lease},
};

/// What to do about a database file that cannot be written to.
const DISK: &str = "Free space on the disk, or give the directory to the user who runs the server.";

/// How long the lease is held by which writing is tried, in milliseconds.
const LEASE_MS: i64 = 1_000;

/// The state as far as it could be opened.
pub(super) struct State {
    pub(super) checks: Vec<Check>,
    pub(super) open: Option<OpenState>,
}

pub(super) fn configuration(config: &Config) -> Vec<Check> {
    let workspace = config.workspace();
    let others: Vec<&str> =
        config.workspaces.keys().map(String::as_str).filter(|name| *name != workspace.name).collect();
    let which = match workspace.kind {
        WorkspaceKind::Live => format!("workspace {} (live), from {}", workspace.name, config.source),
        WorkspaceKind::Sandbox => format!("workspace {} (sandbox), from {}", workspace.name, config.source),
    };
    let mut checks = vec![Check::ok("configuration", which)];
    checks.extend(config.notes.iter().map(|note| Check::note("configuration", note)));
    if !others.is_empty() {
        let message = format!("not checked: {}", others.join(", "));
        checks.push(Check::note("configuration", message).next("Check another one with --workspace NAME."));
    }
    checks
}

/// Opens the state and writes to it, or says why that cannot be. What is not there yet is not made.
pub(super) async fn state(config: &Config, clock: &SharedClock) -> State {
    let only = |check| State { checks: vec![check], open: None };
    match find_state(config) {
        StateFound::Memory => {
            let note = Check::note("state", "in memory: forgotten when the process ends");
            State {
                checks: vec![note.next("`--data DIR` keeps it."), Check::ok("secret", "made for each run")],
                open: open_state(config, clock).await.ok(),
            }
        }
        StateFound::Shared => shared::state(config, clock).await,
        StateFound::Nothing(directory) => only(nothing_yet(&directory, clock)),
        StateFound::WithoutSecret(_) => match open_existing_state(config, clock).await {
            Err(error) => only(Check::failed("secret", error.to_string())),
            Ok(_) => only(Check::ok("secret", "there after all")),
        },
        StateFound::Whole(directory) => match open_existing_state(config, clock).await {
            Err(error) => only(
                Check::failed("state", error.to_string())
                    .next(format!("Look at {}: its owner, its mode and the space left.", directory.display())),
            ),
            Ok(state) => {
                let place = format!("SQLite in {}", directory.display());
                let checks = vec![written(&state, &place, DISK, clock).await, secret(config)];
                State { checks, open: Some(state) }
            }
        },
    }
}

fn secret(config: &Config) -> Check {
    match config.own_secret_file() {
        Some(file) => Check::ok("secret", format!("{}, readable by its owner alone", file.display())),
        None => Check::ok("secret", "from the environment"),
    }
}

/// A lease is the one thing that can be written and leaves nothing behind.
pub(super) async fn written(state: &OpenState, place: &str, next: &str, clock: &SharedClock) -> Check {
    let holder = "doctor".to_owned();
    let until_ms = clock.now_ms() + LEASE_MS;
    let lease = Lease { workspace: holder.clone(), name: Digest(random_bytes(clock.as_ref())), holder, until_ms };
    let taken = state.store.acquire_lease(lease.clone(), clock.now_ms()).await;
    let outcome = match taken {
        Ok(_) => state.store.release_lease(lease).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Check::ok("state", format!("{place}: opened, up to date, written to")),
        Err(error) => Check::failed("state", format!("{place} cannot be written to: {error}")).next(next),
    }
}

fn nothing_yet(directory: &Path, clock: &SharedClock) -> Check {
    let name = directory.display();
    match try_to_write(directory, clock) {
        Ok(()) => Check::ok("state", format!("nothing in {name} yet: database and secret are made on first use")),
        Err((place, error)) => {
            Check::failed("state", format!("{name} cannot be made: {} cannot be written to: {error}", place.display()))
                .next("Name another directory with `--data` or CUSTOMERIO_MCP_DATA, or change its owner.")
        }
    }
}

/// Makes and removes a file in the directory, or in the nearest one around it that exists.
fn try_to_write(directory: &Path, clock: &SharedClock) -> Result<(), (PathBuf, io::Error)> {
    let around = |path: &&Path| !path.as_os_str().is_empty() && path.exists();
    let nearest = directory.ancestors().find(around).unwrap_or(Path::new("."));
    let draft = nearest.join(format!(".customerio-mcp-{}", hex::encode(random_bytes::<6>(clock.as_ref()))));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&draft)
        .and_then(|_| fs::remove_file(&draft))
        .map_err(|error| (nearest.to_owned(), error))
}

/// The strategy of the file, else of the state.
pub(super) async fn identity(workspace: &WorkspaceConfig, state: &State, clock: &SharedClock) -> Check {
    if let Some(strategy) = &workspace.identity {
        return Check::ok("identity", format!("{} (in the configuration)", in_short(strategy)));
    }
    let declared = match &state.open {
        Some(state) => guards(workspace, state, clock.clone(), true).declared_strategy().await,
        None => Ok(None),
    };
    match declared {
        Err(error) => Check::failed("identity", error.message),
        Ok(Some(declared)) => {
            let at = layout::moment(declared.at_ms);
            Check::ok("identity", format!("{} (declared by {}, {at})", in_short(&declared.strategy), declared.by))
        }
        Ok(None) => {
            Check::note("identity", "not declared: until it is, nobody can be created or changed").next(match workspace
                .kind
            {
                WorkspaceKind::Live => "customerio-mcp identity declare --help",
                WorkspaceKind::Sandbox => "An agent declares it with declare_identity_strategy.",
            })
        }
    }
}

pub(super) fn guardrails(workspace: &WorkspaceConfig) -> Vec<Check> {
    let mut checks = vec![Check::ok("policy", unbroken(policy(workspace)))];
    if workspace.kind == WorkspaceKind::Live && workspace.recipients.live.is_empty() {
        checks.push(
            Check::note("recipients", "none are listed, so every message to a customer is refused")
                .next("List addresses or domains under `recipients.live` to let messages to them go."),
        );
    }
    checks
}

/// Names only: a proxy's address may hold a password.
pub(super) fn proxies(env: &Environment) -> Option<Check> {
    let set = env.proxy_variables();
    (!set.is_empty()).then(|| Check::note("proxy", format!("set in the environment: {}", set.join(", "))))
}
