//! This program, started again.

use std::{ffi::OsStr, io, path::Path};

use tokio::process::Command;

use crate::config::Environment;

/// A command of this program on a data directory, out of reach of the user's own configuration: a file in the current
/// directory or a variable would make another workspace of the sandbox.
pub(super) fn command(env: &Environment, arguments: &[impl AsRef<OsStr>], data: &Path) -> io::Result<Command> {
    let program = env.executable().ok_or_else(|| io::Error::other("the system does not say where the program is"))?;
    let mut command = Command::new(program);
    command.args(arguments).arg("--data").arg(data).current_dir(data);
    for name in env.ours() {
        command.env_remove(name);
    }
    command.env("CUSTOMERIO_MCP_LOG", "warn").kill_on_drop(true);
    Ok(command)
}
