//! The account's workspaces: the cheapest way to try an App API key.

use serde::{Deserialize, Serialize};

use super::{
    Api, CallScope, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// A workspace and its use. The vendor refreshes the figures every two hours at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The id, the same as a region look-up's `environment_id`.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub id: Option<i64>,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Profiles, by which the vendor bills.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub people: Option<i64>,
    /// Messages sent.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub messages_sent: Option<i64>,
    /// Messages that count on the bill.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub billable_messages_sent: Option<i64>,
    /// Object types.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub object_types: Option<i64>,
    /// Objects.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub objects: Option<i64>,
}

#[derive(Deserialize)]
struct WorkspacesAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    workspaces: Vec<Workspace>,
}

impl Api {
    /// Every workspace of the account, not only the key's: `GET /v1/workspaces`.
    pub async fn workspaces(&self, scope: &CallScope) -> Result<Vec<Workspace>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list workspaces", &["v1", "workspaces"])?;
        Ok(self.send(scope, &request).await?.json::<WorkspacesAnswer>()?.workspaces)
    }
}
