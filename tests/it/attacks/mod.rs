//! What somebody would try who can write into what the agent reads, or who steers the agent: each attack with its answer,
//! printed line by line with `--nocapture` and held.

mod fishing;
mod injection;
mod loops;
mod paths;
mod plans;
mod reach;

use serde_json::Value;

/// Attacks with their answers.
#[derive(Default)]
struct Table(Vec<(String, String)>);

impl Table {
    fn add(&mut self, attack: impl Into<String>, answer: impl Into<String>) {
        self.0.push((attack.into(), answer.into()));
    }

    /// The table as it is printed and held.
    fn told(&self) -> String {
        let width = self.0.iter().map(|(attack, _)| attack.chars().count()).max().unwrap_or_default();
        let line = |(attack, answer): &(String, String)| format!("{attack:<width$} | {answer}");
        let lines: Vec<String> = self.0.iter().map(line).collect();
        let told = format!("{:<width$} | answer\n{}", "attack", lines.join("\n"));
        println!("{told}");
        told
    }
}

/// An answer in short: the code and the argument, or that it succeeded.
fn short(answer: &Value) -> String {
    match (answer["error"].as_str(), answer["field"].as_str()) {
        (Some(code), Some(field)) => format!("{code} at {field}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => "succeeded".to_owned(),
    }
}
