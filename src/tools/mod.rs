//! The crafted tools, one file or folder per resource, and the one route to them.
//!
//! To add a tool: write a type that implements [`tool::Tool`] in the file of its resource, its prose in
//! `tools/<name>.md`, a line in [`under`], and a test. Schemas, listing, contract, guards and documentation follow.

pub mod answer;
pub mod asking;
pub mod campaigns;
pub mod context;
pub mod customer;
mod directory;
pub mod events;
pub mod experiments;
pub mod explain;
mod fates;
pub mod guardrails;
pub mod imports;
mod look;
pub mod messages;
pub mod offer;
pub mod operations;
mod paging;
pub mod people;
pub mod privacy;
pub mod route;
pub mod sandbox;
pub mod segments;
pub mod sweep;
pub mod test_customers;
pub mod tool;
mod upstream;
pub mod verify;
pub mod workspace;

use std::sync::Arc;

use tool::{Callable, Crafted, Tool};

use crate::guard::policy::Policy;

/// Every crafted tool, in the order of the documentation, as it is where the operator has set no policy.
pub fn all() -> Vec<Arc<dyn Callable>> {
    under(&Policy::default())
}

/// Every tool and every declared operation, as they are where the operator has set no policy.
pub fn every() -> Vec<Arc<dyn Callable>> {
    let mut tools = all();
    tools.extend(operations::under(&Policy::default()));
    tools
}

/// The names that a policy may have something to say of.
pub fn names() -> Vec<&'static str> {
    let crafted = all().iter().map(|tool| tool.spec().name).collect::<Vec<_>>();
    crafted.into_iter().chain(operations::names()).collect()
}

/// Every crafted tool as it is under a policy: where a plan may be asked for, its token is an argument.
pub fn under(policy: &Policy) -> Vec<Arc<dyn Callable>> {
    let mut tools = vec![
        crafted::<guardrails::GetGuardrails>(policy),
        crafted::<guardrails::DeclareIdentityStrategy>(policy),
        crafted::<guardrails::ListApprovals>(policy),
        crafted::<guardrails::ListAudit>(policy),
        crafted::<people::FindCustomers>(policy),
        crafted::<people::GetCustomer>(policy),
        crafted::<people::IdentifyCustomer>(policy),
        crafted::<people::SetSubscription>(policy),
        crafted::<people::MergeCustomers>(policy),
        crafted::<imports::ImportCustomers>(policy),
        crafted::<test_customers::ListTestCustomers>(policy),
        crafted::<test_customers::DeleteTestCustomers>(policy),
        crafted::<events::TrackEvent>(policy),
        crafted::<imports::TrackEvents>(policy),
        crafted::<explain::ExplainDelivery>(policy),
        crafted::<segments::ListSegments>(policy),
        crafted::<segments::GetSegment>(policy),
        crafted::<segments::CreateSegment>(policy),
        crafted::<segments::AddToSegment>(policy),
        crafted::<segments::RemoveFromSegment>(policy),
        crafted::<segments::DeleteSegment>(policy),
        crafted::<messages::ListTemplates>(policy),
        crafted::<messages::UpdateTemplate>(policy),
        crafted::<messages::UpdateSnippet>(policy),
        crafted::<messages::DeleteSnippet>(policy),
        crafted::<messages::PreviewMessage>(policy),
        crafted::<messages::SendTransactional>(policy),
        crafted::<messages::GetDelivery>(policy),
        crafted::<messages::delivery::ListDeliveries>(policy),
        crafted::<campaigns::ListCampaigns>(policy),
        crafted::<campaigns::TriggerBroadcast>(policy),
        crafted::<campaigns::SendNewsletter>(policy),
        crafted::<campaigns::GetMetrics>(policy),
        crafted::<experiments::CreateTestGroup>(policy),
        crafted::<experiments::UpdateVariant>(policy),
        crafted::<experiments::CompareVariants>(policy),
        crafted::<privacy::ExportCustomerData>(policy),
        crafted::<privacy::DeleteCustomer>(policy),
        crafted::<privacy::EraseCustomer>(policy),
        crafted::<privacy::UnsuppressCustomer>(policy),
        crafted::<sandbox::AdvanceClock>(policy),
        crafted::<sandbox::InjectFault>(policy),
        crafted::<sandbox::ResetSandbox>(policy),
        crafted::<operations::FindOperations>(policy),
    ];
    tools.extend(operations::every());
    tools
}

fn crafted<T: Tool>(policy: &Policy) -> Arc<dyn Callable> {
    Arc::new(Crafted::<T>::under(policy))
}
