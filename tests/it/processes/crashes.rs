//! Servers killed at any moment, and started again.
//!
//! A round asks four servers that share one state for test people and messages, kills some of them while they start or
//! work, starts them again and repeats some of what was lost. Then the sandbox is counted, and the state held against
//! it. Every few rounds begin with a state that does not exist yet.
//!
//! `CRASH_ROUNDS=1000 cargo test --release --test it processes::crashes -- --nocapture` runs as many rounds as it says,
//! `CRASH_SEED=7` draws the same schedule again.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use customerio_mcp::clock::{SystemClock, random_bytes};
use serde_json::{Value, json};

use super::{
    client::{Asked, Client, Told},
    dice::Dice,
    later::Later,
    site::{PLACES, Site},
    tally::Tally,
};

pub(super) const SERVERS: usize = 4;

/// People of the shop who can be written to: few, so that messages of several calls go to the same one.
const CUSTOMERS: [&str; 3] = ["cust_0001", "cust_0002", "cust_0010"];

/// How long a round waits for a next answer before it counts on none: a person whose writer was killed cannot be written
/// for a minute.
const PATIENCE: Duration = Duration::from_millis(100);

/// As far apart as two looks of the sweeper have to be, and later than any request of a call can be under way.
const LATER: Duration = Duration::from_secs(64);

/// The longest pause in which servers work.
const WORK: Duration = Duration::from_millis(60);

/// Operations of the sandbox, and what can go wrong with them.
const TROUBLE: [(&str, &str); 7] = [
    ("identify", "slow"),
    ("identify", "500_before"),
    ("identify", "drop_after"),
    ("sendEmail", "slow"),
    ("sendEmail", "drop_before"),
    ("sendEmail", "drop_after"),
    ("delete", "slow"),
];

/// What a call may be refused with when others run and die beside it, and the sandbox does not always answer.
const MEANWHILE: [&str; 4] = ["call_in_progress", "outcome_unknown", "test_profile_quota", "upstream_unavailable"];

#[test]
fn no_crash_at_any_moment_lets_a_guard_go() {
    let number = |name: &str| variable(name).map(|text| text.parse().unwrap());
    let rounds = number("CRASH_ROUNDS").unwrap_or(10);
    let seed = number("CRASH_SEED").unwrap_or_else(|| u64::from(u32::from_be_bytes(random_bytes(&SystemClock))));
    println!("CRASH_ROUNDS={rounds} CRASH_SEED={seed}");
    let mut campaign = Campaign::new(seed);
    for round in 1..=rounds {
        campaign.round();
        if round % 50 == 0 {
            println!("round {round}: {} kills, {} people made", campaign.tally.kills, campaign.tally.people_made);
        }
    }
    campaign.end_state();
    println!("\n{}", campaign.tally.table());
}

#[expect(clippy::disallowed_methods, reason = "how long to go on is told by whoever runs the test")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The delivery that an answer named.
#[derive(Debug)]
struct Named {
    id: String,
    /// By looking, after the send itself had brought no answer.
    found: bool,
}

