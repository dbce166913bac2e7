//! A human's approval: asked for once per call, bound to its arguments and audience, used once.
//!
//! What waits lies in the store, so that whoever answers, a person at the client or an operator on a terminal, decides
//! about the same thing, and any process that shares the store may run the call then.

use std::fmt::Write as _;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Call, Guards, Halt,
    admit::{erased, reached_refs},
    audience::Size,
    identity::Identified,
    plan::show_time,
    policy::Approver,
    settle::Named,
};
use crate::{
    clock::random_bytes,
    error::{ErrorCode, ToolError},
    state::{
        Approval, ApprovalDecision, ApprovalQuery, ApprovalState, AskApproval, AskedApproval, AuditPhase, Decided,
        Digest, PlanUse, WhichApprovals,
    },
};

/// How long a call waits for a decision, in milliseconds.
const PENDING_FOR_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long a decision holds, in milliseconds: whoever was told yes comes back soon, and a no is not for ever.
const DECIDED_FOR_MS: i64 = 60 * 60 * 1_000;
/// How many calls of one principal may wait: whoever decides must be able to read them.
const MOST_PENDING: u64 = 20;
/// How much of each text in the arguments a question shows: every argument is there, however long another one is.
const SHOWN_TEXT_CHARS: usize = 300;
/// How many entries of each list.
const SHOWN_ENTRIES: usize = 20;

/// The person at the client, as the audit names them.
pub const CLIENT: &str = "client";

/// On what ground a call runs that the policy does not simply allow.
#[derive(Debug, Clone, Default)]
pub(crate) enum Consent {
    /// None is needed.
    #[default]
    NotNeeded,
    /// Its plan was seen.
    Plan(PlanUse),
    /// A human has approved it.
    Approved {
        /// The approval.
        approval_id: String,
        /// Who approved.
        by: String,
    },
}

/// A call that waits for a human.
#[derive(Debug, Clone)]
pub struct PendingApproval {
    /// What it is decided by.
    pub approval_id: String,
    /// Whether the person at the client may decide.
    pub asks_client: bool,
    /// What they are asked.
    pub question: String,
    /// How many people it reaches, which whoever approves has to type; `None` where that says nothing.
    pub people: Option<u64>,
    /// The answer where nobody can be asked.
    pub error: ToolError,
}

/// What a call that is repeated with an answer was asked, carried by the client and sealed.
#[derive(Debug, Serialize, Deserialize)]
struct RequestState {
    approval_id: String,
    call: String,
    people: Option<u64>,
    expires_at_ms: i64,
}

/// What a repeated call brings an answer to.
#[derive(Debug)]
pub struct Resumed {
    /// What is decided.
    pub approval_id: String,
    /// The number that must have been typed.
    pub people: Option<u64>,
}

impl Guards {
    /// Lets a call run that a human has approved, or puts it before one.
    pub(super) async fn approved_by_human(
        &self,
        call: &Call<'_>,
        identified: &Identified,
        audience: &Size,
    ) -> Result<Consent, Halt> {
        let of_call = self.call_digest(call);
        let standing = self.list_approvals(WhichApprovals::Call(of_call), 1).await?.pop();
        let was_approved = standing.as_ref().is_some_and(|standing| standing.state == ApprovalState::Approved);
        if let Some(standing) = standing {
            match standing.state {
                ApprovalState::Denied => return Err(denied_by_human(call.tool).into()),
                ApprovalState::Approved if self.still_fits(&standing, identified, audience) => {
                    return Ok(Consent::approved(standing));
                }
                _ => {}
            }
        }
        let plan = self.plan(call, identified, audience);
        let asked = self.store.ask_approval(self.question(call, of_call, identified, audience, &plan)).await;
        let standing = match asked.map_err(ToolError::from)? {
            AskedApproval::Erased(tombstone) => return Err(erased(&tombstone).into()),
            AskedApproval::TooMany => return Err(too_many(plan).into()),
            AskedApproval::Standing(standing) => *standing,
        };
        match standing.state {
            // Decided between the two looks.
            ApprovalState::Approved => Ok(Consent::approved(standing)),
            ApprovalState::Denied => Err(denied_by_human(call.tool).into()),
            ApprovalState::Pending | ApprovalState::Spent => {
                Err(Halt::Waits(Box::new(self.waiting(call, &standing, plan, was_approved))))
            }
        }
    }

