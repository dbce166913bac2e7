//! Every route, on one page.
//!
//! Paths are the vendor's. What the vendor has and the sandbox does not imitate stands in `operations`; together the
//! two name each of the vendor's operations once.

use super::{
    actions, activities, anonymous, assets,
    auth::Credential,
    broadcasts, campaigns, collections, data_index, delivery_metrics, devices, entity, esp, events, exports, forms,
    imports, live_notifications, merge, messages, metrics, newsletter_contents, newsletter_sends, newsletters,
    object_reads,
    operations::{NOT_IMITATED, NotImitated},
    optouts, pipelines, profiles,
    reply::Answer,
    request::{Call, decode_segment},
    segments, send, senders, snippets,
    studio::{checks, emails, languages, nodes, publishing, versions},
    subscriptions, suppression, transactional, triggers, webhooks, workspace,
    world::World,
};

/// One operation that is imitated.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The vendor's operation id.
    pub(super) operation: &'static str,
    pub(super) credential: Credential,
    /// Whether the answer comes from the state without changing it: only such an answer can be stale.
    pub(super) reads: bool,
    pub(super) handler: fn(&mut World, &Call) -> Answer,
}

type Handler = fn(&mut World, &Call) -> Answer;

const fn track(method: &'static str, path: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route { method, path, operation, credential: Credential::Track, reads: false, handler }
}

const fn cdp(method: &'static str, path: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route { method, path, operation, credential: Credential::Pipelines, reads: false, handler }
}

const fn open(method: &'static str, path: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route { method, path, operation, credential: Credential::Open, reads: false, handler }
}

const fn write(method: &'static str, path: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route { method, path, operation, credential: Credential::App, reads: false, handler }
}

const fn read(method: &'static str, path: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route { method, path, operation, credential: Credential::App, reads: true, handler }
}

