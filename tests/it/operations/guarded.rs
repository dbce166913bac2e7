//! Operations run by their names pass the same door as tools of their own.

use customerio_mcp::{guard::policy::Decision, tools::offer::Choice};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::driver::{Product, Setup};

/// What is listed unless told otherwise: operations are run by their names.
fn core(setup: Setup) -> Setup {
    setup.with_ids().choosing(Choice::default())
}

fn run(operation: &str, mut arguments: Value) -> Value {
    json!({ "operation": operation, "arguments": arguments.take() })
}

async fn audited(product: &Product) -> Vec<String> {
    let answer = product.ok("list_audit", json!({ "limit": 3 })).await;
    let records = answer["records"].as_array().unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records.iter().map(|record| format!("{} {}", word(&record["tool"]), word(&record["decision"]))).collect()
}

#[tokio::test]
async fn an_operation_is_run_by_its_name_and_known_by_it() {
    let product = core(Setup::shop()).start().await;
    let read = product.ok("run_read_operation", run("list_snippets", json!({}))).await;
    assert!(read["answer"]["untrusted"]["snippets"].is_array(), "{read}");
    let written = product.ok("run_write_operation", run("create_asset_folder", json!({ "name": "Logos" }))).await;
    assert_eq!(written["result"], "applied", "{written}");
    let device = json!({ "customer": "cust_0001", "device": { "id": "token-1", "platform": "ios" } });
    let triggered = product.ok("run_trigger_operation", run("add_device", device)).await;
    assert_eq!(triggered["result"], "accepted");
    let known = ["add_device committed", "add_device admitted", "create_asset_folder committed"];
    assert_eq!(audited(&product).await, known);
}