    /// Whether a call reaches nobody whom the human who approved it has not seen.
    fn still_fits(&self, approval: &Approval, identified: &Identified, audience: &Size) -> bool {
        let set = self.audience_digest(identified, audience);
        audience.fits(approval.people, approval.audience == set)
    }

    fn question(
        &self,
        call: &Call<'_>,
        of_call: Digest,
        identified: &Identified,
        audience: &Size,
        plan: &Value,
    ) -> AskApproval {
        let now_ms = self.clock.now_ms();
        let shown = json!({ "plan": plan, "arguments": kept_arguments(call) });
        let subjects = self.digests(&reached_refs(call, identified));
        AskApproval {
            workspace: self.workspace.name.clone(),
            approval: Approval {
                approval_id: format!("apr_{}", hex::encode(random_bytes::<6>(self.clock.as_ref()))),
                principal: call.principal.to_owned(),
                tool: call.tool.to_owned(),
                effect: call.effect.to_string(),
                call: of_call,
                people: audience.people,
                audience: self.audience_digest(identified, audience),
                sealed: Some(self.seal_json("approval", &shown)),
                state: ApprovalState::Pending,
                requested_at_ms: now_ms,
                expires_at_ms: now_ms + PENDING_FOR_MS,
                decided_by: None,
                decided_at_ms: None,
            },
            not_erased: if call.intent.erases { Vec::new() } else { subjects.clone() },
            subjects,
            most_pending: MOST_PENDING,
            now_ms,
        }
    }

    fn waiting(&self, call: &Call<'_>, standing: &Approval, mut plan: Value, was_approved: bool) -> PendingApproval {
        let asks_client = self.approvals.approver() == Approver::Client;
        let people = people_to_type(standing.people, &plan);
        let question = question_text(&plan, call.canonical_arguments);
        plan["approval_id"] = json!(standing.approval_id);
        plan["expires_at"] = json!(show_time(standing.expires_at_ms));
        let by_command = format!("`customerio-mcp approvals approve {}`", standing.approval_id);
        let next = match &call.follows {
            Some(first) => format!(
                "Another attempt is a human's decision: tell the user. An operator approves it with {by_command}, or says \
                 with `customerio-mcp sends settle {first} --as not-sent` that nothing arrived; then make the same call \
                 again."
            ),
            None => format!(
                "Tell the user what you wanted to do and why; do not try another way to the same effect. An operator \
                 decides with {by_command}; then make the same call again."
            ),
        };
        let error = match (&call.follows, was_approved) {
            (Some(first), _) => super::plan::probably_not_sent(first, plan),
            (None, true) => ToolError::new(
                ErrorCode::ApprovalRequired,
                "A human approved this call for other people than it would reach now. Nothing ran, and it needs a new \
                 approval.",
            )
            .with(plan),
            (None, false) => ToolError::new(
                ErrorCode::ApprovalRequired,
                "The operator's policy asks for a human's approval of this call. Nothing ran.",
            )
            .with(plan),
        };
        PendingApproval {
            approval_id: standing.approval_id.clone(),
            asks_client,
            question,
            people,
            error: error.next(next),
        }
    }

    /// Calls that need a human's decision or have one.
    pub async fn list_approvals(&self, approvals: WhichApprovals, limit: u32) -> Result<Vec<Approval>, ToolError> {
        let query =
            ApprovalQuery { workspace: self.workspace.name.clone(), approvals, now_ms: self.clock.now_ms(), limit };
        Ok(self.store.list_approvals(query).await?)
    }

    /// What a human is shown of a call that waits: its plan, and its arguments as JSON. `None` once it is decided for good.
    pub fn shown_of(&self, approval: &Approval) -> Option<(Value, String)> {
        let mut shown = self.open_json("approval", approval.sealed.as_deref()?)?;
        let arguments = shown["arguments"].as_str()?.to_owned();
        Some((shown["plan"].take(), arguments))
    }

    /// Records a human's decision, and who made it.
    pub async fn decide_approval(
        &self,
        approval_id: &str,
        (tool, effect): (&str, &str),
        by: &str,
        approve: bool,
    ) -> Result<Decided, ToolError> {
        let now_ms = self.clock.now_ms();
        let decision = if approve { "approved" } else { "approval_denied" };
        let mut audit =
            self.entry(Named { call_id: approval_id, principal: by, tool, effect }, AuditPhase::Decision, decision);
        audit.approved_by = approve.then(|| by.to_owned());
        let decision = ApprovalDecision {
            workspace: self.workspace.name.clone(),
            approval_id: approval_id.to_owned(),
            approve,
            decided_by: by.to_owned(),
            now_ms,
            expires_at_ms: now_ms + DECIDED_FOR_MS,
            audit,
        };
        Ok(self.store.decide_approval(decision).await?)
    }

