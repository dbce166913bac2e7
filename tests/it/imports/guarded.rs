//! The guards on imports: strategy, budgets, plans, erasures, the operator's policy, the audit.

use std::time::Duration;

use customerio_mcp::guard::policy::Decision;
use serde_json::{Value, json};

use super::{Desk, batches, id};
use crate::driver::Setup;

fn people(count: usize) -> Value {
    (0..count).map(|at| json!({ "id": id(at) })).collect()
}

#[tokio::test]
async fn nothing_is_imported_before_a_strategy_is_declared() {
    let product = Setup::shop().start().await;
    let answer = product.refused("import_customers", json!({ "rows": people(1) })).await;
    assert_eq!(answer["error"], "identity_strategy_required");
}

#[tokio::test]
async fn new_people_and_triggers_are_counted_row_by_row_and_once() {
    let desk = Desk::with(Setup::shop().slicing(Duration::ZERO)).await;
    desk.people("people.csv", 700);
    let answers = desk.to_the_end("import_customers", json!({ "file": "people.csv" })).await;
    assert!(answers.len() >= 2, "{answers:?}");
    assert_eq!(answers.last().unwrap()["rows_accepted"], 700);
    let used = |guardrails: &Value, budget: &str| {
        let budgets = guardrails["budgets"].as_array().unwrap();
        budgets.iter().find(|one| one["budget"] == budget).unwrap_or_else(|| panic!("{guardrails}"))["used"].as_u64()
    };
    let guardrails = desk.product.ok("get_guardrails", json!({})).await;
    assert_eq!((used(&guardrails, "triggers"), used(&guardrails, "new_profiles")), (Some(700), Some(700)));
}

#[tokio::test]
async fn an_import_larger_than_a_budget_is_refused_whole() {
    for (budget, rows) in [
        ("new_profiles", people(3)),
        ("triggers", json!([{ "id": "cust_0001" }, { "id": "cust_0002" }, { "id": "cust_0003" }])),
    ] {
        let setup = Setup::shop().with_ids().with(move |config| match budget {
            "triggers" => config.budgets.triggers_per_hour = 2,
            _ => config.budgets.new_profiles_per_day = 2,
        });
        let product = setup.start().await;
        let answer = product.refused("import_customers", json!({ "rows": rows })).await;
        assert_eq!(answer["error"], "budget_exhausted");
        assert!(answer["message"].as_str().unwrap().contains(budget), "{answer}");
        assert_eq!(batches(&product).await, 0);
        let two: Value = rows.as_array().unwrap()[..2].to_vec().into();
        product.ok("import_customers", json!({ "rows": two })).await;
    }
}

#[tokio::test]
async fn a_plan_names_the_counts_and_holds_for_these_rows_alone() {
    let preview = |config: &mut customerio_mcp::config::WorkspaceConfig| {
        config.policy.tools.insert("import_customers".to_owned(), Decision::Preview);
    };
    let desk = Desk::with(Setup::shop().with(preview)).await;
    desk.write("people.csv", "id,plan\ncust_0001,gold\ncust_5001,gold\ncust_5002,gold\n");
    let arguments = json!({ "file": "people.csv" });
    let plan = desk.product.refused("import_customers", arguments.clone()).await;
    assert_eq!(plan["error"], "preview_required");
    let details = &plan["details"];
    assert_eq!(
        (&details["audience"], &details["creates_people"], &details["target"]),
        (&json!({ "people": 3, "count": "exact" }), &json!(2), &json!("rows of the file people.csv"))
    );
    let with_token = json!({ "file": "people.csv", "plan_token": details["plan_token"] });
    desk.write("people.csv", "id,plan\ncust_0001,gold\ncust_5001,gold\ncust_5003,gold\n");
    let other = desk.product.refused("import_customers", with_token.clone()).await;
    assert_eq!(other["error"], "plan_invalid", "{other}");
    assert_eq!(batches(&desk.product).await, 0);
    desk.write("people.csv", "id,plan\ncust_0001,gold\ncust_5001,gold\ncust_5002,gold\n");
    let answer = desk.product.ok("import_customers", with_token.clone()).await;
    assert_eq!(answer["rows_accepted"], 3);
    assert_eq!(batches(&desk.product).await, 1);
}

