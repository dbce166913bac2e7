//! Every route, on one page.
//!
//! Paths are the vendor's. What the vendor has and the sandbox does not imitate stands in `operations`; together the
//! two name each of the vendor's operations once.

use super::{
    actions, activities,
    auth::Credential,
    broadcasts, campaigns, devices, entity, events, merge, messages, metrics, newsletter_contents, newsletter_sends,
    newsletters,
    operations::{NOT_IMITATED, NotImitated},
    profiles,
    reply::Answer,
    request::{Call, decode_segment},
    segments, send, snippets, suppression, transactional, triggers, workspace,
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
    track("POST",   "/api/v1/merge_customers",                                "merge",                merge::merge),
    track("POST",   "/api/v1/segments/{segment_id}/add_customers",            "add_to_segment",       segments::add_customers),
    track("POST",   "/api/v1/segments/{segment_id}/remove_customers",         "remove_from_segment",  segments::remove_customers),

    // Track v2.
    track("POST",   "/api/v2/entity",                                         "entity",               entity::entity),
    track("POST",   "/api/v2/batch",                                          "batch",                entity::batch),

    // App: people. Two of the reads are POSTs.
    read ("GET",    "/v1/customers",                                          "getPeopleEmail",       profiles::by_email),
    read ("POST",   "/v1/customers",                                          "getPeopleFilter",      profiles::search),
    read ("POST",   "/v1/customers/attributes",                               "getPeopleById",        profiles::attributes_of_many),
    read ("GET",    "/v1/customers/{customer_id}/attributes",                 "getPersonAttributes",  profiles::attributes),
    read ("GET",    "/v1/customers/{customer_id}/segments",                   "getPersonSegments",    profiles::segments),
    read ("GET",    "/v1/customers/{customer_id}/activities",                 "getPersonActivities",  activities::of_person),
    read ("GET",    "/v1/activities",                                         "listActivities",       activities::list),

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
    read ("GET",    "/v1/sender_identities",                                  "listSenders",          workspace::senders),
    read ("GET",    "/v1/subscription_topics",                                "getTopics",            workspace::topics),
    read ("GET",    "/v1/workspaces",                                         "listWorkspaces",       workspace::list),
    read ("GET",    "/v1/exports",                                            "listExports",          workspace::exports),

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
fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
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
