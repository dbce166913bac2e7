//! The job on the SDK as its documentation shows it: no guards, no state, no audit.

use std::net::SocketAddr;

use reqwest::Client;
use rmcp::{
    ErrorData, Json, ServerHandler, ServiceExt as _,
    handler::server::wrapper::Parameters,
    model::{ServerCapabilities, ServerConfig},
    tool, tool_handler, tool_router,
    transport::{stdio, stdio_pipes},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Clone)]
struct Bare {
    client: Client,
    upstream: SocketAddr,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The person's id.
    id: String,
    /// The event's name.
    name: String,
    /// What templates read.
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    result: String,
}

#[tool_router]
impl Bare {
    #[tool(description = "Records that a person did something")]
    async fn track_event(&self, Parameters(arguments): Parameters<Arguments>) -> Result<Json<Answer>, ErrorData> {
        let Arguments { id, name, data } = arguments;
        if id.is_empty() || id.len() > 150 || name.is_empty() || name.len() > 100 {
            return Err(ErrorData::invalid_params("the id or the name has no valid length", None));
        }
        let failed = |error: reqwest::Error| ErrorData::internal_error(error.to_string(), None);
        self.client
            .post(format!("http://{}/api/v1/customers/{id}/events", self.upstream))
            .basic_auth("site", Some("track"))
            .json(&json!({ "name": name, "data": data }))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?
            .bytes()
            .await
            .map_err(failed)?;
        Ok(Json(Answer { result: "accepted".to_owned() }))
    }
}

#[tool_handler]
impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

impl Bare {
    #[expect(clippy::disallowed_methods, reason = "a peer has no transport of ours")]
    fn new(upstream: SocketAddr) -> reqwest::Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, upstream })
    }
}

/// Serves as documented, on the standard streams.
pub(crate) async fn serve(upstream: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    Bare::new(upstream)?.serve(stdio()).await?.waiting().await?;
    Ok(())
}

/// Serves on the same streams as non-blocking pipes.
pub(crate) async fn serve_on_pipes(upstream: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    Bare::new(upstream)?.serve(stdio_pipes()).await?.waiting().await?;
    Ok(())
}
