//! What is particular to PostgreSQL.

use std::{path::Path, sync::Arc, time::Duration};

use customerio_mcp::{
    clock::SystemClock,
    state::{
        AuditEntry, AuditPhase, Begin, BeginOutcome, CallOutcome, CallState, ChainKey, Store, StoreError,
        postgres::{Address, PostgresStore},
    },
};
use tokio::task::JoinSet;

use super::{CHAIN_KEY, material::*};
use crate::postgres::{Cluster, Database, execute};

async fn connect(address: &Address) -> Result<PostgresStore, StoreError> {
    PostgresStore::connect(address, CHAIN_KEY, Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fresh_database_may_be_opened_by_many_at_once() {
    let Some(database) = Database::fresh() else { return };
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let address = database.address();
        tasks.spawn(async move { connect(&address).await });
    }
    let stores = tasks.join_all().await;
    assert_eq!(stores.len(), 8);
    for (number, store) in stores.into_iter().enumerate() {
        begun(&store.unwrap(), call(&number.to_string())).await;
    }
    assert_eq!(database.ask("SELECT count(*) FROM refinery_schema_history"), "1");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let Some(database) = Database::fresh() else { return };
    drop(database.open(CHAIN_KEY).await.unwrap());
    database.execute("UPDATE refinery_schema_history SET version = 99");
    assert_eq!(database.open(CHAIN_KEY).await.unwrap_err(), StoreError::TooNew { found: 99, known: 1 });
}

#[tokio::test]
async fn a_database_written_with_another_secret_is_refused() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    begun(&store, call("one")).await;
    assert_eq!(database.open(ChainKey([1; 32])).await.unwrap_err(), StoreError::OtherSecret);
    // Whoever has made that check pass by hand is found out by the chains.
    database.execute("DELETE FROM meta");
    let other = database.open(ChainKey([1; 32])).await.unwrap();
    let report = other.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults.len()), (0, 1), "{report:?}");
}

#[tokio::test]
async fn everything_is_there_for_the_next_process_and_its_chains_go_on() {
    let Some(database) = Database::fresh() else { return };
    {
        let store = database.open(CHAIN_KEY).await.unwrap();
        begun(&store, Begin { key: Some(key("key")), ..call("one") }).await;
        settled(&store, "one", CallOutcome::Committed).await;
    }
    // As if some minutes had passed, after which the writer's name is anybody's.
    database.execute("UPDATE audit_writers SET held_until = now() - interval '1 second'");
    let store = database.open(CHAIN_KEY).await.unwrap();
    let found = store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest("key"), NOW_MS).await.unwrap();
    assert_eq!(found.unwrap().state, CallState::Committed);
    begun(&store, call("two")).await;
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults), (1, 3, Vec::new()));
}

/// A process that was stopped for long comes back to a name that is another's by now.
#[tokio::test]
async fn two_stores_that_believe_in_one_writers_name_break_no_chain() {
    let Some(database) = Database::fresh() else { return };
    let (one, two) = (database.open(CHAIN_KEY).await.unwrap(), database.open(CHAIN_KEY).await.unwrap());
    begun(&one, call("0")).await;
    database.execute("UPDATE audit_writers SET held_until = now() - interval '1 second'");
    for number in (1..9).step_by(2) {
        begun(&two, call(&number.to_string())).await;
        begun(&one, call(&(number + 1).to_string())).await;
    }
    let report = one.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults), (1, 9, Vec::new()));
}

#[tokio::test]
async fn stores_that_are_both_at_work_write_chains_of_their_own() {
    let Some(database) = Database::fresh() else { return };
    let (one, two) = (database.open(CHAIN_KEY).await.unwrap(), database.open(CHAIN_KEY).await.unwrap());
    begun(&one, call("1")).await;
    begun(&two, call("2")).await;
    let report = one.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults), (2, 2, Vec::new()));
}

