//! The one door. Nothing that changes anything leaves the process before [`Guards::admit`] has returned.

use super::{
    Call, Guards, Halt, Origin,
    approval::Consent,
    audience::Size,
    bulk::Import,
    identity::{
        Identified, UpsertAction,
        identifier::{CustomerRef, IdType, Identifiers},
    },
    intent::{People, RecipientRole},
    ledger::key_reused,
    plan::{approval_spent, denied, plan_spent, show_time},
    policy::{Decision, Reach},
};
use crate::{
    catalog::{Effect, Flag},
    error::{ErrorCode, ToolError},
    state::{
        AuditPhase, Begin, BeginOutcome, Charge, Exhausted, ImportUse, Limit, TestProfileReservation, Tombstone, Usage,
    },
};

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A call that may run, with everything it needs reserved.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    /// The call's id.
    pub call_id: String,
    /// The people it is about.
    pub people: Identified,
    /// The import it works on. One that is not begun is still being checked, or only looked at.
    pub import: Option<Import>,
    /// When the test profile it makes expires, in Unix milliseconds.
    pub test_expires_at_ms: Option<i64>,
    /// Whether a ledger row waits to be settled.
    pub(crate) begun: bool,
    /// What stood for somebody's approval.
    pub(crate) approved_by: Option<String>,
}

impl Admitted {
    /// Whether the call may change something: its decision is stored and a ledger row waits to be settled.
    pub fn is_begun(&self) -> bool {
        self.begun
    }
}

impl Guards {
    /// Decides whether a call may run. On any other end nothing was changed and nothing stays reserved.
    pub async fn admit(&self, call: &Call<'_>) -> Result<Admitted, Halt> {
        let decided = self.decide(call).await;
        if decided.is_err() {
            self.release(call).await;
        }
        decided
    }

    async fn decide(&self, call: &Call<'_>) -> Result<Admitted, Halt> {
        self.check_allowed(call)?;
        if let Some(bulk) = &call.intent.bulk {
            return self.admit_bulk(call, bulk).await;
        }
        let people = self.identify(call).await?;
        self.check_test(&people).await?;
        match self.weigh(call, &people).await {
            Ok((audience, consent)) => self.begin(call, people, &audience, consent).await,
            // That somebody was erased goes before whatever else is to be said. `begin` looks for itself.
            Err(halt) => {
                self.check_not_erased(call, &people).await?;
                Err(halt)
            }
        }
    }

    async fn weigh(&self, call: &Call<'_>, people: &Identified) -> Result<(Size, Consent), Halt> {
        self.check_egress(call)?;
        self.check_attachments(call)?;
        let reached = self.check_recipients(call, people).await?;
        if let Some(first) = self.replay(call).await? {
            return Err(Halt::Repeat(first));
        }
        self.check_merge(call, people).await?;
        let audience = self.audience(call, people).await?;
        let consent = self.approve(call, people, &audience, reached).await?;
        Ok((audience, consent))
    }

    fn check_allowed(&self, call: &Call<'_>) -> Result<(), ToolError> {
        if self.read_only && call.effect.mutates() {
            return Err(denied(call.tool).with(serde_json::json!({ "read_only": true })));
        }
        match self.policy.tools.get(call.tool) {
            Some(Decision::Deny) => Err(denied(call.tool)),
            _ => Ok(()),
        }
    }

    /// What was admitted before may go on unless the operator has come to deny it.
    pub(crate) fn check_allowed_still(&self, call: &Call<'_>) -> Result<(), ToolError> {
        let reach = Reach { recipients_allowed: true, several_people: true, escalated: false };
        match self.policy.decide(self.workspace.kind, call.tool, call.effect, call.flags, reach) {
            Decision::Deny => Err(denied(call.tool)),
            _ => Ok(()),
        }
    }

    async fn check_not_erased(&self, call: &Call<'_>, people: &Identified) -> Result<(), ToolError> {
        self.refuse_erased(call, &reached_refs(call, people)).await
    }

