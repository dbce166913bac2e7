//! Who a write means: each trap of Customer.io's identifiers, through the tools, with the sandbox as witness.

mod email_primary;
mod erased;
mod meanwhile;
mod refused;
mod track_alone;
mod unread;
