//! Tools that show what the guards allow and remember, and that declare who a customer is.

mod audit;
mod declare;
mod show;

pub use audit::ListAudit;
pub use declare::DeclareIdentityStrategy;
pub use show::GetGuardrails;