/// Two settlements that give back what they charged to the same two buckets, locked by hand the wrong way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again_and_nobody_hears_of_it() {
    let Some(database) = Database::fresh() else { return };
    let store = Arc::new(database.open(CHAIN_KEY).await.unwrap());
    begun(&*store, Begin { charges: vec![sends(3, HOUR_MS, 10)], ..call("one") }).await;
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // The bucket is taken by hand; the settlement takes the call and waits; then by hand the call.
    client
        .batch_execute("BEGIN; SET deadlock_timeout = '1h'; SELECT amount FROM budget_buckets FOR UPDATE")
        .await
        .unwrap();
    let settling = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.settle(settlement("one", CallOutcome::Released)).await }
    });
    while database.ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0" {
        tokio::task::yield_now().await;
    }
    // It is the settlement that the server gives up.
    client.batch_execute("SELECT row FROM calls FOR UPDATE; COMMIT").await.unwrap();
    assert_eq!(settling.await.unwrap(), Ok(true));
    let used = store.usage(SHOP.to_owned(), LOCAL.to_owned(), vec![sends(0, HOUR_MS, 10)], NOW_MS).await.unwrap();
    assert_eq!(used[0].used, 0);
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults), (2, Vec::new()));
}

#[tokio::test]
async fn a_ledger_that_another_holds_is_waited_for_and_then_busy() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    begun(&store, call("one")).await;
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE calls").await.unwrap();
    assert_eq!(store.begin(call("two")).await.unwrap_err(), StoreError::Busy);
    assert_eq!(store.tombstones(SHOP.to_owned(), vec![digest("a")]).await.unwrap(), [], "others do not care");
    client.batch_execute("COMMIT").await.unwrap();
    begun(&store, call("two")).await;
    assert_eq!(store.verify_audit(SHOP.to_owned()).await.unwrap().faults, []);
}

#[tokio::test]
async fn connections_that_are_cut_are_made_anew() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    for number in 0..5 {
        begun(&store, call(&number.to_string())).await;
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'customerio-mcp' \
             AND datname = current_database()",
        );
        // The first to notice may be whoever comes next.
        let mut attempts = 0;
        while let Err(error) = store.append_audit(entry("read", AuditPhase::Read, "admitted")).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            attempts += 1;
            assert!(attempts < 3);
        }
    }
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults), (10, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_is_missed_at_once_and_found_again() {
    let Some(cluster) = Cluster::of_our_own() else { return };
    let store = Arc::new(connect(&Address::parse(&cluster.url("postgres"), None).unwrap()).await.unwrap());
    begun(&*store, call("before")).await;
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let store = Arc::clone(&store);
        let begin = Begin { charges: vec![sends(1, HOUR_MS, 1_000)], ..call(&number.to_string()) };
        tasks.spawn(async move { store.begin(begin).await });
    }
    cluster.stop();
    for ended in tasks.join_all().await {
        assert!(matches!(ended, Ok(BeginOutcome::Begun) | Err(StoreError::Unavailable(_))), "{ended:?}");
    }
    let asked = tokio::time::timeout(Duration::from_secs(2), store.begin(call("while it is down"))).await;
    assert!(matches!(asked.unwrap(), Err(StoreError::Unavailable(_))));
    cluster.start();
    begun(&*store, call("after")).await;
    let used = store.usage(SHOP.to_owned(), LOCAL.to_owned(), vec![sends(0, HOUR_MS, 1_000)], NOW_MS).await.unwrap();
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults), (2 + used[0].used, Vec::new()), "each call is whole or not there");
}

