//! Finding a tool in anybody's words: a small index of what each is called and what it says of itself.
//!
//! Terms are stemmed, weighted by where they stand and by how few tools have them (BM25 over weighted fields), and
//! joined by what else people say for the same thing (`tools/synonyms.toml`). It is made of what is compiled in, so a
//! question has the same answer everywhere.

use std::collections::{BTreeSet, HashMap};

use rust_stemmers::{Algorithm, Stemmer};
use serde::Deserialize;

use super::Effect;

/// What a tool is found by.
#[derive(Debug, Clone)]
pub struct SearchEntry {
    /// Its name.
    pub name: &'static str,
    /// What it says of itself.
    pub summary: &'static str,
    /// The toolset it belongs to.
    pub toolset: &'static str,
    /// The names of its arguments and what is said of them.
    pub arguments: String,
    /// Its effect.
    pub effect: Effect,
}

/// An index of tools.
#[derive(Debug)]
pub struct SearchIndex {
    documents: Vec<Document>,
    /// How many documents have a term.
    spread: HashMap<String, usize>,
    synonyms: Vec<Synonym>,
    average_weight: f64,
    words: Words,
}

#[derive(Debug)]
struct Document {
    name: &'static str,
    name_terms: Vec<String>,
    effect: Effect,
    /// Terms by their weight in this document.
    terms: HashMap<String, f64>,
    weight: f64,
}

/// What a term weighs by where it stands.
const IN_NAME: f64 = 3.0;
const IN_SUMMARY: f64 = 1.6;
const IN_TOOLSET: f64 = 0.6;
const IN_ARGUMENTS: f64 = 0.4;

/// How fast further occurrences stop to count, and how much a long text is held against a tool: BM25's two constants.
const SATURATION: f64 = 1.4;
const LENGTH: f64 = 0.35;

/// What a word that people say instead weighs beside the tool's own.
const SYNONYM: f64 = 0.7;

/// What a word weighs that is part of a saying.
const PART_OF_A_SAYING: f64 = 0.3;

/// How much of a score hangs on how much of the name was said.
const NAME: f64 = 0.5;

/// What `list` weighs in a question that names things in the plural and says nothing to do with them.
const LISTING: f64 = 0.5;
/// Stems of what can be done.
const VERBS: &[&str] =
    &["creat", "updat", "delet", "remov", "send", "get", "chang", "edit", "add", "replac", "translat"];

/// What a question in the form of one gains for a tool that reads.
const ASKING: f64 = 1.15;

/// A way of saying something, and the words that the tools have for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Synonym {
    /// What people say; several words must stand in this order, side by side.
    say: Vec<String>,
    /// What the tools say.
    mean: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Synonyms {
    synonym: Vec<Synonym>,
}

/// Words that say nothing of what is wanted.
const EMPTY: &[&str] = &[
    "a", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "did", "do", "does", "for", "from",
    "get", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my",
    "of", "on", "one", "or", "our", "out", "she", "so", "some", "that", "the", "their", "them", "there", "they",
    "this", "to", "up", "us", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with",
    "you", "your",
];

/// Words that begin a question rather than an order.
const QUESTIONS: &[&str] =
    &["who", "what", "which", "why", "how", "did", "is", "are", "does", "show", "see", "list", "where"];

impl SearchIndex {
    /// Indexes tools; a search answers with their places here.
    pub fn new(entries: impl IntoIterator<Item = SearchEntry>) -> Self {
        let words = Words::new();
        let documents: Vec<Document> = entries.into_iter().map(|entry| Document::new(&entry, &words)).collect();
        let mut spread = HashMap::new();
        for term in documents.iter().flat_map(|document| document.terms.keys()) {
            *spread.entry(term.clone()).or_insert(0) += 1;
        }
        let average_weight =
            documents.iter().map(|document| document.weight).sum::<f64>() / count(documents.len().max(1));
        Self { documents, spread, synonyms: words.synonyms(), average_weight, words }
    }

    /// The places of the tools that answer a question, the best first; those that have none of its words are left out.
    pub fn find(&self, question: &str) -> Vec<usize> {
        let asked = self.asked(question);
        let name = question.trim().to_lowercase().replace([' ', '-'], "_");
        let is_question = QUESTIONS.iter().any(|word| question.trim().to_lowercase().split(' ').next() == Some(word));
        let mut scored: Vec<(f64, usize)> = self
            .documents
            .iter()
            .enumerate()
            .map(|(at, document)| {
                let score = if document.name == name { f64::MAX } else { self.score(document, &asked, is_question) };
                (score, at)
            })
            .filter(|(score, _)| *score > 0.0)
            .collect();
        scored.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.cmp(second)));
        scored.into_iter().map(|(_, at)| at).collect()
    }

    /// The terms of a question with their weights: its own words, and what the tools say for them.
    fn asked(&self, question: &str) -> HashMap<String, f64> {
        let said = without_denied(self.words.all(question));
        let mut asked: HashMap<String, f64> =
            said.iter().filter(|word| !self.words.is_empty(word)).map(|word| (word.clone(), 1.0)).collect();
        if self.words.names_several(question) && !VERBS.iter().any(|verb| said.iter().any(|word| word == verb)) {
            asked.insert("list".to_owned(), LISTING);
        }
        for Synonym { say, mean } in &self.synonyms {
            if !said.windows(say.len().max(1)).any(|words| words == say.as_slice()) {
                continue;
            }
            // Several words that mean something together mean it more surely than one, and little by themselves.
            let several = say.len() > 1;
            for word in say.iter().filter(|word| several && !mean.contains(*word)) {
                asked.entry(word.clone()).and_modify(|weight| *weight = weight.min(PART_OF_A_SAYING));
            }
            for term in mean {
                let weight = asked.entry(term.clone()).or_insert(0.0);
                *weight = weight.max(if several { 1.0 } else { SYNONYM });
            }
        }
        asked
    }

    fn score(&self, document: &Document, asked: &HashMap<String, f64>, is_question: bool) -> f64 {
        let long = 1.0 - LENGTH + LENGTH * document.weight / self.average_weight;
        let mut terms: Vec<_> = asked.iter().collect();
        // The order of a map is not: sums of floats would differ from one run to the next.
        terms.sort_by(|a, b| a.0.cmp(b.0));
        let of_term = |(term, weight): (&String, &f64)| {
            let here = document.terms.get(term).copied().unwrap_or_default();
            weight * self.rarity(term) * here * (SATURATION + 1.0) / (here + SATURATION * long)
        };
        let score: f64 = terms.into_iter().map(of_term).sum();
        let score = score * (1.0 - NAME + NAME * document.share_of_name(asked));
        if is_question && document.effect == Effect::Read { score * ASKING } else { score }
    }

    fn rarity(&self, term: &str) -> f64 {
        let (having, all) = (count(self.spread.get(term).copied().unwrap_or_default()), count(self.documents.len()));
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }
}

