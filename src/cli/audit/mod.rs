//! `audit`: what was done, by whom, and proof that the record is whole.

mod export;
mod file;
mod filter;
mod prune;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::{export::ExportArgs, filter::FilterArgs, prune::PruneArgs};
use super::{
    ConfigArgs, layout,
    output::{self, ERROR, GOOD, HEADING, counted},
};
use crate::{
    config::Config,
    guard::{Guards, values::UnixTime},
    server::open::{OpenState, guards, open_existing_state, system_clock},
    state::{AuditQuery, AuditRecord, ChainFault, ChainKey, ChainReport},
};

/// Width that the headings of the table need.
const HEADING_CHARS: usize = 8;

/// The least of a caller's name that is shown.
const SHORTEST_CALLER: usize = 5;

const LIST_EXAMPLES: &str = "\
Examples:
  customerio-mcp audit list
  customerio-mcp audit list --phase refusal --since 2h
  customerio-mcp audit list --tool send_transactional --limit 100 --json
  customerio-mcp audit list --decision budget_exhausted --principal local
  customerio-mcp audit list --subject cio_03000001

Records hold keyed hashes instead of people: no arguments, no personal data.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  customerio-mcp audit verify
  customerio-mcp audit verify --workspace prod --json
  customerio-mcp audit verify --file audit.jsonl

Exit code 1 means that a record was changed, removed or put in; the first such
place is named.";

/// Commands of `audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// List records, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Prove that no record was changed, removed or put in
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Write records as JSON lines that can be proven elsewhere, oldest first
    #[command(after_help = export::EXAMPLES)]
    Export(ExportArgs),
    /// Delete old records, and leave what proves that the rest follows them
    #[command(after_help = prune::EXAMPLES)]
    Prune(PruneArgs),
}

