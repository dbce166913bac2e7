//! `erase_customer`: answer a GDPR or CCPA request. Suppress, delete, read back until gone, and leave a receipt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        directory::KnownPerson,
        erasure::BegunErasure,
        identity::{
            Subject,
            identifier::{CustomerRef, IdType, Identifiers},
        },
        intent::Intent,
        show_time,
    },
    state::ErasureState,
    tools::{context::CallContext, directory::path, tool::Tool},
};

/// Erases a person.
pub struct EraseCustomer;

/// Arguments of `erase_customer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
}

/// Answer of `erase_customer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    status: Status,
    erasure_id: String,
    /// Proof for the file, without personal data.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Value>,
    /// What to do while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<&'static str>,
}

/// Where an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Status {
    /// Suppressed, deleted, and read back as gone twice.
    Erased,
    /// Asked for, and not proven yet.
    Pending,
}

impl Tool for EraseCustomer {
    const SPEC: Spec = Spec {
        name: "erase_customer",
        title: "Erase a customer (GDPR, CCPA)",
        prose: include_str!("../../../tools/erase_customer.md"),
        toolset: Toolset::Privacy,
        core: true,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track, Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        Ok(Intent { erases: true, ..Intent::one_maybe_gone(&input.customer, input.id_type) })
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let subject = cx.subject()?;
        let begun = match cx.guards().erasure_of(&refs_of(subject)).await? {
            Some(begun) if begun.erasure.state == ErasureState::Completed && subject.person.is_none() => {
                return Ok(completed(&begun));
            }
            Some(begun) if begun.erasure.state == ErasureState::Pending && is_of(&begun, subject) => begun,
            _ => begin(cx, subject).await?,
        };
        let identifiers = begun.identifiers.clone().ok_or_else(unreadable)?;
        take_away(cx, &identifiers).await.map_err(|error| resumable(error, &begun.erasure.erasure_id))?;
        let gone = gone_twice(cx, &identifiers).await.map_err(|error| resumable(error, &begun.erasure.erasure_id))?;
        if !gone {
            return Ok(Output {
                status: Status::Pending,
                erasure_id: begun.erasure.erasure_id,
                receipt: None,
                next_step: Some("Make the same call again: it goes on where this one stopped."),
            });
        }
        let erasure_id = begun.erasure.erasure_id.clone();
        // An export that was being made when the person went has been written since.
        remove_exports(cx, &identifiers).await.map_err(|error| resumable(error, &erasure_id))?;
        let receipt = receipt(cx, &begun, &identifiers);
        let completed = cx.guards().complete_erasure(begun, &receipt).await;
        completed.map_err(|error| resumable(error, &erasure_id))?;
        Ok(Output { status: Status::Erased, erasure_id, receipt: Some(receipt), next_step: None })
    }
}

/// Whether a pending erasure is this person's. One found by an identifier that somebody else has taken since is not.
fn is_of(begun: &BegunErasure, subject: &Subject) -> bool {
    match (&subject.person, &begun.identifiers) {
        (Some(person), Some(identifiers)) => identifiers.cio_id.as_ref() == Some(&person.cio_id),
        _ => true,
    }
}

/// A receipt for nobody's erasure must never be written.
fn unreadable() -> ToolError {
    ToolError::new(
        ErrorCode::StateUnavailable,
        "An erasure of this person is begun, and its stored identifiers cannot be read. Nothing was erased.",
    )
    .at("customer")
    .next("Tell the operator: the state may have been written with another secret.")
}

fn refs_of(subject: &Subject) -> Vec<CustomerRef> {
    let mut refs = subject.person.as_ref().map(KnownPerson::refs).unwrap_or_default();
    refs.push(subject.given.clone());
    refs
}

/// Starts an erasure: only somebody who exists can be found by every identifier.
async fn begin(cx: &CallContext<'_>, subject: &Subject) -> Result<BegunErasure, ToolError> {
    let Some(person) = &subject.person else {
        return Err(ToolError::new(
            ErrorCode::CustomerNotFound,
            "No person has this identifier, and none was erased under it. Nothing was changed.",
        )
        .at("customer")
        .next("Check `id_type`, and look with find_customers: a request may come under another address."));
    };
    cx.guards().begin_erasure(&person.identifiers()).await
}

