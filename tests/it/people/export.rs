//! `export_customer_data`: everything known of one person, where the operator can get it and the model cannot.

use std::time::Duration;

use customerio_mcp::sandbox::Fixture;
use serde_json::{Value, json};

use super::{shop, told};
use crate::{
    driver::{Product, Setup},
    witness::{cio_id, refused, text},
};

async fn in_directory() -> (Product, tempfile::TempDir) {
    let directory = crate::kept::directory();
    let product = Setup::shop().in_directory(directory.path()).with_ids().start().await;
    (product, directory)
}

fn files(directory: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory.path().join("exports")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn read(path: &Value) -> Value {
    serde_json::from_slice(&std::fs::read(path.as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn everything_is_in_the_document_and_little_in_the_answer() {
    let (product, directory) = in_directory().await;
    for n in 0..120 {
        product.track("POST", "customers/cust_0001/events", json!({ "name": format!("looked {n}") })).await;
    }
    product.ok("send_transactional", json!({ "template": "welcome", "customer": "cust_0001" })).await;
    product.clock.advance(Duration::from_secs(5));
    let exported = product.ok("export_customer_data", json!({ "customer": "cust_0001" })).await;
    let (ada, export_id) = (cio_id(&product, "cust_0001").await, exported["export_id"].as_str().unwrap());
    let path = exported["path"].clone();
    let shown =
        text(&exported).replace(path.as_str().unwrap(), "<path>").replace(export_id, "<id>").replace(&ada, "<ada>");
    insta::assert_snapshot!(shown, @r#"
    {
      "export_id": "<id>",
      "uri": "customerio://exports/<id>",
      "path": "<path>",
      "expires_at": "2026-03-03T09:05:05Z",
      "customer": {
        "cio_id": "<ada>",
        "id": "cust_0001",
        "email": "a•••@example.com"
      },
      "unsubscribed": false,
      "counts": {
        "attributes": 11,
        "devices": 1,
        "segments": 3,
        "subscription_topics": 2,
        "relationships": 1,
        "activities": 129,
        "deliveries": 1
      },
      "complete": true,
      "not_included": [
        "activities older than Customer.io keeps them (30 days for certain)",
        "the texts of messages: get_delivery shows one with `detail: \"full\"`, 100 a day for the workspace",
        "copies in other systems"
      ]
    }
    "#);

    let file = read(&path);
    assert_eq!((&file["export_id"], &file["cio_id"]), (&json!(export_id), &json!(ada)));
    let document = &file["document"];
    assert_eq!(document["customer"]["identifiers"]["email"], "ada.moss@example.com", "in clear");
    assert_eq!(document["customer"]["devices"][0]["id"], "device-ada-phone");
    assert_eq!(document["relationships"][0]["identifiers"]["object_id"], "mill_lane_hotel");
    assert_eq!(document["deliveries"][0]["subject"], "Welcome, Ada");
    let names: Vec<_> = document["activities"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(names.contains(&json!("looked 0")) && names.contains(&json!("order_placed")), "{names:?}");
    let written = files(&directory);
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].file_name().unwrap().to_str().unwrap(), format!("{export_id}.json"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&written[0]).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = written[0].parent().unwrap();
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_document_is_found_by_its_id_for_a_day() {
    let (product, directory) = in_directory().await;
    let exported = product.ok("export_customer_data", json!({ "customer": "cust_0001" })).await;
    let export_id = exported["export_id"].as_str().unwrap();
    let exports = product.state.exports.clone();
    let now_ms = async || customerio_mcp::clock::Clock::now_ms(product.clock.as_ref());
    assert!(exports.read("sandbox", export_id, now_ms().await).await.unwrap().is_some());
    for (workspace, id) in [
        ("elsewhere", export_id),
        ("sandbox", "../secret"),
        ("sandbox", "exp_../../../../etc/passwd/aaaaaaaaaaa"),
        ("sandbox", "exp_00000000000000000000000000000000"),
    ] {
        assert!(exports.read(workspace, id, now_ms().await).await.unwrap().is_none(), "{workspace} {id}");
    }
    std::fs::write(directory.path().join("exports/notes.json"), "{}").unwrap();
    product.clock.advance(Duration::from_hours(23));
    product.sweep().await;
    assert_eq!(files(&directory).len(), 2);
    product.clock.advance(Duration::from_hours(1));
    assert!(exports.read("sandbox", export_id, now_ms().await).await.unwrap().is_none());
    product.sweep().await;
    assert_eq!(files(&directory), [directory.path().join("exports/notes.json")], "what is not ours stays");
}

#[tokio::test]
async fn an_erasure_takes_the_documents_with_it() {
    let (product, directory) = in_directory().await;
    product.ok("export_customer_data", json!({ "customer": "cust_0001" })).await;
    product.ok("export_customer_data", json!({ "customer": "ada.moss@example.com", "id_type": "email" })).await;
    let ben = product.ok("export_customer_data", json!({ "customer": "cust_0002" })).await;
    product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(files(&directory), [std::path::PathBuf::from(ben["path"].as_str().unwrap())]);

    let memory = shop().await;
    let exported = memory.ok("export_customer_data", json!({ "customer": "cust_0001" })).await;
    let (id, now_ms) =
        (exported["export_id"].as_str().unwrap(), customerio_mcp::clock::Clock::now_ms(memory.clock.as_ref()));
    assert!(
        exported.get("path").is_none() && memory.state.exports.read("sandbox", id, now_ms).await.unwrap().is_some()
    );
    memory.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    assert!(memory.state.exports.read("sandbox", id, now_ms).await.unwrap().is_none());
}

#[tokio::test]
async fn a_human_approves_where_people_are_real() {
    let live = Setup::live().with_ids().start().await;
    let answer = refused(&live, "export_customer_data", json!({ "customer": "cust_0001" })).await;
    assert!(
        answer.contains("\"approval_required\"") && answer.contains("everything known of one customer"),
        "{answer}"
    );
    let requests = text(&live.requests().await);
    assert!(!requests.contains("/activities"), "{requests}");
}

#[tokio::test]
async fn whoever_is_not_there_is_said_not_to_be() {
    let product = shop().await;
    for (arguments, expected) in [
        (json!({ "customer": "cust_0999" }), json!(["customer_not_found", "customer"])),
        (json!({ "customer": "a•••@x.io", "id_type": "email" }), json!(["masked_value", "customer"])),
        (json!({ "customer": "cust_0001", "id_type": "phone" }), json!(["invalid_argument", "id_type"])),
        (json!({ "customer": "cust_0001", "path": "/tmp/x" }), json!(["invalid_argument", "path"])),
    ] {
        let answer = product.refused("export_customer_data", arguments.clone()).await;
        assert_eq!(told(&answer), expected, "{arguments}: {answer}");
    }
}

#[tokio::test]
async fn what_the_key_does_not_reach_is_told() {
    // No subscription center, no topics: there is still a document, and it is complete.
    let fixture = Fixture::from_toml("[[people]]\nid = 'cust_0001'\n").unwrap();
    let product = Setup::shop().with_fixture(fixture).start().await;
    let exported = product.ok("export_customer_data", json!({ "customer": "cust_0001", "id_type": "id" })).await;
    assert_eq!((&exported["complete"], &exported["counts"]["deliveries"]), (&json!(true), &json!(0)), "{exported}");
    product.fault(json!({ "kind": "wrong_region", "operation": "getPersonRelationships", "times": 1 })).await;
    product.fault(json!({ "kind": "500_before", "operation": "getPersonActivities", "times": 9 })).await;
    let broken = product.refused("export_customer_data", json!({ "customer": "cust_0001", "id_type": "id" })).await;
    assert!(["upstream_unavailable", "unauthorized"].contains(&broken["error"].as_str().unwrap()), "{broken}");
}
