//! One operation against one fault: what was told, what happened, and what must hold between the two.

use std::time::Duration;

use customerio_mcp::{api::RetryTiming, catalog::Retry};
use serde_json::{Value, json};

use super::{
    fault::{Fault, How},
    operation::Operation,
};
use crate::driver::{Product, Setup};

/// A row of the table.
#[derive(Debug)]
pub(super) struct Cell {
    fault: Fault,
    how: How,
    /// Requests that met the fault; where a stale read comes with another, that other.
    struck: u64,
    first: Call,
    /// What the ledger says of the first call.
    ledger: Ledger,
    /// The same call when the faults are gone.
    again: Call,
}

/// One call.
#[derive(Debug)]
struct Call {
    answer: Value,
    told: Told,
    /// Requests of the operation that the sandbox saw.
    requests: u64,
    /// Effects that the sandbox counts.
    effects: u64,
}

/// What the sandbox has seen so far.
struct Seen {
    requests: u64,
    effects: u64,
}

impl Seen {
    async fn now(operation: &Operation, product: &Product) -> Self {
        Self { requests: operation.requests(product).await, effects: operation.witness.measure(product).await }
    }
}

/// What a caller is told of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    Nothing,
    Unknown,
}

/// What the ledger holds of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ledger {
    state: &'static str,
    /// All that is charged for it, in the budgets of a day.
    charged: u64,
}

impl Cell {
    pub(super) async fn run(operation: &Operation, fault: Fault, how: How) -> Self {
        let product = Setup::shop().repeating(timing(fault)).start().await;
        product.declare_ids().await;
        // Whatever the fixture holds is older than what is written now.
        product.clock.advance(Duration::from_secs(1));
        let charged_before = charged(&product).await;
        let before = Seen::now(operation, &product).await;
        for order in fault.orders(operation, how) {
            product.fault(order).await;
        }
        let answer = operation.call(&product).await;
        let struck = struck(&product).await;
        // The witness must not be lied to.
        product.control("DELETE", "faults", None).await;
        let between = Seen::now(operation, &product).await;
        let ledger =
            Ledger { state: state(operation, &product).await, charged: charged(&product).await - charged_before };
        let first = Call::of(answer, &before, &between);
        let answer = operation.call(&product).await;
        let again = Call::of(answer, &between, &Seen::now(operation, &product).await);
        Self { fault, how, struck, first, ledger, again }
    }

    /// What must hold whatever goes wrong. `undisturbed` is the same operation when nothing does.
    pub(super) fn must_hold(&self, operation: &Operation, undisturbed: &Self) {
        let (first, again) = (&self.first, &self.again);
        let in_all = first.effects + again.effects;
        assert!(self.struck > 0 || !self.fault.is_met_for_sure(), "the fault met no request: {self:#?}");

        match first.told {
            Told::Done => assert_eq!(first.effects, 1, "told that it happened: {self:#?}"),
            Told::Nothing => assert_eq!(first.effects, 0, "told that nothing happened: {self:#?}"),
            Told::Unknown => assert!(first.effects <= 1, "one call, two effects: {self:#?}"),
        }
        let (state, charged) = match first.told {
            Told::Done => ("committed", undisturbed.ledger.charged),
            Told::Nothing => ("released", 0),
            Told::Unknown => ("unknown", undisturbed.ledger.charged),
        };
        assert_eq!(self.ledger, Ledger { state, charged }, "the ledger says otherwise: {self:#?}");

        match (operation.retry, again.told) {
            // Another call is another event.
            (Retry::Ulid, Told::Done) => assert_eq!(again.effects, 1, "{self:#?}"),
            (_, Told::Done) => assert_eq!(in_all, 1, "told that it happened, once: {self:#?}"),
            (_, Told::Nothing) => assert_eq!(again.effects, 0, "told that nothing happened: {self:#?}"),
            (_, Told::Unknown) => {
                assert_eq!(
                    (operation.retry, first.told),
                    (Retry::Ledger, Told::Unknown),
                    "no doubt is left: {self:#?}"
                );
            }
        }
        if first.answer["safe_to_retry"] == true {
            assert!(in_all <= 1, "it was not safe to repeat: {self:#?}");
        }
        if operation.retry == Retry::Ledger {
            assert!(in_all <= 1, "at most once: {self:#?}");
            if self.fault.leaves_doubt() {
                let requests = (first.requests, again.requests);
                assert_eq!(requests, (1, 0), "requested again though the first may have happened: {self:#?}");
            }
        }
    }
}

