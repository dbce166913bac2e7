//! The command-line program; everything it does is in the library.

use std::{process::ExitCode, time::Duration};

use customerio_mcp::{cli, config::Environment};
use tokio::runtime;

/// What may still be read from stdin when all is done keeps a thread busy that cannot be stopped; it is left behind.
const LAST_WORDS: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    // One thread answers everybody: what a call computes is less than handing it to another thread costs, and the store
    // has threads of its own for what takes long.
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(cli::run(Environment::of_process()));
    runtime.shutdown_timeout(LAST_WORDS);
    code
}