    /// Refuses a call that would bring somebody back, or write to them, after their erasure.
    pub(crate) async fn refuse_erased(&self, call: &Call<'_>, refs: &[CustomerRef]) -> Result<(), ToolError> {
        if !call.effect.mutates() || call.intent.erases || refs.is_empty() {
            return Ok(());
        }
        let subjects = self.digests(refs);
        match self.store.tombstones(self.workspace.name.clone(), subjects).await?.into_iter().next() {
            None => Ok(()),
            Some(tombstone) => Err(erased(&tombstone)),
        }
    }

    async fn begin(
        &self,
        call: &Call<'_>,
        people: Identified,
        audience: &Size,
        consent: Consent,
    ) -> Result<Admitted, Halt> {
        let approved_by = match call.origin {
            Origin::Sweeper => Some(BY_EXPIRY.to_owned()),
            Origin::Client => consent.by(),
        };
        let admitted = Admitted { call_id: call.call_id.clone(), people, approved_by, ..Admitted::default() };
        // A read leaves nothing to settle, but what it needs to run is used up like anybody's.
        if !call.effect.mutates() && matches!(consent, Consent::NotNeeded) {
            self.check_recordable(call).await?;
            return Ok(admitted);
        }
        let creates = self.creates(call, &admitted.people)?;
        let test_profile = match &creates {
            Creates::TestProfile => Some(self.reserve_test_profile(call, &admitted.people.given).await?),
            _ => None,
        };
        let test_expires_at_ms = test_profile.as_ref().map(|place| place.expires_at_ms);
        let begin = self.begin_request(call, &admitted, audience, &consent, &creates, test_profile);
        self.begun(begin, Admitted { test_expires_at_ms, ..admitted }).await
    }

    /// Begins a call that works on an import: the first that writes is charged for all of it, those after for nothing.
    pub(crate) async fn begin_bulk(
        &self,
        call: &Call<'_>,
        people: Identified,
        audience: &Size,
        consent: &Consent,
        import: ImportUse,
    ) -> Result<Admitted, Halt> {
        let approved_by = consent.by();
        let creates = if people.creates > 0 { Creates::Live(people.creates) } else { Creates::Nobody };
        let admitted = Admitted { call_id: call.call_id.clone(), people, approved_by, ..Admitted::default() };
        let mut begin = self.begin_request(call, &admitted, audience, consent, &creates, None);
        if !import.starts {
            begin.charges.clear();
        }
        begin.import = Some(import);
        self.begun(begin, admitted).await
    }

    async fn begun(&self, begin: Begin, admitted: Admitted) -> Result<Admitted, Halt> {
        let tool = begin.tool.clone();
        match self.store.begin(begin).await.map_err(ToolError::from)? {
            BeginOutcome::Begun => Ok(Admitted { begun: true, ..admitted }),
            BeginOutcome::Replayed(first) => match self.replayed(first)? {
                Some(first) => Err(Halt::Repeat(first)),
                None => Err(Halt::Refused(
                    ToolError::new(ErrorCode::CallInProgress, "The same call just ended.").after_seconds(1),
                )),
            },
            BeginOutcome::Erased(tombstone) => Err(erased(&tombstone).into()),
            BeginOutcome::KeyReused => Err(key_reused().into()),
            BeginOutcome::ApprovalSpent => Err(approval_spent(&tool).into()),
            BeginOutcome::PlanSpent => Err(plan_spent(&tool).into()),
            BeginOutcome::ImportTaken => Err(Halt::Refused(
                ToolError::new(ErrorCode::CallInProgress, "Another call has taken the import over.").after_seconds(1),
            )),
            BeginOutcome::Exhausted(exhausted) => Err(budget_exhausted(&exhausted, self.clock.now_ms()).into()),
            BeginOutcome::TestProfilesFull { active, limit, frees_at_ms } => {
                Err(test_quota(active, limit, frees_at_ms).into())
            }
        }
    }

