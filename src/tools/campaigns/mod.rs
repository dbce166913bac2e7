//! Tools for what goes to many: campaigns, broadcasts, newsletters, and how they did.

mod found;
pub mod list;
pub mod metrics;
pub mod send;
pub mod trigger;

pub use list::ListCampaigns;
pub use metrics::GetMetrics;
pub use send::SendNewsletter;
pub use trigger::TriggerBroadcast;
