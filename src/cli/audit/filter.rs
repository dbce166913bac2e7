//! Which records a command is about.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};

use super::When;
use crate::{
    catalog::Effect,
    guard::{
        Guards,
        identity::identifier::{CustomerRef, IdType},
    },
    state::{AuditPhase, AuditQuery},
};

/// Flags that narrow what is listed or exported.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only calls of this tool
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only this effect: read, write, trigger, send or delete
    #[arg(long, hide_possible_values = true, value_parser = PossibleValuesParser::new(Effect::ALL.map(Effect::as_str)))]
    pub effect: Option<String>,
    /// Only what was decided so or ended so: admitted, committed, read, unknown, or an error code
    #[arg(long, value_name = "CODE")]
    pub decision: Option<String>,
    /// Only this moment of a call: decision and outcome of a change, read, refusal, or answer (a plan)
    #[arg(long, hide_possible_values = true, value_parser = PossibleValuesParser::new(AuditPhase::ALL.map(AuditPhase::as_str)).map(|text| phase_named(&text)))]
    pub phase: Option<AuditPhase>,
    /// Only calls of this caller
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// Only since then: an age such as 30m, 2h or 7d, a day, or ISO 8601 with offset
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// Only before then
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// Only what is about this person, by the `cio_id` that changes are recorded under; by an id or an address, what was
    /// asked under it
    #[arg(long, value_name = "CUSTOMER")]
    pub subject: Option<String>,
    /// Only this call
    #[arg(long, value_name = "ID")]
    pub call: Option<String>,
}

fn phase_named(name: &str) -> AuditPhase {
    AuditPhase::ALL.into_iter().find(|phase| phase.as_str() == name).unwrap_or(AuditPhase::Read)
}

impl FilterArgs {
    /// Whether anything is left out.
    pub(super) fn narrows(&self) -> bool {
        let texts = [&self.tool, &self.effect, &self.decision, &self.principal, &self.subject, &self.call];
        texts.iter().any(|text| text.is_some()) || self.phase.is_some() || self.since.is_some() || self.until.is_some()
    }

    /// What the store is asked. People are looked for by their keyed hashes; nothing else of them is on the record.
    pub(super) fn query(&self, guards: &Guards) -> Result<AuditQuery, String> {
        let now_ms = guards.clock.now_ms();
        Ok(AuditQuery {
            workspace: guards.workspace.name.clone(),
            tool: self.tool.clone(),
            effect: self.effect.clone(),
            decision: self.decision.clone(),
            phase: self.phase,
            principal: self.principal.clone(),
            since_ms: self.since.map(|since| since.at_ms(now_ms)),
            until_ms: self.until.map(|until| until.at_ms(now_ms)),
            subjects: match &self.subject {
                Some(subject) => guards.digests(&meant(subject)?),
                None => Vec::new(),
            },
            call_id: self.call.clone(),
            ..AuditQuery::default()
        })
    }
}

/// Whatever an identifier may be.
fn meant(subject: &str) -> Result<Vec<CustomerRef>, String> {
    let kinds = [IdType::CioId, IdType::Id, IdType::Email];
    let refs: Vec<_> = kinds.into_iter().filter_map(|kind| CustomerRef::parse(kind, subject, "subject").ok()).collect();
    if refs.is_empty() { Err("--subject is no identifier of a person".to_owned()) } else { Ok(refs) }
}
