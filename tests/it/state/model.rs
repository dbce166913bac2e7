//! Random sequences of calls against a simple model of budgets, quota and keys.

use std::collections::{BTreeMap, BTreeSet};

use customerio_mcp::state::{
    Begin, BeginOutcome, CallKey, CallOutcome, CallState, Store,
    sqlite::{Location, SqliteStore},
};
use proptest::{collection::vec, prelude::*};

use super::{CHAIN_KEY, material::*};

const BUDGET: u64 = 6;
const PLACES: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Begin { amount: u64, person: Option<u8>, key: Option<u8> },
    Settle { call: usize, outcome: CallOutcome },
    Wait { ms: i64 },
    Remove { person: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![Just(CallOutcome::Committed), Just(CallOutcome::Released), Just(CallOutcome::Unknown)];
    let step = prop_oneof![
        5 => (0..5_u64, proptest::option::of(0..6_u8), proptest::option::of(0..4_u8))
            .prop_map(|(amount, person, key)| Step::Begin { amount, person, key }),
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
        CallState::InFlight | CallState::Unknown => 24 * 60 * MINUTE_MS,
        CallState::Committed | CallState::Released => 10 * MINUTE_MS,
    }
}

impl Model {
    /// A charge counts from when it was made until its minute has left the hour.
    fn used(&self) -> u64 {
        let counts = |call: &&Call| {
            let minute_end_ms = call.began_at_ms - call.began_at_ms % MINUTE_MS + MINUTE_MS;
            call.state != CallState::Released && minute_end_ms + HOUR_MS > self.now_ms
        };
        self.calls.iter().filter(counts).map(|call| call.amount).sum()
    }

    fn people(&self) -> BTreeSet<u8> {
        let there = |call: &&Call| call.state != CallState::Released;
        self.calls.iter().filter(there).filter_map(|call| call.person).collect()
    }

    fn holder(&self, key: u8) -> Option<usize> {
        self.calls.iter().rposition(|call| {
            call.key == Some(key)
                && call.state != CallState::Released
                && call.began_at_ms + held_for_ms(call.state) > self.now_ms
        })
    }

    fn seen(&self, call: usize) -> CallState {
        let Call { state, began_at_ms, .. } = &self.calls[call];
        let lapsed = began_at_ms + MINUTE_MS <= self.now_ms;
        if *state == CallState::InFlight && lapsed { CallState::Unknown } else { *state }
    }

    fn begin(&mut self, amount: u64, person: Option<u8>, key: Option<u8>) -> Verdict {
        if let Some(first) = key.and_then(|key| self.holder(key)) {
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
        let state = CallState::InFlight;
        self.calls.push(Call { began_at_ms: self.now_ms, amount, person, key, state });
        self.records += 1;
        Verdict::Begun
    }

    fn settle(&mut self, call: usize, outcome: CallOutcome) {
        let Some(call) = self.calls.get_mut(call) else { return };
        let to = match outcome {
            CallOutcome::Committed => CallState::Committed,
            CallOutcome::Released => CallState::Released,
            CallOutcome::Unknown => CallState::Unknown,
        };
        let changes = match call.state {
            CallState::InFlight => true,
            CallState::Unknown => to != CallState::Unknown,
            CallState::Committed | CallState::Released => false,
        };
        if changes {
            call.state = to;
            self.records += 1;
        }
    }

    fn remove(&mut self, person: u8) {
        for call in self.calls.iter_mut().filter(|call| call.person == Some(person)) {
            call.person = None;
        }
    }
}

async fn begin(store: &dyn Store, model: &Model, amount: u64, person: Option<u8>, name: Option<u8>) -> Verdict {
    let begin = Begin {
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

async fn run(steps: Vec<Step>) {
    let store = SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap();
    let mut model = Model { now_ms: NOW_MS, ..Model::default() };
    for step in steps {
        match step {
            Step::Begin { amount, person, key } => {
                let actual = begin(&store, &model, amount, person, key).await;
                assert_eq!(actual, model.begin(amount, person, key));
            }
            Step::Settle { call, outcome } => {
                let known = call < model.calls.len();
                let result = store.settle(settlement(&call.to_string(), outcome)).await;
                assert_eq!(result.is_ok(), known);
                model.settle(call, outcome);
            }
            Step::Wait { ms } => model.now_ms += ms,
            Step::Remove { person } => {
                let subjects = vec![digest(person.to_string())];
                store.remove_test_profiles(SHOP.to_owned(), subjects).await.unwrap();
                model.remove(person);
            }
        }
        compare(&store, &model).await;
    }
    let report = store.verify_audit(SHOP.to_owned()).await.unwrap();
    assert_eq!((report.records, report.faults), (model.records, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_model(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}
