//! The command-line program; everything it does is in the library.

use std::{process::ExitCode, time::Duration};

use customerio_mcp::{cli, config::Environment};
use tokio::runtime;

/// Threads that answer: a client asks one thing after another, and the store has a thread of its own.
const WORKER_THREADS: usize = 2;

/// What may still be read from stdin when all is done keeps a thread busy that cannot be stopped; it is left behind.
const LAST_WORDS: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let Ok(runtime) = runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(cli::run(Environment::of_process()));
    runtime.shutdown_timeout(LAST_WORDS);
    code
}
