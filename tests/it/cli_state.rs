//! `identity` and `audit`: an operator's commands on the state that servers share.

use insta::assert_snapshot;
use regex::Regex;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Left, customerio_mcp};

const BY_ID: [&str; 6] = ["--primary", "id", "--id-form", "uuid", "--source", "users.uuid in the shop database"];
const BY_EMAIL: [&str; 4] = ["--primary", "email", "--source", "the newsletter form"];

/// A data directory that several commands work on.
struct State {
    directory: TempDir,
}

impl State {
    fn new() -> Self {
        Self { directory: crate::kept::directory() }
    }

    /// Runs a command; moments in what it prints are replaced.
    fn run(&self, command: &[&str], more: &[&str]) -> Left {
        let data = self.directory.path().to_str().unwrap();
        let left = customerio_mcp(&[command, more, &["--data", data]].concat()).finish();
        let moment = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC").unwrap();
        let settled = |text: &str| moment.replace_all(text, "[moment]").replace(data, "[data]");
        Left { code: left.code, stdout: settled(&left.stdout), stderr: settled(&left.stderr) }
    }

    fn ok(&self, command: &[&str], more: &[&str]) -> String {
        let left = self.run(command, more);
        assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{command:?}");
        left.stdout
    }

    fn tamper(&self, sql: &str) {
        let changed = Connection::open(self.directory.path().join("state.db")).unwrap().execute(sql, []).unwrap();
        assert_eq!(changed, 1);
    }
}

