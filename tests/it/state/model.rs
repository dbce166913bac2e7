//! Random sequences of calls against a simple model of budgets, quota and keys.

use std::collections::{BTreeMap, BTreeSet};

use customerio_mcp::state::{
    AbsenceOutcome, Begin, BeginOutcome, CallKey, CallOutcome, CallState, Settle, Store,
    sqlite::{Location, SqliteStore},
};
use proptest::{collection::vec, prelude::*};

use super::{CHAIN_KEY, material::*};
use crate::postgres::Database;

const BUDGET: u64 = 6;
const PLACES: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Begin { amount: u64, person: Option<u8>, key: Option<u8>, follows: bool },
    Settle { call: usize, outcome: CallOutcome },
    LookInVain { call: usize },
    Wait { ms: i64 },
    Remove { person: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![Just(CallOutcome::Committed), Just(CallOutcome::Released), Just(CallOutcome::Unknown)];
    let step = prop_oneof![
        5 => (0..5_u64, proptest::option::of(0..6_u8), proptest::option::of(0..4_u8), any::<bool>())
            .prop_map(|(amount, person, key, follows)| Step::Begin { amount, person, key, follows }),
        3 => (0..12_usize).prop_map(|call| Step::LookInVain { call }),
        4 => (0..12_usize, outcome).prop_map(|(call, outcome)| Step::Settle { call, outcome }),
        2 => (1..40 * MINUTE_MS).prop_map(|ms| Step::Wait { ms }),
        1 => (0..6_u8).prop_map(|person| Step::Remove { person }),
    ];
    vec(step, 1..60)
}

#[derive(Debug)]
struct Call {
    began_at_ms: i64,
    amount: u64,
    person: Option<u8>,
    key: Option<u8>,
    state: CallState,
    absent_at_ms: Option<i64>,
    /// When it was found out to have happened.
    found_at_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Model {
    now_ms: i64,
    calls: Vec<Call>,
    records: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Begun,
    Replayed(String, CallState),
    Exhausted(u64),
    Full(u64),
}

/// A key is held for ten minutes, and for a day while nobody knows whether its call happened.
fn held_for_ms(state: CallState) -> i64 {
    match state {
        CallState::InFlight | CallState::Unknown | CallState::Absent => 24 * 60 * MINUTE_MS,
        CallState::Committed | CallState::Released => 10 * MINUTE_MS,
    }
}

fn is_undone(state: CallState) -> bool {
    matches!(state, CallState::Released | CallState::Absent)
}

impl Model {
    /// A charge counts from when it was made until its minute has left the hour.
    fn used(&self) -> u64 {
        let counts = |call: &&Call| {
            let minute_end_ms = call.began_at_ms - call.began_at_ms % MINUTE_MS + MINUTE_MS;
            !is_undone(call.state) && minute_end_ms + HOUR_MS > self.now_ms
        };
        self.calls.iter().filter(counts).map(|call| call.amount).sum()
    }

    fn people(&self) -> BTreeSet<u8> {
        let there = |call: &&Call| !is_undone(call.state);
        self.calls.iter().filter(there).filter_map(|call| call.person).collect()
    }

    fn holder(&self, key: u8) -> Option<usize> {
        self.calls.iter().rposition(|call| {
            call.key == Some(key)
                && call.state != CallState::Released
                && (call.began_at_ms + held_for_ms(call.state) > self.now_ms
                    || call.found_at_ms.is_some_and(|at_ms| at_ms + DAY_MS > self.now_ms))
        })
    }

    fn seen(&self, call: usize) -> CallState {
        let Call { state, began_at_ms, .. } = &self.calls[call];
        let lapsed = began_at_ms + MINUTE_MS <= self.now_ms;
        if *state == CallState::InFlight && lapsed { CallState::Unknown } else { *state }
    }

    /// The call that another attempt under this key may follow.
    fn followed(&self, key: u8) -> Option<usize> {
        let may_be_followed = |first: &usize| {
            matches!(self.seen(*first), CallState::Unknown | CallState::Absent)
                && self.calls[*first].absent_at_ms.is_some()
        };
        self.holder(key).filter(may_be_followed)
    }

    fn begin(&mut self, amount: u64, person: Option<u8>, key: Option<u8>, follows: bool) -> Verdict {
        let followed = key.and_then(|key| self.followed(key)).filter(|_| follows);
        if let Some(first) = key.and_then(|key| self.holder(key)).filter(|first| followed != Some(*first)) {
            return Verdict::Replayed(first.to_string(), self.seen(first));
        }
        if self.used() + amount > BUDGET {
            return Verdict::Exhausted(self.used());
        }
        let people = self.people();
        if let Some(person) = person
            && !people.contains(&person)
            && people.len() as u64 >= PLACES
        {
            return Verdict::Full(people.len() as u64);
        }
        if let Some(key) = key {
            // The key goes over to the new call, also from one that has not expired.
            self.calls.iter_mut().filter(|call| call.key == Some(key)).for_each(|call| call.key = None);
        }
        let (began_at_ms, state) = (self.now_ms, CallState::InFlight);
        let (absent_at_ms, found_at_ms) = (None, None);
        self.calls.push(Call { began_at_ms, amount, person, key, state, absent_at_ms, found_at_ms });
        self.records += 1;
        Verdict::Begun
    }

