//! Everything that is written in a workspace's messages, to find what uses a piece of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Api, CallScope, Page, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// What has contents of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// A transactional message.
    Template,
    /// A campaign.
    Campaign,
    /// An API-triggered broadcast.
    Broadcast,
    /// A newsletter that was not sent yet: what was sent is rendered already.
    Newsletter,
}

impl OwnerKind {
    /// All kinds, those that send by themselves first.
    pub const ALL: [Self; 4] = [Self::Campaign, Self::Template, Self::Broadcast, Self::Newsletter];

    const fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::Template => ("transactional", "contents"),
            Self::Campaign => ("campaigns", "actions"),
            Self::Broadcast => ("broadcasts", "actions"),
            Self::Newsletter => ("newsletters", "contents"),
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// When it was sent, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub sent_at: Option<i64>,
}

#[derive(Deserialize)]
struct OwnersAnswer {
    #[serde(
        default,
        alias = "campaigns",
        alias = "broadcasts",
        alias = "newsletters",
        deserialize_with = "lenient::null_as_default"
    )]
    messages: Vec<Owner>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct ContentsAnswer {
    #[serde(default, alias = "actions", deserialize_with = "lenient::null_as_default")]
    contents: Vec<Map<String, Value>>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

impl Api {
    /// A page of one kind: `GET /v1/{transactional|campaigns|broadcasts|newsletters}`.
    pub async fn content_owners(
        &self,
        scope: &CallScope,
        kind: OwnerKind,
        start: Option<&str>,
    ) -> Result<Page<Owner>, UpstreamError> {
        let segments = ["v1", kind.path().0];
        let request =
            Request::reading(Surface::App, Method::Get, "list what has contents", &segments)?.query("start", start);
        let answer = self.send(scope, &request).await?.json::<OwnersAnswer>()?;
        Ok(Page { items: answer.messages, next: answer.next })
    }

    /// A page of what one of them says, each content with all its fields.
    pub async fn contents_of(
        &self,
        scope: &CallScope,
        kind: OwnerKind,
        id: i64,
        start: Option<&str>,
    ) -> Result<Page<Map<String, Value>>, UpstreamError> {
        let (owners, contents) = kind.path();
        let segments = ["v1", owners, &id.to_string(), contents];
        let request = Request::reading(Surface::App, Method::Get, "read contents", &segments)?.query("start", start);
        let answer = self.send(scope, &request).await?.json::<ContentsAnswer>()?;
        Ok(Page { items: answer.contents, next: answer.next })
    }
}
