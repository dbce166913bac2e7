//! Checks of a state that several machines share.

use super::{
    check::Check,
    local::{State, written},
};
use crate::{
    clock::SharedClock,
    config::Config,
    server::open::{OpenError, address, open_state},
    state::postgres::{Address, PostgresStore, Server},
};

/// Clocks further apart than this are worth a word, in milliseconds. Leases, plans and budgets are told by the clock of
/// whichever machine serves a call.
const NOTICED_SKEW_MS: u64 = 2_000;

/// Asks the database about itself, then opens the state and writes to it.
pub(super) async fn state(config: &Config, clock: &SharedClock) -> State {
    let only = |check| State { checks: vec![check], open: None };
    let address = match address(config) {
        Ok(Some(address)) => address,
        Ok(None) => return only(Check::note("state", "not in PostgreSQL")),
        Err(error) => return only(unreachable(&error)),
    };
    let asked_at_ms = clock.now_ms();
    let server = match PostgresStore::ask(&address).await {
        Ok(server) => server,
        Err(error) => {
            let check = Check::failed("state", format!("PostgreSQL: {error}"));
            return only(check.next("Check CUSTOMERIO_MCP_STATE_URL, that the server runs, and that it lets us in."));
        }
    };
    let halfway_ms = asked_at_ms.midpoint(clock.now_ms());
    let mut checks = Vec::new();
    let mut open = None;
    if server.schema == 0 {
        let version = &server.version;
        checks
            .push(Check::ok("state", format!("PostgreSQL {version}, nothing in it yet: tables are made on first use")));
    } else {
        match open_state(config, clock).await {
            Err(error) => return only(unreachable(&error)),
            Ok(state) => {
                let place = format!("PostgreSQL {}, schema version {}", server.version, server.schema);
                let next = "Look at the server's log, and at what its login may do.";
                checks.push(written(&state, &place, next, clock).await);
                open = Some(state);
            }
        }
    }
    checks.extend(in_the_clear(&server, &address));
    checks.push(skew(server.now_ms.saturating_sub(halfway_ms)));
    checks.push(Check::ok("secret", "from the environment"));
    State { checks, open }
}

fn unreachable(error: &OpenError) -> Check {
    Check::failed("state", error.to_string())
}

fn in_the_clear(server: &Server, address: &Address) -> Option<Check> {
    (!server.encrypted && !address.is_on_this_machine()).then(|| {
        Check::note("state", "what goes to the database on another machine is not encrypted")
            .next("Leave `sslmode` out of CUSTOMERIO_MCP_STATE_URL, or set it to verify-full.")
    })
}

fn skew(ahead_ms: i64) -> Check {
    let seconds = ahead_ms.unsigned_abs().div_ceil(1_000);
    if ahead_ms.unsigned_abs() < NOTICED_SKEW_MS {
        return Check::ok("clock", "this machine and the database's agree");
    }
    let way = if ahead_ms > 0 { "behind" } else { "ahead of" };
    Check::note("clock", format!("this machine is {seconds} s {way} the database's"))
        .next("Let the same time service set the clocks of all machines: plans, budgets and leases go by them.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_worth_a_word() {
        assert_eq!(skew(1_999), Check::ok("clock", "this machine and the database's agree"));
        assert!(skew(-1_999) == skew(1_999) && skew(90_500).to_text().contains("91 s behind"));
        assert!(skew(-2_000).to_text().contains("2 s ahead of"));
    }
}