    fn settle(&mut self, at: usize, outcome: CallOutcome) {
        if at >= self.calls.len() {
            return;
        }
        let (now_ms, was_unknown) = (self.now_ms, self.seen(at) != CallState::InFlight);
        let call = &mut self.calls[at];
        let to = match outcome {
            CallOutcome::Committed => CallState::Committed,
            CallOutcome::Released => CallState::Released,
            CallOutcome::Unknown => CallState::Unknown,
        };
        let changes = match call.state {
            CallState::InFlight => true,
            CallState::Unknown | CallState::Absent => to != CallState::Unknown,
            CallState::Committed | CallState::Released => false,
        };
        if changes {
            call.state = to;
            call.found_at_ms = was_unknown.then_some(now_ms);
            self.records += 1;
        }
    }

    fn look_in_vain(&mut self, at: usize) -> Option<AbsenceOutcome> {
        self.calls.get(at)?;
        if self.seen(at) != CallState::Unknown {
            return Some(AbsenceOutcome::NotUnknown);
        }
        let now_ms = self.now_ms;
        let call = &mut self.calls[at];
        let first_at_ms = *call.absent_at_ms.get_or_insert(now_ms);
        if now_ms < first_at_ms + MINUTE_MS || first_at_ms == now_ms {
            return Some(AbsenceOutcome::Noted { first_at_ms });
        }
        call.state = if call.key.is_some() { CallState::Absent } else { CallState::Released };
        call.person = None;
        self.records += 1;
        Some(AbsenceOutcome::Settled)
    }

    fn remove(&mut self, person: u8) {
        for call in self.calls.iter_mut().filter(|call| call.person == Some(person)) {
            call.person = None;
        }
    }
}

async fn begin(
    store: &dyn Store,
    model: &Model,
    amount: u64,
    person: Option<u8>,
    name: Option<u8>,
    follows: bool,
) -> Verdict {
    let followed = name.and_then(|key| model.followed(key)).filter(|_| follows);
    let begin = Begin {
        follows: followed.map(|first| first.to_string()),
        now_ms: model.now_ms,
        lease_until_ms: model.now_ms + MINUTE_MS,
        charges: vec![sends(amount, HOUR_MS, BUDGET)],
        test_profile: person.map(|person| test_profile(&[&person.to_string()], PLACES)),
        key: name.map(|name| CallKey { expires_at_ms: model.now_ms + 10 * MINUTE_MS, ..key(&name.to_string()) }),
        ..call(&model.calls.len().to_string())
    };
    match store.begin(begin).await.unwrap() {
        BeginOutcome::Begun => Verdict::Begun,
        BeginOutcome::Replayed(first) => Verdict::Replayed(first.call_id, first.state),
        BeginOutcome::Exhausted(exhausted) => Verdict::Exhausted(exhausted.used),
        BeginOutcome::TestProfilesFull { active, .. } => Verdict::Full(active),
        other => panic!("{other:?}"),
    }
}

async fn compare(store: &dyn Store, model: &Model) {
    let charges = vec![sends(0, HOUR_MS, BUDGET)];
    let usage = store.usage(SHOP.to_owned(), LOCAL.to_owned(), charges, model.now_ms).await.unwrap();
    assert_eq!(usage[0].used, model.used());
    let listed: BTreeMap<_, _> = store
        .test_profiles(SHOP.to_owned(), model.now_ms)
        .await
        .unwrap()
        .into_iter()
        .map(|profile| (profile.subjects, profile.state))
        .collect();
    let people: BTreeSet<_> = model.people().into_iter().map(|person| vec![digest(person.to_string())]).collect();
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), people);
}

async fn run(store: &dyn Store, steps: Vec<Step>) {
    let mut model = Model { now_ms: NOW_MS, ..Model::default() };
    for step in steps {
        match step {
            Step::Begin { amount, person, key, follows } => {
                let actual = begin(store, &model, amount, person, key, follows).await;
                assert_eq!(actual, model.begin(amount, person, key, follows));
            }
            Step::LookInVain { call } => {
                let outcome = store.note_absence(absence(&call.to_string(), model.now_ms)).await.unwrap();
                let expected = model.look_in_vain(call).unwrap_or(AbsenceOutcome::NotUnknown);
                assert_eq!(outcome, expected);
            }
            Step::Settle { call, outcome } => {
                let known = call < model.calls.len();
                let settle = Settle { now_ms: model.now_ms, ..settlement(&call.to_string(), outcome) };
                let (before, result) = (model.records, store.settle(settle).await);
                model.settle(call, outcome);
                assert_eq!(result.ok(), known.then_some(model.records > before));
            }
            Step::Wait { ms } => model.now_ms += ms,
            Step::Remove { person } => {
                let subject = digest(person.to_string());
                let listed = store.test_profiles(SHOP.to_owned(), model.now_ms).await.unwrap();
                let theirs = listed.into_iter().filter(|profile| profile.subjects.contains(&subject));
                let calls = theirs.flat_map(|profile| profile.calls).collect();
                store.remove_test_profiles(SHOP.to_owned(), calls).await.unwrap();
                model.remove(person);
            }
        }
        compare(store, &model).await;
    }
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults), (model.records, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_model(steps in steps()) {
        let store = SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(&store, steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_of_a_fleet_agrees_with_it_too(steps in steps()) {
        let Some(database) = Database::fresh() else { return Ok(()) };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            run(&database.open(CHAIN_KEY).await.unwrap(), steps).await;
        });
    }
}