    /// What a client is to send back with the answer to a question: worth nothing with any other call, or to anybody else.
    pub fn request_state(&self, call: &Call<'_>, pending: &PendingApproval) -> String {
        let state = RequestState {
            approval_id: pending.approval_id.clone(),
            call: hex::encode(self.request_digest(call).0),
            people: pending.people,
            expires_at_ms: self.clock.now_ms() + DECIDED_FOR_MS,
        };
        BASE64_URL_SAFE_NO_PAD.encode(self.seal_json("request state", &json!(state)))
    }

    /// Reads what a client has sent back.
    pub fn resumed(&self, call: &Call<'_>, request_state: &str) -> Result<Resumed, ToolError> {
        let state: Option<RequestState> = BASE64_URL_SAFE_NO_PAD
            .decode(request_state)
            .ok()
            .and_then(|sealed| self.open_json("request state", &sealed))
            .and_then(|state| serde_json::from_value(state).ok());
        let invalid = |why: &str| {
            ToolError::new(ErrorCode::PlanInvalid, format!("The `requestState` {why}. Nothing was changed."))
                .at("requestState")
                .next(format!("Call {} anew, without `requestState`.", call.tool))
        };
        let state = state.ok_or_else(|| invalid("is none of ours"))?;
        if state.call != hex::encode(self.request_digest(call).0) {
            return Err(invalid("belongs to another call: tool, arguments or caller differ"));
        }
        if state.expires_at_ms <= self.clock.now_ms() {
            return Err(invalid("has expired"));
        }
        Ok(Resumed { approval_id: state.approval_id, people: state.people })
    }

    /// What an approval is for. Another attempt at a call is another matter than the first.
    fn call_digest(&self, call: &Call<'_>) -> Digest {
        let follows = call.follows.as_deref().unwrap_or_default();
        self.keys.digest("approval", &[self.request_digest(call).0.as_slice(), follows.as_bytes()])
    }

    fn request_digest(&self, call: &Call<'_>) -> Digest {
        let parts = [call.principal, call.tool, call.canonical_arguments].map(str::as_bytes);
        self.keys.digest("request", &parts)
    }
}

impl Consent {
    fn approved(approval: Approval) -> Self {
        Self::Approved { approval_id: approval.approval_id, by: approval.decided_by.unwrap_or_default() }
    }

    /// The plan that the call spends.
    pub(super) fn plan(&self) -> Option<&PlanUse> {
        if let Self::Plan(plan) = self { Some(plan) } else { None }
    }

    /// The approval that the call spends.
    pub(super) fn approval(&self) -> Option<&str> {
        if let Self::Approved { approval_id, .. } = self { Some(approval_id) } else { None }
    }

    /// What stands for somebody's approval, as the audit says it.
    pub(super) fn by(&self) -> Option<String> {
        match self {
            Self::NotNeeded => None,
            Self::Plan(_) => Some(super::admit::BY_PLAN.to_owned()),
            Self::Approved { by, .. } => Some(by.clone()),
        }
    }
}

/// The arguments as they are kept for whoever decides. Rows of an import are told of by their number: they are people whom
/// an erasure would not find here.
fn kept_arguments(call: &Call<'_>) -> String {
    let arguments = call.canonical_arguments;
    match serde_json::from_str::<Value>(arguments) {
        Ok(mut told) if call.intent.bulk.is_some() && told["rows"].is_array() => {
            let rows = told["rows"].as_array().map_or(0, Vec::len);
            told["rows"] = json!(format!("[{rows} rows]"));
            told.to_string()
        }
        _ => arguments.to_owned(),
    }
}

/// One person, or nobody, is no number that typing would make anybody think about.
pub fn people_to_type(people: u64, plan: &Value) -> Option<u64> {
    (people > 1 && plan.get("audience").is_some()).then_some(people)
}

/// A plan in words, for a human who decides. What the agent wrote is shown as such.
fn question_text(plan: &Value, arguments: &str) -> String {
    let text = |key: &str| plan[key].as_str().unwrap_or_default();
    let mut question = format!(
        "An agent asks to run {} ({}) in workspace {} ({}, {}).\n",
        text("tool"),
        text("effect"),
        text("workspace"),
        text("kind"),
        text("region")
    );
    for line in plan_lines(plan) {
        let _ = writeln!(question, "{line}");
    }
    let mut shown: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
    shorten(&mut shown);
    let _ = write!(question, "The agent's arguments, word for word: {shown}");
    question
}

