//! Which tools reach which operations of Customer.io, for the tests that hold and print it.

use customerio_mcp::catalog::{Operation, Operations};

/// A row of `tests/fixtures/surface.csv`: an operation of Customer.io as its documentation has it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Row {
    pub(crate) api: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) effect: String,
    pub(crate) retry: String,
    pub(crate) flags: String,
}

impl Row {
    /// The operation's own name: API, method and path.
    pub(crate) fn key(&self) -> String {
        format!("{} {} {}", self.api, self.method, self.path)
    }
}

/// Every operation there is.
pub(crate) fn rows() -> Vec<Row> {
    let text = include_str!("../fixtures/surface.csv");
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
}

/// The operations behind crafted tools, and the tools.
pub(crate) const CRAFTED: &[(&str, &[&str])] = &[
    ("track-v1 PUT /api/v1/customers/{identifier}", &["identify_customer"]),
    ("track-v1 DELETE /api/v1/customers/{identifier}", &["delete_customer", "delete_test_customers", "erase_customer"]),
    ("track-v1 POST /api/v1/customers/{identifier}/suppress", &["erase_customer"]),
    ("track-v1 POST /api/v1/customers/{identifier}/unsuppress", &["unsuppress_customer"]),
    ("track-v1 POST /api/v1/merge_customers", &["merge_customers"]),
    ("track-v1 POST /api/v1/customers/{identifier}/events", &["track_event"]),
    ("track-v1 POST /api/v1/segments/{segment_id}/add_customers", &["add_to_segment"]),
    ("track-v1 POST /api/v1/segments/{segment_id}/remove_customers", &["remove_from_segment"]),
    ("track-v2 POST /api/v2/batch", &["import_customers", "track_events"]),
    ("app POST /v1/send/email", &["send_transactional"]),
    ("app POST /v1/send/push", &["send_transactional"]),
    ("app POST /v1/send/sms", &["send_transactional"]),
    ("app POST /v1/send/whatsapp", &["send_transactional"]),
    ("app POST /v1/send/in_app", &["send_transactional"]),
    ("app POST /v1/send/inbox_message", &["send_transactional"]),
    ("app GET /v1/customers", &["find_customers"]),
    ("app POST /v1/customers", &["find_customers"]),
    ("app GET /v1/customers/{customer_id}/attributes", &["get_customer"]),
    ("app GET /v1/customers/{customer_id}/segments", &["get_customer"]),
    ("app GET /v1/segments", &["list_segments"]),
    ("app POST /v1/segments", &["create_segment"]),
    ("app GET /v1/segments/{segment_id}", &["get_segment"]),
    ("app DELETE /v1/segments/{segment_id}", &["delete_segment"]),
    ("app GET /v1/segments/{segment_id}/used_by", &["get_segment"]),
    ("app GET /v1/segments/{segment_id}/customer_count", &["get_segment"]),
    ("app GET /v1/segments/{segment_id}/membership", &["get_segment"]),
    ("app GET /v1/messages", &["list_deliveries"]),
    ("app GET /v1/messages/{message_id}", &["get_delivery"]),
    ("app GET /v1/transactional", &["list_templates"]),
    ("app GET /v1/campaigns", &["list_campaigns"]),
    ("app GET /v1/broadcasts", &["list_campaigns"]),
    ("app GET /v1/newsletters", &["list_campaigns"]),
    ("app POST /v1/campaigns/{broadcast_id}/triggers", &["trigger_broadcast"]),
    ("app POST /v1/newsletters/{newsletter_id}/send", &["send_newsletter"]),
    ("app POST /v1/newsletters/{newsletter_id}/schedule", &["send_newsletter"]),
    ("app POST /v1/newsletters/{newsletter_id}/test_groups", &["create_test_group"]),
    ("app PUT /v1/newsletters/{newsletter_id}/contents/{content_id}", &["update_variant"]),
    ("app GET /v1/campaigns/{campaign_id}/metrics", &["get_metrics"]),
    ("app GET /v1/campaigns/{campaign_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/campaigns/{campaign_id}/actions/{action_id}/metrics", &["get_metrics"]),
    ("app GET /v1/campaigns/{campaign_id}/actions/{action_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/broadcasts/{broadcast_id}/metrics", &["get_metrics"]),
    ("app GET /v1/broadcasts/{broadcast_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics", &["get_metrics"]),
    ("app GET /v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/newsletters/{newsletter_id}/metrics", &["get_metrics"]),
    ("app GET /v1/newsletters/{newsletter_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/newsletters/{newsletter_id}/contents/{content_id}/metrics", &["get_metrics"]),
    ("app GET /v1/newsletters/{newsletter_id}/contents/{content_id}/metrics/links", &["get_metrics"]),
    ("app GET /v1/transactional/{transactional_id}/metrics", &["get_metrics"]),
    ("app GET /v1/transactional/{transactional_id}/metrics/links", &["get_metrics"]),
    ("app PUT /v1/transactional/{transactional_id}/content/{content_id}", &["update_template"]),
    ("app PUT /v1/snippets", &["update_snippet"]),
    ("app DELETE /v1/snippets/{snippet_name}", &["delete_snippet"]),
];

/// Operations without a tool, and why.
pub(crate) const UNREACHED: &[(&str, &str)] = &[(
    "pipelines POST /v1/batch",
    "Never offered raw: it mixes effects and hides how many people it touches. Each of its calls has a tool.",
)];

/// The key of a declared operation, as [`Row::key`] has it.
pub(crate) fn key(operation: &Operation) -> String {
    format!("{} {} {}", operation.api.as_str(), operation.method.as_str(), operation.path)
}

/// The declared operations.
pub(crate) fn declared() -> Vec<&'static Operation> {
    Operations::declared().unwrap().iter().collect()
}

/// The tools that reach an operation, the crafted ones first.
pub(crate) fn tools_of(row: &Row) -> Vec<&'static str> {
    let crafted = CRAFTED.iter().filter(|(key, _)| *key == row.key()).flat_map(|(_, tools)| tools.iter().copied());
    let declared = declared().into_iter().filter(|one| key(one) == row.key()).map(|one| one.name.as_str());
    crafted.chain(declared).collect()
}