impl Call {
    fn of(answer: Value, before: &Seen, after: &Seen) -> Self {
        let effects = after.effects.abs_diff(before.effects);
        Self { told: Told::of(&answer), answer, requests: after.requests - before.requests, effects }
    }

    /// The answer in a few words.
    fn shown(&self) -> String {
        let text = |field: &str| self.answer[field].as_str();
        let said = text("error").or_else(|| text("result")).or_else(|| text("state"));
        let marks = [
            text("action"),
            self.answer["found"].is_boolean().then_some("found"),
            self.answer["duplicate_of"].is_string().then_some("duplicate"),
        ];
        said.into_iter().chain(marks.into_iter().flatten()).collect::<Vec<_>>().join(", ")
    }
}

impl Told {
    /// Read as a caller reads it: from the answer's text.
    fn of(answer: &Value) -> Self {
        if answer.get("error").is_none() {
            let result = answer["result"].as_str().or_else(|| answer["state"].as_str()).unwrap();
            assert!(["applied", "accepted", "queued"].contains(&result), "{answer}");
            return Self::Done;
        }
        let message = answer["message"].as_str().unwrap();
        match (message.contains("Nothing was"), message.contains("may have happened")) {
            (true, false) => Self::Nothing,
            (false, true) => Self::Unknown,
            _ => panic!("it is not said what has become of the call: {answer}"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }
}

/// Repeats without noticeable pauses, and attempts that end before a slow answer.
fn timing(fault: Fault) -> RetryTiming {
    RetryTiming {
        base: Duration::from_millis(1),
        attempt_limit: (fault == Fault::Slow).then_some(Duration::from_millis(300)),
        ..RetryTiming::default()
    }
}

async fn struck(product: &Product) -> u64 {
    let faults = product.control("GET", "faults", None).await;
    faults["faults"][0]["hits"].as_u64().unwrap_or(0)
}

async fn charged(product: &Product) -> u64 {
    let shown = product.ok("get_guardrails", json!({})).await;
    let budgets = shown["budgets"].as_array().unwrap().iter();
    budgets.filter(|budget| budget["per"] == "day").map(|budget| budget["used"].as_u64().unwrap()).sum()
}

/// How the audit trail says that the call ended.
async fn state(operation: &Operation, product: &Product) -> &'static str {
    let query = json!({ "tool": operation.tool, "phase": "outcome", "limit": 1 });
    let listed = product.ok("list_audit", query).await;
    match listed["records"][0]["decision"].as_str().unwrap() {
        "committed" => "committed",
        "unknown" => "unknown",
        // An error code.
        _ => "released",
    }
}

/// The rows as text, under headings.
pub(super) fn aligned(cells: &[Cell]) -> String {
    const HEADINGS: [&str; 14] = [
        "fault", "", "struck", "answer", "told", "safe", "requests", "effects", "ledger", "charged", "| again", "told",
        "requests", "effects",
    ];
    let safe = |call: &Call| call.answer["safe_to_retry"].as_bool().map_or("", |safe| if safe { "yes" } else { "no" });
    let row = |cell: &Cell| {
        [
            cell.fault.name().to_owned(),
            cell.how.name().to_owned(),
            cell.struck.to_string(),
            cell.first.shown(),
            cell.first.told.name().to_owned(),
            safe(&cell.first).to_owned(),
            cell.first.requests.to_string(),
            cell.first.effects.to_string(),
            cell.ledger.state.to_owned(),
            cell.ledger.charged.to_string(),
            format!("| {}", cell.again.shown()),
            cell.again.told.name().to_owned(),
            cell.again.requests.to_string(),
            cell.again.effects.to_string(),
        ]
    };
    let rows: Vec<_> = [HEADINGS.map(str::to_owned)].into_iter().chain(cells.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap();
    let widths: Vec<_> = (0..HEADINGS.len()).map(width).collect();
    let line = |row: &[String; 14]| {
        let padded = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
