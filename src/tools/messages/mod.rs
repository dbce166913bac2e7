//! Tools for messages: templates, previews, transactional sends, deliveries.

pub mod delivery;
pub mod preview;
mod rendering;
pub mod send;
pub mod templates;

pub use delivery::GetDelivery;
pub use preview::PreviewMessage;
pub use send::SendTransactional;
pub use templates::ListTemplates;