/// Flags of `audit list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which records.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// The most records to list
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Flags of `audit verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Prove this file, which `audit export` wrote, instead of the store
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This long ago, in milliseconds.
    Ago(i64),
    /// A moment in Unix milliseconds.
    At(i64),
}

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(ago_ms) = age_ms(text) {
            return Ok(Self::Ago(ago_ms));
        }
        if let Ok(midnight) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
            return Ok(Self::At(midnight.as_millisecond()));
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::At(moment.as_millisecond()));
        }
        serde_json::from_value::<UnixTime>(Value::String(text.to_owned()))
            .map(|time| Self::At(time.seconds() * 1_000))
            .map_err(|_| {
                "give an age such as 30m, 2h or 7d, a day such as 2026-11-23, or ISO 8601 with offset".to_owned()
            })
    }

    pub(super) const fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ago_ms) => now_ms.saturating_sub(ago_ms),
            Self::At(at_ms) => at_ms,
        }
    }
}

/// `2h` in milliseconds.
fn age_ms(text: &str) -> Option<i64> {
    let units = [("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 7 * 86_400_000)];
    let (number, unit_ms) = units.into_iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, ms)))?;
    number.parse::<u32>().ok().map(|number| i64::from(number) * unit_ms)
}

impl AuditCommand {
    /// Which configuration the command works on.
    pub fn config_args(&self) -> &ConfigArgs {
        match self {
            Self::List(args) => &args.config,
            Self::Verify(args) => &args.config,
            Self::Export(args) => &args.config,
            Self::Prune(args) => &args.config,
        }
    }
}

/// Runs one of the commands.
pub async fn run(command: AuditCommand, config: Config) -> ExitCode {
    let clock = system_clock();
    if let AuditCommand::Verify(VerifyArgs { file: Some(path), json, .. }) = &command
        && config.own_secret_is_given()
    {
        // Whoever has the secret needs no state to prove a file with.
        return match config.own_secret(&clock) {
            Ok(secret) => verify_file(path, &secret.chain_key(), *json),
            Err(error) => output::unusable(error),
        };
    }
    let state = match open_existing_state(&config, &clock).await {
        Ok(state) => state,
        Err(error) => return output::not_opened(&error),
    };
    let guards = guards(config.workspace(), &state, clock, false);
    let key = state.secret.chain_key();
    match command {
        AuditCommand::List(args) => list(&args, &guards).await,
        AuditCommand::Verify(args) => match &args.file {
            Some(path) => verify_file(path, &key, args.json),
            None => verify(&args, &state, guards.workspace.name).await,
        },
        AuditCommand::Export(args) => export::run(&args, &guards, &key).await,
        AuditCommand::Prune(args) => prune::run(&args, &guards).await,
    }
}

async fn list(args: &ListArgs, guards: &Guards) -> ExitCode {
    let query = match args.filter.query(guards) {
        Ok(query) => AuditQuery { limit: args.limit, ..query },
        Err(why) => return output::unusable(why),
    };
    match guards.store.list_audit(query).await {
        Err(error) => output::failed(error),
        Ok(records) if args.json => {
            output::print(records.iter().fold(String::new(), |text, record| text + &line(record).to_string() + "\n"))
        }
        Ok(records) => output::print(listed(&records, &guards.workspace.name, args)),
    }
}

/// A record as one line of JSON.
fn line(record: &AuditRecord) -> Value {
    let entry = &record.entry;
    json!({
        "at": layout::timestamp(entry.at_ms).to_string(),
        "tool": entry.tool,
        "effect": entry.effect,
        "phase": entry.phase.as_str(),
        "decision": entry.decision,
        "principal": entry.principal,
        "call_id": entry.call_id,
        "subject": entry.subject.map(|subject| subject.to_string()),
        "approved_by": entry.approved_by,
        "upstream_status": entry.upstream_status,
        "duration_ms": entry.duration_ms,
        "writer": record.writer,
        "sequence": record.sequence,
    })
}

/// One table for each day, newest first.
fn listed(records: &[AuditRecord], workspace: &str, args: &ListArgs) -> String {
    if records.is_empty() {
        let why = if args.filter.narrows() { "No record fits." } else { "Nothing is recorded yet." };
        return format!("{why} (workspace {workspace})\n");
    }
    let mut text = String::new();
    for day in records.chunk_by(|a, b| layout::day(a.entry.at_ms) == layout::day(b.entry.at_ms)) {
        let date = day.first().map(|record| layout::day(record.entry.at_ms)).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{HEADING}{date} (UTC), workspace {workspace}{HEADING:#}");
        text.push_str(&layout::table(&["TIME", "TOOL", "PHASE", "DECISION", "BY (APPROVED)"], &rows(day)));
        text.push('\n');
    }
    let more = records.len() >= args.limit as usize;
    let shown = counted(records.len() as u64, "record");
    text + &if more {
        format!("The newest {shown}; --limit shows more, --tool, --phase and --since narrow.\n")
    } else {
        format!("{shown} in all.\n")
    }
}

fn rows(records: &[AuditRecord]) -> Vec<Vec<String>> {
    let row = |record: &AuditRecord| {
        let entry = &record.entry;
        let time = layout::time_of_day(entry.at_ms);
        let by = match &entry.approved_by {
            None => entry.principal.clone(),
            Some(approver) => format!("{} ({approver})", entry.principal),
        };
        vec![time, entry.tool.clone(), entry.phase.as_str().to_owned(), entry.decision.clone(), by]
    };
    let mut rows: Vec<Vec<String>> = records.iter().map(row).collect();
    let width = |at: usize| rows.iter().map(|row: &Vec<String>| row[at].chars().count()).max().unwrap_or_default();
    // Callers have the only names of any length, and what is left of the line.
    let others: usize = (0..4).map(|at| width(at).max(HEADING_CHARS) + 2).sum();
    let left = layout::COLUMNS.saturating_sub(others).max(SHORTEST_CALLER);
    for row in &mut rows {
        row[4] = layout::clipped(&row[4], left);
    }
    rows
}

async fn verify(args: &VerifyArgs, state: &OpenState, workspace: String) -> ExitCode {
    let report = match state.store.verify_audit(workspace.clone()).await {
        Ok(report) => report,
        Err(error) => return output::failed(error),
    };
    let printed = if args.json {
        output::print(format!("{}\n", summary(&report, &workspace)))
    } else {
        output::print(proof(&report, &workspace))
    };
    if report.faults.is_empty() { printed } else { ExitCode::from(output::FAILED) }
}

fn verify_file(path: &Path, key: &ChainKey, json: bool) -> ExitCode {
    let report = match file::prove(path, key) {
        Ok(report) => report,
        Err(why) => return output::unusable(why),
    };
    let printed =
        if json { output::print(format!("{}\n", report.to_json())) } else { output::print(file::told(&report, path)) };
    if report.faults.is_empty() { printed } else { ExitCode::from(output::FAILED) }
}

fn summary(report: &ChainReport, workspace: &str) -> Value {
    let fault = |fault: &ChainFault| {
        json!({
            "writer": fault.writer, "sequence": fault.sequence, "reason": fault.reason, "meaning": meaning(&fault.reason),
        })
    };
    json!({
        "workspace": workspace,
        "chains": report.chains,
        "records": report.records,
        "pruned": report.pruned,
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn proof(report: &ChainReport, workspace: &str) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("workspace", workspace.to_owned()),
        ("chains", format!("{}, one for each writer", report.chains)),
        ("records", format!("{} proven", report.records)),
        ("pruned", format!("{} cut, as the checkpoints say", report.pruned)),
    ] {
        layout::row(&mut text, name, &value, 11);
    }
    text.push('\n');
    if report.faults.is_empty() {
        let said = match report.records {
            0 => "Nothing is recorded, so nothing was proven.",
            _ => "Every record is as it was written, and none is missing.",
        };
        layout::hang(&mut text, &format!("{GOOD}✓{GOOD:#} "), said, 2);
    }
    for fault in &report.faults {
        let record = match fault.sequence {
            0 => "before the first record".to_owned(),
            sequence => format!("record {sequence}"),
        };
        let place = format!("{record} of writer {}: {}", fault.writer, fault.reason);
        layout::hang(&mut text, &format!("{ERROR}✗{ERROR:#} "), &place, 2);
        layout::hang(&mut text, "  ", meaning(&fault.reason), 2);
    }
    text
}

/// What a fault says about the record, by the first word of its reason.
fn meaning(reason: &str) -> &'static str {
    match reason.split(':').next() {
        Some("altered") => {
            "Somebody changed the record after it was written. What it says is not evidence; the records before it hold."
        }
        Some("removed") => {
            "Records were deleted, and not by pruning. What they said is lost; the records before them hold."
        }
        Some("reordered") => "Records were moved. The time and order of what follows are not evidence.",
        Some("forged") => {
            "It was written without the key: by somebody else, or with another secret than the one in use now. If the \
             secret was replaced, verify with the old one."
        }
        _ => "The chain does not hold from here on.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::AuditPhase;

    const NOW_MS: i64 = 1_800_000_000_000;

    #[test]
    fn since_takes_ages_days_and_moments() {
        let at = |text: &str| When::parse(text).map(|since| since.at_ms(NOW_MS));
        assert_eq!(at("2h"), Ok(NOW_MS - 2 * 3_600_000));
        assert_eq!(at("30m"), Ok(NOW_MS - 30 * 60_000));
        assert_eq!(at("7d"), Ok(NOW_MS - 7 * 86_400_000));
        assert_eq!(at("2026-11-23"), Ok(1_795_392_000_000));
        assert_eq!(at("2026-11-23T09:30:00+01:00"), Ok(1_795_422_600_000));
        assert_eq!(at("2026-11-23T08:30:00.125Z"), Ok(1_795_422_600_125));
        assert_eq!(at("1795422600"), Ok(1_795_422_600_000));
        for wrong in ["yesterday", "2", "-2h", "99999999999999999999d", "2026-02-30", "h", "µ"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_reason_of_a_fault_has_a_meaning() {
        for reason in ["altered: x", "removed: x", "reordered: x", "forged: x"] {
            assert_ne!(meaning(reason), meaning("unheard of"));
        }
    }

    #[test]
    fn the_longest_names_fit_80_columns() {
        let record = |tool: &str, decision: &str, principal: &str| AuditRecord {
            row: 1,
            writer: "w".to_owned(),
            sequence: 1,
            entry: crate::state::AuditEntry {
                at_ms: NOW_MS,
                workspace: "prod".to_owned(),
                call_id: "c".to_owned(),
                principal: principal.to_owned(),
                tool: tool.to_owned(),
                effect: "write".to_owned(),
                phase: AuditPhase::Decision,
                subject: None,
                decision: decision.to_owned(),
                approved_by: None,
                upstream_status: None,
                duration_ms: None,
            },
            hash: crate::state::Digest([0; 32]),
        };
        let records = [
            record("declare_identity_strategy", "identity_strategy_required", "local"),
            record("get_customer", "read", "a-caller-with-a-very-long-name@shop.example"),
        ];
        let table =
            anstream::adapter::strip_str(&layout::table(&["TIME", "TOOL", "PHASE", "DECISION", "BY"], &rows(&records)))
                .to_string();
        assert!(table.lines().all(|line| line.chars().count() <= layout::COLUMNS), "{table}");
        assert!(table.contains("local") && table.contains('…'), "{table}");
    }
}
