//! An operator's commands on state that several machines share.

use insta::assert_snapshot;
use regex::Regex;

use crate::{
    cli::{Left, customerio_mcp},
    postgres::Database,
};

const SECRET: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
const BY_ID: [&str; 6] = ["--primary", "id", "--id-form", "uuid", "--source", "users.uuid in the shop database"];

fn run(database: &Database, secret: &str, arguments: &[&str]) -> Left {
    let url = database.url();
    let command = customerio_mcp(arguments).env("CUSTOMERIO_MCP_STATE_URL", &url);
    // Nobody listens there.
    let command = command.env("CUSTOMERIO_APP_API_KEY", "key").env("CUSTOMERIO_APP_URL", "http://127.0.0.1:9");
    let left = command.env("CUSTOMERIO_MCP_SECRET", secret).finish();
    let settled = |text: &str| {
        let text =
            Regex::new(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d UTC)?").unwrap().replace_all(text, "[moment]").into_owned();
        let text = Regex::new(r"\d\d:\d\d:\d\d").unwrap().replace_all(&text, "[time]").into_owned();
        Regex::new(r"PostgreSQL \d[^,]*,\s+").unwrap().replace_all(&text, "PostgreSQL [version], ").into_owned()
    };
    Left { code: left.code, stdout: settled(&left.stdout), stderr: settled(&left.stderr) }
}

#[test]
fn commands_work_on_the_state_that_instances_share() {
    let Some(database) = Database::fresh() else { return };
    let ok = |arguments: &[&str]| {
        let left = run(&database, SECRET, arguments);
        assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{arguments:?}");
        left.stdout
    };
    let nothing = run(&database, SECRET, &["audit", "list"]);
    assert_snapshot!(nothing.stderr, @"error: there is no state in the PostgreSQL database of CUSTOMERIO_MCP_STATE_URL yet: nothing has run with it");
    assert_eq!(
        database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0",
        "looking makes nothing"
    );
    assert_snapshot!(ok(&[&["identity", "declare"][..], &BY_ID].concat()), @"Declared for default: by id, ids of form uuid, from users.uuid in the shop database.");
    assert_snapshot!(ok(&["identity", "show"]), @"
    workspace  default (live)
    primary    id
    id form    uuid
    source     users.uuid in the shop database
    e-mail     any address
    anonymous  not used
    declared   by operator, [moment]
    ");
    assert_snapshot!(ok(&["audit", "list"]), @"
    [moment] (UTC), workspace default
    TIME      TOOL              PHASE     DECISION   BY (APPROVED)
    [time]  identity declare  outcome   committed  operator
    [time]  identity declare  decision  admitted   operator

    2 records in all.
    ");
    assert_snapshot!(ok(&["audit", "verify"]), @"
    workspace  default
    chains     1, one for each writer
    records    2 proven
    pruned     0 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
    assert_snapshot!(ok(&["sends", "list"]), @"Every call is settled. (workspace default)");
    assert_snapshot!(ok(&["erasures", "list"]), @"Nobody was erased. (workspace default)");
    let other = run(&database, &SECRET.replace('0', "1"), &["audit", "list"]);
    assert_snapshot!(other.stderr, @"error: the state store (the PostgreSQL database of CUSTOMERIO_MCP_STATE_URL) cannot be opened: the state was written with another secret: give every instance that shares it the same CUSTOMERIO_MCP_SECRET");
    database.execute("UPDATE audit SET tool = 'x' WHERE sequence = 1");
    let tampered = run(&database, SECRET, &["audit", "verify"]);
    assert_snapshot!(tampered.stdout, @"
    workspace  default
    chains     1, one for each writer
    records    0 proven
    pruned     0 cut, as the checkpoints say

    ✗ record 1 of writer writer-1: altered: its fields are not those it was written
      with
      Somebody changed the record after it was written. What it says is not
      evidence; the records before it hold.
    ");
}

#[test]
fn doctor_asks_the_database_about_itself() {
    let Some(database) = Database::fresh() else { return };
    let checks = |database: &Database| {
        let text = run(database, SECRET, &["doctor"]).stdout;
        let until = text.find("– Track API").unwrap();
        text[..until].to_owned()
    };
    assert_snapshot!(checks(&database), @"
    ✓ configuration    workspace default (live), from the environment
    ✓ state            PostgreSQL [version], nothing in it yet:
                       tables are made on first use
    ✓ clock            this machine and the database's agree
    ✓ secret           from the environment
    ");
    assert_eq!(run(&database, SECRET, &[&["identity", "declare"][..], &BY_ID].concat()).code, 0);
    assert_snapshot!(checks(&database), @"
    ✓ configuration    workspace default (live), from the environment
    ✓ state            PostgreSQL [version], schema version 1:
                       opened, up to date, written to
    ✓ clock            this machine and the database's agree
    ✓ secret           from the environment
    ");
    database.execute("UPDATE refinery_schema_history SET version = 99");
    assert_snapshot!(checks(&database), @"
    ✓ configuration    workspace default (live), from the environment
    ✗ state            the state store (the PostgreSQL database of
                       CUSTOMERIO_MCP_STATE_URL) cannot be opened: the state store
                       has schema version 99, this program knows up to 1
    ");
}
