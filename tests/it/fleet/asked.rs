//! How a workspace is named, and what says which it was.

use std::collections::HashMap;

use rmcp::model::{ArgumentInfo, CompleteRequestParams, CompletionContext, ReadResourceRequestParams, Reference};
use serde_json::{Value, json};

use super::{STAGING, there, two};
use crate::{
    driver::{Product, Setup},
    witness::text,
};

#[tokio::test]
async fn with_one_workspace_nothing_is_said_of_others() {
    let product = Setup::shop().with_ids().start().await;
    for tool in product.client.list_all_tools().await.unwrap() {
        let properties = tool.input_schema.get("properties");
        assert!(properties.and_then(|properties| properties.get("workspace")).is_none(), "{}", tool.name);
    }
    let shown = product.ok("get_guardrails", json!({})).await;
    assert!(shown.get("other_workspaces").is_none(), "{shown}");
    let refused = product.refused("list_segments", json!({ "workspace": "sandbox" })).await;
    assert_eq!(refused["error"], "invalid_argument", "{refused}");
    assert!(product.ok("list_segments", json!({})).await.get("workspace").is_none());
    assert!(product.client.peer_info().unwrap().instructions.as_ref().unwrap().contains("one Customer.io workspace"));
}

#[tokio::test]
async fn every_tool_takes_the_workspace_and_says_it() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let tools = product.client.list_all_tools().await.unwrap();
    assert!(tools.len() > 200, "{}", tools.len());
    for tool in &tools {
        let argument = &tool.input_schema["properties"]["workspace"];
        assert_eq!(
            argument,
            &json!({ "type": "string", "enum": ["sandbox", STAGING], "default": "sandbox" }),
            "{}",
            tool.name
        );
        assert!(tool.output_schema.as_ref().unwrap()["properties"]["workspace"].is_object(), "{}", tool.name);
    }
    let here = product.ok("list_segments", json!({})).await;
    let beside = product.ok("list_segments", there(json!({}))).await;
    assert_eq!((&here["workspace"], &beside["workspace"]), (&json!("sandbox"), &json!(STAGING)));
    let shown = product.ok("get_guardrails", there(json!({}))).await;
    assert_eq!((&shown["workspace"], &shown["other_workspaces"]), (&json!(STAGING), &json!(["sandbox"])));
    let instructions = product.client.peer_info().unwrap().instructions.clone().unwrap();
    assert!(instructions.contains("Workspaces: sandbox") && instructions.len() < 2_048, "{instructions}");
}

#[tokio::test]
async fn a_workspace_that_is_not_served_is_named_with_those_that_are() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    insta::assert_snapshot!(text(&product.refused("list_segments", json!({ "workspace": "prod" })).await), @r#"
    {
      "error": "invalid_argument",
      "message": "`workspace` is none of those served here: `sandbox`, `staging`. Nothing ran.",
      "field": "workspace",
      "next_step": "Name one of them, or leave it out for `sandbox`.",
      "safe_to_retry": false
    }
    "#);
    for wrong in [json!(""), json!(7), json!(null), json!("Sandbox"), json!(["sandbox"])] {
        let refused = product.refused("create_segment", json!({ "name": "One", "workspace": wrong })).await;
        assert_eq!(
            (&refused["error"], &refused["field"]),
            (&json!("invalid_argument"), &json!("workspace")),
            "{refused}"
        );
    }
    // Nobody's call is on the default's record.
    let refused = product.ok("list_audit", json!({ "phase": "refusal" })).await;
    assert_eq!(refused["records"].as_array().unwrap().len(), 6, "{refused}");
}

#[tokio::test]
async fn an_operation_is_run_where_its_runner_is_told() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let before = (product.counts().await, product.counts_beside(STAGING).await["segments"].as_u64().unwrap());
    let run = |inner: Value| json!({ "operation": "create_segment", "arguments": inner });
    // The inner arguments may repeat the workspace, and name no other one.
    insta::assert_snapshot!(
        text(&product.refused("run_write_operation", run(json!({ "name": "A", "workspace": STAGING }))).await), @r#"
    {
      "error": "invalid_argument",
      "message": "The call acts on `sandbox`, and its `arguments` name another workspace. Nothing ran.",
      "field": "arguments.workspace",
      "next_step": "Give `workspace` beside `operation`, and leave it out of `arguments`.",
      "details": {
        "workspace": "sandbox"
      },
      "safe_to_retry": false
    }
    "#);
    let other = there(run(json!({ "name": "A", "workspace": "sandbox" })));
    assert_eq!(product.refused("run_write_operation", other).await["field"], "arguments.workspace");
    assert_eq!(product.counts().await, before.0);
    assert_eq!(product.counts_beside(STAGING).await["segments"], before.1);
    let made = product.ok("run_write_operation", there(run(json!({ "name": "A", "workspace": STAGING })))).await;
    assert_eq!(made["workspace"], STAGING, "{made}");
    // It is the same call as the tool's own, there alone.
    let again = product.ok("create_segment", there(json!({ "name": "A" }))).await;
    assert!(again["duplicate_of"].is_string(), "{again}");
    assert_eq!(product.counts().await, before.0);
    assert_eq!(product.counts_beside(STAGING).await["segments"], before.1 + 1);
}

