//! JSON-RPC over lines: what a client that starts us as a child speaks.
//!
//! Unlike the SDK's own transport it answers what it cannot read. A line that is too long, not UTF-8 or not JSON-RPC
//! gets an error, under its own id if that can be made out, and the server lives on; so does a request whose parameters
//! do not fit its method, which the SDK would call an unknown method. Nothing of a line is ever logged.

use std::{borrow::Cow, io, sync::Arc};

use rmcp::{
    RoleServer,
    model::{
        CallToolRequest, CallToolRequestMethod, CallToolRequestParams, ClientRequest, GetMeta as _, JsonRpcMessage,
        JsonRpcVersion2_0, ProtocolVersion, RequestId,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::Mutex,
};
use tokio_util::sync::CancellationToken;

use super::request_id::RequestIdScanner;

/// The longest line that is read, in bytes: the same as the body limit over HTTP.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// How many lines in a row without an id are complained of: a peer that sends garbage must not keep us busy. A request
/// that can be told by its id is always answered, since somebody waits for it.
const MAX_COMPLAINTS: u32 = 20;

/// Lines in, lines out.
pub struct LineTransport<R, W> {
    read: BufReader<R>,
    /// What is read of the current line; survives a cancelled `receive`.
    line: Vec<u8>,
    /// The current line is too long: it is read over, with an eye on its id.
    overlong: Option<RequestIdScanner>,
    complaints: u32,
    /// The client has chosen an era; before that the SDK gives up on anything but a request.
    begun: bool,
    /// Once it fires nothing more is read; what runs may still be answered.
    no_more: CancellationToken,
    write: Arc<Mutex<W>>,
}

impl<R: AsyncRead + Unpin, W> LineTransport<R, W> {
    /// A transport over a reader and a writer.
    pub fn new(read: R, write: W) -> Self {
        Self {
            read: BufReader::with_capacity(64 * 1024, read),
            line: Vec::new(),
            overlong: None,
            complaints: 0,
            begun: false,
            no_more: CancellationToken::new(),
            write: Arc::new(Mutex::new(write)),
        }
    }

    /// Reads nothing more once `no_more` fires.
    #[must_use]
    pub fn until(self, no_more: CancellationToken) -> Self {
        Self { no_more, ..self }
    }

    /// Reads to the end of a line. Cancelling it loses nothing: every byte is kept in `self` before the next await.
    async fn read_line(&mut self) -> io::Result<Line> {
        loop {
            let available = self.read.fill_buf().await?;
            if available.is_empty() {
                return Ok(self.last_line());
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..newline.unwrap_or(available.len())];
            if let Some(scanner) = &mut self.overlong {
                scanner.feed(part);
            } else if self.line.len() + part.len() > MAX_LINE_BYTES {
                let mut scanner = RequestIdScanner::default();
                scanner.feed(&self.line);
                scanner.feed(part);
                self.overlong = Some(scanner);
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(newline.is_some());
            self.read.consume(consumed);
            if newline.is_some() {
                return Ok(self.ended_line());
            }
        }
    }

    fn ended_line(&mut self) -> Line {
        match self.overlong.take() {
            Some(scanner) => Line::TooLong(scanner.into_id()),
            None => Line::Whole,
        }
    }

    /// At the end of the input: a last line counts without its newline, as text files often end.
    fn last_line(&mut self) -> Line {
        if self.overlong.is_none() && self.line.is_empty() { Line::End } else { self.ended_line() }
    }

    /// Whether a message may go to the SDK: until an era is chosen, a notification or an answer concerns nothing.
    fn lets_through(&mut self, message: &RxJsonRpcMessage<RoleServer>) -> bool {
        if let JsonRpcMessage::Request(request) = message {
            self.begun |= chooses_era(&request.request);
            return true;
        }
        self.begun
    }
}

/// Whether the SDK leaves its opening with this request: with a handshake, or with one of the era that has none.
fn chooses_era(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let known = |version: ProtocolVersion| ProtocolVersion::KNOWN_VERSIONS.contains(&version);
            meta.protocol_version().is_some_and(known) && meta.client_capabilities().is_some()
        }
    }
}

