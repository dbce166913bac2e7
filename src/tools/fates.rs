//! What is said of a call that failed: what has become of it, and what to do.

use serde_json::json;

use crate::{
    catalog::{Effect, Retry},
    error::{ErrorCode, Fate, ToolError},
    guard::Call,
};

/// Nothing that changes anything was sent: a look-up that failed leaves no doubt about that.
pub(super) fn nothing_left(error: ToolError) -> ToolError {
    match error.fate {
        Fate::Unknown => ToolError { fate: Fate::NothingHappened, ..error },
        Fate::NothingHappened | Fate::Partly => error,
    }
}

/// A failed change says what has become of it; a failed read has changed nothing and needs not say so.
pub(super) fn with_fate(mut error: ToolError, effect: Effect) -> ToolError {
    if !effect.mutates() {
        error.fate = Fate::NothingHappened;
    } else if error.fate == Fate::Unknown {
        error.message.push_str(" It may have happened all the same.");
    } else if error.fate == Fate::NothingHappened && !error.message.contains("othing was") {
        error.message.push_str(" Nothing was changed.");
    }
    error
}

/// What is said of a call that may have happened.
pub(super) fn unknown_fate(call: &Call<'_>, call_id: &str, error: ToolError) -> ToolError {
    match call.retry {
        Retry::Ledger if call.intent.recovery.is_none() => ToolError {
            upstream_status: error.upstream_status,
            ..outcome_unknown(call_id)
        }
        .next(format!(
            "This cannot be looked up by itself: list what there is, and tell the user. An operator who knows says so \
                 with `customerio-mcp sends settle {call_id}`."
        )),
        Retry::Ledger => ToolError { upstream_status: error.upstream_status, ..outcome_unknown(call_id) },
        // The id that makes a repeated request harmless was this call's: another call is another event.
        Retry::Ulid => error.next(format!(
            "Look for it with get_customer and `detail: \"full\"` before another {} call, which would record it again.",
            call.tool
        )),
        Retry::Natural => ToolError { repeatable: true, ..error }
            .next(format!("Repeat the same {} call: doing it twice changes nothing more.", call.tool)),
    }
}

pub(super) fn outcome_unknown(call_id: &str) -> ToolError {
    ToolError::new(
        ErrorCode::OutcomeUnknown,
        "The request left, no clear answer came back, and its effect is not to be seen yet: it may have happened.",
    )
    .of_unknown_fate()
    .with(json!({ "call_id": call_id }))
    .next("Repeat the very same call in a minute: it looks again and never does it twice.")
}
