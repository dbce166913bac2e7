//! What the tools cost every conversation before a word is said. Growth shows here, and is accepted by hand.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

mod tokens;

use std::{fmt::Write as _, sync::Arc};

use customerio_mcp::{
    guard::policy::Policy,
    tools::{self, tool::Callable},
};
use insta::assert_snapshot;
use serde_json::Value;

/// The most that the list a client gets unless told otherwise may cost.
const DEFAULT_LIST: usize = 3_500;

/// The most that one tool may cost.
const ONE_TOOL: usize = 450;

/// The most that a tool may cost on average where all of them are listed.
const EACH_OF_ALL: usize = 110;

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
      39  list_approvals
     275  list_audit
     177  find_customers
     122  get_customer
     179  identify_customer
     175  set_subscription
     169  merge_customers
     228  import_customers
      54  list_test_customers
      86  delete_test_customers
     191  track_event
     270  track_events
     130  explain_delivery
      97  list_segments
     108  get_segment
      90  create_segment
     117  add_to_segment
     118  remove_from_segment
      65  delete_segment
      97  list_templates
     191  update_template
      96  update_snippet
      66  delete_snippet
     165  preview_message
     342  send_transactional
     125  get_delivery
     193  list_deliveries
     188  list_campaigns
     367  trigger_broadcast
     255  send_newsletter
     384  get_metrics
      96  create_test_group
     262  update_variant
     241  compare_variants
     115  export_customer_data
      99  delete_customer
     125  erase_customer
     104  unsuppress_customer
      95  advance_clock
     168  inject_fault
      77  reset_sandbox
     140  find_operations
      58  run_read_operation
      71  run_write_operation
      55  run_trigger_operation
      53  run_send_operation
      51  run_delete_operation
    3212  by default: 26 tools, 123 each on average, 40874 bytes sent
    7315  all: 49 tools, 149 each on average, 82209 bytes sent
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
    let operations = tools::operations::under(&Policy::default());
    let mut each: Vec<(usize, &str)> =
        operations.iter().map(|tool| (tokens::of_tool(tool.as_ref()), tool.spec().name)).collect();
    each.sort_unstable_by(|a, b| b.cmp(a));
    let total: usize = each.iter().map(|(cost, _)| cost).sum();
    let (crafted, count) = (tools::all(), each.len());
    let all = (total + tokens::of_tools(&crafted)) / (count + crafted.len());
    let figures = format!("{total} for {count} operations, {} each; {all} each with all tools", total / count);
    let dearest: Vec<String> = each.iter().take(5).map(|(cost, name)| format!("{cost:>4}  {name}")).collect();
    assert!(all <= EACH_OF_ALL, "{figures}");
    assert!(each[0].0 <= ONE_TOOL, "{each:?}");
    assert_snapshot!(format!("{}\n{figures}", dearest.join("\n")), @"
     380  create_and_send_newsletter
     319  create_newsletter
     248  export_deliveries
     241  start_live_notification
     239  list_design_emails
    16564 for 170 operations, 97 each; 109 each with all tools
    ");
}
