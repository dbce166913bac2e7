//! Files the vendor would fetch: the data of imports and collections.
//!
//! A local imitation must not reach out, so it takes files from this machine alone: from a loopback address, or from
//! its own exports and assets. Anything else is told in the place where the vendor tells of a file it could not get.

use std::{net::IpAddr, time::Duration};

use axum::body::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::Url;

use super::request::Call;

const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// A file, or why it is not to be had.
pub(super) type Fetched = Result<Bytes, String>;

/// Fetches what a request refers to, before it is handled: handlers do not wait.
pub(super) async fn source(call: &Call) -> Option<Fetched> {
    let address = address(call)?;
    Some(match allowed(&address, &call.base_url) {
        Ok(url) => timeout(PATIENCE, get(&url))
            .await
            .unwrap_or_else(|_| Err("timed out".to_owned()))
            .map_err(|error| format!("could not fetch {address}: {error}")),
        Err(error) => Err(error),
    })
}

/// The address a request names, if it is one of those that name a file.
fn address(call: &Call) -> Option<String> {
    let is_collection = call.path.starts_with("/v1/collections/") && !call.path.ends_with("/content");
    let pointer = match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/v1/imports") => "/import/data_file_url",
        ("POST", "/v1/collections") => "/url",
        ("PUT", _) if is_collection => "/url",
        _ => return None,
    };
    call.json().ok()?.pointer(pointer)?.as_str().map(str::to_owned)
}

fn allowed(address: &str, base_url: &str) -> Result<Url, String> {
    let refused = || format!("the sandbox fetches files from this machine alone, not {address}");
    let url = Url::parse(address).map_err(|_| refused())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let is_own = url.origin().ascii_serialization() == base_url;
    if url.scheme() == "http" && (is_loopback || is_own) { Ok(url) } else { Err(refused()) }
}

/// One GET in HTTP/1.0, where the body ends with the connection.
async fn get(url: &Url) -> Fetched {
    let text = |error: std::io::Error| error.to_string();
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(text)?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    stream.take(MAX_FILE_BYTES).read_to_end(&mut answer).await.map_err(text)?;
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("not an HTTP answer")?;
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status != b"200" {
        return Err(format!("status {}", String::from_utf8_lossy(status)));
    }
    Ok(Bytes::from(answer).slice(head_end + 4..))
}
