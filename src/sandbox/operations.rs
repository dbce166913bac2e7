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

const fn open(method: &'static str, path: &'static str, operation: &'static str) -> NotImitated {
    NotImitated { credential: Credential::Open, method, path, operation }
}

const fn track(method: &'static str, path: &'static str, operation: &'static str) -> NotImitated {
    NotImitated { credential: Credential::Track, method, path, operation }
}

const fn cdp(method: &'static str, path: &'static str, operation: &'static str) -> NotImitated {
    NotImitated { credential: Credential::Pipelines, method, path, operation }
}

const fn app(method: &'static str, path: &'static str, operation: &'static str) -> NotImitated {
    NotImitated { credential: Credential::App, method, path, operation }
}

/// All of them.
#[rustfmt::skip]
pub(super) const NOT_IMITATED: &[NotImitated] = &[
    open("POST", "/unsubscribe/{delivery_id}", "unsubscribe"),
    track("POST", "/api/v1/events", "trackAnonymous"),
    track("POST", "/api/v1/forms/{form_id}/submit", "submitForm"),
    open("POST", "/api/v1/metrics", "metrics"),
    open("POST", "/api/v1/push/events", "pushMetrics"),
    cdp("POST", "/v1/identify", "identify"),
    cdp("POST", "/v1/track", "track"),
    cdp("POST", "/v1/page", "page"),
    cdp("POST", "/v1/screen", "screen"),
    cdp("POST", "/v1/group", "group"),
    cdp("POST", "/v1/alias", "alias"),
    cdp("POST", "/v1/batch", "batch"),
    app("POST", "/v1/live_notifications/start", "startLiveNotification"),
    app("POST", "/v1/live_notifications/update", "updateLiveNotification"),
    app("POST", "/v1/live_notifications/end", "endLiveNotification"),
    app("GET", "/v1/live_notifications/{instance_id}", "getLiveNotification"),
    app("GET", "/v1/customers/{customer_id}/relationships", "getPersonRelationships"),
    app("GET", "/v1/customers/{customer_id}/subscription_preferences", "getPersonSubscriptionPreferences"),
    app("GET", "/v1/optouts", "getOptouts"),
    app("GET", "/v1/customers/{customer_id}/optouts", "getPersonOptouts"),
    app("PUT", "/v1/customers/{customer_id}/optouts", "updatePersonOptouts"),
    app("GET", "/v1/object_types", "getObjectTypes"),
    app("POST", "/v1/objects", "getObjectsFilter"),
    app("GET", "/v1/objects/{object_type_id}/{object_id}/attributes", "getObjectAttributes"),
    app("GET", "/v1/objects/{object_type_id}/{object_id}/relationships", "getObjectRelationships"),
    app("GET", "/v1/exports/{export_id}", "getExport"),
    app("GET", "/v1/exports/{export_id}/download", "downloadExport"),
    app("POST", "/v1/exports/customers", "exportPeopleData"),
    app("POST", "/v1/exports/deliveries", "exportDeliveriesData"),
    app("POST", "/v1/imports", "import"),
    app("GET", "/v1/imports/{import_id}", "getImport"),
    app("GET", "/v1/collections", "getCollections"),
    app("POST", "/v1/collections", "addCollection"),
    app("GET", "/v1/collections/{collection_id}", "getCollection"),
    app("PUT", "/v1/collections/{collection_id}", "updateCollection"),
    app("DELETE", "/v1/collections/{collection_id}", "deleteCollection"),
    app("GET", "/v1/collections/{collection_id}/content", "getCollectionContents"),
    app("PUT", "/v1/collections/{collection_id}/content", "updateCollectionContents"),
    app("POST", "/v1/snippets", "createSnippet"),
    app("PUT", "/v1/snippets", "updateSnippets"),
    app("DELETE", "/v1/snippets/{snippet_name}", "deleteSnippet"),
    app("GET", "/v1/sender_identities/{sender_id}", "getSender"),
    app("GET", "/v1/sender_identities/{sender_id}/used_by", "getSenderUsage"),
    app("GET", "/v1/reporting_webhooks", "listWebhooks"),
    app("POST", "/v1/reporting_webhooks", "createWebhook"),
    app("GET", "/v1/reporting_webhooks/{webhook_id}", "getWebhook"),
    app("PUT", "/v1/reporting_webhooks/{webhook_id}", "updateWebhook"),
    app("DELETE", "/v1/reporting_webhooks/{webhook_id}", "deleteWebhook"),
    app("GET", "/v1/esp/search_suppression/{email_address}", "getSuppression"),
    app("GET", "/v1/esp/suppression/{suppression_type}", "getSuppressionByType"),
    app("GET", "/v1/esp/domains/{domain_name}/suppression/{suppression_type}", "getDomainSuppressionsByType"),
    app("POST", "/v1/esp/suppression/{suppression_type}/{email_address}", "postSuppression"),
    app("DELETE", "/v1/esp/suppression/{suppression_type}/{email_address}", "deleteSuppression"),
    app("GET", "/v1/subscription_channels", "getChannels"),
    app("GET", "/v1/subscription_center/{customer_id}/token", "getSubscriptionCenterToken"),
    app("POST", "/v1/data_index/attributes", "updateAttributeMetadata"),
    app("POST", "/v1/data_index/events", "updateEventMetadata"),
    open("GET", "/v1/info/ip_addresses", "getCioAllowlist"),
    app("GET", "/v1/assets", "listAssets"),
    app("POST", "/v1/assets/files", "createAsset"),
    app("GET", "/v1/assets/files/{id}", "getAsset"),
    app("PUT", "/v1/assets/files/{id}", "updateAsset"),
    app("DELETE", "/v1/assets/files/{id}", "deleteAsset"),
    app("GET", "/v1/assets/folders", "listAssetFolders"),
    app("POST", "/v1/assets/folders", "createAssetFolder"),
    app("GET", "/v1/assets/folders/{id}", "getAssetFolder"),
    app("PUT", "/v1/assets/folders/{id}", "updateAssetFolder"),
    app("DELETE", "/v1/assets/folders/{id}", "deleteAssetFolder"),
    app("GET", "/v1/design_studio/components", "listComponents"),
    app("POST", "/v1/design_studio/components", "createComponent"),
    app("GET", "/v1/design_studio/components/{id}", "getComponent"),
    app("PUT", "/v1/design_studio/components/{id}", "updateComponent"),
    app("DELETE", "/v1/design_studio/components/{id}", "deleteComponent"),
    app("GET", "/v1/design_studio/folders", "listFolders"),
    app("POST", "/v1/design_studio/folders", "createFolder"),
    app("GET", "/v1/design_studio/folders/{id}", "getFolder"),
    app("PUT", "/v1/design_studio/folders/{id}", "updateFolder"),
    app("DELETE", "/v1/design_studio/folders/{id}", "deleteFolder"),
    app("GET", "/v1/design_studio/emails", "listEmails"),
    app("POST", "/v1/design_studio/emails", "createEmail"),
    app("GET", "/v1/design_studio/emails/{id}", "getEmail"),
    app("PUT", "/v1/design_studio/emails/{id}", "updateEmail"),
    app("DELETE", "/v1/design_studio/emails/{id}", "deleteEmail"),
    app("GET", "/v1/design_studio/emails/{id}/languages", "listEmailTranslations"),
    app("POST", "/v1/design_studio/emails/{id}/languages", "createEmailTranslation"),
    app("GET", "/v1/design_studio/emails/{id}/languages/{language}", "getEmailTranslation"),
    app("PUT", "/v1/design_studio/emails/{id}/languages/{language}", "updateEmailTranslation"),
    app("DELETE", "/v1/design_studio/emails/{id}/languages/{language}", "deleteEmailTranslation"),
    app("POST", "/v1/design_studio/emails/{id}/link", ""),
    app("POST", "/v1/design_studio/emails/{id}/publish", ""),
    app("GET", "/v1/design_studio/emails/{id}/publish_status", ""),
    app("GET", "/v1/design_studio/emails/{id}/unpublished_changes", ""),
    app("POST", "/v1/design_studio/emails/{id}/preview", ""),
    app("GET", "/v1/design_studio/emails/{id}/render", ""),
    app("GET", "/v1/design_studio/emails/{id}/review", ""),
    app("GET", "/v1/design_studio/emails/{id}/versions", ""),
    app("POST", "/v1/design_studio/emails/{id}/versions", "saveVersion"),
    app("GET", "/v1/design_studio/emails/{id}/versions/{version_id}", ""),
    app("DELETE", "/v1/design_studio/emails/{id}/versions/{version_id}", ""),
    app("POST", "/v1/design_studio/emails/{id}/versions/{version_id}/restore", "restoreVersion"),
    app("POST", "/v1/design_studio/emails/{id}/inbox_previews", "submitInboxPreview"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}", "getInboxPreviewJob"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}/captures/{client_id}", ""),
    app("GET", "/v1/design_studio/inbox_previews/jobs", "listInboxPreviewJobs"),
    app("GET", "/v1/design_studio/inbox_previews/clients", "listInboxPreviewClients"),
    app("GET", "/v1/design_studio/inbox_previews/credits", ""),
];
