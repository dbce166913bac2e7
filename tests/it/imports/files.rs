//! Files are read only below the directories the operator allows, and only as they were when they were checked.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use super::{Desk, batches};
use crate::driver::Setup;

async fn refused(desk: &Desk, file: &str) -> Value {
    let answer = desk.product.refused("import_customers", json!({ "file": file })).await;
    assert_eq!((&answer["field"], batches(&desk.product).await), (&json!("file"), 0), "{answer}");
    answer
}

#[tokio::test]
async fn a_file_elsewhere_is_none_whether_it_is_there_or_not() {
    let desk = Desk::new().await;
    let elsewhere = crate::kept::directory();
    let secret = elsewhere.path().join("secret.csv");
    fs::write(&secret, "id\ncust_5001\n").unwrap();
    fs::create_dir(desk.path().join("below")).unwrap();
    symlink(&secret, desk.path().join("link.csv")).unwrap();
    symlink(elsewhere.path(), desk.path().join("way")).unwrap();
    desk.people("people.csv", 1);
    let there = refused(&desk, secret.to_str().unwrap()).await;
    for file in
        ["/nowhere/at/all.csv", "link.csv", "way/secret.csv", "../secret.csv", "below", "below/none.csv", "/etc/passwd"]
    {
        assert_eq!(refused(&desk, file).await, there, "{file}");
    }
    assert_eq!(there["error"], "not_found");
    let next = there["next_step"].as_str().unwrap();
    assert!(
        next.contains(desk.path().to_str().unwrap()) && next.ends_with("; there are link.csv, people.csv."),
        "{next}"
    );
}

#[tokio::test]
async fn paths_and_links_within_an_allowed_directory_are_followed() {
    let desk = Desk::new().await;
    fs::create_dir(desk.path().join("below")).unwrap();
    desk.people("below/people.csv", 1);
    symlink(desk.path().join("below/people.csv"), desk.path().join("link.csv")).unwrap();
    let whole = desk.path().join("below/people.csv");
    for file in ["below/people.csv", "link.csv", "below/../link.csv", whole.to_str().unwrap()] {
        let answer = desk.product.ok("import_customers", json!({ "file": file })).await;
        assert_eq!(answer["rows_accepted"], 1, "{file}: {answer}");
    }
}

#[tokio::test]
async fn without_a_directory_no_file_is_read() {
    let desk = Desk::new().await;
    desk.people("people.csv", 1);
    let whole = desk.path().join("people.csv");
    let closed = Setup::shop().with_ids().start().await;
    let answer = closed.refused("import_customers", json!({ "file": whole.to_str().unwrap() })).await;
    assert_eq!((&answer["error"], &answer["field"]), (&json!("denied"), &json!("file")), "{answer}");
    closed.ok("import_customers", json!({ "rows": [{ "id": "cust_5001" }] })).await;
}

#[tokio::test]
async fn what_a_file_is_must_be_known_and_be_so() {
    let desk = Desk::new().await;
    desk.write("people.txt", "id\ncust_5001\n");
    desk.write("empty.csv", "");
    desk.write("header.csv", "id,plan\n");
    desk.write("twice.csv", "id,id\n");
    desk.write("open.csv", "id,plan\ncust_5001,\"gold\n");
    let answer = desk.product.refused("import_customers", json!({ "file": "people.txt" })).await;
    assert_eq!(
        (&answer["field"], &answer["next_step"]),
        (&json!("format"), &json!("Give `format`: \"csv\" or \"json_lines\"."))
    );
    desk.product.ok("import_customers", json!({ "file": "people.txt", "format": "csv" })).await;
    for (file, why) in [
        (
            "empty.csv",
            "The `file` cannot be read: the file is empty: the first line of a CSV file names its columns. Nothing was changed.",
        ),
        ("header.csv", "There are no rows. Nothing was changed."),
        (
            "twice.csv",
            "The `file` cannot be read: column 2 of the header has the name of an earlier one. Nothing was changed.",
        ),
    ] {
        let answer = desk.product.refused("import_customers", json!({ "file": file })).await;
        assert_eq!(answer["message"], why);
    }
}

#[tokio::test]
async fn a_quote_left_open_ends_the_reading_with_the_number_of_its_row() {
    let desk = Desk::new().await;
    desk.write("open.csv", format!("id,plan\ncust_5001,gold\ncust_5002,\"gold\n{}", "cust_5003,gold\n".repeat(50_000)));
    let answer = refused(&desk, "open.csv").await;
    assert!(answer["message"].as_str().unwrap().starts_with("Row 2 and whatever follows cannot be read: "), "{answer}");
}

#[tokio::test]
async fn a_file_of_another_kind_is_not_read_to_its_end() {
    let desk = Desk::new().await;
    desk.write("other.csv", format!("name\n{}", "ada\n".repeat(20_000)));
    let answer = refused(&desk, "other.csv").await;
    assert_eq!(
        answer["message"],
        "10500 of the first 10500 rows are refused, more than an import may leave out. Nothing was changed."
    );
}

#[tokio::test]
async fn a_file_that_changes_is_not_written_under_the_old_ones_name() {
    let desk = Desk::in_small_steps().await;
    desk.events("events.jsonl", 12_000);
    let first = desk.product.ok("track_events", json!({ "file": "events.jsonl" })).await;
    assert_eq!(first["result"], "in_progress");
    let handle = first["handle"].clone();
    let was = fs::read(desk.path().join("events.jsonl")).unwrap();
    desk.events("events.jsonl", 12_001);
    let changed = desk.product.refused("track_events", json!({ "handle": handle })).await;
    assert_eq!((&changed["error"], &changed["field"]), (&json!("conflict"), &json!("file")), "{changed}");
    desk.write("events.jsonl", was);
    let answers = desk.to_the_end("track_events", json!({ "handle": handle })).await;
    assert_eq!(answers.last().unwrap()["rows_accepted"], 12_000);
    assert_eq!(desk.seen("imported").await, (12_000, 12_000));
}
