//! `trigger_broadcast`: a broadcast to an audience, at most once.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::found;
use crate::{
    api::UpstreamErrorKind,
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        filter::Filter,
        identity::{Subject, identifier::IdType},
        intent::{Absent, Audience, EgressUrl, GivenCustomer, Intent},
        values,
    },
    tools::{
        context::CallContext,
        directory::refuse_stopped,
        tool::{Look, Recovery, Tool},
    },
};

/// Triggers a broadcast.
pub struct TriggerBroadcast;

/// Arguments of `trigger_broadcast`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[schemars(range(min = 1))]
    broadcast_id: i64,
    #[schemars(range(min = 1))]
    segment_id: Option<i64>,
    /// `and`, `or`, `not` over `{segment: {id}}` and `{attribute: {field, operator: eq or exists, value}}`.
    filter: Option<Filter>,
    #[schemars(length(min = 1, max = 10_000))]
    customers: Option<Vec<String>>,
    /// Customers with data for each.
    #[schemars(length(min = 1, max = 10_000))]
    customer_data: Option<Vec<CustomerData>>,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// HTTPS address of a file with a line `{id or email, data}` for each customer.
    data_file_url: Option<String>,
    /// True: whoever is set in the broadcast.
    own_audience: Option<bool>,
    /// Read in the message as `trigger.*`.
    data: Option<values::Data>,
}

/// A customer and their own data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CustomerData {
    customer: String,
    data: values::Data,
}

/// Answer of `trigger_broadcast`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    broadcast_id: i64,
    /// What `get_broadcast_trigger` takes.
    trigger_id: i64,
    /// How many people Customer.io took it for; absent if it cannot tell yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<i64>,
    /// Found by looking, after the request had brought no answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    found: bool,
}

/// The ways to say whom it goes to.
const FORMS: &str = "`segment_id`, `filter`, `customers`, `customer_data`, `data_file_url`, `own_audience: true`";
/// The most people that are looked up one by one: Customer.io takes ten look-ups a second.
const MOST_LOOKED_UP: usize = 400;

