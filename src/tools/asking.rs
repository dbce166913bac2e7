//! Asking the person at the client for an approval: in the middle of a call in the older era of the protocol, by an answer
//! that asks in the newer one.

use std::time::Duration;

use rmcp::{
    Peer, RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
        InputRequiredResult, InputResponses, JsonObject,
    },
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::context::Progress;
use crate::{error::ToolError, guard::approval::PendingApproval};

/// How long a person may take to answer in the middle of a call. Most clients give up earlier, and cancel.
const ANSWERS_WITHIN: Duration = Duration::from_mins(5);

/// How often a client that wants progress hears that the call still waits.
const SAYS_SO_EVERY: Duration = Duration::from_secs(10);

/// The name of the one question an answer asks.
const QUESTION: &str = "approval";

/// How the person at the client can be asked.
#[derive(Debug, Clone, Default)]
pub enum Asking {
    /// They cannot.
    #[default]
    Nobody,
    /// By a request of ours, while the call waits.
    Session(Peer<RoleServer>),
    /// By the answer to the call, which the client then makes again.
    Answer(Option<Repeated>),
}

/// What a client sent along with a call it makes again.
#[derive(Debug, Clone)]
pub struct Repeated {
    /// What we gave it, sealed.
    pub request_state: String,
    /// Its answers.
    pub responses: InputResponses,
}

/// What a person has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It may run.
    Yes,
    /// It may not.
    No,
    /// Another number of people than the call reaches.
    WrongNumber,
    /// Nothing.
    Nothing,
}

impl Repeated {
    /// What was said to the question.
    pub(super) fn said(&self, people: Option<u64>) -> Said {
        let response = self.responses.get(QUESTION).cloned();
        match response.and_then(|response| serde_json::from_value::<ElicitResult>(response).ok()) {
            Some(result) => said(&result, people),
            None => Said::Nothing,
        }
    }
}

/// Asks in the middle of a call, and waits until there is an answer, nobody waits for ours any more, or it takes too long.
pub(super) async fn ask(
    peer: &Peer<RoleServer>,
    pending: &PendingApproval,
    progress: &Progress,
    cancel: &CancellationToken,
) -> Said {
    let Some(form) = form(pending) else { return Said::Nothing };
    let asked = peer.create_elicitation_with_timeout(form, Some(ANSWERS_WITHIN));
    tokio::pin!(asked);
    let mut ticks = tokio::time::interval(SAYS_SO_EVERY);
    let mut told = 0;
    loop {
        tokio::select! {
            answered = &mut asked => {
                // What a client says of a question it could not ask may repeat it: it is not logged.
                return answered.map_or(Said::Nothing, |result| said(&result, pending.people));
            }
            () = cancel.cancelled() => return Said::Nothing,
            _ = ticks.tick() => {
                progress.report_counts(told, told + 1, "waits for a human's approval").await;
                told += 1;
            }
        }
    }
}

/// The answer that asks.
pub(super) fn question(pending: &PendingApproval, request_state: String) -> Option<InputRequiredResult> {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(pending)?));
    Some(InputRequiredResult::new(Some([(QUESTION.to_owned(), request)].into()), Some(request_state)))
}

fn form(pending: &PendingApproval) -> Option<ElicitRequestParams> {
    let mut properties = json!({
        "approve": { "type": "boolean", "title": "Approve", "description": "Let this one call run" },
    });
    let mut required = vec!["approve"];
    if pending.people.is_some() {
        properties["people"] = json!({
            "type": "integer",
            "title": "How many people does it reach?",
            "description": "Type the number given above; needed to approve",
            "minimum": 0,
        });
        required.push("people");
    }
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    let schema: JsonObject = serde_json::from_value(schema).ok()?;
    let requested_schema = ElicitationSchema::from_json_schema(schema)
        .map_err(|error| tracing::error!(%error, "the question for an approval cannot be written"))
        .ok()?;
    // What is hidden goes with the call, so whoever decides has to see that it is there.
    let message = super::answer::hidden_shown(&pending.question);
    Some(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
}

fn said(result: &ElicitResult, people: Option<u64>) -> Said {
    let given = |name: &str| result.content.as_ref().and_then(|content| content.get(name));
    match result.action {
        ElicitationAction::Decline => Said::No,
        ElicitationAction::Accept => match given("approve").and_then(Value::as_bool) {
            Some(true) if people.is_none_or(|people| given("people").is_some_and(|typed| is_number(typed, people))) => {
                Said::Yes
            }
            Some(true) => Said::WrongNumber,
            Some(false) => Said::No,
            None => Said::Nothing,
        },
        _ => Said::Nothing,
    }
}

/// Some clients have but one kind of number.
#[expect(clippy::cast_precision_loss, reason = "numbers of people are far below 2^53")]
fn is_number(typed: &Value, people: u64) -> bool {
    typed.as_u64() == Some(people) || typed.as_f64() == Some(people as f64)
}

/// The answer to a call whose approval was not given, nor refused.
pub(super) fn undecided(pending: PendingApproval, said: Said) -> ToolError {
    let mut error = pending.error;
    error.message.push_str(match said {
        Said::WrongNumber => " The person asked typed another number of people than the call reaches.",
        _ => " The person at the client has not decided.",
    });
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(action: ElicitationAction, content: Value) -> ElicitResult {
        ElicitResult::new(action).with_content(content)
    }

    #[test]
    fn only_a_clear_yes_with_the_right_number_approves() {
        let accept = |content| answered(ElicitationAction::Accept, content);
        for (result, people, expected) in [
            (accept(json!({ "approve": true })), None, Said::Yes),
            (accept(json!({ "approve": true, "people": 12 })), Some(12), Said::Yes),
            (accept(json!({ "approve": true, "people": 12.0 })), Some(12), Said::Yes),
            (accept(json!({ "approve": true, "people": 13 })), Some(12), Said::WrongNumber),
            (accept(json!({ "approve": true, "people": "12" })), Some(12), Said::WrongNumber),
            (accept(json!({ "approve": true })), Some(12), Said::WrongNumber),
            (accept(json!({ "approve": "true" })), None, Said::Nothing),
            (accept(json!({ "approve": false, "people": 12 })), Some(12), Said::No),
            (accept(json!({})), None, Said::Nothing),
            (answered(ElicitationAction::Decline, json!({ "approve": true })), None, Said::No),
            (answered(ElicitationAction::Cancel, json!({ "approve": true })), None, Said::Nothing),
        ] {
            assert_eq!(said(&result, people), expected, "{result:?}");
        }
    }
}
