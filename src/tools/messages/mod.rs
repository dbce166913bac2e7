//! Tools for messages: templates, previews, transactional sends, deliveries.

pub mod channel;
pub mod delivery;
mod lost;
mod namespaces;
mod objects;
pub mod preview;
mod rendering;
pub mod send;
pub mod snippets;
pub mod templates;
pub mod update;
pub mod usage;
pub mod variables;

pub use delivery::GetDelivery;
pub use preview::PreviewMessage;
pub use send::SendTransactional;
pub use snippets::{DeleteSnippet, UpdateSnippet};
pub use templates::ListTemplates;
pub use update::UpdateTemplate;
