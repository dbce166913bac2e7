//! Plans: what a call would do to whom, and the token that says it was seen.
//!
//! The token is bound to principal, workspace, tool, arguments and audience by a code only we can make, so nothing
//! about it is stored until it is spent.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::{
    Call, Guards, Halt, Origin,
    approval::Consent,
    audience::{BOUND_BY_SET, Count, Size},
    identity::{Identified, UpsertAction},
    intent::{Audience, RecipientRole},
    policy::{Decision, Reach, WorkspaceKind},
    recipients::Reached,
};
use crate::{
    clock::random_bytes,
    error::{ErrorCode, ToolError},
    state::{Digest, PlanUse},
};

/// How long a plan holds, in milliseconds.
const PLAN_FOR_MS: i64 = 10 * 60 * 1_000;
/// How many people a plan names.
const NAMED_IN_PLAN: usize = 20;
/// Expiry, number of people, digest of the set, nonce and code; 128 bits are enough for either of the digests.
const TOKEN_BYTES: usize = 8 + 8 + HALF + NONCE_BYTES + HALF;
const HALF: usize = 16;
/// Two plans of the same moment are two plans: spending one must not spend the other.
const NONCE_BYTES: usize = 8;

impl Guards {
    /// Applies the policy: lets the call go on, with the plan it spends, or ends it with a plan or a refusal.
    pub(crate) async fn approve(
        &self,
        call: &Call<'_>,
        identified: &Identified,
        audience: &Size,
        reached: Reached,
    ) -> Result<Consent, Halt> {
        let reach = Reach {
            recipients_allowed: reached.allowed,
            several_people: reached.several
                || (call.effect == crate::catalog::Effect::Send
                    && (audience.people > 1 || audience.count == Count::Unknown)),
            escalated: !self.escalations(call, identified).is_empty(),
        };
        let decided = self.policy.decide(self.workspace.kind, call.tool, call.effect, call.flags, reach);
        if call.is_expiry() && decided != Decision::Deny {
            return Ok(Consent::NotNeeded);
        }
        // Whoever allowed the call could not know whom it would reach.
        let decided = match (audience.count, self.workspace.kind) {
            (Count::Unknown, WorkspaceKind::Live) => decided.max(Decision::Approve),
            _ => decided,
        };
        let decided = if call.follows.is_some() { decided.max(another_attempt(self.workspace.kind)) } else { decided };
        match decided {
            Decision::Allow => Ok(Consent::NotNeeded),
            Decision::Deny => Err(denied(call.tool).into()),
            Decision::Approve => self.approved_by_human(call, identified, audience).await,
            Decision::Preview => match call.plan_token {
                Some(token) => Ok(Consent::Plan(self.check_plan(call, identified, audience, token)?)),
                None => Err(self.preview_required(call, identified, audience).into()),
            },
        }
    }

    fn preview_required(&self, call: &Call<'_>, identified: &Identified, audience: &Size) -> ToolError {
        let expires_at_ms = self.clock.now_ms() + PLAN_FOR_MS;
        let token = self.plan_token(call, identified, audience, expires_at_ms);
        let mut plan = self.plan(call, identified, audience);
        plan["plan_token"] = json!(token);
        plan["expires_at"] = json!(show_time(expires_at_ms));
        if let Some(first) = &call.follows {
            return probably_not_sent(first, plan).next(format!(
                "If another attempt is wanted all the same, call {} again with the same arguments and this `plan_token`.",
                call.tool
            ));
        }
        ToolError::new(ErrorCode::PreviewRequired, "Nothing was changed yet: this is what the call would do.")
            .with(plan)
            .next(format!(
                "If that is what is wanted, call {} again with the same arguments and this `plan_token`.",
                call.tool
            ))
    }

    pub(super) fn plan(&self, call: &Call<'_>, identified: &Identified, audience: &Size) -> Value {
        let people: Vec<_> =
            identified.known().iter().take(NAMED_IN_PLAN).map(|person| person.cio_id.clone()).collect();
        let mut plan = json!({
            "workspace": self.workspace.name,
            "kind": self.workspace.kind,
            "region": self.workspace.region,
            "tool": call.tool,
            "effect": call.effect,
        });
        // Of content and settings nobody is counted: "0 people" would say that nobody reads them.
        if !call.intent.is_about_nobody() {
            plan["audience"] = audience.told();
        }
        if let Some(target) = &call.intent.target {
            plan["target"] = json!(target);
        }
        if !people.is_empty() {
            plan["cio_ids"] = json!(people);
        }
        for role in [RecipientRole::To, RecipientRole::Bcc, RecipientRole::From] {
            let addresses: Vec<_> = call.intent.addresses(role).collect();
            if !addresses.is_empty() {
                plan[role.field()] = json!(addresses);
            }
        }
        if matches!(identified.action, Some(UpsertAction::Create)) || identified.creates > 0 {
            plan["creates_people"] = json!(identified.creates.max(1));
        }
        let because = self.escalations(call, identified);
        if !because.is_empty() {
            plan["because"] = json!(because);
        }
        plan
    }