/// Suppresses every identifier, then deletes. Each step may be repeated.
async fn take_away(cx: &CallContext<'_>, identifiers: &Identifiers) -> Result<(), ToolError> {
    let refs = identifiers.refs();
    // By cio_id first: it suppresses the id and the address together, while the person is still there to be found.
    for reference in refs.iter().rev() {
        cx.api().suppress(cx.permit()?, &cx.scope, &path(reference)).await?;
    }
    for reference in refs.iter().rev() {
        cx.api().delete(cx.permit()?, &cx.scope, &path(reference)).await?;
    }
    remove_exports(cx, identifiers).await?;
    cx.guards().forget_refs(&refs).await
}

async fn remove_exports(cx: &CallContext<'_>, identifiers: &Identifiers) -> Result<(), ToolError> {
    let Some(cio_id) = &identifiers.cio_id else { return Ok(()) };
    let removed = cx.workspace.exports.remove_of(&cx.guards().workspace.name, cio_id).await;
    removed.map(drop).map_err(|error| {
        tracing::error!(%error, "the exports of an erased person were left");
        ToolError::new(ErrorCode::StateUnavailable, "A document exported about the person could not be removed.")
    })
}

/// Whether every identifier reads as unknown, twice and some seconds apart, before the call must end.
async fn gone_twice(cx: &CallContext<'_>, identifiers: &Identifiers) -> Result<bool, ToolError> {
    let apart = cx.workspace.timing.gone_twice_apart;
    let mut looks_without_trace = 0;
    loop {
        looks_without_trace = if is_gone(cx, identifiers).await? { looks_without_trace + 1 } else { 0 };
        if looks_without_trace == 2 {
            return Ok(true);
        }
        if tokio::time::Instant::now() + apart >= cx.scope.deadline {
            return Ok(false);
        }
        cx.caller
            .progress
            .report(f64::from(looks_without_trace + 1), 3.0, "reading back until the person is gone")
            .await;
        tokio::select! {
            () = tokio::time::sleep(apart) => {}
            () = cx.scope.cancel.cancelled() => return Ok(false),
        }
    }
}

async fn is_gone(cx: &CallContext<'_>, identifiers: &Identifiers) -> Result<bool, ToolError> {
    for reference in identifiers.refs() {
        if cx.api().person(&cx.scope, &path(&reference)).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn resumable(error: ToolError, erasure_id: &str) -> ToolError {
    let mut error = error.with(json!({ "erasure_id": erasure_id })).partly_happened();
    error.message = format!("{} The erasure is begun and holds, but is not complete.", error.message.trim_end());
    error.repeatable = true;
    ToolError { repeatable: true, ..error }.next("Make the same call again: it goes on where this one stopped.")
}

/// What is proven, what is only accepted, and what nobody here can reach.
fn receipt(cx: &CallContext<'_>, begun: &BegunErasure, identifiers: &Identifiers) -> Value {
    let kinds: Vec<&str> = identifiers.refs().iter().map(|reference| reference.id_type.as_str()).collect();
    json!({
        "erasure_id": begun.erasure.erasure_id,
        "workspace": cx.guards().workspace.name,
        "subject": cx.guards().receipt_digest(&identifiers.refs()),
        "requested_at": show_time(begun.erasure.requested_at_ms),
        "verified_at": show_time(cx.guards().clock.now_ms()),
        "verified": ["the person is unknown by every identifier, read twice", "our own records of them are deleted"],
        "identifiers": kinds,
        "accepted_unverifiable": ["suppression: Customer.io takes it and lets nobody read it"],
        "not_covered": [
            "copies of messages in people's inboxes and in Customer.io's message archive",
            "exports made before",
            "reporting webhooks and other systems that were sent data before",
        ],
    })
}

fn completed(begun: &BegunErasure) -> Output {
    let receipt = begun.erasure.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok());
    Output { status: Status::Erased, erasure_id: begun.erasure.erasure_id.clone(), receipt, next_step: None }
}
