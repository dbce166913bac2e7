//! What the tools cost every conversation before a word is said. Growth shows here, and is accepted by hand.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

mod tokens;

use std::{fmt::Write as _, sync::Arc};

use customerio_mcp::{
    catalog::{Operation, Operations},
    tools::{self, tool::Callable},
};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// The most that the list a client gets unless told otherwise may cost.
const DEFAULT_LIST: usize = 3_500;

/// The most that one tool may cost.
const ONE_TOOL: usize = 450;

/// The most that a tool may cost on average where all of them are listed.
const EACH_OF_ALL: usize = 110;

/// Tokens of a declared operation, listed as a tool of its own without the arguments that guards add.
fn of_operation(operation: &Operation) -> usize {
    let schema = operation.input_schema();
    tokens::of_shown(&json!(operation.name), &json!(operation.summary), &Value::Object(schema))
}

/// Bytes of the answer of `tools/list`, which has more in it than a model is shown.
fn bytes(tools: &[Arc<dyn Callable>]) -> usize {
    let sent: Vec<Value> = tools.iter().map(|tool| serde_json::to_value(tool.definition()).unwrap()).collect();
    Value::Array(sent).to_string().len()
}

#[test]
fn the_tools_cost_what_they_are_known_to_cost() {
    let (all, default) = (tools::all(), tokens::default_list());
    let mut table = String::new();
    for tool in &all {
        writeln!(table, "{:>4}  {}", tokens::of_tool(tool.as_ref()), tool.spec().name).unwrap();
    }
    for (name, tools) in [("by default", &default), ("all", &all)] {
        let (tokens, count) = (tokens::of_tools(tools), tools.len());
        let each = tokens / count;
        writeln!(table, "{tokens:>4}  {name}: {count} tools, {each} each on average, {} bytes sent", bytes(tools))
            .unwrap();
    }
    assert_snapshot!(table, @"
      63  get_guardrails
     283  declare_identity_strategy
     155  list_audit
     177  find_customers
     122  get_customer
     179  identify_customer
     175  set_subscription
     198  merge_customers
      54  list_test_customers
      96  delete_test_customers
     191  track_event
     130  explain_delivery
      97  list_segments
     108  get_segment
     110  create_segment
     117  add_to_segment
     118  remove_from_segment
      75  delete_segment
      97  list_templates
     201  update_template
     106  update_snippet
      76  delete_snippet
     165  preview_message
     371  send_transactional
     125  get_delivery
     193  list_deliveries
     125  export_customer_data
     109  delete_customer
     135  erase_customer
     104  unsuppress_customer
      95  advance_clock
     168  inject_fault
      87  reset_sandbox
    2863  by default: 20 tools, 143 each on average, 36282 bytes sent
    4605  all: 33 tools, 139 each on average, 56035 bytes sent
    ");
}

#[test]
fn the_tools_leave_room_for_the_conversation() {
    for tool in tools::all() {
        let cost = tokens::of_tool(tool.as_ref());
        assert!(cost <= ONE_TOOL, "{} costs {cost} tokens, more than {ONE_TOOL}", tool.spec().name);
    }
    let cost = tokens::of_tools(&tokens::default_list());
    assert!(cost <= DEFAULT_LIST, "the default list costs {cost} tokens, more than {DEFAULT_LIST}");
}

#[test]
fn declared_operations_are_cheap() {
    let mut declared: Vec<(usize, &str)> = Operations::declared()
        .unwrap()
        .iter()
        .map(|operation| (of_operation(operation), operation.name.as_str()))
        .collect();
    declared.sort_unstable_by(|a, b| b.cmp(a));
    let total: usize = declared.iter().map(|(cost, _)| cost).sum();
    let (crafted, count) = (tools::all(), declared.len());
    let all = (total + tokens::of_tools(&crafted)) / (count + crafted.len());
    let figures = format!("{total} for {count} operations, {} each; {all} each with all tools", total / count);
    let dearest: Vec<String> = declared.iter().take(5).map(|(cost, name)| format!("{cost:>4}  {name}")).collect();
    assert!(all <= EACH_OF_ALL, "{figures}");
    assert!(declared[0].0 <= ONE_TOOL, "{declared:?}");
    assert_snapshot!(format!("{}\n{figures}", dearest.join("\n")), @"
     405  create_and_send_newsletter
     352  create_newsletter
     293  get_campaign_action_metrics
     291  trigger_broadcast
     271  get_campaign_metrics
    20298 for 192 operations, 105 each; 110 each with all tools
    ");
}