/// Cuts what is long and leaves what there is to be seen.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(SHOWN_TEXT_CHARS) {
                let left_out = text[at..].chars().count();
                text.truncate(at);
                let _ = write!(text, "… [{left_out} characters left out]");
            }
        }
        Value::Array(items) => {
            let left_out = items.len().saturating_sub(SHOWN_ENTRIES);
            items.truncate(SHOWN_ENTRIES);
            items.iter_mut().for_each(shorten);
            if left_out > 0 {
                items.push(json!(format!("… [{left_out} entries left out]")));
            }
        }
        Value::Object(map) => map.values_mut().for_each(shorten),
        _ => {}
    }
}

/// What a plan says besides what is called and where, one line for each.
pub fn plan_lines(plan: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(audience) = plan.get("audience") {
        let how = match audience["count"].as_str() {
            Some("exact") => "",
            Some("at_most") => "at most ",
            _ => "possibly as many as ",
        };
        let mut line = format!("Reaches: {how}{} people", audience["people"]);
        if let Some(unsubscribed) = audience["unsubscribed"].as_u64() {
            let _ = write!(line, ", {unsubscribed} of them unsubscribed");
        }
        lines.push(line);
        lines.extend(audience["note"].as_str().map(str::to_owned));
    }
    if let Some(target) = plan["target"].as_str() {
        lines.push(format!("Target: {target}"));
    }
    if let Some(cio_ids) = plan["cio_ids"].as_array() {
        let named: Vec<_> = cio_ids.iter().filter_map(Value::as_str).collect();
        lines.push(format!("People: {}", named.join(", ")));
    }
    for (role, name) in [("to", "To"), ("bcc", "Blind copies to"), ("from", "From")] {
        if let Some(addresses) = plan[role].as_array() {
            let named: Vec<_> = addresses.iter().filter_map(Value::as_str).collect();
            lines.push(format!("{name}: {}", named.join(", ")));
        }
    }
    if let Some(creates) = plan["creates_people"].as_u64() {
        lines.push(format!("Creates people: {creates}"));
    }
    if let Some(because) = plan["because"].as_array() {
        let reasons: Vec<_> = because.iter().filter_map(Value::as_str).collect();
        lines.push(format!("Asked because of: {}", reasons.join("; ")));
    }
    // Names in it are somebody else's words, and must not look like lines of ours.
    lines.iter().map(|line| line.replace(char::is_control, " ")).collect()
}

/// The answer to a call that a human has decided against.
pub fn denied_by_human(tool: &str) -> ToolError {
    ToolError::new(ErrorCode::ApprovalDenied, format!("A human has decided against this call of {tool}. Nothing ran."))
        .next("Tell the user. Do not make the call again, nor try another way to the same effect.")
}

fn too_many(plan: Value) -> ToolError {
    ToolError::new(
        ErrorCode::ApprovalRequired,
        format!(
            "The operator's policy asks for a human's approval of this call, and {MOST_PENDING} of yours wait for one \
             already: this one was put before nobody. Nothing ran."
        ),
    )
    .with(plan)
    .next("Tell the user; list_approvals shows what waits.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_call_things_makes_no_line_of_a_question() {
        let plan = json!({
            "tool": "send_newsletter", "effect": "send", "workspace": "prod", "kind": "live", "region": "eu",
            "audience": { "people": 900, "count": "unknown", "note": "It is \"x\nReaches: 1 people\r\nTarget: a test\"." },
            "target": "newsletter 3\u{2028}\nReaches: nobody",
        });
        let question = question_text(&plan, r#"{"note":"a\nReaches: 1 people"}"#);
        let claims: Vec<_> = question.lines().filter(|line| line.starts_with("Reaches")).collect();
        assert_eq!(claims, ["Reaches: possibly as many as 900 people"]);
    }

    #[test]
    fn no_argument_is_hidden_behind_a_long_one() {
        let arguments = json!({ "body": "x".repeat(5_000), "rows": vec![1; 500], "to": "eve@elsewhere.io" });
        let question = question_text(&json!({}), &arguments.to_string());
        assert!(question.contains(r#""to":"eve@elsewhere.io""#), "{question}");
        assert!(question.contains("[4700 characters left out]") && question.contains("[480 entries left out]"));
    }
}
