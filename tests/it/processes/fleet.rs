//! Sixteen servers on one PostgreSQL for half a minute, some of them killed at every moment: quotas, budgets, keys and plan
//! tokens hold, and nothing stays reserved for ever. The sandbox's own count is the witness.
//!
//! `FLEET_SECONDS=600 cargo test --release --test it processes::fleet -- --nocapture` goes on for longer, `FLEET_SEED=7`
//! draws the same schedule again.

use std::{
    collections::BTreeMap,
    mem,
    time::{Duration, Instant},
};

use customerio_mcp::clock::{SystemClock, random_bytes};

use super::{
    client::{Asked, Client, Told},
    crashes::variable,
    dice::Dice,
    later::Later,
    site::{PLACES, Site},
};
use crate::postgres::Database;

const SERVERS: usize = 16;

/// What is left for sends in the hour, far fewer than are asked for.
const SENDS: u64 = 150;

/// The longest pause in which servers work.
const WORK_MS: usize = 120;

/// How long an answer is waited for when a round of calls is over.
const PATIENCE: Duration = Duration::from_millis(20);

/// As far apart as two looks of the sweeper have to be, and later than any request of a call can be under way.
const LATER: Duration = Duration::from_secs(64);

/// What calls are refused with when others run and die beside them.
const MEANWHILE: [&str; 9] = [
    "budget_exhausted",
    "call_in_progress",
    "customer_not_found",
    "outcome_unknown",
    "plan_invalid",
    "repeated_call",
    "state_unavailable",
    "test_profile_quota",
    "upstream_unavailable",
];

#[test]
fn sixteen_processes_on_one_database_exceed_nothing_whoever_of_them_is_killed() {
    let Some(database) = Database::fresh() else { return };
    let number = |name: &str| variable(name).map(|text| text.parse().unwrap());
    let seconds = number("FLEET_SECONDS").unwrap_or(30);
    let seed = number("FLEET_SEED").unwrap_or_else(|| u64::from(u32::from_be_bytes(random_bytes(&SystemClock))));
    println!("FLEET_SECONDS={seconds} FLEET_SEED={seed}");
    let mut fleet = Fleet::new(seed, Site::on_postgres(database, &[("sends_per_hour", SENDS)]));
    let watch = fleet.site.watch();
    let ends = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < ends {
        fleet.round();
    }
    fleet.stop();
    let most_people = fleet.site.seen(watch).most;
    fleet.check(most_people);
    fleet.check_state();
}

struct Fleet {
    dice: Dice,
    site: Site,
    clients: Vec<Client>,
    /// Keys of sends that several servers are asked to use.
    keys: usize,
    people: usize,
    plans: usize,
    /// Plan tokens by the event that each is for.
    tokens: BTreeMap<String, String>,
    answers: BTreeMap<String, usize>,
    calls: usize,
    kills: usize,
    lost: usize,
}

impl Fleet {
    fn new(seed: u64, site: Site) -> Self {
        Self {
            dice: Dice::new(seed),
            site,
            clients: Vec::new(),
            keys: 0,
            people: 0,
            plans: 0,
            tokens: BTreeMap::new(),
            answers: BTreeMap::new(),
            calls: 0,
            kills: 0,
            lost: 0,
        }
    }

    fn round(&mut self) {
        while self.clients.len() < SERVERS {
            self.clients.push(Client::start(&self.site));
        }
        // One plan for each event, however late its token comes: two tokens of one event could rightly be used once each.
        self.plans += 1;
        self.ask_one(Asked::Plan { event: format!("event-{:04}", self.plans) });
        for _ in 0..12 {
            let call = self.something();
            // Several servers are asked for the very same.
            for _ in 0..=self.dice.below(3) {
                self.ask_one(call.clone());
            }
        }
        self.site.pause(Duration::from_millis(u64::try_from(self.dice.below(WORK_MS)).unwrap()));
        if self.dice.once_in(2) {
            self.kill_one();
        }
        let mut told = Vec::new();
        for client in &mut self.clients {
            told.extend(client.listen(PATIENCE));
        }
        self.hear(told);
    }

    fn something(&mut self) -> Asked {
        let planned = self.tokens.iter().nth_back(self.dice.below(3));
        match (self.dice.below(12), planned) {
            (0..5, _) => {
                self.people += 1;
                Asked::Person { id: format!("cust_9{:06}", self.people) }
            }
            (5..8, Some((event, token))) => Asked::Planned { event: event.clone(), token: token.clone() },
            (11, _) => Asked::Deletion,
            _ => {
                self.keys += 1;
                Asked::Order { key: format!("key-{}", self.keys) }
            }
        }
    }

