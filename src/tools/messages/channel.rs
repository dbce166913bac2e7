//! The channels of transactional messages, by every name they go by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::transactional::Channel as ApiChannel;

/// A channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Channel {
    /// E-mail.
    #[default]
    Email,
    /// Push notification.
    Push,
    /// SMS.
    Sms,
    /// `WhatsApp`.
    #[serde(rename = "whatsapp")]
    WhatsApp,
    /// In-app message.
    InApp,
    /// Message in an inbox.
    InboxMessage,
}

impl Channel {
    /// The channel that templates and deliveries call by this name; they call SMS `twilio`.
    pub(super) fn of_delivery_type(name: &str) -> Option<Self> {
        Some(match name {
            "email" => Self::Email,
            "push" => Self::Push,
            "twilio" | "sms" => Self::Sms,
            "whatsapp" => Self::WhatsApp,
            "in_app" => Self::InApp,
            "inbox_message" | "inbox" => Self::InboxMessage,
            _ => return None,
        })
    }

    /// The name that callers give.
    pub(super) const fn as_str(self) -> &'static str {
        self.api().as_str()
    }

    pub(super) const fn api(self) -> ApiChannel {
        match self {
            Self::Email => ApiChannel::Email,
            Self::Push => ApiChannel::Push,
            Self::Sms => ApiChannel::Sms,
            Self::WhatsApp => ApiChannel::Whatsapp,
            Self::InApp => ApiChannel::InApp,
            Self::InboxMessage => ApiChannel::InboxMessage,
        }
    }

    /// Whether it goes to a phone number, which a send must give.
    pub(super) const fn needs_number(self) -> bool {
        matches!(self, Self::Sms | Self::WhatsApp)
    }

    /// Whether the channel tells that a message arrived; the in-app ones tell only that it was sent.
    pub(super) const fn reports_delivery(self) -> bool {
        !matches!(self, Self::InApp | Self::InboxMessage)
    }
}
