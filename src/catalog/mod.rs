//! What a tool is: its effect, its flags, its schemas, and everything that follows from them.

mod effect;
mod operation;
mod operations;
mod schema;
mod spec;

pub use effect::{Effect, Flag, Retry};
pub use operation::{AnswerKind, DefaultPolicy, Encoding, Method, Operation, OperationApi, Parameter, Place};
pub use operations::{Operations, OperationsError};
pub use schema::{HeldSchema, IDEMPOTENCY_KEY, PLAN_TOKEN, answer_schema, input_schema, schema_of};
pub use spec::{Credential, Spec, Toolset};
