//! The import: every line of the export, one call each.

use std::collections::BTreeMap;

use anstyle::Style;
use serde_json::{Value, json};

use super::scene::{Scene, identifiers, identify};
use crate::cli::demo::{
    Stopped,
    export::{Export, Line, Person},
    page::{self, NO_BREAK_SPACE},
    stage::seconds,
};

/// What became of the export.
#[derive(Default)]
pub(super) struct Imported {
    /// People who are new, in the export's order.
    pub(super) created: Vec<Person>,
    /// People who existed already.
    updated: Vec<Person>,
    /// People refused, with the answer.
    pub(super) refused: Vec<(Person, Value)>,
    /// Lines that could not be read, by number.
    broken: Vec<(usize, String)>,
    /// The first answer that shows a person.
    shown: Option<Value>,
}

/// Imports the export.
pub(super) async fn play(scene: &mut Scene<'_>, export: &Export) -> Result<Imported, Stopped> {
    scene.stage.step("Import the export, one identify_customer a line.");
    let mut imported = Imported::default();
    let began_ms = scene.stage.elapsed_ms();
    for (at, line) in export.lines.iter().enumerate() {
        match line {
            Line::Person(person) => imported.one(scene, person).await?,
            Line::Broken { number, why } => imported.broken(scene, *number, why),
        }
        scene.stage.progress(at + 1, export.lines.len());
    }
    let took_ms = scene.stage.elapsed_ms() - began_ms;
    imported.show(scene, export, took_ms);
    scene.expect(imported.created.len() >= 3, || "fewer than three people could be created".to_owned())?;
    let sum = imported.created.len() + imported.updated.len() + imported.refused.len() + imported.broken.len();
    scene.expect(sum == export.lines.len(), || "a line was lost".to_owned())?;
    Ok(imported)
}

impl Imported {
    async fn one(&mut self, scene: &mut Scene<'_>, person: &Person) -> Result<(), Stopped> {
        let attributes = Value::Object(person.attributes.clone());
        let arguments = identify(&person.id, &person.email, Some(attributes));
        let answer = scene.quietly("identify_customer", &arguments).await?;
        if answer.get("error").is_some() {
            self.refused.push((person.clone(), answer));
            return Ok(());
        }
        let whole = answer["result"] == "applied" && answer["verified"] == true;
        scene.expect(whole, || format!("line {} was not read back as written: {answer}", person.number))?;
        let same = answer["customer"]["id"] == person.id || person.id.is_empty();
        scene.expect(same, || format!("line {} was written to somebody else: {answer}", person.number))?;
        if answer["action"] == "created" {
            scene.stage.tally.created += 1;
            self.created.push(person.clone());
        } else {
            self.updated.push(person.clone());
        }
        self.shown.get_or_insert(answer);
        Ok(())
    }

    fn broken(&mut self, scene: &mut Scene<'_>, number: usize, why: &str) {
        scene.stage.tally.unreadable += 1;
        self.broken.push((number, why.to_owned()));
        let answer = json!({ "error": "unreadable_line", "message": why });
        scene.stage.note(json!({ "line": number, "answer": answer, "refused": true }));
    }

    fn show(&self, scene: &Scene<'_>, export: &Export, took_ms: i64) {
        let sent = self.created.len() + self.updated.len() + self.refused.len();
        let made = format!("{sent} calls for {} lines in {}", export.lines.len(), seconds(took_ms));
        scene.stage.command(&format!("identify_customer  {made}"));
        if let Some(shown) = &self.shown {
            scene.stage.answer(&[format!("first answer: {}, read back", identifiers(&shown["customer"]))]);
            scene.stage.explain(
                "E-mail addresses are masked in answers (all but the first letter and the domain), so that they do not \
                 reach a model; ids and cio_ids name people instead. The agent's own arguments stand in full.",
            );
        }
        let rows = [
            ("created", self.created.len(), String::new()),
            ("updated", self.updated.len(), lines_of(&self.updated)),
            ("refused", self.refused.len(), self.codes()),
            ("unreadable", self.broken.len(), "never sent".to_owned()),
        ];
        for (name, count, detail) in rows.into_iter().filter(|(_, count, _)| *count > 0) {
            scene.stage.aside(&format!("{name:<12}{count:>3}{}", if detail.is_empty() { "" } else { "  " }), &detail);
        }
        self.show_refused(scene);
    }

    fn codes(&self) -> String {
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, answer) in &self.refused {
            *codes.entry(answer["error"].as_str().unwrap_or_default()).or_default() += 1;
        }
        codes.iter().map(|(code, count)| format!("{count}{NO_BREAK_SPACE}{code}")).collect::<Vec<_>>().join(", ")
    }

    /// In the order of the file, whoever refused the line.
    fn show_refused(&self, scene: &Scene<'_>) {
        let unreadable = self.broken.iter().map(|(number, why)| (*number, "unreadable".to_owned(), format!("{why}.")));
        let refused = self.refused.iter().map(|(person, answer)| {
            let code = answer["error"].as_str().unwrap_or_default();
            (person.number, format!("{code}  {person}"), why(answer))
        });
        let mut rows: Vec<_> = unreadable.chain(refused).collect();
        rows.sort_by_key(|(number, ..)| *number);
        scene.stage.page("\n");
        for (number, what, why) in rows {
            row(scene, number, &what, &why);
        }
    }
}

fn row(scene: &Scene<'_>, number: usize, what: &str, why: &str) {
    scene.stage.page(page::paragraph(
        &page::marker("✗", page::REFUSAL),
        &format!("line {number}: {what}"),
        page::REFUSAL,
    ));
    scene.stage.page(page::paragraph("       ", why, Style::new()));
}

/// Why, and what next. That nothing was changed goes without saying in a list of refusals.
fn why(answer: &Value) -> String {
    let message = answer["message"].as_str().unwrap_or_default().replace(" Nothing was changed.", "");
    match answer["next_step"].as_str() {
        Some(next) => format!("{message} Next: {next}"),
        None => message,
    }
}

fn lines_of(people: &[Person]) -> String {
    let lines: Vec<String> = people.iter().map(|person| format!("line {} ({person})", person.number)).collect();
    format!("{}: known by then, so updated and not made twice", lines.join(", "))
}
