//! What is shown: text for people or JSON lines for programs, and the sum of it all.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    path::Path,
};

use anstyle::Style;
use serde_json::{Value, json};

use super::{page, snippet};
use crate::{
    cli::output::{self, HEADING},
    clock::SharedClock,
    server::open::system_clock,
};

/// Where the demonstration is shown.
pub(super) struct Stage {
    json: bool,
    clock: SharedClock,
    began_ms: i64,
    step: u32,
    intent: String,
    pub(super) tally: Tally,
}

/// What has happened so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Tool calls.
    pub(super) calls: u64,
    /// Calls that were answered with a plan.
    pub(super) plans: u64,
    /// Calls refused, by code.
    pub(super) refused: BTreeMap<String, u64>,
    /// Lines of the export that could not be read.
    pub(super) unreadable: u64,
    /// People made, test profiles included.
    pub(super) created: u64,
    /// Messages delivered.
    pub(super) delivered: u64,
    /// People erased.
    pub(super) erased: u64,
}

impl Stage {
    pub(super) fn new(json: bool) -> Self {
        let clock = system_clock();
        let began_ms = clock.now_ms();
        Self { json, clock, began_ms, step: 0, intent: String::new(), tally: Tally::default() }
    }

    pub(super) fn step_number(&self) -> u32 {
        self.step
    }

    /// Milliseconds since the beginning.
    pub(super) fn elapsed_ms(&self) -> i64 {
        self.clock.now_ms() - self.began_ms
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, intent: &str) {
        self.step += 1;
        intent.clone_into(&mut self.intent);
        let number = format!("{HEADING}{:>3}.{HEADING:#} ", self.step);
        self.text(format!("\n{}", page::paragraph(&number, intent, HEADING)));
    }

    /// Goes on within a step.
    pub(super) fn then(&mut self, intent: &str) {
        intent.clone_into(&mut self.intent);
        self.text(page::paragraph(page::MARGIN, intent, HEADING));
    }

    /// Shows a call before it is made.
    pub(super) fn call(&self, tool: &str, arguments: &Value) {
        let shown = page::arguments(arguments);
        let text = if shown.is_empty() { tool.to_owned() } else { format!("{tool}  {shown}") };
        self.text(page::paragraph(&page::marker("→", page::CALL), &text, page::CALL));
    }

    /// Counts a call and writes it down with its answer.
    pub(super) fn record(&mut self, tool: &str, arguments: &Value, answer: &Value) {
        self.tally.calls += 1;
        let mut line = json!({
            "step": self.step, "intent": self.intent, "tool": tool, "arguments": arguments, "answer": answer,
        });
        match answer["error"].as_str() {
            Some("preview_required") => {
                self.tally.plans += 1;
                line["planned"] = json!(true);
            }
            Some(code) => {
                *self.tally.refused.entry(code.to_owned()).or_default() += 1;
                line["refused"] = json!(true);
            }
            None => {}
        }
        self.line(&line);
    }

    /// Writes down something that is no tool call.
    pub(super) fn note(&self, members: Value) {
        let mut line = json!({ "step": self.step, "intent": self.intent });
        if let (Value::Object(line), Value::Object(members)) = (&mut line, members) {
            line.extend(members);
        }
        self.line(&line);
    }

    /// Shows an answer, one paragraph an item.
    pub(super) fn answer(&self, paragraphs: &[String]) {
        for (at, paragraph) in paragraphs.iter().enumerate() {
            let first = if at == 0 { page::marker("←", page::ANSWER) } else { page::MARGIN.to_owned() };
            self.text(page::paragraph(&first, paragraph, Style::new()));
        }
    }

    /// Shows a refusal: code, why, next step.
    pub(super) fn refusal(&self, answer: &Value) {
        let code = answer["error"].as_str().unwrap_or_default();
        let refused = format!("refused: {code}");
        self.text(page::paragraph(&page::marker("✗", page::REFUSAL), &refused, page::REFUSAL));
        self.aside("why:  ", answer["message"].as_str().unwrap_or_default());
        if let Some(next) = answer["next_step"].as_str() {
            self.aside("next: ", next);
        }
    }

    /// Shows a line with a name before it, such as `why:`.
    pub(super) fn aside(&self, name: &str, text: &str) {
        self.text(page::paragraph(&format!("{}{name}", page::MARGIN), text, Style::new()));
    }

    /// Explains something to whoever watches.
    pub(super) fn explain(&self, text: &str) {
        self.text(page::paragraph(page::MARGIN, text, page::ASIDE));
    }

    /// Shows a page that is set already.
    pub(super) fn page(&self, page: impl AsRef<str>) {
        self.text(page);
    }

    /// Shows how far a long piece of work has come; only a terminal shows that.
    pub(super) fn progress(&self, done: usize, all: usize) {
        if !self.json && io::stdout().is_terminal() {
            let end = if done == all { "\r\u{1b}[2K".to_owned() } else { format!("\r     {done} of {all}") };
            self.text(end);
        }
    }

    /// Sums up, and says how to go on.
    pub(super) fn end(&self, program: Option<&Path>) {
        let tally = &self.tally;
        let seconds = format!("{}.{}", self.elapsed_ms() / 1_000, self.elapsed_ms() % 1_000 / 100);
        self.line(&json!({ "summary": {
            "calls": tally.calls, "created": tally.created, "delivered": tally.delivered, "erased": tally.erased,
            "refused": tally.refused, "plans": tally.plans, "unreadable_lines": tally.unreadable,
            "elapsed_ms": self.elapsed_ms(),
        }}));
        self.text(format!("\n{HEADING}  In sum{HEADING:#}\n"));
        let refused: u64 = tally.refused.values().sum();
        let codes: Vec<String> = tally.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
        let rows = [
            ("calls", format!("{} in {seconds} s", tally.calls)),
            ("refused", format!("{refused}: {}", codes.join(", "))),
            ("planned", format!("{} were answered with a plan first", tally.plans)),
            ("people", format!("{} created, {} erased", tally.created, tally.erased)),
            ("messages", format!("{} delivered", tally.delivered)),
        ];
        for (name, text) in rows {
            self.aside(&format!("{name:<10}"), &text);
        }
        self.text(format!("\n{HEADING}  Next: put this into your MCP client's configuration{HEADING:#}\n"));
        self.text(snippet::of(program));
        self.text(page::paragraph(
            page::MARGIN,
            "The same sandbox, empty of what happened here. Nothing it is told leaves this machine.",
            page::ASIDE,
        ));
    }

    fn text(&self, text: impl AsRef<str>) {
        if !self.json {
            output::print(text.as_ref());
        }
    }

    fn line(&self, line: &Value) {
        if self.json {
            output::print(format!("{line}\n"));
        }
    }
}