/// All of them. A literal segment stands before a parameter in the same place.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    // Track v1: answers 200 `{}` to whatever it accepts.
    track("GET",    "/api/v1/accounts/region",                                "getRegion",            workspace::region),
    track("PUT",    "/api/v1/customers/{identifier}",                         "identify",             profiles::identify),
    track("DELETE", "/api/v1/customers/{identifier}",                         "delete",               profiles::delete),
    track("PUT",    "/api/v1/customers/{identifier}/devices",                 "add_device",           devices::add),
    track("DELETE", "/api/v1/customers/{identifier}/devices/{device_id}",     "delete_device",        devices::delete),
    track("POST",   "/api/v1/customers/{identifier}/suppress",                "suppress",             suppression::suppress),
    track("POST",   "/api/v1/customers/{identifier}/unsuppress",              "unsuppress",           suppression::unsuppress),
    track("POST",   "/api/v1/customers/{identifier}/events",                  "track",                events::track),
    track("POST",   "/api/v1/events",                                         "trackAnonymous",       anonymous::track),
    track("POST",   "/api/v1/forms/{form_id}/submit",                         "submitForm",           forms::submit),
    open ("POST",   "/api/v1/metrics",                                        "metrics",              delivery_metrics::metrics),
    open ("POST",   "/api/v1/push/events",                                    "pushMetrics",          delivery_metrics::push_events),
    open ("POST",   "/unsubscribe/{delivery_id}",                             "unsubscribe",          delivery_metrics::unsubscribe),
    track("POST",   "/api/v1/merge_customers",                                "merge",                merge::merge),
    track("POST",   "/api/v1/segments/{segment_id}/add_customers",            "add_to_segment",       segments::add_customers),
    track("POST",   "/api/v1/segments/{segment_id}/remove_customers",         "remove_from_segment",  segments::remove_customers),

    // Track v2.
    track("POST",   "/api/v2/entity",                                         "entity",               entity::entity),
    track("POST",   "/api/v2/batch",                                          "batch",                entity::batch),

    // Pipelines: 200 to everything unless the caller asks to be strict.
    cdp  ("POST",   "/v1/identify",                                           "identify",             pipelines::identify),
    cdp  ("POST",   "/v1/track",                                              "track",                pipelines::track),
    cdp  ("POST",   "/v1/page",                                               "page",                 pipelines::page),
    cdp  ("POST",   "/v1/screen",                                             "screen",               pipelines::screen),
    cdp  ("POST",   "/v1/group",                                              "group",                pipelines::group),
    cdp  ("POST",   "/v1/alias",                                              "alias",                pipelines::alias),
    cdp  ("POST",   "/v1/batch",                                              "batch",                pipelines::batch),

    // App: people. Two of the reads are POSTs.
    read ("GET",    "/v1/customers",                                          "getPeopleEmail",       profiles::by_email),
    read ("POST",   "/v1/customers",                                          "getPeopleFilter",      profiles::search),
    read ("POST",   "/v1/customers/attributes",                               "getPeopleById",        profiles::attributes_of_many),
    read ("GET",    "/v1/customers/{customer_id}/attributes",                 "getPersonAttributes",  profiles::attributes),
    read ("GET",    "/v1/customers/{customer_id}/segments",                   "getPersonSegments",    profiles::segments),
    read ("GET",    "/v1/customers/{customer_id}/activities",                 "getPersonActivities",  activities::of_person),
    read ("GET",    "/v1/activities",                                         "listActivities",       activities::list),

    // App: objects and relationships, which are written on the Track side.
    read ("GET",    "/v1/object_types",                                       "getObjectTypes",       object_reads::types),
    read ("POST",   "/v1/objects",                                            "getObjectsFilter",     object_reads::search),
    read ("GET",    "/v1/objects/{object_type_id}/{object_id}/attributes",    "getObjectAttributes",  object_reads::attributes),
    read ("GET",    "/v1/objects/{object_type_id}/{object_id}/relationships", "getObjectRelationships", object_reads::relationships),
    read ("GET",    "/v1/customers/{customer_id}/relationships",              "getPersonRelationships", object_reads::of_person),

    // App: segments. Membership is written on the Track side.
    read ("GET",    "/v1/segments",                                           "listSegments",         segments::list),
    write("POST",   "/v1/segments",                                           "createManSegment",     segments::create),
    read ("GET",    "/v1/segments/{segment_id}",                              "getSegment",           segments::get),
    write("DELETE", "/v1/segments/{segment_id}",                              "deleteManSegment",     segments::delete),
    read ("GET",    "/v1/segments/{segment_id}/used_by",                      "getSegmentDependencies", segments::used_by),
    read ("GET",    "/v1/segments/{segment_id}/customer_count",               "getSegmentCount",      segments::customer_count),
    read ("GET",    "/v1/segments/{segment_id}/membership",                   "getSegmentMembership", segments::membership),

    // App: sends, and what became of them.
    write("POST",   "/v1/send/email",                                         "sendEmail",            send::email),
    write("POST",   "/v1/send/push",                                          "sendPush",             send::push),
    write("POST",   "/v1/send/sms",                                           "sendSMS",              send::sms),
    write("POST",   "/v1/send/whatsapp",                                      "sendWhatsApp",         send::whatsapp),
    write("POST",   "/v1/send/in_app",                                        "sendInApp",            send::in_app),
    write("POST",   "/v1/send/inbox_message",                                 "sendInboxMessage",     send::inbox_message),
    read ("GET",    "/v1/messages",                                           "listMessages",         messages::list),
    read ("GET",    "/v1/messages/{message_id}",                              "getMessage",           messages::get),
    read ("GET",    "/v1/messages/{message_id}/archived_message",             "getArchivedMessage",   messages::archived),
    read ("GET",    "/v1/customers/{customer_id}/messages",                   "getPersonMessages",    messages::of_person),
    read ("GET",    "/v1/transactional/{transactional_id}/messages",          "transactionalMessages", messages::of_message),

    // App: content and workspace.
    read ("GET",    "/v1/transactional",                                      "listTransactional",    transactional::list),
    read ("GET",    "/v1/transactional/{transactional_id}",                   "getTransactional",     transactional::get),
    read ("GET",    "/v1/transactional/{transactional_id}/contents",          "listTransactionalVariants", transactional::contents),
    read ("GET",    "/v1/snippets",                                           "listSnippets",         snippets::list),
    read ("GET",    "/v1/sender_identities",                                  "listSenders",          senders::list),
    read ("GET",    "/v1/subscription_topics",                                "getTopics",            subscriptions::topics),
    read ("GET",    "/v1/workspaces",                                         "listWorkspaces",       workspace::list),
    read ("GET",    "/v1/exports",                                            "listExports",          exports::list),

    // App: snippets, senders, subscriptions.
    write("POST",   "/v1/snippets",                                                   "createSnippet", snippets::create),
    write("PUT",    "/v1/snippets",                                                   "updateSnippets", snippets::put),
    write("DELETE", "/v1/snippets/{snippet_name}",                                    "deleteSnippet", snippets::delete),
    read ("GET",    "/v1/sender_identities/{sender_id}",                              "getSender", senders::get),
    read ("GET",    "/v1/sender_identities/{sender_id}/used_by",                      "getSenderUsage", senders::used_by),
    open("GET",    "/v1/info/ip_addresses",                                          "getCioAllowlist", workspace::ip_addresses),
    read ("GET",    "/v1/subscription_channels",                                      "getChannels", subscriptions::channels),
    write("GET",    "/v1/subscription_center/{customer_id}/token",                    "getSubscriptionCenterToken", subscriptions::token),
    read ("GET",    "/v1/customers/{customer_id}/subscription_preferences",           "getPersonSubscriptionPreferences", subscriptions::preferences),
    read ("GET",    "/v1/optouts",                                                    "getOptouts", optouts::list),
    read ("GET",    "/v1/customers/{customer_id}/optouts",                            "getPersonOptouts", optouts::of_person),
    write("PUT",    "/v1/customers/{customer_id}/optouts",                            "updatePersonOptouts", optouts::update),

    // App: reporting webhooks, the e-mail provider's suppressions, data index.
    read ("GET",    "/v1/reporting_webhooks",                                         "listWebhooks", webhooks::list),
    write("POST",   "/v1/reporting_webhooks",                                         "createWebhook", webhooks::create),
    read ("GET",    "/v1/reporting_webhooks/{webhook_id}",                            "getWebhook", webhooks::get),
    write("PUT",    "/v1/reporting_webhooks/{webhook_id}",                            "updateWebhook", webhooks::update),
    write("DELETE", "/v1/reporting_webhooks/{webhook_id}",                            "deleteWebhook", webhooks::delete),
    read ("GET",    "/v1/esp/search_suppression/{email_address}",                     "getSuppression", esp::search),
    read ("GET",    "/v1/esp/suppression/{suppression_type}",                         "getSuppressionByType", esp::list),
    read ("GET",    "/v1/esp/domains/{domain_name}/suppression/{suppression_type}",   "getDomainSuppressionsByType", esp::of_domain),
    write("POST",   "/v1/esp/suppression/{suppression_type}/{email_address}",         "postSuppression", esp::add),
    write("DELETE", "/v1/esp/suppression/{suppression_type}/{email_address}",         "deleteSuppression", esp::remove),
    write("POST",   "/v1/data_index/attributes",                                      "updateAttributeMetadata", data_index::attributes),
    write("POST",   "/v1/data_index/events",                                          "updateEventMetadata", data_index::events),

    // App: collections, exports, imports.
    read ("GET",    "/v1/collections",                                                "getCollections", collections::list),
    write("POST",   "/v1/collections",                                                "addCollection", collections::create),
    read ("GET",    "/v1/collections/{collection_id}",                                "getCollection", collections::get),
    write("PUT",    "/v1/collections/{collection_id}",                                "updateCollection", collections::update),
    write("DELETE", "/v1/collections/{collection_id}",                                "deleteCollection", collections::delete),
    read ("GET",    "/v1/collections/{collection_id}/content",                        "getCollectionContents", collections::content),
    write("PUT",    "/v1/collections/{collection_id}/content",                        "updateCollectionContents", collections::replace),
    write("POST",   "/v1/exports/customers",                                          "exportPeopleData", exports::people),
    write("POST",   "/v1/exports/deliveries",                                         "exportDeliveriesData", exports::deliveries),
    read ("GET",    "/v1/exports/{export_id}",                                        "getExport", exports::get),
    write("GET",    "/v1/exports/{export_id}/download",                               "downloadExport", exports::download),
    write("POST",   "/v1/imports",                                                    "import", imports::create),
    read ("GET",    "/v1/imports/{import_id}",                                        "getImport", imports::get),

    // App: assets.
    read ("GET",    "/v1/assets",                                                     "listAssets", assets::list),
    write("POST",   "/v1/assets/files",                                               "createAsset", assets::create),
    read ("GET",    "/v1/assets/files/{id}",                                          "getAsset", assets::get),
    write("PUT",    "/v1/assets/files/{id}",                                          "updateAsset", assets::update),
    write("DELETE", "/v1/assets/files/{id}",                                          "deleteAsset", assets::delete),
    read ("GET",    "/v1/assets/folders",                                             "listAssetFolders", assets::list_folders),
    write("POST",   "/v1/assets/folders",                                             "createAssetFolder", assets::create_folder),
    read ("GET",    "/v1/assets/folders/{id}",                                        "getAssetFolder", assets::get_folder),
    write("PUT",    "/v1/assets/folders/{id}",                                        "updateAssetFolder", assets::update_folder),
    write("DELETE", "/v1/assets/folders/{id}",                                        "deleteAssetFolder", assets::delete_folder),

    // App: Design Studio. Its inbox previews would need the screens of real mail clients.
    read ("GET",    "/v1/design_studio/components",                                   "listComponents", nodes::list_components),
    write("POST",   "/v1/design_studio/components",                                   "createComponent", nodes::create_component),
    read ("GET",    "/v1/design_studio/components/{id}",                              "getComponent", nodes::get_component),
    write("PUT",    "/v1/design_studio/components/{id}",                              "updateComponent", nodes::update_component),
    write("DELETE", "/v1/design_studio/components/{id}",                              "deleteComponent", nodes::delete_component),
    read ("GET",    "/v1/design_studio/folders",                                      "listFolders", nodes::list_folders),
    write("POST",   "/v1/design_studio/folders",                                      "createFolder", nodes::create_folder),
    read ("GET",    "/v1/design_studio/folders/{id}",                                 "getFolder", nodes::get_folder),
    write("PUT",    "/v1/design_studio/folders/{id}",                                 "updateFolder", nodes::update_folder),
    write("DELETE", "/v1/design_studio/folders/{id}",                                 "deleteFolder", nodes::delete_folder),
    read ("GET",    "/v1/design_studio/emails",                                       "listEmails", emails::list),
    write("POST",   "/v1/design_studio/emails",                                       "createEmail", emails::create),
    read ("GET",    "/v1/design_studio/emails/{id}",                                  "getEmail", emails::get),
    write("PUT",    "/v1/design_studio/emails/{id}",                                  "updateEmail", emails::update),
    write("DELETE", "/v1/design_studio/emails/{id}",                                  "deleteEmail", emails::delete),
    read ("GET",    "/v1/design_studio/emails/{id}/languages",                        "listEmailTranslations", languages::list),
    write("POST",   "/v1/design_studio/emails/{id}/languages",                        "createEmailTranslation", languages::create),
    read ("GET",    "/v1/design_studio/emails/{id}/languages/{language}",             "getEmailTranslation", languages::get),
    write("PUT",    "/v1/design_studio/emails/{id}/languages/{language}",             "updateEmailTranslation", languages::update),
    write("DELETE", "/v1/design_studio/emails/{id}/languages/{language}",             "deleteEmailTranslation", languages::delete),
    write("POST",   "/v1/design_studio/emails/{id}/link",                             "", publishing::link),
    write("POST",   "/v1/design_studio/emails/{id}/publish",                          "", publishing::publish),
    read ("GET",    "/v1/design_studio/emails/{id}/publish_status",                   "", publishing::status),
    read ("GET",    "/v1/design_studio/emails/{id}/unpublished_changes",              "", publishing::unpublished),
    read ("POST",   "/v1/design_studio/emails/{id}/preview",                          "", checks::preview),
    read ("GET",    "/v1/design_studio/emails/{id}/render",                           "", checks::render),
    read ("GET",    "/v1/design_studio/emails/{id}/review",                           "", checks::review),
    read ("GET",    "/v1/design_studio/emails/{id}/versions",                         "", versions::list),
    write("POST",   "/v1/design_studio/emails/{id}/versions",                         "saveVersion", versions::save),
    read ("GET",    "/v1/design_studio/emails/{id}/versions/{version_id}",            "", versions::get),
    write("DELETE", "/v1/design_studio/emails/{id}/versions/{version_id}",            "", versions::delete),
    write("POST",   "/v1/design_studio/emails/{id}/versions/{version_id}/restore",    "restoreVersion", versions::restore),
    // App: live notifications.
    write("POST",   "/v1/live_notifications/start",                                   "startLiveNotification", live_notifications::start),
    write("POST",   "/v1/live_notifications/update",                                  "updateLiveNotification", live_notifications::update),
    write("POST",   "/v1/live_notifications/end",                                     "endLiveNotification", live_notifications::end),
    read ("GET",    "/v1/live_notifications/{instance_id}",                           "getLiveNotification", live_notifications::get),

    // App: campaigns, broadcasts and newsletters. A broadcast is triggered on a path that says campaigns.
    write("POST",   "/v1/campaigns/{broadcast_id}/triggers", "triggerBroadcast", triggers::create),
    read ("GET",    "/v1/transactional/{transactional_id}/contents/{content_id}", "", transactional::content),
    write("PUT",    "/v1/transactional/{transactional_id}/content/{content_id}", "updateTransactional", transactional::update_content),
    read ("GET",    "/v1/transactional/{transactional_id}/language/{language}", "getTransactionalVariant", transactional::language),
    write("PUT",    "/v1/transactional/{transactional_id}/language/{language}", "updateTransactionalVariant", transactional::update_language),
    read ("GET",    "/v1/transactional/{transactional_id}/metrics", "transactionalMetrics", metrics::series),
    read ("GET",    "/v1/transactional/{transactional_id}/metrics/links", "transactionalLinks", metrics::links),
    read ("GET",    "/v1/campaigns", "listCampaigns", campaigns::list),
    read ("GET",    "/v1/campaigns/{campaign_id}", "getCampaigns", campaigns::get),
    read ("GET",    "/v1/campaigns/{campaign_id}/actions", "listCampaignActions", actions::list),
    read ("GET",    "/v1/campaigns/{campaign_id}/actions/{action_id}", "getCampaignAction", actions::get),
    write("PUT",    "/v1/campaigns/{campaign_id}/actions/{action_id}", "updateCampaignAction", actions::update),
    read ("GET",    "/v1/campaigns/{campaign_id}/actions/{action_id}/language/{language}", "getCampaignActionTranslation", actions::language),
    write("PUT",    "/v1/campaigns/{campaign_id}/actions/{action_id}/language/{language}", "updateCampaignActionTranslation", actions::update_language),
    read ("GET",    "/v1/campaigns/{campaign_id}/metrics", "campaignMetrics", metrics::series),
    read ("GET",    "/v1/campaigns/{campaign_id}/metrics/links", "campaignLinkMetrics", metrics::links),
    read ("GET",    "/v1/campaigns/{campaign_id}/actions/{action_id}/metrics", "campaignActionMetrics", metrics::series),
    read ("GET",    "/v1/campaigns/{campaign_id}/actions/{action_id}/metrics/links", "campaignActionLinks", metrics::links),
    read ("GET",    "/v1/campaigns/{campaign_id}/journey_metrics", "campaignJourneyMetrics", metrics::journeys),
    read ("GET",    "/v1/campaigns/{campaign_id}/messages", "getCampaignMessages", messages::of_message),
    read ("GET",    "/v1/broadcasts", "listBroadcasts", broadcasts::list),
    read ("GET",    "/v1/broadcasts/{broadcast_id}", "getBroadcast", broadcasts::get),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/actions", "broadcastActions", actions::list),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}", "getBroadcastAction", actions::get),
    write("PUT",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}", "updateBroadcastAction", actions::update),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}/language/{language}", "getBroadcastActionLanguage", actions::language),
    write("PUT",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}/language/{language}", "updateBroadcastActionLanguage", actions::update_language),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/metrics", "broadcastMetrics", metrics::series),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/metrics/links", "broadcastLinks", metrics::links),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics", "broadcastActionMetrics", metrics::series),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics/links", "broadcastActionLinks", metrics::links),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/messages", "broadcastMessages", messages::of_message),
    read ("GET",    "/v1/broadcasts/{broadcast_id}/triggers", "listBroadcastTriggers", triggers::list),
    read ("GET",    "/v1/campaigns/{broadcast_id}/triggers/{trigger_id}", "broadcastStatus", triggers::status),
    read ("GET",    "/v1/campaigns/{broadcast_id}/triggers/{trigger_id}/errors", "broadcastErrors", triggers::errors),
    read ("GET",    "/v1/newsletters", "listNewsletters", newsletters::list),
    write("POST",   "/v1/newsletters", "createNewsletter", newsletter_sends::create),
    read ("GET",    "/v1/newsletters/{newsletter_id}", "getNewsletters", newsletters::get),
    write("DELETE", "/v1/newsletters/{newsletter_id}", "deleteNewsletters", newsletters::delete),
    write("POST",   "/v1/newsletters/{newsletter_id}/schedule", "scheduleNewsletter", newsletter_sends::schedule),
    write("POST",   "/v1/newsletters/{newsletter_id}/send", "sendNewsletter", newsletter_sends::send),
    read ("GET",    "/v1/newsletters/{newsletter_id}/messages", "getNewsletterMsgMeta", messages::of_message),
    read ("GET",    "/v1/newsletters/{newsletter_id}/metrics", "getNewsletterMetrics", metrics::series),
    read ("GET",    "/v1/newsletters/{newsletter_id}/metrics/links", "getNewsletterLinks", metrics::links),
    read ("GET",    "/v1/newsletters/{newsletter_id}/contents", "listNewsletterVariants", newsletter_contents::list),
    read ("GET",    "/v1/newsletters/{newsletter_id}/contents/{content_id}", "getNewsletterVariant", newsletter_contents::get),
    write("PUT",    "/v1/newsletters/{newsletter_id}/contents/{content_id}", "updateNewsletterVariant", newsletter_contents::update),
    read ("GET",    "/v1/newsletters/{newsletter_id}/contents/{content_id}/metrics", "getVariantMetrics", metrics::series),
    read ("GET",    "/v1/newsletters/{newsletter_id}/contents/{content_id}/metrics/links", "getVariantLinks", metrics::links),
    write("POST",   "/v1/newsletters/{newsletter_id}/language", "createNewsletterLanguageVariant", newsletter_contents::create_language),
    read ("GET",    "/v1/newsletters/{newsletter_id}/language/{language}", "getNewsletterVariantTranslation", newsletter_contents::language),
    write("PUT",    "/v1/newsletters/{newsletter_id}/language/{language}", "updateNewsletterVariantTranslation", newsletter_contents::update_language),
    write("DELETE", "/v1/newsletters/{newsletter_id}/language/{language}", "deleteNewsletterLanguageVariant", newsletter_contents::delete_language),
    read ("GET",    "/v1/newsletters/{newsletter_id}/test_groups", "getNewsletterTestGroups", newsletter_contents::test_groups),
    write("POST",   "/v1/newsletters/{newsletter_id}/test_groups", "createNewsletterTestGroup", newsletter_contents::create_test_group),
    write("POST",   "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language", "createNewsletterTestLanguageVariant", newsletter_contents::create_language),
    read ("GET",    "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "getNewsletterVariantTranslationTest", newsletter_contents::language),
    write("PUT",    "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "updateNewsletterTestTranslation", newsletter_contents::update_language),
    write("DELETE", "/v1/newsletters/{newsletter_id}/test_group/{test_group_id}/language/{language}", "deleteNewsletterTestLanguageVariant", newsletter_contents::delete_language),
];

/// What a method and path lead to.
pub(super) enum Destination {
    Imitated(&'static Route, Vec<(&'static str, String)>),
    NotImitated(&'static NotImitated),
    /// Nothing the vendor has, or not with this method.
    Nowhere,
}

/// Finds the operation of a request; `path` is as it came, still percent-encoded.
pub(super) fn find(method: &str, path: &str) -> Destination {
    let imitated = ROUTES.iter().filter(|route| route.method == method);
    for route in imitated {
        if let Some(params) = matched(route.path, path) {
            return Destination::Imitated(route, params);
        }
    }
    let known = NOT_IMITATED.iter().find(|other| other.method == method && matched(other.path, path).is_some());
    known.map_or(Destination::Nowhere, Destination::NotImitated)
}

/// The parameters of `path` if it fits `pattern`. An encoded slash stays inside its segment.
pub(super) fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut segments = path.split('/');
    let mut params = Vec::new();
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            // No language is the default one; every other parameter says something.
            Some(name) if segment.is_empty() && name != "language" => return None,
            Some(name) => params.push((name, decode_segment(segment)?)),
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_of_the_vendor_stands_in_exactly_one_list() {
        let imitated = ROUTES.iter().map(|route| (route.method, route.path));
        let others = NOT_IMITATED.iter().map(|other| (other.method, other.path));
        let all: Vec<_> = imitated.chain(others).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (211, 211));
    }

    #[test]
    fn an_encoded_slash_stays_in_its_segment() {
        let params = matched("/api/v1/customers/{identifier}", "/api/v1/customers/a%2Fb%20c").unwrap();
        assert_eq!(params, [("identifier", "a/b c".to_owned())]);
        assert!(matched("/api/v1/customers/{identifier}", "/api/v1/customers/a/b").is_none());
    }
}
