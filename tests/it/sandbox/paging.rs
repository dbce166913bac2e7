//! Pages while rows come and go: whoever was there throughout is listed exactly once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

/// A list whose rows are called `r0`, `r1` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    People,
    Members,
    Activities,
    Messages,
    MessagesOfOne,
    Newsletters,
    NewestNewsletters,
    Folders,
}

/// More than any of these tests makes: a list that goes on is one without an end.
const MOST_ROWS: usize = 200;

const BY_TOKEN: [List; 7] = [
    List::People,
    List::Members,
    List::Activities,
    List::Messages,
    List::MessagesOfOne,
    List::Newsletters,
    List::NewestNewsletters,
];

impl List {
    async fn sandbox(self) -> Sandbox {
        let sandbox = Sandbox::empty().await;
        sandbox.app(Method::POST, "/v1/segments", json!({"segment": {"name": "all"}})).await;
        sandbox.identify("one", json!({})).await;
        sandbox
    }

    async fn add(self, sandbox: &Sandbox, row: usize) {
        let name = format!("r{row}");
        let ok = match self {
            Self::People => return sandbox.identify(&name, json!({"plan": "a"})).await,
            Self::Members => {
                sandbox.identify(&name, json!({})).await;
                sandbox.track(Method::POST, "/api/v1/segments/1/add_customers", json!({"ids": [name]})).await
            }
            Self::Activities => {
                // Some are told late, so that they stand in the middle of the log.
                let told = NOON - i64::try_from(row * 7919 % 5).unwrap();
                let body = json!({"name": name, "timestamp": told});
                sandbox.track(Method::POST, &format!("/api/v1/customers/{name}/events"), body).await
            }
            Self::Messages | Self::MessagesOfOne => {
                let person = if self == Self::Messages { name.clone() } else { "one".to_owned() };
                let body = json!({"identifiers": {"id": person}, "to": format!("{name}@example.com"), "subject": name,
                    "body": "b", "from": "s@example.com"});
                sandbox.app(Method::POST, "/v1/send/email", body).await
            }
            Self::Newsletters | Self::NewestNewsletters => {
                let body = json!({"name": name, "type": "email", "subject": "s", "body": "b",
                    "recipients": {"segment": {"id": 1}}});
                sandbox.app(Method::POST, "/v1/newsletters", body).await
            }
            Self::Folders => sandbox.app(Method::POST, "/v1/assets/folders", json!({"name": name})).await,
        };
        assert_eq!(ok.status, 200, "{self:?}: {}", ok.text);
    }

    /// Rows are made in the order of their numbers, so newsletters and folders have theirs plus one.
    async fn remove(self, sandbox: &Sandbox, row: usize) {
        let name = format!("r{row}");
        let heard = match self {
            Self::People | Self::Activities | Self::Messages => {
                sandbox.track(Method::DELETE, &format!("/api/v1/customers/{name}"), Value::Null).await
            }
            Self::Members => {
                sandbox.track(Method::POST, "/api/v1/segments/1/remove_customers", json!({"ids": [name]})).await
            }
            // What was sent to somebody stays.
            Self::MessagesOfOne => return,
            Self::Newsletters | Self::NewestNewsletters => {
                sandbox.app(Method::DELETE, &format!("/v1/newsletters/{}", row + 1), Value::Null).await
            }
            Self::Folders => sandbox.app(Method::DELETE, &format!("/v1/assets/folders/{}", row + 1), Value::Null).await,
        };
        assert!(matches!(heard.status, 200 | 204), "{self:?}: {}", heard.text);
    }

    /// A page, and the token of the next.
    async fn page(self, sandbox: &Sandbox, start: &str, limit: usize) -> (Vec<String>, String) {
        let query = format!("limit={limit}&start={start}");
        let (path, rows, name): (_, _, fn(&Value) -> &Value) = match self {
            Self::People => {
                let body = json!({"filter": {"attribute": {"field": "plan", "operator": "exists"}}});
                let heard = sandbox.app(Method::POST, &format!("/v1/customers?{query}"), body).await;
                return rows_of(&heard.json(), "ids", |row| row);
            }
            Self::Members => (format!("/v1/segments/1/membership?{query}"), "ids", |row| row),
            Self::Activities => (format!("/v1/activities?type=event&{query}"), "activities", |row| &row["name"]),
            Self::Messages => (format!("/v1/messages?{query}"), "messages", |row| &row["subject"]),
            Self::MessagesOfOne => (format!("/v1/customers/one/messages?{query}"), "messages", |row| &row["subject"]),
            Self::Newsletters => (format!("/v1/newsletters?{query}"), "newsletters", |row| &row["name"]),
            Self::NewestNewsletters => {
                (format!("/v1/newsletters?sort=desc&{query}"), "newsletters", |row| &row["name"])
            }
            Self::Folders => (format!("/v1/assets/folders?limit={limit}&page={start}"), "folders", |row| &row["name"]),
        };
        rows_of(&sandbox.get(&path).await, rows, name)
    }
}

fn rows_of(answer: &Value, rows: &str, name: fn(&Value) -> &Value) -> (Vec<String>, String) {
    let rows = answer[rows].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    let rows = rows.map(|row| name(row).as_str().unwrap().to_owned()).collect();
    (rows, answer["next"].as_str().unwrap_or_default().to_owned())
}

/// What happens between two pages.
#[derive(Debug, Clone)]
enum Act {
    Add,
    /// One of the rows there are, counted around.
    Remove(usize),
}

