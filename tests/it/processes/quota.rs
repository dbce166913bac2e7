//! The quota of test profiles, with calls of four processes at once.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{
    at_once, one_after_another,
    site::{PLACES, Site},
};
use crate::child::{Request, call};

fn test_person(id: &str, email: &str) -> Request {
    let attributes = json!({ "first_name": "Robin", "orders": 3 });
    call("identify_customer", json!({ "id": id, "email": email, "attributes": attributes, "test": true }))
}

/// So many of a kind, each somebody else.
fn test_people(kind: &str, count: usize) -> Vec<Request> {
    (0..count).map(|n| test_person(&format!("cust_{kind}{n}"), &format!("{kind}{n}@shop.io"))).collect()
}

fn count(answers: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    answers.iter().filter(|answer| is(answer)).count()
}

#[test]
fn two_hundred_calls_on_four_processes_make_as_many_people_as_there_are_places() {
    let site = Site::new();
    let mut servers: [_; 4] = site.servers();
    let watch = site.watch();
    let requests = |server| test_people(&format!("robin{server}_"), 50);
    let answers = at_once(&mut servers, (0..4).map(requests).collect());

    let seen = site.seen(watch);
    let (people, tagged) = (site.people(), site.tagged().len());
    println!(
        "200 calls on 4 processes: {people} people, {tagged} of them tagged; at most {} in {} samples",
        seen.most, seen.samples
    );
    assert_eq!((people, tagged as u64), (PLACES, PLACES));
    assert!(seen.most <= PLACES, "{seen:?}");
    let made = count(&answers, |answer| answer["action"] == "created" && answer["result"] == "applied");
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["error"] == "test_profile_quota").collect();
    assert_eq!((made, refused.len(), answers.len()), (25, 175, 200), "{answers:#?}");
    for refusal in refused {
        let (message, next) = (refusal["message"].as_str().unwrap(), refusal["next_step"].as_str().unwrap());
        assert_eq!(message, "The quota of test profiles is 25, and 25 are active. Nothing was created.");
        assert!(next.contains("delete_test_customers") && next.contains("list_test_customers"), "{next}");
    }
    for server in servers {
        server.lives_and_ends_well();
    }
    // A decision and an outcome of each call that made somebody, one record of each refusal, and the last reads.
    assert_snapshot!(site.verified_audit(), @"
    workspace  local
    chains     1, one for each writer
    records    229 proven
    pruned     0 cut, as the checkpoints say

    ✓ Every record is as it was written, and none is missing.
    ");
}

#[test]
fn places_that_one_process_frees_are_free_for_the_others() {
    let site = Site::new();
    let mut servers: [_; 2] = site.servers();
    at_once(&mut servers[..1], vec![test_people("first", 24)]);
    // The second process looks at the people who are there, all of whom have a place.
    at_once(&mut servers[1..], vec![test_people("last", 1)]);
    assert_eq!(site.people(), PLACES);
    servers[0].ok(9_001, call("delete_test_customers", json!({ "only_expired": false })));
    assert_eq!(site.people(), 0);
    let answers = at_once(&mut servers[1..], vec![test_people("next", 30)]);
    let refused = count(&answers, |answer| answer["error"] == "test_profile_quota");
    assert_eq!((site.people(), refused), (PLACES, 5), "{answers:#?}");
}

/// Forty people, each written in five ways, while all of them are deleted again and again.
#[test]
fn people_written_in_several_ways_and_deleted_in_between_never_exceed_the_quota() {
    let site = Site::new();
    let mut servers: [_; 4] = site.servers();
    let watch = site.watch();
    let requests = |server: usize| {
        let person = move |n: usize| {
            let (person, way) = ((n * 4 + server * 11) % 40, (n + server) % 5);
            let id = format!("cust_8{person:03}");
            match way {
                0 => test_person(&id, &format!("kim{person}@shop.io")),
                1 => test_person(&id, &format!("KIM{person}@Shop.IO")),
                2 => test_person(&id, &format!("  kim{person}@shop.io ")),
                // The same address under another id.
                3 => test_person(&format!("{id}b"), &format!("kim{person}@shop.io")),
                _ => call("identify_customer", json!({ "id": id, "test": true })),
            }
        };
        let deletion = call("delete_test_customers", json!({ "only_expired": false }));
        (0..50).flat_map(|n| [Some(person(n)), (n % 10 == server).then(|| deletion.clone())]).flatten().collect()
    };
    let answers = one_after_another(&mut servers, (0..4).map(requests).collect(), 8);

    let seen = site.seen(watch);
    let deleted: u64 = answers.iter().filter_map(|answer| answer["deleted"].as_u64()).sum();
    let made = count(&answers, |answer| answer["action"] == "created");
    let refused = count(&answers, |answer| answer["error"] == "test_profile_quota");
    println!(
        "200 calls for 40 people and 20 deletions of all on 4 processes: {made} made, {deleted} deleted, {refused} \
         refused by the quota; {} people at the end, at most {} in {} samples",
        site.people(),
        seen.most,
        seen.samples
    );
    assert!(seen.most <= PLACES, "{seen:?}");
    assert!(made > 0 && deleted > 0, "{made} made, {deleted} deleted");

    // Everybody who is there has a place, so that whoever comes next finds only those that are left.
    let listed = servers[0].ok(9_001, call("list_test_customers", json!({})));
    for id in site.tagged() {
        let has_place = listed["test_customers"].as_array().unwrap().iter().any(|listed| listed["id"] == id.as_str());
        assert!(has_place, "{id} is there and not in {listed}");
    }
    let more = |server| test_people(&format!("lou{server}_"), 10);
    at_once(&mut servers, (0..4).map(more).collect());
    assert!(site.people() <= PLACES, "{} people", site.people());
    for server in servers {
        server.lives_and_ends_well();
    }
    site.verified_audit();
}
