//! No interleaving of calls exceeds what is allowed: within a store, across stores on one file, across processes.

use std::{
    io::{BufRead, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use customerio_mcp::state::{
    AuditEntry, Begin, BeginOutcome, CallState, Lease, Store, StoreError,
    sqlite::{Location, SqliteStore},
};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::{CHAIN_KEY, Ground, material::*};
use crate::postgres::Database;

const TASKS: usize = 64;

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(Location::File(path.to_owned()), CHAIN_KEY).unwrap())
}

/// One store in memory, one in a file, and two on one file; one in a database, and two in one.
async fn racetracks() -> Vec<(Vec<Arc<dyn Store>>, Ground)> {
    let track = |stores: &dyn Fn(&Path) -> Vec<Arc<dyn Store>>| {
        let directory = crate::kept::directory();
        (stores(&directory.path().join("state.db")), Ground::Directory(directory))
    };
    let mut tracks = vec![
        track(&|_| vec![Arc::new(SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap())]),
        track(&|path| vec![open(path)]),
        track(&|path| vec![open(path), open(path)]),
    ];
    for count in 1..=2 {
        let Some(database) = Database::fresh() else { continue };
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for _ in 0..count {
            stores.push(Arc::new(database.open(CHAIN_KEY).await.unwrap()));
        }
        tracks.push((stores, Ground::Database(database)));
    }
    tracks
}

/// How many of the racing calls began.
async fn race(stores: &[Arc<dyn Store>], prefix: &str, make: impl Fn(Begin, usize) -> Begin) -> usize {
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let begin = make(call(&format!("{prefix} {number}")), number);
        let store = Arc::clone(&stores[number % stores.len()]);
        tasks.spawn(async move { store.begin(begin).await.unwrap() });
    }
    tasks.join_all().await.iter().filter(|outcome| matches!(outcome, BeginOutcome::Begun)).count()
}

fn for_a_place(begin: Begin, _: usize) -> Begin {
    let person = format!("id:{}", begin.call_id);
    Begin { test_profile: Some(test_profile(&[&person], 25)), ..begin }
}

fn for_the_budget(begin: Begin, _: usize) -> Begin {
    Begin { charges: vec![sends(1, HOUR_MS, 10)], ..begin }
}

fn for_a_token(begin: Begin, _: usize) -> Begin {
    Begin { plan: Some(plan("token")), ..begin }
}

