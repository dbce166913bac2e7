//! Wrong calls: each names the argument, what is valid and the next step, and changes nothing.

use insta::assert_snapshot;
use serde_json::{Map, json};

use super::Desk;
use crate::witness::refused;

#[tokio::test]
async fn a_call_says_once_where_its_rows_come_from() {
    let desk = Desk::new().await;
    desk.people("people.csv", 1);
    let told = |arguments| refused(&desk.product, "import_customers", arguments);
    let one = json!([{ "id": "cust_5001" }]);
    for (arguments, field, next) in [
        (json!({}), "file", "Give `file`, or up to 1,000 `rows`, or the `handle` of an import to go on with."),
        (json!({ "file": "people.csv", "rows": one }), "rows", "Give one of them."),
        (json!({ "file": "people.csv", "handle": "imp_1" }), "file", "Leave `file` out."),
        (json!({ "rows": one, "format": "csv" }), "format", "Leave it out, or give the `file`."),
        (json!({ "cursor": "0", "rows": one }), "cursor", "Give its `handle` too."),
        (
            json!({ "handle": "imp_1", "cursor": "x" }),
            "cursor",
            "Take it from the last answer, or \\\"0\\\" to begin with.",
        ),
        (
            json!({ "handle": "imp_1" }),
            "handle",
            "Handles come from this tool's answers. The very same call as the first finds its import too.",
        ),
        (json!({ "handle": "imp_1", "cursor": "0" }), "handle", "Handles come from this tool's answers."),
    ] {
        let answer = told(arguments.clone()).await;
        assert!(answer.contains(&format!("\"field\": \"{field}\"")) && answer.contains(next), "{arguments}: {answer}");
    }
    let many: Vec<_> = (0..1_001).map(|_| json!({ "id": "cust_5001" })).collect();
    let answer = told(json!({ "rows": many })).await;
    assert!(answer.contains("`rows` must have at most 1000"), "{answer}");
    assert_snapshot!(told(json!({ "path": "people.csv" })).await, @r#"
    {
      "error": "invalid_argument",
      "message": "`path` is not an argument of this tool. Nothing was changed.",
      "field": "path",
      "next_step": "Valid arguments: `file`, `format`, `rows`, `handle`, `cursor`, `skip_refused`.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn an_import_is_its_tools_alone() {
    let desk = Desk::new().await;
    let answer = desk.product.ok("import_customers", json!({ "rows": [{ "id": "cust_5001" }] })).await;
    let other = desk.product.refused("track_events", json!({ "handle": answer["handle"] })).await;
    assert_eq!(other["error"], "not_found");
    let same = desk.product.ok("import_customers", json!({ "handle": answer["handle"] })).await;
    assert_eq!(same["rows_accepted"], 1);
}

#[tokio::test]
async fn rows_must_be_objects_of_what_customerio_takes() {
    let desk = Desk::new().await;
    let wide: Map<_, _> = (0..301).map(|at| (format!("a{at}"), json!(1))).collect();
    let mut wide = wide;
    wide.insert("id".to_owned(), json!("cust_5001"));
    let rows = json!([wide, { "id": "cust_5002", "joined_at": 1_700_000_000_000_i64 }, { "id": "cust_5003", "_update": true }]);
    let answer = desk.product.refused("import_customers", json!({ "rows": rows })).await;
    let reasons: Vec<_> =
        answer["details"]["refused"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "301 attributes in one call; Customer.io takes at most 300",
            "the value looks like milliseconds; Customer.io reads times as Unix seconds, so divide by 1,000",
            "this name is reserved: it is set for you",
        ]
    );
}
