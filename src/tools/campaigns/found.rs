//! Looking for a trigger or a newsletter whose request brought no answer.
//!
//! A trigger says of its request only the broadcast and the moment. It is a call's own if no other call has it and no
//! other call could have made it; else nobody knows, and nobody guesses. A newsletter goes out once, so its state tells.

use serde_json::Value;

use super::{
    send,
    trigger::{Output, TriggerBroadcast},
};
use crate::{
    api::broadcasts::Trigger,
    error::ToolError,
    tools::{
        context::CallContext,
        tool::{Look, Recovery, Tool},
    },
};

/// How an effect is known that a call takes for its own.
pub(super) fn trigger_name(broadcast_id: i64, trigger_id: i64) -> String {
    format!("broadcast {broadcast_id} trigger {trigger_id}")
}

/// Takes an effect for this call's own. One left unclaimed is only harder to tell from another.
pub(super) async fn claim(cx: &CallContext<'_>, effect: &str) {
    if let Err(error) = cx.guards().claim_effect(&cx.admitted.call_id, effect).await {
        tracing::warn!(code = error.code.as_str(), "an effect was left unclaimed");
    }
}

pub(super) async fn trigger(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
    let Some(broadcast_id) = recovery.facts["broadcast_id"].as_i64() else { return Ok(Look::Unclear) };
    let call_id = &cx.admitted.call_id;
    // Whole seconds on their side: one to spare at both ends.
    let (from, to) = (recovery.began_at_ms / 1_000 - 1, recovery.ended_by_ms / 1_000 + 2);
    let mut triggers = cx.api().triggers(&cx.scope, broadcast_id).await?;
    triggers.retain(|trigger| trigger.created_at.is_none_or(|at| (from..=to).contains(&at)));
    let mut free = Vec::new();
    for trigger in triggers {
        match cx.guards().claimant(&trigger_name(broadcast_id, trigger.id)).await? {
            Some(holder) if holder == *call_id => return found(cx, broadcast_id, trigger).await,
            Some(_) => {}
            None => free.push(trigger),
        }
    }
    let [only] = free.as_slice() else {
        return Ok(if free.is_empty() { Look::Absent } else { Look::Unclear });
    };
    let is_rival = |other: &Value| other["broadcast_id"].as_i64() == Some(broadcast_id);
    let window = (recovery.began_at_ms, recovery.ended_by_ms);
    let rivals = cx.guards().rivals(call_id, TriggerBroadcast::SPEC.name, window, is_rival).await?;
    // One whose request was refused is listed too, and went to nobody.
    let went_out = cx.api().trigger(&cx.scope, broadcast_id, only.id).await?.recipients_count != Some(0);
    if rivals == Some(0) && went_out && cx.guards().claim_effect(call_id, &trigger_name(broadcast_id, only.id)).await? {
        return found(cx, broadcast_id, only.clone()).await;
    }
    Ok(Look::Unclear)
}

async fn found(cx: &CallContext<'_>, broadcast_id: i64, trigger: Trigger) -> Result<Look<Output>, ToolError> {
    let status = cx.api().trigger(&cx.scope, broadcast_id, trigger.id).await?;
    Ok(Look::Found(Output::found(broadcast_id, trigger.id, status.recipients_count)))
}

pub(super) async fn newsletter(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<send::Output>, ToolError> {
    let facts = &recovery.facts;
    let Some(newsletter_id) = facts["newsletter_id"].as_i64() else { return Ok(Look::Unclear) };
    let newsletter = cx.api().newsletter(&cx.scope, newsletter_id).await?;
    // Whole seconds on their side.
    let since = recovery.began_at_ms / 1_000 - 1;
    let changed_since = newsletter.updated.is_none_or(|at| at >= since);
    let asked = facts["scheduled_at"].as_i64();
    let happened = match asked {
        // It was to be taken off the schedule.
        Some(0) => !newsletter.is_sent() && newsletter.scheduled().is_none(),
        Some(at) => newsletter.scheduled() == Some(at) || newsletter.sent_at == Some(at),
        None => newsletter.is_sent() && newsletter.sent_at.is_none_or(|at| at >= since),
    };
    let untouched = match asked {
        Some(0) => newsletter.scheduled().is_some(),
        _ => !newsletter.is_sent() && newsletter.scheduled().is_none(),
    };
    Ok(match (happened && changed_since, untouched || !changed_since) {
        (true, _) => Look::Found(send::Output::of(&newsletter, true)),
        (false, true) => Look::Absent,
        (false, false) => Look::Unclear,
    })
}
