//! behaviour.md row by row: a file for each section about the API, a test for each rule that the files of the nouns do
//! not hold already. Those name their section too: `cargo nextest list -E 'test(section_9)'` shows who holds a section.
//!
//! What cannot be asked over HTTP, and why:
//!
//! - 1: OAuth and the vendor's MCP and UI hosts, service account tokens, address allowlists, restricted keys and the
//!   redirect of a wrong region are other hosts or credentials than the sandbox has.
//! - 1, 2: "no idempotency" and "not strictly enforced" are held by what repeats (`a_repeated_send_sends_twice`) and by
//!   Track calls beyond the App's limit; dropping of data under sustained excess is not imitated.
//! - 2: journey attributes, and `sample_data` of inbox previews, belong to what is not imitated.
//! - 3: that processing is asynchronous shows as a stale read only when a fault asks for it (`faults.rs`).
//! - 3: no API lists suppressed identifiers, so only the control endpoint counts them.
//! - 4: what events trigger, and the order of separate calls: campaigns run in the vendor's interface.
//! - 5: the states of a segment that is still being built: here one is finished at once.
//! - 6: retries of an attempted message over an hour, and human against machine opens: nothing is ever attempted twice.
//! - 9: "segments still processing" as a reason not to send, for the reason of 5.
//! - 11: delivery, retries and signatures of webhooks: the sandbox makes no calls of its own.
//! - 12: the dialect is `liquid`'s, and held by its own tests; over HTTP only what it does to a delivery is asked.
//! - 13, 14: billing, the vendor's MCP and its sandboxes are not of the API.

mod section_1;
mod section_11;
mod section_12;
mod section_2;
mod section_3;
mod section_4;
mod section_5;
mod section_6;
mod section_7;
mod section_8;
mod section_9;
mod section_9_variants;
