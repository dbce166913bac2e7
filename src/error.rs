//! What a caller sees when a call does not succeed.
//!
//! One shape for every tool and every reason: a code from a closed list, a sentence that names the argument and what
//! is valid, and the next step. The same value tells the ledger whether anything can have happened.

use std::fmt;

use serde::{Serialize, ser::SerializeMap};
use serde_json::Value;

/// What is known of a failed call's effect upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is proven that nothing happened.
    NothingHappened,
    /// It may have happened.
    Unknown,
    /// Some of it happened and the rest will not; the message says which.
    Partly,
}

/// A failed tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolError {
    /// The code.
    pub code: ErrorCode,
    /// For the caller: names the argument, what is valid and what was changed. No personal data.
    pub message: String,
    /// The argument at fault, as a path such as `attributes.plan`.
    pub field: Option<String>,
    /// What to do next.
    pub next_step: Option<String>,
    /// When to try again.
    pub retry_after_seconds: Option<u64>,
    /// A plan to confirm, a conflict's parties, a difference: facts the code calls for.
    pub details: Option<Value>,
    /// Whether the effect may have happened.
    pub fate: Fate,
    /// Whether doing it twice changes nothing more.
    pub repeatable: bool,
    /// HTTP status of the upstream answer behind the error; for the audit, not for the caller.
    pub upstream_status: Option<u16>,
}

impl ToolError {
    /// An error that changed nothing.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            next_step: None,
            retry_after_seconds: None,
            details: None,
            fate: Fate::NothingHappened,
            repeatable: false,
            upstream_status: None,
        }
    }

    /// An argument that is not valid.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message).at(field)
    }

    /// Names the argument at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn after_seconds(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds facts.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Marks the effect as possibly happened.
    #[must_use]
    pub fn of_unknown_fate(mut self) -> Self {
        self.fate = Fate::Unknown;
        self
    }

    /// Marks the effect as having happened in part. The message says what was changed and what was not.
    #[must_use]
    pub fn partly_happened(mut self) -> Self {
        self.fate = Fate::Partly;
        self
    }

    /// Whether the very same call may be made again without risk of a second effect.
    pub fn safe_to_retry(&self) -> bool {
        self.repeatable || (self.fate == Fate::NothingHappened && self.code.is_passing())
    }
}

impl Serialize for ToolError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("error", self.code.as_str())?;
        map.serialize_entry("message", &self.message)?;
        if let Some(field) = &self.field {
            map.serialize_entry("field", field)?;
        }
        if let Some(next_step) = &self.next_step {
            map.serialize_entry("next_step", next_step)?;
        }
        if let Some(seconds) = self.retry_after_seconds {
            map.serialize_entry("retry_after_seconds", &seconds)?;
        }
        if let Some(details) = &self.details {
            map.serialize_entry("details", details)?;
        }
        map.serialize_entry("safe_to_retry", &self.safe_to_retry())?;
        map.end()
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ToolError {}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal $(, passing: $passing:literal)?;)+) => {
        /// Every code a tool can answer with. The README's table is made from this list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)+ }

        impl ErrorCode {
            /// All codes, in the order of the documentation.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)+];

            /// The code as callers see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }

            /// Whether time alone mends it, so that the same call may succeed later.
            const fn is_passing(self) -> bool {
                match self { $(Self::$name => false $(|| $passing)?,)+ }
            }
        }
    };
}

codes! {
    /// An argument is unknown, of the wrong type, out of range or malformed.
    InvalidArgument = "invalid_argument";
    /// An identifier breaks the rules: length, control characters, spaces at its ends, or the declared form.
    InvalidIdentifier = "invalid_identifier";
    /// A masked value came back as an argument; use the `cio_id` instead.
    MaskedValue = "masked_value";
    /// No identity strategy is declared yet for this workspace.
    IdentityStrategyRequired = "identity_strategy_required";
    /// A strategy is declared already; changing it is an operator's command.
    IdentityStrategyDeclared = "identity_strategy_declared";
    /// The identifiers given belong to different people, or to somebody else.
    IdentityConflict = "identity_conflict";
    /// An identifier that is set cannot be changed.
    IdentifierImmutable = "identifier_immutable";
    /// No such person.
    CustomerNotFound = "customer_not_found";
    /// The person was erased; a tombstone keeps them from coming back.
    CustomerErased = "customer_erased";
    /// The identity looks like a test, and the call does not say so.
    TestProfileExpected = "test_profile_expected";
    /// The quota of test profiles is used up.
    TestProfileQuota = "test_profile_quota";
    /// A budget is used up for its window.
    BudgetExhausted = "budget_exhausted";
    /// The recipient is not one the operator allows here.
    RecipientNotAllowed = "recipient_not_allowed";
    /// The address leads to a host that the operator does not list.
    EgressNotAllowed = "egress_not_allowed";
    /// The policy denies this tool or effect.
    Denied = "denied";
    /// The call needs the plan token of its own preview.
    PreviewRequired = "preview_required";
    /// The plan token is unknown, expired, spent, or of another call.
    PlanInvalid = "plan_invalid";
    /// The policy asks for a human's approval; nothing ran.
    ApprovalRequired = "approval_required";
    /// A human has decided against this very call; nothing ran.
    ApprovalDenied = "approval_denied";
    /// The idempotency key was used with other arguments.
    IdempotencyKeyReused = "idempotency_key_reused";
    /// The same call is running right now.
    CallInProgress = "call_in_progress", passing: true;
    /// The request left and no clear answer came back: it may have happened. Nothing is sent again.
    OutcomeUnknown = "outcome_unknown";
    /// The effect of the same call made before is not to be seen: it was probably never carried out. Another attempt is
    /// a decision of its own.
    ProbablyNotSent = "probably_not_sent";
    /// What the arguments name does not exist.
    NotFound = "not_found";
    /// The thing is in a state that does not allow this.
    Conflict = "conflict";
    /// The message would fail to render for this recipient.
    RenderFails = "render_fails";
    /// The workspace has no App API key, and the call needs to read.
    AppKeyRequired = "app_key_required";
    /// The workspace has no Track API credentials, and the call needs to write.
    TrackCredentialsRequired = "track_credentials_required";
    /// Customer.io does not accept the credentials.
    Unauthorized = "unauthorized";
    /// The credentials do not reach this, or the feature is off in the workspace.
    Forbidden = "forbidden";
    /// The configured region is not the workspace's.
    WrongRegion = "wrong_region";
    /// Customer.io refused the request.
    UpstreamRejected = "upstream_rejected";
    /// Customer.io is limiting, or waiting for our own pacing would take too long.
    RateLimited = "rate_limited", passing: true;
    /// Customer.io cannot be reached or answers with a server error.
    UpstreamUnavailable = "upstream_unavailable", passing: true;
    /// The call was cancelled.
    Cancelled = "cancelled", passing: true;
    /// The state store did not answer; without it nothing that changes anything may run.
    StateUnavailable = "state_unavailable", passing: true;
    /// A fault of ours; the log has the rest.
    Internal = "internal";
}

impl ErrorCode {
    /// Whether the error carries a plan to look at or to approve: nothing ran, and nothing was refused for good.
    pub const fn is_a_plan(self) -> bool {
        matches!(self, Self::PreviewRequired | Self::ApprovalRequired | Self::ProbablyNotSent)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
