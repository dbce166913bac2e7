use std::sync::Arc;

use customerio_mcp::state::{
    AuditEntry, AuditPhase, AuditQuery, Begin, BeginOutcome, CallOutcome, ChainFault, ChainKey, ChainReport, Store,
    sqlite::{Location, SqliteStore},
};
use rusqlite::Connection;

use super::{CHAIN_KEY, material::*, with_each_store};

fn numbered(number: i64) -> AuditEntry {
    AuditEntry {
        at_ms: NOW_MS + number * MINUTE_MS,
        tool: if number % 2 == 0 { "get_customer" } else { "track_event" }.to_owned(),
        subject: Some(digest(if number < 3 { "id:1" } else { "id:2" })),
        approved_by: Some("operator".to_owned()),
        upstream_status: Some(200),
        duration_ms: Some(12),
        ..entry(&format!("call {number}"), AuditPhase::Read, "admitted")
    }
}

async fn append(store: &dyn Store, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        store.append_audit(numbered(number)).await.unwrap();
    }
}

async fn verify(store: &dyn Store) -> ChainReport {
    store.verify_audit(SHOP.to_owned()).await.unwrap()
}

fn query() -> AuditQuery {
    AuditQuery { workspace: SHOP.to_owned(), limit: 100, ..AuditQuery::default() }
}

async fn listed(store: &dyn Store, query: AuditQuery) -> Vec<String> {
    store.list_audit(query).await.unwrap().into_iter().map(|record| record.entry.call_id).collect()
}

/// Calls of one moment share a commit, and the one that fails undoes the others' first attempt.
#[tokio::test]
async fn records_of_one_moment_chain_although_a_call_among_them_fails() {
    with_each_store(|store| async move {
        let never_began = settlement("never began", CallOutcome::Committed);
        let (one, failed, two) =
            tokio::join!(store.begin(call("one")), store.settle(never_began), store.begin(call("two")));
        assert!(matches!((one, two), (Ok(BeginOutcome::Begun), Ok(BeginOutcome::Begun))));
        assert!(failed.is_err());
        append(&*store, 3..=3).await;
        let report = verify(&*store).await;
        assert_eq!((report.records, report.faults), (3, vec![]));
        // Which of two at one moment comes first is for the database to say.
        let mut calls = listed(&*store, query()).await;
        calls[1..].sort();
        assert_eq!(calls, ["call 3", "one", "two"]);
    })
    .await;
}

#[tokio::test]
async fn records_come_back_whole_newest_first_and_filtered() {
    with_each_store(|store| async move {
        append(&*store, 1..=5).await;
        store.append_audit(AuditEntry { workspace: "other".to_owned(), ..numbered(6) }).await.unwrap();
        let all = store.list_audit(query()).await.unwrap();
        assert_eq!(all[0].entry, numbered(5));
        assert_eq!(all.iter().map(|record| record.sequence).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);

        let page = AuditQuery { limit: 2, ..query() };
        assert_eq!(listed(&*store, page.clone()).await, ["call 5", "call 4"]);
        let next = AuditQuery { before_row: Some(all[1].row), ..page };
        assert_eq!(listed(&*store, next).await, ["call 3", "call 2"]);
        let tool = AuditQuery { tool: Some("get_customer".to_owned()), ..query() };
        assert_eq!(listed(&*store, tool).await, ["call 4", "call 2"]);
        assert_eq!(listed(&*store, AuditQuery { phase: Some(AuditPhase::Refusal), ..query() }).await, [""; 0]);
        let subject = AuditQuery { subjects: vec![digest("id:1")], ..query() };
        assert_eq!(listed(&*store, subject).await, ["call 2", "call 1"]);
        let call = AuditQuery { call_id: Some("call 3".to_owned()), ..query() };
        assert_eq!(listed(&*store, call).await, ["call 3"]);
        let since = AuditQuery { since_ms: Some(NOW_MS + 4 * MINUTE_MS), ..query() };
        assert_eq!(listed(&*store, since).await, ["call 5", "call 4"]);
    })
    .await;
}