    fn creates(&self, call: &Call<'_>, people: &Identified) -> Result<Creates, ToolError> {
        match (&people.action, people.test) {
            (Some(UpsertAction::Create), true) => Ok(Creates::TestProfile),
            (Some(UpsertAction::Create | UpsertAction::Unverified), false) => Ok(Creates::Live(1)),
            _ if people.creates > 0 => {
                let to = call.intent.recipients.iter().find(|recipient| recipient.role == RecipientRole::To);
                for subject in people.subjects.iter().filter(|subject| subject.person.is_none()) {
                    let mut given = Identifiers { email: to.map(|to| to.address.clone()), ..Identifiers::default() };
                    given.set(&subject.given);
                    self.refuse_hidden_test(&given).map_err(|error| {
                        error
                            .at("customer")
                            .next("Make the test profile first, with identify_customer and `test: true`.")
                    })?;
                }
                Ok(Creates::Live(people.creates))
            }
            _ => Ok(Creates::Nobody),
        }
    }

    fn begin_request(
        &self,
        call: &Call<'_>,
        admitted: &Admitted,
        audience: &Size,
        consent: &Consent,
        creates: &Creates,
        test_profile: Option<TestProfileReservation>,
    ) -> Begin {
        let people = &admitted.people;
        let now_ms = self.clock.now_ms();
        let mut subjects = self.digests(&reached_refs(call, people));
        // Checked again with the reservation, in one transaction: an erasure may have begun since.
        let not_erased = if call.intent.erases || !call.effect.mutates() { Vec::new() } else { subjects.clone() };
        let (key, recovery) = (self.call_key(call), call.recovery_facts(people));
        if key.is_none() && recovery.is_none() {
            // An erasure goes by these to what is sealed in ledger rows, and nothing will be sealed in this one.
            subjects.clear();
        }
        let mut audit = self.audit_entry(call, people, AuditPhase::Decision, "admitted");
        audit.approved_by.clone_from(&admitted.approved_by);
        Begin {
            call_id: call.call_id.clone(),
            workspace: self.workspace.name.clone(),
            principal: call.principal.to_owned(),
            tool: call.tool.to_owned(),
            effect: call.effect.to_string(),
            now_ms,
            lease_until_ms: now_ms + call.time_left_ms + LEASE_MARGIN_MS,
            key,
            follows: call.follows.clone(),
            plan: consent.plan().cloned(),
            approval: consent.approval().map(str::to_owned),
            // Whoever approved a message has seen it as it was.
            voids_approved: call.flags.contains(&Flag::ContentInUse).then(|| Effect::Send.to_string()),
            // What the server cleans up was bounded when it was made.
            charges: match call.origin {
                Origin::Sweeper => Vec::new(),
                Origin::Client => self.charges(call.effect, audience.people.max(1), creates),
            },
            test_profile,
            subjects,
            not_erased,
            recovery: recovery.map(|facts| self.seal_json("recovery", &facts)),
            import: None,
            audit,
        }
    }

    fn charges(&self, effect: Effect, people: u64, creates: &Creates) -> Vec<Charge> {
        let mut charges = Vec::new();
        // The workspace's first: where both are used up, it is the one that is told.
        for (shared, budgets) in [(true, self.budgets), (false, self.budgets.of_each_caller())] {
            let mut charge = |budget: &str, amount, limits| {
                charges.push(Charge { budget: budget.to_owned(), amount, limits, shared });
            };
            let daily = |max| vec![Limit { window_ms: DAY_MS, max }];
            let windows = |hour, day| [vec![Limit { window_ms: HOUR_MS, max: hour }], daily(day)].concat();
            let limits = match effect {
                Effect::Read => vec![],
                Effect::Write => windows(budgets.writes_per_hour, budgets.writes_per_day),
                Effect::Trigger => windows(budgets.triggers_per_hour, budgets.triggers_per_day),
                Effect::Send => windows(budgets.sends_per_hour, budgets.sends_per_day),
                Effect::Delete => windows(budgets.deletes_per_hour, budgets.deletes_per_day),
            };
            if let Some(budget) = effect.budget() {
                charge(budget, people, limits);
            }
            match creates {
                Creates::Nobody => {}
                Creates::Live(amount) => charge("new_profiles", *amount, daily(budgets.new_profiles_per_day)),
                Creates::TestProfile => charge("test_profiles", 1, daily(self.test_profiles.per_day)),
            }
        }
        charges
    }