#[tokio::test]
async fn what_the_operator_denies_or_keeps_to_a_human_is_not_imported() {
    let decided = |decision| {
        Setup::shop().with_ids().with(move |config| {
            config.policy.tools.insert("import_customers".to_owned(), decision);
        })
    };
    for (decision, error) in [(Decision::Deny, "denied"), (Decision::Approve, "approval_required")] {
        let product = decided(decision).start().await;
        let answer = product.refused("import_customers", json!({ "rows": people(1) })).await;
        assert_eq!((answer["error"].as_str(), batches(&product).await), (Some(error), 0));
    }
}

#[tokio::test]
async fn somebody_who_was_erased_does_not_come_back() {
    let desk = Desk::in_small_steps().await;
    // Enough rows behind them that their batch has not left when they are erased.
    let lines: Vec<String> = (0..6_000)
        .map(|at| {
            json!({ "customer": "cust_0001", "name": "imported", "data": { "at": at, "pad": "x".repeat(60) } })
                .to_string()
        })
        .chain([json!({ "customer": "cust_0002", "name": "imported" }).to_string()])
        .collect();
    desk.write("events.jsonl", lines.join("\n"));
    let mut answer = desk.product.ok("track_events", json!({ "file": "events.jsonl" })).await;
    while answer["rows_done"] == 0 {
        answer = desk.product.ok("track_events", json!({ "handle": answer["handle"] })).await;
    }
    assert_eq!(answer["result"], "in_progress");
    desk.product.planned("erase_customer", json!({ "customer": "cust_0002" })).await;
    let erased = desk.people_count().await;
    let answers = desk.to_the_end("track_events", json!({ "handle": answer["handle"] })).await;
    let last = answers.last().unwrap();
    assert_eq!((&last["rows_accepted"], &last["rows_refused"]), (&json!(6_000), &json!(1)), "{last}");
    assert_eq!((&last["refused"][0]["row"], &last["refused"][0]["error"]), (&json!(6_001), &json!("customer_erased")));
    assert_eq!(desk.people_count().await, erased);
    let again =
        desk.product.refused("track_events", json!({ "rows": [{ "customer": "cust_0002", "name": "seen" }] })).await;
    assert_eq!(again["details"]["refused"][0]["error"], "customer_erased", "{again}");
    let upsert = desk.product.refused("import_customers", json!({ "rows": [{ "id": "cust_0002" }] })).await;
    assert_eq!(upsert["details"]["refused"][0]["error"], "customer_erased", "{upsert}");
}

#[tokio::test]
async fn the_audit_has_each_call_and_no_personal_data() {
    let desk = Desk::in_small_steps().await;
    desk.people("people.csv", 1_200);
    let answers = desk.to_the_end("import_customers", json!({ "file": "people.csv" })).await;
    let audit = desk.product.ok("list_audit", json!({ "limit": 100 })).await;
    let records = audit["records"].as_array().unwrap();
    let of = |decision: &str| {
        records.iter().filter(|one| one["tool"] == "import_customers" && one["decision"] == decision).count()
    };
    assert_eq!(of("checking") + of("committed"), answers.len(), "{audit}");
    assert_eq!(of("admitted"), of("committed"));
    let text = audit.to_string();
    assert!(!text.contains("shop.io") && !text.contains("people.csv") && !text.contains("cust_5"), "{text}");
}

#[tokio::test]
async fn read_only_servers_import_nothing() {
    let choice = customerio_mcp::tools::offer::Choice {
        read_only: true,
        toolsets: vec!["all".to_owned()],
        ..Default::default()
    };
    let product = Setup::shop().with_ids().choosing(choice).start().await;
    let listed = product.client.list_all_tools().await.unwrap();
    assert!(listed.iter().all(|tool| tool.name != "import_customers" && tool.name != "track_events"));
}
