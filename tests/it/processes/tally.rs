//! What a campaign of crashes has come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rounds: usize,
    /// States that were begun.
    pub(super) states: usize,
    pub(super) kills: usize,
    pub(super) starts: usize,
    pub(super) calls: usize,
    pub(super) answers: usize,
    /// Calls whose server was killed before it answered.
    pub(super) lost: usize,
    /// Lost calls that were made again.
    pub(super) repeats: usize,
    /// Answers that refused, by their codes.
    pub(super) refusals: BTreeMap<String, usize>,
    /// People seen at the end of a round who were not there at the end of the one before.
    pub(super) people_made: usize,
    people_there: BTreeSet<String>,
    pub(super) most_people_at_once: u64,
    /// Calls whose effect the sweeper found.
    pub(super) found: u64,
    /// Places that nobody had and the sweeper gave back.
    pub(super) slots_freed: u64,
    /// Sends of which nobody could say what became of them.
    pub(super) unclear: usize,
    pub(super) deliveries: usize,
    /// Deliveries beyond the first with one key.
    pub(super) duplicates: usize,
}

impl Tally {
    pub(super) fn saw_at_once(&mut self, people: u64) {
        self.most_people_at_once = self.most_people_at_once.max(people);
    }

    pub(super) fn saw_people(&mut self, people: BTreeSet<String>) {
        self.people_made += people.difference(&self.people_there).count();
        self.people_there = people;
    }

    pub(super) fn saw_deliveries(&mut self, by_subject: &BTreeMap<String, Vec<String>>) {
        self.deliveries += by_subject.values().map(Vec::len).sum::<usize>();
        self.duplicates += by_subject.values().map(|ids| ids.len() - 1).sum::<usize>();
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("rounds", self.rounds.to_string()),
            ("states begun", self.states.to_string()),
            ("kills", self.kills.to_string()),
            ("restarts", (self.starts - super::crashes::SERVERS * self.states).to_string()),
            ("calls", self.calls.to_string()),
            ("answers", self.answers.to_string()),
            ("calls lost", self.lost.to_string()),
            ("lost calls repeated", self.repeats.to_string()),
            ("refusals", format!("{:?}", self.refusals)),
            ("people made", self.people_made.to_string()),
            ("most people at once", self.most_people_at_once.to_string()),
            ("calls found by the sweeper", self.found.to_string()),
            ("slots freed by the sweeper", self.slots_freed.to_string()),
            ("sends of unknown fate", self.unclear.to_string()),
            ("deliveries", self.deliveries.to_string()),
            ("duplicates", self.duplicates.to_string()),
        ]
    }

    pub(super) fn table(&self) -> String {
        self.rows().iter().fold(String::new(), |mut table, (name, value)| {
            // Writing to a string does not fail.
            let _ = writeln!(table, "{name:<28}{value}");
            table
        })
    }
}
