//! The least a server can do with a batch: take it over HTTP and parse it.

use std::{
    io::{self, Write as _},
    net::Ipv4Addr,
};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::post,
    serve::ListenerExt as _,
};
use serde_json::Value;
use tokio::net::TcpListener;

const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Says where it listens, and serves until it is killed.
pub(crate) async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = Router::new().route("/api/v2/batch", post(parse)).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    axum::serve(listener, app).await
}

async fn parse(body: Bytes) -> impl IntoResponse {
    let status = match serde_json::from_slice::<Value>(&body) {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], "{}\n")
}
