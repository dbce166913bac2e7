//! What must hold whatever is sent: identifiers, the filter grammar, pages.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::{
    filter::Filter, fixture::Fixture, identifiers::Identifier, identify::Upsert, moment::Moment, page::Page,
    request::Call, world::World,
};
use crate::clock::AdjustableClock;

fn world(fixture: &Fixture) -> World {
    let clock = AdjustableClock::stopped_at(Timestamp::UNIX_EPOCH).with_seed(1);
    World::new(&Arc::new(fixture.clone()), Arc::new(Moment::new(Arc::new(clock))))
}

/// One call that names people out of a handful, so that calls meet each other.
#[derive(Debug, Clone)]
enum Act {
    Upsert { path: Identifier, id: Option<String>, email: Option<String>, update_only: bool },
    Delete(Identifier),
    Suppress(Identifier),
    Unsuppress(Identifier),
    Merge(Identifier, Identifier),
}

fn id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "A", "b", "c"]).prop_map(str::to_owned)
}

fn email() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a@x.test", "A@X.test", "b@x.test", "not one"]).prop_map(str::to_owned)
}

fn identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        id().prop_map(Identifier::Id),
        email().prop_map(Identifier::Email),
        (1..6u8).prop_map(|n| Identifier::CioId(n.to_string())),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (identifier(), prop::option::of(id()), prop::option::of(email()), any::<bool>())
            .prop_map(|(path, id, email, update_only)| Act::Upsert { path, id, email, update_only }),
        1 => identifier().prop_map(Act::Delete),
        1 => identifier().prop_map(Act::Suppress),
        1 => identifier().prop_map(Act::Unsuppress),
        1 => (identifier(), identifier()).prop_map(|(primary, secondary)| Act::Merge(primary, secondary)),
    ]
}

/// A generated `cio_id` is a number that stands for the person created then.
fn real(world: &World, identifier: &Identifier) -> Identifier {
    let Identifier::CioId(number) = identifier else { return identifier.clone() };
    let key = number.parse().unwrap();
    Identifier::CioId(world.people.get(key).map_or_else(|| number.clone(), |person| person.cio_id.clone()))
}

fn perform(world: &mut World, act: &Act) {
    match act {
        Act::Upsert { path, id, email, update_only } => {
            let mut attributes = Map::new();
            attributes.extend(id.clone().map(|id| ("id".to_owned(), json!(id))));
            attributes.extend(email.clone().map(|email| ("email".to_owned(), json!(email))));
            attributes.insert("_update".to_owned(), json!(update_only));
            world.upsert(&Upsert::new(real(world, path), attributes, true));
        }
        Act::Delete(named) => {
            if let Some(key) = world.people.find(&real(world, named)) {
                world.delete_person(key);
            }
        }
        Act::Suppress(named) => world.suppress(&real(world, named)),
        Act::Unsuppress(named) => world.unsuppress(&real(world, named)),
        Act::Merge(primary, secondary) => world.merge(&real(world, primary), &real(world, secondary)),
    }
}

fn people(world: &World) -> Vec<(u64, Option<String>, Option<String>)> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    world.people.iter().map(|person| (person.key, owned(person.id()), owned(person.email()))).collect()
}

fn filter() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..6u64).prop_map(|id| json!({"segment": {"id": id}})),
        prop::sample::select(vec!["id", "email", "plan", "city", "nothing"])
            .prop_map(|field| json!({"attribute": {"field": field, "operator": "exists"}})),
        prop::sample::select(vec!["gold", "free", "Bath"])
            .prop_map(|value| json!({"attribute": {"field": "plan", "operator": "eq", "value": value}})),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|all| json!({"and": all})),
            vec(inner.clone(), 1..4).prop_map(|any| json!({"or": any})),
            inner.prop_map(|inner| json!({"not": inner})),
        ]
    })
}

