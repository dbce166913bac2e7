//! The audit trail that the server left behind, proven as `audit verify` proves it: with the secret and the store of
//! the data directory, and without the server.

use std::path::{Path, PathBuf};

use crate::{
    config::{Config, EMBEDDED_SANDBOX, Environment, LoadOptions, Purpose},
    server::open::{open_state, system_clock},
    state::ChainReport,
};

/// Walks every chain of the embedded sandbox's workspace.
pub(super) async fn verify(data: &Path) -> Result<ChainReport, String> {
    let nothing = Environment::new(Vec::<(PathBuf, PathBuf)>::new(), data);
    let options = LoadOptions {
        data: Some(data.to_owned()),
        workspace: Some(EMBEDDED_SANDBOX.to_owned()),
        purpose: Purpose::Offline,
        ..LoadOptions::default()
    };
    let config = Config::load(&nothing, &options).map_err(|error| error.to_string())?;
    let state = open_state(&config, &system_clock()).map_err(|error| error.to_string())?;
    state.store.verify_audit(EMBEDDED_SANDBOX.to_owned()).await.map_err(|error| error.to_string())
}
