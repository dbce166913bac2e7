//! What the vendor has and the sandbox does not imitate: it answers 501 with the operation's name.
//!
//! Taken from the vendor's surface as of 2026-09. An operation leaves this list when it enters `routes`.

use super::auth::Credential;

/// One operation the sandbox knows of and refuses.
pub(super) struct NotImitated {
    pub(super) credential: Credential,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The vendor's operation id; "" where it is not known.
    pub(super) operation: &'static str,
}

const fn app(method: &'static str, path: &'static str, operation: &'static str) -> NotImitated {
    NotImitated { credential: Credential::App, method, path, operation }
}

/// All of them.
#[rustfmt::skip]
pub(super) const NOT_IMITATED: &[NotImitated] = &[
    app("POST", "/v1/design_studio/emails/{id}/inbox_previews", "submitInboxPreview"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}", "getInboxPreviewJob"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}/captures/{client_id}", ""),
    app("GET", "/v1/design_studio/inbox_previews/jobs", "listInboxPreviewJobs"),
    app("GET", "/v1/design_studio/inbox_previews/clients", "listInboxPreviewClients"),
    app("GET", "/v1/design_studio/inbox_previews/credits", ""),
];
