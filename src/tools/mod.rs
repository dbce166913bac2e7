//! The crafted tools, one file or folder per resource, and the one route to them.
//!
//! To add a tool: write a type that implements [`tool::Tool`] in the file of its resource, its prose in
//! `tools/<name>.md`, a line in [`all`], and a test. Schemas, listing, contract, guards and documentation follow.

pub mod answer;
pub mod context;
pub mod customer;
mod directory;
pub mod events;
pub mod guardrails;
pub mod messages;
pub mod people;
pub mod privacy;
pub mod route;
pub mod segments;
pub mod test_customers;
pub mod tool;
mod upstream;
pub mod verify;
pub mod workspace;

use std::sync::Arc;

use tool::{Callable, Crafted, Tool};

/// Every tool, in the order of the documentation.
pub fn all() -> Vec<Arc<dyn Callable>> {
    vec![
        crafted::<guardrails::GetGuardrails>(),
        crafted::<guardrails::DeclareIdentityStrategy>(),
        crafted::<guardrails::ListAudit>(),
        crafted::<people::FindCustomers>(),
        crafted::<people::GetCustomer>(),
        crafted::<people::IdentifyCustomer>(),
        crafted::<test_customers::ListTestCustomers>(),
        crafted::<test_customers::DeleteTestCustomers>(),
        crafted::<events::TrackEvent>(),
        crafted::<segments::ListSegments>(),
        crafted::<segments::GetSegment>(),
        crafted::<segments::CreateSegment>(),
        crafted::<segments::AddToSegment>(),
        crafted::<segments::RemoveFromSegment>(),
        crafted::<segments::DeleteSegment>(),
        crafted::<messages::ListTemplates>(),
        crafted::<messages::PreviewMessage>(),
        crafted::<messages::SendTransactional>(),
        crafted::<messages::GetDelivery>(),
        crafted::<privacy::DeleteCustomer>(),
        crafted::<privacy::EraseCustomer>(),
    ]
}

fn crafted<T: Tool>() -> Arc<dyn Callable> {
    Arc::new(Crafted::<T>::new())
}
