//! What a tool is: its effect, its flags, its schemas, and everything that follows from them.

mod effect;
mod operation;
mod operations;
mod parameter;
mod people;
mod schema;
mod search;
mod spec;

pub use effect::{Effect, Flag, Retry};
pub use operation::{AnswerKind, Encoding, Method, Operation, OperationApi};
pub use operations::{Operations, OperationsError};
pub use parameter::{Kind, Parameter, Place};
pub use people::{AbsentPerson, ID_TYPE, People, Written};
pub use schema::{
    HeldSchema, IDEMPOTENCY_KEY, PLAN_TOKEN, Surroundings, WORKSPACE, answer_schema, correct, input_schema,
    operation_schema, schema_of, with_workspace_argument, with_workspace_said,
};
pub use search::{SearchEntry, SearchIndex};
pub use spec::{Credential, Spec, Toolset};
