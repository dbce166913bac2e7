//! Looking for a send that brought no answer.
//!
//! A delivery says of its request only the template, the person, the recipient and the moment. It is a call's own if it is
//! the one that fits, no other call has it, and no other call could have made it; else nobody knows, and nobody guesses.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::send::{Output, SendTransactional, bare_address, same_address};
use crate::{
    api::{
        deliveries::{Delivery, DeliveryQuery, PageQuery},
        people::PersonRef,
    },
    error::ToolError,
    guard::identity::identifier::Identifiers,
    tools::{
        context::CallContext,
        tool::{Look, Recovery, Tool},
    },
};

/// The most pages of a template's deliveries that are read for one call.
const PAGES: usize = 5;
/// The most deliveries of a page.
const PAGE_ROWS: u32 = 1_000;

/// What a send leaves for looking for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    template: String,
    to: Option<String>,
    /// It was to go out later, so its delivery may begin later.
    scheduled: bool,
    #[serde(default, skip_serializing)]
    people: Vec<Identifiers>,
}

impl Facts {
    /// Only the deliveries of a template can be listed: a message without one cannot be looked for.
    pub(super) fn of(template: Option<&str>, to: Option<&str>, scheduled: bool) -> Option<Value> {
        template.map(|template| json!({ "template": template, "to": to, "scheduled": scheduled }))
    }

    fn read(facts: &Value) -> Option<Self> {
        serde_json::from_value(facts.clone()).ok()
    }

    fn person(&self) -> Option<&Identifiers> {
        self.people.first()
    }

    /// Whether two calls may have left the same delivery.
    fn is_alike(&self, other: &Self) -> bool {
        let is_id = |template: &str| template.bytes().all(|byte| byte.is_ascii_digit());
        let same_template = self.template.eq_ignore_ascii_case(&other.template)
            // A trigger name may be that of the template with this id.
            || is_id(&self.template) != is_id(&other.template);
        same_template && self.person() == other.person()
    }

    fn fits(&self, delivery: &Delivery) -> bool {
        let sent_to = delivery.recipient.as_deref().map(bare_address);
        self.to.as_deref().is_none_or(|to| sent_to.is_some_and(|sent_to| same_address(sent_to, bare_address(to))))
    }
}

pub(super) async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
    let Some(facts) = Facts::read(&recovery.facts) else { return Ok(Look::Unclear) };
    let (Some(person), Some(deliveries)) = (facts.person(), deliveries(cx, &facts, recovery).await?) else {
        return Ok(Look::Unclear);
    };
    let call_id = &cx.admitted.call_id;
    let mut free = Vec::new();
    for delivery in deliveries.into_iter().filter(|delivery| is_person(delivery.customer_identifiers.as_ref(), person))
    {
        match cx.guards().claimant(&delivery.id).await? {
            Some(holder) if holder == *call_id => return Ok(Look::Found(Output::found(&delivery))),
            Some(_) => {}
            None => free.push(delivery),
        }
    }
    if free.is_empty() {
        return Ok(if facts.scheduled { Look::Unclear } else { Look::Absent });
    }
    let window = (recovery.began_at_ms, recovery.ended_by_ms);
    let is_rival = |other: &Value| Facts::read(other).is_some_and(|other| facts.is_alike(&other));
    let rivals = cx.guards().rivals(call_id, SendTransactional::SPEC.name, window, is_rival).await?;
    let Some(rivals) = rivals else { return Ok(Look::Unclear) };
    for delivery in &free {
        // A call that has ended in the meantime took its own, and is counted no more.
        if cx.guards().claimant(&delivery.id).await?.is_some() {
            return Ok(Look::Unclear);
        }
    }
    free.sort_by_key(|delivery| delivery.created);
    let mut fitting = free.iter().filter(|delivery| facts.fits(delivery));
    match (fitting.next(), fitting.count()) {
        // As many as there are calls that could have made them: each has made one, whichever it was.
        (Some(first), others) if others == rivals && cx.guards().claim_effect(call_id, &first.id).await? => {
            Ok(Look::Found(Output::found(first)))
        }
        _ => Ok(Look::Unclear),
    }
}

/// The template's deliveries that began while the call ran; `None` if there are too many to read.
async fn deliveries(
    cx: &CallContext<'_>,
    facts: &Facts,
    recovery: &Recovery,
) -> Result<Option<Vec<Delivery>>, ToolError> {
    let template = super::templates::find(cx, &facts.template).await?;
    let mut deliveries = Vec::new();
    let mut start = None;
    for _ in 0..PAGES {
        // Whole seconds on their side: one to spare at both ends.
        let page = PageQuery {
            start,
            start_ts: Some(recovery.began_at_ms / 1_000 - 1),
            end_ts: Some(recovery.ended_by_ms / 1_000 + 2),
            limit: Some(PAGE_ROWS),
        };
        let query = DeliveryQuery { page, ..DeliveryQuery::default() };
        let page = cx.api().template_deliveries(&cx.scope, template.id, &query).await?;
        deliveries.extend(page.items);
        start = page.next;
        if start.is_none() {
            return Ok(Some(deliveries));
        }
    }
    Ok(None)
}

fn is_person(sent_to: Option<&PersonRef>, person: &Identifiers) -> bool {
    let Some(sent_to) = sent_to else { return false };
    match (&person.cio_id, &person.id, &person.email) {
        (Some(cio_id), _, _) => sent_to.cio_id == *cio_id,
        (None, Some(id), _) => sent_to.id.as_ref() == Some(id),
        (None, None, Some(email)) => sent_to.email.as_deref().is_some_and(|sent_to| same_address(sent_to, email)),
        (None, None, None) => false,
    }
}
