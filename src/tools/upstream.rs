//! What a caller is told when Customer.io does not do what was asked.

use crate::{
    api::{self, UpstreamError, UpstreamErrorKind},
    error::{ErrorCode, Fate, ToolError},
};

impl From<UpstreamError> for ToolError {
    fn from(error: UpstreamError) -> Self {
        let mut told = Self::new(code(&error), message(&error));
        told.field.clone_from(&error.field);
        told.next_step = Some(next_step(&error));
        told.retry_after_seconds = error.retry_after_seconds;
        told.upstream_status = error.status;
        if error.fate == api::Fate::Unknown {
            told.fate = Fate::Unknown;
        }
        told
    }
}

/// What a caller is told when a segment could not be read: most often, that there is none with this id.
pub(super) fn of_segment(error: UpstreamError) -> ToolError {
    if error.kind != UpstreamErrorKind::NotFound {
        return error.into();
    }
    ToolError::new(ErrorCode::NotFound, "There is no segment with this id.")
        .at("segment_id")
        .next("list_segments shows those there are.")
}

fn code(error: &UpstreamError) -> ErrorCode {
    match error.kind {
        UpstreamErrorKind::MissingCredential if error.message.contains("App") => ErrorCode::AppKeyRequired,
        UpstreamErrorKind::MissingCredential => ErrorCode::TrackCredentialsRequired,
        UpstreamErrorKind::Unauthorized => ErrorCode::Unauthorized,
        UpstreamErrorKind::Forbidden => ErrorCode::Forbidden,
        UpstreamErrorKind::NotFound => ErrorCode::NotFound,
        UpstreamErrorKind::RateLimited => ErrorCode::RateLimited,
        UpstreamErrorKind::WrongRegion => ErrorCode::WrongRegion,
        UpstreamErrorKind::Cancelled => ErrorCode::Cancelled,
        UpstreamErrorKind::Rejected | UpstreamErrorKind::TooLarge => ErrorCode::UpstreamRejected,
        _ => ErrorCode::UpstreamUnavailable,
    }
}

fn message(error: &UpstreamError) -> String {
    let reference = error.reference.as_ref().map_or_else(String::new, |reference| format!(" (reference {reference})"));
    let message = format!("{}{reference}", error.message.trim_end());
    // What follows says what became of the call, in a sentence of its own.
    if message.ends_with(['.', '!', '?']) { message } else { format!("{message}.") }
}

fn next_step(error: &UpstreamError) -> String {
    match error.kind {
        UpstreamErrorKind::MissingCredential | UpstreamErrorKind::Unauthorized | UpstreamErrorKind::WrongRegion => {
            "Tell the operator: `customerio-mcp doctor` checks credentials and region.".to_owned()
        }
        UpstreamErrorKind::Forbidden => {
            "Tell the operator: the key may lack a scope, or the feature be off.".to_owned()
        }
        UpstreamErrorKind::NotFound => "List what there is, and use an id from the list.".to_owned(),
        UpstreamErrorKind::RateLimited => match error.retry_after_seconds {
            Some(seconds) => format!("Wait {seconds} seconds and repeat the call."),
            None => "The limit may be a daily one: wait, or do without.".to_owned(),
        },
        UpstreamErrorKind::Rejected | UpstreamErrorKind::TooLarge => "Correct the argument and call again.".to_owned(),
        _ => "Wait a moment and repeat the call.".to_owned(),
    }
}
