//! `export_customer_data`: everything Customer.io knows of one person, in a document for whoever answers them.
//!
//! The document holds everything in clear, so it does not go through the model: it is written where the operator can
//! get it, and the answer says what is in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{
        Page, UpstreamError, UpstreamErrorKind,
        activities::{Activity, ActivityQuery},
        deliveries::{Delivery, PageQuery},
        people::{Person, PersonPath, PersonRef},
        standing::Relationship,
    },
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    clock::random_bytes,
    error::{ErrorCode, ToolError},
    guard::{identity::identifier::IdType, intent::Intent},
    state::exports::{Export, Exports, KEPT_FOR_MS},
    tools::{
        context::CallContext,
        customer::Customer,
        directory::{known, path},
        served::address_of,
        tool::Tool,
    },
};

/// Exports what is known of a person.
pub struct ExportCustomerData;

/// Arguments of `export_customer_data`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
}

/// Answer of `export_customer_data`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    export_id: String,
    uri: String,
    /// The file on the server's machine, readable by its owner alone. Absent: kept in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// When it is removed.
    expires_at: String,
    customer: Customer,
    unsubscribed: bool,
    counts: Counts,
    /// Nothing was left out that Customer.io's API gives.
    complete: bool,
    /// What is not in the document, and why.
    not_included: Vec<String>,
}

/// How much of each is in the document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Counts {
    attributes: usize,
    devices: usize,
    segments: usize,
    subscription_topics: usize,
    relationships: usize,
    activities: usize,
    deliveries: usize,
}

/// The most pages of one list: 100 activities, or 1,000 deliveries, a page.
const PAGES: usize = 100;
const ACTIVITIES_A_PAGE: u32 = 100;
const DELIVERIES_A_PAGE: u32 = 1_000;

/// What Customer.io keeps and its API does not give for one person, or only at a price others pay.
const NEVER_INCLUDED: [&str; 3] = [
    "activities older than Customer.io keeps them (30 days for certain)",
    "the texts of messages: get_delivery shows one with `detail: \"full\"`, 100 a day for the workspace",
    "copies in other systems",
];

impl Tool for ExportCustomerData {
    const SPEC: Spec = Spec {
        name: "export_customer_data",
        title: "Export a customer's data (access request)",
        prose: include_str!("../../../tools/export_customer_data.md"),
        toolset: Toolset::Privacy,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[Flag::BulkPii],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Ok(Intent::one(&input.customer, input.id_type).on("everything known of one customer"))
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let given = path(&cx.subject()?.given);
        if let PersonPath::Email(email) = &given {
            refuse_shared(&cx.api().people_by_email(&cx.scope, email).await?)?;
        }
        let person = cx.api().person(&cx.scope, &given).await?.ok_or_else(|| not_found(&given))?;
        let collected = Collected::of(cx, person).await?;
        let now_ms = cx.guards().clock.now_ms();
        let (exports, workspace) = (&cx.workspace.exports, &cx.guards().workspace.name);
        if let Err(error) = exports.remove_expired(now_ms).await {
            tracing::warn!(%error, "expired exports were left");
        }
        let export_id = Exports::id(random_bytes::<16>(cx.guards().clock.as_ref()));
        let expires_at_ms = now_ms + KEPT_FOR_MS;
        let customer: Customer = known(collected.person.identifiers.clone()).into();
        let export = Export {
            export_id: export_id.clone(),
            workspace: workspace.clone(),
            cio_id: customer.cio_id.clone(),
            expires_at_ms,
            document: collected.document(now_ms),
        };
        let kept = exports.keep(export).await.map_err(|error| {
            tracing::error!(%error, "an export could not be written");
            ToolError::new(ErrorCode::StateUnavailable, "The document could not be written.")
                .next("Tell the operator: the data directory may be full or not writable.")
        })?;
        let complete = collected.missing.is_empty();
        Ok(Output {
            uri: format!("{}exports/{export_id}", address_of(workspace, cx.caller.offer.workspaces())),
            export_id,
            path: kept.map(|path| path.display().to_string()),
            expires_at: time(expires_at_ms),
            unsubscribed: collected.person.unsubscribed,
            counts: collected.counts(),
            complete,
            not_included: collected.missing.into_iter().chain(NEVER_INCLUDED.map(str::to_owned)).collect(),
            customer,
        })
    }
}

/// A document about one of several people would answer none of them.
fn refuse_shared(people: &[PersonRef]) -> Result<(), ToolError> {
    if people.len() < 2 {
        return Ok(());
    }
    let cio_ids: Vec<&str> = people.iter().map(|person| person.cio_id.as_str()).collect();
    Err(ToolError::new(ErrorCode::IdentityConflict, "Several people share this e-mail address. Nothing was exported.")
        .at("customer")
        .with(json!({ "cio_ids": cio_ids }))
        .next("Name each by `cio_id`, one call for each."))
}

