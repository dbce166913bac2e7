//! What an operator is told of a state directory that somebody has laid hands on: the server writes it, SQL changes it,
//! `audit verify` has to find it.

mod state;

use insta::assert_snapshot;
use sha2::{Digest as _, Sha256};

use self::state::{Tampered, Written};

/// The columns that say something, apart from a record's place on its chain.
const CONTENT: [&str; 11] = [
    "at_ms",
    "call_id",
    "principal",
    "tool",
    "effect",
    "phase",
    "subject",
    "decision",
    "approved_by",
    "upstream_status",
    "duration_ms",
];

/// Does each thing to a copy of its own, and shows what is told of it.
fn told(written: &Written, cases: &[(&str, &str)]) -> String {
    let line = |(name, sql): &(&str, &str)| format!("{name}: {}", written.tampered(|state| state.sql(sql)));
    cases.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_server_wrote_is_proven() {
    let written = Written::by_the_server();
    assert_snapshot!(written.copy().proven(), @"
    workspace  sandbox
    chains     1, one for each writer
    records    12 proven
    pruned     0 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
}

#[test]
fn an_altered_record_is_named() {
    let written = Written::by_the_server();
    // Record 8 is a decision on a person, with a plan token spent: nearly every column holds something.
    let altered = |column: &str, value: &str| {
        let sql = format!("UPDATE audit SET {column} = {value} WHERE workspace = 'sandbox' AND sequence = 8");
        format!("{column}: {}", written.tampered(|state| state.sql(&sql)))
    };
    let columns = [
        ("row", "1000"),
        ("workspace", "'default'"),
        ("writer", "'zz'"),
        ("sequence", "1000"),
        ("at_ms", "at_ms + 1"),
        ("call_id", "'zz'"),
        ("principal", "'zz'"),
        ("tool", "'get_customer'"),
        ("effect", "'read'"),
        ("phase", "3"),
        ("subject", "NULL"),
        ("decision", "'denied'"),
        ("approved_by", "NULL"),
        ("upstream_status", "500"),
        ("duration_ms", "0"),
        ("hash", "zeroblob(32)"),
    ];
    assert_eq!(written.copy().columns(), columns.map(|(column, _)| column).len());
    assert_snapshot!(columns.map(|(column, value)| altered(column, value)).join("\n"), @"
    row: record 9 of our writer: reordered: it is listed before its predecessor
    workspace: record 8 of our writer: removed: it is missing
    writer: record 8 of our writer: removed: it is missing ✗ record 1 of another writer: removed: it and all up to record 7 are missing
    sequence: record 8 of our writer: removed: it is missing
    at_ms: record 8 of our writer: altered: its fields are not those it was written with
    call_id: record 8 of our writer: altered: its fields are not those it was written with
    principal: record 8 of our writer: altered: its fields are not those it was written with
    tool: record 8 of our writer: altered: its fields are not those it was written with
    effect: record 8 of our writer: altered: its fields are not those it was written with
    phase: record 8 of our writer: altered: its fields are not those it was written with
    subject: record 8 of our writer: altered: its fields are not those it was written with
    decision: record 8 of our writer: altered: its fields are not those it was written with
    approved_by: record 8 of our writer: altered: its fields are not those it was written with
    upstream_status: record 8 of our writer: altered: its fields are not those it was written with
    duration_ms: record 8 of our writer: altered: its fields are not those it was written with
    hash: record 8 of our writer: forged: its hash was not made with the key
    ");
    assert_snapshot!(told(&written, &[
        ("the first", "UPDATE audit SET tool = 'x' WHERE workspace = 'sandbox' AND sequence = 1"),
        ("the last", "UPDATE audit SET tool = 'x' WHERE workspace = 'sandbox' AND sequence = 12"),
        ("what cannot be read", "UPDATE audit SET hash = x'00' WHERE workspace = 'sandbox' AND sequence = 8"),
        ("what cannot be", "PRAGMA ignore_check_constraints = ON; \
            UPDATE audit SET phase = 99 WHERE workspace = 'sandbox' AND sequence = 8"),
    ]), @"
    the first: record 1 of our writer: altered: its fields are not those it was written with
    the last: record 12 of our writer: altered: its fields are not those it was written with
    what cannot be read: record 8 of our writer: altered: it holds what was never written
    what cannot be: record 8 of our writer: altered: it holds what was never written
    ");
}

#[test]
fn a_removed_record_is_named() {
    let written = Written::by_the_server();
    assert_snapshot!(told(&written, &[
        ("the first", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence = 1"),
        ("one in the middle", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence = 8"),
        ("the last", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence = 12"),
        ("several", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence BETWEEN 5 AND 9"),
        ("those before, as if pruned", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence <= 6"),
        ("all", "DELETE FROM audit WHERE workspace = 'sandbox'"),
        ("all, and the head", "DELETE FROM audit WHERE workspace = 'sandbox'; \
            DELETE FROM audit_heads WHERE workspace = 'sandbox'"),
        ("all, as another workspace's", "UPDATE audit SET workspace = 'old' WHERE workspace = 'sandbox'; \
            UPDATE audit_heads SET workspace = 'old' WHERE workspace = 'sandbox'"),
    ]), @"
    the first: record 1 of our writer: removed: it is missing
    one in the middle: record 8 of our writer: removed: it is missing
    the last: record 12 of our writer: removed: it is missing
    several: record 5 of our writer: removed: it and all up to record 9 are missing
    those before, as if pruned: record 1 of our writer: removed: it and all up to record 6 are missing
    all: record 1 of our writer: removed: it and all up to record 12 are missing
    all, and the head: record 1 of our writer: removed: the ledger holds 4 calls of which no record is left
    all, as another workspace's: record 1 of our writer: removed: the ledger holds 4 calls of which no record is left
    ");
}

#[test]
fn a_reordered_record_is_named() {
    let written = Written::by_the_server();
    let swap = |columns: &[&str]| {
        let set: Vec<_> = columns
            .iter()
            .map(|column| format!("{column} = (SELECT {column} FROM other WHERE other.sequence = 14 - audit.sequence)"))
            .collect();
        format!(
            "CREATE TEMP TABLE other AS SELECT * FROM audit WHERE workspace = 'sandbox' AND sequence IN (6, 8); \
             UPDATE audit SET {} WHERE workspace = 'sandbox' AND sequence IN (6, 8)",
            set.join(", ")
        )
    };
    assert_snapshot!(told(&written, &[
        ("contents", &swap(&CONTENT)),
        ("contents and hashes", &swap(&[&CONTENT[..], &["hash"]].concat())),
        ("sequence numbers", "UPDATE audit SET sequence = 1000 WHERE workspace = 'sandbox' AND sequence = 6; \
            UPDATE audit SET sequence = 6 WHERE workspace = 'sandbox' AND sequence = 8; \
            UPDATE audit SET sequence = 8 WHERE workspace = 'sandbox' AND sequence = 1000"),
        ("places in the listing", "UPDATE audit SET row = 1000 WHERE workspace = 'sandbox' AND sequence = 6; \
            UPDATE audit SET row = 6 WHERE workspace = 'sandbox' AND sequence = 8; \
            UPDATE audit SET row = 8 WHERE row = 1000"),
    ]), @"
    contents: record 6 of our writer: altered: its fields are not those it was written with
    contents and hashes: record 6 of our writer: reordered: it belongs elsewhere on the chain
    sequence numbers: record 6 of our writer: reordered: it belongs elsewhere on the chain
    places in the listing: record 7 of our writer: reordered: it is listed before its predecessor
    ");
}

/// A record that never was, at `sequence`, with `hash`.
fn forgery(sequence: &str, hash: &str) -> String {
    format!(
        "INSERT INTO audit (workspace, writer, sequence, at_ms, call_id, principal, tool, effect, phase, decision, hash) \
         SELECT workspace, writer, {sequence}, at_ms, 'forged', 'local', 'get_customer', 'read', 2, 'read', {hash} \
         FROM audit WHERE workspace = 'sandbox' AND sequence = 12"
    )
}

#[test]
fn a_forged_record_is_named() {
    let written = Written::by_the_server();
    let unkeyed = format!("x'{}'", hex::encode(Sha256::digest("a record without the key")));
    assert_snapshot!(told(&written, &[
        ("appended", &forgery("13", &unkeyed)),
        ("appended, with a head", &format!("{}; UPDATE audit_heads SET sequence = 13, hash = {unkeyed} \
            WHERE workspace = 'sandbox'", forgery("13", &unkeyed))),
        ("in place of another", &format!("DELETE FROM audit WHERE workspace = 'sandbox' AND sequence = 8; {}",
            forgery("8", &unkeyed))),
        ("before the first", &forgery("0", &unkeyed)),
        ("long before the first", &forgery("-8", &unkeyed)),
        ("twice under a number", &format!("DROP INDEX audit_by_chain; {}", forgery("8", &unkeyed))),
        ("of a workspace's", "UPDATE audit SET workspace = 'sandbox', sequence = 13 \
            WHERE workspace = 'default' AND sequence = 2"),
        ("of a workspace's, with its head", "UPDATE audit SET workspace = 'sandbox', writer = 'zz' \
            WHERE workspace = 'default'; \
            UPDATE audit_heads SET workspace = 'sandbox', writer = 'zz' WHERE workspace = 'default'"),
    ]), @"
    appended: record 13 of our writer: forged: its hash was not made with the key
    appended, with a head: record 13 of our writer: forged: its hash was not made with the key
    in place of another: record 8 of our writer: forged: its hash was not made with the key
    before the first: before the first record of our writer: forged: a record that was never written
    long before the first: before the first record of our writer: forged: a record that was never written
    twice under a number: record 8 of our writer: forged: there are two of this number
    of a workspace's: record 13 of our writer: forged: its hash was not made with the key
    of a workspace's, with its head: record 1 of another writer: forged: its hash was not made with the key
    ");
    assert_snapshot!(format!("all of it, without the key: {}", written.tampered(Tampered::recompute_without_key)), @"all of it, without the key: record 1 of our writer: forged: its hash was not made with the key");
    let other = Written::by_another_server_with_the_secret_of(&written);
    let copy = |sequence: u32, from: u32| {
        format!(
            "INSERT INTO audit SELECT NULL, workspace, (SELECT writer FROM audit_heads WHERE workspace = 'sandbox'), \
             {sequence}, at_ms, call_id, principal, tool, effect, phase, subject, decision, approved_by, \
             upstream_status, duration_ms, hash FROM other.audit WHERE workspace = 'sandbox' AND sequence = {from}"
        )
    };
    let with_other = |name: &str, sql: &str| {
        format!("{name}: {}", written.tampered(|state| state.sql(&format!("{}; {sql}", other.attached()))))
    };
    assert_snapshot!([
        with_other("appended from another writer", &copy(13, 12)),
        with_other("in place, from another writer", &format!("DELETE FROM audit WHERE workspace = 'sandbox' \
            AND sequence = 2; {}", copy(2, 2))),
        with_other("a chain of its own, from another writer", "INSERT INTO audit SELECT NULL, workspace, writer, \
            sequence, at_ms, call_id, principal, tool, effect, phase, subject, decision, approved_by, upstream_status, \
            duration_ms, hash FROM other.audit WHERE workspace = 'sandbox' AND sequence <= 4"),
    ].join("\n"), @"
    appended from another writer: record 13 of our writer: forged: its hash was not made with the key
    in place, from another writer: record 2 of our writer: forged: its hash was not made with the key
    a chain of its own, from another writer: record 5 of another writer: removed: the head of the chain is missing, so there may have been more
    ");
}

#[test]
fn a_head_that_is_not_the_chains_is_named() {
    let written = Written::by_the_server();
    let earlier = written.earlier_head();
    assert_snapshot!(told(&written, &[
        ("deleted", "DELETE FROM audit_heads WHERE workspace = 'sandbox'"),
        ("another number", "UPDATE audit_heads SET sequence = 11 WHERE workspace = 'sandbox'"),
        ("another hash", "UPDATE audit_heads SET hash = zeroblob(32) WHERE workspace = 'sandbox'"),
        ("another MAC", "UPDATE audit_heads SET mac = zeroblob(32) WHERE workspace = 'sandbox'"),
        ("another writer's name", "UPDATE audit_heads SET writer = 'zz' WHERE workspace = 'sandbox'"),
        ("the other workspace's", "UPDATE audit_heads SET (sequence, hash, mac) = (SELECT sequence, hash, mac \
            FROM audit_heads WHERE workspace = 'default') WHERE workspace = 'sandbox'"),
        ("an earlier one", &earlier),
        ("an earlier one, and what came after removed", &format!("{earlier}; \
            DELETE FROM audit WHERE workspace = 'sandbox' AND sequence > 6")),
        ("the chain cut, and a head that fits but for the MAC", "DELETE FROM audit WHERE workspace = 'sandbox' \
            AND sequence > 6; UPDATE audit_heads SET sequence = 6, hash = (SELECT hash FROM audit \
            WHERE workspace = 'sandbox' AND sequence = 6) WHERE workspace = 'sandbox'"),
    ]), @"
    deleted: record 13 of our writer: removed: the head of the chain is missing, so there may have been more
    another number: record 13 of our writer: forged: the head of the chain, so there may have been more
    another hash: record 13 of our writer: forged: the head of the chain, so there may have been more
    another MAC: record 13 of our writer: forged: the head of the chain, so there may have been more
    another writer's name: record 13 of our writer: removed: the head of the chain is missing, so there may have been more ✗ record 1 of another writer: forged: the head of the chain, so there may have been more
    the other workspace's: record 13 of our writer: forged: the head of the chain, so there may have been more
    an earlier one: record 7 of our writer: forged: the chain goes on beyond its head
    an earlier one, and what came after removed: record 7 of our writer: removed: the ledger holds 2 calls of which no record is left
    the chain cut, and a head that fits but for the MAC: record 7 of our writer: forged: the head of the chain, so there may have been more
    ");
    let other = written.copy();
    other.goes_on();
    let of_a_copy = written.tampered(|state| {
        state.goes_on();
        state.sql(&format!(
            "{}; UPDATE audit_heads SET (sequence, hash, mac) = (SELECT sequence, hash, mac FROM other.audit_heads \
             WHERE workspace = 'sandbox') WHERE workspace = 'sandbox'",
            other.attached()
        ));
    });
    assert_snapshot!(format!("that of a copy that went on by itself: {of_a_copy}"), @"that of a copy that went on by itself: record 14 of our writer: forged: the head names another record");
}

#[test]
fn what_is_left_by_pruning_is_proven_and_tampering_with_it_is_named() {
    let written = Written::by_the_server();
    let state = written.copy();
    assert_snapshot!(state.prune(), @"Deleted 6 records of sandbox from before [then] UTC. 8 are left and proven, this command's own two among them.");
    assert_snapshot!(state.proven(), @"
    workspace  sandbox
    chains     1, one for each writer
    records    8 proven
    pruned     6 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
    let pruned = |name: &str, sql: &str| {
        let tampered = |state: &Tampered| {
            state.sql(
                "CREATE TABLE cut AS SELECT * FROM audit LIMIT 0; \
                 INSERT INTO cut SELECT * FROM audit WHERE workspace = 'sandbox' AND sequence <= 6",
            );
            state.prune();
            state.sql(sql);
        };
        format!("{name}: {}", written.tampered(tampered))
    };
    let cases = [
        ("a record altered", "UPDATE audit SET tool = 'x' WHERE workspace = 'sandbox' AND sequence = 8"),
        ("the first that is left removed", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence = 7"),
        ("this command's own removed", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence > 12"),
        ("all that is left removed", "DELETE FROM audit WHERE workspace = 'sandbox'"),
        ("one that was cut put back", "INSERT INTO audit SELECT * FROM cut WHERE sequence = 3"),
        ("all that were cut put back", "INSERT INTO audit SELECT * FROM cut"),
        ("more cut", "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence <= 9"),
        (
            "more cut, and the checkpoint moved",
            "DELETE FROM audit WHERE workspace = 'sandbox' AND sequence < 9; \
            UPDATE audit_checkpoints SET sequence = 9, hash = (SELECT hash FROM audit \
            WHERE workspace = 'sandbox' AND sequence = 9)",
        ),
        ("another checkpoint's hash", "UPDATE audit_checkpoints SET hash = zeroblob(32)"),
        ("another checkpoint's MAC", "UPDATE audit_checkpoints SET mac = zeroblob(32)"),
        (
            "the head for a checkpoint",
            "DELETE FROM audit WHERE workspace = 'sandbox'; \
            INSERT OR REPLACE INTO audit_checkpoints SELECT * FROM audit_heads WHERE workspace = 'sandbox'",
        ),
        ("the checkpoint deleted", "DELETE FROM audit_checkpoints"),
        ("the checkpoint given to another workspace", "UPDATE audit_checkpoints SET workspace = 'default'"),
        (
            "checkpoint, head and records deleted",
            "DELETE FROM audit_checkpoints; \
            DELETE FROM audit WHERE workspace = 'sandbox'; DELETE FROM audit_heads WHERE workspace = 'sandbox'",
        ),
    ];
    assert_snapshot!(cases.map(|(name, sql)| pruned(name, sql)).join("\n"), @"
    a record altered: record 8 of our writer: altered: its fields are not those it was written with
    the first that is left removed: record 7 of our writer: removed: it is missing
    this command's own removed: record 13 of our writer: removed: it and all up to record 14 are missing
    all that is left removed: record 7 of our writer: removed: it and all up to record 14 are missing
    one that was cut put back: record 3 of our writer: forged: records up to here were cut by pruning
    all that were cut put back: record 6 of our writer: forged: records up to here were cut by pruning
    more cut: record 7 of our writer: removed: it and all up to record 9 are missing
    more cut, and the checkpoint moved: before the first record of our writer: forged: the checkpoint left by pruning
    another checkpoint's hash: before the first record of our writer: forged: the checkpoint left by pruning
    another checkpoint's MAC: before the first record of our writer: forged: the checkpoint left by pruning
    the head for a checkpoint: before the first record of our writer: forged: the checkpoint left by pruning
    the checkpoint deleted: record 1 of our writer: removed: it and all up to record 6 are missing
    the checkpoint given to another workspace: record 1 of our writer: removed: it and all up to record 6 are missing
    checkpoint, head and records deleted: record 1 of our writer: removed: the ledger holds 4 calls of which no record is left
    ");
}

#[test]
fn a_chain_that_does_not_hold_is_not_pruned() {
    let written = Written::by_the_server();
    let state = written.copy();
    state.sql("UPDATE audit SET tool = 'x' WHERE workspace = 'sandbox' AND sequence = 8");
    let before = state.records();
    let left = state.run(&["audit", "prune", "--before", "0m", "--yes"]);
    assert_eq!((left.code, left.stdout.as_str()), (1, ""));
    assert_snapshot!(left.stderr, @"error: the chain does not hold: `audit verify` names the place; nothing was deleted");
    assert_eq!(state.records(), before);
}
