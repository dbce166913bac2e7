//! The limit: the job without SDK, guards, state or audit, written by hand. A server cannot cost less than about this.

use std::{io, net::SocketAddr, sync::Arc};

use rmcp::transport::stdio_pipes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    sync::Mutex,
};

use super::post::Pool;

#[derive(Deserialize)]
struct Request {
    id: Option<u64>,
    method: String,
    #[serde(default)]
    params: Params,
}

#[derive(Default, Deserialize)]
struct Params {
    #[serde(default)]
    name: String,
    arguments: Option<Arguments>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    id: String,
    name: String,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    data: &'a Map<String, Value>,
}

/// Serves until the client hangs up.
pub(crate) async fn serve(upstream: SocketAddr) -> io::Result<()> {
    let pool = Arc::new(Pool::new(upstream));
    let (read, write) = stdio_pipes();
    let write = Arc::new(Mutex::new(write));
    let mut read = BufReader::with_capacity(64 * 1024, read);
    let mut line = Vec::new();
    while read.read_until(b'\n', &mut line).await? > 0 {
        let request: Request = serde_json::from_slice(&line)?;
        line.clear();
        let Some(id) = request.id else { continue };
        let (pool, write) = (Arc::clone(&pool), Arc::clone(&write));
        tokio::spawn(async move {
            let result = match request.method.as_str() {
                "initialize" => json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": { "tools": {} },
                    "serverInfo": { "name": "limit", "version": "1" },
                })
                .to_string(),
                _ => call(&pool, request.params).await?,
            };
            let answer = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n");
            write.lock().await.write_all(answer.as_bytes()).await
        });
    }
    Ok(())
}

async fn call(pool: &Pool, params: Params) -> io::Result<String> {
    let arguments = params.arguments.filter(|_| params.name == "track_event").ok_or(io::ErrorKind::InvalidInput)?;
    let Arguments { id, name, data } = arguments;
    if id.is_empty() || id.len() > 150 || name.is_empty() || name.len() > 100 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let event = serde_json::to_vec(&Event { name: &name, data: &data })?;
    pool.post(&format!("/api/v1/customers/{id}/events"), &event).await?;
    Ok(r#"{"content":[{"type":"text","text":"{\"result\":\"accepted\"}"}],"structuredContent":{"result":"accepted"},"isError":false}"#.to_owned())
}
