//! `audit export` and `audit verify --file`: the record elsewhere, and whether it is what was exported.

use std::{fmt::Write as _, fs};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cli::{Left, customerio_mcp},
    driver::Setup,
};

/// The state that a day's work has left.
async fn worked() -> TempDir {
    let directory = TempDir::new().unwrap();
    let product = Setup::shop().with_ids().in_directory(directory.path()).start().await;
    product.ok("get_guardrails", json!({})).await;
    product.ok("create_segment", json!({ "name": "One" })).await;
    product.refused("get_customer", json!({ "customer": "cust_9009" })).await;
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    product.planned("delete_segment", json!({ "segment_id": 2 })).await;
    directory
}

fn audit(directory: &TempDir, args: &[&str]) -> Left {
    let data = directory.path().to_str().unwrap();
    customerio_mcp(&[&["audit"], args, &["--workspace", "sandbox", "--data", data]].concat()).finish()
}

fn exported(directory: &TempDir, args: &[&str]) -> String {
    let left = audit(directory, &[&["export"], args].concat());
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    left.stdout
}

/// What is found wrong in a file.
fn found(directory: &TempDir, text: &str) -> (i32, Vec<String>) {
    let file = directory.path().join("examined.jsonl");
    fs::write(&file, text).unwrap();
    let left = audit(directory, &["verify", "--json", "--file", file.to_str().unwrap()]);
    let report: Value =
        serde_json::from_str(&left.stdout).unwrap_or_else(|_| panic!("{} {}", left.stdout, left.stderr));
    let fault = |fault: &Value| format!("{}: {}", fault["line"], fault["reason"].as_str().unwrap());
    (left.code, report["faults"].as_array().unwrap().iter().map(fault).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_proven_and_whatever_is_done_to_it_is_found() {
    let directory = worked().await;
    let text = exported(&directory, &[]);
    let lines: Vec<&str> = text.lines().collect();
    let tools: Vec<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| format!("{} {}", line["tool"].as_str().unwrap_or("end"), line["sequence"]))
        .collect();
    assert_snapshot!(tools.join("\n"), @"
    get_guardrails 1
    create_segment 2
    create_segment 3
    get_customer 4
    track_event 5
    track_event 6
    delete_segment 7
    delete_segment 8
    delete_segment 9
    end null
    ");
    assert!(!text.contains("cust_") && !text.contains("One"), "personal data or arguments: {text}");
    assert_eq!(found(&directory, &text), (0, vec![]));

    let with = |at: usize, from: &str, to: &str| {
        let mut changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let line = changed[at].replace(from, to);
        assert_ne!(line, changed[at], "{from}");
        changed[at] = line;
        changed.join("\n") + "\n"
    };
    let without = |at: usize| {
        let left: Vec<&str> = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line).collect();
        left.join("\n") + "\n"
    };
    let swapped = {
        let mut moved = lines.clone();
        moved.swap(1, 2);
        moved.join("\n")
    };
    let last = lines.len() - 1;
    let mut told = String::new();
    for (what, text) in [
        ("a caller", with(1, "\"local\"", "\"nobody\"")),
        ("what nothing is hashed of", with(1, "\"at\":\"2026", "\"at\":\"2025")),
        ("a record less", without(2)),
        ("the first record less", without(0)),
        ("the last record less", without(last - 1)),
        ("the end less", without(last)),
        ("two records moved", swapped),
        ("a record twice", text.replacen(lines[1], &[lines[1], lines[1]].join("\n"), 1)),
        ("a record more after the end", format!("{text}{}\n", lines[1])),
        ("another seal", with(last, "\"seal\":\"", "\"seal\":\"00")),
        ("fewer records said", with(last, "\"narrowed\":false", "\"narrowed\":true")),
        ("no predecessor", with(1, "\"previous\":\"", "\"previous\":null,\"x\":\"")),
        ("something else", "hello\n".to_owned()),
        ("nothing", String::new()),
    ] {
        let (code, faults) = found(&directory, &text);
        assert_eq!(code, 1, "{what} was not noticed");
        writeln!(told, "{what}: {}", faults.join("; ")).unwrap();
    }
    assert_snapshot!(told, @"
    a caller: 2: altered: its fields are not those it was written with; null: forged: the seal is not of these lines: some were changed, removed or put in
    what nothing is hashed of: null: forged: the seal is not of these lines: some were changed, removed or put in
    a record less: null: forged: the seal is not of these lines: some were changed, removed or put in
    the first record less: null: forged: the seal is not of these lines: some were changed, removed or put in
    the last record less: null: forged: the seal is not of these lines: some were changed, removed or put in
    the end less: null: removed: the last line with the seal is missing, and so may be others
    two records moved: 3: reordered: a later record stands before it; null: forged: the seal is not of these lines: some were changed, removed or put in
    a record twice: 3: reordered: a later record stands before it; null: forged: the seal is not of these lines: some were changed, removed or put in
    a record more after the end: 11: put in: it comes after the last line
    another seal: null: forged: the seal is not of these lines: some were changed, removed or put in
    fewer records said: null: forged: the seal is not of these lines: some were changed, removed or put in
    no predecessor: 2: altered: it is no record of an export; null: forged: the seal is not of these lines: some were changed, removed or put in
    something else: 1: altered: it is no record of an export; null: removed: the last line with the seal is missing, and so may be others
    nothing: null: removed: the last line with the seal is missing, and so may be others
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_the_record_is_proven_as_well() {
    let directory = worked().await;
    let of_changes = exported(&directory, &["--phase", "outcome"]);
    assert_eq!(of_changes.lines().count(), 4, "{of_changes}");
    assert!(of_changes.contains(r#""narrowed":true"#), "{of_changes}");
    assert_eq!(found(&directory, &of_changes), (0, vec![]));
    let less: Vec<&str> = of_changes.lines().skip(1).collect();
    assert_eq!(found(&directory, &less.join("\n")).0, 1);
    for (args, records) in [
        (&["--effect", "trigger"][..], 2),
        (&["--decision", "customer_not_found"], 1),
        (&["--principal", "nobody"], 0),
        (&["--subject", "cust_9009"], 1),
        (&["--since", "2026-03-02", "--until", "2026-03-03", "--tool", "create_segment"], 2),
        (&["--until", "2026-03-02"], 0),
    ] {
        assert_eq!(exported(&directory, args).lines().count(), records + 1, "{args:?}");
        let listed = audit(&directory, &[&["list", "--json"], args].concat());
        assert_eq!(listed.stdout.lines().count(), records, "{args:?}");
    }
    // Who stood for an approval is shown.
    let listed = audit(&directory, &["list", "--tool", "delete_segment", "--phase", "outcome"]).stdout;
    assert!(listed.contains("local (plan token)"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_a_new_file_for_its_owner_and_is_proven_by_the_secret_alone() {
    let directory = worked().await;
    let file = directory.path().join("audit.jsonl");
    let to_file = ["export", "--output", file.to_str().unwrap()];
    let left = audit(&directory, &to_file);
    assert_eq!((left.code, left.stdout.as_str()), (0, ""), "{}", left.stderr);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions()) & 0o777, 0o600);
    let again = audit(&directory, &to_file);
    assert_eq!(again.code, 2, "{}", again.stderr);

    let secret = fs::read_to_string(directory.path().join("secret")).unwrap();
    let verify = |secret: &str| {
        let run = customerio_mcp(&["audit", "verify", "--file", file.to_str().unwrap()]);
        run.env("CUSTOMERIO_MCP_SECRET", secret).finish()
    };
    let proven = verify(secret.trim());
    assert_eq!(proven.code, 0, "{}", proven.stderr);
    assert_snapshot!(proven.stdout.replace(directory.path().to_str().unwrap(), "[data]"), @"
    file       [data]/audit.jsonl
    workspace  sandbox
    records    9 proven

    ✓ Every record is as it was written, and every line as it was exported.
    ");
    let changed = secret.trim().chars().rev().collect::<String>();
    assert_eq!(verify(&changed).code, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_pruned_is_not_missed_and_a_broken_chain_is_told() {
    let directory = worked().await;
    let pruned = audit(&directory, &["prune", "--before", "2026-03-02T09:05:00Z", "--yes"]);
    assert_eq!(pruned.code, 0, "{}", pruned.stderr);
    let database = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let text = exported(&directory, &[]);
    assert_eq!(found(&directory, &text), (0, vec![]));
    database.execute("UPDATE audit SET principal = 'nobody' WHERE sequence = 2", []).unwrap();
    let left = audit(&directory, &["export"]);
    assert_eq!(left.code, 1, "{}", left.stderr);
    assert!(left.stdout.contains(r#""chain_holds":false"#), "{}", left.stdout);
    let (code, faults) = found(&directory, &left.stdout);
    assert_eq!((code, faults.len()), (1, 2), "{faults:?}");
}
