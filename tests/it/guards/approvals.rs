//! A human's approval: asked for in either era, given on a terminal, good for one call on one audience.

use std::time::Duration;

use customerio_mcp::guard::policy::{Approver, Decision};
use futures_util::future::join_all;
use rmcp::model::{CallToolRequestParams, CallToolResponse, InputRequiredResult};
use serde_json::{Value, json};

use super::{count, started, without};
use crate::{
    driver::{Product, Setup},
    human::{Answer, Human},
    witness::{person, refused, text},
};

fn approving(tool: &'static str) -> Setup {
    Setup::shop().with(move |config| {
        config.policy.tools.insert(tool.to_owned(), Decision::Approve);
    })
}

/// A product whose deletions of segments need a human, and the human.
async fn asked(answers: impl IntoIterator<Item = Answer>) -> (Product, Human) {
    with_three(approving("delete_segment"), answers).await
}

async fn asked_modern(answers: impl IntoIterator<Item = Answer>) -> (Product, Human) {
    with_three(approving("delete_segment").modern(), answers).await
}

/// Three people in the segment: a number to be typed.
async fn with_three(setup: Setup, answers: impl IntoIterator<Item = Answer>) -> (Product, Human) {
    let human = Human::answering(answers);
    let product = started(setup.with_human(&human)).await;
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0005", "cust_0006"] })).await;
    (product, human)
}

fn yes() -> Answer {
    Answer::Accept(json!({ "approve": true, "people": 3 }))
}

fn segment() -> Value {
    json!({ "segment_id": 2 })
}

fn approval_id(error: &Value) -> String {
    error["details"]["approval_id"].as_str().unwrap_or_else(|| panic!("nothing waits: {error}")).to_owned()
}

/// Who approved what the audit trail says of the newest calls.
async fn trail(product: &Product) -> String {
    let listed = product.ok("list_audit", json!({ "limit": 4 })).await;
    let mut lines: Vec<String> = listed["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} by {}", text("tool"), text("phase"), text("decision"), text("approved_by"))
        })
        .collect();
    lines.reverse();
    lines.join("\n")
}

