//! One sandbox and one state, and the servers that share them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use customerio_mcp::config::{Config, Environment, LoadOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    child::{Left, Server, initialize},
    postgres::Database,
    sandbox::driver::Sandbox,
};

/// The most test people there may be: the quota of every site.
pub(super) const PLACES: u64 = 25;

/// The name of the workspace that the servers of every site serve.
pub(super) const WORKSPACE: &str = "local";

/// How often the sandbox is asked for its people while calls run.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(2);

/// A workspace as an operator configures it. Budgets are wide, so that they are not what refuses unless a test says so.
const BUDGETS: &[(&str, u64)] = &[
    ("sends_per_hour", 100_000),
    ("sends_per_day", 100_000),
    ("triggers_per_hour", 100_000),
    ("triggers_per_day", 100_000),
    ("deletes_per_hour", 100_000),
    ("deletes_per_day", 100_000),
];

/// A sandbox, and a directory with a configuration and the state that every server here shares.
pub(super) struct Site {
    runtime: Runtime,
    sandbox: Arc<Sandbox>,
    directory: TempDir,
    /// People of the sandbox's own content.
    shop_people: u64,
    /// How many states were left behind for fresh ones.
    left_behind: u32,
    /// Where the state is, if it is not in the directory.
    database: Option<Database>,
}

impl Site {
    pub(super) fn new() -> Self {
        Self::with_budgets(&[])
    }

    /// A site where some budgets are others.
    pub(super) fn with_budgets(others: &[(&str, u64)]) -> Self {
        Self::new_with(others, "", None)
    }

    /// A site whose state is in PostgreSQL, and where an event takes a plan.
    pub(super) fn on_postgres(database: Database, others: &[(&str, u64)]) -> Self {
        Self::new_with(others, "tools = { track_event = \"preview\" }", Some(database))
    }

    fn new_with(others: &[(&str, u64)], policy: &str, database: Option<Database>) -> Self {
        // One thread serves in the order of arrival: who is answered knows that whoever came before was served.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = Arc::new(runtime.block_on(Sandbox::shop_in_real_time()));
        let directory = crate::kept::directory();
        fs::write(directory.path().join("customerio-mcp.toml"), configuration(&sandbox, others, policy)).unwrap();
        let shop_people = runtime.block_on(sandbox.count("people"));
        Self { runtime, sandbox, directory, shop_people, left_behind: 0, database }
    }

    /// Begins anew: the sandbox as it was at first, and no state yet.
    pub(super) fn begin_anew(&mut self) {
        self.left_behind += 1;
        self.runtime.block_on(self.sandbox.control(Method::POST, "/reset", Value::Null));
    }

    fn config_and_data(&self) -> [PathBuf; 2] {
        let data = format!("data-{}", self.left_behind);
        ["customerio-mcp.toml", &data].map(|name| self.directory.path().join(name))
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let keys = self.sandbox.running.keys();
        let mut env =
            vec![("LOCAL_TRACK_KEY", keys.tracking_api_key.clone()), ("LOCAL_APP_KEY", keys.app_api_key.clone())];
        if let Some(database) = &self.database {
            env.push(("CUSTOMERIO_MCP_STATE_URL", database.url()));
            env.push(("CUSTOMERIO_MCP_SECRET", "ab".repeat(32)));
        }
        env
    }

    fn run(&self, command: &[&str]) -> Server {
        let [config, data] = self.config_and_data();
        let paths = ["--config", config.to_str().unwrap(), "--data", data.to_str().unwrap()];
        let env = self.env();
        let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Server::spawn(&[command, &paths].concat(), &env)
    }

    /// The configuration of every server here.
    pub(super) fn config(&self) -> Config {
        let [config, data] = self.config_and_data();
        let env = self.env().into_iter().map(|(name, value)| (name.to_owned(), value));
        let options = LoadOptions { config: Some(config), data: Some(data), ..LoadOptions::default() };
        Config::load(&Environment::new(env.collect::<Vec<_>>(), self.directory.path()), &options).unwrap()
    }

    /// Lets the runtime of the sandbox work until this is done.
    pub(super) fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A server that has been told nothing yet.
    pub(super) fn spawn(&self) -> Server {
        self.run(&["serve"])
    }

    /// Servers after the handshake.
    pub(super) fn servers<const N: usize>(&self) -> [Server; N] {
        let mut servers = [(); N].map(|()| self.spawn());
        for server in &mut servers {
            server.answer(1, initialize("2025-11-25"));
            server.notify("notifications/initialized", json!({}));
        }
        servers
    }

    /// How long a server takes from its start to its first answer, on this machine in this build.
    pub(super) fn start_time(&self) -> Duration {
        let started = Instant::now();
        let [server] = self.servers();
        let took = started.elapsed();
        assert_eq!(server.finish().code, Some(0));
        took
    }

    /// A command of the operator's.
    pub(super) fn command(&self, command: &[&str]) -> Left {
        self.run(command).finish()
    }

    /// What `audit verify` prints of chains that hold.
    pub(super) fn verified_audit(&self) -> String {
        let left = self.command(&["audit", "verify"]);
        assert_eq!((left.code, left.stderr.as_str()), (Some(0), ""), "{}", left.stdout);
        left.stdout
    }