#[tokio::test]
async fn nobody_hears_where_the_database_is_or_with_what_password() {
    let Some(cluster) = Cluster::of_our_own() else { return };
    let port = cluster.port();
    let at = |password: &str, more: &str| format!("postgresql://postgres:{password}@127.0.0.1:{port}/postgres{more}");
    let (right, wrong) = ("only%20for%20tests", "wr0ng-secret");
    let store = connect(&Address::parse(&at(right, ""), None).unwrap()).await.unwrap();
    let mut said = vec![format!("{store:?}")];
    for url in [
        at(wrong, ""),
        format!("postgresql://nobody:{wrong}@127.0.0.1:{port}/postgres"),
        format!("postgresql://postgres:{right}@127.0.0.1:{port}/nothing-here"),
        format!("postgresql://postgres:{wrong}@127.0.0.1:1/postgres"),
        format!("postgresql://postgres:{wrong}@no-such-host.invalid/postgres"),
        at(wrong, "?sslmode=require"),
    ] {
        let address = Address::parse(&url, None).unwrap();
        let error = connect(&address).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        said.push(format!("{address:?} {error} {error:?}"));
    }
    // One statement fails with a value in it.
    execute(&cluster.url("postgres"), "ALTER TABLE calls ADD CHECK (tool <> 'personal@data.example')");
    let begin = Begin { tool: "personal@data.example".to_owned(), ..call("one") };
    said.push(format!("{:?}", store.begin(begin).await.unwrap_err()));
    for said in said {
        for secret in ["only", "wr0ng", "127.0.0.1", &port, "nothing-here", "no-such-host", "nobody", "personal"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_tls_gets_it_from_the_right_server_or_nothing() {
    let Some(cluster) = Cluster::of_our_own() else { return };
    let at = |host: &str, more: &str, authority: &Path| {
        let url = format!(
            "postgresql://postgres:only%20for%20tests@{host}:{}/postgres?sslmode={more}&sslrootcert={}",
            cluster.port(),
            authority.display()
        );
        Address::parse(&url, None).unwrap()
    };
    let authority = cluster.authority();
    for (address, encrypted) in [
        (at("localhost", "verify-full", &authority), Some(true)),
        (at("localhost", "require", &authority), Some(true)),
        (at("localhost", "prefer", &authority), Some(true)),
        (at("localhost", "disable", &authority), Some(false)),
        // Its certificate is for another name.
        (at("127.0.0.1", "require", &authority), None),
        (at("127.0.0.1", "prefer", &authority), None),
        // Not the authority that has signed it.
        (at("localhost", "verify-full", &authority.with_file_name("server.pem")), None),
    ] {
        let asked = PostgresStore::ask(&address).await;
        assert_eq!(asked.as_ref().map(|server| server.encrypted).ok(), encrypted, "{asked:?}");
    }
    connect(&at("localhost", "verify-full", &authority)).await.unwrap();
}

#[tokio::test]
async fn a_login_that_may_not_make_tables_is_told_so() {
    let Some(database) = Database::fresh() else { return };
    let Some(cluster) = Cluster::of_our_own() else { return };
    drop(database);
    execute(&cluster.url("postgres"), "CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = cluster.url("postgres").replace("postgres@", "reader@");
    insta::assert_snapshot!(
        connect(&Address::parse(&url, None).unwrap()).await.unwrap_err(),
        @"the state store failed: the login may not make tables in its schema (SQLSTATE 42501)"
    );
}

#[tokio::test]
async fn a_server_tells_its_version_time_and_schema() {
    let Some(database) = Database::fresh() else { return };
    assert_eq!(PostgresStore::ask(&database.address()).await.unwrap().schema, 0);
    drop(database.open(CHAIN_KEY).await.unwrap());
    let server = PostgresStore::ask(&database.address()).await.unwrap();
    let now_ms = customerio_mcp::clock::Clock::now_ms(&SystemClock);
    assert!(server.now_ms.abs_diff(now_ms) < 60_000, "{server:?}");
    assert_eq!((server.schema, server.version.split('.').next().unwrap().parse::<u32>().is_ok()), (1, true));
}

/// What is done to a chain by hand, and how the fault is named that must be found.
#[tokio::test]
async fn tampering_with_a_chain_is_found() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    for number in 1..=6 {
        let entry = AuditEntry {
            subject: Some(digest("id:1")),
            approved_by: Some("operator".to_owned()),
            upstream_status: Some(200),
            duration_ms: Some(12),
            ..entry(&format!("call {number}"), AuditPhase::Read, "admitted")
        };
        store.append_audit(entry).await.unwrap();
    }
    database.execute("CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE kept_heads AS SELECT * FROM audit_heads");
    let columns = "workspace, writer, at_ms, call_id, principal, tool, effect, phase, decision, hash";
    let forged = format!("INSERT INTO audit (sequence, {columns}) SELECT 7, {columns} FROM audit WHERE sequence = 6");
    let stray = format!("INSERT INTO audit (sequence, {columns}) SELECT -8, {columns} FROM audit WHERE sequence = 6");
    for (tampering, sequence, reason) in [
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET tool = 'x' WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET phase = 4 WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET subject = NULL WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET subject = 'short' WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET approved_by = NULL WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET upstream_status = -200 WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET upstream_status = 200 + 65536 WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET duration_ms = -1 WHERE sequence = 3", 3, "altered"),
        ("UPDATE audit SET decision = 'denied' WHERE sequence = 6", 6, "altered"),
        ("DELETE FROM audit WHERE sequence = 1", 1, "removed"),
        ("DELETE FROM audit WHERE sequence IN (3, 4)", 3, "removed"),
        ("DELETE FROM audit WHERE sequence >= 5", 5, "removed"),
        ("DELETE FROM audit", 1, "removed"),
        ("DELETE FROM audit_heads", 7, "removed"),
        ("UPDATE audit SET row = -1 WHERE sequence = 3; UPDATE audit SET row = 3 WHERE sequence = 2", 3, "reordered"),
        ("UPDATE audit SET tool = 'x', hash = sha256('x') WHERE sequence = 4", 4, "forged"),
        (&forged, 7, "forged"),
        (&stray, 0, "forged"),
        (
            "DELETE FROM audit WHERE sequence > 4; UPDATE audit_heads SET sequence = 4, \
             hash = (SELECT hash FROM audit WHERE sequence = 4)",
            5,
            "forged",
        ),
        ("INSERT INTO audit_checkpoints SELECT * FROM audit_heads", 0, "forged"),
    ] {
        assert_eq!(store.verify_audit(SHOP.to_owned()).await.unwrap().faults, []);
        database.execute(tampering);
        let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
        assert_eq!(report.faults.len(), 1, "{tampering}: {report:?}");
        let fault = &report.faults[0];
        assert_eq!((fault.sequence, fault.reason.starts_with(reason)), (sequence, true), "{tampering}: {fault:?}");
        database.execute(
            "TRUNCATE audit, audit_heads, audit_checkpoints; INSERT INTO audit SELECT * FROM kept; \
             INSERT INTO audit_heads SELECT * FROM kept_heads",
        );
    }
}

#[tokio::test]
async fn nothing_is_built_upon_a_forged_head_and_nothing_broken_is_pruned() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    for number in 1..=6 {
        store.append_audit(entry(&number.to_string(), AuditPhase::Read, "admitted")).await.unwrap();
    }
    database.execute("UPDATE audit SET tool = 'x' WHERE sequence = 2");
    assert!(store.prune_audit(SHOP.to_owned(), i64::MAX).await.is_err());
    assert_eq!(database.ask("SELECT count(*) FROM audit"), "6", "the evidence stays");
    for tampering in ["sequence = 5", "mac = hash", "hash = sha256('x')"] {
        database.execute("CREATE TABLE kept AS SELECT * FROM audit_heads");
        database.execute(&format!("UPDATE audit_heads SET {tampering}"));
        let refused = StoreError::Database("the head of the audit chain is forged".to_owned());
        let appended = store.append_audit(entry("x", AuditPhase::Read, "admitted")).await;
        assert_eq!(appended, Err(refused.clone()), "{tampering}");
        assert_eq!(store.begin(call("one")).await.unwrap_err(), refused, "what cannot be audited does not begin");
        database.execute("DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept; DROP TABLE kept");
    }
    assert_eq!(database.ask("SELECT count(*) FROM calls"), "0");
    begun(&store, call("one")).await;
}

#[tokio::test]
async fn a_chain_put_back_with_its_head_is_found_by_the_ledger() {
    let Some(database) = Database::fresh() else { return };
    let store = database.open(CHAIN_KEY).await.unwrap();
    begun(&store, call("one")).await;
    database.execute("CREATE TABLE earlier AS SELECT * FROM audit_heads");
    begun(&store, call("two")).await;
    database.execute(
        "DELETE FROM audit WHERE sequence > 1; DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM earlier",
    );
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!(report.faults[0].reason, "removed: the ledger holds a call of which no record is left");
}
