//! `demo` as a shell sees it: the day's work happens, reads well, and leaves nothing behind.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use textwrap::core::display_width;

/// A run of `demo` with a place of its own for what is temporary.
struct Run {
    temporary: TempDir,
    command: Command,
}

/// What a run left behind.
struct Left {
    code: i32,
    stdout: String,
    stderr: String,
}

fn demo(args: &[&str], directory: &Path) -> Run {
    let temporary = crate::kept::directory();
    let mut command = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"));
    command.arg("demo").args(args).current_dir(directory).stdin(Stdio::null());
    command.env_clear().env("TMPDIR", temporary.path()).env("HOME", temporary.path());
    Run { temporary, command }
}

impl Run {
    fn finish(mut self) -> Left {
        let output = self.command.output().unwrap();
        let left_over = fs::read_dir(self.temporary.path()).unwrap().count();
        assert_eq!(left_over, 0, "something temporary is left behind");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Left { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json_lines(left: &Left) -> Vec<Value> {
    left.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn calls<'a>(lines: &'a [Value], tool: &'a str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["tool"] == tool).collect()
}

#[test]
fn the_days_work_happens() {
    let left = demo(&["--json"], repository()).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    let lines = json_lines(&left);
    assert_eq!(lines[0]["export"]["source"], "examples/customers.csv");

    let imported: Vec<_> = calls(&lines, "identify_customer").into_iter().filter(|line| line["step"] == 4).collect();
    let mut outcomes = BTreeMap::new();
    for line in &imported {
        let answer = &line["answer"];
        let outcome = answer["error"].as_str().or(answer["action"].as_str()).unwrap();
        assert_eq!(line["refused"] == true, answer.get("error").is_some());
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    insta::assert_compact_debug_snapshot!(outcomes, @r#"{"created": 39, "identifier_immutable": 1, "identity_conflict": 2, "invalid_argument": 1, "invalid_identifier": 3, "test_profile_expected": 1, "updated": 1}"#);
    assert!(lines.iter().any(|line| line["line"] == 33 && line["refused"] == true), "the broken line is not told");
    for line in imported {
        let answer = line["answer"].to_string();
        let email = line["arguments"]["email"].as_str().filter(|email| email.len() > 3);
        assert!(!email.is_some_and(|email| answer.contains(email.trim())), "an address is not masked: {answer}");
    }

    let sends = calls(&lines, "send_transactional");
    assert_eq!(sends.len(), 2);
    assert_eq!(sends[0]["answer"]["delivery_id"], sends[1]["answer"]["delivery_id"]);
    assert!(sends[0]["answer"].get("duplicate_of").is_none() && sends[1]["answer"]["duplicate_of"].is_string());
    assert_eq!(calls(&lines, "get_delivery")[0]["answer"]["state"], "delivered");

    let erasures = calls(&lines, "erase_customer");
    assert_eq!((&erasures[0]["planned"], &erasures[1]["answer"]["status"]), (&true.into(), &"erased".into()));
    assert!(erasures[1]["answer"]["receipt"]["verified"].is_array());

    let proof = lines.iter().find(|line| line["command"] == "audit verify").unwrap();
    assert_eq!(proof["answer"]["faults"], serde_json::json!([]));
    assert!(proof["answer"]["records"].as_u64() > Some(100), "{proof}");

    let summary = &lines.last().unwrap()["summary"];
    let made = lines.iter().filter(|line| line.get("tool").is_some()).count();
    assert_eq!((summary["calls"].as_u64(), summary["delivered"].as_u64()), (Some(made as u64), Some(1)));
    assert!(summary["elapsed_ms"].as_u64().is_some());
}

#[test]
fn it_reads_well_wherever_it_is_started() {
    // No example file here: the copy in the program is used.
    let elsewhere = crate::kept::directory();
    let left = demo(&[], elsewhere.path()).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert!(left.stdout.contains("the program's own copy of examples/customers.csv"));
    for line in left.stdout.lines() {
        // The path of the program is as long as it is.
        assert!(display_width(line) <= 80 || line.contains("\"command\": "), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert_eq!(line, line.trim_end(), "{line:?}");
    }
    for told in [
        "✗ refused: identity_strategy_required",
        "✗ line 13: invalid_identifier  \"cust_1012 \"",
        "✗ line 33: unreadable",
        "← verdict: fails",
        "│ Welcome to Fern & Fable, Thandiwe.",
        "← delivered to t•••@example.org: Welcome, Thandiwe",
        "← erased, receipt era_",
        "✗ refused: customer_erased",
        "records in 1 hash chain, 0 at fault: nothing was changed",
        "messages   1 delivered",
        "\"args\": [\"serve\", \"--sandbox\"]",
    ] {
        assert!(left.stdout.contains(told), "`{told}` is missing:\n{}", left.stdout);
    }
}

#[test]
fn an_export_of_ones_own_is_played_whatever_its_ids() {
    let directory = crate::kept::directory();
    let people = "email,id,note\nada@mail.example.com,7,\nbo@mail.example.com,8,\"\u{1b}[2J, so to speak\"\n\
                  cy@mail.example.com,9,\n";
    fs::write(directory.path().join("people.csv"), people).unwrap();
    let left = demo(&["--file", "people.csv"], directory.path()).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{}", left.stdout);
    assert!(left.stdout.contains("ids of form any") && !left.stdout.contains('\u{1b}'), "{}", left.stdout);
    assert!(left.stdout.contains("created       3"), "{}", left.stdout);
}

#[test]
fn what_does_not_happen_as_told_is_a_failure() {
    let directory = crate::kept::directory();
    fs::write(directory.path().join("two.csv"), "id,email\nc_1,ada@mail.example.com\nc_2,nobody\n").unwrap();
    let left = demo(&["--file", "two.csv", "--json"], directory.path()).finish();
    assert_eq!(left.code, 1);
    assert!(left.stderr.contains("step 4 did not go as it should"), "{}", left.stderr);
    assert!(!left.stdout.contains("summary"), "{}", left.stdout);

    fs::write(directory.path().join("names.csv"), "name\nAda\n").unwrap();
    for (file, complaint) in [("names.csv", "no column `id`"), ("none.csv", "none.csv cannot be read")] {
        let left = demo(&["--file", file], directory.path()).finish();
        assert_eq!((left.code, left.stdout.as_str()), (2, ""));
        assert!(left.stderr.contains(complaint), "{}", left.stderr);
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_nothing_behind() {
    use std::io::{BufRead as _, BufReader, Read as _};

    let Run { temporary, mut command } = demo(&[], repository());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(" 1. ") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let mut stderr = String::new();
    stdout.read_to_string(&mut String::new()).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(stderr.contains("interrupted"), "{stderr}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the data directory is left behind");
    let processes = Command::new("ps").args(["-axo", "args"]).output().unwrap();
    let place = temporary.path().to_str().unwrap();
    assert!(!String::from_utf8_lossy(&processes.stdout).contains(place), "the server is left behind");
}