#[tokio::test]
async fn the_person_at_the_client_is_told_what_they_approve() {
    let (product, human) = asked([yes()]).await;
    product.ok("delete_segment", segment()).await;
    insta::assert_snapshot!(text(&json!(human.asked())), @r#"
    [
      {
        "message": "An agent asks to run delete_segment (delete) in workspace sandbox (sandbox, sandbox).\nReaches: 3 people\nTarget: segment 2\nThe agent's arguments, word for word: {\"segment_id\":2}",
        "form": {
          "type": "object",
          "properties": {
            "approve": {
              "type": "boolean",
              "title": "Approve",
              "description": "Let this one call run"
            },
            "people": {
              "type": "integer",
              "title": "How many people does it reach?",
              "description": "Type the number given above; needed to approve",
              "minimum": 0
            }
          },
          "required": [
            "approve",
            "people"
          ]
        }
      }
    ]
    "#);
    assert_eq!(product.app("segments/2").await.0, 404);
    insta::assert_snapshot!(trail(&product).await, @"
    delete_segment answer approval_required by -
    delete_segment decision approved by client
    delete_segment decision admitted by client
    delete_segment outcome committed by client
    ");
}

#[tokio::test]
async fn in_the_newer_era_the_answer_asks() {
    let (product, human) = asked_modern([yes()]).await;
    product.ok("delete_segment", segment()).await;
    assert_eq!(human.asked().len(), 1);
    assert_eq!(product.app("segments/2").await.0, 404);
    insta::assert_snapshot!(trail(&product).await, @"
    delete_segment answer approval_required by -
    delete_segment decision approved by client
    delete_segment decision admitted by client
    delete_segment outcome committed by client
    ");
}

#[tokio::test]
async fn a_no_stands_for_an_hour_and_nobody_is_asked_again() {
    for (product, human) in [asked([Answer::Decline, yes()]).await, asked_modern([Answer::Decline, yes()]).await] {
        let denied = refused(&product, "delete_segment", segment()).await;
        insta::allow_duplicates! { insta::assert_snapshot!(denied, @r#"
        {
          "error": "approval_denied",
          "message": "A human has decided against this call of delete_segment. Nothing ran.",
          "next_step": "Tell the user. Do not make the call again, nor try another way to the same effect.",
          "safe_to_retry": false
        }
        "#); }
        let again = product.refused("delete_segment", segment()).await;
        assert_eq!(again["error"], "approval_denied", "{again}");
        assert_eq!(human.asked().len(), 1);
        product.clock.advance(Duration::from_mins(61));
        product.ok("delete_segment", segment()).await;
        assert_eq!(human.asked().len(), 2);
    }
}

#[tokio::test]
async fn what_is_not_decided_waits() {
    let wrong = Answer::Accept(json!({ "approve": true, "people": 30 }));
    for (product, human) in
        [asked([Answer::Cancel, wrong.clone(), yes()]).await, asked_modern([Answer::Cancel, wrong, yes()]).await]
    {
        let cancelled = product.refused("delete_segment", segment()).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                without(&cancelled, &["/details/approval_id", "/next_step"]),
                @r#"
            {
              "error": "approval_required",
              "message": "The operator's policy asks for a human's approval of this call. Nothing ran. The person at the client has not decided.",
              "next_step": "…",
              "details": {
                "workspace": "sandbox",
                "kind": "sandbox",
                "region": "sandbox",
                "tool": "delete_segment",
                "effect": "delete",
                "audience": {
                  "people": 3,
                  "count": "exact"
                },
                "target": "segment 2",
                "approval_id": "…",
                "expires_at": "2026-03-03T09:05:00Z"
              },
              "safe_to_retry": false
            }
            "#
            );
        }
        let wrong = product.refused("delete_segment", segment()).await;
        assert_eq!(approval_id(&wrong), approval_id(&cancelled), "it is the same matter");
        insta::allow_duplicates! { insta::assert_snapshot!(wrong["message"].as_str().unwrap(), @"The operator's policy asks for a human's approval of this call. Nothing ran. The person asked typed another number of people than the call reaches."); }
        assert_eq!(product.app("segments/2").await.0, 200);
        product.ok("delete_segment", segment()).await;
        assert_eq!(human.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_form_filled_in_with_no_is_a_no() {
    let (product, _) = asked([Answer::Accept(json!({ "approve": false, "people": 3 }))]).await;
    assert_eq!(product.refused("delete_segment", segment()).await["error"], "approval_denied");
}

#[tokio::test]
async fn a_client_that_cannot_ask_leaves_it_to_an_operator() {
    let product = started(approving("delete_segment")).await;
    let waits = product.refused("delete_segment", segment()).await;
    let id = approval_id(&waits);
    assert!(waits["next_step"].as_str().unwrap().contains(&format!("approvals approve {id}")), "{waits}");
    let again = product.refused("delete_segment", segment()).await;
    assert_eq!(approval_id(&again), id);
    let listed = product.ok("list_approvals", json!({})).await;
    insta::assert_snapshot!(without(&listed, &["/approvals/0/approval_id"]), @r#"
    {
      "approvals": [
        {
          "approval_id": "…",
          "tool": "delete_segment",
          "effect": "delete",
          "state": "pending",
          "people": 1,
          "requested_at": "2026-03-02T09:05:00Z",
          "expires_at": "2026-03-03T09:05:00Z"
        }
      ]
    }
    "#);

    product.decide(&id, true).await;
    product.ok("delete_segment", segment()).await;
    insta::assert_snapshot!(trail(&product).await, @"
    list_approvals read read by -
    delete_segment decision approved by operator
    delete_segment decision admitted by operator
    delete_segment outcome committed by operator
    ");
    let listed = product.ok("list_approvals", json!({})).await;
    assert_eq!(listed["approvals"][0]["state"], "spent", "{listed}");
}

#[tokio::test]
async fn where_operators_alone_decide_the_client_is_not_asked() {
    let human = Human::answering([]);
    let setup = approving("delete_segment").with(|config| config.approvals.by = Some(Approver::Operator));
    let product = started(setup.with_human(&human)).await;
    let waits = product.refused("delete_segment", segment()).await;
    assert_eq!(waits["error"], "approval_required", "{waits}");
    assert_eq!(human.asked(), [] as [Value; 0]);
    product.decide(&approval_id(&waits), false).await;
    assert_eq!(product.refused("delete_segment", segment()).await["error"], "approval_denied");
}

#[tokio::test]
async fn an_approval_is_good_for_one_call() {
    let product = started(approving("add_to_segment")).await;
    let call = json!({ "segment_id": 2, "customers": ["cust_0005"] });
    let waits = product.refused("add_to_segment", call.clone()).await;
    product.decide(&approval_id(&waits), true).await;
    let calls = (0..16).map(|_| product.call("add_to_segment", call.clone()));
    let answers = join_all(calls).await;
    let ran = answers.iter().filter(|answer| answer.get("error").is_none()).count();
    assert_eq!(ran, 1, "{}", text(&json!(answers)));
    let again = product.refused("add_to_segment", call).await;
    assert_ne!(approval_id(&again), approval_id(&waits));
}

#[tokio::test]
async fn an_approval_is_for_its_own_call_and_expires() {
    let product = started(approving("add_to_segment")).await;
    let call = |customer: &str| json!({ "segment_id": 2, "customers": [customer] });
    let waits = product.refused("add_to_segment", call("cust_0005")).await;
    product.decide(&approval_id(&waits), true).await;
    let other = product.refused("add_to_segment", call("cust_0006")).await;
    assert_ne!(approval_id(&other), approval_id(&waits));
    product.clock.advance(Duration::from_mins(61));
    let late = product.refused("add_to_segment", call("cust_0005")).await;
    assert_ne!(approval_id(&late), approval_id(&waits), "a decision holds for an hour");
    product.clock.advance(Duration::from_hours(25));
    assert_eq!(product.ok("list_approvals", json!({})).await, json!({ "approvals": [] }), "nothing waits for ever");
}

#[tokio::test]
async fn an_approved_call_that_would_reach_others_by_now_is_refused() {
    let product = started(approving("delete_segment")).await;
    let waits = product.refused("delete_segment", segment()).await;
    product.decide(&approval_id(&waits), true).await;
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0007"] })).await;
    let grown = product.refused("delete_segment", segment()).await;
    assert_ne!(approval_id(&grown), approval_id(&waits));
    insta::assert_snapshot!(grown["message"].as_str().unwrap(), @"A human approved this call for other people than it would reach now. Nothing ran, and it needs a new approval.");
    assert_eq!(product.app("segments/2").await.0, 200);
}

#[tokio::test]
async fn a_person_who_takes_long_is_not_waited_for_when_the_caller_has_gone() {
    let (product, human) = asked([Answer::Never, yes()]).await;
    let call = product.call("delete_segment", segment());
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    assert_eq!(product.app("segments/2").await.0, 200);
    product.ok("delete_segment", segment()).await;
    assert_eq!(human.asked().len(), 2);
}

#[tokio::test]
async fn operations_are_approved_as_crafted_tools_are_however_they_are_called() {
    let human = Human::answering([Answer::Accept(json!({ "approve": true })), Answer::Decline]);
    let product = started(approving("create_collection").with_human(&human)).await;
    let rows = |name: &str| json!({ "name": name, "data": [{ "sku": "a" }] });
    product.ok("create_collection", rows("one")).await;
    let inner = json!({ "operation": "create_collection", "arguments": rows("two") });
    let denied = product.refused("run_write_operation", inner).await;
    assert_eq!(denied["error"], "approval_denied", "{denied}");
    assert_eq!(human.asked().len(), 2);
    let names = product.app("collections").await.1.to_string();
    assert!(names.contains("\"one\"") && !names.contains("\"two\""), "{names}");
}

#[tokio::test]
async fn all_data_of_one_person_is_handed_out_once_for_each_approval() {
    let product = Setup::live().with_ids().start().await;
    let call = json!({ "customer": "cust_0001" });
    let waits = product.refused("export_customer_data", call.clone()).await;
    assert_eq!(waits["error"], "approval_required", "{waits}");
    product.decide(&approval_id(&waits), true).await;
    product.ok("export_customer_data", call.clone()).await;
    let again = product.refused("export_customer_data", call).await;
    assert_ne!(approval_id(&again), approval_id(&waits));
}

#[tokio::test]
async fn an_import_is_approved_with_its_very_rows() {
    let product = started(approving("import_customers")).await;
    let rows = json!({ "rows": [{ "id": "cust_9001" }, { "id": "cust_9002" }] });
    let waits = product.refused("import_customers", rows.clone()).await;
    assert_eq!(waits["details"]["audience"]["people"], 2, "{waits}");
    product.decide(&approval_id(&waits), true).await;
    let before = count(&product, "people").await;
    product.ok("import_customers", rows).await;
    assert_eq!(count(&product, "people").await, before + 2);
}

#[tokio::test]
async fn erasing_somebody_takes_what_waits_about_them_along() {
    let product = started(approving("identify_customer")).await;
    let call = json!({ "id": "cust_0003", "attributes": { "plan": "gold" } });
    let waits = product.refused("identify_customer", call).await;
    approval_id(&waits);
    product.planned("erase_customer", json!({ "customer": "cust_0003" })).await;
    assert_eq!(product.ok("list_approvals", json!({})).await, json!({ "approvals": [] }));
}

/// The first half of an exchange in the newer era, and what it takes to make the second.
async fn question(product: &Product, tool: &'static str, arguments: &Value) -> InputRequiredResult {
    let mut request = CallToolRequestParams::new(tool);
    request.arguments = arguments.as_object().cloned();
    match product.client.call_tool_once(request).await.unwrap() {
        CallToolResponse::InputRequired(question) => question,
        other => panic!("nobody is asked: {other:?}"),
    }
}

async fn answer(product: &Product, tool: &'static str, arguments: &Value, state: &str, answer: Value) -> Value {
    let mut request = CallToolRequestParams::new(tool);
    request.arguments = arguments.as_object().cloned();
    request.request_state = Some(state.to_owned());
    request.input_responses = Some([("approval".to_owned(), answer)].into());
    match product.client.call_tool_once(request).await.unwrap() {
        CallToolResponse::Complete(result) => serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap(),
        CallToolResponse::InputRequired(_) => json!({ "asks": true }),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_client_sends_back_is_good_for_its_own_call_once() {
    let (product, _) = asked_modern([]).await;
    let accept = json!({ "action": "accept", "content": { "approve": true, "people": 3 } });
    let state = question(&product, "delete_segment", &segment()).await.request_state.unwrap();
    let mut altered = state.clone().into_bytes();
    altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for (arguments, state) in [(segment(), altered.as_str()), (segment(), ""), (json!({ "segment_id": 1 }), &state)] {
        let refused = answer(&product, "delete_segment", &arguments, state, accept.clone()).await;
        assert_eq!(refused["error"], "plan_invalid", "{refused}");
    }
    let other_tool = answer(&product, "get_segment", &segment(), &state, accept.clone()).await;
    assert_eq!(other_tool["error"], "plan_invalid", "{other_tool}");
    assert_eq!(product.app("segments/2").await.0, 200);

    let ran = answer(&product, "delete_segment", &segment(), &state, accept.clone()).await;
    assert!(ran.get("error").is_none(), "{ran}");
    let again = answer(&product, "delete_segment", &segment(), &state, accept).await;
    assert_eq!(again["error"], "not_found", "{again}");
}

#[tokio::test]
async fn an_answer_that_comes_twice_approves_once() {
    let human = Human::answering([]);
    let product = started(approving("add_to_segment").with_human(&human).modern()).await;
    let call = json!({ "segment_id": 2, "customers": ["cust_0005"] });
    let accept = json!({ "action": "accept", "content": { "approve": true } });
    let state = question(&product, "add_to_segment", &call).await.request_state.unwrap();
    let calls = (0..8).map(|_| answer(&product, "add_to_segment", &call, &state, accept.clone()));
    let answers = join_all(calls).await;
    let ran = answers.iter().filter(|answer| answer.get("error").is_none() && answer.get("asks").is_none()).count();
    assert_eq!(ran, 1, "{}", text(&json!(answers)));
    let replayed = answer(&product, "add_to_segment", &call, &state, accept).await;
    assert_eq!(replayed, json!({ "asks": true }));
}

#[tokio::test]
async fn an_answer_given_too_late_is_none() {
    let (product, _) = asked_modern([]).await;
    let state = question(&product, "delete_segment", &segment()).await.request_state.unwrap();
    product.clock.advance(Duration::from_mins(61));
    let accept = json!({ "action": "accept", "content": { "approve": true, "people": 3 } });
    let late = answer(&product, "delete_segment", &segment(), &state, accept).await;
    insta::assert_snapshot!(text(&late), @r#"
    {
      "error": "plan_invalid",
      "message": "The `requestState` has expired. Nothing was changed.",
      "field": "requestState",
      "next_step": "Call delete_segment anew, without `requestState`.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn so_many_calls_wait_and_no_more() {
    let product = started(approving("identify_customer")).await;
    for number in 0..20 {
        let call = json!({ "id": format!("cust_9{number:03}") });
        approval_id(&product.refused("identify_customer", call).await);
    }
    let more = product.refused("identify_customer", json!({ "id": "cust_9999" })).await;
    insta::assert_snapshot!(more["message"].as_str().unwrap(), @"The operator's policy asks for a human's approval of this call, and 20 of yours wait for one already: this one was put before nobody. Nothing ran.");
    assert_eq!(person(&product, "cust_9999").await, Value::Null);
}

#[tokio::test]
async fn whoever_approves_sees_every_address_a_message_goes_to() {
    let human = Human::answering([Answer::Decline]);
    let product = Setup::live().with_ids().with_human(&human).start().await;
    let send = json!({
        "template": "order_confirmation", "customer": "cust_0001", "to": "eve@elsewhere.io, bo@elsewhere.io",
        "message_data": { "order_id": "A-1", "note": "x".repeat(4_000) }, "subject": "hidden \u{200B}text",
    });
    product.refused("send_transactional", send).await;
    let asked = &human.asked()[0];
    let message = asked["message"].as_str().unwrap();
    for told in ["Reaches: 2 people", "To: eve@elsewhere.io, bo@elsewhere.io", r"hidden \u{200b}text", "left out]"] {
        assert!(message.contains(told), "{told}: {message}");
    }
    assert!(message.len() < 2_000, "{message}");
    assert!(asked["form"]["properties"]["people"].is_object(), "two addresses are two to be typed: {asked}");
}

#[tokio::test]
async fn every_address_of_a_message_is_charged() {
    let setup = Setup::live().with_ids().with(|config| {
        config.recipients.live = vec!["@shop.example".to_owned()];
        config.budgets.sends_per_hour = 3;
    });
    let product = setup.start().await;
    let send = |order: &str, to: &str| {
        json!({
            "template": "order_confirmation", "customer": "cust_0001", "to": to, "message_data": { "order_id": order },
        })
    };
    product.ok("send_transactional", send("A-1", "ada@shop.example, bo@shop.example")).await;
    let over = product.refused("send_transactional", send("A-2", "ada@shop.example,bo@shop.example")).await;
    assert_eq!(over["error"], "budget_exhausted", "{over}");
    product.ok("send_transactional", send("A-3", "ada@shop.example")).await;
}

#[tokio::test]
async fn what_was_approved_to_be_sent_is_void_once_its_words_are_changed() {
    let setup = approving("send_transactional").with(|config| {
        config.policy.content_in_use = Some(Decision::Allow);
    });
    let product = started(setup).await;
    let send = super::confirmation("cust_0001");
    let waits = product.refused("send_transactional", send.clone()).await;
    product.decide(&approval_id(&waits), true).await;
    product.ok("update_template", json!({ "template": "order_confirmation", "subject": "Quite another" })).await;
    let again = product.refused("send_transactional", send.clone()).await;
    assert_ne!(approval_id(&again), approval_id(&waits), "nobody has seen this one");
    product.decide(&approval_id(&again), true).await;
    product.ok("send_transactional", send).await;
}

#[tokio::test]
async fn a_no_takes_back_what_an_operator_has_approved_meanwhile() {
    let (product, _) = asked_modern([]).await;
    let state = question(&product, "delete_segment", &segment()).await.request_state.unwrap();
    let listed = product.ok("list_approvals", json!({})).await;
    product.decide(listed["approvals"][0]["approval_id"].as_str().unwrap(), true).await;
    let denied = answer(&product, "delete_segment", &segment(), &state, json!({ "action": "decline" })).await;
    assert_eq!(denied["error"], "approval_denied", "{denied}");
    let again = product.refused("delete_segment", segment()).await;
    assert_eq!(again["error"], "approval_denied", "{again}");
    assert_eq!(product.app("segments/2").await.0, 200);
}

#[tokio::test]
async fn rows_of_an_import_do_not_wait_with_it() {
    let product = started(approving("import_customers")).await;
    let rows = json!({ "rows": [{ "id": "cust_9001", "email": "zoe@shop.io" }] });
    let waits = product.refused("import_customers", rows).await;
    let shown = product.shown_of(&approval_id(&waits)).await;
    assert_eq!(shown, r#"{"rows":"[1 rows]"}"#);
}

#[tokio::test]
async fn a_question_of_before_is_not_answered_where_operators_alone_decide_by_now() {
    let (before, _) = asked_modern([]).await;
    let state = question(&before, "delete_segment", &segment()).await.request_state.unwrap();
    // The same server after its operator has thought better of it: same secret, same call, same approval.
    let setup = approving("delete_segment").with(|config| config.approvals.by = Some(Approver::Operator));
    let (product, _) = with_three(setup.modern(), []).await;
    let waits = product.refused("delete_segment", segment()).await;
    let known = before.ok("list_approvals", json!({})).await;
    assert_eq!(known["approvals"][0]["approval_id"], approval_id(&waits).as_str());
    let accept = json!({ "action": "accept", "content": { "approve": true, "people": 3 } });
    let refused = answer(&product, "delete_segment", &segment(), &state, accept).await;
    assert_eq!(refused["error"], "approval_required", "{refused}");
    assert_eq!(product.app("segments/2").await.0, 200);
}
