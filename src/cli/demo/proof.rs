//! The audit trail that the server left behind, proven by the operator's own command, without the server.

use std::path::Path;

use serde_json::Value;

use super::program;
use crate::config::Environment;

/// The command; the data directory follows.
pub(super) const ARGUMENTS: [&str; 5] = ["audit", "verify", "--workspace", "sandbox", "--json"];

/// Runs the command and returns its report. A trail that is not whole is an error.
pub(super) async fn verify(env: &Environment, data: &Path) -> Result<Value, String> {
    let mut command = program::command(env, &ARGUMENTS, data).map_err(|error| error.to_string())?;
    let output = command.output().await.map_err(|error| format!("audit verify did not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("audit verify ended with {}: {said}{complaint}", output.status));
    }
    serde_json::from_str(&said).map_err(|_| format!("audit verify printed no report: {said}"))
}
