//! Tools for messages: templates, previews, transactional sends, deliveries.

pub mod channel;
pub mod delivery;
mod lost;
mod namespaces;
mod objects;
pub mod preview;
mod rendering;
pub mod send;
pub mod templates;
pub mod variables;

pub use delivery::GetDelivery;
pub use preview::PreviewMessage;
pub use send::SendTransactional;
pub use templates::ListTemplates;