    fn plan_token(&self, call: &Call<'_>, identified: &Identified, audience: &Size, expires_at_ms: i64) -> String {
        let set = self.audience_digest(identified, audience);
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend_from_slice(&expires_at_ms.to_be_bytes());
        token.extend_from_slice(&audience.people.to_be_bytes());
        token.extend_from_slice(&set.0[..HALF]);
        token.extend_from_slice(&random_bytes::<NONCE_BYTES>(self.clock.as_ref()));
        let code = self.plan_code(call, &token);
        token.extend_from_slice(&code[..HALF]);
        BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    fn check_plan(
        &self,
        call: &Call<'_>,
        identified: &Identified,
        audience: &Size,
        token: &str,
    ) -> Result<PlanUse, ToolError> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .filter(|bytes| bytes.len() == TOKEN_BYTES)
            .ok_or_else(|| plan_invalid("is not a token of ours", call.tool))?;
        let (stated, code) = bytes.split_at(TOKEN_BYTES - HALF);
        if !bool::from(self.plan_code(call, stated)[..HALF].ct_eq(code)) {
            return Err(plan_invalid("belongs to another call: tool, arguments or caller differ", call.tool));
        }
        let number = |from: usize| stated[from..from + 8].try_into().map_or(0, u64::from_be_bytes);
        let expires_at_ms = i64::try_from(number(0)).unwrap_or_default();
        if expires_at_ms <= self.clock.now_ms() {
            return Err(plan_invalid("has expired", call.tool));
        }
        let seen_people = number(8);
        let same_set = stated[16..16 + HALF] == self.audience_digest(identified, audience).0[..HALF];
        if !audience.fits(seen_people, same_set) {
            return Err(plan_invalid(
                "was made for another audience or other words: one of them has changed since",
                call.tool,
            ));
        }
        Ok(PlanUse { token: self.keys.digest("plan", &[token.as_bytes()]), expires_at_ms })
    }

    fn plan_code(&self, call: &Call<'_>, stated: &[u8]) -> [u8; 32] {
        self.keys.token_code(&[
            b"plan",
            call.principal.as_bytes(),
            self.workspace.name.as_bytes(),
            call.tool.as_bytes(),
            call.canonical_arguments.as_bytes(),
            // A plan of the first attempt, or of another one, is none of this.
            call.follows.as_deref().unwrap_or_default().as_bytes(),
            stated,
        ])
    }

    pub(super) fn audience_digest(&self, identified: &Identified, audience: &Size) -> Digest {
        if audience.people > BOUND_BY_SET && !audience.is_bound {
            return Digest([0; 32]);
        }
        let mut cio_ids: Vec<_> = identified.known().iter().map(|person| person.cio_id.clone()).collect();
        cio_ids.sort();
        self.keys.digest("audience", &[cio_ids.join("\n").as_bytes(), &audience.set.0])
    }
}

impl Call<'_> {
    /// Whether the call only does what was announced when the test profiles it removes were made.
    fn is_expiry(&self) -> bool {
        self.origin == Origin::Sweeper && self.intent.reach == Audience::TestProfiles { only_expired: true }
    }
}

/// What another attempt at a call takes whose first one was looked for in vain.
const fn another_attempt(kind: WorkspaceKind) -> Decision {
    match kind {
        WorkspaceKind::Sandbox => Decision::Preview,
        WorkspaceKind::Live => Decision::Approve,
    }
}

pub(super) fn probably_not_sent(first: &str, mut plan: Value) -> ToolError {
    plan["first_call_id"] = json!(first);
    ToolError::new(
        ErrorCode::ProbablyNotSent,
        "The same call was made before, got no clear answer, and its effect is not to be seen: it was probably never \
         carried out, but that is no proof. Nothing was sent now.",
    )
    .with(plan)
}

/// The answer to a call that the policy denies.
pub(crate) fn denied(tool: &str) -> ToolError {
    ToolError::new(ErrorCode::Denied, format!("The operator's policy denies {tool} here. Nothing ran."))
        .next("get_guardrails shows what is allowed. Tell the user; do not try another way to the same effect.")
}

fn plan_invalid(why: &str, tool: &str) -> ToolError {
    ToolError::new(ErrorCode::PlanInvalid, format!("The `plan_token` {why}. Nothing was changed."))
        .at("plan_token")
        .next(format!("Call {tool} without `plan_token` to see the plan as it is now."))
}

/// The answer to a plan that was spent before.
pub(crate) fn plan_spent(tool: &str) -> ToolError {
    plan_invalid("was used before, and each is good for one call", tool)
}

/// The answer to a call whose approval another one has just used.
pub(crate) fn approval_spent(tool: &str) -> ToolError {
    ToolError::new(ErrorCode::ApprovalRequired, "The approval of this call was used before. Nothing ran.")
        .next(format!("Each approval is good for one call: call {tool} again to ask for another."))
}

/// A time as ISO 8601, in seconds.
pub(crate) fn show_time(at_ms: i64) -> String {
    Timestamp::from_second(at_ms.div_euclid(1_000)).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}
