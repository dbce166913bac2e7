//! Tools that show what the guards allow and remember, and that declare who a customer is.

pub mod approvals;
pub mod audit;
pub mod declare;
pub mod show;

pub use approvals::ListApprovals;
pub use audit::ListAudit;
pub use declare::DeclareIdentityStrategy;
pub use show::GetGuardrails;