    /// Waits as long as a schedule says.
    pub(super) fn pause(&self, pause: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(pause).await });
    }

    /// Waits until the sandbox has served whatever servers that are dead by now had sent. Their connections are older
    /// than one made now, and each is served in its turn.
    pub(super) fn see_the_last_of_the_dead(&self) {
        for _ in 0..3 {
            let mut connection = TcpStream::connect(self.sandbox.running.addr()).unwrap();
            connection.write_all(b"GET /_sandbox HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }

    /// Orders a fault of the sandbox's.
    pub(super) fn fault(&self, fault: Value) {
        self.runtime.block_on(self.sandbox.control(Method::POST, "/faults", fault));
    }

    /// Takes all faults back.
    pub(super) fn clear_faults(&self) {
        self.runtime.block_on(self.sandbox.control(Method::DELETE, "/faults", Value::Null));
    }

    /// How many people there are beyond those of the sandbox's own content.
    pub(super) fn people(&self) -> u64 {
        self.runtime.block_on(self.sandbox.count("people")) - self.shop_people
    }

    /// Puts a file beside the configuration, where imports may read it.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// How many events there are.
    pub(super) fn events(&self) -> u64 {
        self.runtime.block_on(self.sandbox.count("events"))
    }

    /// A field of the data of every event of a name, in order.
    pub(super) fn events_by(&self, name: &str, field: &str) -> Vec<u64> {
        let (mut found, mut start) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/activities?type=event&name={name}&limit=100&start={start}");
            let page = self.runtime.block_on(self.sandbox.get(&path));
            found.extend(page["activities"].as_array().unwrap().iter().map(|one| one["data"][field].as_u64().unwrap()));
            page["next"].as_str().unwrap().clone_into(&mut start);
            if start.is_empty() {
                found.sort_unstable();
                return found;
            }
        }
    }

    /// How many events there are of a name.
    pub(super) fn events_named(&self, name: &str) -> usize {
        let path = format!("/v1/activities?type=event&name={name}&limit=100");
        self.runtime.block_on(self.sandbox.get(&path))["activities"].as_array().unwrap().len()
    }

    /// The ids of the people who carry the test tag.
    pub(super) fn tagged(&self) -> BTreeSet<String> {
        let filter = json!({ "filter": { "attribute": { "field": "mcp_test", "operator": "exists" } } });
        let search = self.sandbox.app(Method::POST, "/v1/customers?limit=1000", filter);
        let found = self.runtime.block_on(search).json();
        found["identifiers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|person| person["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The ids of all transactional deliveries by their subjects; the shop's past knows none.
    pub(super) fn deliveries(&self) -> BTreeMap<String, Vec<String>> {
        let mut deliveries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut start = String::new();
        loop {
            let page = self.runtime.block_on(self.sandbox.get(&format!("/v1/messages?limit=1000&start={start}")));
            let sent = page["messages"].as_array().unwrap().iter();
            let parents = ["campaign_id", "broadcast_id", "newsletter_id"];
            for delivery in sent.filter(|delivery| parents.iter().all(|parent| delivery[*parent].is_null())) {
                let text = |field: &str| delivery[field].as_str().unwrap().to_owned();
                deliveries.entry(text("subject")).or_default().push(text("id"));
            }
            page["next"].as_str().unwrap().clone_into(&mut start);
            if start.is_empty() {
                return deliveries;
            }
        }
    }

    /// Counts people from now on, again and again.
    pub(super) fn watch(&self) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let (sandbox, stopped, shop_people) = (Arc::clone(&self.sandbox), Arc::clone(&stop), self.shop_people);
        let watching = self.runtime.spawn(async move {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                seen.most = seen.most.max(sandbox.count("people").await - shop_people);
                seen.samples += 1;
                tokio::time::sleep(BETWEEN_SAMPLES).await;
            }
            seen
        });
        Watch { stop, watching }
    }

    /// What a watch has seen.
    pub(super) fn seen(&self, watch: Watch) -> Seen {
        watch.stop.store(true, Ordering::Relaxed);
        self.runtime.block_on(watch.watching).unwrap()
    }
}

/// People counted while calls run.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    watching: JoinHandle<Seen>,
}

/// What a watch has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The most people at once.
    pub(super) most: u64,
    pub(super) samples: u64,
}

fn configuration(sandbox: &Sandbox, others: &[(&str, u64)], policy: &str) -> String {
    let (url, site_id) = (sandbox.running.base_url(), &sandbox.running.keys().site_id);
    let budget = |(name, wide): &(&str, u64)| {
        let other = others.iter().find(|(other, _)| other == name);
        format!("{name} = {}\n", other.map_or(*wide, |(_, budget)| *budget))
    };
    let budgets: String = BUDGETS.iter().map(budget).collect();
    format!(
        r#"
        [workspaces.{WORKSPACE}]
        kind = "sandbox"
        site_id = "{site_id}"
        tracking_api_key_env = "LOCAL_TRACK_KEY"
        app_api_key_env = "LOCAL_APP_KEY"
        track_url = "{url}"
        app_url = "{url}"
        import_directories = ["."]

        [workspaces.{WORKSPACE}.identity]
        primary = "id"
        id_form = "prefix:cust_"
        source = "the customers table of the shop"

        [workspaces.{WORKSPACE}.policy]
        delete = "allow"
        {policy}

        [workspaces.{WORKSPACE}.test_profiles]
        active = {PLACES}
        per_day = 100000

        [workspaces.{WORKSPACE}.budgets]
        {budgets}
        "#
    )
}