#[tokio::test]
async fn whatever_narrows_a_listing_means_the_same_of_one_record() {
    with_each_store(|store| async move {
        append(&*store, 1..=6).await;
        let sent = AuditEntry {
            effect: "delete".to_owned(),
            decision: "denied".to_owned(),
            phase: AuditPhase::Refusal,
            principal: "other".to_owned(),
            subject: Some(digest("id:9")),
            ..numbered(7)
        };
        store.append_audit(sent).await.unwrap();
        let all = store.list_audit(query()).await.unwrap();
        let queries = [
            AuditQuery { effect: Some("delete".to_owned()), ..query() },
            AuditQuery { decision: Some("denied".to_owned()), ..query() },
            AuditQuery { phase: Some(AuditPhase::Refusal), ..query() },
            AuditQuery { principal: Some("other".to_owned()), ..query() },
            AuditQuery { subjects: vec![digest("id:9"), digest("id:1")], ..query() },
            AuditQuery { subjects: vec![digest("id:0")], ..query() },
            AuditQuery { until_ms: Some(NOW_MS + 3 * MINUTE_MS), ..query() },
            AuditQuery { since_ms: Some(NOW_MS + 3 * MINUTE_MS), until_ms: Some(NOW_MS + 5 * MINUTE_MS), ..query() },
            AuditQuery { call_id: Some("call 3".to_owned()), ..query() },
            AuditQuery { tool: Some("get_customer".to_owned()), effect: Some("send".to_owned()), ..query() },
        ];
        for asked in queries {
            let listed = store.list_audit(asked.clone()).await.unwrap();
            let matching: Vec<_> = all.iter().filter(|record| asked.matches(&record.entry)).cloned().collect();
            assert_eq!(listed, matching, "{asked:?}");
            assert!(listed.len() < all.len(), "{asked:?}");
        }
        let two = |after_row| AuditQuery { after_row: Some(after_row), limit: 2, ..query() };
        let first = store.list_audit(two(i64::MIN)).await.unwrap();
        assert_eq!(first.iter().map(|record| record.sequence).collect::<Vec<_>>(), [1, 2]);
        let next = store.list_audit(two(first[1].row)).await.unwrap();
        assert_eq!(next.iter().map(|record| record.sequence).collect::<Vec<_>>(), [3, 4]);
    })
    .await;
}

#[tokio::test]
async fn an_untouched_chain_is_proven_also_after_pruning() {
    with_each_store(|store| async move {
        let report = |records, pruned| ChainReport { chains: 1, records, pruned, faults: Vec::new() };
        assert_eq!(verify(&*store).await, ChainReport { chains: 0, ..report(0, 0) });
        append(&*store, 1..=6).await;
        assert_eq!(verify(&*store).await, report(6, 0));
        assert_eq!(store.prune_audit(SHOP.to_owned(), NOW_MS + 4 * MINUTE_MS).await.unwrap(), 3);
        assert_eq!(verify(&*store).await, report(3, 3));
        assert_eq!(store.prune_audit(SHOP.to_owned(), NOW_MS + 4 * MINUTE_MS).await.unwrap(), 0);
        append(&*store, 7..=7).await;
        assert_eq!(store.prune_audit(SHOP.to_owned(), i64::MAX).await.unwrap(), 4);
        assert_eq!(verify(&*store).await, report(0, 7));
        append(&*store, 8..=8).await;
        assert_eq!(verify(&*store).await, report(1, 7));
    })
    .await;
}

/// A chain of six in a file, what is done to it by hand, and the fault that must be found.
async fn fault_after(tampering: &str) -> ChainFault {
    fault_after_with(|connection| connection.execute_batch(tampering).unwrap()).await
}

async fn fault_after_with(tamper: impl FnOnce(&Connection)) -> ChainFault {
    let (report, fault) = report_after(tamper).await;
    // Whatever lies before the fault is proven, and nothing after it.
    assert_eq!(report.records, fault.sequence.saturating_sub(1), "{fault:?}");
    fault
}

async fn report_after(tamper: impl FnOnce(&Connection)) -> (ChainReport, ChainFault) {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap();
    append(&store, 1..=6).await;
    assert_eq!(verify(&store).await.faults, []);
    tamper(&Connection::open(&path).unwrap());
    let mut report = verify(&store).await;
    assert_eq!(report.faults.len(), 1, "{report:?}");
    let fault = report.faults.remove(0);
    (report, fault)
}