/// The rows that are there, and those that ever left.
#[derive(Debug, Default)]
struct Rows {
    made: usize,
    present: BTreeSet<usize>,
}

impl Rows {
    async fn act(&mut self, list: List, sandbox: &Sandbox, act: &Act) {
        match act {
            Act::Add => {
                list.add(sandbox, self.made).await;
                self.present.insert(self.made);
                self.made += 1;
            }
            Act::Remove(which) => {
                let Some(row) = self.present.iter().copied().nth(which % self.present.len().max(1)) else { return };
                list.remove(sandbox, row).await;
                self.present.remove(&row);
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(prop_oneof![1 => Just(Act::Add), 1 => (0..100usize).prop_map(Act::Remove)], 0..4)
}

fn check(list: List, seen: &[String], begun: &BTreeSet<usize>, rows: &Rows) -> Result<(), TestCaseError> {
    let mut times = BTreeMap::new();
    for row in seen {
        *times.entry(row.clone()).or_insert(0) += 1;
    }
    for row in begun.intersection(&rows.present) {
        prop_assert_eq!(times.get(&format!("r{row}")), Some(&1), "{:?}: r{} of {:?}", list, row, seen);
    }
    prop_assert!(times.values().all(|times| *times == 1), "{:?}: {:?}", list, seen);
    Ok(())
}

#[test]
fn section_5_a_row_that_stays_is_on_one_page_whatever_happens_between_pages() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = (select(BY_TOKEN.to_vec()), 0..14usize, 1..5usize, vec(acts(), 14));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(140));
    let outcome = runner.run(&cases, |(list, first, limit, between)| {
        runtime.block_on(async {
            let sandbox = list.sandbox().await;
            let mut rows = Rows::default();
            for _ in 0..first {
                rows.act(list, &sandbox, &Act::Add).await;
            }
            let begun = rows.present.clone();
            let (mut seen, mut start) = (Vec::new(), String::new());
            for acts in between.iter().chain(std::iter::repeat(&Vec::new())) {
                let (page, next) = list.page(&sandbox, &start, limit).await;
                prop_assert!(page.len() <= limit && seen.len() < MOST_ROWS, "{:?}: {:?}", list, seen);
                seen.extend(page);
                start = next;
                if start.is_empty() {
                    break;
                }
                for act in acts {
                    rows.act(list, &sandbox, act).await;
                }
            }
            check(list, &seen, &begun, &rows)
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_a_row_that_stays_is_on_one_page_while_others_write() {
    for list in BY_TOKEN {
        let sandbox = list.sandbox().await;
        let mut rows = Rows::default();
        for _ in 0..40 {
            rows.act(list, &sandbox, &Act::Add).await;
        }
        let begun = rows.present.clone();
        let read = async {
            let (mut seen, mut start) = (Vec::new(), String::new());
            loop {
                let (page, next) = list.page(&sandbox, &start, 3).await;
                assert!(seen.len() < MOST_ROWS, "{list:?}: {seen:?}");
                seen.extend(page);
                start = next;
                if start.is_empty() {
                    return seen;
                }
            }
        };
        let write = async {
            for step in 0..20 {
                rows.act(list, &sandbox, &Act::Add).await;
                rows.act(list, &sandbox, &Act::Remove(step * 7)).await;
            }
        };
        let (seen, ()) = tokio::join!(read, write);
        check(list, &seen, &begun, &rows).unwrap();
    }
}

#[test]
fn section_5_numbered_pages_hold_while_rows_are_added_or_leave_behind_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let list = List::Folders;
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let outcome = runner.run(&(1..14usize, 1..5usize, vec(acts(), 14)), |(first, limit, between)| {
        runtime.block_on(async {
            let sandbox = list.sandbox().await;
            let mut rows = Rows::default();
            for _ in 0..first {
                rows.act(list, &sandbox, &Act::Add).await;
            }
            let begun = rows.present.clone();
            let mut seen = Vec::new();
            for (number, acts) in between.iter().chain(std::iter::repeat(&Vec::new())).enumerate() {
                let (page, _) = list.page(&sandbox, &(number + 1).to_string(), limit).await;
                if page.is_empty() {
                    break;
                }
                seen.extend(page);
                for act in acts {
                    match act {
                        Act::Add => rows.act(list, &sandbox, act).await,
                        // Rows already listed stay: taking one away moves the later ones up a place.
                        Act::Remove(which) => {
                            let after: Vec<_> = rows.present.iter().copied().skip(seen.len()).collect();
                            if let Some(row) = after.get(which % after.len().max(1)) {
                                list.remove(&sandbox, *row).await;
                                rows.present.remove(row);
                            }
                        }
                    }
                }
            }
            check(list, &seen, &begun, &rows)
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn section_5_a_row_that_leaves_an_earlier_numbered_page_moves_the_later_ones_up() {
    let list = List::Folders;
    let sandbox = list.sandbox().await;
    for row in 0..6 {
        list.add(&sandbox, row).await;
    }
    assert_eq!(list.page(&sandbox, "1", 2).await.0, ["r0", "r1"]);
    list.remove(&sandbox, 0).await;
    assert_eq!(list.page(&sandbox, "2", 2).await.0, ["r3", "r4"]);
    let answer = sandbox.get("/v1/assets/folders?limit=2&page=2").await;
    assert_eq!(answer["meta"]["pagination"], json!({"page": 2, "limit": 2, "total": 5}));
}
