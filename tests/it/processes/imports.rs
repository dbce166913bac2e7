//! Imports whose server is killed, hung up on or told to stop while rows are on their way.

use std::{fmt::Write as _, time::Duration};

use customerio_mcp::clock::{SystemClock, random_bytes};
use serde_json::{Value, json};

use super::{dice::Dice, site::Site};
use crate::child::{Request, Server, call, content};

/// Some twenty batches.
const ROWS: u64 = 30_000;

/// How often a server is killed, each time somewhere else.
const KILLS: usize = 2;

fn site() -> Site {
    let site = Site::new();
    let mut text = "customer,name,row,note\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "cust_{:04},imported,{row},{}", 1 + row % 3, "x".repeat(200)).unwrap();
    }
    site.write("events.csv", &text);
    site
}

fn import() -> Request {
    call("track_events", json!({ "file": "events.csv" }))
}

/// Calls until every row is settled.
fn to_the_end(site: &Site) -> Value {
    let [mut server] = site.servers();
    let mut number = 2;
    loop {
        let answer = content(&server.answer(number, import()));
        number += 1;
        if answer["result"] == "accepted" {
            server.lives_and_ends_well();
            return answer;
        }
        if answer["error"] == "call_in_progress" {
            // Whoever was killed could not give the import back.
            site.pause(Duration::from_millis(1_000 * answer["retry_after_seconds"].as_u64().unwrap()));
        } else {
            assert_eq!(answer["result"], "in_progress", "{answer}");
        }
    }
}

fn written_once(site: &Site) {
    assert_eq!(site.events_by("imported", "row"), (0..ROWS).collect::<Vec<_>>());
    site.verified_audit();
}

#[test]
fn wherever_a_server_is_killed_every_row_is_written_once() {
    let seed = u64::from(u32::from_be_bytes(random_bytes(&SystemClock)));
    println!("seed {seed}");
    let dice = Dice::new(seed);
    let site = site();
    let before = site.events();
    for kill in 1..=KILLS {
        let [mut server] = site.servers();
        let (method, params) = import();
        server.send(2, method, &params);
        // The first while the rows are read or the first batches are on their way, the next further on.
        let enough = u64::from(kill > 1);
        while site.events() - before < enough && server.is_running() {}
        site.pause(Duration::from_millis(u64::try_from(dice.below(300)).unwrap()));
        server.kill();
        site.see_the_last_of_the_dead();
        println!("killed with {} rows in", site.events() - before);
        site.pause(Duration::from_secs(5));
    }
    let answer = to_the_end(&site);
    assert_eq!((&answer["rows_total"], &answer["rows_accepted"]), (&json!(ROWS), &json!(ROWS)));
    written_once(&site);
}

#[test]
fn a_call_that_is_cancelled_stops_between_batches_and_leaves_its_import() {
    let site = site();
    let before = site.events();
    let [mut server] = site.servers();
    let (method, params) = import();
    server.send(2, method, &params);
    while site.events() == before {}
    server.notify("notifications/cancelled", json!({ "requestId": 2, "reason": "enough" }));
    // Nobody hears what became of it; another call finds the import free, and further than nothing.
    let answer = loop {
        let answer = content(&server.answer(3, import()));
        if answer["error"] != "call_in_progress" {
            break answer;
        }
    };
    // A repeat of a call that was done all the same would say so.
    assert_eq!((&answer["rows_accepted"], &answer["next_step"]), (&json!(ROWS), &Value::Null), "{answer}");
    server.lives_and_ends_well();
    written_once(&site);
}

#[test]
fn a_server_that_is_told_to_stop_leaves_an_import_that_goes_on() {
    let site = site();
    let before = site.events();
    let [mut server] = site.servers();
    let (method, params) = import();
    server.send(2, method, &params);
    while site.events() == before {}
    server.terminate();
    let left = server.wait();
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    to_the_end(&site);
    written_once(&site);
}

#[test]
fn two_servers_do_not_work_on_one_import_at_once() {
    let site = site();
    let mut servers: [Server; 2] = site.servers();
    let (method, params) = import();
    for server in &mut servers {
        server.send(2, method, &params);
    }
    let answers: Vec<Value> = servers.iter_mut().flat_map(|server| server.contents(1).into_values()).collect();
    let worked = answers.iter().filter(|answer| answer["rows_accepted"] == ROWS).count();
    let told = answers.iter().filter(|answer| answer["error"] == "call_in_progress").count();
    assert!(worked >= 1 && worked + told == 2, "{answers:?}");
    for server in servers {
        server.lives_and_ends_well();
    }
    written_once(&site);
}