#[tokio::test]
async fn an_altered_record_is_found() {
    for (column, value) in [
        ("at_ms", "at_ms + 1"),
        ("call_id", "'x'"),
        ("principal", "'x'"),
        ("tool", "'x'"),
        ("effect", "'x'"),
        ("phase", "4"),
        ("subject", "NULL"),
        ("decision", "'denied'"),
        ("approved_by", "NULL"),
        ("upstream_status", "500"),
        ("duration_ms", "0"),
    ] {
        let fault = fault_after(&format!("UPDATE audit SET {column} = {value} WHERE sequence = 3")).await;
        assert_eq!(fault.sequence, 3, "{column}");
        assert!(fault.reason.starts_with("altered"), "{column}: {}", fault.reason);
    }
    let last = fault_after("UPDATE audit SET tool = 'x' WHERE sequence = 6").await;
    assert_eq!((last.sequence, last.reason.starts_with("altered")), (6, true), "{last:?}");
    let unreadable = "PRAGMA ignore_check_constraints = ON; UPDATE audit SET phase = 99 WHERE sequence = 3";
    let unreadable = fault_after(unreadable).await;
    assert_eq!((unreadable.sequence, unreadable.reason.starts_with("altered")), (3, true), "{unreadable:?}");
}

#[tokio::test]
async fn a_number_that_cannot_be_is_not_read_as_another() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap();
    store.append_audit(AuditEntry { duration_ms: Some(0), ..numbered(1) }).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE audit SET duration_ms = -1").unwrap();
    let report = verify(&store).await;
    assert!(report.faults[0].reason.starts_with("altered"), "{report:?}");
}

#[tokio::test]
async fn a_removed_record_is_found_wherever_it_was() {
    for (tampering, sequence) in [
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence IN (3, 4)", 3),
        ("DELETE FROM audit WHERE sequence >= 5", 5),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit_heads", 7),
    ] {
        let fault = fault_after(tampering).await;
        assert_eq!((fault.sequence, fault.reason.starts_with("removed")), (sequence, true), "{tampering}: {fault:?}");
    }
}

#[tokio::test]
async fn a_reordered_record_is_found() {
    let by_number = "UPDATE audit SET sequence = -1 WHERE sequence = 3; UPDATE audit SET sequence = 3 WHERE \
                     sequence = 5; UPDATE audit SET sequence = 5 WHERE sequence = -1";
    let by_row = "UPDATE audit SET row = -1 WHERE sequence = 3; UPDATE audit SET row = 3 WHERE sequence = 2; \
                  UPDATE audit SET row = 2 WHERE sequence = 3";
    for tampering in [by_number, by_row] {
        let fault = fault_after(tampering).await;
        assert_eq!((fault.sequence, fault.reason.starts_with("reordered")), (3, true), "{fault:?}");
    }
}

#[tokio::test]
async fn a_forged_record_is_found() {
    let columns = "writer, at_ms, workspace, call_id, principal, tool, effect, phase, decision, hash";
    let added = format!(
        "INSERT INTO audit (sequence, {columns}) SELECT 7, {columns} FROM audit WHERE sequence = 6; \
         UPDATE audit SET hash = randomblob(32) WHERE sequence = 7"
    );
    let rewritten = "UPDATE audit SET tool = 'x', hash = randomblob(32) WHERE sequence = 4";
    for (tampering, sequence) in [(added.as_str(), 7), (rewritten, 4)] {
        let fault = fault_after(tampering).await;
        assert_eq!((fault.sequence, fault.reason.starts_with("forged")), (sequence, true), "{fault:?}");
    }
    for (sequence, named) in [(0, 0), (-8, 0), (4, 4)] {
        let tampering = format!(
            "DROP INDEX audit_by_chain; INSERT INTO audit (sequence, {columns}) \
             SELECT {sequence}, {columns} FROM audit WHERE sequence = 6"
        );
        let (_, fault) = report_after(|connection| connection.execute_batch(&tampering).unwrap()).await;
        assert_eq!((fault.sequence, fault.reason.starts_with("forged")), (named, true), "{sequence}: {fault:?}");
    }
}

#[tokio::test]
async fn a_chain_cut_short_is_found_also_with_a_head_that_names_its_new_end() {
    let fault = fault_after(
        "DELETE FROM audit WHERE sequence > 4; UPDATE audit_heads SET sequence = 4, \
         hash = (SELECT hash FROM audit WHERE sequence = 4)",
    )
    .await;
    assert_eq!((fault.sequence, fault.reason.starts_with("forged")), (5, true), "{fault:?}");
}