    fn ask_one(&mut self, call: Asked) {
        let n = self.dice.below(self.clients.len());
        self.calls += 1;
        self.clients[n].ask(vec![call]);
    }

    fn kill_one(&mut self) {
        let n = self.dice.below(self.clients.len());
        let (told, lost) = self.clients.swap_remove(n).kill();
        self.kills += 1;
        self.lost += lost.len();
        self.hear(told);
    }

    fn hear(&mut self, told: Vec<Told>) {
        for (asked, content) in told {
            let error = content["error"].as_str();
            if let (Asked::Plan { event }, Some("preview_required")) = (&asked, error) {
                let token = content["details"]["plan_token"].as_str().unwrap().to_owned();
                self.tokens.insert(event.clone(), token);
                continue;
            }
            let known = error.is_none_or(|error| MEANWHILE.contains(&error));
            assert!(known, "{asked:?}: {content}");
            *self.answers.entry(error.unwrap_or("done").to_owned()).or_default() += 1;
        }
    }

    /// Kills whoever still owes an answer, and waits for what they had sent.
    fn stop(&mut self) {
        for mut client in mem::take(&mut self.clients) {
            let told = client.listen(Duration::from_millis(200));
            self.hear(told);
            if client.owes_answers() {
                let (told, lost) = client.kill();
                self.kills += 1;
                self.lost += lost.len();
                self.hear(told);
            } else {
                client.finish();
            }
        }
        self.site.see_the_last_of_the_dead();
    }

    /// What the sandbox counts.
    fn check(&self, most_people: u64) {
        let deliveries = self.site.deliveries();
        let sent: usize = deliveries.values().map(Vec::len).sum();
        let twice: Vec<_> = deliveries.iter().filter(|(_, ids)| ids.len() > 1).collect();
        let events: BTreeMap<&String, usize> =
            self.tokens.keys().map(|event| (event, self.site.events_named(event))).collect();
        let spent_twice: Vec<_> = events.iter().filter(|(_, count)| **count > 1).collect();
        println!(
            "{SERVERS} processes: {} calls, {} kills, {} answers lost with them",
            self.calls, self.kills, self.lost
        );
        println!("answers: {:?}", self.answers);
        println!("test people at once: {most_people} at most, {PLACES} allowed");
        println!("deliveries: {sent}, {SENDS} allowed, {} keys asked for, {} delivered twice", self.keys, twice.len());
        println!(
            "plan tokens: {} given, {} used, {} used twice",
            self.tokens.len(),
            events.values().filter(|count| **count > 0).count(),
            spent_twice.len()
        );
        assert!(most_people <= PLACES, "{most_people} people");
        assert!(sent as u64 <= SENDS && twice.is_empty(), "{sent} deliveries: {twice:?}");
        assert!(spent_twice.is_empty(), "{spent_twice:?}");
        // Whatever was refused was asked for often enough to exceed it.
        for refused in ["test_profile_quota", "budget_exhausted", "plan_invalid"] {
            assert!(self.answers.contains_key(refused), "{:?}", self.answers);
        }
        assert!(self.kills > 0 && events.values().any(|count| *count == 1));
    }

    /// Once whatever was under way must have ended and the sweeper has looked twice, nothing is reserved that is not there.
    fn check_state(&self) {
        let later = Later::open(&self.site);
        let before = (later.places_taken(), later.sends_used());
        let mut found = 0;
        for _ in 0..3 {
            later.pass(LATER);
            for _ in 0..8 {
                found += later.sweep().committed;
            }
        }
        let (people, sent) = (self.site.people(), self.site.deliveries().values().map(Vec::len).sum::<usize>() as u64);
        let after = (later.places_taken(), later.sends_used());
        println!(
            "reserved when they ended: {} places, {} sends; after the sweeps: {} places for {people} people, {} sends for \
             {sent} deliveries; {found} lost calls found",
            before.0, before.1, after.0, after.1
        );
        assert_eq!(after, (people, sent));
        let report = later.verify_audit();
        println!("audit: {} records on {} chains, {} faults", report.records, report.chains, report.faults.len());
        assert!(report.faults.is_empty(), "{report:?}");
    }
}