async fn read(product: &Product, uri: &str) -> Result<Value, String> {
    let result = product.client.read_resource(ReadResourceRequestParams::new(uri)).await;
    let result = result.map_err(|error| error.to_string())?;
    let content = serde_json::to_value(&result.contents[0]).unwrap();
    Ok(serde_json::from_str(content["text"].as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn resources_lie_below_the_name_of_their_workspace() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let listed = product.client.list_all_resources().await.unwrap();
    let templates = product.client.list_all_resource_templates().await.unwrap();
    let uris = listed.iter().map(|one| one.uri.clone()).chain(templates.iter().map(|one| one.uri_template.clone()));
    insta::assert_snapshot!(uris.collect::<Vec<_>>().join("\n"), @"
    customerio://guardrails
    customerio://staging/guardrails
    customerio://deliveries/{delivery_id}
    customerio://segments/{segment_id}
    customerio://campaigns/{campaign_id}
    customerio://templates/{template_id}
    customerio://exports/{export_id}
    customerio://{workspace}/deliveries/{delivery_id}
    customerio://{workspace}/segments/{segment_id}
    customerio://{workspace}/campaigns/{campaign_id}
    customerio://{workspace}/templates/{template_id}
    customerio://{workspace}/exports/{export_id}
    ");
    let made = product.ok("create_segment", there(json!({ "name": "Only there" }))).await["segment_id"].clone();
    assert_eq!(read(&product, "customerio://guardrails").await.unwrap()["workspace"], "sandbox");
    assert_eq!(read(&product, "customerio://staging/guardrails").await.unwrap()["workspace"], STAGING);
    assert_eq!(read(&product, "customerio://sandbox/guardrails").await.unwrap()["workspace"], "sandbox");
    let segment = read(&product, &format!("customerio://staging/segments/{made}")).await.unwrap();
    assert_eq!(segment["segment"]["segment_id"], made, "{segment}");
    assert!(read(&product, &format!("customerio://segments/{made}")).await.unwrap_err().contains("no segment"));
    assert!(read(&product, "customerio://prod/guardrails").await.unwrap_err().contains("no such resource"));
    let export = product.ok("export_customer_data", there(json!({ "customer": "cust_0001" }))).await;
    let uri = export["uri"].as_str().unwrap();
    assert!(uri.starts_with("customerio://staging/exports/"), "{uri}");
    assert_eq!(read(&product, uri).await.unwrap()["export_id"], export["export_id"]);
    assert!(read(&product, &uri.replace("staging/", "")).await.is_err());
}

#[tokio::test]
async fn what_is_filled_in_is_looked_for_in_the_workspace_chosen() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let made = product.ok("create_segment", there(json!({ "name": "Only there" }))).await["segment_id"].clone();
    let complete = async |argument: &str, typed: &str, workspace: Option<&str>| {
        let reference = Reference::for_resource("customerio://{workspace}/segments/{segment_id}");
        let argument = serde_json::from_value::<ArgumentInfo>(json!({ "name": argument, "value": typed })).unwrap();
        let mut request = CompleteRequestParams::new(reference, argument);
        if let Some(workspace) = workspace {
            let given = HashMap::from([("workspace".to_owned(), workspace.to_owned())]);
            request = request.with_context(CompletionContext::with_arguments(given));
        }
        product.client.complete(request).await.unwrap().completion.values
    };
    assert_eq!(complete("segment_id", "only", Some(STAGING)).await, [made.to_string()]);
    assert!(complete("segment_id", "only", None).await.is_empty());
    assert!(complete("segment_id", "only", Some("sandbox")).await.is_empty());
    assert!(complete("segment_id", "", Some("prod")).await.is_empty());
    assert_eq!(complete("workspace", "st", None).await, [STAGING]);
}

#[tokio::test]
async fn what_the_operator_excludes_is_excluded_everywhere() {
    let choice = customerio_mcp::tools::offer::Choice {
        toolsets: vec!["all".to_owned()],
        exclude_tools: vec!["create_segment".to_owned()],
        read_only: true,
        ..Default::default()
    };
    let read_only = || Setup::shop().choosing(choice.clone());
    let product = two(read_only(), read_only()).start().await;
    let tools = product.client.list_all_tools().await.unwrap();
    assert!(tools.iter().all(|tool| tool.annotations.as_ref().unwrap().read_only_hint == Some(true)));
    let there_too = there(json!({ "operation": "create_segment", "arguments": { "name": "x" } }));
    assert!(product.refused("run_read_operation", there_too).await["error"] == "not_found");
    assert_eq!(product.ok("get_guardrails", there(json!({}))).await["read_only"], true);
}
