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
    app("POST", "/v1/campaigns/{broadcast_id}/triggers", "triggerBroadcast"),
    app("POST", "/v1/live_notifications/start", "startLiveNotification"),
    app("POST", "/v1/live_notifications/update", "updateLiveNotification"),
    app("POST", "/v1/live_notifications/end", "endLiveNotification"),
    app("GET", "/v1/live_notifications/{instance_id}", "getLiveNotification"),
    app("GET", "/v1/transactional/{transactional_id}/contents/{content_id}", ""),
    app("PUT", "/v1/transactional/{transactional_id}/content/{content_id}", "updateTransactional"),
    app("GET", "/v1/transactional/{transactional_id}/language/{language}", "getTransactionalVariant"),
    app("PUT", "/v1/transactional/{transactional_id}/language/{language}", "updateTransactionalVariant"),
    app("GET", "/v1/transactional/{transactional_id}/metrics", "transactionalMetrics"),
    app("GET", "/v1/transactional/{transactional_id}/metrics/links", "transactionalLinks"),
    app("GET", "/v1/campaigns", "listCampaigns"),
    app("GET", "/v1/campaigns/{campaign_id}", "getCampaigns"),
    app("GET", "/v1/campaigns/{campaign_id}/actions", "listCampaignActions"),
    app("GET", "/v1/campaigns/{campaign_id}/actions/{action_id}", "getCampaignAction"),
    app("PUT", "/v1/campaigns/{campaign_id}/actions/{action_id}", "updateCampaignAction"),
    app("GET", "/v1/campaigns/{campaign_id}/actions/{action_id}/language/{language}", "getCampaignActionTranslation"),
    app("PUT", "/v1/campaigns/{campaign_id}/actions/{action_id}/language/{language}", "updateCampaignActionTranslation"),
    app("GET", "/v1/campaigns/{campaign_id}/metrics", "campaignMetrics"),
    app("GET", "/v1/campaigns/{campaign_id}/metrics/links", "campaignLinkMetrics"),
    app("GET", "/v1/campaigns/{campaign_id}/actions/{action_id}/metrics", "campaignActionMetrics"),
    app("GET", "/v1/campaigns/{campaign_id}/actions/{action_id}/metrics/links", "campaignActionLinks"),
    app("GET", "/v1/campaigns/{campaign_id}/journey_metrics", "campaignJourneyMetrics"),
    app("GET", "/v1/campaigns/{campaign_id}/messages", "getCampaignMessages"),
    app("GET", "/v1/broadcasts", "listBroadcasts"),
    app("GET", "/v1/broadcasts/{broadcast_id}", "getBroadcast"),
    app("GET", "/v1/broadcasts/{broadcast_id}/actions", "broadcastActions"),
    app("GET", "/v1/broadcasts/{broadcast_id}/actions/{action_id}", "getBroadcastAction"),
    app("PUT", "/v1/broadcasts/{broadcast_id}/actions/{action_id}", "updateBroadcastAction"),
    app("GET", "/v1/broadcasts/{broadcast_id}/actions/{action_id}/language/{language}", "getBroadcastActionLanguage"),
    app("PUT", "/v1/broadcasts/{broadcast_id}/actions/{action_id}/language/{language}", "updateBroadcastActionLanguage"),
    app("GET", "/v1/broadcasts/{broadcast_id}/metrics", "broadcastMetrics"),
    app("GET", "/v1/broadcasts/{broadcast_id}/metrics/links", "broadcastLinks"),
    app("GET", "/v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics", "broadcastActionMetrics"),
    app("GET", "/v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics/links", "broadcastActionLinks"),
    app("GET", "/v1/broadcasts/{broadcast_id}/messages", "broadcastMessages"),
    app("GET", "/v1/broadcasts/{broadcast_id}/triggers", "listBroadcastTriggers"),
    app("GET", "/v1/campaigns/{broadcast_id}/triggers/{trigger_id}", "broadcastStatus"),
    app("GET", "/v1/campaigns/{broadcast_id}/triggers/{trigger_id}/errors", "broadcastErrors"),
    app("GET", "/v1/newsletters", "listNewsletters"),
    app("POST", "/v1/newsletters", "createNewsletter"),
    app("GET", "/v1/newsletters/{newsletter_id}", "getNewsletters"),
    app("DELETE", "/v1/newsletters/{newsletter_id}", "deleteNewsletters"),
    app("POST", "/v1/newsletters/{newsletter_id}/schedule", "scheduleNewsletter"),
    app("POST", "/v1/newsletters/{newsletter_id}/send", "sendNewsletter"),
    app("GET", "/v1/newsletters/{newsletter_id}/messages", "getNewsletterMsgMeta"),
    app("GET", "/v1/newsletters/{newsletter_id}/metrics", "getNewsletterMetrics"),
    app("GET", "/v1/newsletters/{newsletter_id}/metrics/links", "getNewsletterLinks"),
    app("GET", "/v1/newsletters/{newsletter_id}/contents", "listNewsletterVariants"),
    app("GET", "/v1/newsletters/{newsletter_id}/contents/{content_id}", "getNewsletterVariant"),
    app("PUT", "/v1/newsletters/{newsletter_id}/contents/{content_id}", "updateNewsletterVariant"),
    app("GET", "/v1/newsletters/{newsletter_id}/contents/{content_id}/metrics", "getVariantMetrics"),
    app("GET", "/v1/newsletters/{newsletter_id}/contents/{content_id}/metrics/links", "getVariantLinks"),
    app("POST", "/v1/newsletters/{newsletter_id}/language", "createNewsletterLanguageVariant"),
    app("GET", "/v1/newsletters/{newsletter_id}/language/{language}", "getNewsletterVariantTranslation"),
    app("PUT", "/v1/newsletters/{newsletter_id}/language/{language}", "updateNewsletterVariantTranslation"),
    app("DELETE", "/v1/newsletters/{newsletter_id}/language/{language}", "deleteNewsletterLanguageVariant"),
    app("GET", "/v1/newsletters/{newsletter_id}/test_groups", "getNewsletterTestGroups"),
    app("POST", "/v1/newsletters/{newsletter_id}/test_groups", "createNewsletterTestGroup"),
    app("POST", "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language", "createNewsletterTestLanguageVariant"),
    app("GET", "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "getNewsletterVariantTranslationTest"),
    app("PUT", "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "updateNewsletterTestTranslation"),
    app("DELETE", "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "deleteNewsletterTestLanguageVariant"),
    app("POST", "/v1/design_studio/emails/{id}/inbox_previews", "submitInboxPreview"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}", "getInboxPreviewJob"),
    app("GET", "/v1/design_studio/emails/{id}/inbox_previews/{run_id}/captures/{client_id}", ""),
    app("GET", "/v1/design_studio/inbox_previews/jobs", "listInboxPreviewJobs"),
    app("GET", "/v1/design_studio/inbox_previews/clients", "listInboxPreviewClients"),
    app("GET", "/v1/design_studio/inbox_previews/credits", ""),
];
