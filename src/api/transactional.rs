//! Transactional sends (behaviour.md section 7).
//!
//! There is no idempotency key: a send whose fate is unknown is never repeated here. An accepted send is queued, not
//! delivered; what Liquid, suppression or a bounce make of it is seen on the delivery.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError, lenient,
    pacing::Limit,
    request::{Method, Request, Surface},
};

/// How a transactional message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// Push notification.
    Push,
    /// Text message.
    Sms,
    /// `WhatsApp`.
    Whatsapp,
    /// A message inside an app.
    InApp,
    /// A message in an app's inbox.
    InboxMessage,
}

impl Channel {
    /// The last step of the path `/v1/send/…`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Push => "push",
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::InApp => "in_app",
            Self::InboxMessage => "inbox_message",
        }
    }
}

/// A send that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The delivery to look for.
    pub delivery_id: String,
    /// When it was queued, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub queued_at: Option<i64>,
    /// When it will be sent, in Unix seconds, if it is scheduled.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub send_at: Option<i64>,
}

impl Api {
    /// Sends one message to one person: `POST /v1/send/{channel}`.
    ///
    /// <https://docs.customer.io/integrations/api/app/tag/send-messages/sendemail/>
    pub async fn send_transactional(
        &self,
        permit: &Permit,
        scope: &CallScope,
        channel: Channel,
        body: &Map<String, Value>,
    ) -> Result<Sent, UpstreamError> {
        let operation = "send a transactional message";
        let segments = ["v1", "send", channel.as_str()];
        let request = Request::changing(permit, Surface::App, Method::Post, operation, &segments, Retry::Ledger)?
            .json(body)?
            .limited_by(Limit::Transactional);
        self.send(scope, &request).await?.json()
    }
}
