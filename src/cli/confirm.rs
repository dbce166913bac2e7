//! Asking before what cannot be undone.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    process::ExitCode,
};

use super::output;

/// Asks for a name, which nobody types by accident: `what` says whose it is, `to` what typing it does.
pub(super) fn confirmed(what: &str, name: &str, to: &str) -> Result<(), ExitCode> {
    if !io::stdin().is_terminal() {
        return Err(output::unusable("nothing was changed: give --yes, or run this on a terminal to confirm it"));
    }
    output::say(format!("Type {what} ({name}) to {to}: "));
    let mut typed = String::new();
    match io::stdin().lock().read_line(&mut typed) {
        Ok(_) if typed.trim() == name => Ok(()),
        Ok(_) => Err(output::failed("that is something else; nothing was changed")),
        Err(error) => Err(output::failed(format!("the answer cannot be read: {error}; nothing was changed"))),
    }
}
