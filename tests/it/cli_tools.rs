//! `tools` and `config table`: what is printed is what a client is sent, and what the program is.

use customerio_mcp::{cli::markdown, config, error::ErrorCode, tools};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    cli::{customerio_mcp, printed, refused},
    driver::Setup,
};

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&printed(args)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_is_shown_as_a_client_is_sent_it() {
    let product = Setup::shop().start().await;
    let sent = product.client.list_all_tools().await.unwrap();
    assert_eq!(json_of(&["tools", "list", "--json"])["tools"], json!(sent));
    for tool in sent {
        assert_eq!(json_of(&["tools", "show", &tool.name, "--json"]), json!(tool), "{}", tool.name);
    }
}

#[test]
fn tools_are_listed_by_toolset() {
    assert_snapshot!(printed(&["tools", "list", "--toolsets", "guardrails,privacy"]), @"
    TOOL                       TOOLSET     EFFECT   *  TITLE
    get_guardrails             guardrails  read     *  Get the guardrails
    declare_identity_strategy  guardrails  write    *  Declare the identity strategy
    list_approvals             guardrails  read        List approvals
    list_audit                 guardrails  read        List the audit trail
    export_customer_data       privacy     read     *  Export a customer's data (ac…
    delete_customer            privacy     delete      Delete a customer
    erase_customer             privacy     delete   *  Erase a customer (GDPR, CCPA)
    unsuppress_customer        privacy     trigger     Lift a suppression

    * listed by default; the others are listed when asked for
    ");
    let listed = |args: &[&str]| json_of(args)["tools"].as_array().unwrap().len();
    let core = tools::all().iter().filter(|tool| tool.spec().core).count();
    assert_eq!(listed(&["tools", "list", "--json", "--toolsets", "core"]), core);
    let every = printed(&["tools", "list"]);
    assert_eq!(every.lines().count(), tools::every().len() + 3);
    assert!(every.lines().all(|line| line.chars().count() <= 80), "{every}");
    assert!(refused(customerio_mcp(&["tools", "list", "--toolsets", "peple"])).contains("no toolset `peple`"));
}

#[test]
fn a_tool_is_shown_to_a_reader() {
    let text = printed(&["tools", "show", "track_event"]);
    for said in ["Track an event", "effect   trigger", "Arguments", "  customer  string, required", "Answer"] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_snapshot!(refused(customerio_mcp(&["tools", "show", "track_evnt"])), @"error: there is no tool `track_evnt`: did you mean `track_event` or `track_events`?");
}

#[test]
fn the_tables_of_the_readme_leave_nothing_out() {
    let table = printed(&["tools", "table"]);
    assert_eq!(table, markdown::tools_table(&tools::all()));
    assert_eq!(table.lines().count(), tools::all().len() + 2);
    for tool in tools::all() {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{}` | ", tool.spec().name))).unwrap();
        assert_eq!(row.matches(" | ").count(), 4, "{row}");
        assert!(row.split(" | ").nth(1).unwrap().ends_with('.'), "{row}");
    }
    let errors = printed(&["tools", "errors"]);
    assert_eq!(errors.lines().count(), ErrorCode::ALL.len() + 2);
    assert!(errors.contains("| `denied` | The policy denies this tool or effect. |"), "{errors}");
    let settings = printed(&["config", "table"]);
    assert_eq!(settings, markdown::settings_table(&config::schema()));
    for row in [
        r#"| `state` | `"sqlite"`, `"postgres"` | PostgreSQL if `CUSTOMERIO_MCP_STATE_URL` is set, else SQLite | Where what the server must remember is kept. |"#,
        "| `workspaces.<name>.budgets.sends_per_day` | whole number | `500` | People sent to per day. |",
        r#"| `workspaces.<name>.identity.primary` | `"id"`, `"email"` | required | The identifier every person has. |"#,
    ] {
        assert!(settings.contains(row), "{row}\n{settings}");
    }
}