/// Everything that was found.
struct Collected {
    person: Person,
    segments: Value,
    preferences: Value,
    relationships: Vec<Relationship>,
    optouts: Value,
    suppressions: Value,
    activities: Vec<Activity>,
    deliveries: Vec<Delivery>,
    missing: Vec<String>,
}

impl Collected {
    async fn of(cx: &CallContext<'_>, person: Person) -> Result<Self, ToolError> {
        let by = PersonPath::CioId(person.identifiers.cio_id.clone());
        let (api, scope) = (cx.api(), &cx.scope);
        let mut missing = Vec::new();
        let segments = api.person_segments(scope, &by).await?;
        let preferences = optional(api.preferences(scope, &by).await, "subscription preferences", &mut missing)?;
        let optouts = optional(api.optouts(scope, &by).await, "opt-outs of texts", &mut missing)?;
        let suppressions = match known(person.identifiers.clone()).email {
            Some(email) => optional(api.suppressions_of(scope, &email).await, "suppression lists", &mut missing)?,
            None => None,
        };
        let mut relationships = Listing::default();
        while relationships.goes_on() {
            let start = relationships.start.take();
            relationships.add(api.relationships(scope, &by, start.as_deref()).await?);
        }
        cx.caller.progress.report(1.0, 3.0, "collecting activities").await;
        let mut activities = Listing::default();
        while activities.goes_on() {
            let start = activities.start.take();
            let query = ActivityQuery { start, limit: Some(ACTIVITIES_A_PAGE), ..ActivityQuery::default() };
            activities.add(api.person_activities(scope, &by, &query).await?);
        }
        cx.caller.progress.report(2.0, 3.0, "collecting deliveries").await;
        let mut deliveries = Listing::default();
        while deliveries.goes_on() {
            let start = deliveries.start.take();
            let query = PageQuery { start, limit: Some(DELIVERIES_A_PAGE), ..PageQuery::default() };
            deliveries.add(api.person_messages(scope, &by, &query).await?);
        }
        let relationships = relationships.rows("relationships", &mut missing);
        let activities = activities.rows("activities", &mut missing);
        let deliveries = deliveries.rows("deliveries", &mut missing);
        Ok(Self {
            person,
            segments: json!(segments),
            preferences: json!(preferences.flatten()),
            relationships,
            optouts: json!(optouts),
            suppressions: json!(suppressions),
            activities,
            deliveries,
            missing,
        })
    }

    fn document(&self, now_ms: i64) -> Value {
        json!({
            "made_at": time(now_ms),
            "not_included": self.missing.iter().map(String::as_str).chain(NEVER_INCLUDED).collect::<Vec<_>>(),
            "customer": self.person,
            "segments": self.segments,
            "subscriptions": self.preferences,
            "optouts": self.optouts,
            "email_suppressions": self.suppressions,
            "relationships": self.relationships,
            "activities": self.activities,
            "deliveries": self.deliveries,
        })
    }

    fn counts(&self) -> Counts {
        let length = |value: &Value| value.as_array().map_or(0, Vec::len);
        Counts {
            attributes: self.person.attributes.len(),
            devices: self.person.devices.len(),
            segments: length(&self.segments),
            subscription_topics: length(&self.preferences["topics"]),
            relationships: self.relationships.len(),
            activities: self.activities.len(),
            deliveries: self.deliveries.len(),
        }
    }
}

/// What a workspace may not have, or a key not reach: its absence is told in the document, and spoils nothing else.
fn optional<T>(
    answer: Result<T, UpstreamError>,
    what: &str,
    missing: &mut Vec<String>,
) -> Result<Option<T>, ToolError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.kind,
                UpstreamErrorKind::NotFound | UpstreamErrorKind::Forbidden | UpstreamErrorKind::Rejected
            ) =>
        {
            missing.push(format!("{what}: Customer.io does not give them to this key"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A list that is read page by page, to its end or to a bound, which is then told.
struct Listing<T> {
    rows: Vec<T>,
    start: Option<String>,
    pages: usize,
    ended: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), start: None, pages: 0, ended: false }
    }
}

impl<T> Listing<T> {
    fn goes_on(&self) -> bool {
        !self.ended && self.pages < PAGES
    }

    fn add(&mut self, page: Page<T>) {
        self.rows.extend(page.items);
        self.pages += 1;
        self.start = page.next.filter(|next| !next.is_empty());
        self.ended = self.start.is_none();
    }

    fn rows(self, what: &str, missing: &mut Vec<String>) -> Vec<T> {
        if !self.ended {
            missing
                .push(format!("{what} besides the first {}: there are more than one call collects", self.rows.len()));
        }
        self.rows
    }
}

fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_second(at_ms / 1_000).map_or_else(|_| String::new(), |at| at.to_string())
}

fn not_found(path: &PersonPath) -> ToolError {
    ToolError::new(ErrorCode::CustomerNotFound, format!("No person has this {}.", path.id_type().as_str()))
        .at("customer")
        .next("Check `id_type`, and look with find_customers: a request may come under another address.")
}
