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
    pub(super) refused: BTreeMap<String, Refused>,
    /// Lines of the export that could not be read.
    pub(super) unreadable: u64,
    /// People made, test profiles included.
    pub(super) created: u64,
    /// Messages delivered.
    pub(super) delivered: u64,
    /// People erased.
    pub(super) erased: u64,
}

/// Calls refused with the same code.
#[derive(Default)]
pub(super) struct Refused {
    count: u64,
    /// What the first of them was told.
    why: String,
}

impl Stage {
    pub(super) fn new(json: bool) -> Self {
        let clock = system_clock();
        let began_ms = clock.now_ms();
        Self {
            json,
            clock,
            began_ms,
            step: 0,
            intent: "Start the server and connect to it.".to_owned(),
            tally: Tally::default(),
        }
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
        self.text(format!("\n{}", page::paragraph(page::MARGIN, intent, HEADING)));
    }

    /// Shows a call before it is made.
    pub(super) fn call(&self, tool: &str, arguments: &Value) {
        let shown = page::arguments(arguments);
        self.command(&if shown.is_empty() { tool.to_owned() } else { format!("{tool}  {shown}") });
    }

    /// Shows what is done, where that is more or other than one call.
    pub(super) fn command(&self, text: &str) {
        self.text(page::paragraph(&page::marker("→", page::CALL), text, page::CALL));
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
                let refused = self.tally.refused.entry(code.to_owned()).or_default();
                refused.count += 1;
                if refused.why.is_empty() {
                    refused.why = first_sentence(answer["message"].as_str().unwrap_or_default());
                }
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
        let (sign, what) = if code == "preview_required" { ("‖", "held back") } else { ("✗", "refused") };
        let refused = format!("{what}: {code}");
        self.text(page::paragraph(&page::marker(sign, page::REFUSAL), &refused, page::REFUSAL));
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
        self.line(&json!({ "summary": self.tally.summary(self.elapsed_ms()) }));
        self.text(format!("\n{HEADING}In sum{HEADING:#}\n"));
        for (name, text) in self.tally.rows(self.elapsed_ms()) {
            self.text(page::paragraph(&format!("  {name:<10} "), &text, Style::new()));
        }
        for (code, Refused { count, why }) in &self.tally.refused {
            self.text(page::paragraph(&format!("  {count:>3} {code:<27}"), why, Style::new()));
        }
        self.text(format!("\n{HEADING}Next: put this into your MCP client's configuration{HEADING:#}\n"));
        self.text(snippet::of(program));
        let same = "It serves such a sandbox to your own agent. Nothing it is told leaves this machine.";
        self.text(page::paragraph("", same, page::ASIDE));
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

impl Tally {
    fn summary(&self, elapsed_ms: i64) -> Value {
        let refused: BTreeMap<_, _> = self.refused.iter().map(|(code, refused)| (code, refused.count)).collect();
        json!({
            "calls": self.calls, "created": self.created, "delivered": self.delivered, "erased": self.erased,
            "refused": refused, "plans": self.plans, "unreadable_lines": self.unreadable, "elapsed_ms": elapsed_ms,
        })
    }

    fn rows(&self, elapsed_ms: i64) -> [(&'static str, String); 5] {
        let refused: u64 = self.refused.values().map(|refused| refused.count).sum();
        [
            ("calls", format!("{} in {}", self.calls, seconds(elapsed_ms))),
            ("people", format!("{} created, {} erased", self.created, self.erased)),
            ("messages", format!("{} delivered", self.delivered)),
            ("held back", format!("{} calls until their plan was confirmed", self.plans)),
            ("refused", format!("{refused} calls; of each code, what the first was told:")),
        ]
    }
}

/// Milliseconds as seconds with one decimal.
pub(super) fn seconds(ms: i64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

fn first_sentence(message: &str) -> String {
    message.split_inclusive(". ").next().unwrap_or_default().trim().to_owned()
}