#[test]
fn a_strategy_is_declared_once_and_changed_with_a_confirmation() {
    let state = State::new();
    assert_snapshot!(state.ok(&["identity", "show"], &[]), @"
    workspace  default (live)
    identity   not declared: nobody can be created or changed until it is
               customerio-mcp identity declare --help
    ");
    assert_snapshot!(state.ok(&["identity", "declare"], &BY_ID), @"Declared for default: by id, ids of form uuid, from users.uuid in the shop database.");
    assert_snapshot!(state.ok(&["identity", "declare"], &BY_ID), @"This strategy is declared already (by operator, [moment]). Nothing was changed.");
    let other = state.run(&["identity", "declare"], &BY_EMAIL);
    assert_eq!((other.code, other.stdout.as_str()), (1, ""));
    assert_snapshot!(other.stderr, @"error: another identity strategy is declared for `default`: by id, ids of form uuid, from users.uuid in the shop database (by operator, [moment]). Nothing was changed. People were written by it; `identity change` replaces it");

    let unconfirmed = state.run(&["identity", "change"], &BY_EMAIL);
    assert_eq!((unconfirmed.code, unconfirmed.stdout.as_str()), (2, ""));
    assert_snapshot!(unconfirmed.stderr, @"
    The identity strategy of default changes.

      from  by id, ids of form uuid, from users.uuid in the shop database
            (declared by operator, [moment])
      to    by email, ids of form any, from the newsletter form

    People who exist keep the identifiers they have. From now on whoever is created
    must fit the new strategy, and an id of another form is refused in a write;
    people who do not fit it are reached by their cio_id. Connected agents are
    held to it from their next call. The same person written under both strategies
    becomes two people.

    error: nothing was changed: give --yes, or run this on a terminal to confirm it
    ");
    assert!(state.ok(&["identity", "show"], &[]).contains("primary    id\n"));

    let changed = state.run(&["identity", "change", "--yes"], &BY_EMAIL);
    assert_eq!(changed.code, 0, "{}", changed.stderr);
    assert_snapshot!(state.ok(&["identity", "show"], &[]), @"
    workspace  default (live)
    primary    email
    id form    any
    source     the newsletter form
    e-mail     any address
    anonymous  not used
    declared   by operator, [moment]
    ");
    let shown: Value = serde_json::from_str(&state.ok(&["identity", "show", "--json"], &[])).unwrap();
    assert_eq!(
        (shown["identity_strategy"]["primary"].as_str(), shown["declared_by"].as_str()),
        (Some("email"), Some("operator"))
    );
}

#[test]
fn what_a_strategy_may_hold_is_the_same_as_in_the_file() {
    let state = State::new();
    let refused = |more: &[&str]| {
        let left = state.run(&["identity", "declare"], more);
        assert_eq!(left.code, 2);
        left.stderr
    };
    assert_snapshot!(refused(&["--primary", "id", "--source", " x "]), @r#"error: --source takes one sentence of 3 to 300 characters, such as "users.uuid in the shop database""#);
    assert_snapshot!(refused(&["--primary", "id", "--source", "the shop", "--email-domain", "shop.example"]), @"error: --email-domain holds `shop.example`: write domains as `@shop.example`");
    assert!(!state.directory.path().join("state.db").exists(), "nothing was made for a refused command");
}

#[test]
fn the_strategy_of_a_file_is_changed_in_the_file() {
    let file = "[workspaces.prod.identity]\nprimary = \"id\"\nsource = \"users.id in the shop database\"\n";
    let run = |args: &[&str]| customerio_mcp(args).file("customerio-mcp.toml", file).finish();
    let refused = run(&[&["identity", "change", "--yes"][..], &BY_EMAIL].concat());
    assert_eq!(refused.code, 2);
    assert_snapshot!(refused.stderr, @"error: customerio-mcp.toml declares the identity strategy of `prod`, and it wins at every start: change it there");
    assert_snapshot!(run(&["identity", "show"]).stdout, @"
    workspace  prod (live)
    primary    id
    id form    any
    source     users.id in the shop database
    e-mail     any address
    anonymous  not used
    declared   in customerio-mcp.toml
    ");
}

#[test]
fn what_an_operator_changed_is_on_the_record() {
    let state = State::new();
    state.ok(&["identity", "declare"], &BY_ID);
    state.run(&["identity", "change", "--yes"], &BY_EMAIL);
    let listed = |more: &[&str]| -> Vec<Value> {
        let lines = state.ok(&["audit", "list", "--json"], more);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let told = |record: &Value| {
        let text = |key: &str| record[key].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("principal"), text("tool"), text("phase"), text("decision"))
    };
    assert_eq!(
        listed(&[]).iter().map(told).collect::<Vec<_>>(),
        [
            "operator identity change outcome committed",
            "operator identity change decision admitted",
            "operator identity declare outcome committed",
            "operator identity declare decision admitted",
        ]
    );
    assert_eq!(listed(&["--tool", "identity change"]).len(), 2);
    assert_eq!(listed(&["--phase", "decision"]).len(), 2);
    assert_eq!(listed(&["--since", "1h"]).len(), 4);
    assert_eq!(listed(&["--since", "2099-01-01"]).len(), 0);
    assert_eq!(listed(&["--limit", "1"]).len(), 1);
    let table = state.ok(&["audit", "list", "--limit", "3"], &[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].ends_with("(UTC), workspace default"), "{table}");
    assert_eq!(lines[1], "TIME      TOOL              PHASE     DECISION   BY (APPROVED)");
    assert!(lines[2].ends_with("  identity change   outcome   committed  operator"), "{table}");
    assert_eq!(lines.last(), Some(&"The newest 3 records; --limit shows more, --tool, --phase and --since narrow."));
    assert_snapshot!(state.ok(&["audit", "list"], &["--phase", "refusal"]), @"No record fits. (workspace default)");
}

#[test]
fn a_record_that_was_tampered_with_is_named() {
    let state = State::new();
    state.ok(&["identity", "declare"], &BY_ID);
    assert_snapshot!(state.ok(&["audit", "verify"], &[]), @"
    workspace  default
    chains     1, one for each writer
    records    2 proven
    pruned     0 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
    state.tamper("UPDATE audit SET principal = 'somebody' WHERE sequence = 2");
    let found = state.run(&["audit", "verify"], &[]);
    assert_eq!((found.code, found.stderr.as_str()), (1, ""));
    let writer = Regex::new("writer [0-9a-f]{16}").unwrap();
    assert_snapshot!(writer.replace(&found.stdout, "writer [name]"), @"
    workspace  default
    chains     1, one for each writer
    records    1 proven
    pruned     0 cut, as the checkpoints say

    ✗ record 2 of writer [name]: altered: its fields are not those it was
      written with
      Somebody changed the record after it was written. What it says is not
      evidence; the records before it hold.
    ");
    let json = state.run(&["audit", "verify", "--json"], &[]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, report["faults"][0]["sequence"].as_u64()), (1, Some(2)));
    state.tamper("DELETE FROM audit WHERE sequence = 2");
    assert!(state.run(&["audit", "verify"], &[]).stdout.contains("removed: it is missing"));
}

#[test]
fn what_is_old_is_pruned_once_it_is_confirmed() {
    let state = State::new();
    state.ok(&["identity", "declare"], &BY_ID);
    let prune = |when: &str, more: &[&str]| state.run(&["audit", "prune", "--before", when], more);
    let unconfirmed = prune("0m", &[]);
    assert_eq!((unconfirmed.code, unconfirmed.stdout.as_str()), (2, ""));
    assert_snapshot!(unconfirmed.stderr, @"error: nothing was changed: give --yes, or run this on a terminal to confirm it");
    let ahead = prune("2999-01-01", &["--yes"]);
    assert_eq!((ahead.code, ahead.stdout.as_str()), (2, ""));
    assert_snapshot!(ahead.stderr, @"error: --before lies ahead ([moment], and it is [moment]); nothing was deleted");
    for wrong in ["tomorrow", "1772442300000", "2026-02-30", ""] {
        assert_eq!(prune(wrong, &["--yes"]).code, 2, "{wrong}");
    }
    assert_snapshot!(state.ok(&["audit", "prune", "--before", "1d", "--yes"], &[]), @"Deleted 0 records of default from before [moment]. 4 are left and proven, this command's own two among them.");
    assert_snapshot!(state.ok(&["audit", "prune", "--before", "0m", "--yes"], &[]), @"Deleted 4 records of default from before [moment]. 2 are left and proven, this command's own two among them.");
    let json = prune("0m", &["--yes", "--json"]);
    let mut told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(told["before"].take().is_string());
    assert_snapshot!(told, @r#"{"workspace":"default","before":null,"deleted":2,"left":2}"#);
    assert_snapshot!(state.ok(&["audit", "verify"], &[]), @"
    workspace  default
    chains     1, one for each writer
    records    2 proven
    pruned     6 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
    let listed = state.ok(&["audit", "list", "--json"], &[]);
    assert_eq!(listed.lines().filter(|line| line.contains(r#""tool":"audit prune","effect":"delete""#)).count(), 2);
}

#[test]
fn state_that_is_not_there_is_not_shown_as_empty() {
    let state = State::new();
    for command in [["audit", "list"], ["audit", "verify"]] {
        let nothing = state.run(&command, &[]);
        assert_eq!((nothing.code, nothing.stdout.as_str()), (1, ""));
        assert!(nothing.stderr.starts_with("error: there is no state in [data] yet: "), "{}", nothing.stderr);
        let in_memory = customerio_mcp(&[&command[..], &["--workspace", "sandbox"]].concat()).finish();
        assert_eq!((in_memory.code, in_memory.stdout.as_str()), (2, ""));
        assert!(in_memory.stderr.contains("keeps its state in memory"), "{}", in_memory.stderr);
    }
    assert_eq!(std::fs::read_dir(state.directory.path()).unwrap().count(), 0, "looking makes nothing");
    let declare = customerio_mcp(&[&["identity", "declare", "--workspace", "sandbox"][..], &BY_ID].concat()).finish();
    assert!(declare.stderr.contains("keeps its state in memory"), "{}", declare.stderr);
}

#[test]
fn a_lost_secret_is_not_replaced_by_one_that_proves_nothing() {
    let state = State::new();
    state.ok(&["identity", "declare"], &BY_ID);
    let secret = state.directory.path().join("secret");
    std::fs::remove_file(&secret).unwrap();
    let left = state.run(&["audit", "verify"], &[]);
    assert_eq!((left.code, left.stdout.as_str()), (1, ""));
    assert!(left.stderr.contains("written with a secret that is no longer there"), "{}", left.stderr);
    assert!(!secret.exists());
}
