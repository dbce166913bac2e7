//! `audit verify --file`: proves an export, wherever it has been since.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        layout,
        output::{ERROR, GOOD, counted},
    },
    state::{AuditEntry, AuditPhase, AuditProof, AuditRecord, ChainKey, Digest, Seal},
};

/// The most faults that are named.
const MOST_FAULTS: usize = 20;

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct FileReport {
    /// Records that say what was written.
    pub(super) proven: u64,
    /// Records whose predecessor was pruned: the seal alone stands for them.
    pub(super) sealed_only: u64,
    /// What the last line says of the file.
    pub(super) end: Option<Value>,
    /// What is wrong, by line; `None` is the whole file.
    pub(super) faults: Vec<(Option<u64>, &'static str)>,
}

impl FileReport {
    fn fault(&mut self, line: Option<u64>, why: &'static str) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push((line, why));
        }
    }

    /// The report as JSON.
    pub(super) fn to_json(&self) -> Value {
        let faults: Vec<Value> =
            self.faults.iter().map(|(line, reason)| json!({ "line": line, "reason": reason })).collect();
        json!({ "proven": self.proven, "sealed_only": self.sealed_only, "end": self.end, "faults": faults })
    }
}

/// A line of an export.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "at")]
    _at: String,
    at_ms: i64,
    workspace: String,
    call_id: String,
    principal: String,
    tool: String,
    effect: String,
    phase: String,
    subject: Option<String>,
    decision: String,
    approved_by: Option<String>,
    upstream_status: Option<u16>,
    duration_ms: Option<u64>,
    writer: String,
    sequence: u64,
    previous: Option<String>,
    hash: String,
}

/// The last line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: Value,
    seal: String,
}

fn digest(text: &str) -> Option<Digest> {
    hex::decode(text).ok()?.try_into().ok().map(Digest)
}

impl Line {
    /// The record, with the hash it follows.
    fn record(self) -> Option<(Option<Digest>, AuditRecord)> {
        let given = |text: Option<String>| match text {
            None => Some(None),
            Some(text) => digest(&text).map(Some),
        };
        let previous = given(self.previous)?;
        let entry = AuditEntry {
            at_ms: self.at_ms,
            workspace: self.workspace,
            call_id: self.call_id,
            principal: self.principal,
            tool: self.tool,
            effect: self.effect,
            phase: AuditPhase::ALL.into_iter().find(|phase| phase.as_str() == self.phase)?,
            subject: given(self.subject)?,
            decision: self.decision,
            approved_by: self.approved_by,
            upstream_status: self.upstream_status,
            duration_ms: self.duration_ms,
        };
        let record =
            AuditRecord { row: 0, writer: self.writer, sequence: self.sequence, entry, hash: digest(&self.hash)? };
        Some((previous, record))
    }
}

/// Proves a file, or says why it cannot be read.
pub(super) fn prove(path: &Path, key: &ChainKey) -> Result<FileReport, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let proof = AuditProof::new(key).map_err(|error| error.to_string())?;
    let mut proving =
        Proving { proof: &proof, seal: Some(proof.seal()), last: HashMap::new(), report: FileReport::default() };
    for (number, text) in (1_u64..).zip(BufReader::new(File::open(path).map_err(unreadable)?).lines()) {
        proving.line(number, &text.map_err(unreadable)?);
    }
    Ok(proving.end())
}

struct Proving<'a> {
    proof: &'a AuditProof,
    /// Until the last line is read.
    seal: Option<Seal>,
    last: HashMap<String, (u64, Digest)>,
    report: FileReport,
}

impl Proving<'_> {
    fn line(&mut self, number: u64, text: &str) {
        let Some(seal) = self.seal.as_mut() else {
            return self.report.fault(Some(number), "put in: it comes after the last line");
        };
        if let Ok(end) = serde_json::from_str::<End>(text) {
            return self.last_line(number, end);
        }
        seal.line(text);
        let record = serde_json::from_str::<Line>(text).ok().and_then(Line::record);
        let Some((previous, record)) = record else {
            return self.report.fault(Some(number), "altered: it is no record of an export");
        };
        let follows = self.last.get(&record.writer);
        let fault = match (follows, previous) {
            (Some((sequence, _)), _) if record.sequence <= *sequence => {
                Some("reordered: a later record stands before it")
            }
            (Some((sequence, hash)), Some(previous)) if sequence + 1 == record.sequence && *hash != previous => {
                Some("altered: it does not follow the record before it")
            }
            (_, Some(previous)) if !self.proof.holds(&previous, &record) => {
                Some("altered: its fields are not those it was written with")
            }
            _ => None,
        };
        self.last.insert(record.writer, (record.sequence, record.hash));
        match fault {
            Some(why) => self.report.fault(Some(number), why),
            None if previous.is_none() => self.report.sealed_only += 1,
            None => self.report.proven += 1,
        }
    }

    fn last_line(&mut self, number: u64, end: End) {
        let Some(mut seal) = self.seal.take() else { return };
        let lines = seal.lines();
        seal.line(&end.end.to_string());
        if digest(&end.seal) != Some(seal.finish()) || end.end["records"] != lines {
            self.report.fault(None, "forged: the seal is not of these lines: some were changed, removed or put in");
        }
        if end.end["chain_holds"] != true {
            self.report.fault(Some(number), "the chain in the store did not hold when this was exported");
        }
        self.report.end = Some(end.end);
    }

    fn end(mut self) -> FileReport {
        if self.seal.is_some() {
            self.report.fault(None, "removed: the last line with the seal is missing, and so may be others");
        }
        self.report
    }
}

/// The report as text.
pub(super) fn told(report: &FileReport, path: &Path) -> String {
    let mut text = String::new();
    let said = |key: &str| report.end.as_ref().map_or_else(String::new, |end| end[key].to_string());
    let rows = [
        ("file", path.display().to_string()),
        ("workspace", said("workspace").trim_matches('"').to_owned()),
        ("records", format!("{} proven", report.proven)),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        layout::row(&mut text, name, value, 11);
    }
    if report.sealed_only > 0 {
        let first =
            format!("{} whose predecessor was pruned; the seal stands for it", counted(report.sealed_only, "record"));
        layout::row(&mut text, "sealed", &first, 11);
    }
    if said("narrowed") == "true" {
        layout::row(&mut text, "narrowed", "It was exported with filters, and holds what they let through.", 11);
    }
    text.push('\n');
    if report.faults.is_empty() {
        let said = "Every record is as it was written, and every line as it was exported.";
        layout::hang(&mut text, &format!("{GOOD}✓{GOOD:#} "), said, 2);
    }
    for (line, why) in &report.faults {
        let place = line.map_or_else(|| "the file".to_owned(), |line| format!("line {line}"));
        layout::hang(&mut text, &format!("{ERROR}✗{ERROR:#} "), &format!("{place}: {why}"), 2);
    }
    text
}