#[tokio::test]
async fn an_operation_of_another_effect_is_refused_with_the_tool_for_it() {
    let product = core(Setup::shop()).start().await;
    let before = product.requests().await;
    let refused =
        product.refused("run_read_operation", run("delete_snippet", json!({ "snippet_name": "signature" }))).await;
    assert_snapshot!(refused, @r#"{"error":"invalid_argument","message":"delete_snippet is of the effect `delete`, which run_read_operation does not run. Nothing ran.","field":"operation","next_step":"Call run_delete_operation with the same arguments, if that effect is what is wanted.","safe_to_retry":false}"#);
    let unknown = product.refused("run_read_operation", run("list_snippet", json!({}))).await;
    assert_snapshot!(unknown, @r#"{"error":"not_found","message":"There is no such operation here. Nothing ran.","field":"operation","next_step":"Near it are list_snippets, create_snippet, delete_snippet; find_operations finds others by what they do.","safe_to_retry":false}"#);
    let itself = product.refused("run_read_operation", run("run_read_operation", json!({}))).await;
    assert_eq!(itself["error"], "not_found", "{itself}");
    let bad = product.refused("run_read_operation", run("get_snippet_usage", json!([1]))).await;
    assert_eq!(bad["field"], "arguments", "{bad}");
    assert_eq!(product.requests().await, before);
}

#[tokio::test]
async fn what_is_deleted_is_planned_shown_and_gone() {
    let product = core(Setup::shop()).start().await;
    let made = product.ok("run_write_operation", run("create_asset_folder", json!({ "name": "Logos" }))).await;
    let id = made["answer"]["untrusted"]["folder"]["id"].clone();
    let mut arguments = json!({ "folder_id": id.to_string().trim_matches('"') });
    let plan = product.refused("run_delete_operation", run("delete_asset_folder", arguments.clone())).await;
    assert_eq!(plan["error"], "preview_required", "{plan}");
    assert_eq!(plan["details"]["tool"], "delete_asset_folder");
    arguments["plan_token"] = plan["details"]["plan_token"].clone();
    let deleted = product.ok("run_delete_operation", run("delete_asset_folder", arguments.clone())).await;
    assert_eq!(deleted["result"], "applied", "{deleted}");
    assert_eq!(deleted["before"]["untrusted"]["folder"]["name"], "Logos", "{deleted}");
    arguments.as_object_mut().unwrap().remove("plan_token");
    let plan = product.refused("run_delete_operation", run("delete_asset_folder", arguments.clone())).await;
    arguments["plan_token"] = plan["details"]["plan_token"].clone();
    let gone = product.refused("run_delete_operation", run("delete_asset_folder", arguments)).await;
    assert_eq!((&gone["error"], &gone["field"]), (&json!("not_found"), &json!("folder_id")));
}

#[tokio::test]
async fn the_same_creation_is_made_once() {
    let product = core(Setup::shop()).start().await;
    let folder = run("create_asset_folder", json!({ "name": "Logos", "idempotency_key": "k1" }));
    let first = product.ok("run_write_operation", folder.clone()).await;
    let second = product.ok("run_write_operation", folder).await;
    assert_eq!(second["answer"], first["answer"]);
    assert!(second["duplicate_of"].is_string(), "{second}");
    let other = run("create_asset_folder", json!({ "name": "Photos", "idempotency_key": "k1" }));
    assert_eq!(product.refused("run_write_operation", other).await["error"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_person_is_resolved_before_an_operation_touches_them() {
    let product = core(Setup::shop()).start().await;
    let device =
        |customer: &str| run("add_device", json!({ "customer": customer, "device": { "id": "t", "platform": "ios" } }));
    let nobody = product.refused("run_trigger_operation", device("cust_none")).await;
    assert_eq!((&nobody["error"], &nobody["field"]), (&json!("customer_not_found"), &json!("customer")));
    let masked = product.refused("run_trigger_operation", device("a•••@example.com")).await;
    assert_eq!(masked["error"], "masked_value", "{masked}");
    let traits = json!({ "customer": "cust_0001", "traits": { "email": "other@example.com" } });
    let past = product.refused("run_trigger_operation", run("identify_through_pipelines", traits)).await;
    assert_eq!((&past["error"], &past["field"]), (&json!("invalid_argument"), &json!("traits.email")));
    let erased = product.refused("erase_customer", json!({ "customer": "cust_0002" })).await;
    let erase = json!({ "customer": "cust_0002", "plan_token": erased["details"]["plan_token"] });
    product.ok("erase_customer", erase).await;
    let back = product
        .refused(
            "run_trigger_operation",
            run("submit_form", json!({ "form_id": "f", "customer": "cust_0002", "data": { "q": "a" } })),
        )
        .await;
    assert_eq!(back["error"], "customer_erased", "{back}");
}

#[tokio::test]
async fn an_address_to_be_called_must_be_listed() {
    let webhook = |endpoint: &str| {
        run("create_reporting_webhook", json!({ "name": "Opens", "endpoint": endpoint, "events": ["email_opened"] }))
    };
    let listing = |setup: Setup, hosts: &'static [&'static str]| {
        core(setup).with(|config| config.egress_hosts = hosts.iter().map(ToString::to_string).collect())
    };
    let product = listing(Setup::live(), &["hooks.shop.example", "*.partner.example"]).start().await;
    product.ok("run_write_operation", webhook("https://hooks.shop.example/in")).await;
    product.ok("run_write_operation", webhook("https://eu.partner.example/in")).await;
    let refused = product.refused("run_write_operation", webhook("https://evil.example/in")).await;
    assert_snapshot!(refused, @r#"{"error":"egress_not_allowed","message":"`endpoint` leads to a host that the operator does not list. Nothing was changed.","field":"endpoint","next_step":"Listed are: hooks.shop.example, *.partner.example. Ask the operator whether another may be added.","safe_to_retry":false}"#);
    let hidden = product.refused("run_write_operation", webhook("https://{{customer.host}}/in")).await;
    assert_eq!((&hidden["error"], &hidden["field"]), (&json!("invalid_argument"), &json!("endpoint")), "{hidden}");
    let none = core(Setup::live()).start().await;
    assert_eq!(
        none.refused("run_write_operation", webhook("https://hooks.shop.example/in")).await["error"],
        "egress_not_allowed"
    );
    let open = core(Setup::shop()).start().await;
    open.ok("run_write_operation", webhook("https://hooks.shop.example/in")).await;
}

#[tokio::test]
async fn what_is_grave_waits_for_a_human_where_people_are_real() {
    let product = core(Setup::live()).start().await;
    let report = json!({ "delivery_id": "abc", "metric": "opened" });
    let denied = product.refused("run_trigger_operation", run("report_delivery_metric", report)).await;
    assert_eq!(denied["error"], "denied", "{denied}");
    let export = run("export_customers", json!({ "filters": { "segment": { "id": 1 } } }));
    assert_eq!(product.refused("run_write_operation", export).await["error"], "approval_required");
    let release = run("release_address", json!({ "suppression_type": "bounces", "email_address": "ada@example.com" }));
    assert_eq!(product.refused("run_trigger_operation", release).await["error"], "approval_required");
    let allowed = core(Setup::live())
        .with(|config| config.policy.tools = [("report_delivery_metric".to_owned(), Decision::Allow)].into())
        .start()
        .await;
    let report = json!({ "delivery_id": "abc", "metric": "opened" });
    let told = allowed.call("run_trigger_operation", run("report_delivery_metric", report)).await;
    assert_ne!(told["error"], "denied", "{told}");
}

#[tokio::test]
async fn an_excluded_operation_is_neither_found_nor_run() {
    let choice = Choice { exclude_tools: vec!["delete_snippet".to_owned()], ..Choice::default() };
    let product = Setup::shop().with_ids().choosing(choice).start().await;
    let found = product.ok("find_operations", json!({ "query": "delete_snippet" })).await;
    assert!(!found.to_string().contains("\"delete_snippet\""), "{found}");
    let run =
        product.refused("run_delete_operation", run("delete_snippet", json!({ "snippet_name": "signature" }))).await;
    assert_eq!(run["error"], "not_found");
    let read_only = Choice { read_only: true, ..Choice::default() };
    let product = Setup::shop().with_ids().choosing(read_only).start().await;
    let names: Vec<String> =
        product.client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name.to_string()).collect();
    assert!(names.contains(&"run_read_operation".to_owned()) && !names.contains(&"run_write_operation".to_owned()));
    let found = product.ok("find_operations", json!({ "query": "delete a snippet", "limit": 20 })).await;
    let effects = found["operations"].as_array().unwrap().iter().map(|one| &one["effect"]);
    assert!(effects.into_iter().all(|effect| effect == "read"), "{found}");
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_a_mistake() {
    let product = core(Setup::shop()).start().await;
    let nothing = product.refused("run_write_operation", run("update_collection", json!({ "collection_id": 1 }))).await;
    assert_eq!((&nothing["error"], &nothing["field"]), (&json!("invalid_argument"), &json!("name")), "{nothing}");
    let renamed = product
        .ok("run_write_operation", run("update_collection", json!({ "collection_id": 1, "name": "Renamed" })))
        .await;
    assert_eq!(renamed["result"], "applied", "{renamed}");
    assert_ne!(renamed["before"]["untrusted"]["collection"]["name"], "Renamed", "{renamed}");
}

#[tokio::test]
async fn what_sends_without_naming_anybody_is_refused_by_its_schema() {
    let product = core(Setup::shop()).start().await;
    let before = product.counts().await;
    let refused = product.refused("run_send_operation", run("start_live_notification", json!({}))).await;
    assert_eq!((&refused["error"], &refused["field"]), (&json!("invalid_argument"), &json!("customer")), "{refused}");
    assert_eq!(product.counts().await, before);
}

#[tokio::test]
async fn nobody_is_subscribed_again_past_their_consent() {
    let product = core(Setup::live()).start().await;
    let write = |name: &str, value: Value| {
        let traits = json!({ "customer": "cust_0001", "traits": { name: value } });
        run("identify_through_pipelines", traits)
    };
    let again = product.refused("run_trigger_operation", write("unsubscribed", json!(false))).await;
    assert_eq!(again["error"], "approval_required", "{again}");
    product.ok("run_trigger_operation", write("unsubscribed", json!(true))).await;
    let rows = json!({ "rows": [
        { "id": "cust_0001", "unsubscribed": false },
        { "id": "cust_0002", "unsubscribed": true },
        { "id": "cust_7001", "unsubscribed": false },
    ] });
    let report = product.call("run_trigger_operation", run("import_customers", rows)).await;
    let told = report.to_string();
    assert!(told.contains("takes their own consent") && told.contains("\"row\":1"), "{report}");
    assert!(!told.contains("\"row\":3") && !told.contains("\"row\":2"), "{report}");
}

#[tokio::test]
async fn what_an_answer_hid_is_not_written_back() {
    let product = core(Setup::shop()).start().await;
    for value in ["Write to s•••@shop.example", "A long text… [300 characters left out]"] {
        let update = run("update_collection", json!({ "collection_id": 1, "name": value }));
        let refused = product.refused("run_write_operation", update).await;
        assert_eq!((&refused["error"], &refused["field"]), (&json!("masked_value"), &json!("name")), "{refused}");
    }
}

#[tokio::test]
async fn a_message_is_not_sent_elsewhere_past_a_human() {
    let product = core(Setup::live()).start().await;
    let redirected = json!({ "name": "invite", "data": { "recipient": "eve@elsewhere.io" } });
    let anonymous = product.refused("run_trigger_operation", run("track_anonymous_event", redirected)).await;
    assert_eq!(anonymous["error"], "approval_required", "{anonymous}");
    let event = json!({ "customer": "cust_0001", "name": "x", "data": { "from_address": "ceo@elsewhere.io" } });
    assert_eq!(product.refused("track_event", event).await["error"], "approval_required");
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "x", "data": { "plan": "gold" } })).await;
    let envelope =
        json!({ "email_id": "e0000000-0000-4000-8000-000000000001", "envelope": { "bcc": "eve@elsewhere.io" } });
    let bcc = product.refused("run_write_operation", run("update_design_email", envelope)).await;
    assert_eq!((&bcc["error"], &bcc["field"]), (&json!("invalid_argument"), &json!("envelope.bcc")), "{bcc}");
    let headers =
        json!({ "newsletter_id": 1, "content_id": 1, "headers": [{ "name": "Bcc", "value": "eve@elsewhere.io" }] });
    let header = product.refused("update_variant", headers).await;
    assert_eq!(
        (&header["error"], &header["field"]),
        (&json!("invalid_argument"), &json!("headers[0].name")),
        "{header}"
    );
}

#[tokio::test]
async fn an_event_that_means_something_else_does_so_in_any_spelling() {
    let product = core(Setup::shop()).start().await;
    for event in ["User Deleted", "user deleted", "User Deleted ", "Object\u{7}Deleted"] {
        let track = run("track_through_pipelines", json!({ "customer": "cust_0001", "event": event }));
        let refused = product.refused("run_trigger_operation", track).await;
        assert_eq!((&refused["error"], &refused["field"]), (&json!("invalid_argument"), &json!("event")), "{refused}");
    }
    let tag = json!({ "customer": "cust_0001", "traits": { "mcp_test": "" } });
    let tagged = product.refused("run_trigger_operation", run("identify_through_pipelines", tag)).await;
    assert_eq!(tagged["field"], "traits.mcp_test", "{tagged}");
}