fn matching(world: &World, filter: &Value) -> BTreeSet<u64> {
    let filter = Filter::parse(filter).unwrap();
    world.people.iter().filter(|person| filter.matches(world, person)).map(|person| person.key).collect()
}

fn page(start: &str, limit: usize, world: &World) -> Page {
    let uri = format!("/x?start={start}&limit={limit}").parse().unwrap();
    let call = Call::new(axum::http::Method::GET, &uri, axum::http::HeaderMap::new(), Vec::new().into(), String::new());
    Page::from_call(&call, world, 10, 100).unwrap()
}

proptest! {
    /// No two people share an identifier, each is found by its own, and an id or e-mail once set changes only
    /// through a call by `cio_id`.
    #[test]
    fn identifiers_stay_unique_and_immutable(acts in vec(act(), 1..40)) {
        let mut world = world(&Fixture::empty());
        for act in &acts {
            let before = people(&world);
            perform(&mut world, act);
            for person in world.people.iter() {
                for identifier in [
                    person.id().map(|id| Identifier::Id(id.to_owned())),
                    person.email().map(|email| Identifier::Email(email.to_owned())),
                    Some(Identifier::CioId(person.cio_id.clone())),
                ].into_iter().flatten() {
                    prop_assert_eq!(world.people.find(&identifier), Some(person.key));
                    prop_assert!(!world.suppressed.contains(&identifier));
                }
            }
            if matches!(act, Act::Upsert { path: Identifier::CioId(_), .. }) {
                continue;
            }
            for (key, id, email) in before {
                let Some(person) = world.people.get(key) else { continue };
                prop_assert!(id.is_none() || id.as_deref() == person.id());
                prop_assert!(email.is_none() || email.as_deref() == person.email());
            }
        }
    }

    /// One call changes the number of people by one at most, and an update never raises it.
    #[test]
    fn an_upsert_creates_one_person_at_most(acts in vec(act(), 1..40)) {
        let mut world = world(&Fixture::empty());
        for act in &acts {
            let before = world.people.len();
            perform(&mut world, act);
            let may_create = matches!(act, Act::Upsert { update_only: false, path, .. }
                if !matches!(path, Identifier::CioId(_)));
            prop_assert!(world.people.len() <= before + usize::from(may_create));
            prop_assert!(world.people.len() + 1 >= before);
        }
    }

    /// `not` is the rest of the people, and `and`, `or` are intersection and union.
    #[test]
    fn filters_are_sets(one in filter(), other in filter()) {
        let world = world(&Fixture::shop());
        let everybody: BTreeSet<_> = world.people.iter().map(|person| person.key).collect();
        let (a, b) = (matching(&world, &one), matching(&world, &other));
        prop_assert_eq!(matching(&world, &json!({"not": one})), &everybody - &a);
        prop_assert_eq!(matching(&world, &json!({"and": [one, other]})), &a & &b);
        prop_assert_eq!(matching(&world, &json!({"or": [one, other]})), &a | &b);
    }

    /// Any JSON is parsed or refused with a sentence.
    #[test]
    fn any_filter_is_answered(text in "[\\[\\]{}\",:a-z0-9 ]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text)
            && let Err(error) = Filter::parse(&value)
        {
            prop_assert!(!error.is_empty());
        }
    }

    /// The pages put together are the whole, each row once, whatever the limits.
    #[test]
    fn pages_make_up_the_whole(keys in prop::collection::btree_set(any::<u64>(), 0..40), limits in vec(1..7usize, 45)) {
        let world = world(&Fixture::empty());
        let (mut seen, mut token) = (Vec::new(), String::new());
        for limit in limits {
            let rows = keys.iter().map(|key| (*key, *key));
            let (page, next) = page(&token, limit, &world).cut_ascending(rows);
            prop_assert!(page.len() <= limit);
            seen.extend(page);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        prop_assert_eq!(seen, keys.into_iter().collect::<Vec<_>>());
    }
}