#[tokio::test]
async fn a_chain_put_back_with_its_head_is_found_by_the_ledger() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap();
    let by_hand = Connection::open(&path).unwrap();
    begun(&store, call("one")).await;
    append(&store, 1..=1).await;
    by_hand.execute_batch("CREATE TABLE earlier AS SELECT * FROM audit_heads").unwrap();
    append(&store, 2..=2).await;
    begun(&store, call("two")).await;
    assert_eq!(verify(&store).await.faults, []);
    by_hand
        .execute_batch(
            "DELETE FROM audit WHERE sequence > 2; \
             INSERT OR REPLACE INTO audit_heads SELECT * FROM earlier",
        )
        .unwrap();
    let report = verify(&store).await;
    assert_eq!((report.records, report.faults.len(), report.faults[0].sequence), (2, 1, 3), "{report:?}");
    assert_eq!(report.faults[0].reason, "removed: the ledger holds a call of which no record is left");

    by_hand.execute_batch("DELETE FROM audit; DELETE FROM audit_heads").unwrap();
    let report = verify(&store).await;
    assert_eq!((report.chains, report.faults.len(), report.faults[0].sequence), (0, 1, 1), "{report:?}");
}

#[tokio::test]
async fn pruning_leaves_calls_on_the_ledger_without_a_record() {
    with_each_store(|store| async move {
        let at = |call_id: &str, now_ms: i64| Begin {
            now_ms,
            audit: AuditEntry { at_ms: now_ms, ..entry(call_id, AuditPhase::Decision, "admitted") },
            ..call(call_id)
        };
        for minute in 1..=4 {
            begun(&*store, at(&format!("call {minute}"), NOW_MS + minute * MINUTE_MS)).await;
        }
        for (before_ms, left) in [(NOW_MS + 3 * MINUTE_MS, 2), (i64::MAX, 0)] {
            store.prune_audit(SHOP.to_owned(), before_ms).await.unwrap();
            let report = verify(&*store).await;
            assert_eq!((report.records, report.faults), (left, vec![]));
        }
    })
    .await;
}

#[tokio::test]
async fn records_hashed_with_another_key_are_forged() {
    let directory = crate::kept::directory();
    let open = |key| SqliteStore::open(Location::File(directory.path().join("state.db")), ChainKey(key)).unwrap();
    append(&open([1; 32]), 1..=2).await;
    let other = open([2; 32]);
    assert_eq!(verify(&other).await.faults.len(), 1);
    assert!(other.append_audit(numbered(3)).await.is_err());
}

#[tokio::test]
async fn nothing_is_built_upon_a_forged_head_and_nothing_broken_is_pruned() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap());
    append(&*store, 1..=6).await;
    let by_hand = Connection::open(&path).unwrap();
    by_hand.execute_batch("UPDATE audit SET tool = 'x' WHERE sequence = 2").unwrap();
    assert!(store.prune_audit(SHOP.to_owned(), i64::MAX).await.is_err());
    assert_eq!(store.list_audit(query()).await.unwrap().len(), 6, "the evidence stays");

    by_hand.execute_batch("UPDATE audit_heads SET sequence = 5").unwrap();
    assert!(store.append_audit(numbered(7)).await.is_err());
    assert!(store.begin(call("one")).await.is_err(), "what cannot be audited does not begin");
    let usable = AuditEntry { workspace: "other".to_owned(), ..numbered(1) };
    store.append_audit(usable).await.unwrap();
}

#[tokio::test]
async fn a_pruned_chain_shows_tampering_with_what_is_left_and_with_its_checkpoint() {
    for (tampering, reason) in [
        ("UPDATE audit SET tool = 'x' WHERE sequence = 5", "altered"),
        ("DELETE FROM audit WHERE sequence = 4", "removed"),
        ("UPDATE audit_checkpoints SET sequence = 2", "forged"),
        ("DELETE FROM audit_checkpoints", "removed"),
        (
            "INSERT INTO audit (sequence, writer, at_ms, workspace, call_id, principal, tool, effect, phase, decision, \
             hash) SELECT 2, writer, at_ms, workspace, call_id, principal, tool, effect, phase, decision, hash \
             FROM audit WHERE sequence = 4",
            "forged",
        ),
    ] {
        let directory = crate::kept::directory();
        let path = directory.path().join("state.db");
        let store = SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap();
        append(&store, 1..=6).await;
        store.prune_audit(SHOP.to_owned(), NOW_MS + 4 * MINUTE_MS).await.unwrap();
        Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
        let report = verify(&store).await;
        assert!(report.faults.iter().all(|fault| fault.reason.starts_with(reason)), "{tampering}: {report:?}");
        assert_eq!(report.faults.len(), 1, "{tampering}");
    }
}
