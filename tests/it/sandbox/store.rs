//! A sandbox on disk, snapshots, and the same bytes from the same seed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

/// Something done to a sandbox: seconds that pass, or a call to the Track or App API.
enum Step {
    Pass(u64),
    Track(Method, &'static str, Value),
    App(Method, &'static str, Value),
}

/// A day that touches every noun whose state a call can change.
fn day() -> Vec<Step> {
    use Step::{App, Pass, Track};
    let (post, put, delete) = (|| Method::POST, || Method::PUT, || Method::DELETE);
    vec![
        Track(put(), "/api/v1/customers/zoe", json!({"email": "zoe+clicks@example.com", "plan": "gold"})),
        Track(post(), "/api/v1/customers/zoe/events", json!({"name": "order_placed", "data": {"total": 3}})),
        Track(post(), "/api/v1/events", json!({"name": "page_viewed", "anonymous_id": "anon-1"})),
        Track(put(), "/api/v1/customers/yan", json!({"anonymous_id": "anon-1", "email": "yan@example.com"})),
        Track(put(), "/api/v1/customers/zoe/devices", json!({"device": {"id": "d1", "platform": "ios"}})),
        Pass(5),
        Track(
            post(),
            "/api/v2/batch",
            json!({"batch": [
                {"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "acme"},
                 "attributes": {"name": "Acme"}, "cio_relationships": [{"identifiers": {"id": "zoe"}}]},
                {"type": "person", "action": "event", "identifiers": {"id": "zoe"}, "name": "order_placed"}]}),
        ),
        Track(post(), "/api/v1/merge_customers", json!({"primary": {"id": "yan"}, "secondary": {"id": "cust_0011"}})),
        Track(post(), "/api/v1/forms/f1/submit", json!({"data": {"email": "form@example.com"}})),
        Track(post(), "/api/v1/customers/cust_0012/suppress", Value::Null),
        Track(delete(), "/api/v1/customers/cust_0005", Value::Null),
        App(post(), "/v1/segments", json!({"segment": {"name": "Made"}})),
        Track(post(), "/api/v1/segments/6/add_customers?id_type=id", json!({"ids": ["zoe", "yan"]})),
        App(
            post(),
            "/v1/send/email",
            json!({"transactional_message_id": 2, "to": "zoe+clicks@example.com", "identifiers": {"id": "zoe"},
                "message_data": {"order_id": "Z-1"}}),
        ),
        App(post(), "/v1/send/push", json!({"transactional_message_id": 7, "identifiers": {"id": "zoe"}})),
        Pass(2),
        App(post(), "/v1/campaigns/3/triggers", json!({"data": {"headline": "Today"}, "ids": ["zoe", "cust_0001"]})),
        App(post(), "/v1/snippets", json!({"name": "footer", "value": "Bye"})),
        App(post(), "/v1/collections", json!({"name": "prices", "data": [{"sku": "a", "price": 3}]})),
        App(
            post(),
            "/v1/reporting_webhooks",
            json!({"name": "w", "endpoint": "https://hooks.example.com", "events": ["email_sent"]}),
        ),
        App(post(), "/v1/esp/suppression/bounces/gone@example.com", Value::Null),
        App(
            put(),
            "/v1/customers/zoe/optouts",
            json!({"optouts": [{"channel": "sms", "from": "+15005550001", "optout": true}]}),
        ),
        App(post(), "/v1/exports/customers", json!({"filters": {"segment": {"id": 3}}})),
        App(post(), "/v1/design_studio/folders", json!({"name": "F"})),
        App(post(), "/v1/design_studio/emails", json!({"name": "E", "markup": "<p>Hi</p>"})),
        App(post(), "/v1/assets/folders", json!({"name": "A"})),
        App(
            put(),
            "/v1/campaigns/1/actions/1",
            json!({"subject": "Changed", "body": "<a href=\"https://fernandfable.example/new\">new</a>"}),
        ),
        App(
            post(),
            "/v1/newsletters/2/schedule",
            json!({"scheduled_at": super::driver::NOON + 3600, "timezone": "UTC"}),
        ),
        Pass(86_400),
        Track(post(), "/api/v1/customers/zoe/events", json!({"name": "order_placed", "data": {"total": 5}})),
        Pass(100),
    ]
}

/// Does all of it; what was answered, with its headers but for the date.
async fn live(sandbox: &Sandbox) -> Vec<String> {
    let mut heard_all = Vec::new();
    for step in day() {
        let (heard, path) = match step {
            Step::Pass(seconds) => {
                sandbox.control(Method::POST, "/clock", json!({"advance_seconds": seconds})).await;
                continue;
            }
            Step::Track(method, path, body) => (sandbox.track(method, path, body).await, path),
            Step::App(method, path, body) => (sandbox.app(method, path, body).await, path),
        };
        assert!(heard.status < 400, "{path}: {} {}", heard.status, heard.text);
        let headers = heard.headers.iter().filter(|(name, _)| *name != "date");
        let text = heard.text.replace(&sandbox.running.base_url(), "BASE");
        heard_all.push(format!("{path}: {} {:?}\n{text}", heard.status, headers.collect::<Vec<_>>()));
    }
    heard_all
}

/// What every read of the App API says, for the first of everything.
async fn everything(sandbox: &Sandbox) -> Vec<String> {
    let parameters = [
        ("customer_id", "zoe"),
        ("broadcast_id", "3"),
        ("action_id", "1"),
        ("transactional_id", "2"),
        ("language", "de"),
        ("object_id", "acme"),
        ("suppression_type", "bounces"),
        ("email_address", "gone@example.com"),
        ("segment_id", "6"),
    ];
    let about = sandbox.control(Method::GET, "", Value::Null).await;
    let routes = about["imitated"].as_array().unwrap().iter().map(|route| route.as_str().unwrap());
    let reads = routes.filter_map(|route| route.strip_prefix("GET ")).filter(|path| path.starts_with("/v1/"));
    let (reference, parameter) = (Regex::new("reference [0-9a-f]+").unwrap(), Regex::new(r"\{\w+\}").unwrap());
    let mut said = Vec::new();
    for path in reads.filter(|path| !path.ends_with("/download") && !path.ends_with("/token")) {
        let mut path = path.replace("broadcasts/{broadcast_id}/actions/{action_id}", "broadcasts/3/actions/5");
        for (name, value) in parameters {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let path = parameter.replace_all(&path, "1").into_owned();
        for query in ["", "?limit=100&period=days&steps=5&version=1", "?email=zoe%2Bclicks@example.com"] {
            let heard = sandbox.app(Method::GET, &format!("{path}{query}"), Value::Null).await;
            let text = reference.replace_all(&heard.text, "reference").replace(&sandbox.running.base_url(), "BASE");
            said.push(format!("{path}{query}: {} {text}", heard.status));
        }
    }
    for (id, cursor) in [("zoe", "?limit=100"), ("yan", "?limit=100"), ("cust_0001", "?limit=100")] {
        for what in ["activities", "messages", "attributes", "segments", "relationships"] {
            said.push(sandbox.app(Method::GET, &format!("/v1/customers/{id}/{what}{cursor}"), Value::Null).await.text);
        }
    }
    for control in ["/counts", "/forms", "/pipelines", "/data_index", "/clock"] {
        said.push(sandbox.control(Method::GET, control, Value::Null).await.to_string());
    }
    said
}

fn assert_same(left: &[String], right: &[String]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let (one, other) = (Sandbox::shop().await, Sandbox::shop().await);
    let (mut first, mut second) = (live(&one).await, live(&other).await);
    first.extend(everything(&one).await);
    second.extend(everything(&other).await);
    assert_same(&first, &second);
}

#[tokio::test]
async fn a_directory_goes_on_where_it_was() {
    let directory = crate::kept::directory();
    let before = {
        let sandbox = Sandbox::kept_in(directory.path()).await;
        live(&sandbox).await;
        let before = everything(&sandbox).await;
        sandbox.running.shutdown().await;
        before
    };
    let sandbox = Sandbox::kept_in(directory.path()).await;
    assert_same(&before, &everything(&sandbox).await);
    // It is a sandbox like any other, and its second life is kept too.
    sandbox.identify("second", json!({"email": "second@example.com"})).await;
    sandbox.running.shutdown().await;
    let sandbox = Sandbox::kept_in(directory.path()).await;
    assert!(sandbox.customer("second", "id").await.is_some());
    sandbox.control(Method::POST, "/reset", Value::Null).await;
    sandbox.running.shutdown().await;
    let sandbox = Sandbox::kept_in(directory.path()).await;
    assert_eq!((sandbox.count("people").await, sandbox.count("deliveries").await), (12, 0));
}

#[tokio::test]
async fn a_snapshot_gives_the_same_answers_again() {
    let directory = crate::kept::directory();
    for kept in [false, true] {
        let sandbox = if kept { Sandbox::kept_in(directory.path()).await } else { Sandbox::shop().await };
        sandbox.identify("early", json!({"plan": "gold"})).await;
        sandbox.control(Method::POST, "/snapshots", json!({"name": "before"})).await;
        let first = live(&sandbox).await;
        let after = everything(&sandbox).await;
        sandbox.control(Method::POST, "/snapshots", json!({"name": "after"})).await;
        for _ in 0..2 {
            sandbox.control(Method::POST, "/snapshots/before/load", Value::Null).await;
            assert_eq!((sandbox.count("people").await, sandbox.count("deliveries").await), (13, 0));
            assert_same(&first, &live(&sandbox).await);
            assert_same(&after, &everything(&sandbox).await);
        }
        sandbox.identify("late", json!({})).await;
        sandbox.running.shutdown().await;
        if kept {
            let sandbox = Sandbox::kept_in(directory.path()).await;
            assert!(sandbox.customer("late", "id").await.is_some());
            sandbox.control(Method::POST, "/snapshots/after/load", Value::Null).await;
            assert_same(&after, &everything(&sandbox).await);
            sandbox.control(Method::POST, "/snapshots/before/load", Value::Null).await;
            assert_same(&first, &live(&sandbox).await);
        }
    }
}

#[tokio::test]
async fn a_snapshot_has_a_name_that_is_known() {
    let sandbox = Sandbox::shop().await;
    let long = "x".repeat(65);
    for (method, path, body, status) in [
        (Method::POST, "/snapshots", json!({"name": ""}), 400),
        (Method::POST, "/snapshots", json!({"name": "../up"}), 400),
        (Method::POST, "/snapshots", json!({"name": long}), 400),
        (Method::POST, "/snapshots", json!({"title": "a"}), 400),
        (Method::POST, "/snapshots/none/load", Value::Null, 404),
        (Method::DELETE, "/snapshots/none", Value::Null, 404),
    ] {
        let body = body.to_string().into_bytes();
        let heard = sandbox.raw(method, &format!("/_sandbox{path}"), &[], body).await.unwrap();
        assert_eq!(heard.status, status, "{path}: {}", heard.text);
    }
    sandbox.control(Method::POST, "/snapshots", json!({"name": "a"})).await;
    let listed = sandbox.control(Method::GET, "/snapshots", Value::Null).await;
    assert_eq!((&listed["snapshots"][0]["name"], &listed["snapshots"][0]["people"]), (&json!("a"), &json!(12)));
    sandbox.control(Method::DELETE, "/snapshots/a", Value::Null).await;
    assert_eq!(sandbox.control(Method::GET, "/snapshots", Value::Null).await, json!({"snapshots": []}));
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let above = crate::kept::directory();
    let directory = above.path().join("kept");
    let _sandbox = Sandbox::kept_in(&directory).await;
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_directory_belongs_to_one_sandbox_at_a_time() {
    let directory = crate::kept::directory();
    let _sandbox = Sandbox::kept_in(directory.path()).await;
    let error = customerio_mcp::sandbox::Store::open(directory.path()).unwrap_err();
    assert_eq!(error.to_string(), "is in use by another sandbox");
}

/// The program's own sandbox, as a process.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(directory: &Path) -> Self {
        let keys = ["--site-id", "s", "--tracking-key", "t", "--app-key", "a", "--cdp-key", "c"];
        let mut child = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"))
            .args(["sandbox", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory)
            .args(keys)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting = lines.next().unwrap().unwrap();
        let url = greeting.split("listens on ").nth(1).unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let directory = crate::kept::directory();
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the tests are a client of their own")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answered: Vec<String> = Vec::new();
    for round in 0..6 {
        let mut process = Process::start(directory.path());
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for writer in 0..4 {
            let (client, url, sender) = (client.clone(), process.url.clone(), sender.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let id = format!("k{round}-{writer}-{number}");
                    let put = client.put(format!("{url}/api/v1/customers/{id}")).basic_auth("s", Some("t"));
                    match put.body("{\"plan\":\"gold\"}").send().await {
                        Ok(answer) if answer.status() == 200 => sender.send(id).unwrap(),
                        _ => return,
                    }
                }
            });
        }
        drop(sender);
        for _ in 0..=(40 + 13 * round) {
            answered.extend(receiver.recv().await);
        }
        process.kill();
        while let Some(id) = receiver.recv().await {
            answered.push(id);
        }
    }
    assert!(answered.len() > 300, "{}", answered.len());
    let process = Process::start(directory.path());
    for ids in answered.chunks(100) {
        let asked = client.post(format!("{}/v1/customers/attributes", process.url)).bearer_auth("a");
        let text = asked.body(json!({"ids": ids}).to_string()).send().await.unwrap().text().await.unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found["customers"].as_array().unwrap().len(), ids.len());
    }
}
