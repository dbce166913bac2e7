//! Tools for messages: templates, previews, transactional sends, deliveries.

mod delivery;
mod preview;
mod rendering;
mod send;
mod templates;

pub use delivery::GetDelivery;
pub use preview::PreviewMessage;
pub use send::SendTransactional;
pub use templates::ListTemplates;
