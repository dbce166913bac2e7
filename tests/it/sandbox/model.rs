//! Random sequences of Track calls against a small model of what they ought to do, written from behaviour.md alone.

use std::collections::{BTreeMap, BTreeSet};

use customerio_mcp::sandbox::Fixture;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

const FIVE_MINUTES: u64 = 5 * 60;
const MONTH: u64 = 30 * 24 * 60 * 60;
const PEOPLE: [&str; 3] = ["ann", "bob", "cat"];
const OBJECTS: [&str; 2] = ["acme", "beta"];

/// One call, or some time.
#[derive(Debug, Clone)]
enum Act {
    Identify { who: usize, anonymous: Option<usize>, plan: u8 },
    Event { who: usize },
    Anonymous { id: usize },
    Relate { who: usize, object: usize },
    Part { who: usize, object: usize },
    DeleteObject(usize),
    Delete(usize),
    Suppress(usize),
    Unsuppress(usize),
    Merge(usize, usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let (who, id, object) = (0..PEOPLE.len(), 0..2usize, 0..OBJECTS.len());
    prop_oneof![
        5 => (who.clone(), prop::option::of(id.clone()), 0..3u8)
            .prop_map(|(who, anonymous, plan)| Act::Identify { who, anonymous, plan }),
        3 => who.clone().prop_map(|who| Act::Event { who }),
        5 => id.prop_map(|id| Act::Anonymous { id }),
        4 => (who.clone(), object.clone()).prop_map(|(who, object)| Act::Relate { who, object }),
        1 => (who.clone(), object.clone()).prop_map(|(who, object)| Act::Part { who, object }),
        1 => object.prop_map(Act::DeleteObject),
        1 => who.clone().prop_map(Act::Delete),
        1 => who.clone().prop_map(Act::Suppress),
        1 => who.clone().prop_map(Act::Unsuppress),
        1 => (who.clone(), who).prop_map(|(to, from)| Act::Merge(to, from)),
        3 => prop::sample::select(vec![1, FIVE_MINUTES, FIVE_MINUTES + 1, MONTH]).prop_map(Act::Wait),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Person {
    /// Tells this life of an id from the next.
    life: usize,
    plan: Option<u8>,
    /// Numbers of the calls that were its events, and when each happened.
    events: BTreeMap<usize, u64>,
    objects: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Model {
    now: u64,
    lives: usize,
    people: BTreeMap<usize, Person>,
    suppressed: BTreeSet<usize>,
    /// By anonymous id: whose it is, and since when it is open.
    owners: BTreeMap<usize, (usize, u64)>,
    /// Anonymous id, number of the call, time.
    waiting: Vec<(usize, usize, u64)>,
}

impl Model {
    fn person(&mut self, who: usize) -> Option<&mut Person> {
        if self.suppressed.contains(&who) {
            return None;
        }
        self.lives += 1;
        let life = self.lives;
        Some(self.people.entry(who).or_insert_with(|| Person { life, ..Person::default() }))
    }

    fn apply(&mut self, number: usize, act: &Act) {
        let now = self.now;
        match *act {
            Act::Identify { who, anonymous, plan } => {
                let Some(person) = self.person(who) else { return };
                person.plan = Some(plan);
                let life = person.life;
                let Some(id) = anonymous else { return };
                if self.owners.get(&id).is_some_and(|(owner, _)| *owner != life) {
                    return;
                }
                self.owners.insert(id, (life, now));
                let (mine, others): (Vec<_>, Vec<_>) = self.waiting.iter().partition(|waiting| waiting.0 == id);
                self.waiting = others;
                let mine = mine.into_iter().filter(|(_, _, at)| now - at <= MONTH).map(|(_, number, at)| (number, at));
                self.people.get_mut(&who).unwrap().events.extend(mine);
            }
            Act::Event { who } => {
                if let Some(person) = self.person(who) {
                    person.events.insert(number, now);
                }
            }
            Act::Anonymous { id } => {
                let open = self.owners.get(&id).filter(|(_, since)| now - since <= FIVE_MINUTES).map(|(life, _)| *life);
                match self.people.values_mut().find(|person| Some(person.life) == open) {
                    Some(person) => {
                        person.events.insert(number, now);
                    }
                    None => self.waiting.push((id, number, now)),
                }
            }
            Act::Relate { who, object } => {
                if let Some(person) = self.person(who) {
                    person.objects.insert(object);
                }
            }
            Act::Part { who, object } => {
                if let Some(person) = self.people.get_mut(&who) {
                    person.objects.remove(&object);
                }
            }
            Act::DeleteObject(object) => {
                for person in self.people.values_mut() {
                    person.objects.remove(&object);
                }
            }
            Act::Delete(who) => {
                self.people.remove(&who);
            }
            Act::Suppress(who) => {
                self.people.remove(&who);
                self.suppressed.insert(who);
            }
            Act::Unsuppress(who) => {
                self.suppressed.remove(&who);
            }
            Act::Merge(to, from) => self.merge(to, from),
            Act::Wait(seconds) => self.now += seconds,
        }
    }

    fn merge(&mut self, to: usize, from: usize) {
        if to == from || !self.people.contains_key(&to) {
            return;
        }
        let Some(gone) = self.people.remove(&from) else { return };
        let now = self.now;
        let stays = self.people.get_mut(&to).unwrap();
        stays.plan = stays.plan.or(gone.plan);
        stays.events.extend(gone.events.into_iter().filter(|(_, at)| now - at <= MONTH));
        stays.objects.extend(gone.objects);
        for owner in self.owners.values_mut().filter(|(life, _)| *life == gone.life) {
            owner.0 = stays.life;
        }
    }
}

async fn perform(sandbox: &Sandbox, number: usize, act: &Act) {
    let tie = |object: usize| json!([{"identifiers": {"object_type_id": "1", "object_id": OBJECTS[object]}}]);
    let entity = |action: &str, who: usize, ties: Value| json!({"type": "person", "action": action, "identifiers": {"id": PEOPLE[who]}, "cio_relationships": ties});
    let customer = |who: usize, rest: &str| format!("/api/v1/customers/{}{rest}", PEOPLE[who]);
    let event = json!({"name": number.to_string()});
    let (method, path, body) = match *act {
        Act::Identify { who, anonymous, plan } => {
            let anonymous = anonymous.map(|id| format!("anonymous-{id}"));
            let attributes = match anonymous {
                Some(id) => json!({"plan": plan, "anonymous_id": id}),
                None => json!({"plan": plan}),
            };
            (Method::PUT, customer(who, ""), attributes)
        }
        Act::Event { who } => (Method::POST, customer(who, "/events"), event),
        Act::Anonymous { id } => {
            let event = json!({"name": number.to_string(), "anonymous_id": format!("anonymous-{id}")});
            (Method::POST, "/api/v1/events".to_owned(), event)
        }
        Act::Relate { who, object } => {
            (Method::POST, "/api/v2/entity".to_owned(), entity("add_relationships", who, tie(object)))
        }
        Act::Part { who, object } => {
            (Method::POST, "/api/v2/entity".to_owned(), entity("delete_relationships", who, tie(object)))
        }
        Act::DeleteObject(object) => {
            let name = json!({"object_type_id": "1", "object_id": OBJECTS[object]});
            let body = json!({"type": "object", "action": "delete", "identifiers": name});
            (Method::POST, "/api/v2/entity".to_owned(), body)
        }
        Act::Delete(who) => (Method::DELETE, customer(who, ""), Value::Null),
        Act::Suppress(who) => (Method::POST, customer(who, "/suppress"), Value::Null),
        Act::Unsuppress(who) => (Method::POST, customer(who, "/unsuppress"), Value::Null),
        Act::Merge(to, from) => {
            let body = json!({"primary": {"id": PEOPLE[to]}, "secondary": {"id": PEOPLE[from]}});
            (Method::POST, "/api/v1/merge_customers".to_owned(), body)
        }
        Act::Wait(seconds) => return sandbox.advance(seconds),
    };
    let heard = sandbox.track(method, &path, body).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{act:?}");
}

/// What the App API shows of a person: plan, events, objects.
async fn seen(sandbox: &Sandbox, who: usize) -> Option<(Option<u8>, BTreeSet<usize>, BTreeSet<usize>)> {
    let id = PEOPLE[who];
    let person = sandbox.customer(id, "id").await?;
    let plan = person["attributes"]["plan"].as_str().map(|plan| plan.parse().unwrap());
    let log = sandbox.get(&format!("/v1/customers/{id}/activities?type=event&limit=100")).await;
    let events = log["activities"].as_array().unwrap().iter();
    let events = events.map(|one| one["name"].as_str().unwrap().parse().unwrap()).collect();
    let ties = sandbox.get(&format!("/v1/customers/{id}/relationships")).await;
    let ties = ties["cio_relationships"].as_array().unwrap().iter();
    let place = |tie: &Value| OBJECTS.iter().position(|id| tie["identifiers"]["object_id"] == *id).unwrap();
    Some((plan, events, ties.map(place).collect()))
}

#[test]
fn the_sandbox_and_a_model_of_track_agree() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fixture = Fixture::from_toml(
        "[[object_types]]\nid = \"1\"\nname = \"A\"\nsingular_name = \"A\"\nslug = \"a\"\nsingular_slug = \"a\"\n",
    )
    .unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let outcome = runner.run(&vec(act(), 1..40), |acts| {
        let fixture = fixture.clone();
        runtime.block_on(async {
            let sandbox = Sandbox::with(fixture, false).await;
            let mut model = Model::default();
            for (number, act) in acts.iter().enumerate() {
                perform(&sandbox, number, act).await;
                model.apply(number, act);
            }
            for (who, id) in PEOPLE.iter().enumerate() {
                let expected = model.people.get(&who);
                let expected =
                    expected.map(|one| (one.plan, one.events.keys().copied().collect(), one.objects.clone()));
                prop_assert_eq!(seen(&sandbox, who).await, expected, "{}", id);
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
