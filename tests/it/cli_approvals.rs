//! `approvals`: what waits for a human, shown and decided on a terminal.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use customerio_mcp::{
    clock::{Clock as _, SystemClock},
    guard::policy::Decision,
};
use insta::assert_snapshot;
use regex::Regex;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::{
    cli::{Left, customerio_mcp},
    driver::{Product, Setup},
};

const OPERATOR_KEY: &str = "4745920682f5ad3425e1c71f7b98b5ede241694e";

/// A server with its state in a directory, where deleting a segment waits for a human: the id of such a call.
async fn waiting() -> (Product, TempDir, String) {
    let data = TempDir::new().unwrap();
    let setup = Setup::shop().with_ids().in_directory(data.path()).with(|config| {
        config.policy.tools.insert("delete_segment".to_owned(), Decision::Approve);
    });
    let product = setup.start().await;
    // Commands go by the machine's clock.
    product.clock.set(SystemClock.now());
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0005", "cust_0006"] })).await;
    let waits = product.refused("delete_segment", json!({ "segment_id": 2 })).await;
    let id = waits["details"]["approval_id"].as_str().unwrap().to_owned();
    (product, data, id)
}

fn arguments(data: &Path, command: &[&str]) -> Vec<String> {
    let state = ["--workspace", "sandbox", "--data", data.to_str().unwrap()];
    [command, &state].concat().into_iter().map(str::to_owned).collect()
}

fn settled(text: &str) -> String {
    let id = Regex::new("apr_[0-9a-f]{12}").unwrap();
    let moment = Regex::new(r"(\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(\.\d+Z|Z| UTC)").unwrap();
    moment.replace_all(&id.replace_all(text, "[id]"), "[moment]").into_owned()
}

fn run(data: &Path, command: &[&str]) -> Left {
    let arguments = arguments(data, command);
    let left = customerio_mcp(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).finish();
    Left { code: left.code, stdout: settled(&left.stdout), stderr: settled(&left.stderr) }
}

fn ok(data: &Path, command: &[&str]) -> String {
    let left = run(data, command);
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{command:?}");
    left.stdout
}

/// Runs a command on a terminal of its own, on which something is typed, and returns what it ends with and what stands on
/// the terminal then.
fn on_a_terminal(data: &Path, command: &[&str], typed: &str) -> (i32, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let end = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
    let mut controller = File::from(controller);
    controller.write_all(typed.as_bytes()).unwrap();
    // The terminal is the process's own, so that a key is asked for there too.
    let mut child = Command::new("setsid")
        .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_customerio-mcp")])
        .args(arguments(data, command))
        // Nothing of the machine's but where programs are.
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", data)
        .env("NO_COLOR", "1")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    let code = child.wait().unwrap().code().unwrap();
    let mut shown = vec![0; 1 << 16];
    let read = controller.read(&mut shown).unwrap();
    (code, settled(&String::from_utf8_lossy(&shown[..read]).replace('\r', "")))
}

/// The last thing that was said.
fn last_line(shown: &str) -> &str {
    shown.trim_end().lines().last().unwrap()
}

