//! The program as a client starts it: a child that speaks JSON-RPC in lines, whatever comes in.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::child::{LEGACY, Server, call, initialize, modern, refusal};

/// A line each that no client should send, and what is answered.
#[test]
fn lines_that_cannot_be_read_are_answered_and_the_server_lives_on() {
    let mut server = Server::begun(&[]);
    let mut told = |line: &[u8]| {
        server.write(line);
        server.receive().to_string()
    };
    assert_snapshot!(told(b"{\"jsonrpc\":\"2.0\",\"id\":10,\"method\":\"\xff\xfe\"}\n"), @r#"{"jsonrpc":"2.0","id":10,"error":{"code":-32700,"message":"The line is not UTF-8. Nothing was changed."}}"#);
    assert_snapshot!(told(b"hello\n"), @r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"The line is not JSON, is cut off, or is nested deeper than 127 levels. Nothing was changed."}}"#);
    assert_snapshot!(told(b"[{\"jsonrpc\":\"2.0\",\"id\":11,\"method\":\"ping\"}]\n"), @r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Batches are not part of this protocol: send one message a line. Nothing was changed."}}"#);
    assert_snapshot!(told(b"{\"jsonrpc\":\"2.0\",\"id\":{\"a\":1},\"method\":\"ping\"}\n"), @r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"The message is not one of this protocol: it needs jsonrpc \"2.0\", an id, a method, and that method's params. Nothing was changed."}}"#);
    assert_snapshot!(told(b"{\"id\":12,\"method\":\"ping\"}\n"), @r#"{"jsonrpc":"2.0","id":12,"error":{"code":-32600,"message":"The message is not one of this protocol: it needs jsonrpc \"2.0\", an id, a method, and that method's params. Nothing was changed."}}"#);
    assert_snapshot!(told(b"{\"jsonrpc\":\"2.0\",\"id\":13,\"method\":\"customers/delete\"}\n"), @r#"{"jsonrpc":"2.0","id":13,"error":{"code":-32601,"message":"customers/delete"}}"#);
    assert_snapshot!(told(b"{\"jsonrpc\":\"2.0\",\"id\":14,\"method\":\"tools/call\"}\n"), @r#"{"jsonrpc":"2.0","id":14,"error":{"code":-32602,"message":"tools/call takes params with `name` (text) and, unless the tool needs none, `arguments` (an object). Nothing was changed."}}"#);
    assert_snapshot!(told(b"{\"jsonrpc\":\"2.0\",\"id\":15,\"method\":\"tools/call\",\"params\":{\"name\":\"track_event\",\"arguments\":[]}}\n"), @r#"{"jsonrpc":"2.0","id":15,"error":{"code":-32602,"message":"tools/call takes params with `name` (text) and, unless the tool needs none, `arguments` (an object). Nothing was changed."}}"#);
    let deep =
        [br#"{"jsonrpc":"2.0","id":16,"method":"tools/call","params":"#, "[".repeat(10_000).as_bytes(), b"\n"].concat();
    assert_snapshot!(told(&deep), @r#"{"jsonrpc":"2.0","id":16,"error":{"code":-32700,"message":"The line is not JSON, is cut off, or is nested deeper than 127 levels. Nothing was changed."}}"#);
    let huge = [br#"{"jsonrpc":"2.0","id":17,"method":""#, "x".repeat(20_000_000).as_bytes(), b"\"}\n"].concat();
    assert_snapshot!(told(&huge), @r#"{"jsonrpc":"2.0","id":17,"error":{"code":-32600,"message":"The line is longer than 4 MiB and was not read: send less in one call. Nothing was changed."}}"#);
    assert!(
        server.answer(20, call("no_such_tool", json!({})))["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Listed: get_guardrails")
    );
    server.lives_and_ends_well();
}

#[test]
fn framing_is_forgiving_where_nothing_can_be_misread() {
    let mut server = Server::begun(&[]);
    let ping = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string();
    server.write(format!("\n  \n\r\n{}\r\n", ping(10)).as_bytes());
    assert_eq!(server.receive()["id"], 10);
    server.write(format!("\u{feff}{}\n", ping(11)).as_bytes());
    assert_eq!(server.receive()["id"], 11);
    server.write(format!("{}\n{}\n", ping(12), ping(13)).as_bytes());
    let both = [server.receive()["id"].clone(), server.receive()["id"].clone()];
    assert!(both.contains(&json!(12)) && both.contains(&json!(13)), "{both:?}");
    for byte in format!("{}\n", ping(14)).bytes() {
        server.write(&[byte]);
    }
    assert_eq!(server.receive()["id"], 14);
    // A notification nobody knows is nobody's to answer.
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard_of\",\"params\":{\"a\":1}}\n");
    server.lives_and_ends_well();
}

#[test]
fn the_input_may_end_anywhere() {
    let nothing = Server::start(&[]).finish();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), ""));
    assert!(!nothing.stderr.contains("panicked") && !nothing.stderr.contains("error:"), "{}", nothing.stderr);

    let mut half = Server::begun(&[]);
    half.write(b"{\"jsonrpc\":\"2.0\",\"id\":10,\"method\":\"pi");
    let left = half.finish();
    assert_eq!(left.code, Some(0));
    assert_snapshot!(left.stdout, @r#"{"jsonrpc":"2.0","id":10,"error":{"code":-32700,"message":"The line is not JSON, is cut off, or is nested deeper than 127 levels. Nothing was changed."}}"#);

    let mut unfinished = Server::begun(&[]);
    unfinished.write(&[b"{\"jsonrpc\":\"2.0\",\"id\":11,\"method\":\"", "x".repeat(20_000_000).as_bytes()].concat());
    let left = unfinished.finish();
    assert_eq!(left.code, Some(0));
    assert!(left.stdout.contains("\"id\":11") && left.stdout.contains("longer than 4 MiB"), "{}", left.stdout);

    let mut last = Server::begun(&[]);
    last.write(json!({ "jsonrpc": "2.0", "id": 12, "method": "ping" }).to_string().as_bytes());
    let left = last.finish();
    assert_eq!(left.code, Some(0));
    assert_eq!(left.stdout.trim(), r#"{"jsonrpc":"2.0","id":12,"result":{}}"#);
}

#[test]
fn what_comes_before_the_handshake_does_no_harm() {
    let mut server = Server::start(&[]);
    server.notify("notifications/initialized", json!({}));
    server.notify("notifications/cancelled", json!({ "requestId": 1 }));
    server.write(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    assert_snapshot!(server.answer(1, call("create_segment", json!({ "name": "Early" }))), @r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"request _meta is missing or has malformed required fields: io.modelcontextprotocol/protocolVersion, io.modelcontextprotocol/clientCapabilities"}}"#);
    assert_snapshot!(server.answer(2, ("initialize", json!({ "protocolVersion": "2025-11-25" }))), @r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"initialize takes params with `protocolVersion`, `capabilities` (an object) and `clientInfo` (an object with `name` and `version`). Nothing was changed."}}"#);
    assert!(server.answer(3, initialize("2025-11-25"))["result"].is_object());
    let segments = server.answer(4, call("list_segments", json!({})));
    assert!(!segments.to_string().contains("Early"), "{segments}");
    server.lives_and_ends_well();
}

#[test]
fn every_revision_with_a_handshake_is_spoken() {
    for (asked, spoken) in LEGACY.iter().map(|version| (*version, *version)).chain([("1999-01-01", "2025-11-25")]) {
        let mut server = Server::start(&[]);
        let begun = server.answer(1, initialize(asked));
        assert_eq!(begun["result"]["protocolVersion"], spoken, "{asked}");
        assert_eq!(begun["result"]["serverInfo"]["name"], "customerio-mcp");
        server.notify("notifications/initialized", json!({}));
        let tools = server.answer(2, ("tools/list", json!({})));
        assert!(tools["result"]["tools"].as_array().unwrap().len() > 10, "{asked}");
        let answer = server.answer(3, call("get_guardrails", json!({})));
        assert_eq!(answer["result"]["structuredContent"]["workspace"], "sandbox", "{asked}: {answer}");
        let refused = server.answer(4, call("get_segment", json!({})));
        assert_eq!(refusal(&refused)["field"], "segment_id", "{asked}");
        server.lives_and_ends_well();
    }
}

#[test]
fn the_revision_without_a_handshake_is_spoken_from_the_first_request() {
    let mut server = Server::start(&[]);
    let told = server.answer(1, modern("server/discover", json!({})));
    let versions = told["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2024-11-05")), "{told}");
    assert_eq!((&told["result"]["resultType"], &told["result"]["cacheScope"]), (&json!("complete"), &json!("private")));

    let mut future = modern("tools/list", json!({}));
    future.1["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let refused = server.answer(2, future);
    assert_eq!(refused["error"]["code"], -32_022, "{refused}");
    // Between a version nobody knows and one we speak, a notification may still come.
    server.notify("notifications/cancelled", json!({ "requestId": 2 }));

    let tools = server.answer(3, modern("tools/list", json!({})));
    assert!(tools["result"]["tools"].as_array().unwrap().len() > 10);
    let (method, params) = call("get_guardrails", json!({}));
    let answer = server.answer(4, modern(method, params));
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["workspace"], "sandbox");
    let refused = server.answer(5, modern("tools/call", json!({ "name": "get_segment", "arguments": {} })));
    assert_eq!(refusal(&refused)["field"], "segment_id");
    let left = server.finish();
    assert_eq!(left.code, Some(0), "{}", left.stderr);
}

/// Sends a message that stays queued, so that waiting for it would take the whole time allowed.
fn queued_delivery(server: &mut Server) -> Value {
    let strategy = json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table of the shop" });
    server.ok(100, call("declare_identity_strategy", strategy));
    let in_a_day = json!({ "template": "welcome", "customer": "cust_0001", "send_at": in_a_day() });
    server.ok(101, call("send_transactional", in_a_day))["delivery_id"].clone()
}

fn in_a_day() -> i64 {
    use customerio_mcp::clock::{Clock as _, SystemClock};
    SystemClock.now_ms() / 1_000 + 86_400
}

#[test]
fn a_wait_reports_progress_and_ends_when_it_is_cancelled() {
    let mut server = Server::start_with(&[], &[("CUSTOMERIO_MCP_LOG", "customerio_mcp=debug")]);
    server.answer(1, initialize("2025-11-25"));
    server.notify("notifications/initialized", json!({}));
    let delivery_id = queued_delivery(&mut server);
    let (method, mut params) = call("get_delivery", json!({ "delivery_id": delivery_id, "wait_seconds": 40 }));
    params["_meta"] = json!({ "progressToken": "wait-1" });
    server.send(10, method, &params);
    let note = server.receive();
    assert_eq!(note["method"], "notifications/progress", "{note}");
    assert_eq!(note["params"]["progressToken"], "wait-1");
    assert_eq!(note["params"]["total"], 40.0);
    let cancelled_at = Instant::now();
    server.notify("notifications/cancelled", json!({ "requestId": 10, "reason": "enough" }));
    server.lives_and_ends_well_after("get_delivery");
    assert!(cancelled_at.elapsed() < Duration::from_secs(20), "the wait went on: {:?}", cancelled_at.elapsed());
}

#[test]
fn an_erasure_reports_progress_in_both_eras() {
    for first in [None, Some(())] {
        let mut server = if first.is_some() { Server::begun(&[]) } else { Server::start(&[]) };
        let request = |call: (&'static str, Value)| if first.is_some() { call } else { modern(call.0, call.1) };
        let strategy =
            json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table of the shop" });
        server.ok(1, request(call("declare_identity_strategy", strategy)));
        let plan = server.answer(2, request(call("erase_customer", json!({ "customer": "cust_0002" }))));
        let token = refusal(&plan)["details"]["plan_token"].clone();
        let (method, mut params) =
            request(call("erase_customer", json!({ "customer": "cust_0002", "plan_token": token })));
        params["_meta"]["progressToken"] = json!(7);
        server.send(3, method, &params);
        let note = server.receive();
        assert_eq!((&note["method"], &note["params"]["progressToken"]), (&json!("notifications/progress"), &json!(7)));
        let erased = server.receive();
        assert_eq!(erased["result"]["structuredContent"]["status"], "erased", "{erased}");
        let left = server.finish();
        assert_eq!(left.code, Some(0));
    }
}

#[cfg(unix)]
#[test]
fn a_supervisor_may_end_it_at_any_time() {
    for begun in [false, true] {
        let mut server = if begun { Server::begun(&[]) } else { Server::start(&[]) };
        if !begun {
            // An answer proves that the server listens, to signals too.
            server.answer(1, ("ping", json!({})));
        }
        server.terminate();
        let left = server.wait();
        assert_eq!(left.code, Some(0), "begun: {begun}: {}", left.stderr);
    }
}

/// A name, an address and a key that stand in every place a client can put text.
#[test]
fn nothing_a_client_says_reaches_the_log() {
    const CANARIES: [&str; 3] = ["canary-4711", "canary@private-shop.io", "c4n4ry5ecret"];
    for format in ["text", "json"] {
        let mut server =
            Server::start_with(&["--log-format", format], &[("CUSTOMERIO_MCP_LOG", "trace,rmcp=trace,hyper=trace")]);
        server.write(format!("{} {} {}\n", CANARIES[0], CANARIES[1], CANARIES[2]).as_bytes());
        server.receive();
        server.notify("notifications/cancelled", json!({ "requestId": 1, "reason": CANARIES[0] }));
        let mut hello = initialize("2025-11-25");
        hello.1["clientInfo"]["name"] = json!(CANARIES[0]);
        server.answer(1, hello);
        let strategy = json!({ "primary": "id", "id_form": "any", "source": "canary-4711 c4n4ry5ecret" });
        server.ok(2, call("declare_identity_strategy", strategy));
        let person = json!({ "id": CANARIES[0], "email": CANARIES[1], "attributes": { "first_name": CANARIES[2] } });
        server.ok(3, call("identify_customer", person));
        server.ok(4, call("get_customer", json!({ "customer": CANARIES[0] })));
        server.ok(
            5,
            call("track_event", json!({ "customer": CANARIES[0], "name": CANARIES[2], "data": { "e": CANARIES[1] } })),
        );
        server.ok(6, call("send_transactional", json!({ "template": "welcome", "customer": CANARIES[0] })));
        server.answer(7, call("identify_customer", json!({ "id": CANARIES[1], CANARIES[2]: CANARIES[0] })));
        server.answer(8, call("identify_customer", json!({ "id": [CANARIES[0]] })));
        server.answer(9, (CANARIES[0], json!({ "x": CANARIES[1] })));
        server.answer(10, call(CANARIES[2], json!({})));
        server.send_as(json!(CANARIES[1]), "tools/call", &json!({ "name": CANARIES[0] }));
        server.receive();
        server.notify("notifications/cancelled", json!({ "requestId": CANARIES[1], "reason": CANARIES[0] }));
        let left = server.finish();
        assert_eq!(left.code, Some(0));
        assert!(left.stderr.contains("get_customer"), "nothing was logged at all: {}", left.stderr);
        for canary in CANARIES {
            let leaks: Vec<_> = left.stderr.lines().filter(|line| line.contains(canary)).collect();
            assert!(leaks.is_empty(), "{canary} in {leaks:#?}");
        }
    }
}

/// As clients made with Node.js start their servers.
#[cfg(unix)]
#[test]
fn a_client_may_connect_by_sockets() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        os::{fd::OwnedFd, unix::net::UnixStream},
        process::Command,
    };

    let home = crate::kept::directory();
    let ((mut input, theirs_in), (output, theirs_out)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    output.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"))
        .args(["serve", "--sandbox"])
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .stdin(OwnedFd::from(theirs_in))
        .stdout(OwnedFd::from(theirs_out))
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(output).lines().map(Result::unwrap);
    let mut answer = |id: u32, (method, params): (&str, Value)| {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        writeln!(input, "{request}").unwrap();
        serde_json::from_str::<Value>(&lines.next().unwrap()).unwrap()
    };
    assert_eq!(answer(1, initialize("2025-11-25"))["id"], 1);
    // Longer than what a socket holds: the answer is written as the client reads.
    for id in 2..30 {
        assert_eq!(answer(id, ("tools/list", json!({})))["id"], id);
    }
    drop(input);
    assert_eq!(lines.next(), None);
    assert!(child.wait().unwrap().success());
}