    /// What is used of each budget: the workspace's, and the caller's own.
    pub async fn budget_usage(&self, principal: &str) -> Result<Vec<Usage>, ToolError> {
        let mut charges: Vec<_> =
            Effect::ALL.iter().flat_map(|effect| self.charges(*effect, 0, &Creates::Nobody)).collect();
        charges.extend(self.charges(Effect::Read, 0, &Creates::Live(0)));
        charges.extend(self.charges(Effect::Read, 0, &Creates::TestProfile));
        let now_ms = self.clock.now_ms();
        Ok(self.store.usage(self.workspace.name.clone(), principal.to_owned(), charges, now_ms).await?)
    }

    /// Gives back the leases a call may hold. Its ledger row, if any, is settled separately.
    pub async fn release(&self, call: &Call<'_>) {
        if !call.effect.mutates() {
            return;
        }
        if call.intent.bulk.is_some()
            && let Err(error) = self.store.release_import(self.workspace.name.clone(), call.call_id.clone()).await
        {
            tracing::warn!(%error, "an import was left to lapse");
        }
        if let People::Upsert { id, email, cio_id, .. } = &call.intent.people
            && let Ok(given) = Identifiers::parse(id.as_deref(), email.as_deref(), cio_id.as_deref())
        {
            self.release_identifiers(&call.call_id, &given).await;
        }
    }
}

/// What the audit says of a call that spent a plan.
pub(super) const BY_PLAN: &str = "plan token";

/// What the audit says of the removal of test profiles at the time announced when they were made.
const BY_EXPIRY: &str = "expiry";

/// What is added to a call's own time before its fate counts as unknown, in milliseconds.
const LEASE_MARGIN_MS: i64 = 10_000;

/// The people a call would create.
#[derive(Debug)]
enum Creates {
    Nobody,
    Live(u64),
    TestProfile,
}

/// Everybody a call would bring back or write to: its people, and the addresses it names.
pub(super) fn reached_refs(call: &Call<'_>, people: &Identified) -> Vec<CustomerRef> {
    let recipients = call.intent.recipients.iter().filter(|recipient| recipient.role != RecipientRole::From);
    let addresses = recipients.map(|to| CustomerRef { id_type: IdType::Email, value: to.address.clone() });
    people.refs().into_iter().chain(addresses).collect()
}

pub(super) fn erased(tombstone: &Tombstone) -> ToolError {
    ToolError::new(
        ErrorCode::CustomerErased,
        format!(
            "This person was erased on {} and must not come back. Nothing was changed.",
            show_time(tombstone.erased_at_ms)
        ),
    )
    .with(serde_json::json!({ "erasure_id": tombstone.erasure_id }))
    .next("Only an operator can lift an erasure, when the person themselves has returned.")
}

fn budget_exhausted(exhausted: &Exhausted, now_ms: i64) -> ToolError {
    let window = if exhausted.window_ms <= HOUR_MS { "hour" } else { "day" };
    let Exhausted { budget, max, used, .. } = exhausted;
    let (each, by) = if exhausted.shared { ("", "") } else { (" for each caller", " by this one") };
    let error = ToolError::new(
        ErrorCode::BudgetExhausted,
        format!("The budget `{budget}` holds {max} per {window}{each}, and {used} are used{by}. Nothing was changed."),
    );
    match exhausted.frees_at_ms {
        Some(at_ms) => error
            .after_seconds(seconds_until(at_ms, now_ms))
            .next(format!("Enough is free again at {}; get_guardrails shows every budget.", show_time(at_ms))),
        None => error.next("This call alone is larger than the budget: narrow it. get_guardrails shows every budget."),
    }
}

fn test_quota(active: u64, limit: u64, frees_at_ms: Option<i64>) -> ToolError {
    let expiry =
        frees_at_ms.map_or_else(String::new, |at_ms| format!(" The next one expires at {}.", show_time(at_ms)));
    ToolError::new(
        ErrorCode::TestProfileQuota,
        format!("The quota of test profiles is {limit}, and {active} are active. Nothing was created."),
    )
    .at("test")
    .next(format!("Remove some with delete_test_customers, or use one that list_test_customers shows.{expiry}"))
}

fn seconds_until(at_ms: i64, now_ms: i64) -> u64 {
    u64::try_from((at_ms - now_ms + 999) / 1_000).unwrap_or(0).max(1)
}