enum Line {
    Whole,
    TooLong(Option<Value>),
    End,
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn name() -> Cow<'static, str> {
        "lines".into()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let write = Arc::clone(&self.write);
        async move { write_line(&write, serde_json::to_vec(&item)?).await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let no_more = self.no_more.clone();
        loop {
            let read = tokio::select! {
                biased;
                () = no_more.cancelled() => std::future::pending().await,
                read = self.read_line() => read,
            };
            let read = read.inspect_err(|error| tracing::warn!(%error, "stdin cannot be read")).ok()?;
            let complaint = match read {
                Line::End => return None,
                Line::TooLong(id) => Complaint::too_long(id),
                Line::Whole => {
                    let message = parse(&self.line);
                    self.line.clear();
                    match message {
                        Ok(Some(message)) => {
                            self.complaints = 0;
                            if self.lets_through(&message) {
                                return Some(message);
                            }
                            continue;
                        }
                        Ok(None) => continue,
                        Err(complaint) => complaint,
                    }
                }
            };
            self.complaints += u32::from(complaint.id.is_none());
            if complaint.id.is_some() || self.complaints <= MAX_COMPLAINTS {
                tracing::warn!(reason = complaint.reason, "a line from the client was refused");
                write_line(&self.write, complaint.into_line()).await.ok()?;
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.write.lock().await.shutdown().await
    }
}

async fn write_line<W: AsyncWrite + Unpin>(write: &Mutex<W>, mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    let mut write = write.lock().await;
    write.write_all(&line).await?;
    write.flush().await
}

/// A message, nothing (an empty line, or a notification nobody knows), or why the line is refused.
fn parse(line: &[u8]) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Complaint> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    if let Ok(call) = serde_json::from_slice::<ToolCall>(line) {
        return Ok(Some(call.into_message()));
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return checked_params(message).map(Some);
    }
    let id = || {
        let mut scanner = RequestIdScanner::default();
        scanner.feed(line);
        scanner.into_id()
    };
    if std::str::from_utf8(line).is_err() {
        return Err(Complaint::parse_error("The line is not UTF-8", id()));
    }
    match serde_json::from_slice::<Value>(line) {
        Err(_) => {
            Err(Complaint::parse_error("The line is not JSON, is cut off, or is nested deeper than 127 levels", id()))
        }
        Ok(Value::Array(_)) => {
            Err(Complaint::invalid("Batches are not part of this protocol: send one message a line", None))
        }
        Ok(value) if value.get("method").is_some() && value.get("id").is_none() => Ok(None),
        Ok(value) => Err(Complaint::invalid(
            "The message is not one of this protocol: it needs jsonrpc \"2.0\", an id, a method, and that method's params",
            value.get("id").filter(|id| id.is_string() || id.is_number()).cloned(),
        )),
    }
}

/// A call of a tool, by far the most frequent message. The SDK finds out what a message is by trying: that takes copies
/// of all of it, and more time than the rest of a line's way. Whatever is not just this is left to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(rename = "method")]
    _method: CallToolRequestMethod,
    params: CallToolRequestParams,
}

impl ToolCall {
    /// The message as the SDK would have read it: metadata belongs to the request.
    fn into_message(self) -> RxJsonRpcMessage<RoleServer> {
        let mut params = self.params;
        let meta = params.meta.take();
        let mut request = CallToolRequest::new(params);
        if let Some(meta) = meta {
            request.extensions.insert(meta);
        }
        JsonRpcMessage::request(ClientRequest::CallToolRequest(request), self.id)
    }
}

/// A method of ours whose parameters did not fit is read as a method nobody knows; it is refused here, where what is
/// missing can be said.
fn checked_params(message: RxJsonRpcMessage<RoleServer>) -> Result<RxJsonRpcMessage<RoleServer>, Complaint> {
    let JsonRpcMessage::Request(request) = &message else { return Ok(message) };
    let ClientRequest::CustomRequest(custom) = &request.request else { return Ok(message) };
    let expected = match custom.method.as_str() {
        "initialize" => {
            "initialize takes params with `protocolVersion`, `capabilities` (an object) and `clientInfo` (an object \
             with `name` and `version`)"
        }
        "tools/call" => {
            "tools/call takes params with `name` (text) and, unless the tool needs none, `arguments` (an object)"
        }
        "tools/list" => "tools/list takes no params, or an object with `cursor` (text)",
        "server/discover" | "ping" => "This method takes no params, or an object with `_meta`",
        _ => return Ok(message),
    };
    let id = match &request.id {
        RequestId::Number(id) => json!(id),
        RequestId::String(id) => json!(id),
    };
    Err(Complaint { code: -32_602, reason: expected, id: Some(id) })
}

/// An error for a line that was not understood.
struct Complaint {
    code: i32,
    reason: &'static str,
    id: Option<Value>,
}

impl Complaint {
    const fn parse_error(reason: &'static str, id: Option<Value>) -> Self {
        Self { code: -32_700, reason, id }
    }

    const fn invalid(reason: &'static str, id: Option<Value>) -> Self {
        Self { code: -32_600, reason, id }
    }

    const fn too_long(id: Option<Value>) -> Self {
        Self::invalid("The line is longer than 4 MiB and was not read: send less in one call", id)
    }

    fn into_line(self) -> Vec<u8> {
        let error = json!({ "code": self.code, "message": format!("{}. Nothing was changed.", self.reason) });
        json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the short way takes, it takes for the same message as the SDK.
    #[test]
    fn a_call_of_a_tool_is_read_as_the_sdk_reads_it() {
        let call = |id: &str, rest: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call"{rest},"params":{params}}}"#)
        };
        let short = [
            call("1", "", r#"{"name":"find_customers"}"#),
            call(
                "\"a\"",
                "",
                r#"{"name":"x","arguments":{"deep":[{"n":1.50,"big":12345678901234567890}],"t":"\u00e9"}}"#,
            ),
            call("2", "", r#"{"_meta":{"progressToken":"p","other":1},"name":"x","arguments":{}}"#),
            call("3", "", r#"{"name":"x","arguments":null,"unheard_of":true}"#),
        ];
        let long = [
            call("4", r#","extra":1"#, r#"{"name":"x"}"#),
            call("5", "", r#"{"arguments":{}}"#),
            call("6", r#","result":{}"#, r#"{"name":"x"}"#),
            call("null", "", r#"{"name":"x"}"#),
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#.to_owned(),
        ];
        for line in &short {
            let read = serde_json::from_str::<ToolCall>(line).unwrap().into_message();
            let expected: RxJsonRpcMessage<RoleServer> = serde_json::from_str(line).unwrap();
            assert_eq!(format!("{read:?}"), format!("{expected:?}"), "{line}");
            assert_eq!(json!(read), json!(expected), "{line}");
        }
        for line in &long {
            assert!(serde_json::from_str::<ToolCall>(line).is_err(), "{line}");
        }
    }
}
