//! The program as a child process, and the messages a client would send it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The revisions that begin with a handshake.
pub(crate) const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// No answer takes this long, on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A method and its params.
pub(crate) type Request = (&'static str, Value);

/// `tools/call` of a tool.
#[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
pub(crate) fn call(tool: &str, arguments: Value) -> Request {
    ("tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// The handshake of a revision.
pub(crate) fn initialize(version: &str) -> Request {
    let client = json!({ "name": "test", "version": "1" });
    ("initialize", json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client }))
}

/// A request of the revision without a handshake.
pub(crate) fn modern(method: &'static str, mut params: Value) -> Request {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    (method, params)
}

/// What a call was refused with: text alone, for clients hold whatever is structured to the tool's output schema.
pub(crate) fn refusal(answer: &Value) -> Value {
    let result = &answer["result"];
    assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{answer}");
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
}

/// What a call was answered with, be it a refusal.
pub(crate) fn content(answer: &Value) -> Value {
    match answer["result"].get("structuredContent") {
        Some(content) => content.clone(),
        None => refusal(answer),
    }
}

/// What a server left behind.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    /// What was not received before.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running server.
pub(crate) struct Server {
    _home: TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: JoinHandle<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
impl Server {
    /// A server over the embedded sandbox.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    pub(crate) fn start_with(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(&[&["serve", "--sandbox"], args].concat(), env)
    }

    /// The program with these arguments and nothing else in its environment, in a home of its own.
    pub(crate) fn spawn(args: &[&str], env: &[(&str, &str)]) -> Self {
        let home = crate::kept::directory();
        let mut child = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"))
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .envs(env.iter().copied())
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut complaints = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            complaints.read_to_string(&mut text).unwrap();
            crate::kept::complaints(&text);
            text
        });
        let stdin = child.stdin.take();
        Self { _home: home, child, stdin, lines, stderr }
    }

    /// A server after the handshake of the last revision that has one.
    pub(crate) fn begun(args: &[&str]) -> Self {
        let mut server = Self::start(args);
        server.answer(1, initialize("2025-11-25"));
        server.notify("notifications/initialized", json!({}));
        server
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.write(format!("{}\n", json!({ "jsonrpc": "2.0", "method": method, "params": params })).as_bytes());
    }

    pub(crate) fn send(&mut self, id: u32, method: &str, params: &Value) {
        self.send_as(json!(id), method, params);
    }

    pub(crate) fn send_as(&mut self, id: Value, method: &str, params: &Value) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(format!("{message}\n").as_bytes());
    }

    /// Sends requests in one go, as a client that does not wait for answers.
    pub(crate) fn send_all(&mut self, requests: impl IntoIterator<Item = (u32, Request)>) {
        let line = |(id, (method, params)): (u32, Request)| {
            format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
        };
        let lines: String = requests.into_iter().map(line).collect();
        self.write(lines.as_bytes());
    }

    /// The next line, which must be JSON-RPC as everything on stdout must.
    pub(crate) fn receive(&mut self) -> Value {
        self.receive_within(PATIENCE).unwrap()
    }

    /// The same, unless none comes in time.
    pub(crate) fn receive_within(&mut self, patience: Duration) -> Result<Value, RecvTimeoutError> {
        let line = self.lines.recv_timeout(patience)?;
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        Ok(message)
    }

    /// The answer to a request; whatever comes before it is passed over.
    pub(crate) fn answer(&mut self, id: u32, (method, params): Request) -> Value {
        self.send(id, method, &params);
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// The structured contents of so many calls, refusals too, by their ids; whatever comes between is passed over.
    pub(crate) fn contents(&mut self, count: usize) -> BTreeMap<u64, Value> {
        let mut contents = BTreeMap::new();
        while contents.len() < count {
            let answer = self.receive();
            if let Some(id) = answer["id"].as_u64() {
                contents.insert(id, content(&answer));
            }
        }
        contents
    }

    /// The structured content of a call that must succeed.
    pub(crate) fn ok(&mut self, id: u32, request: Request) -> Value {
        let answer = self.answer(id, request);
        let content = answer["result"]["structuredContent"].clone();
        assert!(content.is_object() && content.get("error").is_none(), "{answer}");
        content
    }

    /// A good call still works, and at the end of the input the server ends with code 0.
    pub(crate) fn lives_and_ends_well(mut self) {
        self.ok(9_000, call("list_segments", json!({})));
        let left = self.finish();
        assert_eq!((left.code, left.stdout.as_str()), (Some(0), ""), "{}", left.stderr);
        assert!(!left.stderr.contains("panicked"), "{}", left.stderr);
    }

    /// The same, for a server whose log must show that a call has ended.
    pub(crate) fn lives_and_ends_well_after(mut self, tool: &str) {
        self.ok(9_000, call("list_segments", json!({})));
        let left = self.finish();
        assert_eq!(left.code, Some(0), "{}", left.stderr);
        assert!(left.stderr.contains(&format!("call tool=\"{tool}\"")), "{}", left.stderr);
    }

    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    #[cfg(unix)]
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it at once, wherever it is.
    #[cfg(unix)]
    pub(crate) fn kill(mut self) -> Left {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Closes the input and waits for the end.
    pub(crate) fn finish(mut self) -> Left {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for the end with the input still open.
    pub(crate) fn wait(mut self) -> Left {
        let code = self.child.wait().unwrap().code();
        let stdout: Vec<String> = self.lines.iter().collect();
        Left { code, stdout: stdout.join("\n"), stderr: self.stderr.join().unwrap() }
    }
}
