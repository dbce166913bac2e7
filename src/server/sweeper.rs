//! Sweeps while the process serves.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::tools::{sweep::sweep, tool::Callable, workspace::OpenWorkspace};

/// How soon after the start: what the last process left behind is settled early, but no client waits for it.
const FIRST_AFTER: Duration = Duration::from_secs(2);

/// How long between two sweeps.
const EVERY: Duration = Duration::from_secs(30);

/// Sweeps a workspace now and then, until `stop` fires; a sweep under way then ends what it is at.
pub async fn run(workspace: Arc<OpenWorkspace>, tools: Vec<Arc<dyn Callable>>, stop: CancellationToken) {
    let mut wait = FIRST_AFTER;
    while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        match sweep(&workspace, &tools, &stop).await {
            Ok(swept) => tracing::debug!(?swept, "swept"),
            Err(error) => tracing::warn!(code = error.code.as_str(), "a sweep broke off; the next one goes on"),
        }
        wait = EVERY;
    }
}