impl Tool for TriggerBroadcast {
    const SPEC: Spec = Spec {
        name: "trigger_broadcast",
        title: "Trigger a broadcast",
        prose: include_str!("../../../tools/trigger_broadcast.md"),
        toolset: Toolset::Campaigns,
        core: false,
        effect: Effect::Send,
        retry: Retry::Ledger,
        flags: &[Flag::Egress],
        needs: &[Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        input.check_one_audience()?;
        let mut intent = match input.named()? {
            Some(customers) => Intent::named(customers, Absent::Refuse),
            None => Intent::nobody().reaching(input.reach()),
        };
        intent.to_own_address = true;
        if let Some(url) = &input.data_file_url {
            intent.egress.push(EgressUrl { url: url.clone(), field: "data_file_url".to_owned() });
            intent.escalations.push("Customer.io fetches the recipients from an address given in the call");
        }
        intent.recovery = Some(json!({ "broadcast_id": input.broadcast_id }));
        Ok(intent.on(format!("broadcast {}", input.broadcast_id)))
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let broadcast_id = input.broadcast_id;
        let broadcast = cx.api().broadcast(&cx.scope, broadcast_id).await.map_err(|error| {
            if error.kind != UpstreamErrorKind::NotFound {
                return error.into();
            }
            ToolError::new(ErrorCode::NotFound, "There is no broadcast with this id. Nothing was sent.")
                .at("broadcast_id")
                .next("list_campaigns with `kind: \"broadcast\"` shows those there are.")
        })?;
        refuse_stopped(&broadcast)?;
        let body = input.request(&cx.admitted.people.subjects)?;
        let trigger_id = cx.api().trigger_broadcast(cx.permit()?, &cx.scope, broadcast_id, &body).await?;
        found::claim(cx, &found::trigger_name(broadcast_id, trigger_id)).await;
        // It is triggered; whether that can be read already changes nothing.
        let recipients = cx.api().trigger(&cx.scope, broadcast_id, trigger_id).await;
        let recipients = recipients.ok().and_then(|trigger| trigger.recipients_count);
        Ok(Output { broadcast_id, trigger_id, recipients, found: false })
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        found::trigger(cx, recovery).await
    }
}

impl Output {
    /// The answer of a call whose own was lost.
    pub(super) fn found(broadcast_id: i64, trigger_id: i64, recipients: Option<i64>) -> Self {
        Self { broadcast_id, trigger_id, recipients, found: true }
    }
}

impl Input {
    fn check_one_audience(&self) -> Result<(), ToolError> {
        let given = [
            ("segment_id", self.segment_id.is_some()),
            ("filter", self.filter.is_some()),
            ("customers", self.customers.is_some()),
            ("customer_data", self.customer_data.is_some()),
            ("data_file_url", self.data_file_url.is_some()),
            ("own_audience", self.own_audience == Some(true)),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        let refused = |field: &str, what: &str| {
            let message = format!("{what} Nothing was sent.");
            Err(ToolError::invalid(field, message).next(format!("Give exactly one of {FORMS}.")))
        };
        match (given.next(), given.next()) {
            (Some(_), None) => {}
            (None, _) => return refused("own_audience", "The call does not say whom the broadcast goes to."),
            (Some(first), Some(second)) => {
                return refused(second, &format!("`{first}` and `{second}` both say whom it goes to."));
            }
        }
        if self.id_type.is_some() && self.customers.is_none() && self.customer_data.is_none() {
            return refused("id_type", "`id_type` goes with `customers` and `customer_data` alone.");
        }
        Ok(())
    }

    /// The people the call names, each once.
    fn named(&self) -> Result<Option<Vec<GivenCustomer>>, ToolError> {
        let field = if self.customers.is_some() { "customers" } else { "customer_data" };
        let values: Vec<&String> = match (&self.customers, &self.customer_data) {
            (Some(customers), _) => customers.iter().collect(),
            (None, Some(entries)) => entries.iter().map(|entry| &entry.customer).collect(),
            (None, None) => return Ok(None),
        };
        if matches!(self.id_type, Some(IdType::Email | IdType::CioId)) && values.len() > MOST_LOOKED_UP {
            let message = format!(
                "{} customers are too many by this `id_type`: each is looked up by itself. Nothing was sent.",
                values.len()
            );
            return Err(ToolError::invalid(field, message).next(format!(
                "Name at most {MOST_LOOKED_UP}, or give their ids with `id_type: \"id\"`, or use a segment."
            )));
        }
        let mut seen = HashSet::new();
        let given = values.into_iter().enumerate().map(|(at, value)| {
            let field = if self.customers.is_some() {
                format!("customers[{at}]")
            } else {
                format!("customer_data[{at}].customer")
            };
            if seen.insert(value) {
                return Ok(GivenCustomer { value: value.clone(), id_type: self.id_type, field });
            }
            Err(ToolError::invalid(
                field.clone(),
                format!("`{field}` names a customer for the second time. Nothing was sent."),
            )
            .next("Name each customer once."))
        });
        given.collect::<Result<Vec<_>, _>>().map(Some)
    }

    fn reach(&self) -> Audience {
        let id = |id: i64| u64::try_from(id).unwrap_or_default();
        match (self.segment_id, &self.filter, &self.data_file_url) {
            (Some(segment_id), _, _) => Audience::Segment(id(segment_id)),
            (None, Some(filter), _) => Audience::Filter(filter.as_value().clone()),
            (None, None, Some(_)) => Audience::Everyone,
            (None, None, None) => Audience::Broadcast(id(self.broadcast_id)),
        }
    }

    fn request(self, subjects: &[Subject]) -> Result<Map<String, Value>, ToolError> {
        let mut body = Map::new();
        if let Some(data) = self.data {
            body.insert("data".into(), Value::Object(data.into_map()));
        }
        let by = subjects.first().map(|subject| subject.given.id_type);
        let given = || subjects.iter().map(|subject| json!(subject.given.value)).collect();
        let audience = match (self.segment_id, self.filter, self.customer_data, by) {
            (Some(id), ..) => Some(("recipients", json!({ "segment": { "id": id } }))),
            (None, Some(filter), ..) => Some(("recipients", filter.as_value().clone())),
            (None, None, Some(entries), _) => {
                let data = entries.into_iter().map(|entry| Some(entry.data.into_map()));
                Some(("per_user_data", per_user(subjects, data)?))
            }
            (None, None, None, Some(IdType::Id)) => Some(("ids", given())),
            (None, None, None, Some(IdType::Email)) => Some(("emails", given())),
            (None, None, None, Some(IdType::CioId)) => {
                Some(("per_user_data", per_user(subjects, std::iter::repeat_n(None, subjects.len()))?))
            }
            (None, None, None, None) => self.data_file_url.map(|url| ("data_file_url", json!(url))),
        };
        if let Some((form, value)) = audience {
            body.insert(form.into(), value);
        }
        Ok(body)
    }
}

/// Each person by an identifier that Customer.io takes here, which `cio_id` is not, with their own data.
fn per_user(subjects: &[Subject], data: impl Iterator<Item = Option<Map<String, Value>>>) -> Result<Value, ToolError> {
    let entries = subjects.iter().zip(data).map(|(subject, data)| {
        let person = subject.person.as_ref();
        let id = person.and_then(|person| person.id.as_ref());
        let email = person.and_then(|person| person.email.as_ref());
        let mut entry = match (subject.given.id_type, id, email) {
            (IdType::Email, ..) => json!({ "email": subject.given.value }),
            (IdType::Id, ..) => json!({ "id": subject.given.value }),
            (IdType::CioId, Some(id), _) => json!({ "id": id }),
            (IdType::CioId, None, Some(email)) => json!({ "email": email }),
            (IdType::CioId, None, None) => {
                return Err(ToolError::new(
                    ErrorCode::Conflict,
                    "A customer has neither `id` nor `email`, and a broadcast takes nothing else. Nothing was sent.",
                )
                .at("customers")
                .with(json!({ "cio_id": subject.given.value }))
                .next("Leave that customer out, or give them an `id` with identify_customer."));
            }
        };
        if let Some(data) = data {
            entry["data"] = Value::Object(data);
        }
        Ok(entry)
    });
    entries.collect()
}