fn for_a_key(begin: Begin, _: usize) -> Begin {
    Begin { key: Some(key("key")), ..begin }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_calls_get_exactly_what_there_is() {
    for (stores, _ground) in racetracks().await {
        assert_eq!(race(&stores, "place", for_a_place).await, 25);
        assert_eq!(race(&stores, "budget", for_the_budget).await, 10);
        assert_eq!(race(&stores, "token", for_a_token).await, 1);
        assert_eq!(race(&stores, "key", for_a_key).await, 1);
        for store in &stores {
            assert_eq!(store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap().len(), 25);
            let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
            assert_eq!((report.records, report.faults), (25 + 10 + 1 + 1, Vec::new()));
        }
    }
}

/// The calls all wait while another connection holds the database, and so share a commit once it lets go.
#[tokio::test]
async fn a_call_that_fails_in_a_shared_commit_undoes_nobody_elses_work_and_all_of_its_own() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store = open(&path);
    let elsewhere = |begin: Begin| Begin {
        workspace: "broken".to_owned(),
        audit: AuditEntry { workspace: "broken".to_owned(), ..begin.audit.clone() },
        ..begin
    };
    begun(&*store, elsewhere(call("first"))).await;
    let by_hand = Connection::open(&path).unwrap();
    // Nothing can be appended to this chain, so a call there fails with its very last statement.
    by_hand.execute_batch("UPDATE audit_heads SET mac = zeroblob(32) WHERE workspace = 'broken'").unwrap();

    by_hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let begin = for_a_place(call(&number.to_string()), number);
        let begin = Begin { charges: vec![sends(1, HOUR_MS, 1_000)], ..begin };
        let begin = if number % 3 == 0 { elsewhere(begin) } else { begin };
        let store = Arc::clone(&store);
        tasks.spawn(async move { (number, store.begin(begin).await) });
    }
    tokio::task::yield_now().await;
    by_hand.execute_batch("COMMIT").unwrap();

    let mut places = 0;
    for (number, outcome) in tasks.join_all().await {
        match outcome {
            Ok(BeginOutcome::Begun) => places += 1,
            Ok(BeginOutcome::TestProfilesFull { active: 25, .. }) => {}
            Err(StoreError::Database(_)) => assert_eq!(number % 3, 0),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(places, 25);
    for (workspace, expected) in [(SHOP, 25), ("broken", 0)] {
        let charges = vec![sends(0, HOUR_MS, 1_000)];
        let usage = store.usage(workspace.to_owned(), LOCAL.to_owned(), charges, NOW_MS).await.unwrap();
        let profiles = store.test_profiles(workspace.to_owned(), NOW_MS).await.unwrap();
        assert_eq!((usage[0].used, profiles.len()), (expected, places * usize::from(workspace == SHOP)), "{workspace}");
    }
    assert_eq!(store.verify_audit(SHOP.to_owned()).await.unwrap().records, 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_chain_is_proven_while_it_grows_and_stays_whole() {
    for (stores, _ground) in racetracks().await {
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let store = Arc::clone(&stores[number % stores.len()]);
            tasks.spawn(async move {
                for again in 0..8 {
                    begun(&*store, call(&format!("{number} {again}"))).await;
                    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
                    assert_eq!(report.faults, Vec::new());
                }
            });
        }
        tasks.join_all().await;
        let report = stores[0].verify_audit(SHOP.to_owned()).await.unwrap();
        assert_eq!((report.records, report.faults), (TASKS as u64 * 8, Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_takes_a_lease() {
    for (stores, _ground) in racetracks().await {
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let lease = Lease {
                workspace: SHOP.to_owned(),
                name: digest("id:1"),
                holder: number.to_string(),
                until_ms: NOW_MS + MINUTE_MS,
            };
            let store = Arc::clone(&stores[number % stores.len()]);
            tasks.spawn(async move { store.acquire_lease(lease, NOW_MS).await.unwrap() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    }
}

/// Runs [`another_process`] in a process of its own, on the store at `path`.
fn spawn(path: &Path, what: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["state::concurrency::another_process", "--exact", "--ignored"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{what}\n{}", path.display()).unwrap();
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process started by the tests below, told over standard input what to do"]
async fn another_process() {
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let (Some(what), Some(path)) = (lines.next(), lines.next()) else { return };
    let stores = [open(Path::new(&path))];
    let prefix = std::process::id().to_string();
    match what.as_str() {
        "race" => {
            race(&stores, &format!("{prefix} place"), for_a_place).await;
            race(&stores, &format!("{prefix} budget"), for_the_budget).await;
            race(&stores, &format!("{prefix} key"), for_a_key).await;
        }
        "crash" => {
            begun(&*stores[0], Begin { key: Some(key("key")), ..call("begun") }).await;
            for number in 0..TASKS {
                let (store, begin) = (Arc::clone(&stores[0]), for_the_budget(call(&number.to_string()), number));
                tokio::spawn(async move { store.begin(begin).await });
            }
            std::process::abort();
        }
        other => panic!("unknown order {other}"),
    }
}

#[tokio::test]
async fn processes_that_open_one_fresh_file_share_its_limits() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let children: Vec<Child> = (0..3).map(|_| spawn(&path, "race")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = open(&path);
    assert_eq!(store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap().len(), 25);
    let charges = vec![sends(0, HOUR_MS, 10)];
    assert_eq!(store.usage(SHOP.to_owned(), LOCAL.to_owned(), charges, NOW_MS).await.unwrap()[0].used, 10);
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults), (1, 25 + 10 + 1, Vec::new()));
}

#[tokio::test]
async fn what_began_before_a_crash_is_of_unknown_fate_after_it() {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    assert!(!spawn(&path, "crash").wait().unwrap().success());
    let store = open(&path);
    let found = store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest("key"), NOW_MS + MINUTE_MS).await.unwrap();
    assert_eq!(found.unwrap().state, CallState::Unknown);
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!(report.faults, []);
    let charges = vec![sends(0, HOUR_MS, 10)];
    let used = store.usage(SHOP.to_owned(), LOCAL.to_owned(), charges, NOW_MS).await.unwrap()[0].used;
    assert_eq!(report.records, 1 + used, "each call is whole or not there at all");
}