struct Campaign {
    seed: u64,
    dice: Dice,
    site: Site,
    clients: Vec<Client>,
    /// Calls of this round whose servers were killed before they answered.
    lost: Vec<Asked>,
    /// Sends of earlier rounds that nobody has answered.
    unanswered: Vec<Asked>,
    /// How long a server takes from its start to its first answer.
    start_time: Duration,
    /// Keys of sends, with what an answer said.
    sent: BTreeMap<String, Option<Named>>,
    /// Ids whose making was answered in this round.
    made: Vec<String>,
    /// Whether people were deleted in this round.
    deletes: bool,
    people_asked: usize,
    rounds_left_for_state: usize,
    tally: Tally,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let (dice, site) = (Dice::new(seed), Site::new());
        Self {
            seed,
            rounds_left_for_state: 1 + dice.below(8),
            dice,
            start_time: site.start_time(),
            site,
            clients: Vec::new(),
            lost: Vec::new(),
            unanswered: Vec::new(),
            sent: BTreeMap::new(),
            made: Vec::new(),
            deletes: false,
            people_asked: 0,
            tally: Tally::default(),
        }
    }

    /// Where it stands, for whoever has to see why.
    fn here(&self) -> String {
        format!("CRASH_SEED={} round {}", self.seed, self.tally.rounds)
    }

    fn round(&mut self) {
        if self.rounds_left_for_state == 0 {
            self.end_state();
            self.site.begin_anew();
            self.rounds_left_for_state = 1 + self.dice.below(8);
        }
        self.rounds_left_for_state -= 1;
        self.tally.rounds += 1;
        let watch = self.site.watch();
        self.deletes = false;
        self.order_trouble();
        self.start_missing();
        self.ask_something_new();
        for _ in 0..self.dice.below(3) {
            self.pause();
            self.kill_some();
            self.start_missing();
            self.repeat_some();
        }
        self.pause();
        self.kill_some();
        self.hear_the_living();
        self.site.clear_faults();
        self.site.see_the_last_of_the_dead();
        self.tally.saw_at_once(self.site.seen(watch).most);
        self.check_people();
        self.check_deliveries();
        self.check_state();
        if self.dice.once_in(4) {
            self.try_places();
        }
        self.make_room();
        // Nobody makes the people of this round again: their identifiers are held for their writers.
        let lost = mem::take(&mut self.lost).into_iter();
        self.unanswered.extend(lost.filter(|call| matches!(call, Asked::Send { .. })));
    }

    /// Makes the sandbox slow or deaf in half of the rounds, so that more calls are under way when servers die.
    fn order_trouble(&self) {
        if self.dice.once_in(2) {
            let (operation, kind) = TROUBLE[self.dice.below(TROUBLE.len())];
            let times = 1 + self.dice.below(8);
            self.site.fault(json!({ "kind": kind, "operation": operation, "times": times, "delay_ms": 40 }));
        }
    }

    fn start_missing(&mut self) {
        while self.clients.len() < SERVERS {
            self.clients.push(Client::start(&self.site));
            self.tally.starts += 1;
        }
    }

    fn ask_something_new(&mut self) {
        let deletes = self.dice.once_in(6);
        let crowd = if self.dice.once_in(3) { 20 } else { 7 };
        for n in 0..self.clients.len() {
            let people = (0..self.dice.below(crowd)).map(|_| self.new_person()).collect::<Vec<_>>();
            let sends = (0..=self.dice.below(3)).map(|_| self.new_send()).collect::<Vec<_>>();
            let deletion = (deletes && n == 0).then_some(Asked::Deletion);
            self.ask(n, people.into_iter().chain(sends).chain(deletion).collect());
        }
    }

    fn ask(&mut self, n: usize, calls: Vec<Asked>) {
        self.tally.calls += calls.len();
        self.deletes |= calls.iter().any(|call| matches!(call, Asked::Deletion));
        self.clients[n].ask(calls);
    }

    fn new_person(&mut self) -> Asked {
        self.people_asked += 1;
        Asked::Person { id: format!("cust_9{:06}", self.people_asked) }
    }

    fn new_send(&mut self) -> Asked {
        let key = format!("key-{}", self.sent.len());
        self.sent.insert(key.clone(), None);
        Asked::Send { key, customer: CUSTOMERS[self.dice.below(CUSTOMERS.len())] }
    }

    /// Half of the pauses end while servers start, the other half while they work.
    fn pause(&self) {
        let part = |of: Duration| of * u32::try_from(self.dice.below(1_000)).unwrap() / 1_000;
        let pause = if self.dice.once_in(2) { part(self.start_time) } else { self.start_time + part(WORK) };
        self.site.pause(pause);
    }

    fn kill_some(&mut self) {
        let (killed, spared) = self.dice.part_of(mem::take(&mut self.clients));
        self.clients = spared;
        for client in killed {
            self.kill(client);
        }
    }

    fn kill(&mut self, client: Client) {
        let (told, lost) = client.kill();
        self.tally.kills += 1;
        self.tally.lost += lost.len();
        self.hear(told);
        self.lost.extend(lost);
    }

    /// Mostly calls lost a moment ago. One from an earlier round makes its server look for the effect for seconds.
    fn repeat_some(&mut self) {
        let (mut repeated, kept) = self.dice.part_of(mem::take(&mut self.lost));
        self.lost = kept;
        if self.dice.once_in(4) {
            repeated.extend(self.unanswered.pop());
        }
        self.tally.repeats += repeated.len();
        for call in repeated {
            let n = self.dice.below(self.clients.len());
            self.ask(n, vec![call]);
        }
    }

    /// Who does not answer any more is killed too, so that nothing is under way when the round ends.
    fn hear_the_living(&mut self) {
        for mut client in mem::take(&mut self.clients) {
            let told = client.listen(PATIENCE);
            self.hear(told);
            if client.owes_answers() {
                self.kill(client);
            } else {
                self.clients.push(client);
            }
        }
    }

    fn hear(&mut self, told: Vec<Told>) {
        for (asked, content) in told {
            self.tally.answers += 1;
            if let Some(error) = content["error"].as_str() {
                *self.tally.refusals.entry(error.to_owned()).or_default() += 1;
                assert!(MEANWHILE.contains(&error), "{}: {asked:?}: {content}", self.here());
                self.lost.push(asked);
                continue;
            }
            match asked {
                Asked::Person { id } => self.made.push(id),
                Asked::Send { key, .. } => self.told_of_delivery(&key, &content),
                _ => {}
            }
        }
    }

    /// However often a key is used, every answer names one delivery.
    fn told_of_delivery(&mut self, key: &str, content: &Value) {
        let named = Named { id: content["delivery_id"].as_str().unwrap().to_owned(), found: content["found"] == true };
        let before = self.sent.insert(key.to_owned(), Some(named)).unwrap();
        let same = before.as_ref().is_none_or(|before| content["delivery_id"] == before.id.as_str());
        assert!(same, "{}: {key}: {before:?}, {content}", self.here());
    }

    fn check_people(&mut self) {
        let (people, tagged) = (self.site.people(), self.site.tagged());
        assert_eq!(people, tagged.len() as u64, "{}: {tagged:?}", self.here());
        assert!(people.max(self.tally.most_people_at_once) <= PLACES, "{}: {people} {:?}", self.here(), self.tally);
        for id in mem::take(&mut self.made) {
            assert!(
                self.deletes || tagged.contains(&id),
                "{}: {id} was told to be made, and is not there",
                self.here()
            );
        }
        self.tally.saw_people(tagged);
    }

    /// At most one delivery for each key, and one where an answer says so.
    fn check_deliveries(&mut self) {
        let deliveries = self.site.deliveries();
        let none = Vec::new();
        let mut all_named = BTreeSet::new();
        for (key, named) in &self.sent {
            let made = deliveries.get(&format!("Your order {key}")).unwrap_or(&none);
            assert!(made.len() <= 1, "{}: {key} was delivered {} times", self.here(), made.len());
            let Some(named) = named else { continue };
            // Of several that were lost and all delivered, one may be found under the name of another.
            let is_its_own = made.contains(&named.id) || (named.found && !made.is_empty());
            assert!(is_its_own && all_named.insert(&named.id), "{}: {key}: {named:?}, {made:?}", self.here());
        }
    }

    /// What the ledger says after the sweeper has looked twice, once whatever was under way must have ended.
    fn check_state(&mut self) {
        let later = Later::open(&self.site);
        let before = later.places_taken();
        for _ in 0..2 {
            later.pass(LATER);
            let swept = later.sweep();
            self.tally.found += swept.committed;
        }
        let (taken, people) = (later.places_taken(), self.site.people());
        assert_eq!(taken, people, "{}: places taken, and people", self.here());
        self.tally.slots_freed += before - taken;
        let report = later.verify_audit();
        assert!(report.faults.is_empty(), "{}: {report:?}", self.here());
    }

    /// Asks for more people than there is room for.
    fn try_places(&mut self) {
        self.start_missing();
        let watch = self.site.watch();
        let free = PLACES - self.site.people();
        let more = (0..free + 3).map(|_| self.new_person()).collect();
        self.ask(0, more);
        let told = self.clients[0].listen(Duration::from_mins(1));
        self.tally.saw_at_once(self.site.seen(watch).most);
        let made = told.iter().filter(|(_, content)| content["action"] == "created").count() as u64;
        assert_eq!(made, free, "{}: made, and free", self.here());
        self.hear(told);
        self.made.clear();
        assert_eq!(self.site.people(), PLACES, "{}", self.here());
    }

    /// Deletes everybody now and then, so that there are places for the next.
    fn make_room(&mut self) {
        let is_crowded = self.site.people() > PLACES / 2;
        if !self.dice.once_in(if is_crowded { 2 } else { 6 }) {
            return;
        }
        self.start_missing();
        self.ask(0, vec![Asked::Deletion]);
        let told = self.clients[0].listen(Duration::from_mins(1));
        self.hear(told);
        assert_eq!(self.site.people(), 0, "{}", self.here());
    }

    /// Makes every send once more whose answer was lost, as a client would who comes back later, and hangs up.
    fn end_state(&mut self) {
        self.clients.drain(..).for_each(Client::finish);
        let later = Later::open(&self.site);
        later.pass(2 * LATER);
        let mut told = Vec::new();
        for send in mem::take(&mut self.unanswered) {
            let (tool, mut arguments) = send.call();
            let mut content = later.call(tool, &arguments);
            if content["error"] == "probably_not_sent" {
                arguments["plan_token"] = content["details"]["plan_token"].take();
                content = later.call(tool, &arguments);
            }
            told.push((send, content));
        }
        drop(later);
        self.tally.calls += told.len();
        self.hear(told);
        self.check_deliveries();
        self.site.verified_audit();
        self.tally.saw_deliveries(&self.site.deliveries());
        self.tally.unclear += self.lost.drain(..).count();
        self.tally.states += 1;
        self.sent.clear();
    }
}