#[tokio::test]
async fn what_waits_is_listed_and_shown() {
    let (_product, data, id) = waiting().await;
    let data = data.path();
    assert_snapshot!(ok(data, &["approvals", "list"]), @"
    APPROVAL          STATE    REQUESTED                PEOPLE  TOOL
    [id]  pending  [moment]  3       delete_segment

    1 call (workspace sandbox). `approvals show ID` says what one would do.
    ");
    assert_snapshot!(ok(data, &["approvals", "list", "--json"]), @r#"{"approval_id":"[id]","state":"pending","tool":"delete_segment","effect":"delete","principal":"local","people":3,"requested_at":"[moment]","expires_at":"[moment]","decided_by":null,"decided_at":null}"#);
    assert_snapshot!(ok(data, &["approvals", "show", &id]), @r#"
    Call       delete_segment (delete) of local
    Workspace  sandbox (sandbox, sandbox)
    State      pending
    Requested  [moment]
    Expires    [moment]
    Reaches    3 people
    Target     segment 2
    Arguments
      {
        "segment_id": 2
      }
    "#);
    assert_snapshot!(ok(data, &["approvals", "show", &id, "--json"]), @r#"
    {
      "approval_id": "[id]",
      "state": "pending",
      "tool": "delete_segment",
      "effect": "delete",
      "principal": "local",
      "people": 3,
      "requested_at": "[moment]",
      "expires_at": "[moment]",
      "decided_by": null,
      "decided_at": null,
      "plan": {
        "workspace": "sandbox",
        "kind": "sandbox",
        "region": "sandbox",
        "tool": "delete_segment",
        "effect": "delete",
        "audience": {
          "people": 3,
          "count": "exact"
        },
        "target": "segment 2"
      },
      "arguments": {
        "segment_id": 2
      }
    }
    "#);
    let unknown = run(data, &["approvals", "show", "apr_000000000000"]);
    assert_eq!(unknown.code, 2);
    assert_snapshot!(unknown.stderr, @"error: workspace `sandbox` has no approval [id], or it has expired; `approvals list --all` shows those there are");
}

#[tokio::test]
async fn without_a_terminal_nothing_is_decided() {
    let (product, data, id) = waiting().await;
    for command in ["approve", "deny"] {
        let left = run(data.path(), &["approvals", command, &id]);
        assert_eq!((left.code, left.stdout.as_str()), (2, ""));
        insta::allow_duplicates! { assert_snapshot!(left.stderr, @"error: a human decides, on a terminal: run this on one. Nothing was decided"); }
    }
    assert_eq!(product.refused("delete_segment", json!({ "segment_id": 2 })).await["error"], "approval_required");
}

#[tokio::test]
async fn whoever_types_the_number_of_people_approves() {
    let (product, data, id) = waiting().await;
    let approve = ["approvals", "approve", id.as_str()];
    for wrong in ["4\n", "\n", "y\n", "approve\n"] {
        let (code, shown) = on_a_terminal(data.path(), &approve, wrong);
        let is_refused = last_line(&shown).ends_with("error: that is something else; nothing was decided");
        assert!(code == 1 && is_refused, "{wrong:?}: {shown}");
    }
    let (code, shown) = on_a_terminal(data.path(), &approve, "3\n");
    assert_eq!(code, 0, "{shown}");
    assert_snapshot!(shown, @r#"
    3
    Call       delete_segment (delete) of local
    Workspace  sandbox (sandbox, sandbox)
    State      pending
    Requested  [moment]
    Expires    [moment]
    Reaches    3 people
    Target     segment 2
    Arguments
      {
        "segment_id": 2
      }
    Type how many people it reaches, to approve it: Approved. The agent may make the call again, once, until [moment].
    "#);
    product.ok("delete_segment", json!({ "segment_id": 2 })).await;
    let again = on_a_terminal(data.path(), &approve, "3\n");
    assert_eq!((again.0, last_line(&again.1)), (1, "error: it is decided already: spent; nothing was changed"));
    assert_snapshot!(ok(data.path(), &["approvals", "list", "--all"]), @"
    APPROVAL          STATE  REQUESTED                PEOPLE  TOOL
    [id]  spent  [moment]  3       delete_segment

    1 call (workspace sandbox). `approvals show ID` says what one would do.
    ");
}

#[tokio::test]
async fn a_call_is_denied_on_a_terminal() {
    let (product, data, id) = waiting().await;
    let (code, shown) = on_a_terminal(data.path(), &["approvals", "deny", &id], "");
    assert_eq!((code, last_line(&shown)), (0, "Denied. The agent is told so if it makes the call again."));
    assert_eq!(product.refused("delete_segment", json!({ "segment_id": 2 })).await["error"], "approval_denied");
}

#[tokio::test]
async fn where_operators_have_keys_theirs_is_asked_for_and_their_name_stays() {
    let (product, data, id) = waiting().await;
    let hash = hex::encode(Sha256::digest(OPERATOR_KEY));
    let config = data.path().join("customerio-mcp.toml");
    std::fs::write(&config, format!("[workspaces.sandbox.approvals.operator_keys]\nalice = \"{hash}\"\n")).unwrap();
    let approve = ["approvals", "approve", id.as_str(), "--config", config.to_str().unwrap()];
    let (code, shown) = on_a_terminal(data.path(), &approve, "nobodys\n3\n");
    assert_eq!((code, last_line(&shown)), (1, "error: that is nobody's key; nothing was decided"), "{shown}");
    let (code, shown) = on_a_terminal(data.path(), &approve, &format!("{OPERATOR_KEY}\n3\n"));
    assert_eq!(code, 0, "{shown}");
    product.ok("delete_segment", json!({ "segment_id": 2 })).await;
    let audit = ok(data.path(), &["audit", "list", "--json", "--tool", "delete_segment"]);
    assert_eq!(audit.matches(r#""approved_by":"operator alice""#).count(), 3, "{audit}");
}

#[test]
fn a_new_key_is_shown_once_with_the_line_that_knows_it() {
    let left = customerio_mcp(&["approvals", "new-key"]).finish();
    let key = left.stdout.lines().next().unwrap();
    assert_eq!((left.code, key.len()), (0, 40));
    assert!(left.stdout.contains(&hex::encode(Sha256::digest(key))), "{}", left.stdout);
    assert_ne!(customerio_mcp(&["approvals", "new-key"]).finish().stdout, left.stdout);
}