/// "Do not send it yet" is not about sending: what follows a "not" by a word or two is left out.
fn without_denied(said: Vec<String>) -> Vec<String> {
    match said.iter().position(|word| word == "not") {
        Some(at) if said.len() > at + 1 => {
            said.iter().enumerate().filter(|(n, _)| *n != at + 1).map(|(_, word)| word.clone()).collect()
        }
        _ => said,
    }
}

impl Document {
    /// How much of its name a question has said: `delete_newsletter_translation` is about more than a newsletter.
    fn share_of_name(&self, asked: &HashMap<String, f64>) -> f64 {
        let said = self.name_terms.iter().filter(|term| asked.contains_key(*term));
        count(said.count()) / count(self.name_terms.len().max(1))
    }

    fn new(entry: &SearchEntry, words: &Words) -> Self {
        let mut terms = HashMap::new();
        let fields = [
            (entry.name, IN_NAME),
            (entry.summary.split("\n\n").next().unwrap_or_default(), IN_SUMMARY),
            (entry.toolset, IN_TOOLSET),
            (entry.arguments.as_str(), IN_ARGUMENTS),
        ];
        for (text, weight) in fields {
            let said: BTreeSet<String> = words.all(text).into_iter().filter(|word| !words.is_empty(word)).collect();
            for term in said {
                *terms.entry(term).or_insert(0.0) += weight;
            }
        }
        let weight = terms.values().sum();
        Self { name: entry.name, name_terms: words.all(entry.name), effect: entry.effect, terms, weight }
    }
}

/// Turns text into terms.
struct Words {
    stemmer: Stemmer,
    empty: BTreeSet<String>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

impl Words {
    fn new() -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let empty = EMPTY.iter().map(|word| stemmer.stem(word).into_owned()).collect();
        Self { stemmer, empty }
    }

    /// Every word of a text in its order, stemmed.
    fn all(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase().replace("a/b", "abtest").replace("e-mail", "email").replace('\'', "");
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(|word| self.stemmer.stem(word).into_owned()).collect()
    }

    /// Whether a question names things in the plural.
    fn names_several(&self, question: &str) -> bool {
        let words = question.to_lowercase();
        let mut words = words.split(|c: char| !c.is_alphanumeric());
        words.any(|word| {
            word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") && self.stemmer.stem(word) != word
        })
    }

    fn is_empty(&self, stem: &str) -> bool {
        self.empty.contains(stem)
    }

    /// What people say instead, as terms. A test keeps the file from being broken.
    fn synonyms(&self) -> Vec<Synonym> {
        let read = toml::from_str::<Synonyms>(include_str!("../../tools/synonyms.toml"));
        let read = read.inspect_err(|error| tracing::error!(%error, "the synonyms cannot be read"));
        let terms = |texts: Vec<String>| texts.iter().flat_map(|text| self.all(text)).collect::<Vec<_>>();
        let every = read.map(|read| read.synonym).unwrap_or_default().into_iter().flat_map(|Synonym { say, mean }| {
            let mean = terms(mean);
            say.into_iter().map(move |said| (said, mean.clone())).collect::<Vec<_>>()
        });
        every.map(|(said, mean)| Synonym { say: self.all(&said), mean }).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are a few hundred tools")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> SearchIndex {
        let entry = |name, summary, effect| SearchEntry {
            name,
            summary,
            toolset: "campaigns",
            arguments: String::new(),
            effect,
        };
        SearchIndex::new([
            entry("list_things", "Things, by name.", Effect::Read),
            entry("delete_thing", "Delete a thing for good.", Effect::Delete),
            entry("get_other", "One other.", Effect::Read),
        ])
    }

    #[test]
    fn a_name_is_found_first_and_nonsense_finds_nothing() {
        assert_eq!(index().find("delete_thing"), [1, 0]);
        assert_eq!(index().find("delete thing").first(), Some(&1));
        assert_eq!(index().find("deleting things")[0], 1);
        assert!(index().find("xylophone").is_empty());
        assert!(index().find("").is_empty());
    }

    #[test]
    fn the_synonyms_can_be_read() {
        let synonyms: Synonyms = toml::from_str(include_str!("../../tools/synonyms.toml")).unwrap();
        assert!(synonyms.synonym.iter().all(|one| !one.say.is_empty() && !one.mean.is_empty()));
    }
}
